"""From what was seen of a work order to where each of its nodes stands: claims are weighed here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from genba_cloud.core.facts.counts import NOTHING_COUNTED, Counts, Seen, earliest
from genba_cloud.core.facts.plan import NodePlan, WorkOrderPlan, in_sequence
from genba_cloud.core.facts.views import Lifecycle, Mark, NodeFacts, Tally, WorkOrderFacts
from genba_cloud.core.facts.work_order import Claim, NodeState, WorkOrderState
from genba_shared.events import Basis, Confidence

DOUBTS = frozenset({Mark.AMBIGUOUS, Mark.BELOW_QUANTITY, Mark.PREDECESSOR_OPEN, Mark.CONFLICTING, Mark.NOT_PLANNED})
"""Marks of a claim that only a person can settle, or a later fact."""

Assigned = Mapping[str, Mapping[str, Counts]]
"""By station and node: counts without a name on them that the station's dispatch gave to this work order."""


def work_order_facts(
    work_order: str, plan: WorkOrderPlan | None, state: WorkOrderState, assigned: Assigned
) -> WorkOrderFacts:
    """Weigh what was seen against the plan; without a plan nothing is ever done."""
    given = _by_node(assigned)
    planned = plan.nodes if plan else ()
    made: set[str] = set()  # nodes that have made what their successors need, confirmed or not
    facts: dict[str, NodeFacts] = {}
    for node in in_sequence(planned):
        seen = state.nodes.get(node.node, NodeState())
        facts[node.node] = _node_facts(node.node, node, seen, given.get(node.node, NOTHING_COUNTED), made)
        if facts[node.node].lifecycle is Lifecycle.DONE or facts[node.node].good >= node.quantity:
            made.add(node.node)
    strangers = sorted({*state.nodes, *given} - {node.node for node in planned})
    for code in strangers:
        seen = state.nodes.get(code, NodeState())
        facts[code] = _node_facts(code, None, seen, given.get(code, NOTHING_COUNTED), made)
    nodes = tuple(facts[code] for code in [*(node.node for node in planned), *strangers])
    return WorkOrderFacts(work_order=work_order, nodes=nodes, data_at=_newest(node.data_at for node in nodes))


def _by_node(assigned: Assigned) -> dict[str, Counts]:
    given: dict[str, Counts] = {}
    for nodes in assigned.values():
        for node, counts in nodes.items():
            given[node] = given.get(node, NOTHING_COUNTED).joined(counts)
    return given


def _node_facts(code: str, plan: NodePlan | None, seen: NodeState, given: Counts, made: Collection[str]) -> NodeFacts:
    counts = seen.counts.joined(given)
    tally, left = counts.tally(), seen.tag_pieces()
    claim = _claim_that_counts(seen, plan)
    marks = _marks(claim, seen, plan, counts)
    if plan is not None and claim is not None and any(code not in made for code in plan.predecessors):
        marks.add(Mark.PREDECESSOR_OPEN)
    started = _started(seen, counts)
    lifecycle = _lifecycle(claim, marks, is_seen=started is not None)
    return NodeFacts(
        node=code,
        lifecycle=lifecycle,
        quantity=plan.quantity if plan else None,
        good=tally.good or left,
        scrap=tally.scrap,
        rework=tally.rework,
        started_at=started,
        claimed_at=claim.seen.at if claim else None,
        completed_at=claim.seen.at if claim and lifecycle is Lifecycle.DONE else None,
        claimed_pieces=claim.pieces if claim else None,
        confidence=claim.confidence if claim else None,
        marks=tuple(mark for mark in Mark if mark in marks),
        evidence=_evidence(seen),
        data_at=_newest((seen.data_at, given.data_at)),
        environment=tuple(summary for _, (_, summary) in sorted(seen.environment.items())),
    )


def _claim_that_counts(seen: NodeState, plan: NodePlan | None) -> Claim | None:
    """The earliest of the best: certain before ambiguous, whole before short."""
    needed = plan.quantity if plan else 0
    return min(
        seen.claims.values(),
        key=lambda claim: (claim.confidence is not Confidence.CERTAIN, claim.pieces < needed, claim.seen.key()),
        default=None,
    )


def _marks(claim: Claim | None, seen: NodeState, plan: NodePlan | None, counts: Counts) -> set[Mark]:
    marks: set[Mark] = set()
    if plan is None:
        marks.add(Mark.NOT_PLANNED)
    if claim is None:
        if counts.ambiguous:
            marks.add(Mark.AMBIGUOUS)
        return marks
    if claim.confidence is not Confidence.CERTAIN:
        marks.add(Mark.AMBIGUOUS)
    if plan is not None and claim.pieces < plan.quantity:
        marks.add(Mark.BELOW_QUANTITY)
    others = [other for other in seen.claims.values() if other != claim]
    if any(other.pieces >= claim.pieces for other in others):
        marks.add(Mark.CORROBORATED)
    if _disagree(claim, seen, counts.tally()):
        marks.add(Mark.CONFLICTING)
    return marks


def _disagree(claim: Claim, seen: NodeState, tally: Tally) -> bool:
    """Whether a source that saw the node at all saw fewer pieces than the claim names (compared, never added)."""
    match claim.basis:
        case Basis.COUNT:
            return not tally.is_empty() and tally.good < claim.pieces
        case Basis.TAGS:
            return bool(seen.tags) and seen.tag_pieces() < claim.pieces
        case Basis.STATE:
            return False


def _started(seen: NodeState, counts: Counts) -> datetime | None:
    first: Seen | None = seen.started
    for mark in (counts.first, *(passage for passage, _ in seen.tags.values())):
        if mark is not None:
            first = earliest(first, mark)
    return first.at if first else None


def _lifecycle(claim: Claim | None, marks: Collection[Mark], *, is_seen: bool) -> Lifecycle:
    if claim is None:
        return Lifecycle.IN_PROGRESS if is_seen else Lifecycle.PENDING
    return Lifecycle.AWAITING_CONFIRMATION if DOUBTS.intersection(marks) else Lifecycle.DONE


def _evidence(seen: NodeState) -> tuple[str, ...]:
    claims = sorted((claim.seen for claim in seen.claims.values()), key=Seen.key)
    return tuple(mark.id for mark in ((seen.started,) if seen.started else ()) + tuple(claims))


def _newest(instants: Iterable[datetime | None]) -> datetime | None:
    return max((at for at in instants if at is not None), default=None)
