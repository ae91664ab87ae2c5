"""Which views an event belongs to, and the fold of each kind of view behind one face."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from genba_cloud.core.facts.station import (
    StationFold,
    fold_station,
    from_the_start,
    is_applicable,
    station_from_json,
    station_to_json,
)
from genba_cloud.core.facts.work_order import WorkOrderState, fold_work_order, work_order_from_json, work_order_to_json
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
from genba_shared.events import Event, StockCounted, TagBound, TagUnbound, WipChanged


class Aggregate(StrEnum):
    """A kind of view."""

    STATION = "station"
    TAG = "tag"
    WORK_ORDER = "work_order"
    ZONE = "zone"


class ViewKey(NamedTuple):
    """One view: its kind and the id of what it is about. Locks are taken in the order of these keys."""

    aggregate: Aggregate
    id: str


def views_of(event: Event) -> tuple[ViewKey, ...]:
    """The views whose fold sees the event."""
    keys: list[ViewKey] = []
    if event.station is not None:
        keys.append(ViewKey(Aggregate.STATION, event.station))
    match event:
        case TagBound() | TagUnbound():
            keys.append(ViewKey(Aggregate.TAG, event.tag))
        case WipChanged() | StockCounted():
            keys.append(ViewKey(Aggregate.ZONE, event.zone))
        case _:
            pass
    if event.work_order is not None and event.node is not None:
        keys.append(ViewKey(Aggregate.WORK_ORDER, event.work_order))
    return tuple(keys)


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
    Aggregate.STATION: STATION,
    Aggregate.TAG: TAG,
    Aggregate.WORK_ORDER: WORK_ORDER,
    Aggregate.ZONE: ZONE,
}
