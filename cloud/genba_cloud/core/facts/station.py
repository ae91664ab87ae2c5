"""A station's state: what it does, what it works on, and who owns the pieces counted there without a name on them.

Only attribution depends on order: a count without a work order belongs to the dispatch that was open when it
happened. So an event can be applied to a folded state unless it is older than something whose meaning it changes;
`is_applicable` says which, and the ledger then folds that station again `from_the_start`: only its dispatch events and
its counts without a name are read again, which are few beside the counts of a year.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from genba_cloud.core.facts.counts import NOTHING_COUNTED, Counter, Counts, Seen, counter_of, later, latest
from genba_cloud.core.facts.intervals import Intervals, added, gaps_in
from genba_cloud.core.facts.views import OpenDispatch, StationFacts, Tally
from genba_shared.clock import format_time, parse_time
from genba_shared.events import (
    DispatchClosed,
    DispatchOpened,
    Event,
    PiecesCounted,
    Result,
    SourceType,
    StationState,
    StationStateChanged,
    fact_key,
)

Owner = tuple[str, str]
"""(work order, node)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """To whom dispatch gave the pieces of a count without a name on it. `doubtful`: the dispatch changed within it."""

    owner: Owner | None = None
    doubtful: bool = False


NOBODYS = Attribution()

BY_HAND = frozenset({SourceType.PERSON, SourceType.API, SourceType.SCAN, SourceType.IMPORT})


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFold:
    """`boundary` is the newest dispatch event, `named_by_time` the newest count that was attributed by the dispatch.

    `owned` are counts that the dispatch gave to a node, `orphans` those that nobody owned, `chains` every counter's
    union of intervals with its result: holes in it are pieces that no event accounts for.
    """

    state: StationState = StationState.UNKNOWN
    since: datetime | None = None
    state_seen: Seen | None = None
    dispatch: OpenDispatch | None = None
    boundary: Seen | None = None
    named_by_time: Seen | None = None
    owned: Mapping[Owner, Counts] = field(default_factory=dict)
    orphans: Counts = NOTHING_COUNTED
    chains: Mapping[tuple[Result, Counter], Intervals] = field(default_factory=dict)
    data_at: datetime | None = None


def is_applicable(state: StationFold, event: Event) -> bool:
    """Whether the event may be applied to the folded state; False: fold the station again `from_the_start`."""
    key = fact_key(event)
    match event:
        case PiecesCounted() if not is_named(event):
            return state.boundary is None or state.boundary.key() <= key
        case DispatchOpened() | DispatchClosed():
            marks = (state.boundary, state.named_by_time)
            return all(mark is None or mark.key() <= key for mark in marks)
        case _:
            return True


def from_the_start(state: StationFold) -> StationFold:
    """What of the state does not depend on order, as it is; the rest as before the first event.

    Folding all events of the station that attribute pieces into it gives the state that all events give.
    """
    return replace(state, dispatch=None, boundary=None, named_by_time=None, owned={}, orphans=NOTHING_COUNTED)


def fold_station(state: StationFold, events: Sequence[Event]) -> StationFold:
    """The state after these events of the station; they are put in the order of facts first, repeats left out."""
    return fold_and_attribute(state, events)[0]


def fold_and_attribute(state: StationFold, events: Sequence[Event]) -> tuple[StationFold, dict[str, Attribution]]:
    """As `fold_station`, and for each of these events that counts without a name on it (by id): whose pieces it has."""
    once = {event.id: event for event in events}
    attributed: dict[str, Attribution] = {}
    for event in sorted(once.values(), key=fact_key):
        if isinstance(event, PiecesCounted) and not is_named(event):
            attributed[event.id] = _attribution(state, event)
        state = _apply(state, event)
    return state, attributed


def _apply(state: StationFold, event: Event) -> StationFold:
    match event:
        case StationStateChanged():
            state = _with_state(state, event)
        case DispatchOpened(work_order=str(work_order), node=str(node)):
            explicit = event.source.type in BY_HAND
            opened = OpenDispatch(
                work_order=work_order, node=node, since=event.at, quantity=event.pieces, explicit=explicit
            )
            state = replace(state, dispatch=opened, boundary=Seen.of(event))
        case DispatchClosed():
            closes = state.dispatch is not None and _owner(state.dispatch) == (event.work_order, event.node)
            state = replace(state, dispatch=None if closes else state.dispatch, boundary=Seen.of(event))
        case PiecesCounted():
            state = _counted(state, event)
        case _:
            return state
    return replace(state, data_at=later(state.data_at, event.at))


def _with_state(state: StationFold, event: StationStateChanged) -> StationFold:
    seen = Seen.of(event)
    if latest(state.state_seen, seen) != seen:
        return state
    return replace(state, state=event.state, since=event.since, state_seen=seen)


def _counted(state: StationFold, event: PiecesCounted) -> StationFold:
    where = (event.result, counter_of(event))
    chain = added(state.chains.get(where, ()), event.total - event.delta, event.total)
    state = replace(state, chains={**state.chains, where: chain})
    if is_named(event):
        return state
    state = replace(state, named_by_time=latest(state.named_by_time, Seen.of(event)))
    if state.dispatch is None:
        return replace(state, orphans=state.orphans.adding(event))
    owner = _owner(state.dispatch)
    counts = state.owned.get(owner, NOTHING_COUNTED).adding(event, ambiguous=_crosses(state, event))
    return replace(state, owned={**state.owned, owner: counts})


def _attribution(state: StationFold, event: PiecesCounted) -> Attribution:
    """Whose pieces the event has, by the state just before it."""
    if state.dispatch is None:
        return NOBODYS
    return Attribution(owner=_owner(state.dispatch), doubtful=_crosses(state, event))


def _crosses(state: StationFold, event: PiecesCounted) -> bool:
    """Whether the last change of dispatch lies within the event's span: it may be another's pieces."""
    return state.boundary is not None and event.since < state.boundary.at


def is_named(event: PiecesCounted) -> bool:
    """Whether the gateway said whose pieces these are."""
    return event.work_order is not None and event.node is not None


def _owner(dispatch: OpenDispatch) -> Owner:
    return dispatch.work_order, dispatch.node


def owned_by(state: StationFold, work_order: str) -> dict[str, Counts]:
    """What the station's dispatch gave to the work order, by node."""
    return {node: counts for (owner, node), counts in state.owned.items() if owner == work_order}


def changed_owners(before: StationFold, after: StationFold) -> set[str]:
    """Work orders to which the station now gives something else than before."""
    owners = {*before.owned, *after.owned}
    return {owner[0] for owner in owners if before.owned.get(owner) != after.owned.get(owner)}


def station_facts(station: str, state: StationFold, settled: Mapping[Result, int] | None = None) -> StationFacts:
    """What people see of the station; `settled` are the pieces without an owner that people have dealt with."""
    unowned = state.orphans.tally().by_result()
    for (result, _), chain in state.chains.items():
        unowned[result] += gaps_in(chain)
    for result, pieces in (settled or {}).items():
        unowned[result] -= pieces
    return StationFacts(
        station=station,
        state=state.state,
        since=state.since,
        dispatch=state.dispatch,
        unassigned=Tally.of(unowned),
        data_at=state.data_at,
    )


def station_to_json(state: StationFold) -> dict[str, Any]:
    """Canonical form: equal states give equal JSON."""
    return {
        "state": str(state.state),
        "since": _time(state.since),
        "state_seen": _seen(state.state_seen),
        "dispatch": _dispatch_to_json(state.dispatch) if state.dispatch else None,
        "boundary": _seen(state.boundary),
        "named_by_time": _seen(state.named_by_time),
        "owned": [[*owner, counts.to_json()] for owner, counts in sorted(state.owned.items(), key=lambda row: row[0])],
        "orphans": state.orphans.to_json(),
        "chains": [
            [str(result), *counter, [list(part) for part in parts]]
            for (result, counter), parts in sorted(state.chains.items())
        ],
        "data_at": _time(state.data_at),
    }


def station_from_json(obj: Mapping[str, Any]) -> StationFold:
    """Read the canonical form."""
    return StationFold(
        state=StationState(obj["state"]),
        since=_read_time(obj["since"]),
        state_seen=_read_seen(obj["state_seen"]),
        dispatch=_dispatch_from_json(obj["dispatch"]) if obj["dispatch"] else None,
        boundary=_read_seen(obj["boundary"]),
        named_by_time=_read_seen(obj["named_by_time"]),
        owned={(work_order, node): Counts.from_json(counts) for work_order, node, counts in obj["owned"]},
        orphans=Counts.from_json(obj["orphans"]),
        chains=dict(_chains(obj["chains"])),
        data_at=_read_time(obj["data_at"]),
    )


def _chains(rows: Iterable[Sequence[Any]]) -> Iterable[tuple[tuple[Result, Counter], Intervals]]:
    for result, gateway, epoch, point, counter_epoch, parts in rows:
        yield (Result(result), Counter(gateway, epoch, point, counter_epoch)), tuple((low, high) for low, high in parts)


def _dispatch_to_json(dispatch: OpenDispatch) -> list[Any]:
    return [
        dispatch.work_order,
        dispatch.node,
        format_time(dispatch.since),
        dispatch.quantity,
        dispatch.explicit,
    ]


def _dispatch_from_json(row: Sequence[Any]) -> OpenDispatch:
    work_order, node, since, quantity, explicit = row
    return OpenDispatch(work_order=work_order, node=node, since=parse_time(since), quantity=quantity, explicit=explicit)


def _time(at: datetime | None) -> str | None:
    return format_time(at) if at else None


def _read_time(text: str | None) -> datetime | None:
    return parse_time(text) if text else None


def _seen(seen: Seen | None) -> list[str] | None:
    return seen.to_json() if seen else None


def _read_seen(row: list[str] | None) -> Seen | None:
    return Seen.from_json(row) if row else None
