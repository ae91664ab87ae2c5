"""Field tables of the event kinds, worked out once from the classes: what JSON form and wire codec are driven by."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum, auto
from typing import Any, Final

from genba_shared.events.model import JSON_NAME, Event, Source


class FieldType(Enum):
    """How a field is written."""

    TEXT = auto()
    CHOICE = auto()
    INTEGER = auto()
    NUMBER = auto()
    FLAG = auto()
    TIME = auto()
    SOURCE = auto()
    IDS = auto()


Choice = type[StrEnum]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a kind: its name in Python and in JSON. `default` is left out of the JSON form."""

    name: str
    json: str
    type: FieldType
    required: bool
    default: Any = None
    choice: Choice | None = None


_PLAIN: dict[Any, FieldType] = {
    str: FieldType.TEXT,
    int: FieldType.INTEGER,
    float: FieldType.NUMBER,
    bool: FieldType.FLAG,
    datetime: FieldType.TIME,
    Source: FieldType.SOURCE,
    tuple[str, ...]: FieldType.IDS,
}


_TABLES: Final[dict[type[Event], tuple[Field, ...]]] = {}  # worked out at first use; classes never change


def fields_of(kind: type[Event]) -> tuple[Field, ...]:
    """The fields of a kind in the order of its class, common fields first (wire schema version 1 is this order)."""
    table = _TABLES.get(kind)
    if table is None:
        hints = typing.get_type_hints(kind)
        table = tuple(_field(field, hints[field.name], kind) for field in dataclasses.fields(kind))
        _TABLES[kind] = table
    return table


def _field(field: dataclasses.Field[Any], hint: Any, kind: type[Event]) -> Field:
    if isinstance(hint, types.UnionType):
        (hint,) = (member for member in typing.get_args(hint) if member is not types.NoneType)
    no_default = field.default is dataclasses.MISSING
    common = {
        "name": field.name,
        "json": field.metadata.get(JSON_NAME, field.name),
        "required": no_default or field.name in kind.required,
        "default": None if no_default else field.default,
    }
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return Field(type=FieldType.CHOICE, choice=hint, **common)
    return Field(type=_PLAIN[hint], **common)
