"""Which right each action needs, and which rank a viewer has where things are taken back."""

from __future__ import annotations

from typing import assert_never

from genba_cloud.core.actions.wishes import Actor, NodeAction, OrderAction, Rank
from genba_cloud.core.viewer import Act, Role, Viewer
from genba_shared.events import Source


def act_of_node(action: NodeAction) -> Act:
    """The right that doing this with a node needs."""
    match action:
        case NodeAction.REJECT | NodeAction.SKIP | NodeAction.REOPEN:
            return Act.SUPERVISE
        case _:
            return Act.WORK


def act_of_order(action: OrderAction) -> Act:
    """The right that doing this with an order needs."""
    match action:
        case OrderAction.HOLD | OrderAction.RESUME:
            return Act.HOLD_ORDER
        case OrderAction.CANCEL | OrderAction.PRIORITISE:
            return Act.CHANGE_ORDER
        case _:
            assert_never(action)


def actor_of(viewer: Viewer, source: Source) -> Actor:
    """The viewer as whoever acts; `source` is what stands in the events."""
    return Actor(who=source.ref, rank=rank_of(viewer), is_person=viewer.is_person, source=source)


def rank_of(viewer: Viewer) -> Rank:
    """How far the viewer may take things back. A machine has the rank of an operator: what it said itself."""
    match viewer.role:
        case Role.ADMIN | Role.MANAGER:
            return Rank.MANAGER
        case Role.SUPERVISOR:
            return Rank.SUPERVISOR
        case Role.OPERATOR | Role.MACHINE | Role.BOARD:
            return Rank.OPERATOR
        case _:
            assert_never(viewer.role)
