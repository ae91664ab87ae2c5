"""Why an event was told: its inputs, the rule in force, the decision trail, and the same of what it follows from.

Pure: the shell looks everything up that may matter, and this says what it comes to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from genba_edge.core.counter_state import REACH_SLACK, allowance
from genba_edge.core.rules_in_force import counter_of, rules_of
from genba_edge.core.sentences import clock_text, option_text, pieces_text, sentence_of, seq_name, span_text
from genba_edge.core.work_inputs import Inputs, inputs_of
from genba_shared.device_map.model import DeviceMap
from genba_shared.events import (
    Basis,
    Confidence,
    CountMethod,
    DataQuestioned,
    Event,
    NodeCompleted,
    PiecesCounted,
    StationStateChanged,
    TagPassed,
    WipChanged,
)

DEEPEST: Final = 8  # links of `because` that are followed; a chain in a plant has three or four


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the gateway still knows.

    `events` and `trails` by event id: the event that is asked for, what it follows from, and what may matter beside it.
    `before`: the event of the same counter, station or zone before each. `kept_since`: the oldest event that is kept,
    by seq and time (None: everything since the gateway's first event is).
    """

    events: Mapping[str, Event]
    trails: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    before: Mapping[str, Event] = field(default_factory=dict)
    kept_since: tuple[int, datetime] | None = None
    device_map: DeviceMap | None = None
    map_sha256: str = ""
    map_notes: tuple[str, ...] = ()
    zone: tzinfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one event was told. `because`: the same of what it follows from; `lost`: ids of those that are not kept."""

    event: Event
    sentence: str
    facts: tuple[str, ...]
    rule: tuple[str, ...]
    trail: Mapping[str, Any] | None
    inputs: Inputs | None
    because: tuple[Explanation, ...]
    lost: tuple[str, ...]


def explain(event: Event, known: Known) -> Explanation:
    """The explanation of an event, with that of everything that it follows from."""
    return _explain(event, known, depth=0, told=set())


def explain_work(work_order: str, node: str, known: Known) -> Inputs:
    """What is known of a node that is not complete."""
    return inputs_of(work_order, node, known.events.values(), claim=None, known_map=known.device_map)


def _explain(event: Event, known: Known, *, depth: int, told: set[str]) -> Explanation:
    told.add(event.id)
    inputs = None
    if isinstance(event, NodeCompleted):
        inputs = inputs_of(
            event.work_order or "",
            event.node or "",
            known.events.values(),
            claim=event,
            known_map=known.device_map,
            answered=_answered(event, known),
        )
    further = [known.events[each] for each in event.because if each in known.events and each not in told]
    return Explanation(
        event=event,
        sentence=sentence_of(event, known.zone),
        facts=tuple(_facts(event, known)),
        rule=() if known.device_map is None else tuple(rules_of(event, known.device_map)),
        trail=known.trails.get(event.id),
        inputs=inputs,
        because=tuple(_explain(each, known, depth=depth + 1, told=told) for each in further if depth < DEEPEST),
        lost=tuple(each for each in event.because if each not in known.events),
    )


def _answered(claim: NodeCompleted, known: Known) -> int:
    """Pieces that people's answers added to a claim by counts; answers are events of the collector, not kept here."""
    answered = known.trails.get(claim.id, {}).get("answered", 0)
    return answered if isinstance(answered, int) and claim.basis is not Basis.TAGS else 0


def _facts(event: Event, known: Known) -> Iterator[str]:
    before = known.before.get(event.id)
    match event:
        case PiecesCounted():
            yield from _counted(event, before, known)
        case DataQuestioned():
            yield from _questioned(event)
        case TagPassed():
            stay = event.last_seen - event.first_seen
            first = clock_text(event.first_seen, known.zone)
            antenna = "" if event.antenna is None else f", antenna {event.antenna}"
            if event.implied:
                yield f"nobody saw it: some time between {first} and {clock_text(event.last_seen, known.zone)}"
            else:
                yield f"seen from {first} for {span_text(stay)}{antenna}"
        case WipChanged():
            yield f"before: {event.count - event.by}, after: {event.count}"
        case StationStateChanged() if isinstance(before, StationStateChanged):
            lasted = span_text(event.since - before.since)
            yield f"before: {before.state} for {lasted} ({seq_name(before.id)})"
        case _:
            pass
    if event.seen_at is not None and event.seen_at - event.at > timedelta(seconds=1):
        yield f"the gateway learned of it {span_text(event.seen_at - event.at)} later"


def _counted(event: PiecesCounted, before: Event | None, known: Known) -> Iterator[str]:
    """For plain steps what the event itself holds; the trail says more where more was to be decided."""
    yield f"total {event.total - event.delta} → {event.total} (counter epoch {event.counter_epoch})"
    if isinstance(before, PiecesCounted):
        yield f"the count before: {seq_name(before.id)} at {clock_text(before.at, known.zone)}, total {before.total}"
        missed = event.total - event.delta - before.total
        if missed:
            yield f"the totals leave {pieces_text(missed)} between the two that no event kept here tells"
    if "reach" not in known.trails.get(event.id, {}):  # else the trail tells what it was decided with
        yield from _reach(event, known)
    is_plain = event.method is CountMethod.NORMAL and event.id not in known.trails
    if is_plain and event.confidence is Confidence.CERTAIN:
        yield "explanations: the counter rose within its reach; nothing else had to be considered"
    elif is_plain:
        yield "the pieces were made, and whose they are is in doubt: more than was wanted, or work changed meanwhile"
    yield from (f"possible: {option_text(option)}" for option in event.options)


def _reach(event: PiecesCounted, known: Known) -> Iterator[str]:
    """How far the counter can have gone since its last reading."""
    yield f"elapsed: {span_text(event.at - event.since)}"
    settings = None if known.device_map is None else counter_of(event.point, known.device_map)
    if settings is not None and settings.max_rate is not None:
        most = allowance(settings, event.since, event.at, slack=REACH_SLACK)
        times = f" × {settings.pieces_per_count}" if settings.pieces_per_count != 1 else ""
        yield f"reach: at most {most} counts{times} in that time by max_rate"


def _questioned(event: DataQuestioned) -> Iterator[str]:
    if event.least is not None and event.most is not None:
        what = "" if event.result is None else str(event.result)
        yield f"none was counted; at least {event.least}, at most {pieces_text(event.most, what)} are in question"
    yield from (f"possible answer: {option_text(option)}" for option in event.options)


def rule_lines(explanation: Explanation, known: Known) -> Sequence[str]:
    """The rule in force and where it comes from."""
    if known.device_map is None:
        return ("the map that was in force was not kept", *known.map_notes)
    return (*explanation.rule, f"device map {known.map_sha256[:12]}", *known.map_notes)


def every_id(explanation: Explanation) -> Iterable[str]:
    """The ids of all events that the explanation names, the event itself first."""
    yield explanation.event.id
    if explanation.inputs is not None:
        yield from explanation.inputs.ids
    yield from explanation.lost
    for each in explanation.because:
        yield from every_id(each)
