"""From what was seen of a work order to where each of its nodes stands: claims are weighed here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from genba_cloud.core.facts.counts import NOTHING_COUNTED, Counts, Seen, earliest
from genba_cloud.core.facts.plan import NodePlan, WorkOrderPlan, in_sequence
from genba_cloud.core.facts.settlements import Settlement
from genba_cloud.core.facts.views import Lifecycle, Mark, NodeFacts, Tally, WorkOrderFacts
from genba_cloud.core.facts.work_order import UNSEEN, Claim, NodeState, WorkOrderState
from genba_shared.events import Basis, Confidence, Result

DOUBTS = frozenset({Mark.AMBIGUOUS, Mark.BELOW_QUANTITY, Mark.PREDECESSOR_OPEN, Mark.CONFLICTING, Mark.NOT_PLANNED})
"""Marks of a claim that only a person can settle, or a later fact."""

Settled = Mapping[str, Settlement]
"""What people's answers change at one node, by the id of the event that was answered."""

Assigned = Mapping[str, Mapping[str, Counts]]
"""By station and node: counts without a name on them that the station's dispatch gave to this work order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """Everything that bears on one node: what was seen under its name, all its counts, and what people answered."""

    seen: NodeState
    counts: Counts
    settled: Settled

    def tally(self) -> Tally:
        """Pieces by result, with the answers in them."""
        pieces = self.counts.tally().by_result()
        for settlement in self.settled.values():
            for result, change in settlement.change.items():
                pieces[result] += change
        return Tally.of(pieces)

    def is_in_doubt(self) -> bool:
        """Whether a count with several possible numbers is still without an answer."""
        return bool(self.counts.doubtful - self.settled.keys())

    def is_out_of_doubt(self) -> bool:
        """Whether there were such counts, and every one of them was answered."""
        return bool(self.counts.doubtful) and not self.is_in_doubt()


class Weighed(NamedTuple):
    """A node's facts, and all that they were weighed from: what was seen, and whether a predecessor is still open."""

    seen: NodeState
    given: Counts
    settled: Settled
    is_early: bool
    facts: NodeFacts

    def holds_for(self, seen: NodeState, given: Counts, settled: Settled, *, is_early: bool) -> bool:
        """Whether the same evidence would be weighed again; `seen` must be the very same object."""
        return self.seen is seen and self.is_early == is_early and (self.given, self.settled) == (given, settled)


def work_order_facts(
    work_order: str,
    plan: WorkOrderPlan | None,
    state: WorkOrderState,
    assigned: Assigned,
    settled: Mapping[str, Settled] | None = None,
) -> WorkOrderFacts:
    """Weigh what was seen against the plan; without a plan nothing is ever done. `settled` is by node."""
    nodes = tuple(one.facts for one in weigh(plan, state, assigned, settled or {}, {}).values())
    return WorkOrderFacts(work_order=work_order, nodes=nodes, data_at=_newest(node.data_at for node in nodes))


def weigh(
    plan: WorkOrderPlan | None,
    state: WorkOrderState,
    assigned: Assigned,
    settled: Mapping[str, Settled],
    known: Mapping[str, Weighed],
) -> dict[str, Weighed]:
    """As `work_order_facts`, by node: its planned nodes in the order of the routing, then those without a plan.

    `known` was weighed before against the same plan: nodes of which nothing changed since are not weighed again.
    """
    given = _by_node(assigned)
    planned = plan.nodes if plan else ()
    made: set[str] = set()  # nodes that have made what their successors need, confirmed or not
    found: dict[str, Weighed] = {}

    def weigh_one(code: str, node: NodePlan | None) -> NodeFacts:
        seen, extra, answers = state.nodes.get(code, UNSEEN), given.get(code, NOTHING_COUNTED), settled.get(code, {})
        is_early = node is not None and any(other not in made for other in node.predecessors)
        before = known.get(code)
        if before is None or not before.holds_for(seen, extra, answers, is_early=is_early):
            counts = seen.counts.joined(extra) if extra is not NOTHING_COUNTED else seen.counts
            evidence = _Evidence(seen=seen, counts=counts, settled=answers)
            before = Weighed(seen, extra, answers, is_early, _node_facts(code, node, evidence, is_early=is_early))
        found[code] = before
        return before.facts

    for node in in_sequence(planned):
        facts = weigh_one(node.node, node)
        if facts.lifecycle is Lifecycle.DONE or facts.good >= node.quantity:
            made.add(node.node)
    strangers = sorted({*state.nodes, *given, *settled} - {node.node for node in planned})
    for code in strangers:
        weigh_one(code, None)
    return {code: found[code] for code in [*(node.node for node in planned), *strangers]}


def _by_node(assigned: Assigned) -> dict[str, Counts]:
    given: dict[str, Counts] = {}
    for nodes in assigned.values():
        for node, counts in nodes.items():
            given[node] = given.get(node, NOTHING_COUNTED).joined(counts)
    return given


def _node_facts(code: str, plan: NodePlan | None, evidence: _Evidence, *, is_early: bool) -> NodeFacts:
    seen, tally = evidence.seen, evidence.tally()
    claim = _claim_that_counts(seen, plan)
    marks = _marks(claim, plan, evidence)
    if claim is not None and is_early:
        marks.add(Mark.PREDECESSOR_OPEN)
    started = _started(evidence)
    lifecycle = _lifecycle(claim, marks, is_seen=started is not None)
    return NodeFacts(
        node=code,
        lifecycle=lifecycle,
        quantity=plan.quantity if plan else None,
        good=tally.good or seen.tag_pieces(),
        scrap=tally.scrap,
        rework=tally.rework,
        started_at=started,
        claimed_at=claim.seen.at if claim else None,
        completed_at=claim.seen.at if claim and lifecycle is Lifecycle.DONE else None,
        claimed_pieces=claim.pieces if claim else None,
        confidence=claim.confidence if claim else None,
        marks=tuple(mark for mark in Mark if mark in marks),
        evidence=_ids_of(seen),
        data_at=_newest((seen.data_at, evidence.counts.data_at, *(one.seen.at for one in evidence.settled.values()))),
        environment=tuple(summary for _, (_, summary) in sorted(seen.environment.items())),
        answered=sum(one.change.get(Result.GOOD, 0) for one in evidence.settled.values()),
    )


def _claim_that_counts(seen: NodeState, plan: NodePlan | None) -> Claim | None:
    """The earliest of the best: certain before ambiguous, whole before short."""
    needed = plan.quantity if plan else 0
    return min(
        seen.claims.values(),
        key=lambda claim: (claim.confidence is not Confidence.CERTAIN, claim.pieces < needed, claim.seen.key()),
        default=None,
    )


def _marks(claim: Claim | None, plan: NodePlan | None, evidence: _Evidence) -> set[Mark]:
    marks: set[Mark] = set()
    if plan is None:
        marks.add(Mark.NOT_PLANNED)
    by_answer = plan is not None and bool(evidence.settled) and evidence.tally().good >= plan.quantity
    if claim is None:
        if evidence.is_in_doubt():
            marks.add(Mark.AMBIGUOUS)
        elif by_answer:
            marks.add(Mark.QUANTITY_REACHED)
        return marks
    if claim.confidence is not Confidence.CERTAIN and not _is_settled(claim, evidence):
        marks.add(Mark.AMBIGUOUS)
    if plan is not None and _below(claim, evidence) < plan.quantity and not by_answer:
        marks.add(Mark.BELOW_QUANTITY)
    others = [other for other in evidence.seen.claims.values() if other != claim]
    if any(other.pieces >= claim.pieces for other in others):
        marks.add(Mark.CORROBORATED)
    if _disagree(claim, evidence):
        marks.add(Mark.CONFLICTING)
    return marks


def _is_settled(claim: Claim, evidence: _Evidence) -> bool:
    """Whether people have answered everything that made the claim ambiguous: its counts, where it rests on counts."""
    return claim.basis is Basis.COUNT and evidence.is_out_of_doubt()


def _below(claim: Claim, evidence: _Evidence) -> int:
    """Pieces of the claim that are to be compared with the quantity: no more than answers have left of them."""
    is_judged = claim.basis is Basis.COUNT and bool(evidence.settled)
    return min(claim.pieces, evidence.tally().good) if is_judged else claim.pieces


def _disagree(claim: Claim, evidence: _Evidence) -> bool:
    """Whether a source that saw the node at all saw fewer pieces than the claim names (compared, never added)."""
    match claim.basis:
        case Basis.COUNT:
            tally = evidence.tally()
            is_seen = bool(evidence.settled) or not tally.is_empty()
            return is_seen and tally.good < claim.pieces
        case Basis.TAGS:
            return bool(evidence.seen.tags) and evidence.seen.tag_pieces() < claim.pieces
        case Basis.STATE:
            return False


def _started(evidence: _Evidence) -> datetime | None:
    seen = evidence.seen
    first: Seen | None = seen.started
    passages = (passage for passage, _ in seen.tags.values())
    given = (one.seen for one in evidence.settled.values() if one.gives)
    for mark in (evidence.counts.first, *passages, *given):
        if mark is not None:
            first = earliest(first, mark)
    return first.at if first else None


def _lifecycle(claim: Claim | None, marks: Collection[Mark], *, is_seen: bool) -> Lifecycle:
    if claim is None and Mark.QUANTITY_REACHED in marks:
        return Lifecycle.AWAITING_CONFIRMATION
    if claim is None:
        return Lifecycle.IN_PROGRESS if is_seen else Lifecycle.PENDING
    return Lifecycle.AWAITING_CONFIRMATION if DOUBTS.intersection(marks) else Lifecycle.DONE


def _ids_of(seen: NodeState) -> tuple[str, ...]:
    claims = sorted((claim.seen for claim in seen.claims.values()), key=Seen.key)
    return tuple(mark.id for mark in ((seen.started,) if seen.started else ()) + tuple(claims))


def _newest(instants: Iterable[datetime | None]) -> datetime | None:
    return max((at for at in instants if at is not None), default=None)
