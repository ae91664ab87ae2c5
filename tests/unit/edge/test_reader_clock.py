"""How the clock of a reader stands to ours, from what its reports say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from genba_edge.core.reader_clock import ReaderClock

T0 = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def clock_after(reports: Iterable[tuple[float, float]]) -> ReaderClock:
    """Reports as (arrival, newest read by the reader's clock)."""
    clock = ReaderClock(delay_s=1.0)
    for heard_s, newest_s in reports:
        clock.note(at(newest_s), at(heard_s))
    return clock


def correction(clock: ReaderClock, heard_s: float, newest_s: float, *, is_live: bool = True) -> tuple[float, bool]:
    found = clock.correction(at(newest_s), at(heard_s), is_live=is_live)
    return found.shift.total_seconds(), found.sure


def steady(since: int, *, behind_s: float, delays: tuple[float, ...] = (0.1, 0.6, 0.3)) -> list[tuple[float, float]]:
    """A report every second for 30 s."""
    return [(since + second, since + second - behind_s - delays[second % len(delays)]) for second in range(30)]


@pytest.mark.parametrize("behind_s", [-0.8, 0.0, 1.5])
def test_clock_that_is_right_within_the_delay_of_reports_is_left_alone(behind_s: float) -> None:
    assert correction(clock_after(steady(0, behind_s=behind_s)), 30, 30 - behind_s) == (0.0, True)


@pytest.mark.parametrize("behind_s", [-7200.0, -5.0, 8.0, 3600.0])
def test_clock_that_is_off_is_corrected_by_its_smallest_lag(behind_s: float) -> None:
    shift_s, sure = correction(clock_after(steady(0, behind_s=behind_s)), 30, 30 - behind_s)
    assert (round(shift_s, 3), sure) == (round(behind_s + 0.1, 3), True)


def test_one_report_of_a_clock_that_is_off_corrects_it_and_is_not_sure() -> None:
    assert correction(clock_after([(100, 40)]), 100, 40) == (60.0, False)


def test_one_report_of_a_clock_that_is_right_is_sure() -> None:
    assert correction(clock_after([(100, 99.5)]), 100, 99.5) == (0.0, True)


def test_late_reports_do_not_disturb_what_is_known() -> None:
    catching_up = [(40 + second / 10, 2 + second) for second in range(30)]
    clock = clock_after([*steady(0, behind_s=8.0), *catching_up])
    assert round(correction(clock, 43, 30)[0], 3) == 8.1


def test_reads_that_a_reader_held_back_keep_their_times() -> None:
    clock = clock_after(steady(100, behind_s=0.0))
    assert correction(clock, 90, 20, is_live=False) == (0.0, True)


def test_late_reads_of_a_live_reader_keep_their_times_and_are_not_sure() -> None:
    assert correction(clock_after(steady(0, behind_s=0.0)), 30, 10) == (0.0, False)


def test_clock_that_is_set_back_is_known_after_a_while_from_its_first_report_on() -> None:
    clock = clock_after([*steady(0, behind_s=0.0), *steady(30, behind_s=3600.0)])
    assert round(correction(clock, 30, -3570)[0], 3) == 3600.1
    assert correction(clock, 29, 29) == (0.0, True)


def test_clock_that_is_set_forward_is_known_at_once() -> None:
    clock = clock_after([*steady(0, behind_s=0.0), (31, 631)])
    assert correction(clock, 31, 631) == (-600.0, False)
    assert correction(clock, 29, 29) == (0.0, True)


def test_first_reports_that_were_late_are_not_taken_for_the_clock() -> None:
    """Three reports of an hour ago, then live ones: the three were held back."""
    clock = clock_after([(0, -3600), (0.1, -3400), (0.2, -3200), *steady(1, behind_s=0.0)])
    assert correction(clock, 0, -3600) == (0.0, False)


def test_what_is_known_survives_being_saved() -> None:
    clock = clock_after([*steady(0, behind_s=0.0), *steady(30, behind_s=3600.0)])
    again = ReaderClock(delay_s=1.0)
    again.load(clock.saved())
    assert again.settings == clock.settings
