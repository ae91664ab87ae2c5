"""Every figure of a period, from what was read for it. Nothing is read here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from genba_cloud.core.facts.material import StockFacts
from genba_cloud.core.facts.timeline import StateInterval
from genba_cloud.core.kpis import (
    Busy,
    Changed,
    Entry,
    Figure,
    Inspected,
    NodeSeen,
    OrderSeen,
    Period,
    StationSeen,
    allocation_ratio,
    availability,
    busy_times,
    changeover,
    completion_trend,
    first_pass_yield,
    inventory_days,
    lead_time,
    on_time,
    on_time_updates,
    operation_time,
    promise_attainment,
    quality_ratio,
    throughput_rate,
    utilisation_efficiency,
    visibility,
    waiting,
)
from genba_cloud.core.working_time import ALWAYS_WORKING, Calendar
from genba_shared.events import (
    DispatchClosed,
    DispatchOpened,
    Event,
    EventVoided,
    LateUpdateFlagged,
    MaterialConsumed,
    MaterialIssued,
    NodeCompleted,
    NodeConfirmed,
    QualityRecorded,
    QualityResult,
    SourceType,
    StationChangedOver,
)

FIGURE_KINDS: Final = (
    "dispatch_closed",
    "dispatch_opened",
    "event_voided",
    "late_update_flagged",
    "material_consumed",
    "material_issued",
    "node_completed",
    "node_confirmed",
    "quality_recorded",
    "station_changed_over",
)
_PEOPLE: Final = frozenset({SourceType.PERSON, SourceType.SCAN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was read of orders: those of the period, those that are open now, and the events of the period."""

    orders: Sequence[OrderSeen]
    open_orders: Sequence[OrderSeen]
    events: Sequence[Event]
    stocks: Sequence[StockFacts]
    update_within_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What was read of stations. `worked_at`: (station, work order), which tells at which site a station stands."""

    timelines: Mapping[str, tuple[StateInterval, ...]]
    heard: Mapping[str, datetime]
    worked_at: Sequence[tuple[str, str]]
    calendar_of: Callable[[str], Calendar]


NO_FLOOR: Final = Floor(timelines={}, heard={}, worked_at=(), calendar_of=lambda _site: ALWAYS_WORKING)
"""For figures of orders alone."""


def figures_of(known: Known, floor: Floor, period: Period, now: datetime) -> tuple[Figure, ...]:
    """All of them, in the order of the reference."""
    voided = {one.target for one in known.events if isinstance(one, EventVoided)}
    events = [one for one in known.events if one.id not in voided]
    nodes = [node for order in known.orders for node in order.nodes]
    current = [node for order in (*known.open_orders, *known.orders) for node in order.nodes]
    stations = _stations(floor, current, events)
    flagged = {(one.work_order or "", one.node or "") for one in events if isinstance(one, LateUpdateFlagged)}
    busy = busy_times(stations, _dispatched(events, min(period.end, now)))
    return (
        lead_time(known.orders, period),
        promise_attainment(known.orders, period),
        on_time(known.orders, period),
        completion_trend(nodes, period),
        waiting(nodes, period),
        operation_time(nodes, period),
        changeover(_changed(events), period),
        visibility(current, floor.heard, now),
        inventory_days(known.stocks, _used(events), period),
        on_time_updates(_entries(events), flagged, period, within_s=known.update_within_s),
        first_pass_yield(_inspected(events), period),
        utilisation_efficiency(stations),
        availability(stations),
        quality_ratio(nodes, period),
        allocation_ratio(known.orders, busy, Period(begin=period.begin, end=min(period.end, now))),
        throughput_rate(known.orders, period),
    )


def _stations(floor: Floor, nodes: Iterable[NodeSeen], events: Iterable[Event]) -> list[StationSeen]:
    """Stations with the calendar of the site whose work they do; None where that is not known, or not one."""
    sites = {node.work_order: node.site for node in nodes}
    worked_at = [
        *floor.worked_at,
        *((one.station or "", one.work_order or "") for one in events if isinstance(one, DispatchOpened)),
    ]
    stands: dict[str, set[str]] = {}
    for station, work_order in worked_at:
        if work_order in sites:
            stands.setdefault(station, set()).add(sites[work_order])
    return [
        StationSeen(
            station=station,
            intervals=intervals,
            calendar=floor.calendar_of(next(iter(stands[station]))) if len(stands.get(station, ())) == 1 else None,
        )
        for station, intervals in sorted(floor.timelines.items())
    ]


def _dispatched(events: Iterable[Event], until: datetime) -> list[Busy]:
    """When each station had which work order: until it was closed, or another was opened there, or `until`."""
    found: list[Busy] = []
    running: dict[str, DispatchOpened] = {}

    def close(station: str, at: datetime) -> None:
        opened = running.pop(station, None)
        if opened is not None and opened.at < at:
            work_order = opened.work_order or ""
            found.append(Busy(station=station, work_order=work_order, begin=opened.at, end=at))

    spoken = (one for one in events if isinstance(one, DispatchOpened | DispatchClosed))
    for event in sorted(spoken, key=lambda one: (one.at, isinstance(one, DispatchOpened), one.id)):
        station = event.station or ""
        if isinstance(event, DispatchOpened):
            close(station, event.at)
            running[station] = event
        elif station in running and running[station].work_order == event.work_order:
            close(station, event.at)
    for station in list(running):
        close(station, until)
    return found


def _changed(events: Iterable[Event]) -> list[Changed]:
    return [
        Changed(station=one.station or "", begin=one.begin, end=one.end)
        for one in events
        if isinstance(one, StationChangedOver)
    ]


def _used(events: Iterable[Event]) -> dict[tuple[str, str], float]:
    """What left the stock, by item and unit; where nobody issues an item, what was consumed of it."""
    issued: dict[tuple[str, str], float] = {}
    consumed: dict[tuple[str, str], float] = {}
    for event in events:
        match event:
            case MaterialIssued():
                issued[event.item, event.uom] = issued.get((event.item, event.uom), 0.0) + event.amount
            case MaterialConsumed():
                consumed[event.item, event.uom] = consumed.get((event.item, event.uom), 0.0) + event.amount
            case _:
                pass
    return {**consumed, **issued}


def _entries(events: Iterable[Event]) -> list[Entry]:
    return [
        Entry(work_order=one.work_order or "", node=one.node or "", at=one.at, entered_at=one.entered_at)
        for one in events
        if isinstance(one, NodeCompleted | NodeConfirmed) and one.source.type in _PEOPLE and one.entered_at is not None
    ]


def _inspected(events: Iterable[Event]) -> list[Inspected]:
    return [
        Inspected(
            node=one.node or "",
            at=one.at,
            pieces=one.pieces,
            passed=one.pieces if one.result is QualityResult.PASSED else 0,
        )
        for one in events
        if isinstance(one, QualityRecorded) and not one.because
    ]
