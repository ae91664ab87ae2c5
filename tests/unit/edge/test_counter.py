"""The counter engine: every step of a reading has a name, or is held and questioned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from genba_edge.core.counter import CounterState, Doubt, Reading, Step, advance, start_counter
from genba_shared.device_map.model import AtLimit, CountDirection, CounterSettings, OnDecrease, PointRef, ResetEvidence
from genba_shared.events import Confidence, CountMethod

T0 = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
FAST = CounterSettings(limit=65535, max_rate=1.0)
WITH_BUTTON = CounterSettings(limit=65535, max_rate=1.0, reset_by=ResetEvidence(point=PointRef("plc", "reset")))


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def started(raw: int, settings: CounterSettings = FAST) -> CounterState:
    return start_counter(Reading(raw=raw, at=T0), settings)


def test_first_reading_counts_nothing() -> None:
    state = started(1234)
    assert (state.last, state.total, state.epoch) == (1234, 0, 0)


def test_unchanged_reading_counts_nothing_and_is_known_later() -> None:
    state, outcome = advance(started(7), Reading(raw=7, at=at(9)), FAST)
    assert outcome is None
    assert state.seen_at == at(9)
    assert state.changed_at == T0


def test_step_within_reach_is_counted_since_the_last_reading() -> None:
    state, outcome = advance(started(7), Reading(raw=10, at=at(3)), FAST)
    assert outcome == Step(delta=3, method=CountMethod.NORMAL, since=T0, at=at(3))
    assert (state.last, state.total) == (10, 3)


def test_counter_wrap_counts_pieces_across_the_wrap() -> None:
    state, outcome = advance(started(65534, WITH_BUTTON), Reading(raw=1, at=at(3)), WITH_BUTTON)
    assert isinstance(outcome, Step)
    assert (outcome.delta, outcome.method, outcome.confidence) == (3, CountMethod.WRAP, Confidence.CERTAIN)
    assert (state.total, state.epoch) == (3, 0)


def test_reset_with_evidence_counts_the_pieces_since_the_reset() -> None:
    state, outcome = advance(started(500, WITH_BUTTON), Reading(raw=2, at=at(10), reset_seen=True), WITH_BUTTON)
    assert isinstance(outcome, Step)
    assert (outcome.delta, outcome.method) == (2, CountMethod.RESET)
    assert (state.total, state.epoch) == (2, 1)


def test_reset_far_from_the_limit_needs_no_evidence() -> None:
    _, outcome = advance(started(500), Reading(raw=2, at=at(10)), FAST)
    assert isinstance(outcome, Step)
    assert (outcome.delta, outcome.method, outcome.confidence) == (2, CountMethod.RESET, Confidence.CERTAIN)


def test_decrease_that_wrap_and_reset_explain_is_ambiguous_with_least_and_most() -> None:
    _, outcome = advance(started(65533), Reading(raw=1, at=at(10)), FAST)
    assert isinstance(outcome, Step)
    assert outcome.confidence is Confidence.AMBIGUOUS
    assert (outcome.delta, outcome.least, outcome.most) == (4, 1, 4)


def test_declared_rule_decides_an_ambiguous_decrease() -> None:
    settings = CounterSettings(limit=65535, max_rate=1.0, on_decrease=OnDecrease.RESET)
    _, outcome = advance(started(65533, settings), Reading(raw=1, at=at(10)), settings)
    assert isinstance(outcome, Step)
    assert (outcome.delta, outcome.method, outcome.confidence) == (1, CountMethod.RESET, Confidence.AMBIGUOUS)


def test_watched_reset_point_that_stayed_false_rules_a_reset_out() -> None:
    state, outcome = advance(started(500, WITH_BUTTON), Reading(raw=2, at=at(10), watched=True), WITH_BUTTON)
    assert outcome is None
    assert state.last == 500


def test_reset_point_that_nobody_watched_rules_nothing_out() -> None:
    _, outcome = advance(started(500, WITH_BUTTON), Reading(raw=2, at=at(10), watched=False), WITH_BUTTON)
    assert isinstance(outcome, Step)
    assert outcome.method is CountMethod.RESET


def test_reset_that_nobody_watched_may_hide_pieces() -> None:
    _, outcome = advance(started(500, WITH_BUTTON), Reading(raw=2, at=at(10), watched=False), WITH_BUTTON)
    assert isinstance(outcome, Step)
    assert (outcome.confidence, outcome.delta, outcome.least, outcome.most) == (Confidence.AMBIGUOUS, 2, 2, 17)


def test_spike_is_held_and_forgotten_when_the_counter_comes_back() -> None:
    state, outcome = advance(started(100), Reading(raw=40000, at=at(1)), FAST)
    assert outcome is None
    state, outcome = advance(state, Reading(raw=101, at=at(2)), FAST)
    assert isinstance(outcome, Step)
    assert outcome.delta == 1
    assert state.total == 1


def test_jump_that_stays_is_questioned_and_counting_goes_on_from_there() -> None:
    state = started(100)
    outcomes = []
    for second in (1, 2, 3):
        state, outcome = advance(state, Reading(raw=40000, at=at(second)), FAST)
        outcomes.append(outcome)
    assert outcomes[:2] == [None, None]
    assert isinstance(outcomes[2], Doubt)
    state, outcome = advance(state, Reading(raw=40001, at=at(4)), FAST)
    assert isinstance(outcome, Step)
    assert (state.total, state.epoch) == (1, 1)


def test_boot_bounce_makes_no_pieces() -> None:
    state, first = advance(started(15508), Reading(raw=0, at=at(1)), FAST)
    state, second = advance(state, Reading(raw=15508, at=at(2)), FAST)
    assert isinstance(first, Step)
    assert isinstance(second, Step)
    assert (first.delta, second.delta, second.method) == (0, 0, CountMethod.RESTORE)
    assert state.total == 0


def test_saturated_counter_never_wraps() -> None:
    settings = CounterSettings(limit=100, at_limit=AtLimit.SATURATE, max_rate=1.0)
    _, outcome = advance(started(100, settings), Reading(raw=1, at=at(5)), settings)
    assert isinstance(outcome, Step)
    assert outcome.method is CountMethod.RESET


def test_counter_that_counts_down_counts_up() -> None:
    settings = CounterSettings(limit=1000, max_rate=1.0, direction=CountDirection.DOWN)
    _, outcome = advance(started(990, settings), Reading(raw=987, at=at(5)), settings)
    assert isinstance(outcome, Step)
    assert outcome.delta == 3
