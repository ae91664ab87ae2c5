"""Counter engine: from the readings of one PLC counter to the pieces made between them.

A reading is compared with the one before it. Every physically possible explanation of the step has a name; with one
left it is taken, with several the declared rule is taken and marked ambiguous, with none the step is held until further
readings confirm it and then questioned. `total` never falls. All counts here are device counts; `pieces_per_count` is
applied where the event is made.

States, readings and steps are named tuples, not frozen dataclasses: every change of every counter makes several of
them, and a tuple is made in a quarter of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from genba_shared.device_map.model import AtLimit, CountDirection, CounterSettings, OnDecrease
from genba_shared.events import Confidence, CountMethod

REACH_MARGIN = 1.5  # how much faster than `max_rate` a machine may look for a moment (poll jitter, buffered updates)
REACH_SLACK = 2  # counts that may appear at any instant
CONFIRMING_READINGS = 3  # readings, the first included, that a step out of reach must hold for


class CounterState(NamedTuple):
    """What is remembered of a counter.

    `last` is the last accepted reading (device value, 0..limit), `changed_at` when it was first seen, `seen_at` when it
    was last known to hold. `before` is the reading before the latest reset: a value that comes back to it is a restore.
    `doubted` and `readings` are a step out of reach that waits for confirmation. Values are counted upwards: those of a
    counter that counts down are turned round.
    """

    last: int
    changed_at: datetime
    seen_at: datetime
    total: int = 0
    epoch: int = 0
    before: int | None = None
    doubted: int | None = None
    readings: int = 0


class Reading(NamedTuple):
    """One reading: the raw value, when it held, and what is known beside it.

    `reset_seen`: the reset evidence was true since the last reading. `watched`: there was no gap since the last
    reading. `evidence_read`: neither was there one in the evidence, so that what it did not show did not happen.
    """

    raw: int
    at: datetime
    reset_seen: bool = False
    watched: bool = True
    evidence_read: bool = True


class Step(NamedTuple):
    """Counts made between two readings, and the explanation they rest on."""

    delta: int
    method: CountMethod
    since: datetime
    at: datetime
    confidence: Confidence = Confidence.CERTAIN
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A step that nothing explains; what was made between is unknown.

    `resumes`: the counter starts anew from `raw`. Not so for a value that it cannot have: that one is waited out.
    """

    raw: int
    last: int
    reach: int
    at: datetime
    resumes: bool


class Explanation(NamedTuple):
    """One physically possible cause of a step."""

    method: CountMethod
    delta: int


def start_counter(reading: Reading, settings: CounterSettings, *, epoch: int = 0, total: int = 0) -> CounterState:
    """The state after a first reading: nothing has been counted yet."""
    return CounterState(
        last=_upward(reading.raw, settings), changed_at=reading.at, seen_at=reading.at, epoch=epoch, total=total
    )


def advance(
    state: CounterState, reading: Reading, settings: CounterSettings
) -> tuple[CounterState, Step | Doubt | None]:
    """Turn one reading into the counts made since the one before it (rules: docs/device-map.md, "Counters").

    Returns:
        the new state, and a step, a doubt, or None where nothing was made or the step waits for confirmation.
    """
    value = _upward(reading.raw, settings)
    if not 0 <= value <= settings.limit:
        return _impossible(state, value, reading, settings)
    if value == state.last:
        return state._replace(seen_at=max(state.seen_at, reading.at), doubted=None, readings=0), None
    match explanations(state, value, reading, settings):
        case []:
            return _doubted(state, value, reading, settings)
        case [only]:
            step = _step(state, only, reading)
            if only.method is CountMethod.RESET and not reading.watched:
                # Nobody saw how far the counter got before it was reset: those pieces may be missing.
                most = max(only.delta, reach(state, reading.at, settings))
                step = step._replace(confidence=Confidence.AMBIGUOUS, least=only.delta, most=most)
            return _taken(state, only, value, reading), step
        case several:
            chosen = _by_rule(several, settings.on_decrease)
            if chosen is None:
                return _doubted(state, value, reading, settings)
            deltas = [explanation.delta for explanation in several]
            step = _step(state, chosen, reading)
            return _taken(state, chosen, value, reading), step._replace(
                confidence=Confidence.AMBIGUOUS, least=min(deltas), most=max(deltas)
            )


def confirm(state: CounterState, at: datetime, settings: CounterSettings) -> tuple[CounterState, Step | Doubt | None]:
    """The value that waits for confirmation still held at `at`: it was read once more."""
    if state.doubted is None:
        return state, None
    return advance(state, Reading(raw=_upward(state.doubted, settings), at=at), settings)


def explanations(state: CounterState, value: int, reading: Reading, settings: CounterSettings) -> list[Explanation]:
    """Every physically possible cause of the step from `state.last` to `value`, the likeliest first."""
    most = reach(state, reading.at, settings)
    if value > state.last:
        if value - state.last <= most:
            return [Explanation(CountMethod.NORMAL, value - state.last)]
        if state.before is not None and 0 <= value - state.before <= most:
            return [Explanation(CountMethod.RESTORE, value - state.before)]
        return []
    wrap = Explanation(CountMethod.WRAP, settings.limit - state.last + 1 + value)
    reset = Explanation(CountMethod.RESET, value)
    if reading.reset_seen:
        return [reset] if reset.delta <= most else []
    found: list[Explanation] = []
    if settings.at_limit is AtLimit.WRAP and wrap.delta <= most:
        found.append(wrap)
    evidence_would_show = settings.reset_by is not None and reading.watched and reading.evidence_read
    if reset.delta <= most and not evidence_would_show:
        found.append(reset)
    return found


def reach(state: CounterState, at: datetime, settings: CounterSettings) -> int:
    """The most counts possible since the last change of value; the type's full range where no `max_rate` is given."""
    if settings.max_rate is None:
        return settings.limit
    elapsed_s = max(0.0, (at - state.changed_at).total_seconds())
    return min(settings.limit, int(settings.max_rate * elapsed_s * REACH_MARGIN) + REACH_SLACK)


def _upward(raw: int, settings: CounterSettings) -> int:
    """A device value counted upwards; applied twice, it gives the device value back."""
    return settings.limit - raw if settings.direction is CountDirection.DOWN else raw


def _by_rule(several: list[Explanation], rule: OnDecrease) -> Explanation | None:
    if rule is OnDecrease.ERROR:
        return None
    wanted = CountMethod.RESET if rule is OnDecrease.RESET else CountMethod.WRAP
    return next((explanation for explanation in several if explanation.method is wanted), several[0])


def _step(state: CounterState, explanation: Explanation, reading: Reading) -> Step:
    since = min(state.seen_at, reading.at)  # a change may arrive after its device was heard of again
    return Step(delta=explanation.delta, method=explanation.method, since=since, at=reading.at)


def _taken(state: CounterState, explanation: Explanation, value: int, reading: Reading) -> CounterState:
    new_epoch = explanation.method in {CountMethod.RESET, CountMethod.RESTORE}
    return CounterState(
        last=value,
        changed_at=reading.at,
        seen_at=reading.at,
        total=state.total + explanation.delta,
        epoch=state.epoch + 1 if new_epoch else state.epoch,
        before=state.last if explanation.method is CountMethod.RESET else None,
    )


def _impossible(
    state: CounterState, value: int, reading: Reading, settings: CounterSettings
) -> tuple[CounterState, Doubt | None]:
    """A value beyond the limit: questioned once when it stays, never counted from; the last good value is kept."""
    readings = state.readings + 1 if state.doubted is not None else 1
    held = state._replace(doubted=value, readings=min(readings, CONFIRMING_READINGS + 1))
    if readings != CONFIRMING_READINGS:
        return held, None
    most = reach(state, reading.at, settings)
    shown = _upward(state.last, settings)
    return held, Doubt(raw=reading.raw, last=shown, reach=most, at=reading.at, resumes=False)


def _doubted(
    state: CounterState, value: int, reading: Reading, settings: CounterSettings
) -> tuple[CounterState, Doubt | None]:
    """Hold a step that nothing explains; give it up after `CONFIRMING_READINGS` readings that stay near it."""
    near = state.doubted is not None and 0 <= value - state.doubted <= reach(state, reading.at, settings)
    readings = state.readings + 1 if near else 1
    if readings < CONFIRMING_READINGS:
        return state._replace(doubted=value, readings=readings), None
    doubt = Doubt(
        raw=reading.raw,
        last=_upward(state.last, settings),
        reach=reach(state, reading.at, settings),
        at=reading.at,
        resumes=True,
    )
    started = CounterState(
        last=value, changed_at=reading.at, seen_at=reading.at, total=state.total, epoch=state.epoch + 1
    )
    return started, doubt
