"""Claims of one node against everything that bears on it: which one counts, and what speaks against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from genba_cloud.core.facts.counts import Counts, Marks, Seen, first_of
from genba_cloud.core.facts.plan import Criterion, NodePlan
from genba_cloud.core.facts.plan import Evidence as Wanted
from genba_cloud.core.facts.settlements import Settlement
from genba_cloud.core.facts.views import Mark, Tally
from genba_cloud.core.facts.words import Fixes, Spoken, spoken
from genba_cloud.core.facts.work_order import Claim, NodeState
from genba_cloud.core.personal import is_machine
from genba_shared.events import Basis, Confidence

Settled = Mapping[str, Settlement]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that bears on one node: what machines saw under its name, all its counts, and what people said.

    `settled` is what people's answers change, by the answered event; `voided` are events that were taken back. `tally`
    are the counted pieces by result with the answers in them, `passages` the first one of each tag that stands.
    """

    plan: NodePlan | None
    seen: NodeState
    counts: Counts
    settled: Settled
    spoken: Spoken
    voided: frozenset[str]
    tally: Tally
    passages: Sequence[tuple[Seen, int]]

    def tag_pieces(self) -> int:
        """Pieces whose tags have left."""
        return sum(pieces for _, pieces in self.passages)

    def machine_pieces(self) -> int:
        """Good pieces by counters, else by tags: the two are compared, never added."""
        return self.tally.good or self.tag_pieces()

    def good(self) -> int | None:
        """Good pieces, None where nothing ever told a number of pieces.

        Of an inspected node those that passed. Else those of machines, or of people where no machine saw any or the
        plan believes people; less those that an inspection has failed, or that must be worked on again.
        """
        said = self.spoken
        if self.plan is not None and self.plan.criterion is Criterion.INSPECTION:
            return max(0, said.inspection.passed - said.again)
        by_people = self._pieces_by_people()
        is_told_by_people = self.plan is not None and self.plan.evidence is Wanted.PERSON and by_people is not None
        made = 0 if is_told_by_people else self.machine_pieces()
        if not made and by_people is None and not (self.counts.parts or self.settled or self.seen.tags):
            return None
        return max(0, (made or by_people or 0) - said.inspection.failed - said.again)

    def _pieces_by_people(self) -> int | None:
        """The newest number of pieces that people name: by a claim, or by their reports."""
        reports = self.spoken.reports
        claims = [claim for claim in self.spoken.claims if not is_machine(claim.source, claim.seen.id)]
        newest = max(claims, key=lambda claim: claim.seen.key(), default=None)
        if newest is None:
            return reports.pieces
        is_newer = reports.newest is None or newest.seen.key() > Seen.of(reports.newest).key()
        return newest.pieces if is_newer else reports.pieces

    def is_in_doubt(self) -> bool:
        """Whether a count with several possible numbers is still without an answer."""
        return bool(self.counts.doubtful - self.settled.keys())

    def is_out_of_doubt(self) -> bool:
        """Whether there were such counts, and every one of them was answered."""
        return bool(self.counts.doubtful) and not self.is_in_doubt()

    def first_start(self) -> Seen | None:
        """The first `node_started` that was not taken back."""
        return first_of(self.seen.started, without=self.voided)

    def started(self) -> Seen | None:
        """The first of all that shows work on the node."""
        marks: Marks = tuple(one for one in (self.first_start(), self.spoken.begun) if one is not None)
        counted = first_of(self.counts.firsts, without=self.voided)
        given = (one.seen for one in self.settled.values() if one.gives)
        passages = (passage for passage, _ in self.passages)
        every = (*marks, *passages, *given, *((counted,) if counted else ()))
        return min(every, key=Seen.key, default=None)


def evidence_of(plan: NodePlan | None, seen: NodeState, counts: Counts, settled: Settled, fixes: Fixes) -> Evidence:
    """Everything that bears on the node; `counts` are all of its counts, whoever gave them to it."""
    voided = fixes.voided.union(one.seen.id for one in settled.values() if one.is_void) if settled else fixes.voided
    return Evidence(
        plan=plan,
        seen=seen,
        counts=counts,
        settled=settled,
        spoken=spoken(seen, plan, fixes),
        voided=voided,
        tally=_tally(counts, settled),
        passages=_passages(seen, voided),
    )


def _tally(counts: Counts, settled: Settled) -> Tally:
    tally = counts.tally()
    if not settled:
        return tally
    pieces = tally.by_result()
    for settlement in settled.values():
        for result, change in settlement.change.items():
            pieces[result] += change
    return Tally.of(pieces)


def _passages(seen: NodeState, voided: frozenset[str]) -> list[tuple[Seen, int]]:
    if not voided:
        return [passages[0] for passages in seen.tags.values()]
    standing = ([one for one in passages if one[0].id not in voided] for passages in seen.tags.values())
    return [passages[0] for passages in standing if passages]


def claim_that_counts(evidence: Evidence) -> Claim | None:
    """The earliest of the best: one that meets the criterion, certain before ambiguous, whole before short."""
    if not evidence.spoken.claims:
        return None
    needed = evidence.plan.quantity if evidence.plan else 0
    return min(
        evidence.spoken.claims,
        key=lambda claim: (
            not _meets(claim, evidence),
            claim.confidence is not Confidence.CERTAIN,
            claim.pieces < needed,
            claim.seen.key(),
        ),
    )


def _meets(claim: Claim, evidence: Evidence) -> bool:
    """Whether the claim is of the sort that the node's criterion asks for."""
    plan = evidence.plan
    if plan is None:
        return True
    match plan.criterion:
        case Criterion.QUANTITY:
            return True
        case Criterion.REPORT:
            return not is_machine(claim.source, claim.seen.id)
        case Criterion.STEPS if not plan.steps:
            return not is_machine(claim.source, claim.seen.id)
        case Criterion.STEPS | Criterion.INSPECTION:
            return claim.seen.id in evidence.spoken.met_by
        case Criterion.ALL_LEFT:
            return claim.basis is Basis.TAGS or evidence.tag_pieces() >= plan.quantity
        case _:
            assert_never(plan.criterion)


def voices_missing(evidence: Evidence) -> bool:
    """Whether somebody whom the plan asks for has not said that the whole quantity is there."""
    plan = evidence.plan
    if plan is None or plan.evidence is Wanted.ANY:
        return False
    whole = [claim for claim in evidence.spoken.claims if claim.pieces >= plan.quantity]
    machines = [claim for claim in whole if is_machine(claim.source, claim.seen.id)]
    by_machine = bool(machines) or evidence.machine_pieces() >= plan.quantity
    by_person = len(machines) < len(whole) or bool(evidence.spoken.confirmations)
    match plan.evidence:
        case Wanted.MACHINE:
            return not by_machine
        case Wanted.PERSON:
            return not by_person
        case Wanted.BOTH:
            return not (by_machine and by_person)
        case _:
            assert_never(plan.evidence)


def marks_of(evidence: Evidence, claim: Claim | None) -> set[Mark]:
    """What speaks for and against the claim that counts; with no claim, what people should know all the same."""
    plan = evidence.plan
    marks: set[Mark] = set() if plan is not None else {Mark.NOT_PLANNED}
    by_answer = plan is not None and bool(evidence.settled) and evidence.tally.good >= plan.quantity
    if claim is None:
        return marks | _marks_without_claim(evidence, by_answer=by_answer)
    if claim.confidence is not Confidence.CERTAIN and not _is_settled(claim, evidence):
        marks.add(Mark.AMBIGUOUS)
    if plan is not None and _below(claim, evidence) < plan.quantity and not by_answer:
        marks.add(Mark.BELOW_QUANTITY)
    others = [other for other in evidence.spoken.claims if other != claim]
    if any(other.pieces >= claim.pieces for other in others):
        marks.add(Mark.CORROBORATED)
    if _disagree(claim, evidence) or _people_disagree(claim, evidence):
        marks.add(Mark.CONFLICTING)
    if not _meets(claim, evidence):
        marks.add(Mark.CRITERION_OPEN)
    return marks


def _marks_without_claim(evidence: Evidence, *, by_answer: bool) -> set[Mark]:
    if evidence.is_in_doubt():
        return {Mark.AMBIGUOUS}
    return {Mark.QUANTITY_REACHED} if by_answer else set()


def _is_settled(claim: Claim, evidence: Evidence) -> bool:
    """Whether people have answered everything that made the claim ambiguous: its counts, where it rests on counts."""
    return claim.basis is Basis.COUNT and evidence.is_out_of_doubt()


def _below(claim: Claim, evidence: Evidence) -> int:
    """Pieces of the claim that are to be compared with the quantity: no more than answers have left of them."""
    is_judged = claim.basis is Basis.COUNT and bool(evidence.settled)
    left = min(claim.pieces, evidence.tally.good) if is_judged else claim.pieces
    is_less = evidence.spoken.inspection.failed or evidence.spoken.again
    return min(left, evidence.good() or 0) if is_less else left


def _disagree(claim: Claim, evidence: Evidence) -> bool:
    """Whether a source that saw the node at all saw fewer pieces than the claim names (compared, never added)."""
    match claim.basis:
        case Basis.COUNT:
            tally = evidence.tally
            is_seen = bool(evidence.settled) or not tally.is_empty()
            return is_seen and tally.good < claim.pieces
        case Basis.TAGS:
            return bool(evidence.passages) and evidence.tag_pieces() < claim.pieces
        case Basis.STATE:
            return False


def _people_disagree(claim: Claim, evidence: Evidence) -> bool:
    """Whether reports contradict one another, or one that came after the claim says less than the claim."""
    reports = evidence.spoken.reports
    if reports.newest is None:
        return False
    is_less = (reports.pieces or 0) < claim.pieces and Seen.of(reports.newest).key() > claim.seen.key()
    return reports.in_conflict or is_less
