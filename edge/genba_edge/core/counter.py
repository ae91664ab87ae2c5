"""Counter engine: from the readings of one PLC counter to the pieces made between them.

A reading is compared with the last one that was accepted. A plain step up is counted at once. Anything else is held
until a further reading confirms it, unless evidence explains it at once: a value that was read once and is gone is not
a fact (a spike, half of a torn value, an old value that came once more). What stays is explained by the physically
possible cause that is left (`counter_causes`), and questioned where there is none. `total` never falls. All counts here
are device counts; `pieces_per_count` is applied where the event is made.
"""

from __future__ import annotations

from datetime import datetime

from genba_edge.core.counter_causes import (
    Case,
    Finding,
    choose,
    find_causes,
    is_saturated,
    options_of,
    step_of,
    trail_of,
)
from genba_edge.core.counter_state import (
    REACH_SLACK,
    CounterState,
    Doubt,
    Evidence,
    Held,
    Outcomes,
    Reading,
    Step,
    allowance,
    as_shown,
    origin_of,
    span_of,
    start_counter,
    upward,
)
from genba_shared.device_map.model import AtLimit, CounterSettings
from genba_shared.events import CountMethod, CountOption, QuestionCause

__all__ = [
    "CONFIRMING_READINGS",
    "CounterState",
    "Doubt",
    "Evidence",
    "Reading",
    "Step",
    "advance",
    "as_shown",
    "begin",
    "go_on",
    "start_counter",
]

CONFIRMING_READINGS = 3  # readings, the first included, that a step which nothing explains must hold for
SLOWER = 1.25  # a stop is no rhythm: one count makes it slower by no more than this
MEMORY_WAIT_S = 60.0  # how long a PLC that starts again may show a counter without its memory
EVIDENCE_WAIT_S = 30.0  # how long a fall waits for evidence that is read less often than the counter


def begin(
    reading: Reading, settings: CounterSettings, *, epoch: int = 0, total: int = 0
) -> tuple[CounterState, Outcomes]:
    """The state after a first reading; a counter that stands at its limit is questioned already."""
    state = start_counter(reading, settings, epoch=epoch, total=total)
    return state, _at_limit(state, reading.at, settings)


def advance(state: CounterState, reading: Reading, settings: CounterSettings) -> tuple[CounterState, Outcomes]:
    """Turn one reading into the counts made since the one before it (rules: docs/counters.md).

    Returns:
        the new state, and the steps and doubts that follow; nothing where nothing was made or the step is held.
    """
    value, at, held = upward(reading.raw, settings), reading.at, state.held
    span = settings.limit - settings.lowest
    if not 0 <= value <= span:
        return _impossible(state, value, reading, settings)
    counts = value - state.last
    if counts == 0 and held is None and reading.watched and reading.evidence is not Evidence.SHOWN:
        return (state._replace(seen_at=at) if at > state.seen_at else state), ()
    plain = go_on(state, reading, settings)
    if plain is not None:
        return plain[0], (plain[1],)
    case = _case(state, value, reading, settings)
    near = allowance(settings, state.seen_at, at, slack=REACH_SLACK)
    if held is not None and 0 <= counts <= near and not _goes_on_up(state, held, value):
        fell_to = held.value if 0 <= held.value < state.last else None
        return _weigh(case._replace(fell_to=fell_to), None, reading)  # back where it was: what was held is no fact
    return _weigh(case, _tracked(case, held, reading), reading)


def go_on(state: CounterState, reading: Reading, settings: CounterSettings) -> tuple[CounterState, Step] | None:
    """The new state and the step, where the counter simply went on; None: the reading is another case."""
    value, at = upward(reading.raw, settings), reading.at
    counts = value - state.last
    if counts <= 0 or state.held is not None or value > settings.limit - settings.lowest:
        return None
    if not _is_plain(state, value, counts, reading, settings):
        return None
    step = Step(counts, CountMethod.NORMAL, min(state.seen_at, at), at)
    return _counted(state, value, counts, at), step


def _is_plain(state: CounterState, value: int, counts: int, reading: Reading, settings: CounterSettings) -> bool:
    """Whether a step up is what it seems: within reach of the last reading, and no reset or limit can hide in it."""
    if reading.evidence is Evidence.SHOWN:
        return False
    if settings.max_rate is not None:
        near = allowance(settings, state.seen_at, reading.at, slack=REACH_SLACK)
        if counts > near or not reading.watched or near > settings.limit - settings.lowest:
            return False
        if state.before is not None and 0 <= value - state.before <= near:
            return False
    elif state.before is not None and 0 <= value - state.before <= REACH_SLACK:
        return False
    return settings.at_limit is AtLimit.WRAP or value < settings.limit - settings.lowest


def _counted(state: CounterState, value: int, counts: int, at: datetime) -> CounterState:
    took_s, pace_s = (at - state.changed_at).total_seconds() / counts, state.pace_s
    if not state.total:  # the last count before was not seen
        pace_s = None
    elif pace_s is None or 0 < took_s < pace_s * SLOWER:
        pace_s = took_s
    elif took_s > 0:
        pace_s *= SLOWER
    return CounterState(value, at, at, state.total + counts, state.epoch, state.before, state.total_then, pace_s)


def _case(state: CounterState, value: int, reading: Reading, settings: CounterSettings) -> Case:
    return Case(state, value, reading.at, reading.at, settings, reading.watched, reading.evidence, reading.job_changed)


def _goes_on_up(state: CounterState, held: Held, value: int) -> bool:
    """Whether a reading confirms a step up: it is then counted from the reading that showed it first."""
    return state.last < held.first <= held.value <= value


def _tracked(case: Case, held: Held | None, reading: Reading) -> Held | None:
    """The step that is held, with this reading; a new one where the reading does not go on from it."""
    if case.value == case.state.last:
        return None
    if held is not None and 0 <= held.first <= span_of(case.settings):
        near = allowance(case.settings, held.seen_at, reading.at, slack=REACH_SLACK)
        if 0 <= case.value - held.value <= near:
            return held._replace(value=case.value, seen_at=reading.at, readings=held.readings + 1)
    return Held(case.value, reading.at, case.value, reading.at, 1, reading.watched, reading.evidence)


def _weigh(case: Case, held: Held | None, reading: Reading) -> tuple[CounterState, Outcomes]:
    """Decide a step that is not plain, or hold it for a further reading. `held` None: it needs no confirmation."""
    state = case.state
    if held is not None:
        evidence = _together(held.evidence, reading.evidence)
        until = reading.at if held.first > state.last else held.at
        case = case._replace(value=held.first, at=held.at, until=until, watched=held.watched, evidence=evidence)
        if _is_waiting(case, reading):
            return state._replace(held=held), ()
    finding = find_causes(case)
    if held is not None and held.readings < max((cause.readings for cause in finding.possible), default=3):
        return state._replace(held=held), ()
    if not finding.possible:
        if _may_remember(case, finding, reading):
            return state._replace(held=held), ()
        return _gone_on(*_asked(case, finding, "nothing explains it"), held, reading, case.settings)
    chosen, rule = choose(case, finding)
    if chosen is None:
        taken = _asked(case, finding, rule)
    else:
        step = step_of(case, finding, chosen, rule)
        taken = _taken(case, chosen.method, chosen.delta), _worth_telling(step)
        taken = taken[0], taken[1] + _at_limit(taken[0], case.at, case.settings)
    return _gone_on(*taken, held, reading, case.settings)


def _together(first: Evidence, latest: Evidence) -> Evidence:
    """What the evidence says of a held step: it may show, or be read, only after the counter."""
    if latest is Evidence.SHOWN or first is Evidence.AWAITED:
        return latest
    return first


def _is_waiting(case: Case, reading: Reading) -> bool:
    """Whether a fall waits for evidence that will be read soon."""
    waited_s = (reading.at - case.at).total_seconds()
    falls = case.value < case.state.last
    return falls and case.evidence is Evidence.AWAITED and waited_s < EVIDENCE_WAIT_S and not case.job_changed


def _may_remember(case: Case, finding: Finding, reading: Reading) -> bool:
    """Whether a fall to the beginning, which was no reset, may be a PLC that starts again and has no memory yet."""
    since = case.value - origin_of(case.settings)
    waited_s = (reading.at - case.at).total_seconds()
    return case.value < case.state.last and 0 <= since <= finding.near and waited_s < MEMORY_WAIT_S


def _worth_telling(step: Step) -> Outcomes:
    """A step of nothing that hides nothing is no step; but a reset is told, since a new count begins."""
    is_nothing = not step.delta and step.most is None and step.method is CountMethod.NORMAL
    return () if is_nothing else (step,)


def _taken(case: Case, method: CountMethod, delta: int) -> CounterState:
    state, total = case.state, case.state.total + delta
    if method in {CountMethod.NORMAL, CountMethod.WRAP}:
        if not delta:
            return state._replace(seen_at=max(state.seen_at, case.at), held=None)
        return _counted(state, case.value, delta, case.at)
    new_epoch = method in {CountMethod.RESET, CountMethod.RESTORE}
    return CounterState(
        last=case.value,
        changed_at=case.at,
        seen_at=case.at,
        total=total,
        epoch=state.epoch + new_epoch,
        before=state.last if method is CountMethod.RESET else None,
        total_then=state.total,
        pace_s=state.pace_s,
    )


def _asked(case: Case, finding: Finding, rule: str) -> tuple[CounterState, Outcomes]:
    """Nothing is counted; a person may say what it was. Counting goes on from the new value, in a new epoch."""
    state, settings = case.state, case.settings
    options = options_of(case, finding) or _answers(case)
    doubt = Doubt(
        cause=QuestionCause.STEP,
        raw=as_shown(case.value, settings),
        last=as_shown(state.last, settings),
        reach=finding.reach,
        since=min(state.seen_at, case.at),
        at=case.at,
        least=min((cause.least for cause in finding.possible), default=0),
        most=max((cause.most for cause in finding.possible), default=finding.made),
        options=options,
        trail=trail_of(case, finding, chosen="question", rule=rule),
    )
    started = CounterState(
        last=case.value,
        changed_at=case.at,
        seen_at=case.at,
        total=state.total,
        epoch=state.epoch + 1,
        before=state.last,
        total_then=state.total,
        pace_s=state.pace_s,
    )
    return started, (doubt,)


def _answers(case: Case) -> tuple[CountOption, ...]:
    """What a person may say of a step that physics does not explain."""
    counts, since = case.value - case.state.last, case.value - origin_of(case.settings)
    found = [CountOption(CountMethod.MANUAL, 0)]
    if counts > 0:
        found.insert(0, CountOption(CountMethod.NORMAL, counts))
    elif since >= 0:
        found.insert(0, CountOption(CountMethod.RESET, since))
    return tuple(found)


def _gone_on(
    state: CounterState, outcomes: Outcomes, held: Held | None, reading: Reading, settings: CounterSettings
) -> tuple[CounterState, Outcomes]:
    """What the counter did after the first reading of a held step is counted from there."""
    if held is None or reading.at <= held.at:
        return state, outcomes
    evidence = Evidence.NONE if reading.evidence in {Evidence.NONE, Evidence.AWAITED} else Evidence.ABSENT
    after = Reading(reading.raw, reading.at, reading.watched, evidence)
    state, more = advance(state, after, settings)
    return state, outcomes + more


def _at_limit(state: CounterState, at: datetime, settings: CounterSettings) -> Outcomes:
    """The question of a counter that reached a limit at which it stays: pieces vanish there from now on."""
    if not is_saturated(state, settings) or state.changed_at != at:
        return ()
    shown = as_shown(state.last, settings)
    return (Doubt(cause=QuestionCause.SATURATED, raw=shown, last=shown, reach=0, since=at, at=at, least=0),)


def _impossible(
    state: CounterState, value: int, reading: Reading, settings: CounterSettings
) -> tuple[CounterState, Outcomes]:
    """A value that the counter cannot have: questioned once when it stays, never counted from; the last one is kept."""
    held = state.held
    is_so_already = held is not None and not 0 <= held.first <= span_of(settings)
    if held is None or not is_so_already:
        held = Held(value, reading.at, value, reading.at, 0)
    readings = held.readings + 1
    kept = state._replace(held=held._replace(value=value, seen_at=reading.at, readings=min(readings, 9)))
    if readings != CONFIRMING_READINGS:
        return kept, ()
    doubt = Doubt(
        cause=QuestionCause.IMPOSSIBLE,
        raw=reading.raw,
        last=as_shown(state.last, settings),
        reach=allowance(settings, state.seen_at, reading.at, slack=REACH_SLACK),
        since=state.seen_at,
        at=reading.at,
    )
    return kept, (doubt,)
