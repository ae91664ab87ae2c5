"""Whether something can be done with a node, and the events that say that it was done. It decides, and writes nothing.

Work out of sequence, below the quantity or against what machines counted is taken: it then waits for confirmation. What
makes no sense at all in the node's state is refused, with what would be accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, assert_never

from genba_cloud.core.actions.standing import NodePlace, State
from genba_cloud.core.actions.wishes import (
    ActionRefused,
    Actor,
    Already,
    Decided,
    Decision,
    Entry,
    NodeAction,
    NodeWish,
    Rank,
    Why,
    clash,
    malformed,
)
from genba_cloud.core.facts.plan import Confirm, is_in_time
from genba_shared.clock import format_time, to_milliseconds
from genba_shared.events import (
    Event,
    NodeCompleted,
    NodeConfirmed,
    NodeHeld,
    NodeRejected,
    NodeReopened,
    NodeResumed,
    NodeSkipped,
    NodeStarted,
    ProgressReported,
    QualityRecorded,
    ReworkOrdered,
    StepCompleted,
)

AHEAD: Final = timedelta(minutes=1)  # a clock on the wall may be ahead of ours by as much
BEHIND: Final = timedelta(days=7)
_MILLISECOND: Final = timedelta(milliseconds=1)
_ON_HOLD_TOO: Final = frozenset({NodeAction.RESUME, NodeAction.HOLD, NodeAction.SKIP, NodeAction.REJECT})
"""What is allowed while node or order are on hold; quality and corrections speak of what was done before."""
_SPEAK_OF_BEFORE: Final = frozenset({NodeAction.QUALITY, NodeAction.REWORK, NodeAction.REOPEN})


def decide_node(place: NodePlace, wish: NodeWish, actor: Actor, entry: Entry) -> Decision:
    """The events that this wish makes; `Already` where it is so; the refusal where it cannot be.

    Args:
        place: the node, and where it stands.
        wish: what shall be done.
        actor: who wants it; whether their role may do it at all was looked at before.
        entry: when it is entered.
    """
    refused = _stopped(place, wish) or _impossible_time(place, wish, entry)
    if refused is not None:
        return refused
    match wish.action:
        case NodeAction.START:
            return _start(place, _Making(place, wish, actor, entry))
        case NodeAction.REPORT:
            return _report(place, wish, _Making(place, wish, actor, entry))
        case NodeAction.STEP:
            return _step(place, wish, _Making(place, wish, actor, entry))
        case NodeAction.COMPLETE:
            return _complete(place, wish, _Making(place, wish, actor, entry))
        case NodeAction.CONFIRM:
            return _confirm(place, wish, actor, _Making(place, wish, actor, entry))
        case NodeAction.REJECT:
            return _reject(place, wish, _Making(place, wish, actor, entry))
        case NodeAction.HOLD | NodeAction.RESUME:
            return _hold_or_resume(place, wish, _Making(place, wish, actor, entry))
        case NodeAction.SKIP:
            return _skip(place, wish, _Making(place, wish, actor, entry))
        case NodeAction.REOPEN:
            return _reopen(place, wish, _Making(place, wish, actor, entry))
        case NodeAction.QUALITY:
            return _quality(place, wish, _Making(place, wish, actor, entry))
        case NodeAction.REWORK:
            return _rework(place, wish, actor, _Making(place, wish, actor, entry))
        case _:
            assert_never(wish.action)


class _Making:
    """Makes the events of one wish, each later than everything that was said of the node before."""

    def __init__(self, place: NodePlace, wish: NodeWish, actor: Actor, entry: Entry) -> None:
        now = to_milliseconds(entry.now)
        last = place.said.last_at
        later = now if last is None or last < now else last + _MILLISECOND
        self._at = later if wish.at is None else to_milliseconds(wish.at)
        self._entry = entry
        self._common: Mapping[str, Any] = {
            "entered_at": now,
            "source": actor.source,
            "site": place.work.site,
            "station": wish.station,
            "work_order": place.work.work_order,
            "node": place.plan.node,
        }

    def event(self, kind: type[Event], **fields: Any) -> Event:
        """One event."""
        made = kind(id=self._entry.next_id(), at=self._at, **self._common, **fields)
        self._at += _MILLISECOND
        return made

    def decided(self, kind: type[Event], **fields: Any) -> Decided:
        """One event, which is all."""
        return Decided(events=(self.event(kind, **fields),))


def _stopped(place: NodePlace, wish: NodeWish) -> ActionRefused | None:
    order, node = place.order, place.plan.node
    if wish.action in _SPEAK_OF_BEFORE:
        return None
    if place.order_said.cancelled_at is not None:
        return clash(Why.ORDER_CANCELLED, f"order {order} is cancelled", order=order)
    if wish.action in _ON_HOLD_TOO:
        return None
    if place.order_said.held_since is not None:
        return clash(Why.ORDER_ON_HOLD, f"order {order} is on hold", "resume the order first", order=order)
    if place.held_since is not None:
        return clash(Why.ON_HOLD, f"node {node} is on hold", "resume", node=node)
    return None


def _impossible_time(place: NodePlace, wish: NodeWish, entry: Entry) -> ActionRefused | None:
    if wish.at is None:
        return None
    earliest = max(at for at in (entry.now - BEHIND, place.said.reset_at, place.said.started_at) if at is not None)
    if earliest <= wish.at <= entry.now + AHEAD and is_in_time(wish.at):
        return None
    return malformed(
        Why.TIME_IMPOSSIBLE,
        f"it cannot have happened at {format_time(wish.at)}",
        f"a time from {format_time(earliest)} to now",
    )


def _wrong_state(place: NodePlace, accepted: str) -> ActionRefused:
    node = place.plan.node
    match place.state:
        case State.PENDING:
            return clash(Why.NOT_STARTED, f"node {node} has not begun", accepted, node=node)
        case State.IN_PROGRESS:
            return clash(Why.NOT_COMPLETE, f"node {node} is in progress", accepted, node=node)
        case State.AWAITING_CONFIRMATION:
            return clash(Why.IS_COMPLETE, f"node {node} is complete and waits for confirmation", accepted, node=node)
        case State.DONE:
            return clash(Why.IS_DONE, f"node {node} is done", accepted, node=node)
        case State.SKIPPED:
            return clash(Why.IS_SKIPPED, f"node {node} was skipped", accepted, node=node)
        case _:
            assert_never(place.state)


def _without_reason(wish: NodeWish) -> ActionRefused | None:
    if wish.reason is not None:
        return None
    return malformed(Why.REASON_MISSING, f"to {wish.action} a node needs a reason", "reason: a code such as wrong_scan")


def _start(place: NodePlace, making: _Making) -> Decision:
    match place.state:
        case State.PENDING:
            return making.decided(NodeStarted)
        case State.IN_PROGRESS:
            begun = place.started_at
            if begun is None:  # pieces are known, and nobody has said when it began
                return making.decided(NodeStarted)
            return Already(at=begun)
        case _:
            return _wrong_state(place, "reopen" if place.state in {State.DONE, State.SKIPPED} else "confirm or reject")


def _report(place: NodePlace, wish: NodeWish, making: _Making) -> Decision:
    if place.state not in {State.PENDING, State.IN_PROGRESS}:
        return _wrong_state(place, "reopen" if place.state is not State.AWAITING_CONFIRMATION else "confirm or reject")
    refused = _impossible_pieces(place, wish)
    if refused is not None:
        return refused
    before, pieces = place.said.reported, wish.pieces or 0
    if before is not None and pieces == before.pieces:
        return Already(at=before.at)
    if before is not None and pieces < before.pieces:
        accepted = f"all pieces so far, {before.pieces} or more; or undo the report of {before.pieces}"
        reason = f"{before.pieces} pieces are reported already: reports say all pieces so far"
        return clash(Why.FEWER_THAN_BEFORE, reason, accepted, pieces=before.pieces)
    return making.decided(ProgressReported, pieces=pieces, quantity=place.plan.quantity)


def _impossible_pieces(place: NodePlace, wish: NodeWish) -> ActionRefused | None:
    quantity = place.plan.quantity
    if wish.pieces is None:
        return malformed(Why.PIECES_MISSING, "how many pieces?", f"pieces: 0 to {quantity}", quantity=quantity)
    if wish.pieces < 0 or (wish.pieces > quantity and wish.reason is None):
        return malformed(
            Why.PIECES_IMPOSSIBLE,
            f"{wish.pieces} pieces do not fit: {quantity} are planned",
            f"pieces: 0 to {quantity}, or more with a reason",
            quantity=quantity,
        )
    return None


def _step(place: NodePlace, wish: NodeWish, making: _Making) -> Decision:
    known = [step.step for step in place.plan.steps]
    if wish.step not in known:
        accepted = f"one of {', '.join(known)}" if known else "complete: this node has no steps"
        node = place.plan.node
        said = f"node {node} has no step {wish.step!r:.100}" if wish.step else f"no step of node {node} is named"
        return malformed(Why.STEP_UNKNOWN, said, accepted)
    if place.state in {State.DONE, State.SKIPPED}:
        return _wrong_state(place, "reopen")
    if wish.step in place.said.steps:
        return Already(at=place.said.last_at or place.order_said.last_at or place.plan.planned_start)
    return making.decided(StepCompleted, step=wish.step, note=wish.note)


def _complete(place: NodePlace, wish: NodeWish, making: _Making) -> Decision:
    match place.state:
        case State.DONE | State.AWAITING_CONFIRMATION if place.done_at is not None:
            return Already(at=place.done_at)
        case State.PENDING | State.IN_PROGRESS:
            pass
        case _:
            return _wrong_state(place, "reopen" if place.state is State.SKIPPED else "confirm")
    quantity = place.plan.quantity
    pieces = quantity if wish.pieces is None else wish.pieces
    if pieces < 0 or (pieces != quantity and wish.reason is None):
        return malformed(
            Why.PIECES_IMPOSSIBLE,
            f"{pieces} pieces complete a node of {quantity} only for a reason",
            f"pieces: {quantity}, or another number with a reason; report: where more will follow",
            quantity=quantity,
        )
    return making.decided(NodeCompleted, pieces=pieces, reason=wish.reason)


def _confirm(place: NodePlace, wish: NodeWish, actor: Actor, making: _Making) -> Decision:
    match place.state:
        case State.DONE:
            said = max((voice.at for voice in place.said.confirmed), default=place.done_at)
            return _wrong_state(place, "") if said is None else Already(at=said)
        case State.AWAITING_CONFIRMATION:
            pass
        case _:
            return _wrong_state(place, "reopen" if place.state is State.SKIPPED else "complete")
    if not actor.is_person:
        return clash(Why.PERSON_NEEDED, "a node is confirmed by a person", "a person who is signed in")
    spoke = {claim.voice.who for claim in place.said.claims if claim.voice.is_person}
    spoke |= {voice.who for voice in place.said.confirmed}
    if place.plan.confirm is Confirm.FOUR_EYES and actor.who in spoke:
        return clash(
            Why.SECOND_PERSON,
            f"node {place.plan.node} needs a second person: you have spoken already",
            "another person than who completed it",
        )
    return making.decided(NodeConfirmed, pieces=wish.pieces, note=wish.note)


def _reject(place: NodePlace, wish: NodeWish, making: _Making) -> Decision:
    if place.state is not State.AWAITING_CONFIRMATION:
        return _wrong_state(place, "reopen" if place.state in {State.DONE, State.SKIPPED} else "complete")
    return _without_reason(wish) or making.decided(NodeRejected, reason=wish.reason, note=wish.note)


def _hold_or_resume(place: NodePlace, wish: NodeWish, making: _Making) -> Decision:
    since = place.held_since
    if wish.action is NodeAction.RESUME:
        if since is None:
            return clash(Why.NOT_ON_HOLD, f"node {place.plan.node} is not on hold", node=place.plan.node)
        return making.decided(NodeResumed, note=wish.note)
    if since is not None:
        return Already(at=since)
    if place.state in {State.DONE, State.SKIPPED}:
        return _wrong_state(place, "reopen")
    return _without_reason(wish) or making.decided(NodeHeld, reason=wish.reason, note=wish.note)


def _skip(place: NodePlace, wish: NodeWish, making: _Making) -> Decision:
    if place.skipped_at is not None:
        return Already(at=place.skipped_at)
    if place.state is State.DONE:
        return _wrong_state(place, "reopen")
    return _without_reason(wish) or making.decided(NodeSkipped, reason=wish.reason, note=wish.note)


def _reopen(place: NodePlace, wish: NodeWish, making: _Making) -> Decision:
    if place.state is State.AWAITING_CONFIRMATION:
        return _wrong_state(place, "reject")
    if place.state not in {State.DONE, State.SKIPPED}:
        return clash(Why.IS_OPEN, f"node {place.plan.node} is open", node=place.plan.node)
    return _without_reason(wish) or making.decided(NodeReopened, reason=wish.reason, note=wish.note)


def _quality(place: NodePlace, wish: NodeWish, making: _Making) -> Decision:
    if place.state is State.SKIPPED:
        return _wrong_state(place, "reopen")
    if wish.result is None:
        return malformed(Why.RESULT_MISSING, "what did the inspection find?", "result: passed, failed or conditional")
    if wish.pieces is None or wish.pieces < 1:
        return malformed(Why.PIECES_MISSING, "how many pieces were inspected?", "pieces: 1 or more")
    return making.decided(QualityRecorded, result=wish.result, pieces=wish.pieces, defects=wish.defects, note=wish.note)


def _rework(place: NodePlace, wish: NodeWish, actor: Actor, making: _Making) -> Decision:
    if place.state in {State.PENDING, State.SKIPPED}:
        return _wrong_state(place, "start" if place.state is State.PENDING else "reopen")
    if wish.found_at is not None and place.work.node(wish.found_at) is None:
        codes = ", ".join(node.node for node in place.work.nodes)
        return malformed(Why.NODE_UNKNOWN, f"there is no node {wish.found_at!r:.100}", f"found_at: one of {codes}")
    most = max(place.plan.quantity, place.good, *(claim.pieces for claim in place.said.claims), 1)
    if wish.pieces is None or not 1 <= wish.pieces <= most:
        return malformed(
            Why.PIECES_IMPOSSIBLE, "how many pieces must be worked on again?", f"pieces: 1 to {most}", quantity=most
        )
    refused = _without_reason(wish)
    if refused is not None:
        return refused
    again = making.event
    fields = {"pieces": wish.pieces, "reason": wish.reason, "found_at": wish.found_at, "note": wish.note}
    if place.state is State.IN_PROGRESS:
        return Decided(events=(again(ReworkOrdered, **fields),))
    if actor.rank < Rank.SUPERVISOR:
        return clash(Why.HIGHER_RANK, f"node {place.plan.node} is complete: rework opens it again", "a supervisor")
    opens = NodeReopened if place.state is State.DONE else NodeRejected
    return Decided(events=(again(opens, reason=wish.reason), again(ReworkOrdered, **fields)))
