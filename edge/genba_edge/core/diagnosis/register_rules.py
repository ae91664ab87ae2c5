"""Registers in the wrong order, or those of the neighbour: the points of one Modbus device are judged together.

A counter whose high register counts is read in the wrong word order or from an address that is one off, and while it is
young both look the same. What tells them apart is how its low register moves, and whether other points of the device
are where the map says (docs/map-findings.md).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from genba_edge.core.diagnosis.counter_rules import place_of_point
from genba_edge.core.diagnosis.counter_trace import CounterTrace, Shape
from genba_edge.core.diagnosis.finding import FindingCode, Sign, Sureness
from genba_edge.core.diagnosis.orders import OTHER_WORDS, are_coarse, is_plain_number, plausible_order, values_in
from genba_edge.core.diagnosis.signal_trace import SignalTrace
from genba_edge.core.observations import Quality, Sample
from genba_shared.device_map.model import ByteOrder, ModbusDevice, ModbusPoint, ModbusTable, PointRef, PointType
from genba_shared.events import Result
from genba_shared.texts import Text, say

__all__ = ["MeasureTrace", "counter_order_sign", "register_signs"]

STRANGE_MOVES: Final = 2  # of the low register, which belongs to something else then
FEW_CHANGES: Final = 20  # of the counter behind, before a good counter that stands still is strange
STATE_RETURNS: Final = 2  # to values that it had before
LEAST_VALUES: Final = 6  # different ones of a measured value
VALUES_KEPT: Final = 16
_LOW_WORD_FIRST: Final = frozenset({ByteOrder.CDAB, ByteOrder.DCBA})
_FLOATS: Final = frozenset({PointType.FLOAT32, PointType.FLOAT64})


class MeasureTrace:
    """The last different values of a measured number of several registers."""

    def __init__(self, ref: PointRef, point: ModbusPoint) -> None:
        self.place = (ref, point)
        self._kept: deque[Sample] = deque(maxlen=VALUES_KEPT)
        self._last: object = None
        self._noted = self._judged = 0

    @classmethod
    def fits(cls, point: object) -> bool:
        """Whether the order of its registers can be judged by its values."""
        return isinstance(point, ModbusPoint) and point.type in _FLOATS and is_plain_number(point)

    def note(self, sample: Sample) -> None:
        """Take a sample."""
        if sample.value != self._last and sample.quality is not Quality.BAD and sample.value:
            self._last = sample.value
            self._kept.append(sample)
            self._noted += 1

    @property
    def has_news(self) -> bool:
        """Whether it changed since `sign` was called last."""
        return self._noted != self._judged

    def sign(self) -> Sign | None:
        """Most of the values are absurd, and none would be in another order."""
        self._judged = self._noted
        ref, point = self.place
        values = [each.value for each in self._kept if isinstance(each.value, float)]
        if len(values) < LEAST_VALUES:
            return None
        order = plausible_order(point, values)
        if order is None:
            return None
        meant = values_in(point, values, order)
        what = say(
            "finding-absurd-number",
            "{point} reads {values}; in the order {order} that is {meant}.",
            point=ref,
            values=", ".join(f"{value:.3g}" for value in values[-3:]),
            order=order,
            meant=", ".join(f"{value:.6g}" for value in meant[-3:]),
        )
        sureness = Sureness.LIKELY if are_coarse(point, meant) else Sureness.CERTAIN
        return _order_sign(ref, what, order, seen_at=self._kept[-1].at, sureness=sureness)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joined:
    """A counter of a Modbus device, with its point."""

    trace: CounterTrace
    point: ModbusPoint

    @classmethod
    def of(cls, trace: CounterTrace) -> _Joined | None:
        point = trace.place.point
        return cls(trace=trace, point=point) if isinstance(point, ModbusPoint) else None

    @property
    def ref(self) -> PointRef:
        return self.trace.place.ref

    @property
    def is_low_word_first(self) -> bool:
        return self.point.byte_order in _LOW_WORD_FIRST

    @property
    def is_shifted(self) -> bool:
        """Whether its high register counts."""
        return self.trace.shape is Shape.HIGH_WORD and self.trace.order is not None

    @property
    def is_turned(self) -> bool:
        """Whether it is that alone: the bytes of each register are in their places."""
        return self.is_shifted and self.trace.order is OTHER_WORDS[self.point.byte_order]


def register_signs(
    device: ModbusDevice, counters: Sequence[CounterTrace], signals: Sequence[SignalTrace]
) -> Iterator[Sign]:
    """Signs of the counters of a device whose high register counts, by table."""
    joined = [each for each in map(_Joined.of, counters) if each is not None]
    for table in (ModbusTable.HOLDING, ModbusTable.INPUT):
        here = {each.point.address: each for each in joined if each.point.table is table}
        if any(each.is_shifted for each in here.values()):
            yield from _Table(device=device, here=here, signals=signals).signs()


def counter_order_sign(trace: CounterTrace, *, sureness: Sureness = Sureness.CERTAIN) -> Sign | None:
    """The sign of a counter whose bytes are joined in the wrong order, in whatever way they are; else none."""
    joined, order = _Joined.of(trace), trace.order
    if joined is None or order is None:
        return None
    raw = [change.raw for change in trace.changes[-4:]]
    what = say(
        "finding-wrong-order",
        "{point} reads {values}; in the order {order} that is {meant}.",
        point=joined.ref,
        values=", ".join(map(str, raw)),
        order=order,
        meant=", ".join(str(int(value)) for value in values_in(joined.point, raw, order)),
    )
    return _order_sign(joined.ref, what, order, seen_at=trace.changes[-1].at, sureness=sureness)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OneOff:
    """What shows that an address is one off. `by`: what is to be added to it."""

    moves: Text
    by: int
    sureness: Sureness


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The counters of a table by address, and the signals of its device."""

    device: ModbusDevice
    here: Mapping[int, _Joined]
    signals: Sequence[SignalTrace]

    def signs(self) -> Iterator[Sign]:
        """One for each counter whose high register counts, or one for all where every address is one off."""
        shifted = [each for each in self.here.values() if each.is_shifted]
        turned = [each for each in shifted if each.is_turned]
        found = next(filter(None, map(self._of_every_address, turned)), None)
        if found is not None:
            yield from self._signs_of_base(found, turned)
            return
        for each in shifted:
            beside = self._right_beside(each) if each.is_turned else None
            sureness = self._sureness()
            order = counter_order_sign(each.trace, sureness=sureness)
            if beside is not None:
                yield _address_sign(each, beside)
            elif order is not None and (sureness is Sureness.CERTAIN or each.trace.moves >= FEW_CHANGES):
                yield order

    def _of_every_address(self, each: _Joined) -> _OneOff | None:
        return self._strange_low(each) or self._frozen_before(each) or self._strange_state(each)

    def _beside(self, each: _Joined) -> _Joined | None:
        """The counter whose low register stands in the high place of this one, if this one's address is too low.

        With the low word first: too high.
        """
        return self.here.get(each.point.address + (2 if each.is_low_word_first else -2))

    def _frozen_before(self, each: _Joined) -> _OneOff | None:
        """The good counter right before stands still, while this one of the same station seems to move."""
        before = self._beside(each)
        if before is None or each.is_low_word_first or each.trace.moves < FEW_CHANGES:
            return None
        place = before.trace.place
        is_still = (
            before.trace.moves * FEW_CHANGES <= each.trace.moves
        )  # its high register, at which it looks, may move
        if place.result is not Result.GOOD or not is_still or place.station != each.trace.place.station:
            return None
        moves = say(
            "finding-high-word-of-other",
            "the high register of {point} counts, and {other} right before it stands still",
            point=each.ref,
            other=before.ref,
        )
        return _OneOff(moves=moves, by=1, sureness=Sureness.LIKELY)

    def _strange_low(self, each: _Joined) -> _OneOff | None:
        """Its low register moves by itself: in the other order it would be the high one, which only takes carries."""
        times = each.trace.strange_low_moves
        if times < STRANGE_MOVES:
            return None
        moves = say(
            "finding-low-word-of-other",
            "the high register of {point} counts, and its low one moved {times} times by itself",
            point=each.ref,
            times=times,
        )
        return _OneOff(moves=moves, by=_direction(each), sureness=Sureness.CERTAIN)

    def _strange_state(self, each: _Joined) -> _OneOff | None:
        strange = next((signal for signal in self.signals if signal.is_strange), None)
        if strange is None or each.trace.moves < FEW_CHANGES:
            return None
        beside = self._beside(each)
        is_of_other = beside is not None and not beside.is_shifted
        moves = say(
            "finding-strange-state",
            "the high register of {point} counts, and {state} reads {value}, which has no label",
            point=each.ref,
            state=strange.place.ref,
            value=strange.value,
        )
        by = -_direction(each) if is_of_other else _direction(each)
        return _OneOff(moves=moves, by=by, sureness=Sureness.LIKELY)

    def _right_beside(self, each: _Joined) -> _OneOff | None:
        """Another counter has the same order and is read right, so that it is not the order that is wrong."""
        same = (one for one in self.here.values() if one.point.byte_order is each.point.byte_order)
        other = next((one for one in same if one.trace.shape is Shape.CALM and one.point.width > 1), None)
        if other is None:
            return None
        moves = say(
            "finding-order-is-right",
            "the high register of {point} counts, and {other} has the same order and is read right",
            point=each.ref,
            other=other.ref,
        )
        return _OneOff(moves=moves, by=_direction(each), sureness=Sureness.LIKELY)

    def _signs_of_base(self, found: _OneOff, turned: Sequence[_Joined]) -> Iterator[Sign]:
        """All addresses of the device are one off: its maker counts registers from the other number."""
        base = 0 if found.by > 0 else 1
        if base == self.device.workarounds.address_base:  # that was thought of already
            yield from (_address_sign(each, found) for each in turned)
            return
        fix = say(
            "finding-other-base",
            "Its maker counts registers from {base}; where an address is written as {snippet}, add {by} to it.",
            base=base,
            snippet="{holding: …}",
            by=f"{found.by:+d}",
        )
        path = f"devices.{self.device.id}"
        yield _one_off_sign(turned[0], found, fix, path=path, write=f"workarounds: {{address_base: {base}}}")

    def _sureness(self) -> Sureness:
        """Certain where a state shows that the addresses are right: it has labels, and goes there and back."""
        right = any(each.returns >= STATE_RETURNS and each.label is not None for each in self.signals)
        return Sureness.CERTAIN if right else Sureness.LIKELY


def _direction(each: _Joined) -> int:
    """To where the register is, of which the high place of this counter holds the low one."""
    return 1 if each.is_low_word_first else -1


def _address_sign(each: _Joined, found: _OneOff) -> Sign:
    fix = say("finding-next-address", "Write the address beside it, and look at those of the device's other points:")
    write = f"at: {{{each.point.table}: {each.point.address + found.by}}}"
    return _one_off_sign(each, found, fix, path=place_of_point(each.trace), write=write)


def _one_off_sign(each: _Joined, found: _OneOff, fix: Text, *, path: str, write: str) -> Sign:
    too = say("too-low", "too low") if found.by > 0 else say("too-high", "too high")
    return Sign(
        code=FindingCode.ADDRESS_ONE_OFF,
        ref=each.ref,
        what=say("finding-one-off", "{moves}: the address is one {too}.", moves=found.moves, too=too),
        fix=fix,
        path=path,
        write=write,
        sureness=found.sureness,
        seen_at=each.trace.changes[-1].at,
    )


def _order_sign(
    ref: PointRef, what: Text, order: ByteOrder, *, seen_at: datetime, sureness: Sureness = Sureness.CERTAIN
) -> Sign:
    if sureness is Sureness.CERTAIN:
        fix = say("finding-write-order", "Write the order in which the device sends them:")
    else:
        fix = say(
            "finding-try-order",
            "Write the order in which the device sends them; if the value is then not the one that the machine shows, "
            "the address is one off (genba edge probe):",
        )
    return Sign(
        code=FindingCode.BYTE_ORDER,
        ref=ref,
        what=what,
        fix=fix,
        path=f"devices.{ref.device}.points.{ref.point}",
        write=f"byte_order: {order}",
        sureness=sureness,
        seen_at=seen_at,
    )
