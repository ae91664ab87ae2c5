"""Deviation, levels and episodes; the expected values are written out from the rules, not computed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from genba_cloud.core.deviation import (
    Closed,
    Decision,
    Deviation,
    Episode,
    Level,
    LevelChanged,
    Opened,
    decide,
    deviation_of,
    finish,
    level_of,
)
from genba_cloud.core.working_time import ALWAYS_WORKING, Calendar, Shift

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
LEAD = 100_000


@pytest.mark.parametrize(
    ("late", "level"),
    [
        (-50_000, "none"),
        (0, "none"),
        (900, "none"),
        (901, "yellow"),
        (9_999, "yellow"),
        (10_000, "orange"),
        (10_001, "orange"),
        (20_000, "orange"),
        (20_001, "red"),
        (500_000, "red"),
    ],
)
def test_level_at_its_bounds(late: int, level: str) -> None:
    assert level_of(Deviation(late_s=late, lead_s=LEAD)) == level


@pytest.mark.parametrize("lead", [3, 7, 28_801, 333_333, 1_000_003])
def test_exactly_ten_and_twenty_percent_are_orange_on_leads_that_no_float_divides(lead: int) -> None:
    assert level_of(Deviation(late_s=lead, lead_s=10 * lead), tolerance_s=0) is Level.ORANGE
    assert level_of(Deviation(late_s=lead - 1, lead_s=10 * lead), tolerance_s=0) is Level.YELLOW
    assert level_of(Deviation(late_s=lead, lead_s=5 * lead), tolerance_s=0) is Level.ORANGE
    assert level_of(Deviation(late_s=lead + 1, lead_s=5 * lead), tolerance_s=0) is Level.RED


def test_level_never_falls_when_lateness_grows() -> None:
    ranks = [level_of(Deviation(late_s=late, lead_s=20_000)).rank for late in range(-100, 6_000)]
    assert ranks == sorted(ranks)
    assert set(ranks) == {0, 1, 2, 3}


def test_on_a_short_lead_the_tolerance_comes_first() -> None:
    assert level_of(Deviation(late_s=900, lead_s=4_000)) is Level.NONE
    assert level_of(Deviation(late_s=901, lead_s=4_000)) is Level.RED


@pytest.mark.parametrize(
    ("late", "percent"),
    [
        (12_399, "12.3"),
        (0, "0.0"),
        (-99, "0.0"),
        (-100, "-0.1"),
        (-4_050, "-4.0"),
        (20_001, "20.0"),
        (250_000, "250.0"),
    ],
)
def test_percent_is_cut_off_after_one_decimal(late: int, percent: str) -> None:
    assert Deviation(late_s=late, lead_s=LEAD).percent == percent


def test_lead_is_at_least_one_working_day() -> None:
    rush = deviation_of(
        start=START,
        finish=START + timedelta(hours=2),
        expected=START + timedelta(hours=3),
        calendar=ALWAYS_WORKING,
    )
    assert (rush.late_s, rush.lead_s) == (3_600, 28_800)


def test_lateness_and_lead_are_working_time() -> None:
    week = Calendar(weekly=((Shift.between("06:00", "14:00"),),) * 5 + ((), ()))
    friday_to_monday = deviation_of(
        start=START,  # Monday 06:00
        finish=START + timedelta(days=4, hours=8),  # Friday 14:00
        expected=START + timedelta(days=7, hours=1),  # Monday 07:00
        calendar=week,
    )
    assert (friday_to_monday.late_s, friday_to_monday.lead_s) == (3_600, 5 * 28_800)


def test_an_episode_opens_rises_at_once_falls_after_a_calm_half_hour_and_closes() -> None:
    schedule = [  # minute, late seconds on a lead of 100 000, decision
        (0, 800, None),
        (1, 5_000, "opened yellow"),
        (2, 5_000, None),
        (3, 15_000, "changed orange"),
        (4, 25_000, "changed red"),
        (5, 19_500, None),  # below 20 %, but not by a whole point: not calm
        (60, 19_500, None),
        (61, 19_000, None),  # calm from here
        (90, 19_000, None),
        (91, 19_000, "changed orange"),
        (92, 9_001, None),
        (130, 9_000, None),  # calm from here
        (150, 9_500, None),  # interrupted
        (151, 9_000, None),  # calm again
        (180, 9_000, None),
        (181, 9_000, "changed yellow"),
        (182, 901, None),
        (230, 900, None),
        (260, 900, "closed caught up"),
        (261, 0, None),
    ]
    assert replay(schedule) == [wanted for _, _, wanted in schedule]


def test_levels_that_were_calm_long_enough_fall_together() -> None:
    schedule = [(0, 30_000, "opened red"), (1, 0, None), (30, 0, None), (31, 0, "closed caught up")]
    assert replay(schedule) == [wanted for _, _, wanted in schedule]


def test_a_fall_stops_at_the_level_that_was_not_calm_long_enough() -> None:
    schedule = [(0, 30_000, "opened red"), (1, 15_000, None), (25, 1_000, None), (31, 1_000, "changed orange")]
    assert replay(schedule) == [wanted for _, _, wanted in schedule]


def test_the_calm_time_is_working_time() -> None:
    day_shift = Calendar(weekly=((Shift.between("06:00", "14:00"),),) * 7)
    evening = START + timedelta(hours=7, minutes=50)
    red, _ = decide(Episode(), Deviation(late_s=30_000, lead_s=LEAD), evening, calendar=day_shift)
    calm, _ = decide(red, Deviation(late_s=0, lead_s=LEAD), evening, calendar=day_shift)
    at_night, none = decide(calm, Deviation(late_s=0, lead_s=LEAD), evening + timedelta(hours=9), calendar=day_shift)
    _, closed = decide(
        at_night, Deviation(late_s=0, lead_s=LEAD), START + timedelta(days=1, minutes=20), calendar=day_shift
    )
    assert none == ()
    assert closed == (Closed(reason="caught up"),)


def test_after_a_restart_a_level_falls_later_and_never_earlier() -> None:
    remembered = Episode(level=Level.RED)
    later = START + timedelta(days=9)
    episode, decisions = decide(remembered, Deviation(late_s=0, lead_s=LEAD), later, calendar=ALWAYS_WORKING)
    assert decisions == ()
    assert episode.level is Level.RED


def test_a_finished_order_ends_its_episode_once() -> None:
    episode, decisions = finish(Episode(level=Level.ORANGE))
    assert decisions == (Closed(reason="finished"),)
    assert finish(episode) == (Episode(), ())


def replay(schedule: list[tuple[int, int, str | None]]) -> list[str | None]:
    episode, seen = Episode(), []
    for minute, late, _ in schedule:
        episode, decisions = decide(
            episode,
            Deviation(late_s=late, lead_s=LEAD),
            START + timedelta(minutes=minute),
            calendar=ALWAYS_WORKING,
        )
        seen.append(" ".join(word(decision) for decision in decisions) or None)
    return seen


def word(decision: Decision) -> str:
    match decision:
        case Opened(level=level):
            return f"opened {level}"
        case LevelChanged(level=level):
            return f"changed {level}"
        case Closed(reason=reason):
            return f"closed {reason}"
