"""From what was seen and said of a work order to where each of its nodes stands: claims are weighed here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from genba_cloud.core.facts.claims import Evidence, claim_that_counts, evidence_of, marks_of, voices_missing
from genba_cloud.core.facts.counts import NOTHING_COUNTED, Counts, Seen
from genba_cloud.core.facts.material import material_use
from genba_cloud.core.facts.plan import Confirm, NodePlan, WorkOrderPlan, in_sequence
from genba_cloud.core.facts.settlements import Settlement
from genba_cloud.core.facts.views import Lifecycle, Mark, NodeFacts, WorkOrderFacts
from genba_cloud.core.facts.words import NO_FIXES, Confirmation, Fixes, confirming
from genba_cloud.core.facts.work_order import UNSEEN, Claim, NodeState, WorkOrderState
from genba_cloud.core.personal import who
from genba_shared.events import Result, WorkOrderCancelled, fact_key

DOUBTS = frozenset(
    {
        Mark.AMBIGUOUS,
        Mark.BELOW_QUANTITY,
        Mark.PREDECESSOR_OPEN,
        Mark.CONFLICTING,
        Mark.NOT_PLANNED,
        Mark.CRITERION_OPEN,
        Mark.EVIDENCE_OPEN,
        Mark.CONFIRMATION_OPEN,
    }
)
"""Marks of a claim that only a person can settle, or a later fact."""

Settled = Mapping[str, Settlement]
"""What people's answers change at one node, by the id of the event that was answered."""

Assigned = Mapping[str, Mapping[str, Counts]]
"""By station and node: counts without a name on them that the station's dispatch gave to this work order."""


class Before(NamedTuple):
    """What the nodes before a node say of it.

    `is_open`: one has not made what it should. `reopened_at`: one was done, and is open again since then.
    `is_starved`: one has not handed over what this node needs to begin.
    """

    is_open: bool = False
    reopened_at: datetime | None = None
    is_starved: bool = False


NOTHING_BEFORE: Final = Before()


class Weighed(NamedTuple):
    """A node's facts, and all that they were weighed from."""

    seen: NodeState
    given: Counts
    settled: Settled
    fixes: Fixes
    before: Before
    facts: NodeFacts

    def holds_for(self, seen: NodeState, given: Counts, settled: Settled, fixes: Fixes, before: Before) -> bool:
        """Whether the same evidence would be weighed again; `seen` must be the very same object."""
        known = (self.given, self.settled, self.fixes, self.before)
        return self.seen is seen and known == (given, settled, fixes, before)


def work_order_facts(
    work_order: str,
    plan: WorkOrderPlan | None,
    state: WorkOrderState,
    assigned: Assigned,
    settled: Mapping[str, Settled] | None = None,
) -> WorkOrderFacts:
    """Weigh what was seen against the plan; without a plan nothing is ever done. `settled` is by node."""
    nodes = tuple(one.facts for one in weigh(plan, state, assigned, settled or {}, {}).values())
    said = sorted((one for one in state.said.values() if one.id not in state.voided), key=fact_key)
    cancelled = next((one for one in said if isinstance(one, WorkOrderCancelled)), None)
    return WorkOrderFacts(
        work_order=work_order,
        nodes=nodes,
        data_at=_newest((*(node.data_at for node in nodes), *(one.at for one in said))),
        cancelled_at=cancelled.at if cancelled else None,
        cancel_reason=cancelled.reason if cancelled else None,
        materials=material_use(said),
    )


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
    fixes = Fixes(state.voided, state.corrected()) if state.voided or state.corrections else NO_FIXES
    planned = plan.nodes if plan else ()
    found: dict[str, Weighed] = {}

    def weigh_one(code: str, node: NodePlan | None, before: Before) -> None:
        seen, extra, answers = state.nodes.get(code, UNSEEN), given.get(code, NOTHING_COUNTED), settled.get(code, {})
        there = known.get(code)
        if there is None or not there.holds_for(seen, extra, answers, fixes, before):
            counts = seen.counts.joined(extra) if extra is not NOTHING_COUNTED else seen.counts
            if node is not None and counts is NOTHING_COUNTED and seen is UNSEEN and not answers:
                facts = _untouched(node)
            else:
                facts = _node_facts(code, evidence_of(node, seen, counts, answers, fixes), before)
            there = Weighed(seen, extra, answers, fixes, before, facts)
        found[code] = there

    for node in in_sequence(planned, plan.work_order if plan else None):
        needs = node.needs_within(plan.work_order if plan else None)
        weigh_one(node.node, node, _before((wanted, found[code].facts) for code, wanted in needs))
    strangers = sorted({*state.nodes, *given, *settled} - {node.node for node in planned})
    for code in strangers:
        weigh_one(code, None, NOTHING_BEFORE)
    return {code: found[code] for code in [*(node.node for node in planned), *strangers] if code in found}


def has_handed_over(facts: NodeFacts, wanted: int | None) -> bool:
    """Whether a node has made what another one wants of it to begin: so many good pieces (None: all of its own)."""
    if facts.lifecycle is Lifecycle.DONE:
        return True
    if facts.quantity is None:
        return False
    return facts.good >= (facts.quantity if wanted is None else min(wanted, facts.quantity))


def _before(needs: Iterable[tuple[int | None, NodeFacts]]) -> Before:
    is_open, is_starved = False, False
    reopened_at: datetime | None = None
    for wanted, facts in needs:
        if facts.reopened_at is not None:
            reopened_at = facts.reopened_at if reopened_at is None else min(reopened_at, facts.reopened_at)
        elif not has_handed_over(facts, None):
            is_open = True
            is_starved = is_starved or not has_handed_over(facts, wanted)
    return Before(is_open, reopened_at, is_starved) if is_open or reopened_at else NOTHING_BEFORE


def _by_node(assigned: Assigned) -> dict[str, Counts]:
    given: dict[str, Counts] = {}
    for nodes in assigned.values():
        for node, counts in nodes.items():
            given[node] = given.get(node, NOTHING_COUNTED).joined(counts)
    return given


def _untouched(plan: NodePlan) -> NodeFacts:
    """Of most nodes of an open order nothing was heard yet."""
    return NodeFacts(node=plan.node, lifecycle=Lifecycle.PENDING, quantity=plan.quantity, good=0, scrap=0, rework=0)


def _node_facts(code: str, evidence: Evidence, before: Before) -> NodeFacts:
    plan, seen, said = evidence.plan, evidence.seen, evidence.spoken
    confirmation = _confirmation(evidence)
    claim = claim_that_counts(evidence)
    marks = _marks(evidence, claim, before, confirmation)
    started = evidence.started()
    is_begun = started is not None or bool(said.past)
    lifecycle = _lifecycle(evidence, claim, marks, confirmation, is_begun=is_begun)
    if _is_skipped(evidence, claim, marks, confirmation):
        marks.add(Mark.SKIPPED)
    completed = _completed_at(evidence, claim, lifecycle, confirmation, marks)
    marks |= _marks_of_standing(evidence, before, lifecycle)
    tally = evidence.tally
    is_held = said.held is not None and lifecycle is not Lifecycle.DONE
    return NodeFacts(
        node=code,
        lifecycle=lifecycle,
        quantity=plan.quantity if plan else None,
        good=_good(evidence, claim, lifecycle, confirmation),
        scrap=tally.scrap + said.inspection.scrap,
        rework=tally.rework + said.inspection.rework + said.again,
        started_at=started.at if started else None,
        claimed_at=claim.seen.at if claim else None,
        completed_at=completed,
        claimed_pieces=claim.pieces if claim else None,
        confidence=claim.confidence if claim else None,
        marks=tuple(mark for mark in Mark if mark in marks) if marks else (),
        evidence=_ids_of(evidence),
        data_at=_newest((seen.data_at, evidence.counts.data_at, *(one.seen.at for one in evidence.settled.values()))),
        environment=tuple(summary for _, (_, summary) in sorted(seen.environment.items())),
        answered=sum(one.change.get(Result.GOOD, 0) for one in evidence.settled.values()),
        steps_done=_steps(plan, said.steps),
        reported=said.reports.pieces,
        passed=said.inspection.passed,
        failed=said.inspection.failed,
        on_hold=is_held,
        held_at=said.held.at if said.held and is_held else None,
        hold_reason=said.held.reason if said.held and is_held else None,
        confirmed_at=confirmation.seen.at if confirmation else None,
        confirmed_by=tuple(dict.fromkeys(one.source.ref for one in said.confirmations)),
        reopened_at=said.reopened.at if said.reopened and lifecycle is not Lifecycle.DONE else None,
        words=said.words,
    )


def _confirmation(evidence: Evidence) -> Confirmation | None:
    """The confirmation that settles everything, where there is one."""
    said, plan = evidence.spoken, evidence.plan
    if not said.confirmations or plan is None:
        return None
    if plan.confirm is not Confirm.FOUR_EYES:
        return confirming(said)
    return confirming(said, four_eyes={*said.sayers, *(who(claim.source) for claim in said.claims)})


def _marks(evidence: Evidence, claim: Claim | None, before: Before, confirmation: Confirmation | None) -> set[Mark]:
    marks = marks_of(evidence, claim)
    if confirmation is not None:
        marks.add(Mark.CONFIRMED)
    if claim is None:
        if evidence.spoken.confirmations and confirmation is None:
            marks.add(Mark.CONFIRMATION_OPEN)
        return marks
    if before.is_open or (before.reopened_at is not None and claim.seen.at > before.reopened_at):
        marks.add(Mark.PREDECESSOR_OPEN)
    if evidence.plan is not None and confirmation is None:
        if voices_missing(evidence):
            marks.add(Mark.EVIDENCE_OPEN)
        if evidence.plan.confirm is not Confirm.AUTO:
            marks.add(Mark.CONFIRMATION_OPEN)
    return marks


def _lifecycle(
    evidence: Evidence,
    claim: Claim | None,
    marks: Collection[Mark],
    confirmation: Confirmation | None,
    *,
    is_begun: bool,
) -> Lifecycle:
    if confirmation is not None or _is_skipped(evidence, claim, marks, confirmation):
        return Lifecycle.DONE
    if claim is not None:
        return Lifecycle.AWAITING_CONFIRMATION if DOUBTS.intersection(marks) else Lifecycle.DONE
    if Mark.QUANTITY_REACHED in marks or evidence.spoken.confirmations:
        return Lifecycle.AWAITING_CONFIRMATION
    return Lifecycle.IN_PROGRESS if is_begun else Lifecycle.PENDING


def _is_skipped(
    evidence: Evidence, claim: Claim | None, marks: Collection[Mark], confirmation: Confirmation | None
) -> bool:
    """Whether it counts as done for no other reason than that it was left out."""
    is_done = confirmation is not None or (claim is not None and not DOUBTS.intersection(marks))
    return evidence.spoken.skipped is not None and evidence.plan is not None and not is_done


def _completed_at(
    evidence: Evidence,
    claim: Claim | None,
    lifecycle: Lifecycle,
    confirmation: Confirmation | None,
    marks: Collection[Mark],
) -> datetime | None:
    """When the work was over: the claim's time, wherever people only confirmed what it said."""
    if lifecycle is not Lifecycle.DONE:
        return None
    skipped = evidence.spoken.skipped
    if skipped is not None and Mark.SKIPPED in marks:
        return skipped.at
    ends = [confirmation.seen.at] if confirmation is not None else []
    is_said_of_more = confirmation is not None and claim is not None and (confirmation.pieces or 0) > claim.pieces
    if claim is not None and not is_said_of_more:
        ends.append(claim.seen.at)
    return min(ends, default=None)


def _marks_of_standing(evidence: Evidence, before: Before, lifecycle: Lifecycle) -> set[Mark]:
    """What people should know of where it stands now, beside what it was claimed with."""
    said = evidence.spoken
    marks: set[Mark] = set()
    is_done = lifecycle is Lifecycle.DONE
    if said.reopened is not None and not is_done:
        marks.add(Mark.REOPENED)
    if said.rejected is not None and not (said.claims or said.confirmations or is_done):
        marks.add(Mark.REJECTED)
    if lifecycle is not Lifecycle.PENDING and before.reopened_at is not None:
        marks.add(Mark.PREDECESSOR_REOPENED)
    if lifecycle is Lifecycle.IN_PROGRESS and before.is_starved:
        marks.add(Mark.STARTED_EARLY)
    return marks


def _good(evidence: Evidence, claim: Claim | None, lifecycle: Lifecycle, confirmation: Confirmation | None) -> int:
    """Good pieces: those that were confirmed, else those that are known.

    Where nothing ever told a number of pieces, a node that is done has made what was claimed, or all of it.
    """
    if confirmation is not None and confirmation.pieces is not None:
        return confirmation.pieces
    known = evidence.good()
    if known is not None:
        return known
    if lifecycle is not Lifecycle.DONE or evidence.plan is None:
        return 0
    if claim is not None:
        return claim.pieces
    return evidence.plan.quantity if confirmation is not None else 0


def _steps(plan: NodePlan | None, done: Collection[str]) -> tuple[str, ...]:
    planned = [step.step for step in plan.steps] if plan else []
    return (*(step for step in planned if step in done), *sorted(set(done) - set(planned)))


def _ids_of(evidence: Evidence) -> tuple[str, ...]:
    started = evidence.first_start()
    claims = sorted((claim.seen for claim in evidence.spoken.past), key=Seen.key)
    return tuple(mark.id for mark in ((started,) if started else ()) + tuple(claims))


def _newest(instants: Iterable[datetime | None]) -> datetime | None:
    return max((at for at in instants if at is not None), default=None)
