"""Which views an event belongs to, and the fold of each kind of view behind one face."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from genba_cloud.core.facts.material import MATERIAL_KINDS, shelf_of
from genba_cloud.core.facts.questions import (
    QuestionFold,
    asks,
    fold_question,
    question_from_json,
    question_to_json,
    target_of,
)
from genba_cloud.core.facts.response import RESPONSE_KINDS, response_of
from genba_cloud.core.facts.station import (
    StationFold,
    fold_station,
    from_the_start,
    is_applicable,
    station_from_json,
    station_to_json,
)
from genba_cloud.core.facts.told import NOTHING_TOLD, ToldFold, fold_told, told_from_json, told_to_json
from genba_cloud.core.facts.work_order import (
    OF_WHOLE,
    WorkOrderState,
    fold_work_order,
    work_order_from_json,
    work_order_to_json,
)
from genba_cloud.core.facts.zone import (
    TagFold,
    ZoneFold,
    fold_tag,
    fold_zone,
    tag_from_json,
    tag_to_json,
    zone_from_json,
    zone_to_json,
)
from genba_shared.events import (
    BaselineFrozen,
    Event,
    OrderCancelled,
    OrderChanged,
    OrderConfirmed,
    OrderHeld,
    OrderResumed,
    PromiseSet,
    ShipmentMoved,
    StockCounted,
    TagBound,
    TagUnbound,
    WipChanged,
)


class Aggregate(StrEnum):
    """A kind of view."""

    MATERIAL = "material"
    ORDER = "order"
    QUESTION = "question"
    RESPONSE = "response"
    STATION = "station"
    TAG = "tag"
    WORK_ORDER = "work_order"
    ZONE = "zone"


class ViewKey(NamedTuple):
    """One view: its kind and the id of what it is about. Locks are taken in the order of these keys."""

    aggregate: Aggregate
    id: str


_OF_ZONES = (WipChanged, StockCounted)
_OF_TAGS = (TagBound, TagUnbound)
_OF_ORDERS = (
    BaselineFrozen,
    OrderCancelled,
    OrderChanged,
    OrderConfirmed,
    OrderHeld,
    OrderResumed,
    PromiseSet,
    ShipmentMoved,
)
_OF_FEW: frozenset[type[Event]] = frozenset((*MATERIAL_KINDS, *_OF_ORDERS, *RESPONSE_KINDS))
"""Kinds that have a view of their own which keeps events; machines, whose events are many, speak none of them."""


def views_of(event: Event) -> tuple[ViewKey, ...]:
    """The views whose fold sees the event.

    What is said of another event belongs to that event's question alone: what it changes elsewhere follows from there.
    An event that asks nothing by itself belongs to a question as well once something is said of it, which `members_of`
    knows.
    """
    target = target_of(event)
    if target is not None:
        return (ViewKey(Aggregate.QUESTION, target),)
    keys: list[ViewKey] = []
    if asks(event):
        keys.append(ViewKey(Aggregate.QUESTION, event.id))
    if event.station is not None:
        keys.append(ViewKey(Aggregate.STATION, event.station))
    if isinstance(event, _OF_ZONES):
        keys.append(ViewKey(Aggregate.ZONE, event.zone))
    elif isinstance(event, _OF_TAGS):
        keys.append(ViewKey(Aggregate.TAG, event.tag))
    if event.work_order is not None and (event.node is not None or isinstance(event, OF_WHOLE)):
        keys.append(ViewKey(Aggregate.WORK_ORDER, event.work_order))
    if type(event) in _OF_FEW:
        keys += _views_of_few(event)
    return tuple(keys)


def _views_of_few(event: Event) -> list[ViewKey]:
    """The views that keep their few events as they are."""
    keys: list[ViewKey] = []
    if isinstance(event, MATERIAL_KINDS):
        keys.append(ViewKey(Aggregate.MATERIAL, shelf_of(event)))
    elif isinstance(event, _OF_ORDERS) and event.order is not None:
        keys.append(ViewKey(Aggregate.ORDER, event.order))
    response = response_of(event)
    if response is not None:
        keys.append(ViewKey(Aggregate.RESPONSE, response))
    return keys


def members_of(events: Iterable[Event], *, answered: Collection[str] = ()) -> dict[ViewKey, list[Event]]:
    """By view, those of the events that its fold sees.

    Args:
        events: in any order.
        answered: ids of events of which events that are not among these say something.
    """
    every = list(events)
    named = {*answered, *(target for event in every if (target := target_of(event)) is not None)}
    members: dict[ViewKey, list[Event]] = {}
    for event in every:
        for key in views_of(event):
            there = members.get(key)
            if there is None:
                members[key] = [event]
            else:
                there.append(event)
        if named and event.id in named and not asks(event):
            members.setdefault(ViewKey(Aggregate.QUESTION, event.id), []).append(event)
    return members


S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold(Generic[S]):
    """How one kind of view is folded.

    `is_applicable` False: fold `from_the_start` of the state again, with all events of that view whose order matters.
    """

    empty: S
    fold: Callable[[S, Sequence[Event]], S]
    is_applicable: Callable[[S, Event], bool]
    to_json: Callable[[S], dict[str, Any]]
    from_json: Callable[[Mapping[str, Any]], S]
    from_the_start: Callable[[S], S]


def _same(state: S) -> S:
    return state


def _always(_state: object, _event: Event) -> bool:
    return True


QUESTION: Fold[QuestionFold] = Fold(
    empty=QuestionFold(),
    fold=fold_question,
    is_applicable=_always,
    to_json=question_to_json,
    from_json=question_from_json,
    from_the_start=_same,
)
TOLD: Fold[ToldFold] = Fold(
    empty=NOTHING_TOLD,
    fold=fold_told,
    is_applicable=_always,
    to_json=told_to_json,
    from_json=told_from_json,
    from_the_start=_same,
)
STATION: Fold[StationFold] = Fold(
    empty=StationFold(),
    fold=fold_station,
    is_applicable=is_applicable,
    to_json=station_to_json,
    from_json=station_from_json,
    from_the_start=from_the_start,
)
TAG: Fold[TagFold] = Fold(
    empty=TagFold(),
    fold=fold_tag,
    is_applicable=_always,
    to_json=tag_to_json,
    from_json=tag_from_json,
    from_the_start=_same,
)
WORK_ORDER: Fold[WorkOrderState] = Fold(
    empty=WorkOrderState(),
    fold=fold_work_order,
    is_applicable=_always,
    to_json=work_order_to_json,
    from_json=work_order_from_json,
    from_the_start=_same,
)
ZONE: Fold[ZoneFold] = Fold(
    empty=ZoneFold(),
    fold=fold_zone,
    is_applicable=_always,
    to_json=zone_to_json,
    from_json=zone_from_json,
    from_the_start=_same,
)

FOLDS: Mapping[Aggregate, Fold[Any]] = {
    Aggregate.MATERIAL: TOLD,
    Aggregate.ORDER: TOLD,
    Aggregate.QUESTION: QUESTION,
    Aggregate.RESPONSE: TOLD,
    Aggregate.STATION: STATION,
    Aggregate.TAG: TAG,
    Aggregate.WORK_ORDER: WORK_ORDER,
    Aggregate.ZONE: ZONE,
}
