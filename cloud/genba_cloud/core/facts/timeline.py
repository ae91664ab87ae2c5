"""What a station did between two instants, and how the time divides up: a fold of the set of its state events and gaps.

An event says that from its `since` on the station is in its state; of what was said before, that which lies after does
not hold any more. An interval that nobody observed (`data_gap_seen` of the device that the state comes from, or of its
gateway) is unknown, whatever was said about it, and so is the time before the first event and after `known_until`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from genba_shared.events import (
    DataGapSeen,
    Event,
    EventId,
    SourceType,
    StationChangedOver,
    StationState,
    StationStateChanged,
    fact_key,
)

_NOTHING: Final = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateInterval:
    """The station was in `state` from `since` until `until`; `reason` where more is known."""

    state: StationState
    since: datetime
    until: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOver:
    """From the last good piece of one work to the first good piece of the next."""

    begin: datetime
    end: datetime
    before: tuple[str, str]
    """(work order, node) of the work before."""
    after: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateTimes:
    """How long the station was in each state. Unknown time is a part of its own and never counts as anything else.

    In the words of ISO 22400-2, as OPC 40001-1 (Annex C.2) and OPC 40501-1 (Annex C.2.3) map the states of a machine:
    running is actual production time (APT), set-up actual unit setup time (AUST), down and blocked are actual unit
    delay time (ADET), idle is actual unit down time (ADOT). Off lies outside all of them.
    """

    by_state: Mapping[StationState, timedelta] = field(default_factory=dict)

    @property
    def total(self) -> timedelta:
        """The length of the whole interval."""
        return sum(self.by_state.values(), _NOTHING)

    def of(self, *states: StationState) -> timedelta:
        """How long the station was in one of these states."""
        return sum((self.by_state.get(state, _NOTHING) for state in states), _NOTHING)

    def share(self, state: StationState) -> float:
        """Part of the whole interval, unknown time included; all shares add up to 1."""
        return self.of(state) / self.total if self.total else 0.0

    @property
    def utilisation(self) -> float | None:
        """Running as a part of the known time; None where nothing is known."""
        known = self.total - self.of(StationState.UNKNOWN)
        return self.of(StationState.RUNNING) / known if known else None

    @property
    def utilisation_efficiency(self) -> float | None:
        """ISO 22400-2: APT / AUBT, where the actual unit busy time AUBT is APT + AUST + ADET."""
        states = (StationState.RUNNING, StationState.SETUP, StationState.DOWN, StationState.BLOCKED)
        busy = self.of(*states)
        return self.of(StationState.RUNNING) / busy if busy else None


class _Mark(NamedTuple):
    """From `since` on the station is in `state`, as a device of a gateway shows it."""

    since: datetime
    state: StationState
    reason: str | None
    gateway: str
    device: str


def timeline(
    events: Iterable[Event], *, begin: datetime, end: datetime, known_until: Mapping[str, datetime] | None = None
) -> tuple[StateInterval, ...]:
    """The states of one station from `begin` to `end`: without a hole, without an overlap, neighbours differ.

    Args:
        events: of the station, `station_state_changed`; of its gateways, `data_gap_seen`; others are left out. Needed
            are those in the interval, the last before it, and those after it that reach back into it.
        begin: the first instant.
        end: where it ends; an empty interval gives nothing.
        known_until: by gateway, until when everything that it saw has arrived; later nothing is known.
    """
    once = sorted({event.id: event for event in events}.values(), key=fact_key)
    marks = _marks(event for event in once if isinstance(event, StationStateChanged))
    gaps = _Gaps(event for event in once if isinstance(event, DataGapSeen))
    told: list[StateInterval] = []
    for number, mark in enumerate(marks):
        until = marks[number + 1].since if number + 1 < len(marks) else end
        until = min(until, end, (known_until or {}).get(mark.gateway, end))
        told.extend(
            StateInterval(state=mark.state, since=part[0], until=part[1], reason=mark.reason)
            for part in gaps.observed(mark, max(mark.since, begin), until)
        )
    return tuple(_joined(told, begin, end))


def times_of(intervals: Iterable[StateInterval]) -> StateTimes:
    """How long each state lasted."""
    by_state: dict[StationState, timedelta] = {}
    for interval in intervals:
        by_state[interval.state] = by_state.get(interval.state, _NOTHING) + (interval.until - interval.since)
    return StateTimes(by_state=by_state)


def changeovers(events: Iterable[Event], *, begin: datetime, end: datetime) -> tuple[ChangeOver, ...]:
    """The change-overs that ended between the two instants, in their order."""
    once = sorted({event.id: event for event in events}.values(), key=fact_key)
    return tuple(
        ChangeOver(
            begin=event.begin,
            end=event.end,
            before=(event.before_work_order, event.before_node),
            after=(event.work_order or "", event.node or ""),
        )
        for event in once
        if isinstance(event, StationChangedOver) and begin <= event.at < end
    )


def _marks(events: Iterable[StationStateChanged]) -> list[_Mark]:
    marks: list[_Mark] = []
    for event in events:
        since = min(event.since, event.at)
        while marks and marks[-1].since >= since:
            marks.pop()
        made = EventId.parse(event.id)
        device = event.source.ref.partition("/")[0] if event.source.type is SourceType.PLC else ""
        marks.append(_Mark(since, event.state, event.reason, made.gateway if made else "", device))
    return marks


class _Holes:
    """What nobody observed, as intervals in order that do not touch."""

    def __init__(self, parts: Iterable[tuple[datetime, datetime]] = ()) -> None:
        self._parts: list[tuple[datetime, datetime]] = []
        for begin, end in sorted(part for part in parts if part[0] < part[1]):
            if self._parts and begin <= self._parts[-1][1]:
                self._parts[-1] = (self._parts[-1][0], max(end, self._parts[-1][1]))
            else:
                self._parts.append((begin, end))

    def outside(self, since: datetime, until: datetime) -> Iterable[tuple[datetime, datetime]]:
        """The parts of an interval that lie in no hole."""
        for begin, end in self._parts[bisect_right(self._parts, since, key=lambda part: part[1]) :]:
            if begin >= until:
                break
            if since < begin:
                yield since, begin
            since = end
        if since < until:
            yield since, until

    def first_after(self, since: datetime) -> datetime | None:
        """When the first hole begins that does not begin before `since`."""
        place = bisect_left(self._parts, since, key=lambda part: part[0])
        return self._parts[place][0] if place < len(self._parts) else None


class _Gaps:
    """The holes by the device that was silent, and by the gateway whose events were lost."""

    def __init__(self, gaps: Iterable[DataGapSeen]) -> None:
        of_device: dict[tuple[str, str], list[tuple[datetime, datetime]]] = {}
        of_gateway: dict[str, list[tuple[datetime, datetime]]] = {}
        for gap in gaps:
            made = EventId.parse(gap.id)
            of_device.setdefault((made.gateway if made else "", gap.subject), []).append((gap.begin, gap.end))
            of_gateway.setdefault(gap.subject, []).append((gap.begin, gap.end))
        self._of_device = {key: _Holes(parts) for key, parts in of_device.items()}
        self._of_gateway = {gateway: _Holes(parts) for gateway, parts in of_gateway.items()}

    def observed(self, mark: _Mark, since: datetime, until: datetime) -> Iterable[tuple[datetime, datetime]]:
        """The parts of the mark's time in which somebody looked.

        A device is read again after a gap, and a change is told. Of a gateway whose events were lost the change may
        be among them: what was said before holds no more, until something is said again.
        """
        lost = self._of_gateway.get(mark.gateway, _NONE)
        first = lost.first_after(mark.since)
        until = until if first is None else min(until, first)
        for begin, end in self._of_device.get((mark.gateway, mark.device), _NONE).outside(since, until):
            yield from lost.outside(begin, end)


_NONE: Final = _Holes()


def _joined(told: Iterable[StateInterval], begin: datetime, end: datetime) -> Iterable[StateInterval]:
    """The intervals with unknown time between them, where neighbours that say the same are one."""
    at, open_interval = begin, None
    for interval in (*told, None):
        parts = [] if interval is None else [interval]
        since = end if interval is None else interval.since
        if at < since:
            parts.insert(0, StateInterval(state=StationState.UNKNOWN, since=at, until=since))
        for part in parts:
            at = part.until
            if open_interval is None:
                open_interval = part
            elif (open_interval.state, open_interval.reason) == (part.state, part.reason):
                open_interval = StateInterval(
                    state=part.state, since=open_interval.since, until=part.until, reason=part.reason
                )
            else:
                yield open_interval
                open_interval = part
    if open_interval is not None and begin < end:
        yield open_interval
