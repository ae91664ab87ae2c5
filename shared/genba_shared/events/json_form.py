"""The one JSON form of production events: `--sink`, `genba tap`, the API, fixtures and golden tests all use it."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from genba_shared.clock import format_time, parse_time, to_milliseconds
from genba_shared.errors import ContractError
from genba_shared.events.model import Event, Source, SourceType
from genba_shared.events.registry import KINDS
from genba_shared.events.schema import Field, FieldType, fields_of

MAX_TEXT = 4096
_INT64 = 2**63
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")  # neither UTF-8 nor PostgreSQL can hold them

_ReadText = Callable[[Any, str], str]
_Choice = TypeVar("_Choice", bound=StrEnum)


def event_to_json(event: Event) -> dict[str, Any]:
    """The event as a JSON object: `id` and `kind` first, fields that hold their default left out."""
    out: dict[str, Any] = {"id": event.id, "kind": event.kind}
    for field in fields_of(type(event)):
        value = getattr(event, field.name)
        if field.name != "id" and (field.required or value != field.default):
            out[field.json] = value_to_json(value)
    return out


def event_from_json(obj: Mapping[str, Any]) -> Event:
    """Check a JSON object and build the event that it describes.

    Raises:
        ContractError: unknown kind or field, a missing field, or a value of the wrong form; the message names the
            field, what is allowed and, for a misspelt name, the nearest known one.
    """
    return _event(obj, _text)


def event_from_own_json(obj: Mapping[str, Any]) -> Event:
    """Build an event from what this program itself wrote; texts are taken as they are.

    A device may put anything into a text. What a gateway counted is kept and sent all the same: the collector refuses
    that one event and shows it, instead of the gateway losing it or stopping.

    Raises:
        ContractError: as `event_from_json`, texts excepted.
    """
    return _event(obj, _any_text)


def _event(obj: Mapping[str, Any], read_text: _ReadText) -> Event:
    name = obj.get("kind")
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ContractError(f"kind {name!r} is not known{_nearest(str(name), KINDS)}")
    known = {field.json: field for field in fields_of(kind)}
    unknown = [key for key in obj if key not in known and key != "kind"]
    if unknown:
        raise ContractError(f"{name}.{unknown[0]} is not a field of {name}{_nearest(unknown[0], known)}")
    values: dict[str, Any] = {}
    for field in known.values():
        if obj.get(field.json) is None:
            if field.required:
                raise ContractError(f"{name}.{field.json} is missing")
            continue
        values[field.name] = _read(field, obj[field.json], read_text, where=f"{name}.{field.json}")
    return kind(**values)


def to_line(event: Event) -> str:
    """One JSON line, without the line break; keys keep their order, text stays readable in any language."""
    return json.dumps(event_to_json(event), ensure_ascii=False, separators=(",", ":"))


def read_lines(lines: Iterable[str]) -> Iterator[Event]:
    """Read JSON lines, skipping empty ones.

    Raises:
        ContractError: as `event_from_json`, with the line number in front.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            obj = json.loads(line)
            if not isinstance(obj, dict):
                raise ContractError("a line must be one JSON object")
            yield event_from_json(obj)
        except (ValueError, RecursionError, ContractError) as exc:
            raise ContractError(f"line {number}: {exc}") from exc


def value_to_json(value: Any) -> Any:
    """One field's value in its JSON form."""
    match value:
        case datetime():
            return format_time(value)
        case Source():
            return {"type": str(value.type), "ref": value.ref}
        case StrEnum():
            return str(value)
        case tuple():
            return list(value)
        case _:
            return value


def _read(field: Field, value: Any, read_text: _ReadText, *, where: str) -> Any:
    match field.type:
        case FieldType.TEXT:
            return read_text(value, where)
        case FieldType.CHOICE:
            if field.choice is None:
                raise TypeError(f"{where}: a choice field without its enumeration")
            return _choice(field.choice, value, where)
        case FieldType.INTEGER:
            if type(value) is not int or not -_INT64 <= value < _INT64:
                raise ContractError(f"{where}: {value!r:.80} is not a whole number of at most 64 bits")
            return value
        case FieldType.NUMBER:
            if type(value) not in (int, float) or not math.isfinite(value):
                raise ContractError(f"{where}: {value!r:.80} is not a finite number")
            return float(value)
        case FieldType.FLAG:
            if not isinstance(value, bool):
                raise ContractError(f"{where}: {value!r:.80} is not true or false")
            return value
        case FieldType.TIME:
            return _time(value, where)
        case FieldType.SOURCE:
            if not isinstance(value, Mapping) or set(value) != {"type", "ref"}:
                raise ContractError(f'{where}: write {{"type": …, "ref": …}}')
            return Source(
                type=_choice(SourceType, value["type"], f"{where}.type"), ref=read_text(value["ref"], f"{where}.ref")
            )
        case FieldType.IDS:
            if not isinstance(value, list) or len(value) > 1000:
                raise ContractError(f"{where}: write a list of at most 1000 event ids")
            return tuple(read_text(item, where) for item in value)


def is_text(value: object) -> bool:
    """Whether a text field may hold it: a string of 1 to 4096 characters, all of them valid Unicode and none NUL."""
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT and _UNWRITABLE.search(value) is None


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not is_text(value):
        raise ContractError(f"{where}: {value!r:.80} is not a text of 1 to {MAX_TEXT} characters")
    return value


def _any_text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ContractError(f"{where}: {value!r:.80} is not a text")
    return value


def _choice(choice: type[_Choice], value: Any, where: str) -> _Choice:
    try:
        return choice(value)
    except ValueError as exc:
        allowed = [str(member) for member in choice]
        raise ContractError(f"{where}: {value!r:.80} is not one of {', '.join(allowed)}") from exc


def _time(value: Any, where: str) -> datetime:
    try:
        return to_milliseconds(parse_time(value))
    except (TypeError, ValueError, OverflowError) as exc:
        raise ContractError(f"{where}: {value!r:.80} is not an RFC 3339 time such as 2026-01-05T07:00:00.000Z") from exc


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f". Did you mean {near[0]!r}?" if near else ""
