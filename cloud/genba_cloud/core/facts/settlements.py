"""What an answer changes: at nodes whose pieces it takes or gives, and at the station where they had no owner.

An answer never changes a counter's total, only whose pieces are how many. Everything here is a function of one
question's state, so that a work order's pieces are a sum over the answers that touch it, in whatever order they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genba_cloud.core.facts.counts import Seen
from genba_cloud.core.facts.questions import Answer, QuestionFold, Target, owner_of
from genba_cloud.core.facts.station import Attribution, Owner
from genba_shared.events import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What one answer changes at one node: pieces by result (below 0: taken away).

    `seen` is the event that was answered: the pieces were made then, not when a person said so. `gives`: pieces came to
    the node that nothing had counted for it. `is_void`: the event was taken back, its pieces were never made.
    """

    seen: Seen
    change: Mapping[Result, int]
    gives: bool
    is_void: bool = False

    def to_json(self) -> dict[str, Any]:
        """Canonical form."""
        change = {str(result): pieces for result, pieces in sorted(self.change.items()) if pieces}
        told = {"seen": self.seen.to_json(), "change": change, "gives": self.gives}
        return {**told, "void": True} if self.is_void else told

    @classmethod
    def from_json(cls, obj: Mapping[str, Any]) -> Settlement:
        """Read the canonical form."""
        change = {Result(result): pieces for result, pieces in obj["change"].items()}
        seen, is_void = Seen.from_json(obj["seen"]), obj.get("void", False)
        return cls(seen=seen, change=change, gives=obj["gives"], is_void=is_void)


def settlements_of(state: QuestionFold, attribution: Attribution) -> dict[Owner, Settlement]:
    """By node, what the answer changes there; nothing before event and answer are both there."""
    target, answer = state.target, state.answer
    if target is not None and state.is_void:
        return _taken_back(target, owner_of(target, attribution))
    if target is None or answer is None:
        return {}
    before, after = owner_of(target, attribution), answer.owner or owner_of(target, attribution)
    counted = target.counted or 0
    given = {answer.result or target.result: answer.pieces}
    taken = {target.result: -counted}
    if before == after:
        gives = target.counted is None and answer.pieces > 0
        return {} if after is None else {after: _settlement(target, taken, given, gives=gives)}
    changes = {} if before is None or target.counted is None else {before: _settlement(target, taken, gives=False)}
    return changes if after is None else {**changes, after: _settlement(target, given, gives=answer.pieces > 0)}


def _taken_back(target: Target, owner: Owner | None) -> dict[Owner, Settlement]:
    if owner is None or target.counted is None:
        return {}
    change = {target.result: -target.counted}
    return {owner: Settlement(seen=target.seen, change=change, gives=False, is_void=True)}


def _settlement(target: Target, *changes: Mapping[Result, int], gives: bool) -> Settlement:
    total: dict[Result, int] = {}
    for change in changes:
        for result, pieces in change.items():
            total[result] = total.get(result, 0) + pieces
    return Settlement(seen=target.seen, change=total, gives=gives)


def settled_without_owner(state: QuestionFold, attribution: Attribution) -> tuple[Result, int]:
    """Of the pieces that were counted for nobody, how many the answer deals with, and their result.

    Pieces of a certain count that an answer leaves out stay without an owner. Of an ambiguous one nothing stays: the
    answer says how many there were. A correction says how many there were and no more: they still have no owner.
    """
    target, answer = state.target, state.answer
    if target is None or target.counted is None or owner_of(target, attribution) is not None:
        return Result.GOOD, 0
    if state.is_void:
        return target.result, target.counted
    if answer is None:
        return Result.GOOD, 0
    return target.result, _dealt_with(target.counted, answer, ambiguous=target.ambiguous)


def _dealt_with(counted: int, answer: Answer, *, ambiguous: bool) -> int:
    if answer.owner is None:
        return counted - answer.pieces
    return counted if ambiguous else min(counted, answer.pieces)
