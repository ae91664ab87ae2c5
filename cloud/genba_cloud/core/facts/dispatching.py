"""What a gateway is told about orders: only what its stations, zones and nodes need, and only as long as it is open."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from genba_cloud.core.facts.order import OrderFacts
from genba_cloud.core.facts.plan import WorkOrderPlan
from genba_cloud.core.facts.views import Lifecycle, Mark, OpenDispatch, StockTake, TagBinding, WorkOrderFacts
from genba_shared.dispatch_document import DispatchDocument, DispatchRow, OpenRow, StationDispatch
from genba_shared.dispatch_document import StockTake as SentStockTake
from genba_shared.dispatch_document import TagBinding as SentBinding


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A work order's plan and facts, and what was said of its order, where anything was."""

    plan: WorkOrderPlan
    facts: WorkOrderFacts
    order: OrderFacts | None = None

    def is_wanted(self) -> bool:
        """Whether anything may be done for it now: neither it nor its order is cancelled, and the order is not held."""
        is_withdrawn = self.order is not None and (self.order.is_cancelled or self.order.on_hold)
        return not (is_withdrawn or self.facts.is_cancelled)

    def is_open(self) -> bool:
        """Whether any of its nodes is not done, and any of them may still be."""
        is_given_up = self.facts.is_cancelled or (self.order is not None and self.order.is_cancelled)
        return not is_given_up and any(node.lifecycle is not Lifecycle.DONE for node in self.facts.nodes)

    def wants(self, code: str) -> bool:
        """Whether the node may still be worked on: planned, and neither done, nor held, nor claimed with its quantity.

        A claim below the quantity keeps its row: where more is wanted since, the gateway goes on with it; where the
        node was ended short on purpose, the gateway knows that it claimed it, and passes the row over.
        """
        node = self.facts.node(code)
        if node is None or node.on_hold or not self.is_wanted():
            return False
        return node.lifecycle in (Lifecycle.PENDING, Lifecycle.IN_PROGRESS) or (
            node.lifecycle is Lifecycle.AWAITING_CONFIRMATION and Mark.BELOW_QUANTITY in node.marks
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One row of a station's queue."""

    station: str
    work_order: str
    node: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """What a gateway sees, by its own word: stations, and the nodes and zones that it derives.

    `stocktakes`: those of the zones that people may correct by what they counted.
    """

    stations: Collection[str]
    zones: Collection[str]
    nodes: Collection[str]
    stocktakes: Collection[str] = ()


def dispatch_document(
    audience: Audience,
    *,
    work: Mapping[str, Work],
    queue: Sequence[Listed],
    open_at: Mapping[str, OpenDispatch],
    tags: Iterable[TagBinding],
    stock: Mapping[str, StockTake] | None = None,
) -> DispatchDocument:
    """The document for one gateway, as version 0.

    Args:
        audience: who reads it.
        work: open work orders, by id.
        queue: rows of all stations, each station's in their order.
        open_at: by station, what is dispatched there now.
        tags: bindings that hold now.
        stock: by zone, the last stock-take.
    """
    stations = {
        station: StationDispatch(
            open=_open_row(open_at.get(station), work),
            next=tuple(
                DispatchRow(work_order=row.work_order, node=row.node, quantity=row.quantity)
                for row in queue
                if row.station == station and row.work_order in work and work[row.work_order].wants(row.node)
            ),
        )
        for station in sorted(audience.stations)
    }
    wanted = {name: _quantities(one.plan, audience.nodes) for name, one in sorted(work.items()) if one.is_open()}
    bound = (tag for tag in tags if tag.work_order in work and work[tag.work_order].is_open() and audience.zones)
    return DispatchDocument(
        version=0,
        stations=stations,
        work_orders={name: nodes for name, nodes in wanted.items() if nodes},
        tags=tuple(
            SentBinding(tag=tag.tag, work_order=tag.work_order, pieces=tag.pieces, since=tag.since)
            for tag in sorted(bound, key=lambda tag: tag.tag)
        ),
        stock={
            zone: SentStockTake(id=one.id, at=one.at, count=one.count)
            for zone, one in sorted((stock or {}).items())
            if zone in audience.stocktakes
        },
        answered={name: pieces for name in wanted if (pieces := _answered(work[name].facts, audience.nodes))},
    )


def _open_row(dispatch: OpenDispatch | None, work: Mapping[str, Work]) -> OpenRow | None:
    if dispatch is None or not dispatch.explicit:
        return None
    one = work.get(dispatch.work_order)
    plan = one.plan.node(dispatch.node) if one else None
    if one is None or plan is None or not one.wants(dispatch.node):
        return None
    return OpenRow(
        work_order=dispatch.work_order,
        node=dispatch.node,
        quantity=dispatch.quantity or plan.quantity,
        since=dispatch.since,
    )


def _answered(facts: WorkOrderFacts, nodes: Collection[str]) -> dict[str, int]:
    return {node.node: node.answered for node in facts.nodes if node.node in nodes and node.answered}


def _quantities(plan: WorkOrderPlan, nodes: Collection[str]) -> dict[str, int]:
    return {node.node: node.quantity for node in plan.nodes if node.node in nodes}
