"""A small shop for the rules of alerts: one order of three nodes, and what is decided about it as time goes by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from genba_cloud.core.alerts import NEVER_CALM, Calm, Late, OrderSeen, Pen, Situation, announce, decide
from genba_cloud.core.assess import DEFAULT_POLICY, AssessedOrder, Policy, assess_order
from genba_cloud.core.deviation import Episode
from genba_cloud.core.deviation import decide as level
from genba_cloud.core.facts import Lifecycle, NodeFacts, NodePlan, OrderPlan, WorkOrderFacts, WorkOrderPlan
from genba_cloud.core.facts.plan import MaterialNeed, TeamMember
from genba_cloud.core.facts.response import AlertFacts, ProblemFacts, TaskFacts, response_facts, response_of
from genba_cloud.core.facts.told import NOTHING_TOLD, ToldFold, fold_told
from genba_shared.events import Event

MONDAY = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
NODES = ("CUT", "SEW", "PACK")


def at(hours: float) -> datetime:
    """So many hours after Monday, 8:00."""
    return MONDAY + timedelta(hours=hours)


def plan(team: Iterable[tuple[str, str]] = (), materials: tuple[MaterialNeed, ...] = ()) -> OrderPlan:
    """Ten shirts: cut from 8 to 10, sewn from 10 to 12, packed from 12 to 14."""
    nodes = tuple(
        NodePlan(
            node=node,
            quantity=10,
            planned_start=at(2 * number),
            planned_finish=at(2 * number + 2),
            predecessors=NODES[number - 1 : number] if number else (),
            label={"en": node},
        )
        for number, node in enumerate(NODES)
    )
    work = WorkOrderPlan(work_order="WO-1", site="demo", item="shirt", quantity=10, nodes=nodes, materials=materials)
    members = tuple(TeamMember(person=person, role=role) for person, role in team)
    return OrderPlan(
        order="A-1",
        system="erp",
        external_id="A-1",
        customer="Blue Shirt Co",
        promised=at(16),
        work_orders=(work,),
        team=members,
    )


def node(code: str, lifecycle: Lifecycle = Lifecycle.PENDING, **more: Any) -> NodeFacts:
    """What is known of a node."""
    return NodeFacts(
        **{"node": code, "lifecycle": lifecycle, "quantity": 10, "good": 0, "scrap": 0, "rework": 0, **more}
    )


def seen(order: OrderPlan, now: datetime, *nodes: NodeFacts, policy: Policy = DEFAULT_POLICY) -> OrderSeen:
    """The order as it is assessed now; nodes that are not named have not begun."""
    known = {one.node: one for one in nodes}
    facts = WorkOrderFacts(work_order="WO-1", nodes=tuple(known.get(code, node(code)) for code in NODES))
    baseline = (order.start(), order.finish())
    assessment = assess_order(order, {"WO-1": facts}, now, baseline=baseline, policy=policy)
    shown = AssessedOrder(plan=order, baseline=baseline, data_at=None, assessment=assessment)
    return OrderSeen(order=shown, works={"WO-1": facts})


@dataclass
class Shop:
    """Writes decisions down as the ledger does, and reads back what stands."""

    policy: Policy = field(default_factory=Policy)
    log: list[Event] = field(default_factory=list)
    calm: Calm = field(default_factory=dict)
    episode: Episode = field(default_factory=Episode)
    ids: count[int] = field(default_factory=lambda: count(1))

    def tell(self, *events: Event) -> None:
        """Something is written down."""
        self.log += events

    def stands(self, kind: type, *, is_open: bool = True) -> list[Any]:
        """Alerts, tasks or problems as they stand."""
        told: dict[str, ToldFold] = {}
        for event in self.log:
            name = response_of(event)
            if name is not None:
                told[name] = fold_told(told.get(name, NOTHING_TOLD), [event])
        facts = (response_facts(name, fold) for name, fold in told.items())
        return [one for one in facts if isinstance(one, kind) and one.is_open is is_open]

    def pen(self, now: datetime) -> Pen:
        """Ids count up."""
        return Pen(now=now, next_id=lambda: f"d{next(self.ids)}")

    def look(self, now: datetime, **what: Any) -> list[Event]:
        """The rules look at the shop; what they decide is written down."""
        situation = Situation(
            now=now,
            policy=self.policy,
            problems=tuple(self.stands(ProblemFacts)),
            alerts=tuple(self.stands(AlertFacts)),
            tasks=tuple(self.stands(TaskFacts)),
            closed=tuple(self.stands(AlertFacts, is_open=False)),
            **what,
        )
        decided = decide(situation, self.calm, self.pen(now))
        self.calm = decided.calm
        self.tell(*decided.events)
        return list(decided.events)

    def assess(self, one: OrderSeen, now: datetime) -> list[Event]:
        """What the order's lateness asks for, which is written down."""
        site = self.policy.of_site("demo")
        calendar = self.policy.calendar_of("demo")
        deviation = one.order.assessment.deviation
        self.episode, decisions = level(self.episode, deviation, now, calendar=calendar, policy=site.levels)
        events: list[Event] = []
        for decision in decisions:
            alert = next(iter(self.stands(AlertFacts)), None)
            tasks = tuple(task for task in self.stands(TaskFacts) if alert is not None and task.target == alert.alert)
            late = Late(plan=one.plan, site="demo", rules=site, alert=alert, tasks=tasks)
            events += announce(decision, late, self.pen(now))
        self.tell(*events)
        return events

    def restart(self) -> None:
        """What is not written down is forgotten."""
        self.calm = NEVER_CALM


def said(events: Iterable[Event]) -> list[tuple[str, ...]]:
    """Decisions in short: the kind, what it is about, and who is told."""
    return [_short(event) for event in events]


def _short(event: Event) -> tuple[str, ...]:
    words = (getattr(event, name, None) for name in ("alert", "subject", "notice", "level", "reason", "recipient"))
    return (event.kind, *(str(word) for word in words if word is not None))


def with_site(policy: Policy, **changes: Any) -> Policy:
    """The policy with other rules for the demo site."""
    return replace(policy, sites={"demo": replace(policy.of_site("demo"), **changes)})
