"""An explanation as lines for people, and as JSON for programs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

from genba_edge.core.explaining import Explanation, Known, rule_lines
from genba_edge.core.sentences import clock_text, option_text, pieces_text, said_of, seq_name
from genba_edge.core.work_inputs import GROUPS, PIECES, Input, Inputs
from genba_shared.clock import format_time, parse_time
from genba_shared.events import Confidence, EventId, PiecesCounted, event_to_json

_INDENT: Final = "  "
_SUMMED: Final = 12  # inputs whose sum is written out number by number
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_ID: Final = re.compile(r"[^\s:,]+:[0-9a-f]{32}:\d+")
_UNITS: Final[Mapping[str, str]] = {"_s": "s", "_dbm": "dBm", "_db": "dB"}
_WORDS: Final[Mapping[str, str]] = {  # names that are shorter in trails than what they say
    "last": "value before",
    "raw": "value now",
    "reach": "most counts possible in that time",
    "watched": "read all the time",
}


def lines_of(explanation: Explanation, known: Known) -> Iterator[str]:
    """Everything, for a terminal."""
    event = explanation.event
    yield f"{event.kind} {seq_name(event.id)}  ({event.id})"
    yield explanation.sentence
    yield from _indented(explanation.facts)
    if explanation.inputs is not None:
        yield from inputs_lines(explanation.inputs, known)
    yield ""
    yield "rule in force"
    yield from _indented(rule_lines(explanation, known))
    yield ""
    yield "decision trail"
    yield from _indented(_trail_of(explanation, known))
    if explanation.because or explanation.lost:
        yield ""
        yield "because of"
        yield from _because(explanation, known, _INDENT)


def inputs_lines(inputs: Inputs, known: Known) -> Iterator[str]:
    """The inputs of a node by part, and their sum."""
    yield ""
    yield f"inputs ({len(inputs.inputs)})"
    for group in GROUPS:
        members = [each for each in inputs.inputs if each.group == group]
        if members:
            yield f"{_INDENT}{group}"
            table = _counts(members, known) if group == PIECES else aligned(_rows(members, known))
            yield from _indented(table, _INDENT * 2)
    yield ""
    yield "sum"
    yield from _indented(sum_lines(inputs, known))
    decided = [each.event.id for each in inputs.inputs if each.event.id in known.trails]
    if decided:
        yield ""
        yield "decisions behind the inputs"
        for each in decided:
            yield f"{_INDENT}{seq_name(each)}"
            yield from _indented(trail_lines(known.trails[each], known.zone), _INDENT * 2)


def sum_lines(inputs: Inputs, known: Known) -> Iterator[str]:
    """Whether the pieces of the inputs are those that were claimed, and what is missing where they are not."""
    adding = [each.adds for each in inputs.inputs if each.adds]
    made = pieces_text(inputs.sum, "good")
    if 1 < len(adding) <= _SUMMED:
        found = f"{' + '.join(map(str, adding))} = {made}"
    else:
        found = f"{len(adding)} input{'' if len(adding) == 1 else 's'} with pieces: {made}"
    if inputs.answered:
        found += f", {inputs.answered:+d} by people's answers in the collector"
    if inputs.is_quantity:
        yield f"nothing counts the pieces of this node: the {inputs.claimed} claimed are those that were wanted"
    elif inputs.claimed is None:
        yield f"{found} so far"
    elif inputs.difference == 0:
        yield f"{found}: adds up to the {inputs.claimed} claimed"
    else:
        yield f"{found}: DOES NOT ADD UP to the {inputs.claimed} claimed, {inputs.difference:+d}"
    least, most = inputs.bounds
    if (least, most) != (inputs.sum, inputs.sum):
        yield f"by what the counters cannot show or do not say for certain: {least} to {pieces_text(most, 'good')}"
    if known.kept_since is not None and not inputs.has_beginning:
        seq, at = known.kept_since
        yield (
            f"missing: the events from the beginning of the work until {clock_text(at, known.zone)} (#{seq}) are no "
            "longer kept"
        )
        if inputs.difference > 0:
            yield f"the other {pieces_text(inputs.difference, 'good')} were counted in that time"


def trail_lines(trail: Mapping[str, Any], zone: tzinfo) -> list[str]:
    """A trail as `name: value` lines, whatever it holds; a list of groups becomes a table."""
    return list(_named(_readable(trail, zone)))


def aligned(rows: Sequence[Sequence[str]], *, header: Sequence[str] = ()) -> Iterator[str]:
    """Columns of the same width; those that hold only numbers are set to the right."""
    every = [header, *rows] if header else list(rows)
    columns = range(max((len(row) for row in every), default=0))
    widths = [max(len(row[place]) for row in every) for place in columns]
    is_number = [all(_is_number(row[place]) for row in rows) for place in columns]
    for row in every:
        cells = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        )
        yield "  ".join(cells).rstrip()


def to_json(explanation: Explanation, known: Known) -> dict[str, Any]:
    """The explanation for programs; ids are whole."""
    told: dict[str, Any] = {
        "id": explanation.event.id,
        "kind": explanation.event.kind,
        "sentence": explanation.sentence,
        "facts": list(explanation.facts),
        "event": event_to_json(explanation.event),
        "rule": list(rule_lines(explanation, known)),
        "map": known.map_sha256 or None,
        "trail": None if explanation.trail is None else dict(explanation.trail),
    }
    if explanation.inputs is not None:
        told |= inputs_to_json(explanation.inputs, known)
    told["because"] = [to_json(each, known) for each in explanation.because]
    told["lost"] = list(explanation.lost)
    return told


def inputs_to_json(inputs: Inputs, known: Known) -> dict[str, Any]:
    """The inputs of a node, and their sum."""
    kept_since = None
    if known.kept_since is not None:
        kept_since = {"seq": known.kept_since[0], "at": format_time(known.kept_since[1])}
    return {
        "inputs": [
            {
                "id": each.event.id,
                "part": each.group,
                "adds": each.adds,
                "event": event_to_json(each.event),
                "trail": dict(known.trails[each.event.id]) if each.event.id in known.trails else None,
            }
            for each in inputs.inputs
        ],
        "sum": {
            "good": inputs.sum,
            "claimed": inputs.claimed,
            "answered": inputs.answered,
            "adds_up": inputs.claimed is None or inputs.difference == 0,
            "has_beginning": known.kept_since is None or inputs.has_beginning,
            "kept_since": kept_since,
        },
    }


def _because(explanation: Explanation, known: Known, indent: str) -> Iterator[str]:
    for each in explanation.because:
        yield f"{indent}{seq_name(each.event.id)}  {each.sentence}"
        yield from _indented(each.facts, indent + _INDENT)
        if each.trail is not None:
            yield from _indented(trail_lines(each.trail, known.zone), indent + _INDENT)
        yield from _because(each, known, indent + _INDENT)
    for lost in explanation.lost:
        yield f"{indent}{seq_name(lost)}  {_why_lost(lost, explanation, known)}"


def _why_lost(event_id: str, explanation: Explanation, known: Known) -> str:
    made, of = EventId.parse(event_id), EventId.parse(explanation.event.id)
    if made is None or of is None or (made.gateway, made.epoch) != (of.gateway, of.epoch):
        return "was made elsewhere: it is not in this gateway's history"
    if known.kept_since is not None and made.seq < known.kept_since[0]:
        return f"is older than what is kept (since {clock_text(known.kept_since[1], known.zone)})"
    return "is not in the history: its row is damaged or was never written"


def _trail_of(explanation: Explanation, known: Known) -> Iterable[str]:
    if explanation.trail is not None:
        return trail_lines(explanation.trail, known.zone)
    return ("none was needed: the event itself says what it was decided by",)


def _rows(members: Iterable[Input], known: Known) -> list[tuple[str, ...]]:
    return [
        (
            seq_name(each.event.id),
            clock_text(each.event.at, known.zone),
            f"+{each.adds}" if each.adds else "",
            said_of(each.event, known.zone),
        )
        for each in members
    ]


def _counts(members: Iterable[Input], known: Known) -> Iterator[str]:
    rows: list[tuple[str, ...]] = []
    so_far = 0
    for each in members:
        event = each.event
        if not isinstance(event, PiecesCounted):
            continue
        so_far += each.adds
        method = "" if event.method == "normal" else f"{event.method} "
        rows.append(
            (
                seq_name(event.id),
                clock_text(event.at, known.zone),
                event.station or "",
                event.point,
                f"{event.delta:+d}",
                str(event.result),
                str(event.total),
                str(so_far),
                (method + _possible(event)).strip(),
            )
        )
    header = ("event", "at", "station", "counter", "pieces", "result", "total", "good so far", "")
    return aligned(rows, header=header)


def _possible(event: PiecesCounted) -> str:
    """What can have been made, where that may be something else than what was counted."""
    if event.least is None or event.most is None:
        return ""
    sure = "" if event.confidence is Confidence.CERTAIN else f"{event.confidence}: "
    return f"{sure}{event.least} to {event.most} possible"


def _readable(value: Any, zone: tzinfo) -> Any:
    """The same with times of the gateway's time zone, and short names of events."""
    match value:
        case dict():
            return {name: _readable(each, zone) for name, each in value.items()}
        case list():
            return [_readable(each, zone) for each in value]
        case str():
            text = _TIME.sub(lambda found: _local(found.group(), zone), value)
            return _ID.sub(lambda found: seq_name(found.group()), text)
        case _:
            return value


def _local(text: str, zone: tzinfo) -> str:
    try:
        return clock_text(parse_time(text), zone)
    except (ValueError, OverflowError):  # a device may show anything that looks like a time
        return text


def _named(group: Mapping[str, Any]) -> Iterator[str]:
    for name, value in group.items():
        unit = next((end for end in _UNITS if str(name).endswith(end)), "")
        if unit and isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{_word(str(name).removesuffix(unit))}: {_shown(value)} {_UNITS[unit]}"
            continue
        word = _word(str(name))
        match value:
            case dict() if value:
                yield f"{word}:"
                yield from _indented(_named(value))
            case [dict(), *_] if all(isinstance(each, dict) for each in value):
                yield f"{word}:"
                names = list(dict.fromkeys(key for each in value for key in each))
                rows = [[_shown(each.get(key)) for key in names] for each in value]
                yield from _indented(aligned(rows, header=[key.replace("_", " ") for key in names]))
            case list():
                yield f"{word}: {', '.join(map(_shown, value)) or 'nothing'}"
            case _:
                yield f"{word}: {_shown(value)}"


def _word(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def _shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"
        case str():
            return option_text(value)
        case dict():
            return ", ".join(f"{key} {_shown(each)}" for key, each in value.items()) or "nothing"
        case list():
            return ", ".join(map(_shown, value))
        case _:
            return str(value)


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).isdigit() or text == ""


def _indented(lines: Iterable[str], indent: str = _INDENT) -> Iterator[str]:
    return (f"{indent}{line}" for line in lines)
