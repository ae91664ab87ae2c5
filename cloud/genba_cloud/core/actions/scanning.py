"""What a scan means: which node of an order it is about, and what is done where nobody says what.

A label that is read twice within half a minute by the same person is one scan: the second does nothing and says when it
was done. So an order's label does not close one node and start the next because somebody's finger was too long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

from genba_cloud.core.actions.standing import NodePlace, State
from genba_cloud.core.actions.wishes import ActionRefused, Actor, Already, NodeAction, Why, clash

SAME_SCAN: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """The node that is meant, and what is to be done there."""

    place: NodePlace
    action: NodeAction


def usual_action(place: NodePlace, pieces: int | None = None) -> NodeAction | None:
    """What is done next with a node where it stands; None: nothing is left to do.

    With fewer pieces than the node needs, work in progress is reported, not completed.
    """
    if place.held_since is not None:
        return NodeAction.RESUME
    match place.state:
        case State.PENDING:
            return NodeAction.START if pieces is None else _by_pieces(place, pieces)
        case State.IN_PROGRESS:
            return _by_pieces(place, pieces)
        case State.AWAITING_CONFIRMATION:
            return NodeAction.CONFIRM
        case State.DONE | State.SKIPPED:
            return None
        case _:
            assert_never(place.state)


def _by_pieces(place: NodePlace, pieces: int | None) -> NodeAction:
    is_part = pieces is not None and pieces < place.plan.quantity
    return NodeAction.REPORT if is_part else NodeAction.COMPLETE


def next_places(places: Sequence[NodePlace], station: str | None = None) -> tuple[NodePlace, ...]:
    """Nodes of an order that a scan of its label may mean: those at work, else the next ones that may begin.

    Of several those that may run at the station, where one is named.
    """
    at_work = [one for one in places if one.state in {State.IN_PROGRESS, State.AWAITING_CONFIRMATION}]
    pending = [one for one in places if one.state is State.PENDING]
    found = at_work or [one for one in pending if not one.lacking] or pending[:1]
    there = [one for one in found if station is not None and station in one.plan.stations]
    return tuple(there or found)


def aim(
    places: Sequence[NodePlace],
    action: NodeAction | None,
    pieces: int | None,
    actor: Actor,
    now: datetime,
    *,
    is_named: bool,
    station: str | None = None,
) -> Aim | Already | ActionRefused:
    """What a scan means.

    Args:
        places: the nodes that the code stands for: one, or all of an order.
        action: what shall be done; None: what comes next.
        pieces: good pieces that were given with it.
        actor: who scanned.
        now: when.
        is_named: the one node was named, by its own code or beside it.
        station: where it was scanned.
    """
    if action is None:
        again = _just_done(places, actor, now)
        if again is not None:
            return Already(at=again)
    if is_named:
        return _at(places[0], action, pieces)
    wanted = _fitting(places, action, station)
    if len(wanted) == 1:
        return _at(wanted[0], action, pieces)
    if wanted:
        names = ", ".join(f"{one.work.work_order} {one.plan.node}" for one in wanted)
        return clash(
            Why.SEVERAL_NODES, "several nodes may be meant", f"work_order and node: one of {names}", names=names
        )
    done = max((one.done_at for one in places if one.done_at is not None), default=None)
    if done is not None and action in {None, NodeAction.START, NodeAction.COMPLETE, NodeAction.CONFIRM}:
        return Already(at=done)
    return clash(Why.NOTHING_TO_DO, "no node of this order is where this could be done", "name the node")


def _at(place: NodePlace, action: NodeAction | None, pieces: int | None) -> Aim | Already | ActionRefused:
    found = action or usual_action(place, pieces)
    if found is not None:
        return Aim(place=place, action=found)
    since = place.done_at or place.skipped_at or place.said.last_at
    if since is None:
        return clash(Why.NOTHING_TO_DO, f"nothing is left to do at node {place.plan.node}", node=place.plan.node)
    return Already(at=since)


def _fitting(places: Sequence[NodePlace], action: NodeAction | None, station: str | None) -> Sequence[NodePlace]:
    """Nodes where the action makes sense: an order's label never completes a node that nobody began."""
    found = next_places(places, station)
    match action:
        case None:
            return found
        case NodeAction.START:
            return next_places([one for one in places if one.state is State.PENDING], station)
        case NodeAction.CONFIRM | NodeAction.REJECT:
            return [one for one in found if one.state is State.AWAITING_CONFIRMATION]
        case NodeAction.RESUME:
            return [one for one in places if one.held_since is not None]
        case NodeAction.SKIP | NodeAction.REOPEN:
            return ()
        case _:
            return [one for one in found if one.state is State.IN_PROGRESS]


def _just_done(places: Sequence[NodePlace], actor: Actor, now: datetime) -> datetime | None:
    """When the same person entered something here a moment ago."""
    moments = [
        at for one in places if one.said.entered is not None for who, at in [one.said.entered] if who == actor.who
    ]
    newest = max(moments, default=None)
    return newest if newest is not None and now - newest < SAME_SCAN else None
