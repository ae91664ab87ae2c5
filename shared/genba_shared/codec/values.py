"""From the numbers of a column to the values of a field: as a whole where all fit, one by one where one does not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat
from operator import add, itemgetter
from typing import Any, ClassVar, Final

from genba_shared.codec.budget import Budget
from genba_shared.codec.buffer import Reader
from genba_shared.codec.columns import (
    HEX,
    HEX_CONSTANT,
    read_hex_of,
    read_integers,
    read_numbers_of,
    read_presence,
)
from genba_shared.codec.layout import BY_CONTEXT, MAX_IDS, MAX_IDS_PER_EVENT, MAX_STRINGS, Shape, members
from genba_shared.codec.rejection import Bad
from genba_shared.errors import ContractError
from genba_shared.events.json_form import MAX_TEXT, is_text
from genba_shared.events.model import Event, Source, SourceType
from genba_shared.events.schema import Field, FieldType

Column = list[Any]
Columns = dict[str, Column]

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_INT64: Final = 2**63
_EXACT_MS: Final = 2**32 * 1000  # up to here the division of milliseconds by 1000 is exact to half a microsecond
_DIGITS: Final = 19  # of the greatest seq
_EVERY_ROW: Final = int(Shape.EVERY_ROW)
_SOME_ROWS: Final = int(Shape.SOME_ROWS)
_Read = Callable[["FieldReader", Field, int, "Rows"], Column]
_new: Final = object.__new__
_GIVE_TYPE: Final = getattr(Source, "type").__set__  # noqa: B009 (the slot, which mypy takes for the value)
_GIVE_REF: Final = getattr(Source, "ref").__set__  # noqa: B009 (as above)
_from_timestamp: Final = datetime.fromtimestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The table of texts; `are_good`: every one is a text that an event may hold. `longest`: its characters."""

    items: Sequence[str | Bad]
    longest: int = 0
    are_good: bool = True


@dataclass(slots=True)
class Rows:
    """The rows that columns are read for. Not declared frozen, since one is made for every kind of every envelope.

    `contexts`: the number of each one's context (none: the rows are the contexts themselves). `ats`: their times.
    `bases_ms`: when they were seen, or happened, in milliseconds since 1970.
    """

    seqs: Sequence[int]
    contexts: Sequence[int] = ()
    ats: Sequence[datetime | Bad] = ()
    bases_ms: Sequence[int] = ()
    _distinct: list[int] | None = None

    def picked(self, numbers: Sequence[int]) -> Rows:
        """Some of the rows."""
        if len(numbers) == len(self.seqs):
            return self
        pick = picker(numbers)
        return Rows(
            pick(self.seqs),
            pick(self.contexts) if self.contexts else (),
            pick(self.ats) if self.ats else (),
            pick(self.bases_ms) if self.bases_ms else (),
        )

    def distinct_contexts(self) -> list[int]:
        """The contexts of these rows, each once, in the order of first appearance."""
        if self._distinct is None:
            self._distinct = list(dict.fromkeys(self.contexts))
        return self._distinct


def picker(numbers: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """What picks these places out of a sequence."""
    return itemgetter(*numbers) if len(numbers) > 1 else lambda values: (values[numbers[0]],)


def read_texts(reader: Reader) -> Texts:
    """The table of texts at the head of a body."""
    count = reader.varint(most=MAX_STRINGS)
    if not count:
        return Texts(items=())
    if reader.u8() != 0:
        lengths = read_integers(reader, count)
        return Texts(items=[text_of(reader.raw(length)) for length in lengths], longest=MAX_TEXT, are_good=False)
    try:
        items = reader.blob(most=reader.left).decode().split("\0")
    except UnicodeDecodeError as exc:
        raise ContractError("the texts are not UTF-8") from exc
    lengths = list(map(len, items))
    if len(items) != count or min(lengths) == 0 or max(lengths) > MAX_TEXT:
        raise ContractError(f"not {count} texts of 1 to {MAX_TEXT} characters")
    return Texts(items=items, longest=max(lengths))


class FieldReader:
    """Reads the columns of fields. `has_bad` tells afterwards whether one of them holds a `Bad`."""

    def __init__(self, reader: Reader, texts: Texts, *, prefix: str, budget: Budget) -> None:
        self._reader, self._texts, self._prefix, self._budget = reader, texts, prefix, budget
        self._latest_ms: Sequence[int] = ()  # the numbers of the latest column of times
        self.has_bad = False

    def read(self, plans: Sequence[FieldPlan], rows: Rows) -> Columns:
        """The columns of the fields that are there, by Python name; absent values are the field's default."""
        shapes = self._reader.varint()
        if shapes >> 2 * len(plans):
            raise ContractError("a field that is not known: the sender is newer")
        columns: Columns = {}
        count = len(rows.seqs)
        for plan in plans:
            shape, shapes = shapes & 0b11, shapes >> 2
            if shape == _EVERY_ROW:
                column = columns[plan.name] = plan.read(self, plan.field, count, rows)
                if plan.name == "at":
                    rows = Rows(rows.seqs, rows.contexts, column, self._latest_ms)
                elif plan.name == "seen_at":
                    rows = Rows(rows.seqs, rows.contexts, rows.ats, list(map(add, rows.bases_ms, self._latest_ms)))
            elif shape:
                columns[plan.name] = self._part(plan, shape, rows)
        return columns

    def _part(self, plan: FieldPlan, shape: int, rows: Rows) -> Column:
        """A column of which only some values are told."""
        field, count = plan.field, len(rows.seqs)
        if shape == _SOME_ROWS and field.name != "at":
            numbers = read_presence(self._reader, count)
            column: Column = [Bad("is missing", None) if field.required else field.default] * count
            self.has_bad |= field.required and len(numbers) < count
            values = plan.read(self, field, len(numbers), rows.picked(numbers))
            for row, value in zip(numbers, values, strict=True):
                column[row] = value
            return column
        contexts = rows.distinct_contexts()
        if not contexts or field.type not in BY_CONTEXT:
            raise ContractError(f"{field.json}: not for some rows, and not a value for each context")
        values = plan.read(self, field, len(contexts), rows)
        return list(map(dict(zip(contexts, values, strict=True)).__getitem__, rows.contexts))

    def _texts_of(self, field: Field, count: int, rows: Rows) -> Column:
        head = self._reader.data[self._reader.position] if self._reader.left else 0
        if head in (HEX, HEX_CONSTANT):
            return read_hex_of(self._reader, self._reader.u8(), count)
        return self._named(read_integers(self._reader, count))

    def _named(self, numbers: Sequence[int]) -> Column:
        items = self._texts.items
        if self._texts.are_good and min(numbers) >= 0 and max(numbers) < len(items):
            return list(map(items.__getitem__, numbers))
        column = [items[number] if 0 <= number < len(items) else Bad("names no text", number) for number in numbers]
        self.has_bad |= Bad in map(type, column)
        return column

    def _choices(self, field: Field, count: int, rows: Rows) -> Column:
        if field.choice is None:
            raise TypeError(f"{field.name}: a choice field without its enumeration")
        return self._members(members(field.choice), field.choice.__name__, count)

    def _flags(self, field: Field, count: int, rows: Rows) -> Column:
        return self._members((False, True), "false and true", count)

    def _members(self, allowed: Sequence[Any], name: str, count: int) -> Column:
        numbers = read_integers(self._reader, count)
        if min(numbers) >= 0 and max(numbers) < len(allowed):
            return list(map(allowed.__getitem__, numbers))
        self.has_bad = True
        return [
            allowed[number] if 0 <= number < len(allowed) else Bad(f"is no member of {name}", number)
            for number in numbers
        ]

    def _integers(self, field: Field, count: int, rows: Rows) -> Column:
        numbers = read_integers(self._reader, count)
        if field.name == "mono_ms":
            if len(rows.bases_ms) != count:
                raise ContractError("mono_ms: a clock without the event's own time")
            numbers = list(map(add, numbers, rows.bases_ms))
        if min(numbers) >= -_INT64 and max(numbers) < _INT64:
            return numbers
        self.has_bad = True
        return [number if -_INT64 <= number < _INT64 else Bad("is above 64 bits", number) for number in numbers]

    def _numbers(self, field: Field, count: int, rows: Rows) -> Column:
        numbers = read_numbers_of(self._reader, self._reader.u8(), count)
        if all(map(math.isfinite, numbers)):
            return numbers
        self.has_bad = True
        return [number if math.isfinite(number) else Bad("is not a finite number", str(number)) for number in numbers]

    def _times(self, field: Field, count: int, rows: Rows) -> Column:
        numbers = self._latest_ms = read_integers(self._reader, count)
        if field.name == "at":
            return self._instants(numbers)
        if not rows.ats:
            raise ContractError(f"{field.json}: a time without the event's own")
        try:
            spans = {number: number * _MS for number in set(numbers)}
            return [at + spans[number] for at, number in zip(rows.ats, numbers, strict=True)]  # type: ignore[operator]  # a Bad raises TypeError
        except (OverflowError, TypeError):
            self.has_bad = True
            return list(map(time_after, rows.ats, numbers))

    def _instants(self, numbers: Sequence[int]) -> Column:
        if min(numbers) >= 0 and max(numbers) < _EXACT_MS:
            return [_from_timestamp(number / 1000, UTC) for number in numbers]
        column = list(map(time_at, numbers))
        self.has_bad |= Bad in map(type, column)
        return column

    def _sources(self, field: Field, count: int, rows: Rows) -> Column:
        types = self._members(members(SourceType), SourceType.__name__, count)
        refs = self._texts_of(field, count, rows)
        if self.has_bad:
            return list(map(source_of, types, refs))
        sources = [_new(Source) for _ in refs]
        any(map(_GIVE_TYPE, sources, types))
        any(map(_GIVE_REF, sources, refs))
        return sources

    def _ids(self, field: Field, count: int, rows: Rows) -> Column:
        lengths = read_integers(self._reader, count)
        total = sum(lengths)
        if min(lengths) < 0 or not 1 <= total <= MAX_IDS:
            raise ContractError(f"{total} ids in a column: 1 to {MAX_IDS} are allowed")
        self._budget.spend(total * (len(self._prefix) + _DIGITS))
        numbers = read_integers(self._reader, total)
        if min(lengths) == max(lengths) == 1 and not any(number & 1 for number in numbers):
            others = [seq - (number >> 1) for seq, number in zip(rows.seqs, numbers, strict=True)]
            if min(others) >= 0 and max(others) < _INT64:
                return [(self._prefix + str(other),) for other in others]
        column: Column = []
        start = 0
        for length, seq in zip(lengths, rows.seqs, strict=True):
            column.append(self._ids_of(numbers[start : start + length], seq))
            start += length
        self.has_bad |= Bad in map(type, column)
        return column

    def _ids_of(self, numbers: Sequence[int], seq: int) -> tuple[str, ...] | Bad:
        if len(numbers) > MAX_IDS_PER_EVENT:
            return Bad(f"has more than {MAX_IDS_PER_EVENT} ids", len(numbers))
        ids: list[str] = []
        for number in numbers:
            other = seq - (number >> 1)
            if number & 1:
                (text,) = self._named((number >> 1,))
                if isinstance(text, Bad):
                    return text
                self._budget.spend(len(text))
                ids.append(text)
            elif 0 <= other < _INT64:
                ids.append(f"{self._prefix}{other}")
            else:
                return Bad("names no event", number)
        return tuple(ids)

    READS: ClassVar[Mapping[FieldType, _Read]] = {
        FieldType.TEXT: _texts_of,
        FieldType.CHOICE: _choices,
        FieldType.INTEGER: _integers,
        FieldType.NUMBER: _numbers,
        FieldType.FLAG: _flags,
        FieldType.TIME: _times,
        FieldType.SOURCE: _sources,
        FieldType.IDS: _ids,
    }


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """How one field of a kind is read, and how an event gets it; worked out once."""

    name: str
    field: Field
    read: _Read
    give: Callable[[Event, Any], None]
    absent: Iterator[Any]  # the default, for ever


def plans_of(owner: type[Event], fields: Sequence[Field]) -> tuple[FieldPlan, ...]:
    """The plans of fields that `owner` declares; values are given through slots, which a frozen class leaves open."""
    return tuple(
        FieldPlan(
            field.name, field, FieldReader.READS[field.type], getattr(owner, field.name).__set__, repeat(field.default)
        )
        for field in fields
    )


def text_of(data: bytes) -> str | Bad:
    """A text that an event may hold."""
    text = data.decode("utf-8", errors="replace")
    if not is_text(text) or text.encode() != data:
        return Bad("is not a text that an event may hold", text[:80])
    return text


def source_of(kind: SourceType | Bad, ref: str | Bad) -> Source | Bad:
    """Who says so, from both halves."""
    if isinstance(kind, Bad):
        return kind
    return ref if isinstance(ref, Bad) else Source(type=kind, ref=ref)


def time_at(milliseconds: int) -> datetime | Bad:
    """The instant so long after 1970."""
    try:
        return _UNIX + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return Bad("is not a time", milliseconds)


def time_after(at: datetime | Bad, milliseconds: int) -> datetime | Bad:
    """The instant so long after another one."""
    if isinstance(at, Bad):
        return Bad("cannot be told without the event's own time", milliseconds)
    try:
        return at + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return Bad("is not a time", milliseconds)
