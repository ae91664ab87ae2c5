"""The physically possible causes of a strange step of a counter, and which of them is taken.

The table of `docs/counters.md` in code. What is possible is decided by physics (`max_rate`) and by evidence; only where
several causes are left does a rule choose, and then the step is ambiguous.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from genba_edge.core.counter_state import (
    EDGE_SLACK,
    REACH_SLACK,
    CounterState,
    Evidence,
    Step,
    allowance,
    as_shown,
    origin_of,
    span_of,
)
from genba_shared.device_map.model import AtLimit, CounterSettings, OnDecrease
from genba_shared.events import Confidence, CountMethod, CountOption

CORRECTION_COUNTS = 20  # an operator takes back a few pieces; a longer way back is nobody's correction
WRAPS_NAMED = 5  # numbers of wraps that are named as options; `least` and `most` hold them all
BOUNCE_COUNTS = 20  # a PLC has its memory back before it counts more than a few pieces
NEAR_THE_LIMIT = 5  # after a gap, a fall that travels less than 1/5 of the range across the limit is taken as a wrap
RHYTHM_EARLY, RHYTHM_LATE = 0.75, 1.5  # a running machine's next count comes at so many times its latest one


class Cause(NamedTuple):
    """One possible explanation: what the counter shows of it, the bounds of what was made, readings that it needs."""

    method: CountMethod
    delta: int
    least: int
    most: int
    readings: int


class Case(NamedTuple):
    """A step from the state's last reading to `value`, first seen at `at`.

    `until`: when a step up was confirmed; stamps jitter, so that what is possible by then is. `fell_to`: a smaller
    value that was read in between, and did not stay.
    """

    state: CounterState
    value: int
    at: datetime
    until: datetime
    settings: CounterSettings
    watched: bool
    evidence: Evidence
    job_changed: bool = False
    fell_to: int | None = None


class Finding(NamedTuple):
    """What could have happened, the likeliest first, and what could not and why.

    `near` and `reach` are the most counts possible since the last reading and since the last change; `made` the most
    pieces that a machine which keeps to `max_rate` finishes since the last reading.
    """

    possible: list[Cause]
    excluded: dict[str, str]
    near: int
    reach: int
    made: int


def find_causes(case: Case) -> Finding:
    """Every physically possible cause of a step that is not plain."""
    state, settings = case.state, case.settings
    begin = _moving_since(case)
    near = allowance(settings, begin, case.at, slack=REACH_SLACK)
    reach = max(near, allowance(settings, state.changed_at, case.at, slack=REACH_SLACK))
    finding = Finding([], {}, near, reach, allowance(settings, begin, case.at, slack=EDGE_SLACK))
    _find_straight(case, finding)
    _find_wrap(case, finding)
    _find_reset(case, finding)
    _find_restore(case, finding)
    _find_correction(case, finding)
    _find_preset(case, finding)
    _find_frozen(case, finding)
    _believe_evidence(case, finding)
    for cause in finding.possible:
        finding.excluded.pop(str(cause.method), None)
    return finding


def _moving_since(case: Case) -> datetime:
    """Since when the counter may have moved, or pieces may have been made that it does not show."""
    return case.state.changed_at if is_saturated(case.state, case.settings) else case.state.seen_at


def is_saturated(state: CounterState, settings: CounterSettings) -> bool:
    """Whether it stands at a limit that it does not leave by itself."""
    return settings.at_limit is AtLimit.SATURATE and state.last == span_of(settings)


def _find_straight(case: Case, finding: Finding) -> None:
    """Counted on."""
    counts = case.value - case.state.last
    near = allowance(case.settings, _moving_since(case), case.until, slack=REACH_SLACK)
    if counts > near:
        finding.excluded["normal"] = f"{counts} counts are more than the {near} possible"
    elif counts >= 0:
        least = min((counts, *_restored(case, finding))) if counts else 0
        most = max(counts, _unseen(case, finding, counts))
        finding.possible.append(Cause(CountMethod.NORMAL, counts, least, most, 1))


def _find_frozen(case: Case, finding: Finding) -> None:
    """Counted on while the value that was read stood still: some devices renew what they show only now and then."""
    counts = case.value - case.state.last
    if not finding.possible and 0 < counts <= finding.reach:
        most = max(counts, _unseen(case, finding, counts))
        finding.possible.append(Cause(CountMethod.NORMAL, counts, counts, most, 2))


def _unseen(case: Case, finding: Finding, counts: int) -> int:
    """The most pieces where a counter that went on may have been put back on its way; 0 where it was seen not to be.

    A counter that went on over a gap is believed: that nobody watched it meanwhile is declared by the gap itself.
    """
    if case.settings.max_rate is None:
        return 0
    if counts and is_saturated(case.state._replace(last=case.value), case.settings):
        return finding.made  # what was made beyond the limit is not on the counter
    if case.fell_to is not None and 0 < case.fell_to - origin_of(case.settings) <= finding.made:
        return finding.made  # counted while the PLC had no memory
    if counts and not case.watched and _may_have_bounced(case.state):
        return finding.made
    since_reset = case.value - origin_of(case.settings)
    may_be_reset = case.evidence is not Evidence.ABSENT and 0 <= since_reset <= finding.made
    return finding.made if may_be_reset and case.fell_to is not None else 0


def _may_have_bounced(state: CounterState) -> bool:
    """Whether the latest reset may turn out to have been a PLC without its memory."""
    return state.before is not None and state.total - state.total_then <= BOUNCE_COUNTS


def _find_wrap(case: Case, finding: Finding) -> None:
    """Counted on across the limit, once or several times."""
    most, straight, modulus = finding.near, case.value - case.state.last, span_of(case.settings) + 1
    if case.settings.at_limit is not AtLimit.WRAP:
        finding.excluded["wrap"] = "the counter stays at its limit"
        return
    across = straight + modulus
    if straight >= 0 and case.settings.max_rate is None:
        return  # with no bound, a whole turn more is always possible, and says nothing
    if across > most:
        finding.excluded["wrap"] = f"{across} counts are more than the {most} possible"
        return
    greatest = across + (most - across) // modulus * modulus
    finding.possible.append(Cause(CountMethod.WRAP, across, across, greatest, 1 if straight >= 0 else 2))


def _find_reset(case: Case, finding: Finding) -> None:
    """Put back to its origin, and `value` counts since."""
    most, since = finding.near, case.value - origin_of(case.settings)
    rises = case.value >= case.state.last
    if rises and case.evidence is not Evidence.SHOWN:
        return  # a counter that goes on as before was not reset; what that may hide stands in the bounds of NORMAL
    if case.evidence is Evidence.ABSENT and not case.job_changed:
        finding.excluded["reset"] = "its evidence was read and shows none"
    elif not 0 <= since <= most:
        shown = as_shown(case.value, case.settings)
        finding.excluded["reset"] = f"{shown} is not within {most} counts of where a reset begins"
    else:
        readings = 1 if case.evidence is Evidence.SHOWN else 2
        finding.possible.append(Cause(CountMethod.RESET, since, since, max(since, _hidden(case, finding)), readings))


def _find_restore(case: Case, finding: Finding) -> None:
    """Back at the reading before a reset: the PLC had lost its memory for a while, and nothing was made by the jump."""
    state = case.state
    plain = case.settings.max_rate is not None and 0 <= case.value - state.last <= finding.made
    if state.before is None or plain:
        return
    deltas = _restored(case, finding)
    if not deltas:
        shown = as_shown(state.before, case.settings)
        finding.excluded["restore"] = f"the reading before the reset was {shown}"
    for delta in deltas:
        bound = max(delta, _hidden(case, finding))
        finding.possible.append(Cause(CountMethod.RESTORE, delta, delta, bound, 2))


def _restored(case: Case, finding: Finding) -> list[int]:
    """Counts made by a jump back to the reading before a reset, the most first.

    The counter goes on from that reading; or what it counted meanwhile is in the new value.
    """
    state = case.state
    if state.before is None or not _may_have_bounced(state):
        return []
    counted, gained = state.total - state.total_then, case.value - state.before
    most = REACH_SLACK if case.settings.max_rate is None else finding.near
    return [delta for delta in dict.fromkeys((gained, gained - counted)) if 0 <= delta <= most]


def _find_correction(case: Case, finding: Finding) -> None:
    """A small step back: somebody took a few pieces from the counter."""
    back = case.state.last - case.value
    if back <= 0 or case.evidence is Evidence.SHOWN or case.value == origin_of(case.settings):
        return
    if back > CORRECTION_COUNTS:
        finding.excluded["manual"] = f"{back} counts back are more than a correction of {CORRECTION_COUNTS}"
    elif all(cause.method is CountMethod.RESET for cause in finding.possible):
        readings = 2 if finding.possible else 3  # an old value may come more than once
        finding.possible.append(Cause(CountMethod.MANUAL, 0, 0, _hidden(case, finding), readings))


def _find_preset(case: Case, finding: Finding) -> None:
    """A reset is shown, and the counter fell to where no count can have brought it: it was set to a value."""
    if not finding.possible and _shown_by(case) and case.value < case.state.last:
        finding.possible.append(Cause(CountMethod.RESET, 0, 0, _hidden(case, finding), 3))


def _believe_evidence(case: Case, finding: Finding) -> None:
    """Of a fall for which the evidence, or a new job number, shows a reset, no other cause is believed."""
    resets = [cause for cause in finding.possible if cause.method is CountMethod.RESET]
    why = _shown_by(case)
    if resets and why and case.value < case.state.last:
        for cause in finding.possible:
            finding.excluded[str(cause.method)] = why
        finding.possible[:] = resets


def _shown_by(case: Case) -> str:
    if case.evidence is Evidence.SHOWN:
        return "the evidence shows a reset"
    if case.evidence is Evidence.SHOWN_BEFORE:
        return "the evidence showed a reset since the counter last moved"
    return "the job number changed" if case.job_changed else ""


def _hidden(case: Case, finding: Finding) -> int:
    """The most pieces made since the last reading, whatever the counter shows; 0 where nothing bounds them."""
    was_seen = case.watched and not is_saturated(case.state, case.settings)
    return 0 if case.settings.max_rate is None and was_seen else finding.made


def choose(case: Case, finding: Finding) -> tuple[Cause | None, str]:
    """The cause that is taken, and why; None: the map says to ask."""
    possible = finding.possible
    if len(possible) == 1:
        shown = _shown_by(case) if possible[0].method is CountMethod.RESET else ""
        return possible[0], shown or "the only possible explanation"
    by_method = {cause.method: cause for cause in possible}
    reset = by_method.get(CountMethod.RESET)
    falls = case.value < case.state.last
    if reset is not None and case.evidence is Evidence.SHOWN:
        if not case.watched or reset.delta == possible[0].delta:
            return reset, "the evidence shows a reset"
        return possible[0], "the evidence shows a reset, and the counter did not fall yet"
    wrap = by_method.get(CountMethod.WRAP)
    restore = by_method.get(CountMethod.RESTORE)
    if falls and case.settings.on_decrease is OnDecrease.ERROR:
        return None, "on_decrease: error"
    if falls and wrap is not None and case.settings.on_decrease is OnDecrease.WRAP:
        return wrap, "on_decrease: wrap"
    if falls and reset is not None and case.settings.on_decrease is OnDecrease.RESET:
        return reset, "on_decrease: reset"
    if restore is not None:
        return restore, "it stands again where it stood before the reset"
    if falls and wrap is not None and reset is not None:
        return _wrap_or_reset(case, wrap, reset)
    if falls and reset is not None:
        return reset, "a counter is put back more often than corrected"
    return possible[0], "the fewest pieces"


def _wrap_or_reset(case: Case, wrap: Cause, reset: Cause) -> tuple[Cause, str]:
    if case.watched and case.settings.max_rate is not None:
        return wrap, "it was within a few counts of its limit"
    if wrap.delta * NEAR_THE_LIMIT <= span_of(case.settings) + 1:
        return wrap, "the way across the limit is short"
    return reset, "the way across the limit is long"


def step_of(case: Case, finding: Finding, chosen: Cause, rule: str) -> Step:
    """The step that rests on the cause that was taken, with the bounds of all that were possible."""
    least = min(cause.least for cause in finding.possible)
    most = max(cause.most for cause in finding.possible)
    several = len({cause.delta for cause in finding.possible}) > 1
    turns = chosen.method is CountMethod.WRAP and chosen.most > chosen.delta
    doubtful = most > least and (several or turns or _may_hide(chosen, case))
    since = min(case.state.seen_at, case.at)  # a change may arrive after its device was heard of again
    plain = chosen.method is CountMethod.NORMAL and most == least
    return Step(
        delta=chosen.delta,
        method=chosen.method,
        since=since,
        at=case.at,
        confidence=Confidence.AMBIGUOUS if doubtful else Confidence.CERTAIN,
        least=None if most == least else least,
        most=None if most == least else most,
        options=options_of(case, finding) if doubtful else (),
        trail=None if plain else trail_of(case, finding, chosen=str(chosen.method), rule=rule),
    )


def _may_hide(chosen: Cause, case: Case) -> bool:
    """Whether pieces that no reading showed are likely, not merely possible.

    They are where nobody watched for longer than a piece takes, where the counter stood at its limit, and where the
    rhythm of a running machine said that a count was due. A machine that stood still does not finish a piece in the
    very moment of its reset.
    """
    if chosen.method not in {CountMethod.RESET, CountMethod.RESTORE, CountMethod.MANUAL}:
        return False
    state, max_rate = case.state, case.settings.max_rate
    stood_s = max(0.0, (state.seen_at - state.changed_at).total_seconds())
    window_s = max(0.0, (case.at - state.seen_at).total_seconds())
    is_short = max_rate is not None and window_s * max_rate < 1  # than the machine needs for one piece
    if is_saturated(state, case.settings) or not (case.watched or is_short):
        return True
    if state.pace_s is None:
        return False
    return stood_s <= RHYTHM_LATE * state.pace_s and stood_s + 2 * window_s >= RHYTHM_EARLY * state.pace_s


def options_of(case: Case, finding: Finding) -> tuple[CountOption, ...]:
    """The explanations that were possible, each with its counts; of several wraps the first few."""
    found: list[CountOption] = []
    modulus = span_of(case.settings) + 1
    for cause in finding.possible:
        found.append(CountOption(cause.method, cause.delta))
        if cause.method is CountMethod.WRAP:
            turns = range(cause.delta + modulus, cause.most + 1, modulus)
            found.extend(CountOption(cause.method, counts) for counts in turns[: WRAPS_NAMED - 1])
    return tuple(found)


def trail_of(case: Case, finding: Finding, *, chosen: str, rule: str) -> dict[str, Any]:
    """How it was decided, for people who ask; values as the device shows them, counts of the device."""
    state = case.state
    trail: dict[str, Any] = {
        "last": as_shown(state.last, case.settings),
        "raw": as_shown(case.value, case.settings),
        "elapsed_s": round((case.at - state.seen_at).total_seconds(), 3),
        "reach": finding.near,
        "evidence": str(case.evidence),
        "watched": case.watched,
        "possible": [str(option) for option in options_of(case, finding)],
        "not_possible": dict(finding.excluded),
        "chosen": chosen,
        "rule": rule,
    }
    if case.job_changed:
        trail["job_changed"] = True
    return trail
