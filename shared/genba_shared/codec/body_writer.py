"""Events to columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import chain
from operator import add, attrgetter, itemgetter, sub
from string import hexdigits
from typing import Any, ClassVar, Final

from genba_shared.codec.buffer import Writer
from genba_shared.codec.columns import (
    LEAST_HEX,
    hex_bytes,
    write_hex,
    write_integers,
    write_numbers,
    write_presence,
)
from genba_shared.codec.layout import (
    BY_CONTEXT,
    CONTEXT_FIELDS,
    FAR,
    MAX_IDS,
    MAX_STRINGS,
    ROW_FIELDS,
    SCHEMA,
    Shape,
    kind_fields,
    members,
    rows_by_code,
)
from genba_shared.errors import ContractError
from genba_shared.events.json_form import MAX_TEXT
from genba_shared.events.model import Event, SourceType
from genba_shared.events.registry import KINDS_BY_CODE
from genba_shared.events.schema import Field, FieldType

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_FEW_ROWS: Final = 4  # with fewer rows no field is worth the question whether its context gives it
_NEEDS_ROWS: Final = frozenset({FieldType.TIME, FieldType.IDS, FieldType.INTEGER})
_ABSENT: Final = int(Shape.ABSENT)
_EVERY_ROW: Final = int(Shape.EVERY_ROW)
_SOME_ROWS: Final = int(Shape.SOME_ROWS)
_OF_CONTEXTS: Final = int(Shape.BY_CONTEXT)
_code_of: Final = attrgetter("code")
_Values = Sequence[Any]
_Write = Callable[["_BodyWriter", Writer, Field, _Values, "_Rows"], None]


def _word_of(field: Field) -> tuple[str, ...]:
    """Attributes whose values are texts: a member of an enumeration is hashed by Python code, its value by C."""
    match field.type:
        case FieldType.SOURCE:
            return f"{field.name}.type._value_", f"{field.name}.ref"
        case FieldType.CHOICE if field.default is not None:
            return (f"{field.name}._value_",)
        case _:
            return (field.name,)


_context_of: Final = attrgetter(*(word for field in CONTEXT_FIELDS for word in _word_of(field)))


def write_body(events: Sequence[Event], *, seqs: Sequence[int], gateway: str, epoch: str) -> bytearray:
    """The uncompressed body of at least one event; `seqs` are the events' own.

    Raises:
        ContractError: a number of more than 64 bits, too many different texts or too many `because` ids.
    """
    body = _BodyWriter(prefix=f"{gateway}:{epoch}:")
    blocks = Writer()
    codes = bytes(map(_code_of, events))
    blocks.raw(codes)
    contexts = body.write_contexts(blocks, events)
    ats, seen_ats, *others = zip(*map(_row_of, events), strict=True)
    rows = _Rows(seqs, ats, contexts)
    rows.tell_times(seen_ats)
    body.write_fields(blocks, _ROW_PLANS, (ats, seen_ats, *others), rows)
    groups = rows_by_code(codes)
    pick = _picker(list(chain.from_iterable(groups.values())))
    events, rows = pick(events), _Rows(pick(seqs), pick(ats), pick(contexts))
    start = 0
    for code, numbers in groups.items():
        stop = start + len(numbers)
        plan, block = _plan_of(code), Writer()
        columns = zip(*map(plan.values_of, events[start:stop]), strict=True)
        body.write_fields(block, plan.fields, columns, rows.part(start, stop))
        blocks.blob(block.data)
        start = stop
    head = Writer()
    head.u8(SCHEMA)
    body.write_texts(head)
    return head.data + blocks.data


@dataclass(slots=True)
class _Rows:
    """What the columns of some events are told from: their seqs, times and the numbers of their contexts.

    Not declared frozen, since one is made for every kind of every envelope. `later_ms`: how long after `ats` they were
    seen, none where one of them has no `seen_at`. `bases_ms`: when they were seen, or happened.
    """

    seqs: Sequence[int] = ()
    ats: Sequence[datetime] = ()
    contexts: Sequence[int] = ()
    at_ms: Sequence[int] = ()
    later_ms: Sequence[int] = ()
    bases_ms: Sequence[int] = ()

    def tell_times(self, seen_ats: Sequence[datetime | None]) -> None:
        """Work out the times in milliseconds."""
        self.at_ms = self.bases_ms = [(at - _UNIX) // _MS for at in self.ats]
        if all(seen_ats):
            self.later_ms = _ms_after(self.ats, seen_ats)
            self.bases_ms = list(map(add, self.at_ms, self.later_ms))

    def picked(self, numbers: Sequence[int]) -> _Rows:
        """Some of the rows."""
        pick = _picker(numbers)
        columns = (self.seqs, self.ats, self.contexts, self.at_ms, self.later_ms, self.bases_ms)
        return _Rows(*(pick(values) if values else () for values in columns))

    def part(self, start: int, stop: int) -> _Rows:
        """The rows from `start` up to, but without `stop`."""
        return _Rows(self.seqs[start:stop], self.ats[start:stop], self.contexts[start:stop])


class _BodyWriter:
    """Writes columns and collects the texts that they point to."""

    def __init__(self, *, prefix: str) -> None:
        self._texts: dict[str, int] = {}
        self._prefix = prefix

    def write_contexts(self, writer: Writer, events: Sequence[Event]) -> list[int]:
        """What the events have in common in words; for each event the number of its context."""
        numbers: dict[_Values, int] = {}
        contexts = [numbers.setdefault(words, len(numbers)) for words in map(_context_of, events)]
        writer.varint(len(numbers))
        if len(numbers) > 1:
            write_integers(writer, contexts)
        types, refs, *others = zip(*numbers, strict=True)
        self.write_fields(writer, _CONTEXT_PLANS, ((types, refs), *others), _Rows())
        return contexts

    def write_fields(self, writer: Writer, plans: Sequence[FieldPlan], table: Iterable[_Values], rows: _Rows) -> None:
        """The columns of these fields."""
        shapes = 0
        columns = Writer()
        for plan, values in zip(plans, table, strict=True):
            shapes |= self._write_field(columns, plan, values, rows) << plan.shift
        writer.varint(shapes)
        writer.raw(columns.data)

    def _write_field(self, writer: Writer, plan: FieldPlan, values: _Values, rows: _Rows) -> int:
        if not all(values) or plan.default:  # all: the quickest way to see that none is None
            absent = values.count(plan.default) + (values.count(None) if plan.default is not None else 0)
            if absent == len(values):
                return _ABSENT
            if absent:
                return self._write_some(writer, plan, values, rows)
        shape = _EVERY_ROW
        if plan.is_word:
            count = len(values)
            if values.count(values[0]) == count:
                values = values[:1]  # what a constant column says
            elif count >= _FEW_ROWS and rows.contexts:
                mapped = dict(zip(rows.contexts, values, strict=True))
                if len(mapped) < count and tuple(map(mapped.__getitem__, rows.contexts)) == values:
                    values, shape = tuple(mapped.values()), _OF_CONTEXTS
        plan.write(self, writer, plan.field, values, rows)
        return shape

    def _write_some(self, writer: Writer, plan: FieldPlan, values: _Values, rows: _Rows) -> int:
        default = plan.default
        if default is None:
            numbers = [row for row, value in enumerate(values) if value is not None]
        else:
            numbers = [row for row, value in enumerate(values) if value is not None and value != default]
        write_presence(writer, numbers, len(values))
        if plan.needs_rows:
            rows = rows.picked(numbers)
        plan.write(self, writer, plan.field, [values[row] for row in numbers], rows)
        return _SOME_ROWS

    def _write_choices(self, writer: Writer, field: Field, values: _Values, rows: _Rows) -> None:
        write_integers(writer, _positions(field.choice, values))

    def _write_integers(self, writer: Writer, field: Field, values: _Values, rows: _Rows) -> None:
        write_integers(writer, values)

    def _write_clock(self, writer: Writer, field: Field, values: _Values, rows: _Rows) -> None:
        write_integers(writer, list(map(sub, values, rows.bases_ms)))

    def _write_numbers(self, writer: Writer, field: Field, values: _Values, rows: _Rows) -> None:
        write_numbers(writer, values)

    def _write_ats(self, writer: Writer, field: Field, values: _Values, rows: _Rows) -> None:
        write_integers(writer, rows.at_ms)

    def _write_times(self, writer: Writer, field: Field, values: _Values, rows: _Rows) -> None:
        write_integers(writer, _ms_after(rows.ats, values))

    def _write_seen_ats(self, writer: Writer, field: Field, values: _Values, rows: _Rows) -> None:
        write_integers(writer, rows.later_ms or _ms_after(rows.ats, values))

    def _write_sources(self, writer: Writer, field: Field, values: _Values, rows: _Rows) -> None:
        types, refs = values
        write_integers(writer, _positions(SourceType, types))
        self._write_texts(writer, field, refs, rows)

    def _write_texts(self, writer: Writer, field: Field, values: _Values, rows: _Rows) -> None:
        first = values[0]
        if len(first) >= LEAST_HEX and first[0] in hexdigits and (data := hex_bytes(values)) is not None:
            write_hex(writer, data, len(values))
            return
        texts = self._texts
        write_integers(writer, [texts.setdefault(text, len(texts)) for text in values])

    def _write_ids(self, writer: Writer, field: Field, values: _Values, rows: _Rows) -> None:
        numbers = [self._id_number(text, seq) for ids, seq in zip(values, rows.seqs, strict=True) for text in ids]
        if len(numbers) > MAX_IDS:
            raise ContractError(f"{len(numbers)} 'because' ids in one envelope: at most {MAX_IDS}")
        write_integers(writer, list(map(len, values)))
        write_integers(writer, numbers)

    def _id_number(self, text: str, seq: int) -> int:
        if text.startswith(self._prefix):
            digits = text[len(self._prefix) :]
            if digits.isascii() and digits.isdigit() and len(digits) <= 19 and (digits[0] != "0" or digits == "0"):
                distance = seq - int(digits)
                if abs(distance) < FAR:
                    return distance * 2
        return self._texts.setdefault(text, len(self._texts)) * 2 + 1

    def write_texts(self, writer: Writer) -> None:
        """The table of texts; only complete when all columns are written.

        A text that an event may not hold goes on the wire as it is: the reader refuses that event, not the envelope.
        """
        texts = list(self._texts)
        if len(texts) > MAX_STRINGS:
            raise ContractError(f"{len(texts)} different texts in one envelope: at most {MAX_STRINGS}")
        writer.varint(len(texts))
        if not texts:
            return
        joined = "\0".join(texts)
        if all(texts) and max(map(len, texts)) <= MAX_TEXT and joined.count("\0") < len(texts) and _is_unicode(joined):
            writer.u8(0)
            writer.blob(joined.encode())
            return
        single = [text.encode("utf-8", errors="surrogatepass") for text in texts]
        writer.u8(1)
        write_integers(writer, list(map(len, single)))
        writer.raw(b"".join(single))

    WRITES: ClassVar[Mapping[FieldType, _Write]] = {
        FieldType.TEXT: _write_texts,
        FieldType.CHOICE: _write_choices,
        FieldType.INTEGER: _write_integers,
        FieldType.NUMBER: _write_numbers,
        FieldType.FLAG: _write_integers,
        FieldType.TIME: _write_times,
        FieldType.SOURCE: _write_sources,
        FieldType.IDS: _write_ids,
    }
    OWN_WRITES: ClassVar[Mapping[str, _Write]] = {
        "at": _write_ats,
        "seen_at": _write_seen_ats,
        "mono_ms": _write_clock,
    }


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """How one field is written; worked out once."""

    field: Field
    write: _Write
    default: Any
    shift: int  # of its shape
    is_word: bool  # may be told by context
    needs_rows: bool


@dataclass(frozen=True, slots=True)
class KindPlan:
    """How the fields of a kind are written, and what takes all their values out of an event."""

    fields: tuple[FieldPlan, ...]
    values_of: Callable[[Event], tuple[Any, ...]]


def field_plans(fields: Sequence[Field]) -> tuple[FieldPlan, ...]:
    """The plans of some fields."""
    return tuple(
        FieldPlan(
            field=field,
            write=_BodyWriter.OWN_WRITES.get(field.name) or _BodyWriter.WRITES[field.type],
            default=field.default,
            shift=2 * place,
            is_word=field.type in BY_CONTEXT,
            needs_rows=field.type in _NEEDS_ROWS,
        )
        for place, field in enumerate(fields)
    )


def plan_of(fields: Sequence[Field]) -> KindPlan:
    """The plan of the fields of a kind, or of none."""
    names = [field.name for field in fields]
    if len(names) > 1:
        return KindPlan(field_plans(fields), attrgetter(*names))
    return KindPlan(field_plans(fields), lambda event: tuple(getattr(event, name) for name in names))


_CONTEXT_PLANS: Final = field_plans(CONTEXT_FIELDS)
_ROW_PLANS: Final = field_plans(ROW_FIELDS)
_row_of: Final = attrgetter(*(field.name for field in ROW_FIELDS))


@cache
def _plan_of(code: int) -> KindPlan:
    return plan_of(kind_fields(KINDS_BY_CODE[code]))


def _ms_after(ats: Sequence[datetime], times: Sequence[Any]) -> list[int]:
    return [(time - at) // _MS for time, at in zip(times, ats, strict=True)]


def _picker(numbers: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    return itemgetter(*numbers) if len(numbers) > 1 else lambda values: (values[numbers[0]],)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@cache
def _places(choice: type[StrEnum]) -> dict[str, int]:
    return {str(member): place for place, member in enumerate(members(choice))}


def _positions(choice: type[StrEnum] | None, values: Sequence[StrEnum]) -> list[int]:
    if choice is None:
        raise TypeError("a choice field without its enumeration")
    return list(map(_places(choice).__getitem__, map(str, values)))
