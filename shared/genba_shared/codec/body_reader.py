"""Columns to events: what cannot be read costs its own event, never its neighbours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from genba_shared.codec.buffer import Reader
from genba_shared.codec.columns import read_integers, read_numbers, read_presence
from genba_shared.codec.layout import (
    COMMON,
    MAX_IDS,
    MAX_IDS_PER_EVENT,
    MAX_STRINGS,
    SCHEMA,
    kind_fields,
    members,
)
from genba_shared.errors import ContractError
from genba_shared.events.json_form import is_text, value_to_json
from genba_shared.events.kinds import KINDS, KINDS_BY_CODE
from genba_shared.events.model import Event, Source, SourceType
from genba_shared.events.schema import Field, FieldType, fields_of

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INT64: Final = 2**63
_Column = list[Any]
_KEPT_OF_BLOCK: Final = 4096  # bytes of unreadable columns that go into quarantine beside each of their events
_JSON_NAMES: Final = {field.name: field.json for kind in KINDS.values() for field in fields_of(kind)}


@dataclass(frozen=True, slots=True)
class _Bad:
    """A value that could not be read, in the place of the value."""

    reason: str
    raw: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """One event of a good envelope that breaks the contract: which, why, and what of it could be read (JSON values)."""

    seq: int
    reason: str
    raw: Mapping[str, Any]


def read_body(
    body: bytes, *, seqs: Sequence[int], gateway: str, epoch: str
) -> tuple[tuple[Event, ...], tuple[Rejected, ...]]:
    """The events of an uncompressed body, and those that were refused, both in order of seq.

    Raises:
        ContractError: the body as a whole cannot be read (schema version, string table, common columns).
    """
    reader = Reader(body)
    schema = reader.u8()
    if schema != SCHEMA:
        raise ContractError(f"body schema {schema} is not known: {SCHEMA} is")
    count = len(seqs)
    columns = _ColumnReader(reader, prefix=f"{gateway}:{epoch}:")
    codes = reader.raw(count)
    common = columns.read(reader, COMMON, ats=None, seqs=seqs)
    found: dict[int, Event | Rejected] = {}
    for code in sorted(set(codes)):
        rows = [row for row, other in enumerate(codes) if other == code]
        block = reader.blob(most=reader.left)
        picked = {name: [column[row] for row in rows] for name, column in common.items()}
        found.update(zip(rows, columns.read_kind(code, block, picked, seqs=[seqs[row] for row in rows]), strict=True))
    reader.end()
    ordered = [found[row] for row in range(count)]
    return (
        tuple(item for item in ordered if isinstance(item, Event)),
        tuple(item for item in ordered if isinstance(item, Rejected)),
    )


class _ColumnReader:
    """Reads columns against the string table that stands at the head of the body."""

    def __init__(self, reader: Reader, *, prefix: str) -> None:
        self._prefix = prefix
        count = reader.varint(most=MAX_STRINGS)
        lengths = read_integers(reader, count) if count else []
        self._strings = [_text(reader.raw(length)) for length in lengths]

    def read_kind(
        self, code: int, block: bytes, common: dict[str, _Column], *, seqs: Sequence[int]
    ) -> list[Event | Rejected]:
        """The events of one kind; a kind that is not known, or whose columns cannot be read, is refused alone."""
        kind = KINDS_BY_CODE.get(code)
        reason = f"kind number {code} is not known"
        if kind is not None:
            try:
                reader = Reader(block)
                columns = common | self.read(reader, kind_fields(kind), ats=common.get("at"), seqs=seqs)
                reader.end()
                return self._build(kind, columns, seqs)
            except ContractError as exc:
                reason = f"{kind.kind}: columns cannot be read: {exc}"
        raw = {"kind": kind.kind if kind else code, "columns": block[:_KEPT_OF_BLOCK].hex()}
        return [
            Rejected(seq=seq, reason=reason, raw={"id": f"{self._prefix}{seq}", **raw, **_raw_row(common, row)})
            for row, seq in enumerate(seqs)
        ]

    def read(
        self, reader: Reader, fields: Sequence[Field], *, ats: _Column | None, seqs: Sequence[int]
    ) -> dict[str, _Column]:
        """The columns of `fields` that are there, by Python name; absent values are the field's default."""
        count = len(seqs)
        mask = reader.varint(most=(1 << len(fields)) - 1)
        columns: dict[str, _Column] = {}
        for position, field in enumerate(fields):
            if not mask >> position & 1:
                continue
            if ats is None:
                ats = columns.get("at")
            if reader.u8() == 0:
                columns[field.name] = self._read_values(reader, field, ats=ats, seqs=seqs)
                continue
            present = read_presence(reader, count)
            rows = [row for row, is_there in enumerate(present) if is_there]
            if not rows:
                raise ContractError(f"{field.json}: a column without a value")
            column: _Column = [_Bad("is missing", None) if field.required else field.default] * count
            chosen_ats = None if ats is None else [ats[row] for row in rows]
            values = self._read_values(reader, field, ats=chosen_ats, seqs=[seqs[row] for row in rows])
            for row, value in zip(rows, values, strict=True):
                column[row] = value
            columns[field.name] = column
        return columns

    def _read_values(self, reader: Reader, field: Field, *, ats: _Column | None, seqs: Sequence[int]) -> _Column:
        count = len(seqs)
        match field.type:
            case FieldType.IDS:
                return self._read_ids(reader, seqs)
            case FieldType.SOURCE:
                types = _choices(SourceType, read_integers(reader, count))
                return list(map(_source, types, self._texts(read_integers(reader, count))))
            case FieldType.NUMBER:
                return [
                    number if math.isfinite(number) else _Bad("is not a finite number", str(number))
                    for number in read_numbers(reader, count)
                ]
            case _:
                numbers = read_integers(reader, count)
        match field.type:
            case FieldType.TEXT:
                return self._texts(numbers)
            case FieldType.CHOICE if field.choice is not None:
                return _choices(field.choice, numbers)
            case FieldType.INTEGER:
                return [
                    number if -_INT64 <= number < _INT64 else _Bad("is above 64 bits", number) for number in numbers
                ]
            case FieldType.FLAG:
                return [number == 1 if number in (0, 1) else _Bad("is not 0 or 1", number) for number in numbers]
            case FieldType.TIME if field.name == "at":
                return list(map(_time, numbers))
            case FieldType.TIME:
                if ats is None:
                    raise ContractError(f"{field.json}: a time without the event's own")
                return list(map(_time_after, ats, numbers))
            case _:
                raise TypeError(f"{field.name}: a choice field without its enumeration")

    def _texts(self, numbers: Sequence[int]) -> _Column:
        strings = self._strings
        size = len(strings)
        return [strings[number] if 0 <= number < size else _Bad("names no text", number) for number in numbers]

    def _read_ids(self, reader: Reader, seqs: Sequence[int]) -> _Column:
        lengths = read_integers(reader, len(seqs))
        total = sum(lengths)
        if min(lengths) < 0 or not 1 <= total <= MAX_IDS:
            raise ContractError(f"{total} ids in a column: 1 to {MAX_IDS} are allowed")
        numbers = read_integers(reader, total)
        column: _Column = []
        start = 0
        for length, seq in zip(lengths, seqs, strict=True):
            column.append(self._ids(numbers[start : start + length], seq))
            start += length
        return column

    def _ids(self, numbers: Sequence[int], seq: int) -> tuple[str, ...] | _Bad:
        if len(numbers) > MAX_IDS_PER_EVENT:
            return _Bad(f"has more than {MAX_IDS_PER_EVENT} ids", len(numbers))
        ids: list[str] = []
        for number in numbers:
            other = seq - (number >> 1)
            if number & 1:
                text = self._texts((number >> 1,))[0]
                if isinstance(text, _Bad):
                    return text
                ids.append(text)
            elif 0 <= other < _INT64:
                ids.append(f"{self._prefix}{other}")
            else:
                return _Bad("names no event", number)
        return tuple(ids)

    def _build(self, kind: type[Event], columns: dict[str, _Column], seqs: Sequence[int]) -> list[Event | Rejected]:
        names = ("id", *columns)
        missing = [field for field in (*COMMON, *kind_fields(kind)) if field.required and field.name not in columns]
        table: Iterable[tuple[Any, ...]] = zip(*columns.values(), strict=True) if columns else [()] * len(seqs)
        built: list[Event | Rejected] = []
        for row, (seq, values) in enumerate(zip(seqs, table, strict=True)):
            identity = f"{self._prefix}{seq}"
            try:
                if missing:
                    raise ContractError(f"{kind.kind}.{missing[0].json} is missing")
                _refuse_bad(kind, columns, values)
                built.append(kind(**dict(zip(names, (identity, *values), strict=True))))
            except ContractError as exc:
                raw = {"id": identity, "kind": kind.kind, **_raw_row(columns, row)}
                built.append(Rejected(seq=seq, reason=str(exc), raw=raw))
        return built


def _refuse_bad(kind: type[Event], columns: Mapping[str, _Column], values: Sequence[Any]) -> None:
    if _Bad not in map(type, values):
        return
    name, value = next((name, value) for name, value in zip(columns, values, strict=True) if type(value) is _Bad)
    raise ContractError(f"{kind.kind}.{_JSON_NAMES[name]}: {value.raw!r:.80} {value.reason}")


def _raw_row(columns: Mapping[str, _Column], row: int) -> dict[str, Any]:
    values = ((name, column[row]) for name, column in columns.items())
    return {
        _JSON_NAMES[name]: value.raw if isinstance(value, _Bad) else value_to_json(value)
        for name, value in values
        if value is not None and value != ()
    }


def _text(data: bytes) -> str | _Bad:
    text = data.decode("utf-8", errors="replace")
    if not is_text(text) or text.encode() != data:
        return _Bad("is not a text that an event may hold", text[:80])
    return text


def _choices(choice: type[StrEnum], numbers: Sequence[int]) -> _Column:
    allowed = members(choice)
    size = len(allowed)
    return [
        allowed[number] if 0 <= number < size else _Bad(f"is no member of {choice.__name__}", number)
        for number in numbers
    ]


def _source(kind: SourceType | _Bad, ref: str | _Bad) -> Source | _Bad:
    if isinstance(kind, _Bad):
        return kind
    return ref if isinstance(ref, _Bad) else Source(type=kind, ref=ref)


def _time(milliseconds: int) -> datetime | _Bad:
    try:
        return _UNIX + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return _Bad("is not a time", milliseconds)


def _time_after(at: datetime | _Bad, milliseconds: int) -> datetime | _Bad:
    if isinstance(at, _Bad):
        return _Bad("cannot be told without the event's own time", milliseconds)
    try:
        return at + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return _Bad("is not a time", milliseconds)
