"""Figures of stations, in the words of ISO 22400-2:2014, with the elements that they are made of.

Running is actual production time (APT), set-up actual unit setup time (AUST), down and blocked are actual unit delay
time (ADET); together they are the actual unit busy time (AUBT). Time that nobody saw is in none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from genba_cloud.core.facts.timeline import StateInterval, StateTimes, times_of
from genba_cloud.core.kpis.model import Figure, Kpi, OrderSeen, Part, Period, Unit, mean, parts_of, ratio
from genba_cloud.core.working_time import Calendar, working_seconds
from genba_shared.events import StationState

_BUSY: Final = frozenset({StationState.RUNNING, StationState.SETUP, StationState.DOWN, StationState.BLOCKED})
_NOTHING: Final = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSeen:
    """What a station did in the period. `calendar` None: nobody knows at which site it stands."""

    station: str
    intervals: tuple[StateInterval, ...]
    calendar: Calendar | None = None

    @property
    def times(self) -> StateTimes:
        """How long it was in each state."""
        return times_of(self.intervals)

    @property
    def planned_busy_s(self) -> int | None:
        """PBT: working time of its site, as far as anybody saw what the station did; None: its site is not known."""
        if self.calendar is None:
            return None
        seen = (one for one in self.intervals if one.state is not StationState.UNKNOWN)
        return sum(working_seconds(self.calendar, one.since, one.until) for one in seen)

    @property
    def producing_s(self) -> int:
        """APT within the working time of its site."""
        running = [one for one in self.intervals if one.state is StationState.RUNNING]
        if self.calendar is None:
            return int(sum((one.until - one.since for one in running), _NOTHING).total_seconds())
        return sum(working_seconds(self.calendar, one.since, one.until) for one in running)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A change-over of a station."""

    station: str
    begin: datetime
    end: datetime


def changeover(changes: Iterable[Changed], period: Period) -> Figure:
    """Mean time from the last good piece of one work to the first good piece of the next, of those that ended in the
    period, by station."""
    times: dict[str, list[float]] = {}
    for change in changes:
        if period.has(change.end):
            times.setdefault(change.station, []).append((change.end - change.begin).total_seconds())
    every = [one for some in times.values() for one in some]
    return Figure(kpi=Kpi.CHANGEOVER, unit=Unit.SECONDS, value=mean(every), counted=len(every), parts=parts_of(times))


def utilisation_efficiency(stations: Sequence[StationSeen]) -> Figure:
    """ISO 22400-2: APT / AUBT, of all stations together and of each."""
    times = [(station.station, station.times) for station in stations]
    elements = {
        "APT_s": _seconds(times, StationState.RUNNING),
        "AUST_s": _seconds(times, StationState.SETUP),
        "ADET_s": _seconds(times, StationState.DOWN, StationState.BLOCKED),
    }
    busy = sum(elements.values())
    unknown = _seconds(times, StationState.UNKNOWN)
    parts = tuple(
        Part(name=name, value=each.utilisation_efficiency, counted=1)
        for name, each in times
        if each.utilisation_efficiency is not None
    )
    return Figure(
        kpi=Kpi.UTILISATION_EFFICIENCY,
        unit=Unit.SHARE,
        value=ratio(elements["APT_s"], busy),
        counted=len(parts),
        elements={**elements, "AUBT_s": busy, "unknown_s": unknown} if parts else {},
        parts=parts,
    )


def availability(stations: Sequence[StationSeen]) -> Figure:
    """ISO 22400-2: APT / PBT within the working time of each station's site, as far as anybody saw it."""
    known = [(one, planned) for one in stations if (planned := one.planned_busy_s)]
    producing, planned = sum(one.producing_s for one, _ in known), sum(planned for _, planned in known)
    return Figure(
        kpi=Kpi.AVAILABILITY,
        unit=Unit.SHARE,
        value=ratio(producing, planned),
        counted=len(known),
        elements={"APT_s": producing, "PBT_s": planned} if known else {},
        parts=tuple(Part(name=one.station, value=one.producing_s / planned, counted=1) for one, planned in known),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """From `begin` on, until `end`, a station had a work order."""

    station: str
    work_order: str
    begin: datetime
    end: datetime


def busy_times(stations: Sequence[StationSeen], dispatched: Iterable[Busy]) -> dict[str, float]:
    """By work order, the seconds in which a station that had it was busy (AUBT)."""
    intervals = {one.station: [each for each in one.intervals if each.state in _BUSY] for one in stations}
    found: dict[str, float] = {}
    for span in dispatched:
        for each in intervals.get(span.station, ()):
            shared = min(each.until, span.end) - max(each.since, span.begin)
            if shared > _NOTHING:
                found[span.work_order] = found.get(span.work_order, 0.0) + shared.total_seconds()
    return found


def allocation_ratio(orders: Iterable[OrderSeen], busy: Mapping[str, float], period: Period) -> Figure:
    """ISO 22400-2: AUBT / AOET. How much of an order's execution in the period stations were busy with it.

    The rest is waiting and transport. Orders of which no station was seen busy are left out. Above 1: several stations
    work on an order at once.
    """
    parts: list[Part] = []
    busy_s, execution_s = 0.0, 0.0
    for order in orders:
        begun = order.begun_at
        worked = sum(busy.get(work, 0.0) for work in dict.fromkeys(node.work_order for node in order.nodes))
        if begun is None or not worked:
            continue
        length = (min(order.finished_at or period.end, period.end) - max(begun, period.begin)).total_seconds()
        if length > 0:
            busy_s, execution_s = busy_s + worked, execution_s + length
            parts.append(Part(name=order.order, value=worked / length, counted=1))
    return Figure(
        kpi=Kpi.ALLOCATION_RATIO,
        unit=Unit.SHARE,
        value=ratio(busy_s, execution_s),
        counted=len(parts),
        elements={"AUBT_s": busy_s, "AOET_s": execution_s} if parts else {},
        parts=tuple(sorted(parts, key=lambda part: (part.value or 0.0, part.name))[:20]),
    )


def _seconds(times: Iterable[tuple[str, StateTimes]], *states: StationState) -> float:
    return sum(each.of(*states).total_seconds() for _, each in times)
