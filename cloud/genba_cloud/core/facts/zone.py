"""A WIP zone and a tag: of each kind of fact the newest holds, newest by when it happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from genba_cloud.core.facts.counts import Seen, latest
from genba_cloud.core.facts.views import StockTake, TagBinding, ZoneFacts
from genba_shared.events import Event, StockCounted, TagBound, TagUnbound, WipChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneFold:
    """The newest `wip_changed` of the zone, and its newest `stock_counted`; None before the first."""

    seen: Seen | None = None
    count: int = 0
    error_estimate: int = 0
    stock_seen: Seen | None = None
    stock: int = 0


def fold_zone(state: ZoneFold, events: Iterable[Event]) -> ZoneFold:
    """The state after these events of the zone, in whatever order they come."""
    for event in events:
        match event:
            case WipChanged() if latest(state.seen, Seen.of(event)) == Seen.of(event):
                state = replace(state, seen=Seen.of(event), count=event.count, error_estimate=event.error_estimate)
            case StockCounted() if latest(state.stock_seen, Seen.of(event)) == Seen.of(event):
                state = replace(state, stock_seen=Seen.of(event), stock=event.count)
            case _:
                pass
    return state


def zone_facts(zone: str, state: ZoneFold) -> ZoneFacts | None:
    """What people see of the zone; None before its first count."""
    if state.seen is None:
        return None
    return ZoneFacts(
        zone=zone,
        count=state.count,
        error_estimate=state.error_estimate,
        at=state.seen.at,
        stock_take=stock_take(state),
    )


def stock_take(state: ZoneFold) -> StockTake | None:
    """The last stock-take of the zone."""
    seen = state.stock_seen
    return StockTake(id=seen.id, at=seen.at, count=state.stock) if seen else None


def zone_to_json(state: ZoneFold) -> dict[str, Any]:
    """Canonical form: equal states give equal JSON."""
    told: dict[str, Any] = {
        "seen": state.seen.to_json() if state.seen else None,
        "count": state.count,
        "error_estimate": state.error_estimate,
    }
    if state.stock_seen is not None:  # zones that nobody ever counted look as older versions wrote them
        told["stock"] = [*state.stock_seen.to_json(), state.stock]
    return told


def zone_from_json(obj: Mapping[str, Any]) -> ZoneFold:
    """Read the canonical form."""
    seen = Seen.from_json(obj["seen"]) if obj["seen"] else None
    stock = obj.get("stock")
    return ZoneFold(
        seen=seen,
        count=obj["count"],
        error_estimate=obj["error_estimate"],
        stock_seen=Seen.from_json(stock[:2]) if stock else None,
        stock=stock[2] if stock else 0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFold:
    """The newest `tag_bound` or `tag_unbound`; a binding closes the one before it. `work_order` None: free."""

    seen: Seen | None = None
    work_order: str | None = None
    pieces: int = 0


def fold_tag(state: TagFold, events: Iterable[Event]) -> TagFold:
    """The state after these events of the tag, in whatever order they come."""
    for event in events:
        match event:
            case TagBound() if latest(state.seen, Seen.of(event)) == Seen.of(event):
                pieces = 1 if event.pieces is None else event.pieces
                state = TagFold(seen=Seen.of(event), work_order=event.work_order, pieces=pieces)
            case TagUnbound() if latest(state.seen, Seen.of(event)) == Seen.of(event):
                state = TagFold(seen=Seen.of(event))
            case _:
                pass
    return state


def tag_binding(tag: str, state: TagFold) -> TagBinding | None:
    """What the tag stands for now; None: nothing."""
    if state.seen is None or state.work_order is None:
        return None
    return TagBinding(tag=tag, work_order=state.work_order, pieces=state.pieces, since=state.seen.at)


def tag_to_json(state: TagFold) -> dict[str, Any]:
    """Canonical form: equal states give equal JSON."""
    seen = state.seen.to_json() if state.seen else None
    return {"seen": seen, "work_order": state.work_order, "pieces": state.pieces}


def tag_from_json(obj: Mapping[str, Any]) -> TagFold:
    """Read the canonical form."""
    seen = Seen.from_json(obj["seen"]) if obj["seen"] else None
    return TagFold(seen=seen, work_order=obj["work_order"], pieces=obj["pieces"])
