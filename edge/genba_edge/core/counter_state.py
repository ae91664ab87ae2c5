"""What is remembered of a counter, what a reading of it says, and what follows: steps and doubts.

States, readings and steps are named tuples, not frozen dataclasses: every change of every counter makes several of
them, and a tuple is made in a quarter of the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from genba_shared.device_map.model import CountDirection, CounterSettings
from genba_shared.events import Confidence, CountMethod, CountOption, QuestionCause

REACH_MARGIN = 1.5  # how much faster than `max_rate` a machine may look for a moment (poll jitter, buffered updates)
REACH_SLACK = 2  # counts that may appear at any instant: one at either end of the interval
EDGE_SLACK = 1  # pieces that a machine which keeps to `max_rate` finishes in an interval of no length


class Evidence(StrEnum):
    """What the evidence that the map names says of a reset since the last reading."""

    NONE = "none"
    """None is named, or nobody looked at it in time."""
    AWAITED = "awaited"
    """It will tell as soon as it is read; it stands in a slower group or on another device."""
    ABSENT = "absent"
    """It was read and shows no reset."""
    SHOWN_BEFORE = "shown_before"
    """It showed one since the value changed, but the counter was read with that value afterwards."""
    SHOWN = "shown"
    """It shows one."""


class Held(NamedTuple):
    """A step that waits for confirmation: its first reading, and how far the counter went on from there.

    `watched` and `evidence` are those of the first reading. Values are counted upwards.
    """

    first: int
    at: datetime
    value: int
    seen_at: datetime
    readings: int = 1
    watched: bool = True
    evidence: Evidence = Evidence.NONE


class CounterState(NamedTuple):
    """What is remembered of a counter.

    `last` is the last accepted reading, `changed_at` when it was first seen, `seen_at` when it was last known to hold.
    `before` is the reading before the latest reset or question: a value that comes back to it is a restore;
    `total_then` is `total` of that moment. `pace_s` is how long the latest count took: the machine's rhythm. `held` is
    a step that waits for confirmation. Values are counted upwards from 0: those of a counter that counts down are
    turned round, those of one that goes below 0 are shifted.
    """

    last: int
    changed_at: datetime
    seen_at: datetime
    total: int = 0
    epoch: int = 0
    before: int | None = None
    total_then: int = 0
    pace_s: float | None = None
    held: Held | None = None


class Reading(NamedTuple):
    """One reading: the raw value, when it held, and what is known beside it.

    `watched`: there was no gap since the last reading. `job_changed`: the job number of the same device changed since
    the counter's value did.
    """

    raw: int
    at: datetime
    watched: bool = True
    evidence: Evidence = Evidence.NONE
    job_changed: bool = False


class Step(NamedTuple):
    """Counts made between two readings, and the explanation they rest on.

    `confidence` says whether somebody should look at it. `least` and `most` bound what was really made wherever the
    counter cannot show all of it, also where the explanation is certain: a piece of the moment before a reset is on no
    counter. `options` are the explanations that were possible, `trail` why this one was taken.
    """

    delta: int
    method: CountMethod
    since: datetime
    at: datetime
    confidence: Confidence = Confidence.CERTAIN
    least: int | None = None
    most: int | None = None
    options: tuple[CountOption, ...] = ()
    trail: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A reading that is questioned: none of the pieces between `least` and `most` is counted (None: no bound).

    `raw` and `last` are what the device said, now and before.
    """

    cause: QuestionCause
    raw: int
    last: int
    reach: int
    since: datetime
    at: datetime
    least: int | None = None
    most: int | None = None
    options: tuple[CountOption, ...] = ()
    trail: Mapping[str, Any] | None = None


Outcomes = tuple[Step | Doubt, ...]


def upward(raw: int, settings: CounterSettings) -> int:
    """A device value counted upwards from 0."""
    return settings.limit - raw if settings.direction is CountDirection.DOWN else raw - settings.lowest


def as_shown(value: int, settings: CounterSettings) -> int:
    """What the device shows for a value that is counted upwards from 0."""
    return settings.limit - value if settings.direction is CountDirection.DOWN else value + settings.lowest


def span_of(settings: CounterSettings) -> int:
    """The greatest value, counted upwards from 0."""
    return settings.limit - settings.lowest


def origin_of(settings: CounterSettings) -> int:
    """Where a reset puts the counter: at 0, or at the limit if it counts down; counted upwards from 0."""
    return 0 if settings.direction is CountDirection.DOWN else -settings.lowest


def allowance(settings: CounterSettings, begin: datetime, end: datetime, *, slack: int) -> int:
    """The most counts possible in an interval; the whole range where no `max_rate` is given."""
    if settings.max_rate is None:
        return span_of(settings)
    return int(settings.max_rate * max(0.0, (end - begin).total_seconds()) * REACH_MARGIN) + slack


def start_counter(reading: Reading, settings: CounterSettings, *, epoch: int = 0, total: int = 0) -> CounterState:
    """The state after a first reading: nothing has been counted yet."""
    return CounterState(
        last=upward(reading.raw, settings), changed_at=reading.at, seen_at=reading.at, epoch=epoch, total=total
    )
