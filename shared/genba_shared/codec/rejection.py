"""What could not be read: a single value in a column, and the event that it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from genba_shared.events.json_form import value_to_json
from genba_shared.events.model import Event
from genba_shared.events.registry import KINDS
from genba_shared.events.schema import fields_of

_KINDS: Final[tuple[type[Event], ...]] = (Event, *KINDS.values())
_JSON_NAMES: Final = {kind.__name__: {field.name: field.json for field in fields_of(kind)} for kind in _KINDS}

_KEPT_OF_BLOCK: Final = 65_536  # bytes of columns that cannot be read


@dataclass(frozen=True, slots=True)
class Bad:
    """A value that could not be read, in the place of the value."""

    reason: str
    raw: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """One event of a good envelope that breaks the contract: which, why, and what of it could be read (JSON values)."""

    seq: int
    reason: str
    raw: Mapping[str, Any]


def kept_block(block: bytes, place: int, first_id: str) -> dict[str, str]:
    """What quarantine keeps of columns that cannot be read: the bytes with the first event, which the others name."""
    return {"columns_of": first_id} if place else {"columns": block[:_KEPT_OF_BLOCK].hex()}


def json_name(kind: type[Event], name: str) -> str:
    """The JSON name of a field."""
    return _JSON_NAMES[kind.__name__][name]


def raw_row(kind: type[Event], columns: Mapping[str, Sequence[Any]], row: int) -> dict[str, Any]:
    """What could be read of one row of a kind (`Event`: of its common part), as JSON values by JSON name."""
    names = _JSON_NAMES[kind.__name__]
    values = ((name, column[row]) for name, column in columns.items())
    return {
        names[name]: value.raw if isinstance(value, Bad) else value_to_json(value)
        for name, value in values
        if value is not None and value != ()
    }
