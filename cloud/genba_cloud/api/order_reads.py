"""What a viewer may read of orders for pages: the list, and one order with its past."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.visible import Desk, VisibleReads
from genba_cloud.core.assess import AssessedOrder
from genba_cloud.core.facts.response import AlertFacts, ProblemFacts, ResponseFacts, TaskFacts, response_facts
from genba_cloud.core.facts.told import ToldFold
from genba_cloud.core.order_list import OrderLine, OrderListPage, OrderQuery, line_of, page_of, without_customer
from genba_cloud.core.viewer import Sight, Subject, Viewer, sight
from genba_cloud.store.read import LoggedEvent
from genba_cloud.store.told import Response, ResponseFilter

HISTORY: Final = 100
MOST_RESPONSES: Final = 200
NOT_IN_HISTORY: Final = (
    "code_scanned",
    "environment_summarised",
    "forecast_issued",
    "pieces_counted",
    "station_state_changed",
    "tag_passed",
    "wip_changed",
)
"""What machines tell all the time: it is in the numbers of the nodes, and would hide what people did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPast:
    """What happened to an order: `history` newest first, `older` the position to read on from.

    `evidence` are the events that the nodes rest on, by their ids.
    """

    history: tuple[LoggedEvent, ...]
    older: int | None
    evidence: dict[str, LoggedEvent]
    problems: tuple[ProblemFacts, ...]
    alerts: tuple[AlertFacts, ...]
    tasks: tuple[TaskFacts, ...]


class OrderReads:
    """Orders as one viewer sees them. Every method is synchronous and raises ApiProblem 403 for what is hidden."""

    def __init__(self, desk: Desk, viewer: Viewer) -> None:
        self._desk = desk
        self._viewer = viewer
        self._reads = VisibleReads(desk, viewer)

    def page(self, query: OrderQuery) -> OrderListPage:
        """A page of the list. It is cut from what the last look at the open orders found: the store is not read.

        A text that no order of the list matches is looked up in the store as the number of an order or a work order.
        """
        seen = self._require(Subject.ORDERS)
        lines, unseen = self._desk.index.lines()
        lines += [line_of(order) for order in self._reads.orders(unseen)] if unseen else []
        query = query if seen is Sight.ALL else replace(query, customer=None)
        page = page_of(self._as_seen(lines, seen), query)
        if page.found or not query.text.strip():
            return page
        return replace(page, items=tuple(self._as_seen(self._named(query.text.strip()), seen)))

    def order(self, number: str) -> AssessedOrder | None:
        """The order by its number."""
        return self._reads.order(number)

    def past(self, order: AssessedOrder, *, before: int | None) -> OrderPast | None:
        """What happened to it; None where the viewer may not know."""
        if sight(self._viewer, Subject.EVENTS, enterprise=self._desk.enterprise) is Sight.NOTHING:
            return None
        number = order.plan.order
        nodes = (node for group in order.assessment.nodes.values() for node in group)
        named = [event for node in nodes for event in node.facts.evidence]
        with self._desk.reads.past() as past:
            events = past.history(number, without=NOT_IN_HISTORY, before=before, limit=HISTORY + 1)
            evidence = past.by_id(named)
        with self._desk.reads.told() as told:
            wanted = [ResponseFilter(order=number)]
            wanted += [ResponseFilter(work_order=work.work_order) for work in order.plan.work_orders]
            found = {one.id: one for where in wanted for one in told.responses(where=where, limit=MOST_RESPONSES).items}
        responses = opened_responses(self._desk, found.values())
        shown = self._opened(events[:HISTORY])
        return OrderPast(
            history=shown,
            older=shown[-1].position if len(events) > HISTORY else None,
            evidence={one.event.id: one for one in self._opened(evidence.values())},
            problems=tuple(one for one in responses if isinstance(one, ProblemFacts)),
            alerts=tuple(one for one in responses if isinstance(one, AlertFacts)),
            tasks=tuple(one for one in responses if isinstance(one, TaskFacts)),
        )

    def _named(self, text: str) -> list[OrderLine]:
        found = self._reads.order(text)
        if found is None:
            record = self._desk.reads.work_order(text)
            found = None if record is None else self._reads.order(record.plan.order)
        return [] if found is None else [line_of(found)]

    def _opened(self, events: Iterable[LoggedEvent]) -> tuple[LoggedEvent, ...]:
        with self._desk.reads.proofs() as proofs:
            return self._desk.seals.opened_events(proofs, events)

    @staticmethod
    def _as_seen(lines: Iterable[OrderLine], seen: Sight) -> list[OrderLine]:
        return list(lines) if seen is Sight.ALL else [without_customer(line) for line in lines]

    def _require(self, subject: Subject) -> Sight:
        seen = sight(self._viewer, subject, enterprise=self._desk.enterprise)
        if seen is Sight.NOTHING:
            raise ApiProblem(403, f"this needs the right to read {subject}")
        return seen


def opened_responses(desk: Desk, responses: Iterable[Response]) -> tuple[ResponseFacts, ...]:
    """The problems, alerts and tasks with what people wrote, as it may be read; those that were taken back are not."""
    wanted = list(responses)
    events = desk.opened([event for one in wanted for event in one.fold.events.values()])
    opened = {event.id: event for event in events}
    facts = (
        response_facts(one.id, ToldFold(events={key: opened[key] for key in one.fold.events}, voided=one.fold.voided))
        for one in wanted
    )
    return tuple(one for one in facts if one is not None)
