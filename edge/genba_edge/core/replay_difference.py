"""How what one map makes of a raw log differs from what another one does, and which settings may be why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

from genba_edge.core.journal import load
from genba_edge.core.map_settings import (
    SettingChange,
    causes,
    changed_settings,
    places_of_node,
    places_of_point,
    places_of_state,
    places_of_station,
    places_of_zone,
)
from genba_edge.core.replay import Outcome
from genba_shared.device_map.model import DeviceMap, PointRef
from genba_shared.events import (
    Confidence,
    DataGapSeen,
    DataQuestioned,
    Event,
    GapCause,
    NodeCompleted,
    PiecesCounted,
    QuestionCause,
    Result,
    StationState,
    StationStateChanged,
    WipChanged,
)

KeyT = TypeVar("KeyT", bound=tuple[Any, ...])
_A_ZONE: Final = "zone "
_TOLD: Final = (PiecesCounted, NodeCompleted, WipChanged, StationStateChanged, DataQuestioned, DataGapSeen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One claim, as it is compared: which of a node's claims it is (`place`), when, of how many pieces, how sure."""

    work_order: str
    node: str
    place: int
    at: datetime
    pieces: int
    confidence: Confidence


class Change(NamedTuple):
    """One figure that is not the same; `what` names it, in the words of its part."""

    what: tuple[str, ...]
    new: int
    old: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What is different in one outcome against another; every list holds only what differs.

    `changed`: completions at another time, of other pieces, or of other confidence. `counts`: station, result, pieces
    with the new map, pieces with the old one. `work`: pieces by (work order, node, result). `wip`: pieces in a zone at
    the end. `states_s`: seconds by (station, state). `questions`: how many by (point, cause). `gaps_s`: seconds that
    nobody observed by (subject, cause). `other`: how many events of each other kind. `in_doubt`: ambiguous counts by
    (point,); the pieces may be the same.
    """

    added: tuple[Completion, ...] = ()
    lost: tuple[Completion, ...] = ()
    changed: tuple[tuple[Completion, Completion], ...] = ()
    counts: tuple[tuple[str, Result, int, int], ...] = ()
    work: tuple[Change, ...] = ()
    wip: tuple[Change, ...] = ()
    states_s: tuple[Change, ...] = ()
    questions: tuple[Change, ...] = ()
    gaps_s: tuple[Change, ...] = ()
    other: tuple[Change, ...] = ()
    in_doubt: tuple[Change, ...] = ()

    @property
    def is_none(self) -> bool:
        """Whether the two are the same."""
        return self == Difference()


def compare_outcomes(new: Outcome, old: Outcome, *, saved: Mapping[str, str] | None = None) -> Difference:
    """What is different in `new` against `old`; `saved` is the state that both began with."""
    after, before = _by_place(new.completions()), _by_place(old.completions())
    both = [(before[key], after[key]) for key in after if key in before]
    pieces_after, pieces_before = new.counts(), old.counts()
    began = saved or {}

    def differing(measure: Callable[[Outcome], Counter[KeyT]]) -> tuple[Change, ...]:
        return tuple(_changes(measure(new), measure(old)))

    return Difference(
        added=tuple(after[key] for key in after if key not in before),
        lost=tuple(before[key] for key in before if key not in after),
        changed=tuple((was, now) for was, now in both if was != now),
        counts=tuple(
            (station, result, pieces_after[station, result], pieces_before[station, result])
            for station, result in sorted(pieces_after.keys() | pieces_before.keys())
            if pieces_after[station, result] != pieces_before[station, result]
        ),
        work=differing(_by_work),
        wip=tuple(_wip(new, old)),
        states_s=differing(lambda outcome: _states_s(outcome, began)),
        questions=differing(_questions),
        gaps_s=differing(_gaps_s),
        other=differing(_other),
        in_doubt=differing(_in_doubt),
    )


@dataclass(slots=True)
class Causes:
    """Which changed settings may be why something differs; each gets a number when it is first named."""

    maps: tuple[DeviceMap, ...]
    changes: tuple[SettingChange, ...] = ()
    named: list[SettingChange] = field(default_factory=list)

    @classmethod
    def between(cls, old: Sequence[DeviceMap], new: DeviceMap) -> Causes:
        """The causes that lie in going from a map, or from several that were in force in turn, to another one."""
        changes = dict.fromkeys(change for each in old for change in changed_settings(each, new))
        return cls(maps=(*old, new), changes=tuple(changes))

    def of_station(self, station: str) -> list[int]:
        """Why a station counts otherwise."""
        return self._numbers(places_of_station(station, self.maps))

    def of_node(self, node: str) -> list[int]:
        """Why a node gets other pieces, or is completed otherwise."""
        return self._numbers(places_of_node(node, self.maps))

    def of_zone(self, zone: str) -> list[int]:
        """Why a zone holds something else."""
        return self._numbers(places_of_zone(zone, self.maps))

    def of_state(self, station: str) -> list[int]:
        """Why a station is in other states."""
        return self._numbers(places_of_state(station, self.maps))

    def of_subject(self, subject: str) -> list[int]:
        """Why a point (``device/point``) is questioned otherwise, or a device observed at other times."""
        if subject.startswith(_A_ZONE):  # a question about what is in a zone
            return self.of_zone(subject.removeprefix(_A_ZONE))
        device, _, point = subject.partition("/")
        if point:
            return self._numbers(places_of_point(PointRef(device, point), self.maps))
        return self._numbers({f"devices.{device}"})

    def _numbers(self, places: Iterable[str]) -> list[int]:
        numbers = []
        for change in causes(self.changes, places):
            if change not in self.named:
                self.named.append(change)
            numbers.append(self.named.index(change) + 1)
        return numbers


def _by_place(claims: Iterable[NodeCompleted]) -> dict[tuple[str, str, int], Completion]:
    found: dict[tuple[str, str, int], Completion] = {}
    seen: Counter[tuple[str, str]] = Counter()
    for claim in claims:
        key = (claim.work_order or "", claim.node or "")
        found[*key, seen[key]] = Completion(
            work_order=key[0],
            node=key[1],
            place=seen[key],
            at=claim.at,
            pieces=claim.pieces,
            confidence=claim.confidence,
        )
        seen[key] += 1
    return found


def _changes(new: Counter[KeyT], old: Counter[KeyT]) -> list[Change]:
    return [
        Change(what=tuple(map(str, key)), new=new[key], old=old[key])
        for key in sorted(new.keys() | old.keys(), key=lambda key: tuple(map(str, key)))
        if new[key] != old[key]
    ]


def _by_work(outcome: Outcome) -> Counter[tuple[str, str, Result]]:
    """Pieces by whose they are; nobody's have no work order and no node."""
    found: Counter[tuple[str, str, Result]] = Counter()
    for event in outcome.events:
        if isinstance(event, PiecesCounted):
            found[event.work_order or "", event.node or "", event.result] += event.delta
    return found


def _wip(new: Outcome, old: Outcome) -> Iterator[Change]:
    """What each zone holds at the end; where nothing happened in a zone it is what the other one began with."""
    (begin_new, end_new), (begin_old, end_old) = _wip_of(new), _wip_of(old)
    for zone in sorted(end_new.keys() | end_old.keys()):
        after, before = end_new.get(zone, begin_old.get(zone, 0)), end_old.get(zone, begin_new.get(zone, 0))
        if after != before:
            yield Change(what=(zone,), new=after, old=before)


def _wip_of(outcome: Outcome) -> tuple[dict[str, int], dict[str, int]]:
    """What each zone in which something happened held before and after it."""
    begin: dict[str, int] = {}
    end: dict[str, int] = {}
    for event in outcome.events:
        if isinstance(event, WipChanged):
            begin.setdefault(event.zone, event.count - event.by)
            end[event.zone] = event.count
    return begin, end


def _states_s(outcome: Outcome, saved: Mapping[str, str]) -> Counter[tuple[str, StationState]]:
    found: Counter[tuple[str, StationState]] = Counter()
    if outcome.begin is None or outcome.end is None:
        return found
    now = {station: (_state_in(value), outcome.begin) for station, value in load(saved, "state/").items()}
    for event in outcome.events:
        if isinstance(event, StationStateChanged) and event.station is not None:
            state, since = now.get(event.station, (StationState.UNKNOWN, outcome.begin))
            at = min(max(event.since, since), outcome.end)
            found[event.station, state] += round((at - since).total_seconds())
            now[event.station] = (event.state, at)
    for station, (state, since) in now.items():
        found[station, state] += round((outcome.end - since).total_seconds())
    return +found


def _state_in(value: Any) -> StationState:
    try:
        return StationState(value["state"])
    except (ValueError, KeyError, TypeError):  # saved in another form by another version
        return StationState.UNKNOWN


def _questions(outcome: Outcome) -> Counter[tuple[str, QuestionCause]]:
    asked = (event for event in outcome.events if isinstance(event, DataQuestioned))
    return Counter((event.point, event.cause) for event in asked)


def _in_doubt(outcome: Outcome) -> Counter[tuple[str]]:
    counted = (event for event in outcome.events if isinstance(event, PiecesCounted))
    return Counter((event.point,) for event in counted if event.confidence is Confidence.AMBIGUOUS)


def _gaps_s(outcome: Outcome) -> Counter[tuple[str, GapCause]]:
    found: Counter[tuple[str, GapCause]] = Counter()
    for event in outcome.events:
        if isinstance(event, DataGapSeen):
            found[event.subject, event.cause] += round((event.end - event.begin).total_seconds())
    return found


def _other(outcome: Outcome) -> Counter[tuple[str]]:
    events: Iterable[Event] = (event for event in outcome.events if not isinstance(event, _TOLD))
    return Counter((event.kind,) for event in events)
