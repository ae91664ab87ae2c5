"""The standard work that is left of a node: what a forecast places, and what waits in front of a machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from genba_cloud.core.facts.plan import Criterion, NodePlan
from genba_cloud.core.facts.views import Lifecycle, NodeFacts
from genba_cloud.core.working_time import Calendar, working_seconds
from genba_shared.events import NodeHeld, NodeResumed

OPEN: Final = frozenset({Lifecycle.PENDING, Lifecycle.IN_PROGRESS})
"""A node in any other state needs no machine any more: it is done, or waits for somebody's word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """Working seconds of one machine that a node still needs: `seconds`, of them `setup_s` before its next piece.

    `made` of its `quantity` pieces are good already; those that are left are made at an even pace.
    """

    seconds: int
    setup_s: int
    made: int
    quantity: int

    def until(self, pieces: int) -> int:
        """Working seconds from now (or its begin) until that many of its pieces are good."""
        missing = self.quantity - self.made
        wanted = min(pieces, self.quantity) - self.made
        if wanted <= 0:
            return 0
        return self.setup_s - (self.setup_s - self.seconds) * wanted // missing  # rounded up

    def of_the_last(self, pieces: int) -> int:
        """Working seconds that its last pieces take."""
        return self.seconds - self.until(self.quantity - pieces)


def remaining_of(plan: NodePlan, facts: NodeFacts, now: datetime, calendar: Calendar) -> Remaining:
    """What is left of an open node.

    With standard times it is `setup_s` (where it has not begun) and `piece_s` for each good piece that is missing; a
    node that does not go by pieces, and has counted none, loses the time that was worked on it. Without standard times
    it is the planned duration, less the time that was worked on it.
    """
    quantity = facts.quantity or plan.quantity
    made = min(facts.good, quantity)
    if plan.criterion is Criterion.QUANTITY and made >= quantity:
        return Remaining(seconds=0, setup_s=0, made=made, quantity=quantity)
    worked = _worked(facts, now, calendar)
    if plan.setup_s is None and plan.piece_s is None:
        duration = max(0, working_seconds(calendar, plan.planned_start, plan.planned_finish))
        return Remaining(seconds=max(0, duration - worked), setup_s=0, made=made, quantity=quantity)
    setup = 0 if made else max(0, (plan.setup_s or 0) - worked)
    piece_s = plan.piece_s or 0
    if plan.criterion is not Criterion.QUANTITY and not made:
        left = max(0, (plan.setup_s or 0) + round(piece_s * quantity) - worked)
        return Remaining(seconds=left, setup_s=min(setup, left), made=made, quantity=quantity)
    return Remaining(seconds=setup + round(piece_s * (quantity - made)), setup_s=setup, made=made, quantity=quantity)


def _worked(facts: NodeFacts, now: datetime, calendar: Calendar) -> int:
    if facts.lifecycle is not Lifecycle.IN_PROGRESS or facts.started_at is None:
        return 0
    begin = facts.started_at
    held = sum(working_seconds(calendar, max(since, begin), max(until, begin)) for since, until in _holds(facts, now))
    return max(0, working_seconds(calendar, begin, now) - held)


def _holds(facts: NodeFacts, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From when to when the node was on hold; one that lasts ends now."""
    since: datetime | None = None
    for word in facts.words:
        if word.kind == NodeHeld.kind and since is None:
            since = word.at
        elif word.kind == NodeResumed.kind and since is not None:
            yield since, min(word.at, now)
            since = None
    if since is not None:
        yield since, max(since, now)
