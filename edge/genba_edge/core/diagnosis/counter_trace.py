"""What is remembered of one counter: its last changes, its pace, and how its registers move."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from genba_edge.core.counter import REACH_MARGIN, REACH_SLACK
from genba_edge.core.diagnosis.orders import better_order, is_plain_number, moves_by_whole_words
from genba_edge.core.observations import Quality, Sample
from genba_shared.device_map.model import ByteOrder, CountDirection, CounterSettings, ModbusPoint, Point, PointRef
from genba_shared.events import Result

KEPT: Final = 32  # changes of a counter that are looked at together
RECENT: Final = 8  # the newest of them, by which the order of its registers is judged
LEAST_MOVES: Final = 4  # of the high register alone, before anything is said about it
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
    def is_new(self) -> bool:
        """Whether it was never read, or has its first value still."""
        return self._noted <= 1

    @property
    def changed_at(self) -> datetime | None:
        """When its value was first read; None before the first reading."""
        return self._kept[-1].at if self._kept else None

    @property
    def is_beyond_limit(self) -> bool:
        """Whether its last value is one that the counter cannot have."""
        return bool(self.changes) and not 0 <= self.changes[-1].value <= self.place.settings.limit

    def learn(self) -> None:
        """Work out what the samples since the last call say."""
        fresh = min(self._noted - self._learnt, KEPT)
        self._learnt = self._noted
        self.changes = [change for change in map(self._change, self._kept) if change is not None]
        if self.first_at is None and self.changes:
            self.first_at = self.changes[0].at
        recent = self.changes[-fresh - 1 :]
        for before, after in itertools.pairwise(recent):
            self._learn_step(before, after)
        self._judge_registers(recent)

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

    def _learn_step(self, before: Change, after: Change) -> None:
        self.moves += 1
        limit = self.place.settings.limit
        self.beyond_limit = 0 if 0 <= after.value <= limit else self.beyond_limit + 1
        step, elapsed_s = after.value - before.value, (after.at - before.at).total_seconds()
        if self._window is None:
            self._window = (before.at, self.counted)
        if 0 < step <= limit // 2 and step <= max(_SMALL, 2 * self.reach(elapsed_s)):
            self.counted += step
            self.peak = max(self.peak, step / max(elapsed_s, 0.05))
        begin, counted = self._window
        passed_s = (after.at - begin).total_seconds()
        if passed_s >= PACE_WINDOW_S:
            self.pace = max(self.pace, (self.counted - counted) / passed_s)
            self._window = None

    def _judge_registers(self, recent: list[Change]) -> None:
        newest = [change.raw for change in self.changes[-RECENT:]]
        moves = [_move(before, after) for before, after in itertools.pairwise(newest)]
        self.shape = self._shape(moves)
        if self.shape is Shape.HIGH_WORD:
            fresh = (_move(before.raw, after.raw) for before, after in itertools.pairwise(recent))
            self.strange_low_moves += sum(move is _Move.STRANGE for move in fresh)
        elif self.shape is Shape.CALM:
            self.strange_low_moves = 0
        self._judge_order(newest)

    def _shape(self, moves: list[_Move]) -> Shape:
        if isinstance(self.place.point, ModbusPoint) and self.place.point.width == 2:  # 32 bits in two registers
            high = moves.count(_Move.HIGH)
            if high >= LEAST_MOVES and 2 * high > len(moves):
                return Shape.HIGH_WORD
        pairs = list(itertools.pairwise(self.changes[-RECENT:]))
        small = sum(
            0 < after.value - before.value <= self.reach((after.at - before.at).total_seconds())
            for before, after in pairs
        )
        is_calm = small >= LEAST_MOVES and 2 * small > len(pairs)
        return Shape.CALM if is_calm else Shape.UNKNOWN

    def _judge_order(self, newest: list[int]) -> None:
        point = self.place.point
        if not isinstance(point, ModbusPoint) or not is_plain_number(point) or len(newest) <= LEAST_MOVES:
            return
        order = better_order(point, newest)
        if order is None or (order is not self.order and not self._is_conclusive(point, newest)):
            order = None
        self.order = order

    def _is_conclusive(self, point: ModbusPoint, newest: list[int]) -> bool:
        """Whether nothing but a wrong order moves like this, such as a counter that counts by 256."""
        if point.width > 1 and moves_by_whole_words(newest):
            return True
        steps = [after - before for before, after in itertools.pairwise(newest)]
        if any(step < 0 for step in steps) and any(step > 0 for step in steps):
            return True
        changes = self.changes[-RECENT:]
        beyond = sum(
            after.value - before.value > self.reach((after.at - before.at).total_seconds())
            for before, after in itertools.pairwise(changes)
        )
        return self.place.settings.max_rate is not None and 2 * beyond > len(steps)


class _Move(StrEnum):
    HIGH = "high"
    """The high register counted, the low one stood still."""
    CARRY = "carry"
    """The high register went through 0, as a register that counts does."""
    STRANGE = "strange"
    """The low register moved without that."""


def _move(before: int, after: int) -> _Move:
    high = (after >> 16 & _WORD) - (before >> 16 & _WORD)
    low = (after & _WORD) - (before & _WORD)
    if low == 0 and high > 0:
        return _Move.HIGH
    return _Move.CARRY if high < 0 else _Move.STRANGE
