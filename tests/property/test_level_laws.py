"""Levels are exact: every second of a grid around 10 % and 20 %, against the rule in exact fractions of the lead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from genba_cloud.core.deviation import Deviation, Level, deviation_of, level_of
from genba_cloud.core.working_time import Calendar, Shift, add

HOUR = 3600
TOLERANCE_S = 900


def rule(late: int, lead: int) -> str:
    """The rule as people say it: up to 15 minutes none, below 10 % yellow, to 20 % orange, above it red."""
    share = Fraction(late, lead)
    if late <= TOLERANCE_S:
        return "none"
    if share < Fraction(10, 100):
        return "yellow"
    return "orange" if share <= Fraction(20, 100) else "red"


def wrong(lates: range, leads: range) -> list[tuple[int, int]]:
    return [
        (late, lead)
        for lead in leads
        for late in lates
        if level_of(Deviation(late_s=late, lead_s=lead)) != rule(late, lead)
    ]


@pytest.mark.law("levels")
def test_every_second_late_has_its_level_on_leads_of_every_remainder() -> None:
    """Leads of a working day and of 25 more seconds: each remainder by 5, 10 and 20 at least once."""
    assert wrong(range(-100, 8 * HOUR // 4), range(8 * HOUR, 8 * HOUR + 25)) == []


@pytest.mark.law("levels")
def test_the_seconds_around_both_bounds_have_their_level_on_every_lead_of_one_to_three_days() -> None:
    differences = []
    for lead in range(8 * HOUR, 24 * HOUR + 1):
        for bound in (lead // 10, lead // 5):
            differences += wrong(range(bound - 1, bound + 3), range(lead, lead + 1))
    assert differences == []


@pytest.mark.law("levels")
def test_exactly_ten_and_twenty_percent_are_orange_on_every_lead_that_has_them() -> None:
    """What a share in floating point gets wrong: no second on either side of a bound has the level of the bound."""
    for lead in range(10 * 1000, 60 * HOUR, 10):
        levels = [level_of(Deviation(late_s=lead // 10 + by, lead_s=lead)) for by in (-1, 0, 1)]
        assert levels == [Level.YELLOW, Level.ORANGE, Level.ORANGE], lead
        levels = [level_of(Deviation(late_s=lead // 5 + by, lead_s=lead)) for by in (-1, 0, 1)]
        assert levels == [Level.ORANGE, Level.ORANGE, Level.RED], lead


@pytest.mark.law("levels")
def test_bounds_are_exact_in_working_time_over_breaks_nights_weekends_and_a_change_of_clocks() -> None:
    """Ten working days of 7 h: 10 % are 7 h and 20 % are 14 h of work, to the second, whatever lies between."""
    day = (Shift.between("08:00", "16:00", breaks=[("12:00", "13:00")]),)
    calendar = Calendar(zone="Europe/Berlin", weekly=(day,) * 5 + ((), ()))
    start = datetime(2026, 3, 16, 7, 0, tzinfo=UTC)
    finish = datetime(2026, 3, 27, 15, 0, tzinfo=UTC)  # a Friday, 16:00; the clocks change on Sunday

    def level(worked: int) -> str:
        expected = add(calendar, finish, worked)
        return str(level_of(deviation_of(start=start, finish=finish, expected=expected, calendar=calendar)))

    found = [level(bound * HOUR + by) for bound in (7, 14) for by in (-1, 0, 1)]
    assert found == ["yellow", "orange", "orange", "orange", "orange", "red"]
    late = deviation_of(start=start, finish=finish, expected=add(calendar, finish, 7 * HOUR), calendar=calendar)
    assert late == Deviation(late_s=7 * HOUR, lead_s=70 * HOUR)
    assert add(calendar, finish, 7 * HOUR + 1) - finish > timedelta(days=3)
