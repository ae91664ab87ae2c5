"""A node of an order as the core's decisions see it, made of events that people would write."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from genba_cloud.core.actions import (
    Actor,
    Decided,
    Decision,
    Entry,
    NodeAction,
    NodePlace,
    NodeWish,
    OrderSaid,
    Rank,
    WorkSeen,
    places_of,
    said_of_order,
)
from genba_cloud.core.actions.node_rules import decide_node
from genba_cloud.core.facts import WorkOrderFacts, WorkOrderPlan, work_order_facts
from genba_cloud.core.facts.plan import NodePlan, Step
from genba_cloud.core.facts.work_order import WorkOrderState, fold_work_order
from genba_shared.events import Event, Source, SourceType

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="cutter1/good")


def person(who: str, rank: Rank = Rank.OPERATOR) -> Actor:
    return Actor(who=who, rank=rank, is_person=True, source=Source(type=SourceType.PERSON, ref=who))


ANN, BOB = person("u1"), person("u2")
SUE = person("u3", Rank.SUPERVISOR)
MAX = person("u4", Rank.MANAGER)
ERP = Actor(who="key:a", rank=Rank.OPERATOR, is_person=False, source=Source(type=SourceType.API, ref="key:a"))


def plan(*changes: dict[str, Any], quantity: int = 8) -> WorkOrderPlan:
    """CUT, then SEW; the changes are of these two, in this order."""
    cut = NodePlan(
        node="CUT",
        quantity=quantity,
        planned_start=NOW,
        planned_finish=NOW + timedelta(hours=2),
        label={"en": "Cutting"},
    )
    sew = replace(cut, node="SEW", predecessors=("CUT",), label={"en": "Sewing"})
    nodes = [cut, sew]
    for place, change in enumerate(changes):
        nodes[place] = replace(nodes[place], **change)
    return WorkOrderPlan(work_order="WO-1", site="s1", item="shirt", quantity=quantity, nodes=tuple(nodes))


STEPS = {"steps": (Step(step="lay"), Step(step="cut"))}


class Shop:
    """One work order, and everything that was said of it. Time goes on by a minute with each entry."""

    def __init__(self, *changes: dict[str, Any], quantity: int = 8) -> None:
        self.plan = plan(*changes, quantity=quantity)
        self.events: list[Event] = []
        self.order_events: list[Event] = []
        self.now = NOW
        self._ids = (f"00000000-0000-7000-8000-{number:012d}" for number in itertools.count(1))

    def entry(self) -> Entry:
        return Entry(now=self.now, next_id=self._ids.__next__)

    def place(self, node: str = "CUT") -> NodePlace:
        said: OrderSaid = said_of_order(self.order_events)
        seen = WorkSeen(order="A-1", plan=self.plan, facts_with=self._facts_with, events=self.events, order_said=said)
        return next(one for one in places_of([seen]) if one.plan.node == node)

    def _facts_with(self, more: Sequence[Event]) -> WorkOrderFacts:
        state = fold_work_order(WorkOrderState(), [*self.events, *more])
        return work_order_facts("WO-1", self.plan, state, {})

    def tell(self, *events: Event) -> None:
        """What a machine, or another process, wrote."""
        self.events.extend(events)

    def ask(self, action: NodeAction, *, by: Actor = ANN, node: str = "CUT", **wish: Any) -> Decision:
        """Decide, and write nothing."""
        return decide_node(self.place(node), NodeWish(action=action, **wish), by, self.entry())

    def do(self, action: NodeAction, *, by: Actor = ANN, node: str = "CUT", **wish: Any) -> Sequence[Event]:
        """Do it: the events, which must be some."""
        decided = self.ask(action, by=by, node=node, **wish)
        assert isinstance(decided, Decided), decided
        self.events.extend(decided.events)
        self.now += timedelta(minutes=1)
        return decided.events
