"""What a viewer may know of labels and of the nodes behind them: the visibility function stands in front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.visible import Desk, assessed
from genba_cloud.api.writing import source_of_viewer
from genba_cloud.core.actions import (
    Actor,
    Already,
    NodeAction,
    NodePlace,
    OrderSaid,
    Preview,
    WorkSeen,
    act_of_node,
    actor_of,
    aim,
    places_of,
    previews,
    said_of_order,
    usual_action,
    work_orders_behind,
)
from genba_cloud.core.assess import AssessedOrder, NodeAssessment
from genba_cloud.core.facts import WorkOrderPlan
from genba_cloud.core.scan_codes import Mistyped, read_code
from genba_cloud.core.viewer import Sight, Subject, Viewer, may, sight, without_names
from genba_cloud.store.floor import Floor, ScanCode
from genba_cloud.store.read import OrderRecord
from genba_cloud.store.work import facts_with


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSeen:
    """A node as somebody who scans sees it: where it stands, and what each action would do."""

    place: NodePlace
    assessment: NodeAssessment | None
    usual: NodeAction | None
    previews: tuple[Preview, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSeen:
    """What a label stands for. `just_done`: the same person entered something here a moment ago; a second scan of one
    label does nothing more by itself."""

    code: ScanCode
    order: AssessedOrder
    nodes: tuple[NodeSeen, ...]
    just_done: datetime | None


class VisibleFloor:
    """Bound to one viewer. Every method is synchronous and raises ApiProblem 403 for what is hidden."""

    def __init__(self, desk: Desk, viewer: Viewer) -> None:
        self._desk = desk
        self._viewer = viewer

    @property
    def actor(self) -> Actor:
        """The viewer as whoever acts."""
        return actor_of(self._viewer, source_of_viewer(self._viewer))

    def may_do(self, action: NodeAction) -> bool:
        """Whether the viewer may do this with a node at all."""
        return may(self._viewer, act_of_node(action), enterprise=self._desk.enterprise)

    def code(self, text: str) -> ScanCode:
        """The label that was scanned or typed.

        Raises:
            ApiProblem: 422 where it is mistyped, 404 where it is not known, 410 where it was revoked.
        """
        read = read_code(text)
        if isinstance(read, Mistyped):
            raise ApiProblem(422, read.reason, why="mistyped")
        with self._desk.reads.floor() as floor:
            found = floor.code(read)
        if found is None:
            raise ApiProblem(404, "no label has this code here", why="unknown")
        if found.revoked_at is not None:
            raise ApiProblem(410, "this label was revoked: scan the new one, or ask for one", why="revoked")
        return found

    def codes_of(self, order: str) -> tuple[ScanCode, ...]:
        """Every label of an order, revoked ones too.

        Raises:
            ApiProblem: 404, there is no such order.
        """
        self._record(order)
        with self._desk.reads.floor() as floor:
            return floor.codes_of(order)

    def scanned(self, text: str, *, work_order: str | None = None, node: str | None = None) -> ScanSeen:
        """What a label stands for, or one node of an order's label. Raises as `code`."""
        code = self.code(text)
        record = self._record(code.order)
        wanted = (code.work_order or work_order, code.node or node)
        seen, order = self._nodes(record, *wanted)
        if not seen:
            raise ApiProblem(404, "there is no such node behind this label", why="unknown")
        return ScanSeen(code=code, order=order, nodes=seen, just_done=self._just_done([one.place for one in seen]))

    def node(self, work_order: str, node: str) -> NodeSeen:
        """One node as it stands.

        Raises:
            ApiProblem: 404, there is no such node.
        """
        record = self._desk.reads.work_order(work_order)
        seen = self._nodes(record, work_order, node)[0] if record is not None else ()
        if not seen:
            raise ApiProblem.not_found(f"node {node!r:.100} of work order {work_order!r:.100}")
        return seen[0]

    def _record(self, order: str) -> OrderRecord:
        record = self._desk.reads.get_order(order)
        if record is None:
            raise ApiProblem.not_found(f"order {order!r:.100}")
        return record

    def _nodes(
        self, record: OrderRecord, work_order: str | None, node: str | None
    ) -> tuple[tuple[NodeSeen, ...], AssessedOrder]:
        seen = sight(self._viewer, Subject.ORDERS, enterprise=self._desk.enterprise)
        if seen is Sight.NOTHING:
            raise ApiProblem(403, "this needs the right to read orders")
        now = self._desk.now()
        order = assessed(record, now, self._desk.policy)
        if seen is not Sight.ALL:
            order = AssessedOrder(
                plan=without_names(order.plan),
                baseline=order.baseline,
                data_at=order.data_at,
                assessment=order.assessment,
            )
        with self._desk.reads.floor() as floor:
            works = self._works(record, floor)
        events = {work.plan.work_order: work.events for work in works}
        mine = {work.work_order for work in record.plan.work_orders}
        found = tuple(
            NodeSeen(
                place=place,
                assessment=_assessment(order, place),
                usual=usual_action(place),
                previews=previews(place, events[place.work.work_order], self.actor, now),
            )
            for place in places_of(works)
            if place.work.work_order in mine
            and work_order in {None, place.work.work_order}
            and node in {None, place.plan.node}
        )
        return found, order

    def _works(self, record: OrderRecord, floor: Floor) -> list[WorkSeen]:
        said = said_of_order(floor.said_of_order(record.plan.order))
        mine = record.plan.work_orders
        behind = {name for work in mine for name in work_orders_behind(work)} - {work.work_order for work in mine}
        elsewhere = self._desk.reads.work(sorted(behind)) if behind else ()
        return [self._seen(record.plan.order, work, floor, said) for work in mine] + [
            self._seen("", work.plan, floor, said_of_order(())) for work in elsewhere
        ]

    def _seen(self, order: str, plan: WorkOrderPlan, floor: Floor, said: OrderSaid) -> WorkSeen:
        name = plan.work_order
        return WorkSeen(
            order=order,
            plan=plan,
            facts_with=partial(facts_with, name, plan, floor.view(name)),
            events=self._desk.opened(floor.said(name)),
            order_said=said,
        )

    def _just_done(self, places: Sequence[NodePlace]) -> datetime | None:
        meant = aim(places, None, None, self.actor, self._desk.now(), is_named=len(places) == 1)
        return meant.at if isinstance(meant, Already) else None


def _assessment(order: AssessedOrder, place: NodePlace) -> NodeAssessment | None:
    nodes = order.assessment.nodes.get(place.work.work_order, ())
    return next((one for one in nodes if one.facts.node == place.plan.node), None)
