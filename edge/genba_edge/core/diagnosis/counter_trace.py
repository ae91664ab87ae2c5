"""What is remembered of one counter: its last changes, its pace, and how its registers move."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, assert_never

from genba_edge.core.counter_state import REACH_MARGIN, REACH_SLACK
from genba_edge.core.diagnosis.orders import (
    better_order,
    is_plain_number,
    moves_by_whole_words,
    takes_carry,
    values_in,
)
from genba_edge.core.observations import Quality, Sample
from genba_shared.device_map.model import ByteOrder, CountDirection, CounterSettings, ModbusPoint, Point, PointRef
from genba_shared.events import Result

KEPT: Final = 32  # changes of a counter that are looked at together
RECENT: Final = 8  # the newest of them, by which the order of its registers is judged
LEAST_MOVES: Final = 4  # of the high register alone, before anything is said about it
HELD_PERIODS: Final = 3  # that a register must keep a value before it is taken for one that it has
PACE_WINDOW_S: Final = 600.0  # plant: over which the pace of a counter is taken
_WORD: Final = 0xFFFF
_SMALL: Final = 1000  # counts between two readings, where the map names no `max_rate`


class Shape(StrEnum):
    """How a counter moved lately."""

    UNKNOWN = "unknown"
    """Too little was seen."""
    CALM = "calm"
    """By small steps upwards: it is read as it is meant."""
    HIGH_WORD = "high-word"
    """Its high register counts, and its low one does not."""


class Change(NamedTuple):
    """A reading that differs from the one before, counted upwards as the map says, and as it was read."""

    value: int
    raw: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterPlace:
    """Where a counter stands in the map. `period_s` (plant): how often it is read; None: that is not known."""

    ref: PointRef
    point: Point
    settings: CounterSettings
    station: str
    result: Result
    period_s: float | None


class CounterTrace:
    """The memory of one counter, of bounded size; `note` is called for every sample, and does next to nothing."""

    def __init__(self, place: CounterPlace) -> None:
        self.place = place
        self._kept: deque[Sample] = deque(maxlen=KEPT)
        self._last: object = None
        self._noted = self._learnt = 0
        self.changes: list[Change] = []
        self.counted = 0
        """Counts by small steps upwards, since the first reading."""
        self.moves = 0
        """Changes of value since the first reading."""
        self.peak = 0.0
        """The fastest pace between two changes, in counts a second."""
        self.pace = 0.0
        """The fastest pace over `PACE_WINDOW_S`, in counts a second."""
        self._window: tuple[datetime, int] | None = None
        self.shape = Shape.UNKNOWN
        self.order: ByteOrder | None = None
        """The order of registers and bytes that makes sense of its movement, where the one of the map does not."""
        self.strange_low_moves = 0
        """Moves of its low register that its high one, if that is the one that counts, does not explain."""
        self.beyond_limit = 0
        """Readings in a row that the counter cannot have."""
        self.first_at: datetime | None = None

    def note(self, sample: Sample) -> None:
        """Take a sample; what it means is worked out by `learn`."""
        if sample.value != self._last and sample.quality is not Quality.BAD and sample.value is not None:
            self._last = sample.value
            self._kept.append(sample)
            self._noted += 1

    @property
    def has_news(self) -> bool:
        """Whether it changed since `learn` was called last."""
        return self._noted != self._learnt

    @property
    def value(self) -> object:
        """Its last value; None before the first reading."""
        return self._last

    @property
    def is_beyond_limit(self) -> bool:
        """Whether its last value is one that the counter cannot have."""
        return bool(self.changes) and self.is_impossible(self.changes[-1])

    def is_impossible(self, change: Change) -> bool:
        """Whether it is a value that the counter cannot have."""
        return not 0 <= change.value <= self.place.settings.limit

    def learn(self) -> None:
        """Work out what the samples since the last call say."""
        fresh = list(self._kept)[-min(self._noted - self._learnt, KEPT) :]
        self._learnt = self._noted
        new = [change for change in map(self._change, fresh) if change is not None]
        if self.first_at is None and new:
            self.first_at = new[0].at
        known = self.changes[-3:]
        self.changes = [*self.changes, *new][-KEPT:]
        steps = [*known, *new]
        for place in range(len(known), len(steps)):
            self._learn_step(steps[max(0, place - 3) : place + 1])
        self._judge_registers()

    def reach(self, elapsed_s: float) -> float:
        """The most counts possible in a time; without `max_rate` what no machine exceeds between two readings."""
        rate = self.place.settings.max_rate
        return _SMALL if rate is None else rate * elapsed_s * REACH_MARGIN + REACH_SLACK

    def _change(self, sample: Sample) -> Change | None:
        raw = sample.value
        if isinstance(raw, bool) or not (isinstance(raw, int) or (isinstance(raw, float) and raw.is_integer())):
            return None
        is_down = self.place.settings.direction is CountDirection.DOWN
        value = self.place.settings.limit - int(raw) if is_down else int(raw)
        return Change(value, int(raw), sample.at)

    def _learn_step(self, last: list[Change]) -> None:
        """The newest of the last changes came; the step before it is known now to have been one of pieces or not."""
        newest = last[-1]
        self.beyond_limit = self.beyond_limit + 1 if self.is_impossible(newest) else 0
        self.moves += len(last) > 1
        if len(last) < 4:
            return
        steps = [after.value - before.value for before, after in itertools.pairwise(last)]
        if min(steps) < 0:  # a reset, a restore after it, or a misread value beside it
            return
        before, after = last[1:3]
        step, elapsed_s = steps[1], _passed_s(before, after)
        if step <= max(_SMALL, 2 * self.reach(elapsed_s)):
            self.counted += step
            self.peak = max(self.peak, step / max(elapsed_s, 0.05))
        self._note_pace(after)

    def _note_pace(self, change: Change) -> None:
        if self._window is None:
            self._window = (change.at, self.counted)
        begin, counted = self._window
        passed_s = (change.at - begin).total_seconds()
        if passed_s >= PACE_WINDOW_S:
            self.pace = max(self.pace, (self.counted - counted) / passed_s)
            self._window = None

    def _judge_registers(self) -> None:
        newest = [change.raw for change in self.changes[-RECENT:]]
        shape, before = self._shape(newest), self.shape
        if shape is not Shape.UNKNOWN:
            self.shape = shape
        match self.shape:
            case Shape.CALM:
                self.strange_low_moves = 0
            case Shape.HIGH_WORD:
                self.strange_low_moves = max(self.strange_low_moves, self._strange_low_moves())
            case Shape.UNKNOWN:
                pass
            case _:
                assert_never(self.shape)
        had_order = self.order is not None
        self._judge_order(newest)
        if self.shape is Shape.CALM and self.order is None and (had_order or before is Shape.HIGH_WORD):
            self.changes = self.changes[-LEAST_MOVES:]  # what it read before it was put right says nothing any more

    def _judge_order(self, newest: list[int]) -> None:
        """An order that was found holds until the counter is read as it should be: a reset between proves nothing."""
        point = self.place.point
        if not isinstance(point, ModbusPoint) or not is_plain_number(point) or len(newest) <= LEAST_MOVES:
            return
        better = better_order(point, newest)
        if better is None and self.shape is Shape.CALM:
            self.order = None
        elif better is not None and self.order is None and self._is_conclusive(point, newest, better):
            self.order = better

    def _shape(self, newest: list[int]) -> Shape:
        if isinstance(self.place.point, ModbusPoint) and self.place.point.width == 2:  # 32 bits in two registers
            high = sum(
                _low(before) == _low(after) and _high(before) < _high(after)
                for before, after in itertools.pairwise(newest)
            )
            if high >= LEAST_MOVES and 2 * high > len(newest) - 1:
                return Shape.HIGH_WORD
        pairs = list(itertools.pairwise(self.changes[-RECENT:]))
        small = sum(_is_small(before, after, self.reach(_passed_s(before, after))) for before, after in pairs)
        return Shape.CALM if small >= LEAST_MOVES and 2 * small > len(pairs) else Shape.UNKNOWN

    def _strange_low_moves(self) -> int:
        """How often the low register went from one lasting value to another, while the high one did not go back.

        A register that takes the carries of the other moves only when that one falls; a misread or a boot is over soon.
        """
        least_s = HELD_PERIODS * (self.place.period_s or 0.0)
        runs: list[list[Change]] = []
        for change in self.changes:
            if runs and _low(runs[-1][0].raw) == _low(change.raw):
                runs[-1].append(change)
            else:
                runs.append([change])
        ends = [*(run[0].at for run in runs[1:]), self.changes[-1].at]
        lasting = [run for run, end in zip(runs, ends, strict=True) if (end - run[0].at).total_seconds() >= least_s]
        return sum(
            _low(before[-1].raw) != _low(after[0].raw) and 0 <= _high(after[0].raw) - _high(before[-1].raw) <= _SMALL
            for before, after in itertools.pairwise(lasting)
        )

    def _is_conclusive(self, point: ModbusPoint, newest: list[int], better: ByteOrder) -> bool:
        """Whether nothing but a wrong order moves like this, such as a counter that counts by 256."""
        if point.width > 1 and moves_by_whole_words(newest):
            return True
        if takes_carry(newest, values_in(point, newest, better)):
            return True
        pairs = list(itertools.pairwise(self.changes[-RECENT:]))
        beyond = sum(after.value - before.value > self.reach(_passed_s(before, after)) for before, after in pairs)
        return self.place.settings.max_rate is not None and 2 * beyond > len(pairs)


def _is_small(before: Change, after: Change, reach: float) -> bool:
    """Whether it is a step that a counter makes, and one that moves its lowest byte."""
    step = after.value - before.value
    return 0 < step <= reach and step % 256 != 0


def _high(raw: int) -> int:
    return raw >> 16 & _WORD


def _low(raw: int) -> int:
    return raw & _WORD


def _passed_s(before: Change, after: Change) -> float:
    return (after.at - before.at).total_seconds()
