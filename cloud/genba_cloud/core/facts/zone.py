"""A WIP zone and a tag: of each kind of fact the newest holds, newest by when it happened.

Of what people say of them a few of the newest are kept, so that the one before holds again when one is taken back. An
event that was taken back keeps its place among them: else what is forgotten would depend on what came first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from genba_cloud.core.facts.counts import Seen, latest
from genba_cloud.core.facts.views import StockTake, TagBinding, ZoneFacts
from genba_shared.events import Event, EventVoided, StockCounted, TagBound, TagUnbound, WipChanged

NEWEST: Final = 4
"""How many stock-takes of a zone, and bindings of a tag, are kept."""


class Taken(NamedTuple):
    """One stock-take: so many pieces were found."""

    seen: Seen
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneFold:
    """The newest `wip_changed` of the zone (None before the first), its newest stock-takes, and what was taken back."""

    seen: Seen | None = None
    count: int = 0
    error_estimate: int = 0
    stock: tuple[Taken, ...] = ()
    voided: frozenset[str] = frozenset()


def fold_zone(state: ZoneFold, events: Iterable[Event]) -> ZoneFold:
    """The state after these events of the zone, in whatever order they come."""
    for event in events:
        match event:
            case WipChanged() if latest(state.seen, Seen.of(event)) == Seen.of(event):
                state = replace(state, seen=Seen.of(event), count=event.count, error_estimate=event.error_estimate)
            case StockCounted():
                taken = {*state.stock, Taken(Seen.of(event), event.count)}
                state = replace(state, stock=tuple(sorted(taken, key=lambda one: one.seen.key())[-NEWEST:]))
            case EventVoided():
                state = replace(state, voided=state.voided | {event.target})
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
    """The last stock-take of the zone that nobody took back."""
    found = next((one for one in reversed(state.stock) if one.seen.id not in state.voided), None)
    return StockTake(id=found.seen.id, at=found.seen.at, count=found.found) if found else None


def zone_to_json(state: ZoneFold) -> dict[str, Any]:
    """Canonical form: equal states give equal JSON. What there is none of is left out."""
    told: dict[str, Any] = {
        "seen": state.seen.to_json() if state.seen else None,
        "count": state.count,
        "error_estimate": state.error_estimate,
    }
    if state.stock:
        told["stock"] = [[*one.seen.to_json(), one.found] for one in state.stock]
    return {**told, "voided": sorted(state.voided)} if state.voided else told


def zone_from_json(obj: Mapping[str, Any]) -> ZoneFold:
    """Read the canonical form."""
    return ZoneFold(
        seen=Seen.from_json(obj["seen"]) if obj["seen"] else None,
        count=obj["count"],
        error_estimate=obj["error_estimate"],
        stock=tuple(Taken(Seen.from_json(row[:2]), row[2]) for row in obj.get("stock", ())),
        voided=frozenset(obj.get("voided", ())),
    )


class Bound(NamedTuple):
    """What a tag was made to stand for; `work_order` None: for nothing."""

    seen: Seen
    work_order: str | None
    pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFold:
    """The newest `tag_bound` and `tag_unbound`, and what was taken back; a binding closes the one before it."""

    bound: tuple[Bound, ...] = ()
    voided: frozenset[str] = frozenset()

    @property
    def now(self) -> Bound | None:
        """The one that holds."""
        return next((one for one in reversed(self.bound) if one.seen.id not in self.voided), None)

    @property
    def work_order(self) -> str | None:
        """The work order that it stands for; None: it is free."""
        return self.now.work_order if self.now else None

    @property
    def pieces(self) -> int:
        """Pieces that it stands for."""
        return self.now.pieces if self.now else 0


def fold_tag(state: TagFold, events: Iterable[Event]) -> TagFold:
    """The state after these events of the tag, in whatever order they come."""
    for event in events:
        match event:
            case TagBound():
                pieces = 1 if event.pieces is None else event.pieces
                state = _with(state, Bound(Seen.of(event), event.work_order, pieces))
            case TagUnbound():
                state = _with(state, Bound(Seen.of(event), None, 0))
            case EventVoided():
                state = replace(state, voided=state.voided | {event.target})
            case _:
                pass
    return state


def _with(state: TagFold, new: Bound) -> TagFold:
    return replace(state, bound=tuple(sorted({*state.bound, new}, key=lambda one: one.seen.key())[-NEWEST:]))


def tag_binding(tag: str, state: TagFold) -> TagBinding | None:
    """What the tag stands for now; None: nothing."""
    now = state.now
    if now is None or now.work_order is None:
        return None
    return TagBinding(tag=tag, work_order=now.work_order, pieces=now.pieces, since=now.seen.at)


def tag_to_json(state: TagFold) -> dict[str, Any]:
    """Canonical form: equal states give equal JSON."""
    told: dict[str, Any] = {"bound": [[*one.seen.to_json(), one.work_order, one.pieces] for one in state.bound]}
    return {**told, "voided": sorted(state.voided)} if state.voided else told


def tag_from_json(obj: Mapping[str, Any]) -> TagFold:
    """Read the canonical form."""
    return TagFold(
        bound=tuple(Bound(Seen.from_json(row[:2]), row[2], row[3]) for row in obj["bound"]),
        voided=frozenset(obj.get("voided", ())),
    )
