"""Everything that a node's completion rests on: which events, in which part, and whether their pieces add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from genba_shared.device_map.model import DeviceMap, PointRef
from genba_shared.events import (
    Basis,
    DataGapSeen,
    DataQuestioned,
    Direction,
    DispatchClosed,
    DispatchOpened,
    EnvironmentSummarised,
    Event,
    EventId,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    ProgressReported,
    Result,
    StationChangedOver,
    TagBound,
    TagPassed,
    TagUnbound,
)

WORK: Final = "work"
PIECES: Final = "pieces"
TAGS: Final = "passages"
BINDINGS: Final = "bindings"
DOUBTS: Final = "doubts"
ENVIRONMENT: Final = "environment"
OTHER: Final = "other"
GROUPS: Final = (WORK, PIECES, TAGS, BINDINGS, DOUBTS, ENVIRONMENT, OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One event that went into a node, the part it belongs to, and the good pieces that it adds (0: none)."""

    event: Event
    group: str
    adds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs of a node in the order of their seqs.

    `claimed`: the pieces of its completion (None: it is not complete). `is_quantity`: they are those that were wanted,
    since nothing counts the pieces of this node. `has_beginning`: the kept events reach back to where the work began.
    `answered`: good pieces that people's answers in the collector added to the counted ones (below 0: took away).
    """

    work_order: str
    node: str
    inputs: tuple[Input, ...]
    claimed: int | None
    has_beginning: bool
    is_quantity: bool = False
    answered: int = 0

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all inputs."""
        return tuple(each.event.id for each in self.inputs)

    @property
    def sum(self) -> int:
        """The good pieces of all inputs together."""
        return sum(each.adds for each in self.inputs)

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the most good pieces that the inputs can stand for; tags are as many as they are."""
        least = most = self.sum
        if any(each.adds for each in self.inputs if isinstance(each.event, TagPassed)):
            return least, most
        for each in self.inputs:
            match each.event:
                case PiecesCounted(result=Result.GOOD, least=int(low), most=int(high)):
                    least, most = least + low - each.adds, most + high - each.adds
                case _:
                    pass
        return least, most

    @property
    def difference(self) -> int:
        """Pieces that were claimed and are not among the inputs; 0 where nothing was claimed, or nothing counts."""
        if self.claimed is None or self.is_quantity:
            return 0
        return self.claimed - max(0, self.sum + self.answered)


def inputs_of(
    work_order: str,
    node: str,
    events: Iterable[Event],
    *,
    claim: NodeCompleted | None,
    known_map: DeviceMap | None,
    answered: int = 0,
) -> Inputs:
    """The inputs of a node up to its completion (None: up to now) among events of one gateway, given in any order."""
    found, adds = _found(work_order, node, events, claim, known_map)
    by_tags = claim is not None and claim.basis is Basis.TAGS
    return Inputs(
        work_order=work_order,
        node=node,
        inputs=tuple(Input(event=each, group=_group(each), adds=adds.get(each.id, 0)) for each in found),
        claimed=None if claim is None else claim.pieces,
        is_quantity=claim is not None and claim.basis is Basis.STATE and not adds and not _counts(node, known_map),
        has_beginning=_has_beginning(found, by_tags=by_tags),
        answered=answered,
    )


def _found(
    work_order: str,
    node: str,
    events: Iterable[Event],
    claim: NodeCompleted | None,
    known_map: DeviceMap | None,
) -> tuple[list[Event], dict[str, int]]:
    """The events that went into the node or stand beside it, and the pieces that each adds."""
    ordered = sorted(events, key=seq_of)
    begin, end = _bounds(ordered, work_order, node, claim)
    by_tags = claim is not None and claim.basis is Basis.TAGS
    named = set() if claim is None else set(claim.because)
    starts = (each for each in ordered if isinstance(each, NodeStarted))
    for each in starts:  # what started the work may be the state of a station, which is nobody's
        named |= set(each.because if _is_of(each, work_order, node, begin, end, claim) else ())
    own = [
        each
        for each in ordered
        if (claim is None or each.id != claim.id)
        and (each.id in named or _is_of(each, work_order, node, begin, end, claim))
    ]
    since = min((each.at for each in own), default=None)
    points, devices = _points(_stations(own, node, known_map), known_map)
    devices |= {each.reader for each in own if isinstance(each, TagPassed)}
    beside = [
        each
        for each in ordered
        if since is not None
        and begin < seq_of(each) <= end
        and _is_beside(each, points=points, devices=devices, since=since)
    ]
    ids = {each.id for each in own}
    found = sorted([*own, *(each for each in beside if each.id not in ids)], key=seq_of)
    return found, _adds(found, work_order, node, by_tags=by_tags)


def seq_of(event: Event) -> int:
    """The seq of an event that a gateway made; 0 for others."""
    made = EventId.parse(event.id)
    return 0 if made is None else made.seq


def _bounds(ordered: list[Event], work_order: str, node: str, claim: NodeCompleted | None) -> tuple[int, int]:
    """The seqs (begin, end] of the work: up to its completion, since the last one before which it was started anew.

    A node whose quantity was raised after its completion is not started again: its second claim covers both parts.
    """
    end = seq_of(claim) if claim is not None else max(map(seq_of, ordered), default=0)
    own = [each for each in ordered if (each.work_order, each.node) == (work_order, node) and seq_of(each) <= end]
    started = max((seq_of(each) for each in own if isinstance(each, NodeStarted)), default=0)
    claims = (seq_of(each) for each in own if isinstance(each, NodeCompleted))
    return max((seq for seq in claims if seq < min(started, end)), default=0), end


def _is_of(event: Event, work_order: str, node: str, begin: int, end: int, claim: NodeCompleted | None) -> bool:
    """Whether the event says of itself that it is of this node (or binds a tag of its work order)."""
    if event.work_order != work_order or (event.node is not None and event.node != node):
        return False
    if event.node is None and not isinstance(event, TagBound | TagUnbound | TagPassed):
        return False
    if begin < seq_of(event) <= end:
        return True
    return claim is not None and claim.id in event.because  # what is told of a completion comes behind it


def _is_beside(event: Event, *, points: set[str], devices: set[str], since: datetime) -> bool:
    """Whether it puts the work into doubt: nobody looked at its station, or a reading of its counters is questioned."""
    match event:
        case DataGapSeen(end=end, subject=subject):
            return subject in devices and end >= since
        case DataQuestioned(point=point, work_order=None):
            return point in points and event.at >= since
        case _:
            return False


def _stations(own: Iterable[Event], node: str, known_map: DeviceMap | None) -> set[str]:
    named = {each.station for each in own if each.station is not None}
    rule = None if known_map is None else known_map.nodes.get(node)
    return named | set(rule.stations if rule is not None else ())


def _counts(node: str, known_map: DeviceMap | None) -> bool:
    """Whether some station of the node counts good pieces."""
    stations = () if known_map is None or node not in known_map.nodes else known_map.nodes[node].stations
    return known_map is not None and any(Result.GOOD in known_map.stations[name].counts for name in stations)


def _points(stations: set[str], known_map: DeviceMap | None) -> tuple[set[str], set[str]]:
    """The counters of the stations, and their devices."""
    counters: set[PointRef] = set()
    devices: set[str] = set()
    for name in stations:
        station = None if known_map is None else known_map.stations.get(name)
        if station is not None:
            counters |= set(station.counts.values())
            devices |= {station.device, *(ref.device for ref in station.counts.values())}
    return {str(ref) for ref in counters}, devices


def _group(event: Event) -> str:
    match event:
        case DispatchOpened() | DispatchClosed() | NodeStarted() | ProgressReported() | StationChangedOver():
            return WORK
        case PiecesCounted():
            return PIECES
        case TagPassed():
            return TAGS
        case TagBound() | TagUnbound():
            return BINDINGS
        case DataGapSeen() | DataQuestioned():
            return DOUBTS
        case EnvironmentSummarised():
            return ENVIRONMENT
        case _:
            return OTHER


def _adds(found: Iterable[Event], work_order: str, node: str, *, by_tags: bool) -> dict[str, int]:
    """The good pieces of the claim that come from each event: counts, or the first time that each tag left."""
    adds: dict[str, int] = {}
    left: set[str] = set()
    for event in found:
        if (event.work_order, event.node) != (work_order, node):
            continue
        match event:
            case PiecesCounted(result=Result.GOOD) if not by_tags:
                adds[event.id] = event.delta
            case TagPassed(pieces=int(pieces), direction=Direction.LEAVE) if by_tags and event.tag not in left:
                left.add(event.tag)
                adds[event.id] = pieces
            case _:
                pass
    return adds


def _has_beginning(own: Iterable[Event], *, by_tags: bool) -> bool:
    """Whether what started the work is kept, and the dispatch before it where pieces are counted."""
    kept = {each.id: each for each in own}
    started = next((each for each in kept.values() if isinstance(each, NodeStarted)), None)
    if started is None or not all(each in kept for each in started.because):
        return False
    opened = (each for each in kept.values() if isinstance(each, DispatchOpened))
    return by_tags or any(seq_of(each) < seq_of(started) for each in opened)
