"""A counter of good pieces that never moves although its station works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from genba_edge.core.diagnosis.counter_rules import place_of_point, span_text
from genba_edge.core.diagnosis.counter_trace import CounterTrace
from genba_edge.core.diagnosis.finding import FindingCode, Sign, Sureness
from genba_edge.core.diagnosis.signal_trace import SignalTrace
from genba_shared.events import StationState
from genba_shared.texts import Text, say

__all__ = ["StationTrace", "ZoneBehind"]

NEVER_S: Final = 2 * 3600.0  # plant: running without any piece, of a counter that never moved
NEVER_WITHOUT_RATE_S: Final = 4 * 3600.0
PIECES_MISSING: Final = 1000  # at its max_rate: a machine a thousand times slower than that makes none
PAUSES: Final = 50  # times its mean time between two changes
LONGEST_PAUSES: Final = 5  # times the longest one that was seen
STOPPED_S: Final = 3600.0
LONGEST_LOOK_S: Final = 600.0  # plant: what was between two looks that are further apart nobody knows
ZONES_LEFT: Final = 2  # full zones that left meanwhile
OTHERS_MOVED: Final = 100  # counts of the station's other counters meanwhile: more than a set-up spoils


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneBehind:
    """A zone that only this station fills, the most pieces that it holds, and the counters of those that leave it."""

    zone: str
    most: int
    out: Sequence[CounterTrace]

    @property
    def left(self) -> int:
        """Pieces that left it since the start."""
        return sum(each.counted * each.place.settings.pieces_per_count for each in self.out)


@dataclass(slots=True)
class StationTrace:
    """One station's counter of good pieces, its other counters, the point that says what it does, what is behind it."""

    good: CounterTrace
    others: Sequence[CounterTrace]
    state: SignalTrace | None
    behind: ZoneBehind | None = None
    _looked_at: datetime | None = None
    _value: object = None
    _looks_away: int = 0
    _moved: int = 0
    _running_s: float = 0.0
    _longest_s: float = 0.0
    _sum_s: float = 0.0
    _others_at_change: dict[int, int] = field(default_factory=dict)
    _left_at_change: int = 0

    def look(self, now: datetime) -> Sign | None:
        """Note how long the station ran since the counter moved; a sign where that is too long.

        Call it every few seconds, also when nothing moves. A value that is back at the next look was misread.
        """
        begin, self._looked_at = self._looked_at, now
        if self.good.value == self._value:
            self._looks_away = 0
            if begin is not None and now > begin and self._is_running():
                self._running_s += min(LONGEST_LOOK_S, (now - begin).total_seconds())
        else:
            self._looks_away += 1
            if self._looks_away > 1 or self._value is None:
                self._note_move()
        if self._value is None:
            return None
        return self._sign_of_state(now) or self._sign_of_others(now) or self._sign_of_zone(now)

    def _note_move(self) -> None:
        if self._value is not None:
            self._moved += 1
            self._longest_s = max(self._longest_s, self._running_s)
            self._sum_s += self._running_s
        self._value, self._looks_away, self._running_s = self.good.value, 0, 0.0
        self._others_at_change = {place: each.counted for place, each in enumerate(self.others)}
        self._left_at_change = 0 if self.behind is None else self.behind.left

    def _is_running(self) -> bool:
        return self.state is not None and self.state.label == StationState.RUNNING

    def _patience_s(self) -> float:
        """How long a station may run without a piece."""
        rate = self.good.place.settings.max_rate
        if not self._moved:
            return NEVER_WITHOUT_RATE_S if rate is None else max(NEVER_S, PIECES_MISSING / rate)
        mean_s = self._sum_s / self._moved
        return max(STOPPED_S, PAUSES * mean_s, LONGEST_PAUSES * self._longest_s)

    def _sign_of_state(self, now: datetime) -> Sign | None:
        if self.state is None or self._running_s < self._patience_s():
            return None
        what = say(
            "finding-still-while-running",
            "{point} stands at {value} while {state} said running for {time}.",
            point=self.good.place.ref,
            value=self._value,
            state=self.state.place.ref,
            time=span_text(self._running_s),
        )
        return self._sign(what, now)

    def _sign_of_others(self, now: datetime) -> Sign | None:
        for place, other in enumerate(self.others):
            moved = other.counted - self._others_at_change.get(place, 0)
            if moved >= OTHERS_MOVED:
                what = say(
                    "finding-still-while-others-count",
                    "{point} stands at {value} while {other} of the same station counted {moved}.",
                    point=self.good.place.ref,
                    value=self._value,
                    other=other.place.ref,
                    moved=moved,
                )
                return self._sign(what, now)
        return None

    def _sign_of_zone(self, now: datetime) -> Sign | None:
        """More came out of the zone behind it than can have been in there."""
        left = 0 if self.behind is None else self.behind.left - self._left_at_change
        if self.behind is None or left <= ZONES_LEFT * self.behind.most:
            return None
        what = say(
            "finding-still-while-next-counts",
            "{point} stands at {value} while {pieces} pieces left zone {zone}, which holds {most} at most "
            "and which nothing else fills.",
            point=self.good.place.ref,
            value=self._value,
            pieces=left,
            zone=self.behind.zone,
            most=self.behind.most,
        )
        return self._sign(what, now)

    def _sign(self, what: Text, now: datetime) -> Sign:
        return Sign(
            code=FindingCode.COUNTER_FROZEN,
            ref=self.good.place.ref,
            what=what,
            fix=say(
                "finding-find-moving-point",
                "Name the point that counts: genba edge probe shows what moves beside it while the machine runs.",
            ),
            path=place_of_point(self.good),
            write="",
            sureness=Sureness.LIKELY,
            seen_at=now,
        )
