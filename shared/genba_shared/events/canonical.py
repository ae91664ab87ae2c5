"""Canonical JSON of an event: UTF-8, keys sorted, no spaces; what is hashed and stored, byte for byte.

It is the JSON form of `json_form`, as ``json.dumps(…, ensure_ascii=False, separators=(",", ":"), sort_keys=True)``
writes it. A collector writes every event once, so each kind has a function of its own, made at first use from the table
of its fields, as dataclasses are: a field costs a look, and only one that says something costs more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, Final

from genba_shared.clock import format_time
from genba_shared.events.model import Event, Source, SourceType
from genba_shared.events.registry import KINDS
from genba_shared.events.schema import Field, FieldType, fields_of

_Writer = Callable[[Event], str]
_Reader = Callable[[Any], Any]
_WRITERS: Final[dict[type[Event], _Writer]] = {}  # classes never change
_READERS: Final[dict[type[Event], dict[str, tuple[str, _Reader | None]]]] = {}


def canonical_json(event: Event) -> bytes:
    """The event as canonical JSON."""
    writer = _WRITERS.get(type(event))
    if writer is None:
        writer = _WRITERS[type(event)] = _writer_of(type(event))
    return writer(event).encode()


def _writer_of(kind: type[Event]) -> _Writer:
    """The function that writes events of a kind, put together field by field in the order of their keys."""
    names: dict[str, Any] = {
        "text": encode_basestring,
        "time": format_time,
        "flag": _flag,
        "source": _source,
        "ids": _ids,
        "number": repr,
    }
    lines = ["def write(event):", "    out = ''"]
    fields = {field.json: field for field in fields_of(kind)}
    for key in sorted([*fields, "kind"]):
        if key == "kind":
            lines.append(f"    out += {f',{encode_basestring(key)}:{encode_basestring(kind.kind)}'!r}")
            continue
        field = fields[key]
        names[f"default_{field.name}"] = field.default
        lines.append(f"    value = event.{field.name}")
        put = f"out += {f',{encode_basestring(key)}:'!r} + {_written(field)}"
        lines.append(f"    {'' if field.required else _condition(field)}{put}")
    lines.append("    return '{' + out[1:] + '}'")
    exec("\n".join(lines), names)  # noqa: S102 (made of the names of our own fields alone)
    writer: _Writer = names["write"]
    return writer


def _condition(field: Field) -> str:
    return "if value is not None: " if field.default is None else f"if value != default_{field.name}: "


def _written(field: Field) -> str:
    """The expression that writes the value."""
    match field.type:
        case FieldType.TEXT:
            return "text(value)"
        case FieldType.CHOICE:
            return "'\"' + value + '\"'"  # words of our own: nothing in them needs an escape
        case FieldType.INTEGER | FieldType.NUMBER:
            return "number(value)"
        case FieldType.FLAG:
            return "flag(value)"
        case FieldType.TIME:
            return "'\"' + time(value) + '\"'"
        case FieldType.SOURCE:
            return "source(value)"
        case FieldType.IDS:
            return "ids(value)"


def _flag(value: bool) -> str:  # noqa: FBT001 (the value of a field, not a choice of behaviour)
    return "true" if value else "false"


def _source(source: Source) -> str:
    return '{"ref":' + encode_basestring(source.ref) + ',"type":"' + source.type + '"}'


def _ids(ids: tuple[str, ...]) -> str:
    return "[" + ",".join(map(encode_basestring, ids)) + "]"


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
