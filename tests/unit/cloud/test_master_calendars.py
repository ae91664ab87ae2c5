"""Working calendars as people write them: what they mean in working time, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from genba_cloud.core.assess import DEFAULT_POLICY
from genba_cloud.core.deviation import Level, LevelPolicy
from genba_cloud.core.master.calendars import Weekday, WorkingCalendar, days_of
from genba_cloud.core.master.kinds import read_file
from genba_cloud.core.master.places import Site
from genba_cloud.core.master.policies import NamedPolicy
from genba_cloud.core.master.references import policy_from
from genba_cloud.core.policy import Answering, SitePolicy
from genba_cloud.core.working_time import Calendar, working_seconds
from genba_shared.errors import ConfigError

SUZHOU = """\
calendar: suzhou
zone: Asia/Shanghai
shifts:
  - {days: mon-fri, work: 08:00-17:30, breaks: [12:00-13:00, 15:00-15:30]}
holidays: [2026-10-01..2026-10-07]
make_up: [{date: 2026-09-27, like: thu}]
overtime: [{date: 2026-10-03, work: 09:00-12:00}, {date: 2026-10-09, work: 18:00-20:00}]
"""


def calendar(text: str) -> Calendar:
    (document,) = read_file(text, file="calendar.yaml")
    found: WorkingCalendar = document.model
    return found.working_time()


def hours(of: Calendar, day: str) -> float:
    """Working hours of a date in Shanghai."""
    begin = datetime.fromisoformat(f"{day}T00:00:00+08:00")
    return working_seconds(of, begin, datetime.fromisoformat(f"{day}T23:59:59+08:00")) / 3600


@pytest.mark.trap("holidays and midnight shifts")
@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-09-25", 8.0),  # a Friday
        ("2026-09-26", 0.0),  # a Saturday
        ("2026-09-27", 8.0),  # a Sunday that makes up for the Thursday of the holiday
        ("2026-10-01", 0.0),  # the holiday
        ("2026-10-03", 3.0),  # overtime in it
        ("2026-10-08", 8.0),
        ("2026-10-09", 10.0),  # a Friday with overtime
    ],
)
def test_shifts_breaks_holidays_make_up_days_and_overtime_mean_working_hours(day: str, expected: float) -> None:
    assert hours(calendar(SUZHOU), day) == expected


def test_a_night_shift_is_an_hour_shorter_when_the_clocks_go_forward() -> None:
    found = calendar("calendar: b\nzone: Europe/Berlin\nshifts: [{days: sat, work: 22:00-06:00}]\n")
    usual = working_seconds(found, datetime(2026, 3, 21, tzinfo=UTC), datetime(2026, 3, 22, 12, tzinfo=UTC))
    short = working_seconds(found, datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 29, 12, tzinfo=UTC))
    assert (usual, short) == (8 * 3600, 7 * 3600)


def test_days_are_written_as_ranges_and_lists() -> None:
    assert days_of("mon-wed") == (Weekday.MON, Weekday.TUE, Weekday.WED)
    assert days_of("sat, mon") == (Weekday.MON, Weekday.SAT)
    assert days_of("fri-mon") == (Weekday.MON, Weekday.FRI, Weekday.SAT, Weekday.SUN)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Asia/Shanghai", "China", "'China' is not a time zone of the IANA list"),
        ("mon-fri", "workdays", "'workdays' is not a day of the week"),
        ("08:00-17:30", "8 to 5", "not a time from and to"),
        ("08:00-17:30", "08:00-25:00", "is not a clock time"),
        ("15:00-15:30", "18:00-19:00", "a break lies outside of the shift 08:00-17:30"),
        ("12:00-13:00, 15:00-15:30", "08:00-17:30", "the breaks take the whole shift"),
        ("2026-10-01..2026-10-07", "2026-10-07..2026-10-01", "is not a period"),
        ("2026-10-01..2026-10-07", "2026-02-30", "'2026-02-30' is not a date"),
        ("date: 2026-09-27", "date: 2026-10-02", "2026-10-02 stands there twice, or is a holiday as well"),
        ("like: thu", "like: thursday", "'thursday' is not one of mon, tue, wed"),
        ("holidays:", "holydays:", "Did you mean 'holidays'?"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(old: str, new: str, said: str) -> None:
    assert old in SUZHOU
    with pytest.raises(ConfigError) as raised:
        calendar(SUZHOU.replace(old, new))
    assert said in str(raised.value)
    assert all(problem.line > 0 for problem in raised.value.problems)


POLICY = """\
policy: strict
levels: {tolerance_s: 600}
service: {update_within_s: 3600}
alerts: {wip: {sewing: 200}, waiting_work_s: 36000}
answering: {red: {told: [owner], within_s: 900, then: [management]}}
"""


def policy(text: str) -> NamedPolicy:
    (document,) = read_file(text, file="policy.yaml")
    found: NamedPolicy = document.model
    return found


def test_what_a_policy_leaves_out_is_the_default_of_the_product() -> None:
    values, usual = policy(POLICY).values, SitePolicy()
    assert (values.levels.tolerance_s, values.levels.calm_s) == (600, 1800)
    assert (values.service.update_within_s, values.service.reason_within_s) == (3600, 1800)
    assert (values.alerts.wip, values.alerts.waiting_work_s) == ({"sewing": 200}, 36_000)
    assert values.answering[Level.RED] == Answering(told=("owner",), within_s=900, then=("management",))
    assert values.answering[Level.ORANGE] == usual.answering[Level.ORANGE]
    assert policy("policy: empty\n").values == usual


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("policy: p\npromise: {notice_percent: 50}\n", "Write withdraw_percent below notice_percent."),
        ("policy: p\nalerts: {waiting_work_s: 100}\n", "Write waiting_work_calm_s below waiting_work_s."),
        ("policy: p\nlevels: {tolerance_s: 5min}\n", "is not a whole number"),
        ("policy: p\nlevels: {tolerance: 5}\n", "Did you mean 'tolerance_s'?"),
        ("policy: p\nanswering: {purple: {told: [a], within_s: 60}}\n", "which takes yellow, orange, red"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        policy(text)
    assert said in str(raised.value)


def test_a_site_has_the_calendar_and_policy_that_it_names_and_others_have_the_default_ones() -> None:
    (named,) = read_file(SUZHOU, file="c.yaml")
    usual = "calendar: default\nzone: UTC\nshifts: [{days: mon, work: 08:00-09:00}]\n"
    (other,) = read_file(usual, file="d.yaml")
    found = policy_from(
        DEFAULT_POLICY,
        sites=[Site(site="a", calendar="suzhou", policy="strict"), Site(site="b")],
        calendars={"suzhou": named.model, "default": other.model},
        policies={"strict": policy(POLICY), "default": policy("policy: default\nlevels: {tolerance_s: 60}\n")},
    )
    assert found.calendar_of("a").zone == "Asia/Shanghai"
    assert found.calendar_of("b") == found.calendar_of("unknown") == calendar(usual)
    assert [found.of_site(site).levels for site in ("a", "b", "unknown")] == [
        LevelPolicy(tolerance_s=600), LevelPolicy(tolerance_s=60), LevelPolicy(tolerance_s=60),
    ]  # fmt: skip
