"""Columns to events: what cannot be read costs its own event, never its neighbours.

Every column is checked as a whole; only one that does not fit is looked at value by value. So events are made from
columns that are known to be good, attribute by attribute for all of them, without checking each event again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from genba_shared.codec.budget import Budget
from genba_shared.codec.buffer import Reader
from genba_shared.codec.columns import read_integers
from genba_shared.codec.layout import COMMON, CONTEXT_FIELDS, ROW_FIELDS, kind_fields, rows_by_code
from genba_shared.codec.rejection import Bad, Rejected, json_name, kept_block, raw_row
from genba_shared.codec.upcast import Upcaster, upcast, upcaster_of
from genba_shared.codec.values import Columns, FieldPlan, FieldReader, Rows, picker, plans_of, read_texts
from genba_shared.errors import ContractError
from genba_shared.events.model import Event
from genba_shared.events.registry import KINDS_BY_CODE

_new: Final = object.__new__
_CLASSES: Final[list[type[Event]]] = [KINDS_BY_CODE.get(code, Event) for code in range(256)]


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
        codes = reader.raw(len(seqs))
        self._events: list[Event] = list(map(_new, map(_CLASSES.__getitem__, codes)))
        any(map(_GIVE_ID, self._events, map(prefix.__add__, map(str, seqs))))
        self._rows = Rows(seqs)
        self._budget = Budget(longest=self._texts.longest, rows=len(seqs))
        self._common = self._read_common(reader)
        for code, numbers in rows_by_code(codes).items():
            self._read_kind(code, numbers, reader.blob(most=reader.left))

    def sorted_out(self) -> tuple[tuple[Event, ...], tuple[Rejected, ...]]:
        """The good events, and the others."""
        refused = self._refused
        if not refused:
            return tuple(self._events), ()
        good = (event for row, event in enumerate(self._events) if row not in refused)
        return tuple(good), tuple(refused[row] for row in sorted(refused))

    def _read_common(self, reader: Reader) -> Columns:
        count = len(self._seqs)
        size = reader.varint(most=count)
        contexts = read_integers(reader, count) if size > 1 else [0] * count
        if not size or min(contexts) < 0 or max(contexts) >= size:
            raise ContractError(f"a context that is not one of {size}")
        fields = FieldReader(reader, self._texts, prefix=self._prefix, budget=self._budget)
        words = fields.read(_CONTEXT_PLANS, Rows(range(size)))
        common = {name: list(map(column.__getitem__, contexts)) for name, column in words.items()}
        self._rows = Rows(self._seqs, contexts)
        common |= fields.read(_ROW_PLANS, self._rows)
        self._rows.ats = common.get("at", ())
        self._common_has_bad = fields.has_bad
        self._budget.spend_on(common.values())
        _give(self._events, (*_CONTEXT_PLANS, *_ROW_PLANS), common)
        return common

    def _read_kind(self, code: int, numbers: Sequence[int], block: bytes) -> None:
        """The events of one kind; a kind that is not known, or whose columns cannot be read, is refused alone."""
        kind = KINDS_BY_CODE.get(code)
        if kind is None:
            self._refuse_block(code, numbers, block, reason=f"kind number {code} is not known")
            return
        plans = _plans(code)
        try:
            reader = Reader(block)
            fields = FieldReader(reader, self._texts, prefix=self._prefix, budget=self._budget)
            columns = fields.read(plans, self._rows.picked(numbers))
            reader.end()
        except ContractError as exc:
            reason = f"{kind.kind}: columns cannot be read: {exc}"
            self._refuse_block(kind.kind, numbers, block, reason=reason)
            return
        self._budget.spend_on(columns.values())
        if self._upcaster is not None:
            self._upcast(kind, numbers, columns, self._upcaster)
            return
        _give(self._events if len(numbers) == len(self._events) else picker(numbers)(self._events), plans, columns)
        self._check(kind, numbers, columns, has_bad=fields.has_bad or self._common_has_bad)

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

    def _check(self, kind: type[Event], numbers: Sequence[int], columns: Columns, *, has_bad: bool) -> None:
        """Refuse the events that lack something, or that hold what could not be read."""
        common = self._common
        missing = (_REQUIRED - common.keys()) or (_required(kind.code) - columns.keys())
        if missing:
            first = next(field.json for field in (*COMMON, *kind_fields(kind)) if field.name in missing)
            for place, row in enumerate(numbers):
                self._refuse(kind, row, f"{kind.kind}.{first} is missing", columns, place)
            return
        if has_bad:
            for place, row in enumerate(numbers):
                bad = _first_bad(kind, common, row) or _first_bad(kind, columns, place)
                if bad is not None:
                    self._refuse(kind, row, f"{kind.kind}.{bad}", columns, place)
        for name in kind.required:
            column = common.get(name) or [None] * len(self._seqs)
            if None in column:
                for place, row in enumerate(numbers):
                    if column[row] is None and row not in self._refused:
                        self._refuse(kind, row, f"{kind.kind}: {name} is missing", columns, place)

    def _refuse(self, kind: type[Event], row: int, reason: str, columns: Columns, place: int) -> None:
        raw = self._raw(kind, row, columns, place)
        self._refused[row] = Rejected(seq=self._seqs[row], reason=reason, raw=raw)

    def _refuse_block(self, kind: str | int, numbers: Sequence[int], block: bytes, *, reason: str) -> None:
        first_id = f"{self._prefix}{self._seqs[numbers[0]]}"
        for place, row in enumerate(numbers):
            seq = self._seqs[row]
            raw = {"id": f"{self._prefix}{seq}", "kind": kind, **kept_block(block, place, first_id)}
            self._refused[row] = Rejected(seq=seq, reason=reason, raw=raw | raw_row(Event, self._common, row))


_CONTEXT_PLANS: Final = plans_of(Event, CONTEXT_FIELDS)
_ROW_PLANS: Final = plans_of(Event, ROW_FIELDS)
_REQUIRED: Final = frozenset(field.name for field in COMMON if field.required)
_GIVE_ID: Final = getattr(Event, "id").__set__  # noqa: B009 (the slot, which mypy takes for the value)


@cache
def _plans(code: int) -> tuple[FieldPlan, ...]:
    kind = KINDS_BY_CODE[code]
    return plans_of(kind, kind_fields(kind))


@cache
def _required(code: int) -> frozenset[str]:
    return frozenset(field.name for field in kind_fields(KINDS_BY_CODE[code]) if field.required)


def _give(events: Sequence[Event], plans: Sequence[FieldPlan], columns: Columns) -> None:
    """Give all events their values, an attribute at a time, in loops that run in C."""
    for plan in plans:
        any(map(plan.give, events, columns.get(plan.name) or plan.absent))


def _first_bad(kind: type[Event], columns: Mapping[str, Sequence[Any]], row: int) -> str | None:
    for name, column in columns.items():
        value = column[row]
        if type(value) is Bad:
            return f"{json_name(kind, name)}: {value.raw!r:.80} {value.reason}"
    return None
