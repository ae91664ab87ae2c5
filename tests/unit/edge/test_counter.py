"""The counter engine: every step of a reading has a name, or is held and questioned."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from genba_edge.core.counted_point import load_counter, save_counter
from genba_edge.core.counter import CounterState, Doubt, Evidence, Reading, Step, advance, begin, start_counter
from genba_shared.device_map.model import AtLimit, CountDirection, CounterSettings, OnDecrease, PointRef, ResetEvidence
from genba_shared.events import Confidence, CountMethod, CountOption, QuestionCause

T0 = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
FAST = CounterSettings(limit=65535, max_rate=1.0)
SLOW = CounterSettings(limit=65535, max_rate=0.2)
WITH_BUTTON = CounterSettings(limit=65535, max_rate=1.0, reset_by=ResetEvidence(point=PointRef("plc", "reset")))
SIGNED = CounterSettings(limit=32767, lowest=-32768, max_rate=1.0)
ABSENT, SHOWN, SHOWN_BEFORE, AWAITED = Evidence.ABSENT, Evidence.SHOWN, Evidence.SHOWN_BEFORE, Evidence.AWAITED
NORMAL, WRAP, RESET = CountMethod.NORMAL, CountMethod.WRAP, CountMethod.RESET
RESTORE, MANUAL = CountMethod.RESTORE, CountMethod.MANUAL
CERTAIN, AMBIGUOUS = Confidence.CERTAIN, Confidence.AMBIGUOUS


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def started(raw: int, settings: CounterSettings = FAST) -> CounterState:
    return start_counter(Reading(raw=raw, at=T0), settings)


def read(
    state: CounterState, readings: Iterable[Reading], settings: CounterSettings = FAST
) -> tuple[CounterState, list[Step | Doubt]]:
    """The state after the readings, and everything that followed from them."""
    found: list[Step | Doubt] = []
    for reading in readings:
        state, outcomes = advance(state, reading, settings)
        found += outcomes
    return state, found


def polled(first: float, *raws: int, evidence: Evidence = Evidence.NONE, watched: bool = True) -> list[Reading]:
    """One reading each second; `watched` is of the first."""
    return [Reading(raw, at(first + index), watched or index > 0, evidence) for index, raw in enumerate(raws)]


def told(found: Iterable[Step | Doubt]) -> list[tuple[int, CountMethod, Confidence, int | None, int | None]]:
    return [
        (step.delta, step.method, step.confidence, step.least, step.most) for step in found if isinstance(step, Step)
    ]


# Plain steps.


def test_first_reading_counts_nothing() -> None:
    state, outcomes = begin(Reading(raw=1234, at=T0), FAST)
    assert (state.last, state.total, state.epoch, outcomes) == (1234, 0, 0, ())


def test_unchanged_reading_counts_nothing_and_is_known_later() -> None:
    state, outcomes = advance(started(7), Reading(raw=7, at=at(9)), FAST)
    assert outcomes == ()
    assert (state.seen_at, state.changed_at) == (at(9), T0)


def test_step_within_reach_is_counted_since_the_last_reading() -> None:
    state, outcomes = advance(started(7), Reading(raw=10, at=at(3)), FAST)
    assert outcomes == (Step(delta=3, method=NORMAL, since=T0, at=at(3)),)
    assert (state.last, state.total) == (10, 3)


def test_step_that_a_frozen_value_explains_is_counted_when_it_stays() -> None:
    state, _ = read(started(100), polled(1, *[100] * 30))
    state, found = read(state, polled(31, 120))
    assert found == []
    state, found = read(state, polled(32, 121))
    assert told(found) == [(20, NORMAL, CERTAIN, None, None), (1, NORMAL, CERTAIN, None, None)]


# Wraps.


@pytest.mark.parametrize(
    ("before", "after", "settings", "pieces"),
    [
        (65534, 1, FAST, 3),
        (32766, -32767, SIGNED, 3),
        (1, 999, CounterSettings(limit=1000, max_rate=1.0, direction=CountDirection.DOWN), 3),
    ],
)
def test_counter_wrap_counts_pieces_across_the_wrap(
    before: int, after: int, settings: CounterSettings, pieces: int
) -> None:
    state, found = read(started(before, settings), polled(3, after, after, evidence=ABSENT), settings)
    assert told(found) == [(pieces, WRAP, CERTAIN, None, None)]
    assert (state.total, state.epoch) == (pieces, 0)


def test_wrap_without_evidence_may_have_been_a_reset() -> None:
    _, found = read(started(65534), polled(3, 1, 1))
    assert told(found) == [(3, WRAP, AMBIGUOUS, 1, 5)]
    assert isinstance(found[0], Step)
    assert found[0].options == (CountOption(WRAP, 3), CountOption(RESET, 1))


def test_gap_longer_than_a_wrap_names_every_number_of_wraps() -> None:
    settings = CounterSettings(limit=99, max_rate=1.0, reset_by=WITH_BUTTON.reset_by)
    (_, (step,)) = advance(started(10, settings), Reading(30, at(200), watched=False, evidence=ABSENT), settings)
    assert isinstance(step, Step)
    assert told([step]) == [(20, NORMAL, AMBIGUOUS, 20, 220)]  # at most 302 counts: 20, 120 or 220
    assert step.options == (CountOption(NORMAL, 20), CountOption(WRAP, 120), CountOption(WRAP, 220))


def test_gap_longer_than_a_wrap_that_ends_at_the_same_value_is_in_doubt() -> None:
    settings = CounterSettings(limit=99, max_rate=1.0)
    _, found = read(started(10, settings), polled(200, 10, watched=False), settings)
    assert told(found) == [(0, NORMAL, AMBIGUOUS, 0, 300)]


def test_poll_that_is_slower_than_a_whole_turn_puts_the_count_in_doubt() -> None:
    settings = CounterSettings(limit=9, max_rate=1.0, reset_by=WITH_BUTTON.reset_by)
    _, found = read(started(2, settings), [Reading(5, at(10), evidence=ABSENT)], settings)
    assert told(found) == [(3, NORMAL, AMBIGUOUS, 3, 13)]


# Steps up that are confirmed.


def test_step_that_was_held_has_the_time_of_the_reading_that_showed_it_first() -> None:
    state, _ = read(started(10), [Reading(10, at(19))])
    _, (step,) = read(state, polled(20, 14, 14))
    assert isinstance(step, Step)
    assert (step.delta, step.method, step.since, step.at) == (4, NORMAL, at(19), at(20))


def test_pieces_made_while_a_step_was_held_have_the_time_of_their_own_reading() -> None:
    state, _ = read(started(10), [Reading(10, at(19))])
    _, found = read(state, polled(20, 14, 15))
    assert [(step.delta, step.since, step.at) for step in found] == [(4, at(19), at(20)), (1, at(20), at(21))]


def test_value_back_in_reach_after_a_jump_that_is_gone_has_its_own_time() -> None:
    _, (step,) = read(started(10), polled(1, 400, 12))
    assert isinstance(step, Step)
    assert (step.delta, step.since, step.at) == (2, T0, at(2))


# Resets.


def test_reset_with_evidence_is_counted_at_once() -> None:
    state, found = read(started(500, WITH_BUTTON), polled(1, 2, evidence=SHOWN), WITH_BUTTON)
    assert told(found) == [(2, RESET, CERTAIN, None, None)]
    assert (state.total, state.epoch) == (2, 1)


def test_reset_shown_before_the_counter_was_read_with_its_old_value_needs_a_second_reading() -> None:
    state, nothing = read(started(500, WITH_BUTTON), polled(1, 1, evidence=SHOWN_BEFORE), WITH_BUTTON)
    assert nothing == []
    state, found = read(state, polled(2, 2, evidence=SHOWN_BEFORE), WITH_BUTTON)
    assert told(found) == [(1, RESET, CERTAIN, 1, 2), (1, NORMAL, CERTAIN, None, None)]


def test_single_wrong_reading_after_a_boot_that_left_the_counter_alone_counts_nothing() -> None:
    wrong = [*polled(1, 1, evidence=SHOWN_BEFORE), *polled(2, 500)]
    _, found = read(started(500, WITH_BUTTON), wrong, WITH_BUTTON)
    assert told(found) == [(0, NORMAL, CERTAIN, 0, 4)]


def test_reset_that_shows_nothing_may_hide_a_piece_of_the_moment_before() -> None:
    _, found = read(started(500, SLOW), polled(1, 0, evidence=SHOWN), SLOW)
    assert told(found) == [(0, RESET, CERTAIN, 0, 1)]


def test_reset_of_a_machine_in_its_rhythm_is_in_doubt_by_the_piece_that_was_due() -> None:
    state, _ = read(started(500, SLOW), [Reading(501, at(5)), Reading(502, at(10)), Reading(502, at(14.5))], SLOW)
    _, found = read(state, [Reading(0, at(15), evidence=SHOWN)], SLOW)
    assert told(found) == [(0, RESET, AMBIGUOUS, 0, 1)]


def test_reset_far_from_the_limit_needs_no_evidence() -> None:
    _, found = read(started(500), polled(1, 2, 2))
    assert told(found) == [(2, RESET, CERTAIN, None, None)]


def test_declared_rule_decides_an_ambiguous_decrease() -> None:
    settings = CounterSettings(limit=65535, max_rate=1.0, on_decrease=OnDecrease.RESET)
    _, found = read(started(65533, settings), polled(3, 1, 1), settings)
    assert told(found) == [(1, RESET, AMBIGUOUS, 1, 5)]


def test_rule_to_ask_asks_with_both_answers() -> None:
    settings = CounterSettings(limit=65535, max_rate=1.0, on_decrease=OnDecrease.ERROR)
    state, (doubt, after) = read(started(65533, settings), polled(3, 1, 2), settings)
    assert isinstance(doubt, Doubt)
    assert (doubt.cause, doubt.least, doubt.most) == (QuestionCause.STEP, 1, 5)
    assert doubt.options == (CountOption(WRAP, 4), CountOption(RESET, 1))
    assert told([after]) == [(1, NORMAL, CERTAIN, None, None)]
    assert (state.last, state.total, state.epoch) == (2, 1, 1)


def test_evidence_that_was_read_and_shows_nothing_rules_a_reset_out() -> None:
    readings = [Reading(2, at(second), evidence=ABSENT) for second in range(1, 62)]
    _, (doubt,) = read(started(500, WITH_BUTTON), readings, WITH_BUTTON)
    assert isinstance(doubt, Doubt)
    assert (doubt.raw, doubt.last, doubt.least, doubt.most) == (2, 500, 0, 2)
    assert doubt.options == (CountOption(RESET, 2), CountOption(MANUAL, 0))


def test_reset_that_nobody_watched_may_hide_pieces() -> None:
    _, found = read(started(500, WITH_BUTTON), polled(10, 2, 2, watched=False), WITH_BUTTON)
    assert told(found) == [(2, RESET, AMBIGUOUS, 2, 16)]


def test_reset_in_a_gap_counts_from_its_origin_though_the_counter_is_higher_than_before() -> None:
    _, found = read(started(5, WITH_BUTTON), polled(60, 40, watched=False, evidence=SHOWN), WITH_BUTTON)
    assert told(found) == [(40, RESET, AMBIGUOUS, 35, 91)]


def test_reset_of_a_signed_counter_begins_at_zero() -> None:
    _, found = read(started(300, SIGNED), polled(1, 1, evidence=SHOWN), SIGNED)
    assert told(found) == [(1, RESET, CERTAIN, 1, 2)]


def test_new_job_number_says_that_a_fall_near_the_limit_was_a_reset() -> None:
    readings = [Reading(1, at(second), job_changed=True) for second in (3, 4)]
    _, found = read(started(65533), readings)
    assert told(found) == [(1, RESET, CERTAIN, 1, 5)]


def test_counter_that_stands_or_goes_on_after_a_gap_is_believed() -> None:
    _, found = read(started(5), polled(20, 5, watched=False))
    assert told(found) == []
    _, found = read(started(5), polled(20, 8, watched=False))
    assert told(found) == [(3, NORMAL, CERTAIN, None, None)]


def test_fall_to_the_beginning_that_is_no_reset_waits_for_the_memory_of_the_plc() -> None:
    readings = [Reading(0, at(second), evidence=ABSENT) for second in range(1, 40)]
    state, found = read(started(500, WITH_BUTTON), [*readings, Reading(501, at(40))], WITH_BUTTON)
    assert told(found) == [(1, NORMAL, CERTAIN, None, None)]
    assert (state.last, state.total, state.epoch) == (501, 1, 0)


def test_preset_that_was_loaded_for_a_new_job_is_no_pieces() -> None:
    settings = CounterSettings(limit=900, max_rate=0.2, direction=CountDirection.DOWN)
    state, found = read(started(3, settings), [Reading(250, at(s), job_changed=True) for s in (1, 2, 3)], settings)
    assert told(found) == [(0, RESET, CERTAIN, 0, 1)]
    assert (state.total, state.epoch) == (0, 1)


# What was read once and is gone.


@pytest.mark.parametrize("wrong", [40000, 131071, 99, 3, 0])
def test_value_that_was_read_once_is_forgotten(wrong: int) -> None:
    settings = CounterSettings(limit=2**32 - 1, max_rate=1.0)
    state, (step,) = read(started(100, settings), polled(1, wrong, 101), settings)
    assert told([step])[0][:3] == (1, NORMAL, CERTAIN)
    assert (state.total, state.epoch) == (1, 0)


@pytest.mark.parametrize(("before", "torn", "after"), [(65535, 131071, 65536), (65535, 0, 65537)])
def test_torn_words_are_no_pieces(before: int, torn: int, after: int) -> None:
    settings = CounterSettings(limit=2**32 - 1, max_rate=1.0)
    _, found = read(started(before, settings), polled(1, torn, after), settings)
    assert told(found) == [(after - before, NORMAL, CERTAIN, None, None)]


def test_spike_after_a_long_stand_is_no_pieces() -> None:
    state, _ = read(started(100), [Reading(100, at(36000 + second)) for second in range(3)])
    state, found = read(state, [Reading(20100, at(36003)), Reading(100, at(36004)), Reading(101, at(36005))])
    assert told(found) == [(1, NORMAL, CERTAIN, None, None)]


def test_jump_that_stays_is_questioned_and_counting_goes_on_from_there() -> None:
    state, found = read(started(100), polled(1, 40000, 40000, 40001))
    assert isinstance(found[0], Doubt)
    assert (found[0].least, found[0].most, found[0].since, found[0].at) == (0, 2, T0, at(1))
    assert told(found[1:]) == [(1, NORMAL, CERTAIN, None, None)]
    assert (state.last, state.total, state.epoch) == (40001, 1, 1)


def test_jump_that_was_questioned_and_goes_back_is_a_restore() -> None:
    state, found = read(started(100), polled(1, 40000, 40000, 40000, 101, 101))
    assert told(found[1:]) == [(1, RESTORE, CERTAIN, 1, 2)]
    assert (state.last, state.total) == (101, 1)


# Restore.


def test_boot_bounce_that_was_read_once_is_nothing() -> None:
    state, found = read(started(15508), polled(1, 0, 15508))
    assert (found, state.total, state.epoch) == ([], 0, 0)


def test_boot_bounce_makes_no_pieces() -> None:
    state, found = read(started(15508, SLOW), polled(1, 0, 0, 0, 15508, 15508), SLOW)
    assert told(found) == [(0, RESET, CERTAIN, 0, 1), (0, RESTORE, CERTAIN, 0, 1)]
    assert (state.total, state.epoch) == (0, 2)


def test_boot_bounce_of_a_machine_that_stood_all_night_makes_no_pieces() -> None:
    state, _ = read(started(15508), [Reading(15508, at(36000))])
    readings = [Reading(raw, at(36001 + index)) for index, raw in enumerate((0, 0, 15508, 15508))]
    state, found = read(state, readings)
    assert [entry[:3] for entry in told(found)] == [(0, RESET, CERTAIN), (0, RESTORE, CERTAIN)]
    assert state.total == 0


def test_pieces_made_during_a_bounce_are_counted_once() -> None:
    readings = [*polled(1, 0, 0), *polled(6, 1), Reading(1, at(6.5)), *polled(7, 15508, 15508)]
    state, found = read(started(15508, SLOW), readings, SLOW)
    assert told(found)[1:] == [(1, NORMAL, CERTAIN, None, None), (0, RESTORE, CERTAIN, 0, 1)]
    assert state.total == 1


# Correction, saturation, impossible values, presets.


def test_small_step_back_that_stays_is_a_correction() -> None:
    state, found = read(started(500, SLOW), polled(1, 497, 497, 497), SLOW)
    assert told(found) == [(0, MANUAL, CERTAIN, 0, 1)]
    assert (state.last, state.total, state.epoch) == (497, 0, 0)


def test_saturated_counter_never_wraps_and_is_asked_about_once() -> None:
    settings = CounterSettings(limit=100, at_limit=AtLimit.SATURATE, max_rate=1.0)
    state, found = read(started(99, settings), polled(1, 100, 100, 100), settings)
    assert [outcome.cause for outcome in found if isinstance(outcome, Doubt)] == [QuestionCause.SATURATED]
    assert told(found) == [(1, NORMAL, CERTAIN, 1, 2)]
    _, found = read(state, polled(11, 0, 0), settings)
    assert told(found) == [(0, RESET, AMBIGUOUS, 0, 16)]  # what it did not show since it stands at its limit


def test_counter_that_begins_at_its_limit_is_asked_about() -> None:
    settings = CounterSettings(limit=100, at_limit=AtLimit.SATURATE, max_rate=1.0)
    _, (doubt,) = begin(Reading(raw=100, at=T0), settings)
    assert isinstance(doubt, Doubt)
    assert doubt.cause is QuestionCause.SATURATED


def test_value_that_the_counter_cannot_have_is_asked_about_once_and_never_counted() -> None:
    settings = CounterSettings(limit=999, max_rate=1.0)
    _, found = read(started(100, settings), polled(1, 5000, 5000, 5000, 5000, 103), settings)
    assert [outcome.cause for outcome in found if isinstance(outcome, Doubt)] == [QuestionCause.IMPOSSIBLE]
    assert told(found) == [(3, NORMAL, CERTAIN, None, None)]


def test_counter_that_was_set_to_a_value_with_evidence_goes_on_from_there() -> None:
    state, found = read(started(5000, SLOW), polled(1, 1000, 1000, 1000, evidence=SHOWN), SLOW)
    assert told(found) == [(0, RESET, CERTAIN, 0, 1)]
    assert state.last == 1000


def test_counter_without_max_rate_takes_a_fall_from_the_middle_as_a_reset() -> None:
    settings = CounterSettings(limit=65535)
    _, found = read(started(500, settings), polled(1, 2, 2), settings)
    assert told(found) == [(2, RESET, AMBIGUOUS, 2, 65038)]


def test_counter_that_counts_down_counts_up() -> None:
    settings = CounterSettings(limit=1000, max_rate=1.0, direction=CountDirection.DOWN)
    _, found = read(started(990, settings), polled(5, 987), settings)
    assert told(found) == [(3, NORMAL, CERTAIN, None, None)]


def test_decision_says_what_was_possible_and_why_the_rest_was_not() -> None:
    _, found = read(started(65534), polled(3, 1, 1))
    assert isinstance(found[0], Step)
    assert found[0].trail == {
        "last": 65534,
        "raw": 1,
        "elapsed_s": 3.0,
        "reach": 6,
        "evidence": "none",
        "watched": True,
        "possible": ["wrap:3", "reset:1"],
        "not_possible": {"manual": "65533 counts back are more than a correction of 20"},
        "chosen": "wrap",
        "rule": "it was within a few counts of its limit",
    }


# Saved state.


def test_state_that_an_older_version_saved_goes_on() -> None:
    saved = {
        "last": 500,
        "changed_at": "2026-01-05T06:59:00.000Z",
        "seen_at": "2026-01-05T07:00:00.000Z",
        "total": 42,
        "epoch": 3,
        "before": None,
        "doubted": 2,
        "readings": 1,
    }
    state, found = read(load_counter(saved), polled(1, 501))
    assert told(found) == [(1, NORMAL, CERTAIN, None, None)]
    assert (state.total, state.epoch) == (43, 3)


def test_state_with_a_step_that_waits_is_the_same_after_it_was_saved() -> None:
    state, _ = read(started(500), polled(1, 2))
    assert state.held is not None
    assert load_counter(save_counter(state)) == state
