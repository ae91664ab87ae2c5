"""A WIP zone and a tag: of each the newest fact holds, newest by when it happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from genba_cloud.core.facts.counts import Seen, latest
from genba_cloud.core.facts.views import TagBinding, ZoneFacts
from genba_shared.events import Event, TagBound, TagUnbound, WipChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneFold:
    """The newest `wip_changed` of the zone; `seen` is None before the first."""

    seen: Seen | None = None
    count: int = 0
    error_estimate: int = 0


def fold_zone(state: ZoneFold, events: Iterable[Event]) -> ZoneFold:
    """The state after these events of the zone, in whatever order they come."""
    for event in events:
        match event:
            case WipChanged() if latest(state.seen, Seen.of(event)) == Seen.of(event):
                state = ZoneFold(seen=Seen.of(event), count=event.count, error_estimate=event.error_estimate)
            case _:
                pass
    return state


def zone_facts(zone: str, state: ZoneFold) -> ZoneFacts | None:
    """What people see of the zone; None before its first count."""
    if state.seen is None:
        return None
    return ZoneFacts(zone=zone, count=state.count, error_estimate=state.error_estimate, at=state.seen.at)


def zone_to_json(state: ZoneFold) -> dict[str, Any]:
    """Canonical form: equal states give equal JSON."""
    seen = state.seen.to_json() if state.seen else None
    return {"seen": seen, "count": state.count, "error_estimate": state.error_estimate}


def zone_from_json(obj: Mapping[str, Any]) -> ZoneFold:
    """Read the canonical form."""
    seen = Seen.from_json(obj["seen"]) if obj["seen"] else None
    return ZoneFold(seen=seen, count=obj["count"], error_estimate=obj["error_estimate"])


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
