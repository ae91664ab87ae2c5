"""What the board draws: plain values with all words, dates and classes worked out, so that templates decide nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from genba_cloud.core.assess import AssessedOrder, NodeAssessment
from genba_cloud.core.deviation import Level
from genba_cloud.core.facts.views import ZoneFacts
from genba_cloud.store.read import GatewayRecord
from genba_cloud.web.words import Language, date_and_time, say
from genba_shared.clock import format_time
from genba_shared.events import Confidence

_GROUP: Final = {Level.RED: 0, Level.ORANGE: 1, Level.YELLOW: 2, Level.NONE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How things are said on one page: its language, the zone of its times, and the year that need not be written."""

    language: Language
    zone: tzinfo | None
    now: datetime

    def say(self, key: str, **values: object) -> str:
        """The words for `key`."""
        return say(self.language, key, **values)

    def when(self, at: datetime) -> When:
        """An instant for a page."""
        local = at.astimezone(self.zone)
        text = date_and_time(self.language, local, this_year=self.now.astimezone(self.zone).year)
        return When(machine=format_time(at), text=text, clock=f"{local:%H:%M}")

    def span(self, seconds: int) -> str:
        """A length of time in whole minutes: ``1:05`` h."""
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """An instant: for machines, as date and time, and as a time alone."""

    machine: str
    text: str
    clock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCell:
    """One node of the timeline. `done` and `total` are pieces; `total` None where the node is not planned."""

    status: str
    status_word: str
    label: str
    label_language: str
    done: int
    total: int | None
    marks: tuple[str, ...]
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One work order of a row."""

    work_order: str
    item: str
    pieces: str
    nodes: tuple[NodeCell, ...]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One order. `sort` is its place: red, orange, others, each by promise."""

    order: str
    sort: str
    customer: str
    level: str
    level_word: str
    percent: str
    promised: When
    planned: When
    expected: When
    late_for_promise: bool
    finished: bool
    data: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """Pieces in a zone. `counted`: the last stock-take; `may_count`: its viewer may enter one."""

    zone: str
    count: int
    error: str
    counted: str
    may_count: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway. `seen_ms` is wall time in ms since 1970, None where nothing was heard."""

    gateway: str
    online: bool
    word: str
    seen_ms: int | None
    age: str
    lost: str
    alarm: str


def row_of(order: AssessedOrder, shown: Shown) -> Row:
    """The row of an order."""
    plan, assessment = order.plan, order.assessment
    group = 3 if assessment.finished else _GROUP[assessment.level]
    return Row(
        order=plan.order,
        sort=f"{group} {format_time(plan.promised)} {plan.order}",
        customer=plan.customer,
        level=str(assessment.level),
        level_word=shown.say(f"level.{assessment.level}"),
        percent=f"{assessment.deviation.percent} %",
        promised=shown.when(plan.promised),
        planned=shown.when(order.baseline[1]),
        expected=shown.when(assessment.expected_finish),
        late_for_promise=assessment.expected_finish > plan.promised,
        finished=assessment.finished,
        data=shown.say("order.data_at", time=shown.when(order.data_at).clock)
        if order.data_at
        else shown.say("order.no_data"),
        lines=tuple(
            _line(work.work_order, work.item, work.quantity, assessment.nodes[work.work_order], shown)
            for work in plan.work_orders
            if assessment.nodes[work.work_order]  # a cancelled one is not drawn
        ),
    )


def rows_of(orders: Sequence[AssessedOrder], shown: Shown) -> list[Row]:
    """Rows in the order in which they stand on the board."""
    return sorted((row_of(order, shown) for order in orders), key=lambda row: row.sort)


def zones_of(zones: Sequence[ZoneFacts], shown: Shown, *, may_count: Collection[str] = ()) -> list[Zone]:
    """The WIP strip; `may_count` are the zones whose stock the viewer may take."""
    return [
        Zone(
            zone=zone.zone,
            count=zone.count,
            error=shown.say("wip.error", count=zone.error_estimate) if zone.error_estimate else "",
            counted=_counted(zone, shown),
            may_count=zone.zone in may_count,
        )
        for zone in zones
    ]


def _counted(zone: ZoneFacts, shown: Shown) -> str:
    taken = zone.stock_take
    return "" if taken is None else shown.say("stock.last", count=taken.count, time=shown.when(taken.at).text)


def gateways_of(gateways: Sequence[GatewayRecord], shown: Shown, *, wall: datetime) -> list[Gateway]:
    """The gateways with the age of their data; ages are wall time."""
    return [_gateway(record, shown, wall) for record in gateways]


def _line(work_order: str, item: str, quantity: int, nodes: Sequence[NodeAssessment], shown: Shown) -> Line:
    cells = tuple(cell_of(node, shown) for node in nodes)
    return Line(
        work_order=work_order,
        item=item,
        pieces=shown.say("order.pieces", count=quantity),
        nodes=cells,
        summary=f"{work_order}: " + "; ".join(cell.title for cell in cells),
    )


def cell_of(node: NodeAssessment, shown: Shown) -> NodeCell:
    """A node as it is shown."""
    labels = node.plan.label if node.plan else {}
    spoken = next((tag for tag in (shown.language, "en", *labels) if tag in labels), None)
    label = labels[spoken] if spoken else node.facts.node
    marks = [shown.say(f"mark.{mark}") for mark in node.facts.marks]
    if node.facts.confidence is Confidence.AMBIGUOUS and "ambiguous" not in node.facts.marks:
        marks.append(shown.say("mark.ambiguous"))
    if node.late_s is not None:
        marks.insert(0, shown.say("mark.late", time=f"+{shown.span(node.late_s)}"))
    word = shown.say(f"status.{node.status}")
    amount = f"{node.facts.good}/{node.facts.quantity}" if node.facts.quantity is not None else str(node.facts.good)
    return NodeCell(
        status=str(node.status),
        status_word=word,
        label=label,
        label_language=spoken if spoken and spoken != shown.language else "",
        done=node.facts.good,
        total=node.facts.quantity,
        marks=tuple(marks),
        title=", ".join([f"{label} {word} {amount}", *marks]),
    )


def _gateway(record: GatewayRecord, shown: Shown, wall: datetime) -> Gateway:
    lost = sorted(name for name, device in record.devices.items() if device.get("status") == "lost")
    age = shown.say("gateway.never")
    if record.seen_at is not None:
        age = shown.say("gateway.age", age=_age(int((wall - record.seen_at).total_seconds()), shown))
    return Gateway(
        gateway=record.gateway,
        online=record.online,
        word=shown.say("gateway.online" if record.online else "gateway.offline"),
        seen_ms=int(record.seen_at.timestamp() * 1000) if record.seen_at else None,
        age=age,
        lost=shown.say("gateway.lost", names=", ".join(lost)) if lost else "",
        alarm=shown.say("gateway.alarm") if record.alarm else "",
    )


def _age(seconds: int, shown: Shown) -> str:
    seconds = max(0, seconds)
    if seconds < 60:
        return shown.say("age.seconds", count=seconds)
    if seconds < 3600:
        return shown.say("age.minutes", count=seconds // 60)
    return shown.say("age.hours", count=seconds // 3600)
