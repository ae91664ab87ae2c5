"""The events of the scripted week and when each arrives: a pure function without clock and dice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from genba_cloud.core.facts.plan import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.core.working_time import add
from genba_shared.events import (
    Basis,
    CodeScanned,
    CountsAssigned,
    Direction,
    Event,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    ProgressReported,
    Result,
    ShipmentMoved,
    ShipmentStatus,
    Source,
    SourceType,
    TagBound,
    TagPassed,
    WipChanged,
)
from tests.golden.week import happenings
from tests.golden.week.happenings import event_id, person
from tests.golden.week.shop import (
    CALENDARS,
    NANTONG,
    SUZHOU,
    TRANSFER,
    at,
    begin_of_work,
    duration_of,
    plans,
)

EPOCH: Final = "0123456789abcdef0123456789abcdef"
GATEWAYS: Final = {SUZHOU: "line-1", NANTONG: "line-2"}
SOONER_S: Final = 300
"""Each node takes five minutes less than planned."""
ROUNDS: Final = 8
"""A machine tells of its pieces so often."""
BUNDLE: Final = 10
"""Pieces of a bundle, which has a tag."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event, when it reaches the collector, and the gateway that brings it (None: a person, over the API)."""

    at: datetime
    event: Event
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class Worked:
    """When a node was really worked on."""

    order: str
    work: WorkOrderPlan
    node: NodePlan
    begin: datetime
    end: datetime

    @property
    def place(self) -> tuple[str, str]:
        """Order and node."""
        return self.order, self.node.node

    @property
    def number(self) -> int:
        """Of the order."""
        return int(self.order[2:])

    def part(self, share: int, of: int) -> datetime:
        """The instant at which so much of the working time was over."""
        calendar = CALENDARS[self.work.site]
        left = replace(self.node, planned_start=self.begin, planned_finish=self.end)
        return add(calendar, self.begin, duration_of(left, self.work.site) * share // of)


def worked(plan: OrderPlan) -> list[Worked]:
    """Each node of an order as it was really worked on, in its sequence."""
    found: list[Worked] = []
    for work in plan.work_orders:
        for node in work.nodes:
            calendar, place = CALENDARS[work.site], (plan.order, node.node)
            there = node.planned_start
            for need in node.needs():
                source = next(one for one in found if one.node.node == need.node)
                round_ = ROUNDS if need.transfer_quantity is None else -(-TRANSFER * ROUNDS // node.quantity)
                there = max(there, add(calendar, source.part(round_, ROUNDS), need.lag_s))
            number = int(plan.order[2:])
            begin = happenings.STARTS.get(place, begin_of_work(work.site, add(calendar, there, number % 3 * 120)))
            end = happenings.FINISHES.get(place, add(calendar, begin, duration_of(node, work.site) - SOONER_S))
            if any(need.transfer_quantity is not None for need in node.needs()):
                end = max(end, add(calendar, found[-1].end, SOONER_S))
            found.append(Worked(plan.order, work, node, begin, end))
    return found


def _machine(ref: str) -> Source:
    return Source(type=SourceType.PLC, ref=ref)


def _by_machine(one: Worked) -> Iterator[Event]:
    """A machine counts, and its gateway says when it began and ended."""
    machine = f"{one.node.node.lower()}{1 + one.number % 6}"
    common: dict[str, Any] = {
        "source": _machine(f"{machine}/good"),
        "station": machine.upper(),
        "work_order": one.work.work_order,
        "node": one.node.node,
        "site": one.work.site,
    }
    counted = happenings.COUNTED.get(one.place, one.node.quantity)
    yield NodeStarted(id="", at=one.begin, **common)
    before, total = one.begin, 0
    for number in range(1, ROUNDS + 1):
        now, upto = one.part(number, ROUNDS), counted * number // ROUNDS
        yield PiecesCounted(
            id="",
            at=now,
            since=before,
            point=f"{machine}/good",
            result=Result.GOOD,
            delta=upto - total,
            total=upto,
            counter_epoch=one.number,
            **common,
        )
        before, total = now, upto
    if one.place not in happenings.UNSAID:
        pieces = happenings.CLAIMED.get(one.place, one.node.quantity)
        yield NodeCompleted(id="", at=one.end, pieces=pieces, **common)


def _by_tags(one: Worked) -> Iterator[Event]:
    """Bundles with tags leave the packing zone; the gateway says that the node is complete with the last."""
    common: dict[str, Any] = {
        "source": Source(type=SourceType.RFID, ref="gate-1"),
        "work_order": one.work.work_order,
        "node": one.node.node,
        "site": one.work.site,
    }
    yield NodeStarted(id="", at=one.begin, **common)
    bundles = _bundles(one)
    for number, (tag, pieces) in enumerate(bundles, start=1):
        now = one.part(number, len(bundles))
        yield TagPassed(
            id="",
            at=now,
            read_point="packing-out",
            reader="gate-1",
            tag=tag,
            direction=Direction.LEAVE,
            first_seen=now,
            last_seen=now,
            reads=7,
            zone="packing",
            pieces=pieces,
            **common,
        )
    if one.place not in happenings.UNSAID:
        pieces = happenings.CLAIMED.get(one.place, one.node.quantity)
        yield NodeCompleted(id="", at=one.end, pieces=pieces, basis=Basis.TAGS, **common)


def _bundles(one: Worked) -> list[tuple[str, int]]:
    """Tags with their pieces."""
    pieces = happenings.CLAIMED.get(one.place, one.node.quantity)
    sizes = [min(BUNDLE, pieces - begin) for begin in range(0, pieces, BUNDLE)]
    return [(f"E28{one.number:03d}{number:02d}", size) for number, size in enumerate(sizes)]


def _by_people(one: Worked) -> Iterator[Event]:
    """An operator scans the label of the order at the begin, halfway and at the end."""
    who = person(f"op-{one.number}")
    common: dict[str, Any] = {
        "source": who,
        "work_order": one.work.work_order,
        "node": one.node.node,
        "site": one.work.site,
    }

    def name(word: str) -> str:
        return event_id(word, *one.place)

    scanned: dict[str, Any] = {key: value for key, value in common.items() if key != "site"}
    yield CodeScanned(id=name("scanned"), at=one.begin, code_id=f"code-{one.order}", order=one.order, **scanned)
    yield NodeStarted(id=name("started"), at=one.begin, **common)
    pieces = happenings.CLAIMED.get(one.place, one.node.quantity)
    yield ProgressReported(id=name("half"), at=one.part(1, 2), pieces=pieces // 2, quantity=one.node.quantity, **common)
    if one.place not in happenings.UNSAID:
        entered = happenings.ENTERED.get(one.place, one.end + timedelta(minutes=1))
        yield NodeCompleted(id=name("completed"), at=one.end, entered_at=entered, pieces=pieces, **common)


def _shipments(nodes: list[Worked]) -> Iterator[Event]:
    """The lorry to Nantong leaves with the last piece and arrives after two working hours."""
    sewn = next(one for one in nodes if one.node.node == "SEW")
    finish = next(one for one in nodes if one.node.node == "FINISH")
    lorry = Source(type=SourceType.CARRIER, ref="lorry-1")
    for status, when in ((ShipmentStatus.PICKED_UP, sewn.end), (ShipmentStatus.ARRIVED, finish.begin)):
        yield ShipmentMoved(
            id=event_id("shipment", sewn.order, status),
            at=when,
            source=lorry,
            shipment=f"S-{sewn.order}",
            status=status,
            order=sewn.order,
            work_order=sewn.work.work_order,
            carrier="lorry-1",
        )


def _of_order(plan: OrderPlan) -> Iterator[tuple[str | None, Event, datetime | None]]:
    nodes = [one for one in worked(plan) if one.place not in happenings.UNTOUCHED]
    for one in nodes:
        gateway = GATEWAYS[one.work.site]
        if one.node.node in {"CUT", "FINISH"}:
            yield from ((gateway, event, None) for event in _by_machine(one))
        elif one.node.node == "PACK" and one.work.site == SUZHOU:
            binding = person(f"op-{one.number}")
            for tag, pieces in _bundles(one):
                name = event_id("bound", tag)
                bound = TagBound(
                    id=name, at=one.begin, source=binding, work_order=one.work.work_order, tag=tag, pieces=pieces
                )
                yield None, bound, None
            yield from ((gateway, event, None) for event in _by_tags(one))
        else:
            late = happenings.ARRIVES.get(one.place)
            said = list(_by_people(one))
            yield from ((None, event, late) for event in (reversed(said) if late else said))
    if nodes and nodes[-1].work.site == NANTONG:
        yield from ((None, event, None) for event in _shipments(nodes))


def _floor() -> Iterator[Event]:
    """What gateways tell of zones, and of pieces that are nobody's."""
    before = 0
    for day, clock, count in happenings.ZONE_COUNTS:
        yield WipChanged(
            id="",
            at=at(day, clock),
            source=_machine("gate-1"),
            site=SUZHOU,
            zone="sewing",
            count=count,
            by=count - before,
        )
        before = count
    yield PiecesCounted(
        id="",
        at=at("Tue", "16:00"),
        since=at("Tue", "15:30"),
        source=_machine("cut9/good"),
        site=SUZHOU,
        station="CUT-9",
        point="cut9/good",
        result=Result.GOOD,
        delta=20,
        total=20,
        counter_epoch=1,
    )


def arrivals() -> tuple[Arrival, ...]:
    """Every event of the week with its arrival, in the order of arrival; a gateway numbers its events by their time."""
    found = [told for plan in plans() for told in _of_order(plan)]
    found += [(GATEWAYS[SUZHOU], event, None) for event in _floor()]
    by_gateway = [
        arrival
        for gateway in GATEWAYS.values()
        for arrival in _numbered(gateway, [event for name, event, _ in found if name == gateway])
    ]
    unowned = next(one.event for one in by_gateway if one.event.station == "CUT-9")
    said = [(event, late) for name, event, late in found if name is None]
    said += [(_aimed(event, unowned.id), None) for event in happenings.said_by_people()]
    people = [Arrival(late or event.entered_at or event.at, event) for event, late in said]
    return tuple(sorted((*by_gateway, *people), key=lambda one: one.at))


def _numbered(gateway: str, events: list[Event]) -> Iterator[Arrival]:
    lost, back = happenings.OUTAGE
    for seq, event in enumerate(sorted(events, key=lambda one: one.at), start=1):
        is_lost = gateway == GATEWAYS[SUZHOU] and lost <= event.at < back
        named = replace(event, id=f"{gateway}:{EPOCH}:{seq}")
        yield Arrival(back if is_lost else event.at, named, gateway)


def _aimed(event: Event, unowned: str) -> Event:
    return replace(event, target=unowned) if isinstance(event, CountsAssigned) else event
