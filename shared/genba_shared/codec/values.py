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
from genba_shared.codec.making import maker_of
from genba_shared.codec.rejection import Bad
from genba_shared.errors import ContractError
from genba_shared.events.json_form import MAX_TEXT, is_text
from genba_shared.events.model import Source, SourceType
from genba_shared.events.schema import Field, FieldType

Column = list[Any]
Columns = dict[str, Column]
Given = Column | Iterator[Any]
"""A column, or the default for ever."""

Pick = Callable[[Sequence[Any]], Sequence[Any]]
"""Takes some places out of a sequence."""

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_INT64: Final = 2**63
_KEPT_MS: Final = 4000  # spans of up to so long are kept
_EXACT_MS: Final = 2**32 * 1000  # up to here the division of milliseconds by 1000 is exact to half a microsecond
_DIGITS: Final = 19  # of the greatest seq
_EVERY_ROW: Final = int(Shape.EVERY_ROW)
_SOME_ROWS: Final = int(Shape.SOME_ROWS)
_Read = Callable[["FieldReader", Field, int, "Rows"], Column]
_make_source: Final = maker_of(Source)
_from_timestamp: Final = datetime.fromtimestamp


class _Spans(dict[int, timedelta]):
    """Spans by their milliseconds. Short ones come again and again, and to make one takes longer than to look it up."""

    def __missing__(self, milliseconds: int) -> timedelta:
        span = milliseconds * _MS
        if -_KEPT_MS <= milliseconds <= _KEPT_MS:
            self[milliseconds] = span
        return span


_SPANS: Final = _Spans()


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
        """Some of the rows, ascending."""
        return self if len(numbers) == len(self.seqs) else self.in_order(numbers)

    def in_order(self, numbers: Sequence[int]) -> Rows:
        """These of the rows, one after the other."""
        pick = picker(numbers)
        return Rows(
            pick(self.seqs),
            pick(self.contexts) if self.contexts else (),
            pick(self.ats) if self.ats else (),
            pick(self.bases_ms) if self.bases_ms else (),
        )

    def part(self, start: int, stop: int) -> Rows:
        """The rows from `start` up to, but without `stop`."""
        return Rows(self.seqs[start:stop], self.contexts[start:stop], self.ats[start:stop], self.bases_ms[start:stop])

    def distinct_contexts(self) -> list[int]:
        """The contexts of these rows, each once, in the order of first appearance."""
        if self._distinct is None:
            self._distinct = list(dict.fromkeys(self.contexts))
        return self._distinct


def picker(numbers: Sequence[int]) -> Pick:
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
    longest = max(map(len, items))
    if len(items) != count or not all(items) or longest > MAX_TEXT:
        raise ContractError(f"not {count} texts of 1 to {MAX_TEXT} characters")
    return Texts(items=items, longest=longest)


class FieldReader:
    """Reads the columns of fields.

    Afterwards `has_bad` tells whether one of them holds a `Bad`, `lacks` whether one that must be there is absent.
    """

    def __init__(self, reader: Reader, texts: Texts, *, prefix: str, budget: Budget) -> None:
        self._reader, self._texts, self._prefix, self._budget = reader, texts, prefix, budget
        self._latest_ms: Sequence[int] = ()  # the numbers of the latest column of times
        self.has_bad = self.lacks = False

    def read(self, plans: Sequence[FieldPlan], rows: Rows) -> list[Given]:
        """The columns of the fields, or their defaults; the rows get the times that are told of them."""
        shapes = self._reader.varint()
        if shapes >> 2 * len(plans):
            raise ContractError("a field that is not known: the sender is newer")
        columns: list[Given] = []
        count = len(rows.seqs)
        for plan in plans:
            shape, shapes = shapes & 0b11, shapes >> 2
            if not shape:
                columns.append(plan.absent)
                self.lacks |= plan.is_required
            elif shape == _EVERY_ROW:
                column = plan.read(self, plan.field, count, rows)
                columns.append(column)
                if plan.is_base:
                    self._tell_times(plan, column, rows)
            else:
                columns.append(self._part(plan, shape, rows))
        return columns

    def _tell_times(self, plan: FieldPlan, column: Column, rows: Rows) -> None:
        if plan.name == "at":
            rows.ats, rows.bases_ms = column, self._latest_ms
        else:
            rows.bases_ms = list(map(add, rows.bases_ms, self._latest_ms))

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
        if not contexts or not plan.is_by_context:
            raise ContractError(f"{field.json}: not for some rows, and not a value for each context")
        values = plan.read(self, field, len(contexts), rows)
        return list(map(dict(zip(contexts, values, strict=True)).__getitem__, rows.contexts))

    def _texts_of(self, field: Field, count: int, rows: Rows) -> Column:
        reader = self._reader
        if reader.left and reader.data[reader.position] in (HEX, HEX_CONSTANT):
            return read_hex_of(reader, reader.u8(), count)
        return self._named(read_integers(reader, count))

    def _named(self, numbers: Sequence[int]) -> Column:
        items = self._texts.items
        column = _picked(items, numbers)
        if column is None:
            column = [items[number] if 0 <= number < len(items) else Bad("names no text", number) for number in numbers]
            self.has_bad = True
        elif not self._texts.are_good:
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
        column = _picked(allowed, numbers)
        if column is None:
            self.has_bad = True
            column = [
                allowed[number] if 0 <= number < len(allowed) else Bad(f"is no member of {name}", number)
                for number in numbers
            ]
        return column

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
            return list(map(add, rows.ats, map(_SPANS.__getitem__, numbers)))
        except (OverflowError, TypeError):  # TypeError: a Bad among the rows' times
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
        return list(map(_make_source, types, refs))

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
    """How one field of a kind is read; worked out once."""

    name: str
    field: Field
    read: _Read
    absent: Iterator[Any]  # the default, for ever
    is_required: bool
    is_by_context: bool
    is_base: bool  # a time that others are told from


def plans_of(fields: Sequence[Field]) -> tuple[FieldPlan, ...]:
    """The plans of fields."""
    return tuple(
        FieldPlan(
            name=field.name,
            field=field,
            read=FieldReader.READS[field.type],
            absent=repeat(field.default),
            is_required=field.required,
            is_by_context=field.type in BY_CONTEXT,
            is_base=field.name in ("at", "seen_at"),
        )
        for field in fields
    )


def told(plans: Sequence[FieldPlan], columns: Sequence[Given]) -> Columns:
    """The columns that are there, by Python name."""
    pairs = zip(plans, columns, strict=True)
    return {plan.name: column for plan, column in pairs if isinstance(column, list)}


def _picked(items: Sequence[Any], numbers: Sequence[int]) -> Column | None:
    """The items at these places; None where there is not one for each."""
    if min(numbers) < 0:
        return None
    try:
        return list(map(items.__getitem__, numbers))
    except IndexError:
        return None


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
