"""What people say of one node, weighed by itself: what stands, what was turned down, and how many pieces they report.

Words are read in the order of facts, so that the last of a kind counts whenever it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from genba_cloud.core.facts.counts import Seen
from genba_cloud.core.facts.plan import Criterion, NodePlan
from genba_cloud.core.facts.reports import NO_REPORTS, NOT_INSPECTED, Inspected, Reported, inspected, reported
from genba_cloud.core.facts.views import Word
from genba_cloud.core.facts.work_order import Claim, NodeState
from genba_cloud.core.personal import who
from genba_shared.events import (
    Basis,
    Confidence,
    Event,
    NodeConfirmed,
    NodeHeld,
    NodeRejected,
    NodeReopened,
    NodeResumed,
    NodeSkipped,
    ProgressReported,
    QualityRecorded,
    ReworkOrdered,
    ShipmentMoved,
    ShipmentStatus,
    Source,
    StepCompleted,
    fact_key,
)

_ON_ITS_WAY: Final = frozenset({ShipmentStatus.PICKED_UP, ShipmentStatus.UNDER_WAY, ShipmentStatus.DELAYED})
_ENDING: Final = (NodeConfirmed, NodeSkipped, ProgressReported, StepCompleted, QualityRecorded, ShipmentMoved)
_WORDS: Final = (NodeConfirmed, NodeRejected, NodeSkipped, NodeHeld, NodeResumed, NodeReopened)

E = TypeVar("E", bound=Event)


class Fixes(NamedTuple):
    """What people took back, and the pieces that they gave to events by correcting them."""

    voided: frozenset[str]
    corrected: Mapping[str, int]


NO_FIXES: Final = Fixes(frozenset(), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A person says that it is done; `pieces` None: those that are known."""

    seen: Seen
    source: Source
    pieces: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What stands of a node.

    `claims` are those that nobody took back or turned down, with what comes to a claim (a report of everything, the
    last step, the last piece inspected, an arrival); `past` are all that nobody took back. `met_by` are those among
    them that meet a criterion which no other claim can. `begun` is the first word that work was done, `sayers` have
    reported work or inspected it. `again` are pieces that must be worked on once more, and nobody has said since that
    they were.
    """

    claims: Sequence[Claim] = ()
    past: Sequence[Claim] = ()
    met_by: frozenset[str] = frozenset()
    confirmations: tuple[Confirmation, ...] = ()
    rejected: NodeRejected | None = None
    reopened: NodeReopened | None = None
    skipped: NodeSkipped | None = None
    held: NodeHeld | None = None
    steps: frozenset[str] = frozenset()
    reports: Reported = NO_REPORTS
    inspection: Inspected = NOT_INSPECTED
    begun: Seen | None = None
    sayers: frozenset[str] = frozenset()
    again: int = 0
    words: tuple[Word, ...] = ()


def spoken(seen: NodeState, plan: NodePlan | None, fixes: Fixes) -> Spoken:
    """What stands of the node."""
    if not seen.said and fixes is NO_FIXES:
        claims = list(seen.claims.values())
        return Spoken(claims=claims, past=claims)
    return _Listening(seen, plan, fixes).spoken()


class _Listening:
    """The words of one node, in the order of facts."""

    def __init__(self, seen: NodeState, plan: NodePlan | None, fixes: Fixes) -> None:
        self._plan = plan
        self._fixes = fixes
        self._events = sorted((one for one in seen.said.values() if one.id not in fixes.voided), key=fact_key)
        self._claims = [_corrected(one, fixes) for name, one in seen.claims.items() if name not in fixes.voided]
        self._rejected, self._reopened = self._last(NodeRejected), self._last_reopening()
        turns = [Seen.of(one) for one in (self._rejected, self._reopened) if one is not None]
        self._cut = max(turns, key=Seen.key, default=None)
        self._reports = reported(self._of(ProgressReported), plan, fixes.corrected, since=self._cut)
        self._inspection = inspected(self._of(QualityRecorded), plan, fixes.corrected, since=self._cut)

    def spoken(self) -> Spoken:
        """What stands."""
        told, met = self._told_claims()
        live = [claim for claim in self._claims if self._is_live(claim.seen)]
        others = (*self._of(ProgressReported), *self._of(StepCompleted), *self._of(QualityRecorded))
        return Spoken(
            claims=[*live, *told],
            past=[*self._claims, *told],
            met_by=frozenset(met),
            confirmations=self._confirmations(),
            rejected=self._rejected,
            reopened=self._reopened,
            skipped=self._skipped(),
            held=self._held(),
            steps=frozenset(one.step for one in self._of(StepCompleted)),
            reports=self._reports,
            inspection=self._inspection,
            begun=self._begun(),
            sayers=frozenset(who(one.source) for one in others),
            again=self._again(live),
            words=tuple(_word(one) for one in self._events if isinstance(one, _WORDS)),
        )

    def _of(self, kind: type[E]) -> list[E]:
        return [event for event in self._events if isinstance(event, kind)]

    def _last(self, kind: type[E]) -> E | None:
        return next(reversed(self._of(kind)), None)

    def _last_reopening(self) -> NodeReopened | None:
        """The last time that it was opened again; opening what was never claimed nor left out changes nothing."""
        last = self._last(NodeReopened)
        if last is None:
            return None
        ends = [fact_key(one) for one in self._events if isinstance(one, _ENDING)]
        ends += [claim.seen.key() for claim in self._claims]
        return last if any(key < fact_key(last) for key in ends) else None

    def _is_live(self, seen: Seen) -> bool:
        return self._cut is None or seen.key() > self._cut.key()

    def _confirmations(self) -> tuple[Confirmation, ...]:
        return tuple(
            Confirmation(seen=Seen.of(one), source=one.source, pieces=self._fixes.corrected.get(one.id, one.pieces))
            for one in self._of(NodeConfirmed)
            if self._is_live(Seen.of(one))
        )

    def _skipped(self) -> NodeSkipped | None:
        skipped = self._last(NodeSkipped)
        if skipped is None or (self._reopened is not None and fact_key(self._reopened) > fact_key(skipped)):
            return None
        return skipped

    def _held(self) -> NodeHeld | None:
        last = next((one for one in reversed(self._events) if isinstance(one, NodeHeld | NodeResumed)), None)
        return last if isinstance(last, NodeHeld) else None

    def _begun(self) -> Seen | None:
        for event in self._events:
            match event:
                case ProgressReported() if self._fixes.corrected.get(event.id, event.pieces) > 0:
                    return Seen.of(event)
                case StepCompleted() | QualityRecorded():
                    return Seen.of(event)
                case ShipmentMoved(status=status) if status in _ON_ITS_WAY:
                    return Seen.of(event)
                case _:
                    pass
        return None

    def _again(self, claims: Sequence[Claim]) -> int:
        """Pieces that were sent to rework after everything that says how many good ones there are.

        An inspection says so of the pieces whose rework it names in `because`.
        """
        heard = (*self._of(ProgressReported), *self._of(NodeConfirmed))
        newest = max((*map(fact_key, heard), *(claim.seen.key() for claim in claims)), default=None)
        done = {name for one in self._of(QualityRecorded) for name in one.because}
        ordered = (one for one in self._of(ReworkOrdered) if newest is None or fact_key(one) > newest)
        return sum(max(0, self._fixes.corrected.get(one.id, one.pieces)) for one in ordered if one.id not in done)

    def _told_claims(self) -> tuple[list[Claim], list[str]]:
        """What comes to a claim without being one, and the ids of those that meet the plan's criterion as no other."""
        if self._plan is None:
            return [], []
        quantity, found, met = self._plan.quantity, [], []
        if self._reports.complete is not None:
            found.append(_told(self._reports.complete, pieces=self._reports.pieces or 0, basis=Basis.COUNT))
        step = self._last_step(self._plan)
        if step is not None:
            found.append(_told(step, pieces=quantity))
            met.append(step.id)
        if self._plan.criterion is Criterion.INSPECTION and self._inspection.complete is not None:
            found.append(_told(self._inspection.complete, pieces=self._inspection.passed))
            met.append(self._inspection.complete.id)
        arrivals = (one for one in self._of(ShipmentMoved) if one.status is ShipmentStatus.ARRIVED)
        found += [_told(one, pieces=quantity) for one in arrivals if self._is_live(Seen.of(one))]
        return found, met

    def _last_step(self, plan: NodePlan) -> Event | None:
        """The event with which every step of the plan was there, since the node was last opened."""
        if plan.criterion is not Criterion.STEPS or not plan.steps:
            return None
        missing = {step.step for step in plan.steps}
        for event in self._of(StepCompleted):
            missing.discard(event.step)
            if not missing and self._is_live(Seen.of(event)):
                return event
        return None


def _corrected(claim: Claim, fixes: Fixes) -> Claim:
    pieces = fixes.corrected.get(claim.seen.id)
    if pieces is None:
        return claim
    return Claim(seen=claim.seen, pieces=pieces, basis=claim.basis, confidence=claim.confidence, source=claim.source)


def _told(event: Event, *, pieces: int, basis: Basis = Basis.STATE) -> Claim:
    return Claim(seen=Seen.of(event), pieces=pieces, basis=basis, confidence=Confidence.CERTAIN, source=event.source)


def _word(event: Event) -> Word:
    return Word(event=event.id, kind=event.kind, at=event.at, by=event.source.ref, reason=event.reason)


def confirming(spoken: Spoken, *, four_eyes: Iterable[str] | None = None) -> Confirmation | None:
    """The confirmation that counts: the last one, of somebody else than the `four_eyes` where two are needed.

    Where nobody else has said anything, the first who confirms is the one who reports.
    """
    if four_eyes is None:
        return next(reversed(spoken.confirmations), None)
    said = set(four_eyes)
    if not said and spoken.confirmations:
        said = {who(spoken.confirmations[0].source)}
    others = (one for one in reversed(spoken.confirmations) if who(one.source) not in said)
    return next(others, None)
