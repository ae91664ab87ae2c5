"""Compares what the collector says that the stations did with what the machines of the plant did.

A state that the collector shows at an instant must have been the machine's at most the tolerance away; where the
plant says that its own servers stood still, counted from when they went on. Time that it
shows as unknown is right only where an event says that nobody observed the device, or before the station was first
heard of; and inside such an interval no state may be shown at all. Running time must add up as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from genba_shared.cli.demo.check import Difference, Gap
from genba_shared.clock import format_time, parse_time

RUNNING: Final = "running"
UNKNOWN: Final = "unknown"
_MILLISECOND: Final = timedelta(milliseconds=1)  # events are cut off there
_NOTHING: Final = timedelta(0)


class Span(NamedTuple):
    """A state and how long it held."""

    state: str
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Who sees a station's state: its devices, how late a change may be shown, and how long a first answer may take."""

    devices: frozenset[str]
    tolerance: timedelta
    start: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class StatesVerdict:
    """`known`: part of the machines' time that is known; `utilisation_error`: of the station where it is greatest."""

    differences: Sequence[Difference] = ()
    stations: int = 0
    known: float = 0.0
    utilisation_error: float = 0.0


@dataclass(slots=True)
class _Sums:
    total: timedelta = _NOTHING
    known: timedelta = _NOTHING
    errors: list[float] = field(default_factory=list)


def read_states(lines: Iterable[Mapping[str, Any]]) -> dict[str, list[Span]]:
    """What every machine did from its first word until the plant stopped, by the plant's own account."""
    changes: dict[str, list[tuple[datetime, str]]] = {}
    stopped_at: datetime | None = None
    for line in lines:
        if line["truth"] == "state":
            changes.setdefault(line["station"], []).append((parse_time(line["at"]), line["state"]))
        elif line["truth"] == "stopped":
            stopped_at = parse_time(line["at"])
    if stopped_at is None:
        return {}
    return {station: _spans(told, stopped_at) for station, told in changes.items()}


def read_stalls(lines: Iterable[Mapping[str, Any]]) -> list[tuple[datetime, datetime]]:
    """When the plant's servers stood still: what happened then was shown at the end of it."""
    return [(parse_time(line["from"]), parse_time(line["to"])) for line in lines if line["truth"] == "stalled"]


def _spans(told: Sequence[tuple[datetime, str]], end: datetime) -> list[Span]:
    ends = [*(at for at, _ in told[1:]), end]
    return [Span(state, at, until) for (at, state), until in zip(told, ends, strict=True) if at < until]


def compare_states(
    truth: Mapping[str, Sequence[Span]],
    answers: Mapping[str, Mapping[str, Any]],
    *,
    gaps: Sequence[Gap],
    watched: Mapping[str, Watched],
    stalls: Sequence[tuple[datetime, datetime]] = (),
) -> StatesVerdict:
    """Every difference between the machines and the timelines of `GET /stations/NAME/state`, by station."""
    found: list[Difference] = []
    sums = _Sums()
    for station, machine in truth.items():
        answer, who = answers.get(station), watched.get(station)
        if answer is None or who is None:
            found.append(_difference(station, "has states", "has none"))
            continue
        shown = [Span(row["state"], parse_time(row["since"]), parse_time(row["until"])) for row in answer["intervals"]]
        hidden = [(gap.begin, gap.end) for gap in gaps if gap.device in who.devices]
        found += _not_covering(station, machine, shown)
        found += _wrong(station, [_as_shown(span, stalls) for span in machine], shown, who)
        found += _unknown_without_reason(station, shown, hidden, who)
        found += _known_in_a_gap(station, shown, hidden)
        found += _running(station, machine, shown, answer, who, sums, late=_length(stalls))
    known = sums.known / sums.total if sums.total else 0.0
    error = max(sums.errors, default=0.0)
    return StatesVerdict(differences=found, stations=len(truth), known=known, utilisation_error=error)


def _as_shown(span: Span, stalls: Sequence[tuple[datetime, datetime]]) -> Span:
    """The state until the servers showed the next one; it may have been shown from its own beginning on."""
    late = [end for begin, end in stalls if begin < span.end <= end]
    return span._replace(end=max([span.end, *late]))


def _not_covering(station: str, machine: Sequence[Span], shown: Sequence[Span]) -> Iterable[Difference]:
    """The timeline must be one piece, from the machine's first word to its last."""
    begins = [machine[0].begin, *(span.end for span in shown)]
    ends = [*(span.begin for span in shown), machine[-1].end]
    for end, begin in zip(begins, ends, strict=True):
        if abs(begin - end) > _MILLISECOND:
            yield _difference(station, f"goes on at {format_time(end)}", f"goes on at {format_time(begin)}")


def _wrong(station: str, machine: Sequence[Span], shown: Sequence[Span], who: Watched) -> Iterable[Difference]:
    for span in shown:
        if span.state == UNKNOWN:
            continue
        right = [(each.begin - who.tolerance, each.end + who.tolerance) for each in machine if each.state == span.state]
        for begin, end in outside(span.begin, span.end, right):
            was = next(each.state for each in reversed(machine) if each.begin <= begin + _MILLISECOND)
            yield _difference(station, f"{was} at {format_time(begin)}", f"{span.state} until {format_time(end)}")


def _unknown_without_reason(
    station: str, shown: Sequence[Span], hidden: Sequence[tuple[datetime, datetime]], who: Watched
) -> Iterable[Difference]:
    excused = [(begin - who.tolerance, end + who.tolerance) for begin, end in hidden]
    first = shown[0].begin if shown else None
    if first is not None:  # the gateway started a moment after the plant
        excused.append((first, first + who.start))
    for span in shown:
        for begin, end in outside(span.begin, span.end, excused) if span.state == UNKNOWN else ():
            yield _difference(station, "was observed", f"unknown from {format_time(begin)} to {format_time(end)}")


def _known_in_a_gap(
    station: str, shown: Sequence[Span], hidden: Sequence[tuple[datetime, datetime]]
) -> Iterable[Difference]:
    for span in shown:
        for begin, end in hidden if span.state != UNKNOWN else ():
            since, until = max(begin, span.begin), min(end, span.end)
            if until - since > _MILLISECOND:
                yield _difference(station, f"unobserved from {format_time(since)}", f"{span.state} there")


def _running(
    station: str,
    machine: Sequence[Span],
    shown: Sequence[Span],
    answer: Mapping[str, Any],
    who: Watched,
    sums: _Sums,
    *,
    late: timedelta,
) -> Iterable[Difference]:
    """Running time within the time that is known: each start and stop may be off by the tolerance, and no more."""
    known = [(span.begin, span.end) for span in shown if span.state != UNKNOWN]
    ran = sum((_within(span, known) for span in machine if span.state == RUNNING), _NOTHING)
    said = sum((span.end - span.begin for span in shown if span.state == RUNNING), _NOTHING)
    known_time = _length(known)
    sums.total += machine[-1].end - machine[0].begin
    sums.known += known_time
    if not known_time:
        yield _difference(station, f"ran {ran}", "nothing known")
        return
    sums.errors.append(abs(said - ran) / known_time)
    changes = 2 * sum(span.state == RUNNING for span in machine)
    if abs(said - ran) > changes * who.tolerance + late:
        yield _difference(station, f"ran {ran}", f"ran {said}")
    if abs(answer["states"][RUNNING]["seconds"] - said.total_seconds()) > 0.001 * len(shown):
        yield _difference(station, f"intervals of {said}", f"{answer['states'][RUNNING]['seconds']} s")
    if abs(answer["utilisation"] - said / known_time) > 1e-6:
        yield _difference(station, f"utilisation {said / known_time:.6f}", f"{answer['utilisation']:.6f}")


def _length(parts: Iterable[tuple[datetime, datetime]]) -> timedelta:
    return sum((end - begin for begin, end in parts), _NOTHING)


def _within(span: Span, parts: Iterable[tuple[datetime, datetime]]) -> timedelta:
    overlaps = (min(span.end, end) - max(span.begin, begin) for begin, end in parts)
    return sum((each for each in overlaps if each > _NOTHING), _NOTHING)


def outside(
    begin: datetime, end: datetime, parts: Iterable[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime]]:
    """What of an interval lies in none of the parts, a millisecond excepted."""
    left = []
    for low, high in sorted(parts):
        if begin < min(low, end):
            left.append((begin, min(low, end)))
        begin = max(begin, high)
    if begin < end:
        left.append((begin, end))
    return [(since, until) for since, until in left if until - since > _MILLISECOND]


def _difference(station: str, truth: str, product: str) -> Difference:
    return Difference(what=f"state of {station}", truth=truth, product=product, declared=False)
