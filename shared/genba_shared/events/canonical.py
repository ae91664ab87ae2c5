"""Canonical JSON of an event: UTF-8, keys sorted, no spaces; what is hashed and stored, byte for byte.

It is the JSON form of `json_form`, as ``json.dumps(…, ensure_ascii=False, separators=(",", ":"), sort_keys=True)``
writes it. A collector writes every event once, so each kind has a table of its fields, worked out at first use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring
from operator import attrgetter
from typing import Any, Final, NamedTuple

from genba_shared.clock import format_time
from genba_shared.events.kinds import KINDS
from genba_shared.events.model import Event, Source, SourceType
from genba_shared.events.schema import Field, FieldType, fields_of

_Render = Callable[[Any], str]


class _Column(NamedTuple):
    """`default` is left out; `_ALWAYS` where the field never is."""

    key: str
    render: _Render
    default: Any


class _Table(NamedTuple):
    values: Callable[[Event], tuple[Any, ...]]
    columns: tuple[_Column, ...]


_ALWAYS: Final = object()
_Reader = Callable[[Any], Any]
_TABLES: Final[dict[type[Event], _Table]] = {}  # classes never change
_READERS: Final[dict[type[Event], dict[str, tuple[str, _Reader | None]]]] = {}


def canonical_json(event: Event) -> bytes:
    """The event as canonical JSON."""
    table = _TABLES.get(type(event))
    if table is None:
        table = _TABLES[type(event)] = _table_of(type(event))
    parts = [
        key + render(value)
        for (key, render, default), value in zip(table.columns, table.values(event), strict=True)
        if value is not default and value != default
    ]
    return f"{{{','.join(parts)}}}".encode()


def _table_of(kind: type[Event]) -> _Table:
    columns = {field.json: (field.name, _column(field)) for field in fields_of(kind)}
    columns["kind"] = ("kind", _Column('"kind":', encode_basestring, _ALWAYS))
    ordered = [columns[key] for key in sorted(columns)]
    return _Table(attrgetter(*(name for name, _ in ordered)), tuple(column for _, column in ordered))


def _column(field: Field) -> _Column:
    return _Column(f"{encode_basestring(field.json)}:", _render(field), _ALWAYS if field.required else field.default)


def _render(field: Field) -> _Render:
    match field.type:
        case FieldType.TEXT:
            return encode_basestring
        case FieldType.CHOICE:
            return _choice
        case FieldType.INTEGER | FieldType.NUMBER:
            return repr
        case FieldType.FLAG:
            return _flag
        case FieldType.TIME:
            return _time
        case FieldType.SOURCE:
            return _source
        case FieldType.IDS:
            return _ids


def _choice(value: str) -> str:
    return '"' + value + '"'  # words of our own: nothing in them needs an escape


def _flag(value: bool) -> str:  # noqa: FBT001 (the value of a field, not a choice of behaviour)
    return "true" if value else "false"


def _time(at: datetime) -> str:
    return '"' + format_time(at) + '"'


def _source(source: Source) -> str:
    return '{"ref":' + encode_basestring(source.ref) + ',"type":"' + source.type + '"}'


def _ids(ids: tuple[str, ...]) -> str:
    return f"[{','.join(map(encode_basestring, ids))}]"


def event_of_canonical(obj: Mapping[str, Any]) -> Event:
    """The event whose canonical JSON this is, parsed; nothing is checked but what building it needs.

    Only for bytes that this program wrote and whose hash it has just compared: foreign JSON is for `event_from_json`.

    Raises:
        LookupError, TypeError, ValueError: it is no canonical JSON after all.
    """
    kind = KINDS[obj["kind"]]
    readers = _READERS.get(kind)
    if readers is None:
        readers = _READERS[kind] = {field.json: (field.name, _reader(field)) for field in fields_of(kind)}
    values: dict[str, Any] = {}
    for key, value in obj.items():
        if key != "kind":
            name, read = readers[key]
            values[name] = value if read is None else read(value)
    return kind(**values)


def _reader(field: Field) -> _Reader | None:
    match field.type:
        case FieldType.CHOICE if field.choice is not None:
            return {str(member): member for member in field.choice}.__getitem__
        case FieldType.NUMBER:
            return float
        case FieldType.TIME:
            return datetime.fromisoformat
        case FieldType.SOURCE:
            return lambda value: _read_source(value["type"], value["ref"])
        case FieldType.IDS:
            return tuple
        case _:
            return None


@lru_cache(maxsize=4096)
def _read_source(kind: str, ref: str) -> Source:
    return Source(type=SourceType(kind), ref=ref)
