"""Events to columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from operator import add, attrgetter, itemgetter, sub
from string import hexdigits
from typing import Any, Final

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
from genba_shared.events.model import Event, Source, SourceType
from genba_shared.events.registry import KINDS_BY_CODE
from genba_shared.events.schema import Field, FieldType

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_FEW_ROWS: Final = 4  # with fewer rows no field is worth the question whether its context gives it
_NEEDS_ROWS: Final = frozenset({FieldType.TIME, FieldType.IDS, FieldType.INTEGER})
_code_of: Final = attrgetter("code")
_at_of: Final = attrgetter("at")
_seen_at_of: Final = attrgetter("seen_at")
_value_of: Final = attrgetter("_value_")  # of an enumeration's member; `value` is a slow descriptor
_type_of: Final = attrgetter("type")
_ref_of: Final = attrgetter("ref")


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
    ats, seen = list(map(_at_of, events)), list(map(_seen_at_of, events))
    at_ms = [(at - _UNIX) // _MS for at in ats]
    later_ms = [] if None in seen else [(time - at) // _MS for time, at in zip(seen, ats, strict=True)]
    seen_ms = list(map(add, at_ms, later_ms))
    rows = _Rows(events, ats, at_ms, seen_ms, seqs, body.write_contexts(blocks, events))
    body.write_fields(blocks, _ROW_PLAN, rows)
    for code, numbers in rows_by_code(codes).items():
        block = Writer()
        body.write_fields(block, _plan_of(code), rows.picked(numbers))
        blocks.blob(block.data)
    head = Writer()
    head.u8(SCHEMA)
    body.write_texts(head)
    return head.data + blocks.data


@dataclass(slots=True)
class _Rows:
    """Some events with what their columns are told from: their times, their seqs and the numbers of their contexts.

    Not declared frozen, since one is made for every kind of every envelope.
    """

    events: Sequence[Event]
    ats: Sequence[datetime] = ()
    at_ms: Sequence[int] = ()
    seen_ms: Sequence[int] = ()  # none where one of them has no `seen_at`
    seqs: Sequence[int] = ()
    contexts: Sequence[int] = ()

    def picked(self, numbers: Sequence[int]) -> _Rows:
        if len(numbers) == len(self.events):
            return self
        pick = _picker(numbers)
        columns = (self.events, self.ats, self.at_ms, self.seen_ms, self.seqs, self.contexts)
        return _Rows(*(pick(values) if values else () for values in columns))


class _BodyWriter:
    """Writes columns and collects the texts that they point to."""

    def __init__(self, *, prefix: str) -> None:
        self._texts: dict[str, int] = {}
        self._prefix = prefix

    def write_contexts(self, writer: Writer, events: Sequence[Event]) -> list[int]:
        """What the events have in common in words; for each event the number of its context."""
        numbers: dict[Any, int] = {}
        firsts: list[Event] = []
        contexts: list[int] = []
        for event, words in zip(events, map(_context_of, events), strict=True):
            number = numbers.get(words)
            if number is None:
                number = numbers[words] = len(firsts)
                firsts.append(event)
            contexts.append(number)
        writer.varint(len(firsts))
        if len(firsts) > 1:
            write_integers(writer, contexts)
        self.write_fields(writer, _CONTEXT_PLAN, _Rows(firsts))
        return contexts

    def write_fields(self, writer: Writer, plan: FieldsPlan, rows: _Rows) -> None:
        """The columns of these fields."""
        shapes, count = 0, len(rows.events)
        columns = Writer()
        table = zip(*map(plan.values_of, rows.events), strict=True)
        for position, (field, values) in enumerate(zip(plan.fields, table, strict=True)):
            if values.count(field.default) < count:
                shapes |= self._write_field(columns, field, values, rows) << 2 * position
        writer.varint(shapes)
        writer.raw(columns.data)

    def _write_field(self, writer: Writer, field: Field, values: Sequence[Any], rows: _Rows) -> Shape:
        default, count = field.default, len(values)
        absent = values.count(None) + (values.count(default) if default is not None else 0)
        if absent == count:
            return Shape.ABSENT
        if absent:
            present = [value is not None and value != default for value in values]
            write_presence(writer, present)
            numbers = [row for row, is_there in enumerate(present) if is_there]
            chosen = [values[row] for row in numbers]
            if field.type in _NEEDS_ROWS:
                rows = rows.picked(numbers)
            self._write_values(writer, field, chosen, rows)
            return Shape.SOME_ROWS
        if field.type in BY_CONTEXT and rows.contexts and count >= _FEW_ROWS and values.count(values[0]) < count:
            mapped = dict(zip(rows.contexts, values, strict=True))
            if len(mapped) < count and tuple(map(mapped.__getitem__, rows.contexts)) == values:
                self._write_values(writer, field, tuple(mapped.values()), rows)
                return Shape.BY_CONTEXT
        self._write_values(writer, field, values, rows)
        return Shape.EVERY_ROW

    def _write_values(self, writer: Writer, field: Field, values: Sequence[Any], rows: _Rows) -> None:
        match field.type:
            case FieldType.TEXT:
                self._write_texts(writer, values)
            case FieldType.CHOICE:
                write_integers(writer, _positions(field.choice, values))
            case FieldType.INTEGER if field.name == "mono_ms":
                write_integers(writer, list(map(sub, values, rows.seen_ms or rows.at_ms)))
            case FieldType.INTEGER | FieldType.FLAG:
                write_integers(writer, list(map(int, values)))
            case FieldType.NUMBER:
                write_numbers(writer, values)
            case FieldType.TIME if field.name == "at":
                write_integers(writer, rows.at_ms)
            case FieldType.TIME if field.name == "seen_at" and rows.seen_ms:
                write_integers(writer, list(map(sub, rows.seen_ms, rows.at_ms)))
            case FieldType.TIME:
                write_integers(writer, [(time - at) // _MS for time, at in zip(values, rows.ats, strict=True)])
            case FieldType.SOURCE:
                sources: Sequence[Source] = values
                write_integers(writer, _positions(SourceType, list(map(_type_of, sources))))
                self._write_texts(writer, list(map(_ref_of, sources)))
            case FieldType.IDS:
                self._write_ids(writer, values, rows.seqs)

    def _write_texts(self, writer: Writer, values: Sequence[str]) -> None:
        first = values[0]
        if len(first) >= LEAST_HEX and first[0] in hexdigits and (data := hex_bytes(values)) is not None:
            write_hex(writer, data, len(values))
            return
        texts = self._texts
        write_integers(writer, [texts.setdefault(text, len(texts)) for text in values])

    def _write_ids(self, writer: Writer, lists: Sequence[Sequence[str]], seqs: Sequence[int]) -> None:
        numbers = [self._id_number(text, seq) for ids, seq in zip(lists, seqs, strict=True) for text in ids]
        if len(numbers) > MAX_IDS:
            raise ContractError(f"{len(numbers)} 'because' ids in one envelope: at most {MAX_IDS}")
        write_integers(writer, list(map(len, lists)))
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
        data = "\0".join(texts).encode("utf-8", errors="surrogatepass")
        lengths = list(map(len, texts))
        is_plain = min(lengths) > 0 and max(lengths) <= MAX_TEXT and data.count(0) == len(texts) - 1
        if is_plain and _is_unicode(data):
            writer.u8(0)
            writer.blob(data)
            return
        single = [text.encode("utf-8", errors="surrogatepass") for text in texts]
        writer.u8(1)
        write_integers(writer, list(map(len, single)))
        writer.raw(b"".join(single))


@dataclass(frozen=True, slots=True)
class FieldsPlan:
    """Fields that are written together, and what takes all their values out of an event."""

    fields: tuple[Field, ...]
    values_of: Callable[[Event], tuple[Any, ...]]


def plan_of(fields: tuple[Field, ...]) -> FieldsPlan:
    """The plan of some fields, or of none."""
    names = [field.name for field in fields]
    if len(names) > 1:
        return FieldsPlan(fields, attrgetter(*names))
    return FieldsPlan(fields, lambda event: tuple(getattr(event, name) for name in names))


_CONTEXT_PLAN: Final = plan_of(CONTEXT_FIELDS)
_ROW_PLAN: Final = plan_of(ROW_FIELDS)


@cache
def _plan_of(code: int) -> FieldsPlan:
    return plan_of(kind_fields(KINDS_BY_CODE[code]))


def _picker(numbers: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    return itemgetter(*numbers) if len(numbers) > 1 else lambda values: (values[numbers[0]],)


def _is_unicode(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@cache
def _places(choice: type[StrEnum]) -> dict[str, int]:
    return {str(member): place for place, member in enumerate(members(choice))}


def _positions(choice: type[StrEnum] | None, values: Sequence[StrEnum]) -> list[int]:
    if choice is None:
        raise TypeError("a choice field without its enumeration")
    return list(map(_places(choice).__getitem__, map(_value_of, values)))
