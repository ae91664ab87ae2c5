"""Laws of working time: they hold for every calendar, zone and instant, across clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba_cloud.core.working_time import ALWAYS_WORKING, Calendar, Shift, add, sub, working_seconds

ZONES = ["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati"]
ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)

instants = st.integers(min_value=-60 * 86_400_000, max_value=340 * 86_400_000).map(
    lambda ms: ORIGIN + timedelta(milliseconds=ms)
)
amounts = st.integers(min_value=0, max_value=40 * 86_400)


@st.composite
def shifts(draw: st.DrawFn) -> Shift:
    start = draw(st.integers(0, 1439))
    end = start + draw(st.integers(1, 1440))
    points = sorted(draw(st.lists(st.integers(start, end), min_size=2, max_size=2, unique=True)))
    breaks = ((points[0], points[1]),) if draw(st.booleans()) and points != [start, end] else ()
    return Shift(start_min=start, end_min=end, breaks=breaks)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    if draw(st.integers(0, 9)) == 0:
        return ALWAYS_WORKING
    days = [draw(st.lists(shifts(), max_size=2)) for _ in range(7)]
    days[draw(st.integers(0, 6))].append(Shift.between("22:30", "03:15"))
    exceptions = draw(
        st.dictionaries(
            st.dates(date(2025, 12, 1), date(2026, 11, 30)), st.lists(shifts(), max_size=1).map(tuple), max_size=6
        )
    )
    return Calendar(zone=draw(st.sampled_from(ZONES)), weekly=tuple(tuple(day) for day in days), exceptions=exceptions)


@pytest.mark.law("working time")
@given(calendars(), instants, instants, instants)
@settings(max_examples=60, deadline=None)
def test_working_seconds_add_up_over_any_point_between(
    calendar: Calendar, a: datetime, b: datetime, c: datetime
) -> None:
    assert working_seconds(calendar, a, b) + working_seconds(calendar, b, c) == working_seconds(calendar, a, c)


@given(calendars(), instants, instants)
@settings(max_examples=60, deadline=None)
def test_working_seconds_are_signed_and_never_above_elapsed_time(calendar: Calendar, a: datetime, b: datetime) -> None:
    worked = working_seconds(calendar, a, b)
    assert worked == -working_seconds(calendar, b, a)
    assert 0 <= worked * (1 if a <= b else -1) <= abs((b - a).total_seconds()) + 1


@pytest.mark.law("working time")
@given(calendars(), instants, amounts)
@settings(max_examples=60, deadline=None)
def test_add_finds_the_earliest_instant_with_that_much_work_since(
    calendar: Calendar, a: datetime, seconds: int
) -> None:
    end = add(calendar, a, seconds)
    assert working_seconds(calendar, a, end) == seconds
    if seconds:
        assert working_seconds(calendar, a, end - timedelta(seconds=1)) == seconds - 1


@pytest.mark.law("working time")
@given(calendars(), instants, amounts)
@settings(max_examples=60, deadline=None)
def test_sub_finds_the_latest_instant_with_that_much_work_until(calendar: Calendar, b: datetime, seconds: int) -> None:
    begin = sub(calendar, b, seconds)
    assert working_seconds(calendar, begin, b) == seconds
    if seconds:
        assert working_seconds(calendar, begin + timedelta(seconds=1), b) == seconds - 1


@given(calendars(), instants, st.integers(-5 * 86_400, 5 * 86_400))
@settings(max_examples=40, deadline=None)
def test_negative_amounts_turn_add_and_sub_into_each_other(calendar: Calendar, a: datetime, seconds: int) -> None:
    assert add(calendar, a, seconds) == sub(calendar, a, -seconds)


@pytest.mark.law("working time")
@pytest.mark.trap("holidays and midnight shifts")
@given(calendars(), st.integers(-30, 300))
@settings(max_examples=40, deadline=None)
def test_a_day_is_the_sum_of_its_working_minutes_looked_up_one_by_one(calendar: Calendar, day: int) -> None:
    """Compare with the slow definition: a minute counts when its local clock time lies in a shift and in no break.

    Days with a clock change are left out here; they have cases of their own with written-out numbers.
    """
    zone = ZoneInfo(calendar.zone)
    start = (ORIGIN + timedelta(days=day)).astimezone(zone).replace(hour=12, minute=0)
    near = [start + timedelta(days=offset) for offset in (-3, -2, -1, 0, 1)]
    if len({at.utcoffset() for at in near}) > 1:
        return
    slow = sum(
        60 for minute in range(1440) if _works(calendar, (start + timedelta(minutes=minute)).replace(tzinfo=None))
    )
    assert working_seconds(calendar, start, start + timedelta(days=1)) == slow


def _works(calendar: Calendar, local: datetime) -> bool:
    for back in (0, 1):
        day = (local - timedelta(days=back)).date()
        minute = (local - datetime(day.year, day.month, day.day)).total_seconds() / 60  # noqa: DTZ001 (a local time)
        for shift in calendar.shifts_on(day):
            if shift.start_min <= minute < shift.end_min and not any(b <= minute < e for b, e in shift.breaks):
                return True
    return False
