"""Columns to events: what cannot be read costs its own event, never its neighbours.

Every column is checked as a whole; only one that does not fit is looked at value by value. So events are made from
columns that are known to be good, without checking each event again (`making`). They are made kind by kind: the common
columns are put into that order first, and each kind takes from them as many values as it has events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import chain, islice
from operator import attrgetter
from typing import Any, Final

from genba_shared.codec.budget import Budget
from genba_shared.codec.buffer import Reader
from genba_shared.codec.columns import read_integers
from genba_shared.codec.layout import COMMON, CONTEXT_FIELDS, ROW_FIELDS, kind_fields, rows_by_code
from genba_shared.codec.making import Make, maker_of
from genba_shared.codec.rejection import Bad, Rejected, json_name, kept_block, raw_row
from genba_shared.codec.upcast import Upcaster, upcast, upcaster_of
from genba_shared.codec.values import (
    Columns,
    FieldPlan,
    FieldReader,
    Given,
    Pick,
    Rows,
    picker,
    plans_of,
    read_texts,
    told,
)
from genba_shared.errors import ContractError
from genba_shared.events.model import Event
from genba_shared.events.registry import KINDS_BY_CODE


def read_body(
    body: bytes, *, seqs: Sequence[int], gateway: str, epoch: str
) -> tuple[tuple[Event, ...], tuple[Rejected, ...]]:
    """The events of an uncompressed body, and those that were refused, both in order of seq.

    Raises:
        ContractError: the body as a whole cannot be read (schema version, texts, common columns).
    """
    reader = Reader(body)
    upcaster = upcaster_of(reader.u8())
    made = _Made(reader, seqs=seqs, prefix=f"{gateway}:{epoch}:", upcaster=upcaster)
    reader.end()
    return made.sorted_out()


class _Made:
    """The events of one body, and what is wrong with some of them."""

    def __init__(self, reader: Reader, *, seqs: Sequence[int], prefix: str, upcaster: Upcaster | None) -> None:
        self._seqs, self._prefix, self._upcaster = seqs, prefix, upcaster
        self._refused: dict[int, Rejected] = {}
        self._texts = read_texts(reader)
        groups = rows_by_code(reader.raw(len(seqs)))
        self._events: list[Any] = [None] * len(seqs)  # until those of their kind are made
        self._budget = Budget(longest=self._texts.longest, rows=len(seqs))
        self._read_common(reader)
        order = list(chain.from_iterable(groups.values()))
        rows = self._rows.in_order(order)
        self._given = self._common_values(rows, picker(order))
        start = 0
        for code, numbers in groups.items():
            stop = start + len(numbers)
            self._read_kind(code, numbers, reader.blob(most=reader.left), rows.part(start, stop))
            start = stop

    def sorted_out(self) -> tuple[tuple[Event, ...], tuple[Rejected, ...]]:
        """The good events, and the others."""
        refused = self._refused
        if not refused:
            return tuple(self._events), ()
        good = (event for row, event in enumerate(self._events) if row not in refused)
        return tuple(good), tuple(refused[row] for row in sorted(refused))

    def _read_common(self, reader: Reader) -> None:
        count = len(self._seqs)
        size = reader.varint(most=count)
        contexts = read_integers(reader, count) if size > 1 else [0] * count
        if not size or min(contexts) < 0 or max(contexts) >= size:
            raise ContractError(f"a context that is not one of {size}")
        fields = FieldReader(reader, self._texts, prefix=self._prefix, budget=self._budget)
        self._rows = Rows(self._seqs, contexts)
        self._words = fields.read(_CONTEXT_PLANS, Rows(range(size)))
        self._columns = fields.read(_ROW_PLANS, self._rows)
        self._common_has_bad, self._common_lacks = fields.has_bad, fields.lacks
        if not self._budget.is_safe:
            self._budget.spend_on(self._common.values())

    @cached_property
    def _common(self) -> Columns:
        """The common columns, a value for each row; only what is refused needs them so."""
        words = told(_CONTEXT_PLANS, self._words)
        columns = {name: list(map(column.__getitem__, self._rows.contexts)) for name, column in words.items()}
        return columns | told(_ROW_PLANS, self._columns)

    def _common_values(self, rows: Rows, pick: Pick) -> list[Iterator[Any]]:
        """The ids and the common fields of all events in the order of `rows`, to be taken from as events are made."""
        given: dict[str, Iterator[Any]] = {}
        for plan, column in zip(_CONTEXT_PLANS, self._words, strict=True):
            given[plan.name] = map(column.__getitem__, rows.contexts) if isinstance(column, list) else column
        for plan, column in zip(_ROW_PLANS, self._columns, strict=True):
            given[plan.name] = iter(pick(column)) if isinstance(column, list) else column
        prefix = self._prefix
        ids = [f"{prefix}{seq}" for seq in rows.seqs]
        return [iter(ids), *map(given.__getitem__, _COMMON_NAMES)]

    def _read_kind(self, code: int, numbers: Sequence[int], block: bytes, rows: Rows) -> None:
        """The events of one kind; a kind that is not known, or whose columns cannot be read, is refused alone."""
        kind = KINDS_BY_CODE.get(code)
        if kind is None:
            self._refuse_block(code, numbers, block, reason=f"kind number {code} is not known")
            return
        plans = _plans(code)
        try:
            reader = Reader(block)
            fields = FieldReader(reader, self._texts, prefix=self._prefix, budget=self._budget)
            columns = fields.read(plans, rows)
            reader.end()
        except ContractError as exc:
            reason = f"{kind.kind}: columns cannot be read: {exc}"
            self._refuse_block(kind.kind, numbers, block, reason=reason)
            return
        if not self._budget.is_safe:
            self._budget.spend_on(told(plans, columns).values())
        if self._upcaster is not None:
            self._upcast(kind, numbers, told(plans, columns), self._upcaster)
            return
        events = self._make(code, numbers, columns)
        if fields.lacks or self._common_lacks:
            self._refuse_without(kind, numbers, told(plans, columns))
            return
        if fields.has_bad or self._common_has_bad:
            self._refuse_bad(kind, numbers, told(plans, columns))
        for name, value_of in _needs(code):
            if None in map(value_of, events):
                self._refuse_empty(name, numbers, told(plans, columns))

    def _make(self, code: int, numbers: Sequence[int], columns: Sequence[Given]) -> list[Event]:
        ids, *given = self._given
        events = list(map(_maker(code), islice(ids, len(numbers)), *given, *columns))
        for row, event in zip(numbers, events, strict=True):
            self._events[row] = event
        return events

    def _upcast(self, kind: type[Event], numbers: Sequence[int], columns: Columns, upcaster: Upcaster) -> None:
        for place, row in enumerate(numbers):
            bad = _first_bad(kind, self._common, row) or _first_bad(kind, columns, place)
            try:
                if bad is not None:
                    raise ContractError(f"{kind.kind}.{bad}")
                self._events[row] = upcast(self._raw(kind, row, columns, place), upcaster)
            except ContractError as exc:
                self._refuse(kind, row, str(exc), columns, place)

    def _raw(self, kind: type[Event], row: int, columns: Columns, place: int) -> dict[str, Any]:
        raw = {"id": f"{self._prefix}{self._seqs[row]}", "kind": kind.kind}
        return raw | raw_row(kind, self._common, row) | raw_row(kind, columns, place)

    def _refuse_without(self, kind: type[Event], numbers: Sequence[int], columns: Columns) -> None:
        """Refuse events of which a field that must be there was not sent at all."""
        fields = (*COMMON, *kind_fields(kind))
        there = self._common.keys() | columns.keys()
        missing = next(field.json for field in fields if field.required and field.name not in there)
        for place, row in enumerate(numbers):
            self._refuse(kind, row, f"{kind.kind}.{missing} is missing", columns, place)

    def _refuse_bad(self, kind: type[Event], numbers: Sequence[int], columns: Columns) -> None:
        """Refuse the events that hold what could not be read."""
        for place, row in enumerate(numbers):
            bad = _first_bad(kind, self._common, row) or _first_bad(kind, columns, place)
            if bad is not None:
                self._refuse(kind, row, f"{kind.kind}.{bad}", columns, place)

    def _refuse_empty(self, name: str, numbers: Sequence[int], columns: Columns) -> None:
        """Refuse the events that lack a common field that their kind cannot do without."""
        for place, row in enumerate(numbers):
            event = self._events[row]
            if getattr(event, name) is None and row not in self._refused:
                self._refuse(type(event), row, f"{event.kind}: {name} is missing", columns, place)

    def _refuse(self, kind: type[Event], row: int, reason: str, columns: Columns, place: int) -> None:
        raw = self._raw(kind, row, columns, place)
        self._refused[row] = Rejected(seq=self._seqs[row], reason=reason, raw=raw)

    def _refuse_block(self, kind: str | int, numbers: Sequence[int], block: bytes, *, reason: str) -> None:
        for values in self._given:
            next(islice(values, len(numbers), len(numbers)), None)  # those of these events, which nobody takes
        first_id = f"{self._prefix}{self._seqs[numbers[0]]}"
        for place, row in enumerate(numbers):
            seq = self._seqs[row]
            raw = {"id": f"{self._prefix}{seq}", "kind": kind, **kept_block(block, place, first_id)}
            self._refused[row] = Rejected(seq=seq, reason=reason, raw=raw | raw_row(Event, self._common, row))


_CONTEXT_PLANS: Final = plans_of(CONTEXT_FIELDS)
_ROW_PLANS: Final = plans_of(ROW_FIELDS)
_COMMON_NAMES: Final = tuple(field.name for field in COMMON)


@cache
def _plans(code: int) -> tuple[FieldPlan, ...]:
    return plans_of(kind_fields(KINDS_BY_CODE[code]))


@cache
def _maker(code: int) -> Make[Event]:
    return maker_of(KINDS_BY_CODE[code])


@cache
def _needs(code: int) -> tuple[tuple[str, Callable[[Event], Any]], ...]:
    """The common fields that a kind cannot do without, and what takes each out of an event."""
    return tuple((name, attrgetter(name)) for name in KINDS_BY_CODE[code].required)


def _first_bad(kind: type[Event], columns: Mapping[str, Sequence[Any]], row: int) -> str | None:
    for name, column in columns.items():
        value = column[row]
        if type(value) is Bad:
            return f"{json_name(kind, name)}: {value.raw!r:.80} {value.reason}"
    return None
