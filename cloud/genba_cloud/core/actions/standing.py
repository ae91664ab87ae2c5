"""Where a node stands for whoever wants to do something with it, and what it still lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from genba_cloud.core.actions.said import NodeSaid, OrderSaid, said_of_node
from genba_cloud.core.facts.plan import Confirm, Criterion, NodePlan, WorkOrderPlan
from genba_cloud.core.facts.views import Mark, NodeFacts, WorkOrderFacts
from genba_shared.events import Event

FactsWith = Callable[[Sequence[Event]], WorkOrderFacts]
"""The facts of a work order as they would be with these events, too."""


class State(StrEnum):
    """Where the node stands; a hold lies over it."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    DONE = "done"
    SKIPPED = "skipped"


class Lack(StrEnum):
    """What is missing before, or at, a node."""

    PREDECESSOR = "predecessor"
    PIECES = "pieces"
    STEPS = "steps"
    INSPECTION = "inspection"
    MACHINE = "machine"
    PERSON = "person"
    SECOND_PERSON = "second_person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One thing that is missing: of `subject` (a node, a step) there are `done` of `needed`."""

    lack: Lack
    subject: str = ""
    done: int = 0
    needed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlace:
    """A node with all that a decision about it depends on. `lacking`: what its predecessors have not handed over."""

    order: str
    work: WorkOrderPlan
    plan: NodePlan
    facts: NodeFacts | None
    facts_with: FactsWith = field(repr=False, compare=False)
    said: NodeSaid
    order_said: OrderSaid
    lacking: tuple[Missing, ...] = ()

    @property
    def good(self) -> int:
        """Good pieces that are known."""
        return self.facts.good if self.facts else 0

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.facts is None:
            return State.PENDING
        return State.SKIPPED if self.facts.is_skipped else State(self.facts.lifecycle)

    @property
    def held_since(self) -> datetime | None:
        """Since when it is on hold; None: it is not."""
        return self.facts.held_at if self.facts and self.facts.on_hold else None

    @property
    def skipped_at(self) -> datetime | None:
        """When it was left out; None: it was not."""
        return self.facts.completed_at if self.facts and self.facts.is_skipped else None

    @property
    def started_at(self) -> datetime | None:
        """When work on it began, where anybody, or a machine, has said so."""
        return self.facts.started_at if self.facts else None

    @property
    def made(self) -> int:
        """Good pieces that are known or claimed."""
        claimed = self.facts.claimed_pieces if self.facts else None
        return self.good if claimed is None else claimed

    @property
    def done_at(self) -> datetime | None:
        """When it was completed, as it is claimed; None where nobody claims it."""
        return (self.facts.completed_at or self.facts.claimed_at) if self.facts else None

    def missing_at_end(self) -> tuple[Missing, ...]:
        """What it lacks for being done, where it waits for confirmation."""
        if self.state is not State.AWAITING_CONFIRMATION:
            return ()
        return tuple(self._missing_at_end(frozenset(self.facts.marks if self.facts else ())))

    def _missing_at_end(self, marks: frozenset[Mark]) -> Iterable[Missing]:
        node, quantity = self.plan.node, self.plan.quantity
        if Mark.BELOW_QUANTITY in marks and self.made < quantity:
            yield Missing(lack=Lack.PIECES, subject=node, done=self.made, needed=quantity)
        if Mark.PREDECESSOR_OPEN in marks:
            yield from self.lacking
        if Mark.CRITERION_OPEN in marks and self.plan.criterion is Criterion.STEPS:
            done = self.facts.steps_done if self.facts else ()
            left = (step.step for step in self.plan.steps if step.step not in done)
            yield from (Missing(lack=Lack.STEPS, subject=step, needed=1) for step in left)
        if Mark.CRITERION_OPEN in marks and self.plan.criterion is Criterion.INSPECTION:
            passed = self.facts.passed if self.facts else 0
            yield Missing(lack=Lack.INSPECTION, subject=node, done=passed, needed=quantity)
        if Mark.CRITERION_OPEN in marks and self.plan.criterion is Criterion.REPORT:
            yield Missing(lack=Lack.PERSON, subject=node, needed=1)
        if Mark.EVIDENCE_OPEN in marks:
            has_person = any(claim.voice.is_person for claim in self.said.claims)
            yield Missing(lack=Lack.MACHINE if has_person else Lack.PERSON, subject=node, needed=1)
        if Mark.CONFIRMATION_OPEN in marks and self.plan.confirm is Confirm.FOUR_EYES:
            yield Missing(lack=Lack.SECOND_PERSON, subject=node, needed=1)

    def after(self, events: Sequence[Event], before: Iterable[Event]) -> NodePlace:
        """The place as it would be after these events; `before` is what was said of the work order until now."""
        facts = self.facts_with(events).node(self.plan.node)
        return replace(self, facts=facts, said=said_of_node([*before, *events], self.plan.node))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSeen:
    """A work order and what is known of it.

    `facts_with`: what its facts view says, and would say with more events. `events` are those of the kinds of `said`,
    opened, so that people can be told apart.
    """

    order: str
    plan: WorkOrderPlan
    facts_with: FactsWith
    events: Sequence[Event]
    order_said: OrderSaid


def places_of(works: Iterable[WorkSeen]) -> tuple[NodePlace, ...]:
    """Every node of these work orders as it stands, in the order of their routings.

    A node that waits for another of a work order that is not among these is taken to have what it needs from there.
    """
    bare: dict[tuple[str, str], NodePlace] = {}
    for work in works:
        facts = work.facts_with(())
        bare.update(((work.plan.work_order, plan.node), _bare(work, plan, facts)) for plan in work.plan.nodes)
    return tuple(replace(place, lacking=tuple(_lacking(place, bare))) for place in bare.values())


def work_orders_behind(plan: WorkOrderPlan) -> frozenset[str]:
    """Other work orders that nodes of this one wait for."""
    named = {need.work_order for node in plan.nodes for need in node.needs()}
    return frozenset(name for name in named if name is not None and name != plan.work_order)


def _bare(work: WorkSeen, plan: NodePlan, facts: WorkOrderFacts) -> NodePlace:
    return NodePlace(
        order=work.order,
        work=work.plan,
        plan=plan,
        facts=facts.node(plan.node),
        facts_with=work.facts_with,
        said=said_of_node(work.events, plan.node),
        order_said=work.order_said,
    )


def _lacking(place: NodePlace, known: Mapping[tuple[str, str], NodePlace]) -> Iterable[Missing]:
    for need in place.plan.needs():
        other = known.get((need.work_order or place.work.work_order, need.node))
        if other is None:
            continue
        needed = other.plan.quantity if need.transfer_quantity is None else need.transfer_quantity
        made = max(other.good, other.made)
        if other.state not in {State.DONE, State.SKIPPED} and made < needed:
            yield Missing(lack=Lack.PREDECESSOR, subject=need.node, done=made, needed=needed)
