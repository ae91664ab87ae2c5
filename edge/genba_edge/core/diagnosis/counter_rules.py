"""What the movement of one counter says about its place in the map, apart from its registers.

Each rule gives one sign or none; what a healthy counter does (resets, wraps, restores, batches, a single misread value)
gives none. Numbers of readings and shares are such that chance does not reach them: docs/map-findings.md says them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from genba_edge.core.diagnosis.counter_trace import Change, CounterTrace
from genba_edge.core.diagnosis.finding import FindingCode, Sign, Sureness
from genba_shared.device_map.build_points import GREATEST
from genba_shared.device_map.model import CountDirection, CounterSettings
from genba_shared.device_map.units import RATE
from genba_shared.texts import say

__all__ = ["counter_signs", "place_of_point", "span_text", "wrap_sign"]

LEAST_CHANGES: Final = 20  # before anything is said about how a counter moves
LEAST_FALLS: Final = 8
RISES_TO_FALLS: Final = 4  # how much larger than its usual fall a rise of a measured value may be
LEAST_BEYOND: Final = 5
HELD_S: Final = 30.0  # plant: a value beyond the limit that stays so long is no misread one
TOO_HIGH: Final = 100  # times the fastest pace that was seen
LEAST_COUNTED: Final = 500
LEAST_WATCHED: Final = timedelta(hours=4)
NOT_SMALL: Final = 20  # a fall from a smaller value may be a reset after a few pieces


def counter_signs(trace: CounterTrace, now: datetime) -> Iterator[Sign]:
    """Every sign of a counter whose registers are joined and placed right."""
    if (sign := _beyond_limit(trace, now)) is not None:
        yield sign
        return
    pairs = list(itertools.pairwise(trace.changes))
    if len(pairs) >= LEAST_CHANGES:
        movement = _reversed(trace, pairs) or _gauge(trace, pairs) or _too_fast(trace, pairs)
        if movement is not None:
            yield movement
            return
    if (sign := _too_slow(trace)) is not None:
        yield sign


def place_of_point(trace: CounterTrace, below: str = "") -> str:
    """Path of the point in the map."""
    ref = trace.place.ref
    return f"devices.{ref.device}.points.{ref.point}{below}"


def _sign(trace: CounterTrace, code: FindingCode, what: str, fix: str, *, write: str, sureness: Sureness) -> Sign:
    return Sign(
        code=code,
        ref=trace.place.ref,
        what=what,
        fix=fix,
        path=place_of_point(trace, ".counter") if write else place_of_point(trace),
        write=write,
        sureness=sureness,
        seen_at=trace.changes[-1].at,
    )


def _beyond_limit(trace: CounterTrace, now: datetime) -> Sign | None:
    if not trace.is_beyond_limit:
        return None
    settings, last = trace.place.settings, trace.changes[-1]
    if trace.beyond_limit < 3 and (now - last.at).total_seconds() < HELD_S:
        return None
    greatest = GREATEST[trace.place.point.type]
    highest = max(change.raw for change in trace.changes)
    what = say(
        "finding-beyond-limit",
        "{point} reads {value}; by the map it counts from 0 to {limit}.",
        point=trace.place.ref,
        value=last.raw,
        limit=settings.limit,
    )
    if highest > settings.limit and last.raw >= 0:
        fix = say("finding-write-limit", "Write the last value before 0; without `limit` it is that of the type.")
        write = f"limit: {greatest}"
    else:
        fix = say(
            "finding-unsigned", "A counter that falls below 0 is an unsigned one: write the type uint16 or uint32."
        )
        write = ""
    code = FindingCode.LIMIT_TOO_SMALL
    return _sign(trace, code, what, fix, write=write, sureness=Sureness.CERTAIN)


def _reversed(trace: CounterTrace, pairs: Sequence[tuple[Change, Change]]) -> Sign | None:
    """It falls by small steps, as a counter does that counts down; it may be loaded anew now and then."""
    limit = trace.place.settings.limit
    falls = [
        before.value - after.value
        for before, after in pairs
        if 0 < before.value - after.value <= min(_reach(trace, before, after), limit // 2)
    ]
    if 10 * len(falls) < 6 * len(pairs) or 20 * _rises_like(falls, pairs) > len(pairs):
        return None
    is_up = trace.place.settings.direction is CountDirection.UP
    first, last = pairs[0][0], pairs[-1][1]
    what = say(
        "finding-counts-other-way",
        "{point} went from {first} to {last} in {changes} changes, {falls} of them one way: "
        "it counts {seen}, and by the map {meant}.",
        point=trace.place.ref,
        first=first.raw,
        last=last.raw,
        changes=len(pairs),
        falls=len(falls),
        seen=say("counts-down", "down") if is_up else say("counts-up", "up"),
        meant=say("counts-up", "up") if is_up else say("counts-down", "down"),
    )
    fix = say("finding-turn-round", "Turn it round.")
    direction = CountDirection.DOWN if is_up else CountDirection.UP
    code = FindingCode.DIRECTION_REVERSED
    return _sign(trace, code, what, fix, write=f"direction: {direction}", sureness=Sureness.CERTAIN)


def _gauge(trace: CounterTrace, pairs: Sequence[tuple[Change, Change]]) -> Sign | None:
    """It falls again and again, and neither to the beginning (a reset) nor from the end of its range (a wrap)."""
    limit = trace.place.settings.limit
    falls = [
        before.value - after.value
        for before, after in pairs
        if before.value > NOT_SMALL and before.value / 2 < after.value < before.value
        and before.value - after.value <= limit // 2
    ]  # fmt: skip
    if len(falls) < LEAST_FALLS:
        return None
    rises = _rises_like(falls, pairs)
    if rises < LEAST_FALLS // 2:
        return None
    values = [change.raw for change in trace.changes]
    what = say(
        "finding-up-and-down",
        "{point} moved between {least} and {most}, up {rises} times and down {falls} times: "
        "that is measured, not counted.",
        point=trace.place.ref,
        least=min(values),
        most=max(values),
        rises=rises,
        falls=len(falls),
    )
    fix = say("finding-no-counter", "Name the point that counts; where it is measured, leave `counter` out.")
    return _sign(trace, FindingCode.NOT_A_COUNTER, what, fix, write="", sureness=Sureness.CERTAIN)


def _rises_like(falls: Sequence[int], pairs: Sequence[tuple[Change, Change]]) -> int:
    """Rises of about the size of a usual fall; what counts down is loaded anew by a far larger one."""
    most = RISES_TO_FALLS * sorted(falls)[len(falls) // 2]
    return sum(0 < after.value - before.value <= most for before, after in pairs)


def _too_fast(trace: CounterTrace, pairs: Sequence[tuple[Change, Change]]) -> Sign | None:
    """Steps are out of reach again and again, and so is the pace of all of them together."""
    rate = trace.place.settings.max_rate
    if rate is None:
        return None
    steps = [after.value - before.value for before, after in pairs]
    pieces = [place for place in range(1, len(steps) - 1) if min(steps[place - 1 : place + 2]) > 0]
    if 4 * len(pieces) < 3 * len(steps):  # it falls too often; beside a fall there is a restore, or a misread value
        return None
    made, passed_s = sum(steps[place] for place in pieces), sum(_passed_s(*pairs[place]) for place in pieces)
    if made <= rate * passed_s:
        return None
    beyond = sum(steps[place] > trace.reach(_passed_s(*pairs[place])) for place in pieces)
    if beyond < LEAST_BEYOND:
        return None
    what = say(
        "finding-faster-than-map",
        "{point} made {made} counts in {passed}; by the map at most {rate}: "
        "{beyond} of the last {steps} steps were out of reach and held back.",
        point=trace.place.ref,
        made=made,
        passed=span_text(passed_s),
        rate=RATE.show(rate),
        beyond=beyond,
        steps=len(pieces),
    )
    fix = say("finding-write-rate", "Write the most that the machine can make; what was seen, twice:")
    write = f"max_rate: {_rate_text(2 * made / max(passed_s, 1.0))}"
    return _sign(trace, FindingCode.MAX_RATE_TOO_LOW, what, fix, write=write, sureness=Sureness.CERTAIN)


def _too_slow(trace: CounterTrace) -> Sign | None:
    rate, first_at = trace.place.settings.max_rate, trace.first_at
    if rate is None or first_at is None or trace.counted < LEAST_COUNTED or trace.peak * TOO_HIGH >= rate:
        return None
    watched = trace.changes[-1].at - first_at
    if watched < LEAST_WATCHED:
        return None
    what = say(
        "finding-slower-than-map",
        "{point} made {counted} counts in {passed}, never faster than {peak}; the map allows {rate}: "
        "a misread value of many pieces would pass.",
        point=trace.place.ref,
        counted=trace.counted,
        passed=span_text(watched.total_seconds()),
        peak=_rate_text(trace.peak),
        rate=RATE.show(rate),
    )
    fix = say("finding-write-lower-rate", "Write the most that the machine can make; what was seen, three times:")
    write = f"max_rate: {_rate_text(3 * trace.peak)}"
    return _sign(trace, FindingCode.MAX_RATE_TOO_HIGH, what, fix, write=write, sureness=Sureness.LIKELY)


def wrap_sign(trace: CounterTrace, *, outage_s: float) -> Sign | None:
    """The longest outage that its device had was longer than the counter takes for its whole range."""
    settings: CounterSettings = trace.place.settings
    if trace.pace <= 0 or not trace.changes or (settings.limit + 1) / trace.pace > outage_s:
        return None
    what = say(
        "finding-wraps-in-outage",
        "{point} counts up to {limit} in {wrap} at the {pace} that was seen, and its device was away for {outage}: "
        "how often it wrapped meanwhile nobody knows.",
        point=trace.place.ref,
        limit=settings.limit,
        wrap=span_text((settings.limit + 1) / trace.pace),
        pace=_rate_text(trace.pace),
        outage=span_text(outage_s),
    )
    fix = say(
        "finding-wider-counter", "Use a counter of 32 bits if the PLC has one, or one that is reset for each job."
    )
    return _sign(trace, FindingCode.WRAP_WITHIN_OUTAGE, what, fix, write="", sureness=Sureness.CERTAIN)


def span_text(seconds: float) -> str:
    """A time for people, in the unit that fits.

    >>> span_text(90), span_text(5400), span_text(300000)
    ('90 s', '90 min', '83 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.0f} h"


def _rate_text(rate: float) -> str:
    """Counts a second as the map writes them, rounded up to two digits in the unit in which that is a small number.

    >>> _rate_text(0.63), _rate_text(12.3), _rate_text(0.002)
    ('38/min', '740/min', '7.2/h')
    """
    times, unit = (60, "min") if rate >= 1 / 60 else (3600, "h")
    number = rate * times
    size = 10 ** (math.floor(math.log10(number)) - 1) if number > 0 else 1
    return f"{math.ceil(number / size - 1e-9) * size:.6g}/{unit}"


def _passed_s(before: Change, after: Change) -> float:
    return (after.at - before.at).total_seconds()


def _reach(trace: CounterTrace, before: Change, after: Change) -> float:
    return max(trace.reach(_passed_s(before, after)), 10)
