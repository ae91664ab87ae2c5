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
from itertools import pairwise
from operator import attrgetter
from typing import Any

from genba_cloud.core.facts.counts import NOTHING_COUNTED, Counter, Counts, Seen, counter_of, latest
from genba_cloud.core.facts.intervals import Intervals, added, gaps_in
from genba_cloud.core.facts.views import OpenDispatch, StationFacts, Tally
from genba_shared.clock import format_time, parse_time
from genba_shared.events import (
    DispatchClosed,
    DispatchOpened,
    Event,
    EventVoided,
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
    union of intervals with its result: holes in it are pieces that no event accounts for. `voided` are dispatch events
    that people took back.
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
    voided: frozenset[str] = frozenset()


def is_applicable(state: StationFold, event: Event) -> bool:
    """Whether the event may be applied to the folded state; False: fold the station again `from_the_start`."""
    match event:
        case PiecesCounted():
            return is_named(event) or state.boundary is None or state.boundary.key() <= fact_key(event)
        case DispatchOpened() | DispatchClosed():
            marks = [mark.key() for mark in (state.boundary, state.named_by_time) if mark is not None]
            return not marks or max(marks) <= fact_key(event)
        case EventVoided():
            return event.target in state.voided
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
    voided = state.voided.union(event.target for event in events if isinstance(event, EventVoided))
    folding = _Folding(state, voided)
    for event in _ordered(events):
        folding.apply(event)
    return folding.folded(), folding.attributed


def _ordered(events: Sequence[Event]) -> Sequence[Event]:
    """Each event once, in the order of facts: that of `at`, in which the rest seldom matters."""
    once = sorted({event.id: event for event in events}.values(), key=attrgetter("at"))
    if any(first.at == second.at for first, second in pairwise(once)):
        once.sort(key=fact_key)
    return once


class _Folding:
    """A station's state while events are applied to it, in the order of facts."""

    def __init__(self, state: StationFold, voided: frozenset[str]) -> None:
        self.attributed: dict[str, Attribution] = {}
        self._state, self._since, self._state_seen = state.state, state.since, state.state_seen
        self._dispatch, self._boundary, self._named_by_time = state.dispatch, state.boundary, state.named_by_time
        self._owned, self._orphans = dict(state.owned), state.orphans
        self._chains, self._data_at, self._voided = dict(state.chains), state.data_at, voided

    def folded(self) -> StationFold:
        """The state now."""
        return StationFold(
            state=self._state,
            since=self._since,
            state_seen=self._state_seen,
            dispatch=self._dispatch,
            boundary=self._boundary,
            named_by_time=self._named_by_time,
            owned=self._owned,
            orphans=self._orphans,
            chains=self._chains,
            data_at=self._data_at,
            voided=self._voided,
        )

    def apply(self, event: Event) -> None:
        """Take one event; what does not tell of the station changes nothing."""
        match event:
            case PiecesCounted():
                self._count(event)
            case StationStateChanged():
                self._change_state(event)
            case DispatchOpened() | DispatchClosed():
                if event.id not in self._voided:
                    self._change_dispatch(event)
            case _:
                return
        if self._data_at is None or event.at > self._data_at:
            self._data_at = event.at

    def _change_state(self, event: StationStateChanged) -> None:
        seen = Seen.of(event)
        if latest(self._state_seen, seen) == seen:
            self._state, self._since, self._state_seen = event.state, event.since, seen

    def _change_dispatch(self, event: DispatchOpened | DispatchClosed) -> None:
        owner = (event.work_order or "", event.node or "")  # both are there: the kinds require them
        self._boundary = Seen.of(event)
        if isinstance(event, DispatchOpened):
            explicit = event.source.type in BY_HAND
            self._dispatch = OpenDispatch(
                work_order=owner[0], node=owner[1], since=event.at, quantity=event.pieces, explicit=explicit
            )
        elif self._dispatch is not None and _owner(self._dispatch) == owner:
            self._dispatch = None

    def _count(self, event: PiecesCounted) -> None:
        where = (event.result, counter_of(event))
        self._chains[where] = added(self._chains.get(where, ()), event.total - event.delta, event.total)
        if is_named(event):
            return
        attribution = self.attributed[event.id] = self._attribution(event)
        self._named_by_time = latest(self._named_by_time, Seen.of(event))
        if attribution.owner is None:
            self._orphans = self._orphans.adding(event)
            return
        counts = self._owned.get(attribution.owner, NOTHING_COUNTED)
        self._owned[attribution.owner] = counts.adding(event, ambiguous=attribution.doubtful)

    def _attribution(self, event: PiecesCounted) -> Attribution:
        """Whose pieces the event has, by the state just before it."""
        if self._dispatch is None:
            return NOBODYS
        # Where the last change of dispatch lies within the event's span, it may be another's pieces.
        doubtful = self._boundary is not None and event.since < self._boundary.at
        return Attribution(owner=_owner(self._dispatch), doubtful=doubtful)


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
    told: dict[str, Any] = {"voided": sorted(state.voided)} if state.voided else {}
    return told | {
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
        voided=frozenset(obj.get("voided", ())),
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
