"""Columns to events, version 1. What cannot be read costs its own event, never its neighbours.

    schema:u8 strings kinds:n×u8 common-columns then, per kind present, ascending: length:v kind-columns

Strings = count:v, lengths in bytes as an integer column, then all texts in UTF-8. Columns = bit mask:v of the fields
that have one, in the order of `events/schema.py`. A column = flag partial:u8, presence bits if partial, values.
Fractional numbers are 8 bytes each; all other values are integers: index of a string, position of a choice in its
enumeration, 0 or 1, milliseconds (`at` since 1970, other times from their event's `at`). A source is two columns (type,
ref). Ids (`because`) are a column of lengths and one of numbers: even = twice the distance back to an event of the same
gateway and epoch, odd = twice the index of a string, plus 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from genba_shared.codec.budget import Budget
from genba_shared.codec.buffer import Reader
from genba_shared.codec.layout import COMMON, MAX_IDS, MAX_IDS_PER_EVENT, MAX_STRINGS, kind_fields, members
from genba_shared.codec.rejection import Bad, Rejected, json_name, kept_block, raw_row
from genba_shared.codec.upcast import Upcaster, upcast, upcaster_of
from genba_shared.codec.values import source_of, text_of, time_after, time_at
from genba_shared.codec.version1.columns import read_integers, read_numbers, read_presence
from genba_shared.errors import ContractError
from genba_shared.events.json_form import MAX_TEXT
from genba_shared.events.model import Event, SourceType
from genba_shared.events.registry import KINDS_BY_CODE
from genba_shared.events.schema import Field, FieldType

_INT64: Final = 2**63
_Column = list[Any]


def read_body(
    body: bytes, *, seqs: Sequence[int], gateway: str, epoch: str
) -> tuple[tuple[Event, ...], tuple[Rejected, ...]]:
    """The events of an uncompressed body, and those that were refused, both in order of seq.

    Raises:
        ContractError: the body as a whole cannot be read (schema version, string table, common columns).
    """
    reader = Reader(body)
    upcaster = upcaster_of(reader.u8())
    count = len(seqs)
    columns = _ColumnReader(reader, prefix=f"{gateway}:{epoch}:", rows=count, upcaster=upcaster)
    codes = reader.raw(count)
    common = columns.read(reader, COMMON, ats=None, seqs=seqs)
    columns.budget.spend_on(common.values())
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

    def __init__(self, reader: Reader, *, prefix: str, rows: int, upcaster: Upcaster | None) -> None:
        self._prefix, self._upcaster = prefix, upcaster
        count = reader.varint(most=MAX_STRINGS)
        lengths = read_integers(reader, count) if count else []
        self._strings = [text_of(reader.raw(length)) for length in lengths]
        self.budget = Budget(longest=MAX_TEXT, rows=rows)

    def read_kind(
        self, code: int, block: bytes, common: dict[str, _Column], *, seqs: Sequence[int]
    ) -> list[Event | Rejected]:
        """The events of one kind; a kind that is not known, or whose columns cannot be read, is refused alone."""
        kind = KINDS_BY_CODE.get(code)
        reason = f"kind number {code} is not known"
        if kind is not None:
            try:
                reader = Reader(block)
                own = self.read(reader, kind_fields(kind), ats=common.get("at"), seqs=seqs)
                reader.end()
                self.budget.spend_on(own.values())
                return self._build(kind, common | own, seqs)
            except ContractError as exc:
                reason = f"{kind.kind}: columns cannot be read: {exc}"
        name = kind.kind if kind else code
        rejected: list[Event | Rejected] = []
        for row, seq in enumerate(seqs):
            raw = {"id": f"{self._prefix}{seq}", "kind": name, **kept_block(block, row, f"{self._prefix}{seqs[0]}")}
            rejected.append(Rejected(seq=seq, reason=reason, raw=raw | raw_row(Event, common, row)))
        return rejected

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
            column: _Column = [Bad("is missing", None) if field.required else field.default] * count
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
                return list(map(source_of, types, self._texts(read_integers(reader, count))))
            case FieldType.NUMBER:
                return [
                    number if math.isfinite(number) else Bad("is not a finite number", str(number))
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
                return [number if -_INT64 <= number < _INT64 else Bad("is above 64 bits", number) for number in numbers]
            case FieldType.FLAG:
                return [number == 1 if number in (0, 1) else Bad("is not 0 or 1", number) for number in numbers]
            case FieldType.TIME if field.name == "at":
                return list(map(time_at, numbers))
            case FieldType.TIME:
                if ats is None:
                    raise ContractError(f"{field.json}: a time without the event's own")
                return list(map(time_after, ats, numbers))
            case _:
                raise TypeError(f"{field.name}: a choice field without its enumeration")

    def _texts(self, numbers: Sequence[int]) -> _Column:
        strings = self._strings
        size = len(strings)
        return [strings[number] if 0 <= number < size else Bad("names no text", number) for number in numbers]

    def _read_ids(self, reader: Reader, seqs: Sequence[int]) -> _Column:
        lengths = read_integers(reader, len(seqs))
        total = sum(lengths)
        if min(lengths) < 0 or not 1 <= total <= MAX_IDS:
            raise ContractError(f"{total} ids in a column: 1 to {MAX_IDS} are allowed")
        self.budget.spend(total * len(self._prefix))
        numbers = read_integers(reader, total)
        column: _Column = []
        start = 0
        for length, seq in zip(lengths, seqs, strict=True):
            column.append(self._ids(numbers[start : start + length], seq))
            start += length
        return column

    def _ids(self, numbers: Sequence[int], seq: int) -> tuple[str, ...] | Bad:
        if len(numbers) > MAX_IDS_PER_EVENT:
            return Bad(f"has more than {MAX_IDS_PER_EVENT} ids", len(numbers))
        ids: list[str] = []
        for number in numbers:
            other = seq - (number >> 1)
            if number & 1:
                text = self._texts((number >> 1,))[0]
                if isinstance(text, Bad):
                    return text
                self.budget.spend(len(text))
                ids.append(text)
            elif 0 <= other < _INT64:
                ids.append(f"{self._prefix}{other}")
            else:
                return Bad("names no event", number)
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
                if self._upcaster is None:
                    built.append(kind(**dict(zip(names, (identity, *values), strict=True))))
                else:
                    raw = {"id": identity, "kind": kind.kind, **raw_row(kind, columns, row)}
                    built.append(upcast(raw, self._upcaster))
            except ContractError as exc:
                raw = {"id": identity, "kind": kind.kind, **raw_row(kind, columns, row)}
                built.append(Rejected(seq=seq, reason=str(exc), raw=raw))
        return built


def _refuse_bad(kind: type[Event], columns: Mapping[str, _Column], values: Sequence[Any]) -> None:
    if Bad not in map(type, values):
        return
    name, value = next((name, value) for name, value in zip(columns, values, strict=True) if type(value) is Bad)
    raise ContractError(f"{kind.kind}.{json_name(kind, name)}: {value.raw!r:.80} {value.reason}")


def _choices(choice: type[StrEnum], numbers: Sequence[int]) -> _Column:
    allowed = members(choice)
    size = len(allowed)
    return [
        allowed[number] if 0 <= number < size else Bad(f"is no member of {choice.__name__}", number)
        for number in numbers
    ]
