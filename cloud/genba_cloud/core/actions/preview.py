"""What would happen: each action is decided as if it were wanted now, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from genba_cloud.core.actions.node_rules import decide_node
from genba_cloud.core.actions.standing import NodePlace, State
from genba_cloud.core.actions.wishes import ActionRefused, Actor, Already, Decided, Entry, NodeAction, NodeWish
from genba_shared.events import Event, QualityResult

NEEDS: Final[dict[NodeAction, tuple[str, ...]]] = {
    NodeAction.REPORT: ("pieces",),
    NodeAction.STEP: ("step",),
    NodeAction.REJECT: ("reason",),
    NodeAction.HOLD: ("reason",),
    NodeAction.SKIP: ("reason",),
    NodeAction.REOPEN: ("reason",),
    NodeAction.QUALITY: ("result", "pieces"),
    NodeAction.REWORK: ("pieces", "reason"),
}
"""What must be said beside the action; those that are not named here need nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What one action would do: lead to the state `becomes`, do nothing as it is so `already`, or be refused."""

    action: NodeAction
    needs: tuple[str, ...]
    becomes: State | None = None
    already: datetime | None = None
    refused: ActionRefused | None = None


def previews(place: NodePlace, events: Sequence[Event], actor: Actor, now: datetime) -> tuple[Preview, ...]:
    """Every action at this node. `events`: what was said of its work order until now."""
    return tuple(_preview(place, events, action, actor, now) for action in NodeAction)


def _preview(place: NodePlace, events: Sequence[Event], action: NodeAction, actor: Actor, now: datetime) -> Preview:
    needs = NEEDS.get(action, ())
    decided = decide_node(place, _example(place, action), actor, Entry(now=now, next_id=_numbers().__next__))
    match decided:
        case ActionRefused():
            return Preview(action=action, needs=needs, refused=decided)
        case Already(at=at):
            return Preview(action=action, needs=needs, already=at)
        case Decided(events=made):
            return Preview(action=action, needs=needs, becomes=place.after(made, events).state)


def _example(place: NodePlace, action: NodeAction) -> NodeWish:
    """The action with all that it needs, so that only how things stand decides."""
    left = [step.step for step in place.plan.steps if step.step not in place.said.steps]
    reported = place.said.reported.pieces if place.said.reported else 0
    pieces = {
        NodeAction.REPORT: max(reported, min(reported + 1, place.plan.quantity)),
        NodeAction.QUALITY: 1,
        NodeAction.REWORK: 1,
    }
    return NodeWish(
        action=action,
        pieces=pieces.get(action),
        reason="preview" if "reason" in NEEDS.get(action, ()) else None,
        step=left[0] if left else None,
        result=QualityResult.PASSED,
    )


def _numbers() -> Iterator[str]:
    """Ids for events that are never written; they sort behind every id of an event that is."""
    yield from (f"zzzzzzzz-0000-0000-0000-{number:012d}" for number in range(1000))
