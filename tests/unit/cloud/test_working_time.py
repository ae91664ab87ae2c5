"""Working time with written-out numbers: shifts, breaks, holidays, clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from genba_cloud.core.working_time import (
    ALWAYS_WORKING,
    Calendar,
    Shift,
    add,
    sub,
    working_day_seconds,
    working_seconds,
)

EARLY = Shift.between("06:00", "14:00", breaks=[("09:00", "09:30")])
NIGHT = Shift.between("22:00", "06:00")
OFFICE = Calendar(zone="Europe/Berlin", weekly=((EARLY,),) * 5 + ((), ()))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_without_a_calendar_every_second_is_working_time() -> None:
    assert working_seconds(ALWAYS_WORKING, at("2026-01-03T00:00Z"), at("2026-01-05T00:00:01Z")) == 172_801
    assert add(ALWAYS_WORKING, at("2026-01-03T00:00:00.900Z"), 60) == at("2026-01-03T00:01Z")


def test_a_break_and_the_night_are_no_working_time() -> None:
    # Monday 08:00 to Tuesday 07:00 in Berlin: 6 h less 30 minutes of break, then 1 h
    assert working_seconds(OFFICE, at("2026-01-05T08:00+01:00"), at("2026-01-06T07:00+01:00")) == 23_400


def test_the_weekend_is_skipped_by_add_and_sub() -> None:
    friday, monday = at("2026-01-09T13:30+01:00"), at("2026-01-12T06:30+01:00")
    assert add(OFFICE, friday, 3600) == monday
    assert sub(OFFICE, monday, 3600) == friday


def test_add_stops_at_the_end_of_the_shift_and_sub_at_its_start() -> None:
    assert add(OFFICE, at("2026-01-09T13:30+01:00"), 1800) == at("2026-01-09T14:00+01:00")
    assert sub(OFFICE, at("2026-01-12T06:30+01:00"), 1800) == at("2026-01-12T06:00+01:00")


def test_nothing_added_outside_a_shift_stays_where_it_is() -> None:
    assert add(OFFICE, at("2026-01-10T12:00Z"), 0) == at("2026-01-10T12:00Z")


def test_a_holiday_has_no_work_and_an_extra_day_has() -> None:
    calendar = Calendar(
        zone="Europe/Berlin",
        weekly=OFFICE.weekly,
        exceptions={date(2026, 1, 6): (), date(2026, 1, 10): (Shift.between("06:00", "10:00"),)},
    )
    assert working_seconds(calendar, at("2026-01-06T00:00+01:00"), at("2026-01-07T00:00+01:00")) == 0
    assert working_seconds(calendar, at("2026-01-10T00:00+01:00"), at("2026-01-11T00:00+01:00")) == 14_400


def test_shifts_that_overlap_count_once() -> None:
    calendar = Calendar(weekly=((Shift.between("06:00", "14:00"), Shift.between("13:00", "16:00")),) * 7)
    assert working_seconds(calendar, at("2026-01-05T00:00Z"), at("2026-01-06T00:00Z")) == 36_000


@pytest.mark.trap("holidays and midnight shifts")
@pytest.mark.parametrize(
    ("evening", "hours"),
    [("2026-03-27", 8), ("2026-03-28", 7), ("2026-10-24", 9), ("2026-10-25", 8)],
    ids=["ordinary night", "clocks go forward", "clocks go back", "night after"],
)
def test_a_night_shift_has_its_elapsed_hours_when_the_clocks_change(evening: str, hours: int) -> None:
    calendar = Calendar(zone="Europe/Berlin", weekly=((NIGHT,),) * 7)
    noon = datetime.fromisoformat(f"{evening}T11:00").replace(tzinfo=UTC)
    assert working_seconds(calendar, noon, noon.replace(day=noon.day + 1)) == hours * 3600


def test_a_boundary_that_the_clocks_jump_over_is_the_jump() -> None:
    # Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC
    calendar = Calendar(zone="Europe/Berlin", weekly=((Shift.between("02:15", "03:10"),),) * 7)
    assert working_seconds(calendar, at("2026-03-29T00:00Z"), at("2026-03-29T12:00Z")) == 600
    assert add(calendar, at("2026-03-29T00:00Z"), 1) == at("2026-03-29T01:00:01Z")


def test_a_boundary_that_happens_twice_is_the_first_one_for_both_neighbours() -> None:
    # Berlin, 25 October 2026: 02:30 happens at 00:30 and at 01:30 UTC
    first, second = Shift.between("22:00", "02:30"), Shift.between("02:30", "06:00")
    day, night = at("2026-10-24T12:00Z"), at("2026-10-25T12:00Z")
    late = Calendar(zone="Europe/Berlin", weekly=((first,),) * 7)
    both = Calendar(zone="Europe/Berlin", weekly=((first, second),) * 7)
    assert working_seconds(late, day, night) == 4 * 3600 + 1800
    assert working_seconds(both, day, night) == 9 * 3600


def test_the_working_day_is_the_commonest_of_the_four_weeks_before() -> None:
    short_friday = Calendar(zone="Europe/Berlin", weekly=((EARLY,),) * 4 + ((Shift.between("06:00", "11:00"),), (), ()))
    assert working_day_seconds(short_friday, at("2026-03-02T08:00+01:00")) == 27_000


def test_of_equally_common_working_days_the_longest_is_taken() -> None:
    calendar = Calendar(weekly=((EARLY,), (Shift.between("06:00", "18:00"),), (), (), (), (), ()))
    assert working_day_seconds(calendar, at("2026-03-02T08:00Z")) == 43_200


def test_a_working_day_without_calendar_or_work_is_eight_hours() -> None:
    holidays = {date(2026, 2, day): () for day in range(1, 29)}
    closed = Calendar(weekly=OFFICE.weekly, exceptions=holidays)
    assert working_day_seconds(ALWAYS_WORKING, at("2026-03-02T08:00Z")) == 28_800
    assert working_day_seconds(closed, at("2026-03-01T08:00Z")) == 28_800


def test_a_calendar_that_never_works_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one weekly shift"):
        Calendar(weekly=((),) * 7)


@pytest.mark.parametrize("text", ["7", "24:30", "12:60", "ab:cd"])
def test_a_clock_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a clock time"):
        Shift.between(text, "12:00")


def test_a_break_outside_its_shift_is_refused() -> None:
    with pytest.raises(ValueError, match="not inside the shift"):
        Shift(start_min=360, end_min=840, breaks=((800, 900),))


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        Calendar(zone="Mars/Olympus", weekly=OFFICE.weekly)


def test_an_instant_beyond_the_calendar_of_the_machine_is_an_overflow() -> None:
    with pytest.raises(OverflowError):
        add(OFFICE, at("9999-12-30T00:00Z"), 10**7)
