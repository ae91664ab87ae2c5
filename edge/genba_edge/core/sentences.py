"""What a production event says, as one plain sentence; times are those of the gateway's time zone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, assert_never

from genba_shared.events import (
    Confidence,
    CountMethod,
    CountOption,
    DataGapSeen,
    DataQuestioned,
    Direction,
    DispatchClosed,
    DispatchOpened,
    EnvironmentSummarised,
    Event,
    EventId,
    GapCause,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    ProgressReported,
    QuestionCause,
    StationChangedOver,
    StationStateChanged,
    StockCounted,
    TagBound,
    TagPassed,
    TagUnbound,
    WipChanged,
    event_to_json,
)

METHODS: Final[Mapping[CountMethod, str]] = {
    CountMethod.NORMAL: "it counted on",
    CountMethod.WRAP: "it passed its limit and began again at 0",
    CountMethod.RESET: "it was reset",
    CountMethod.RESTORE: "it came back to the value from before a restart of its device",
    CountMethod.MANUAL: "somebody set it",
}
_GAPS: Final[Mapping[GapCause, str]] = {
    GapCause.CONNECTIVITY: "the connection was lost",
    GapCause.DEVICE: "the device answered too late, or lost readings itself",
    GapCause.CLOCK: "the gateway's clock was set, and these times were told twice or never",
    GapCause.FULL: "the disk was full",
    GapCause.RESTORE: "the gateway's store was lost, put back or copied, and it began anew",
    GapCause.GATEWAY: "the gateway was not running",
}
_QUESTIONS: Final[Mapping[QuestionCause, str]] = {
    QuestionCause.OTHER: "a reading of {about} has no explanation that fits",
    QuestionCause.STEP: "a reading of {about} has no explanation that fits",
    QuestionCause.IMPOSSIBLE: "{about} shows what it cannot have",
    QuestionCause.SATURATED: "counter {about} stands at its limit, where pieces vanish",
    QuestionCause.MEANING: "the device map gives counter {about} another meaning",
    QuestionCause.WIP: "what is in zone {about} does not fit what came and went",
    QuestionCause.MAP: "the readings of {about} do not fit what the device map says of it",
    QuestionCause.IDENTITY: "two gateways share the identity of {about}",
}
_COMMON: Final = frozenset(
    {"id", "kind", "at", "source", "seen_at", "clock", "boot", "mono_ms", "site", "because", "entered_at"}
)


def seq_name(event_id: str) -> str:
    """The short name of an event of this gateway: ``#17``; another id as it is."""
    made = EventId.parse(event_id)
    return event_id if made is None else f"#{made.seq}"


def clock_text(at: datetime, zone: tzinfo) -> str:
    """Date and time of day in the gateway's time zone."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def span_text(span: timedelta) -> str:
    """How long: ``3 s``, ``4 min 10 s``, ``2 h 5 min``, ``3 d 2 h``."""
    seconds = round(span.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    units = ((seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    first = next((place for place, (value, _) in enumerate(units) if value), len(units) - 1)
    return sign + " ".join(f"{value} {unit}" for value, unit in units[first : first + 2] if value or unit == "s")


def pieces_text(pieces: int, what: str = "") -> str:
    """``1 good piece``, ``5 pieces``."""
    return f"{pieces} {f'{what} ' if what else ''}piece{'' if abs(pieces) == 1 else 's'}"


def work_text(event: Event) -> str:
    """Whose work it is: ``WO-1 / CUT``; empty where nobody's."""
    return " / ".join(part for part in (event.work_order, event.node) if part)


def sentence_of(event: Event, zone: tzinfo) -> str:
    """What happened, when and where."""
    return f"{clock_text(event.at, zone)}: {said_of(event, zone)}"


def said_of(event: Event, zone: tzinfo) -> str:
    """What happened and where."""
    tell = _TELLERS.get(type(event))
    return str(_any(event) if tell is None else tell(event, zone))


def option_text(option: str) -> str:
    """An explanation of a counter's step in words: ``wrap:5`` is that it passed its limit, which makes 5 pieces."""
    parsed = CountOption.parse(option)
    return option if parsed is None else f"{METHODS[parsed.method]}: {pieces_text(parsed.pieces)}"


def _counted(event: PiecesCounted, zone: tzinfo) -> str:
    since = clock_text(event.since, zone)
    pieces = pieces_text(event.delta, str(event.result)) if event.delta else "nothing"
    whose = f"for {work_text(event)}" if work_text(event) else "for no work order (unassigned)"
    said = f"{event.station} counted {pieces} {whose}" if event.station else f"what crosses a zone's bound: {pieces}"
    said += f"; counter {event.point} "
    if event.delta:
        said += f"went from a total of {event.total - event.delta} pieces, last seen {since}, to {event.total}"
    else:
        said += f"shows no piece since {since}, its total stays at {event.total} pieces"
    if event.method is not CountMethod.NORMAL:
        said += f"; {METHODS[event.method]}"
    return said + _bounds(event)


def _bounds(event: PiecesCounted | DataQuestioned) -> str:
    if event.least is None or event.most is None:
        return ""
    if isinstance(event, PiecesCounted) and event.confidence is Confidence.CERTAIN:
        return f"; the counter cannot show all of it: {event.least} to {pieces_text(event.most)} can have been made"
    return f"; not certain: at least {event.least}, at most {event.most}"


def _passed(event: TagPassed, _zone: tzinfo) -> str:
    stands = "that stands for nothing known"
    if event.pieces is not None:
        stands = f"with {pieces_text(event.pieces)} of {event.work_order}"
    zone = f"zone {event.zone}" if event.zone else "every zone"
    match event.direction:
        case Direction.PASS:
            where = f"was seen, and stays in {zone}," if event.zone else "passed by, in no zone,"
        case Direction.ENTER:
            where = f"came into {zone}"
        case Direction.LEAVE:
            where = f"left {zone}"
        case _:
            assert_never(event.direction)
    by = "no read there: concluded" if event.implied else f"{event.reads} read{'' if event.reads == 1 else 's'}"
    return f"tag {event.tag} {stands} {where} at read point {event.reader}/{event.read_point} ({by})"


def _wip(event: WipChanged, _zone: tzinfo) -> str:
    about = f", give or take {event.error_estimate}" if event.error_estimate else ""
    return f"zone {event.zone} holds {pieces_text(event.count)} ({event.by:+d}){about}"


def _state(event: StationStateChanged, zone: tzinfo) -> str:
    since = "" if event.since == event.at else f" since {clock_text(event.since, zone)}"
    return f"{event.station} is {event.state}{since}"


def _opened(event: DispatchOpened, _zone: tzinfo) -> str:
    wanted = "" if event.pieces is None else f", {pieces_text(event.pieces)} wanted"
    return f"{event.station} works on {work_text(event)} from now on{wanted}"


def _closed(event: DispatchClosed, _zone: tzinfo) -> str:
    return f"{event.station} no longer works on {work_text(event)}"


def _started(event: NodeStarted, _zone: tzinfo) -> str:
    return f"{work_text(event)} was started{f' at {event.station}' if event.station else ''}"


def _completed(event: NodeCompleted, _zone: tzinfo) -> str:
    by = {"count": "its good pieces were counted", "tags": "its tags left", "state": "a state said so"}
    where = f" at {event.station}" if event.station else ""
    doubt = "" if event.confidence is Confidence.CERTAIN else "; not certain: what it rests on is in doubt"
    return f"{work_text(event)} was completed{where} with {pieces_text(event.pieces)}: {by[event.basis]}{doubt}"


def _questioned(event: DataQuestioned, _zone: tzinfo) -> str:
    about = event.zone or event.point
    return f"{_QUESTIONS[event.cause].format(about=about)}: {event.note}{_bounds(event)}"


def _changed_over(event: StationChangedOver, zone: tzinfo) -> str:
    begin, end = clock_text(event.begin, zone), clock_text(event.end, zone)
    return (
        f"{event.station} changed over from {event.before_work_order} / {event.before_node} to {work_text(event)} in "
        f"{span_text(event.end - event.begin)}: its last good piece of the one was at {begin}, its first of the other "
        f"at {end}"
    )


def _gap(event: DataGapSeen, zone: tzinfo) -> str:
    if event.dropped:
        begin, end = clock_text(event.begin, zone), clock_text(event.end, zone)
        return (
            f"the store was full, and events from {begin} to {end} went before the collector had them "
            f"(kind:first-last:how many): {', '.join(event.dropped)}"
        )
    return (
        f"nothing was observed of {event.subject} from {clock_text(event.begin, zone)} to "
        f"{clock_text(event.end, zone)} ({span_text(event.end - event.begin)}): {_GAPS[event.cause]}"
    )


def _environment(event: EnvironmentSummarised, zone: tzinfo) -> str:
    unit = f" {event.uom}" if event.uom else ""
    return (
        f"{event.point} was {event.least:g} to {event.most:g}{unit}, {event.mean:g}{unit} on average, from "
        f"{clock_text(event.begin, zone)} to {clock_text(event.end, zone)} ({event.samples} readings)"
    )


def _progress(event: ProgressReported, _zone: tzinfo) -> str:
    of = "" if event.quantity is None else f" of {event.quantity}"
    return f"{work_text(event)} has {event.pieces}{of} good pieces so far"


def _bound(event: TagBound, _zone: tzinfo) -> str:
    pieces = "" if event.pieces is None else f"{pieces_text(event.pieces)} of "
    return f"tag {event.tag} stands for {pieces}{event.work_order} from now on"


def _unbound(event: TagUnbound, _zone: tzinfo) -> str:
    return f"tag {event.tag} stands for nothing from now on"


def _stock(event: StockCounted, _zone: tzinfo) -> str:
    return f"somebody counted {pieces_text(event.count)} in zone {event.zone}"


def _any(event: Event) -> str:
    facts = [f"{name} {value}" for name, value in event_to_json(event).items() if name not in _COMMON]
    name = event.kind.replace("_", " ")
    return f"{name} ({', '.join(facts)})" if facts else name


_TELLERS: Final[Mapping[type[Event], Callable[[Any, tzinfo], str]]] = {
    PiecesCounted: _counted,
    TagPassed: _passed,
    WipChanged: _wip,
    StationStateChanged: _state,
    StationChangedOver: _changed_over,
    DispatchOpened: _opened,
    DispatchClosed: _closed,
    NodeStarted: _started,
    NodeCompleted: _completed,
    DataQuestioned: _questioned,
    DataGapSeen: _gap,
    EnvironmentSummarised: _environment,
    ProgressReported: _progress,
    TagBound: _bound,
    TagUnbound: _unbound,
    StockCounted: _stock,
}
