"""Events out of columns: many objects at a time, of values that were checked as columns.

An event is frozen, so its `__init__` sets every field by a call, which costs more than to read it from the wire. Here a
function written for one class, as `dataclasses` writes `__init__`, fills an open twin of it: a class with the same
slots that is not frozen. Then the twin's object takes the class of an event, which Python allows where slots and bases
are the same (`object.__class__` in the data model).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final, TypeVar

Made = TypeVar("Made")
Make = Callable[..., Made]
"""Makes an object from the values of all its fields, in the order of its class; nothing is checked."""

_OPEN: Final = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}  # both, so that C stores directly


def maker_of(kind: type[Made]) -> Make[Made]:
    """What makes objects of a frozen dataclass with slots."""
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]  # every event kind is one
    twin = type(f"Open{kind.__name__}", kind.__bases__, {"__slots__": kind.__slots__, **_OPEN})  # type: ignore[attr-defined]  # as above
    lines = [
        f"def make({', '.join(names)}):",
        "    _made = _new(_Twin)",
        *(f"    _made.{name} = {name}" for name in names),
        "    _made.__class__ = _Kind",
        "    return _made",
    ]
    found: dict[str, Any] = {"_new": object.__new__, "_Twin": twin, "_Kind": kind}
    exec("\n".join(lines), found)  # noqa: S102 (of the names in our own classes alone)
    make: Make[Made] = found["make"]
    return make
