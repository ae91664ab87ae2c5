"""Working calendars of sites as people write them: shifts, breaks, holidays, make-up days, overtime, time zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from genba_cloud.core.master.forms import DATE, LABEL, built, date_of, listed, parsed
from genba_cloud.core.working_time import Calendar, Shift
from genba_shared.device_map.kinds import NAME as CODE
from genba_shared.device_map.kinds import choice, one_or_more
from genba_shared.device_map.spec import Key, ObjectSpec, Values, keys

LONGEST_PERIOD_DAYS: Final = 366


class Weekday(StrEnum):
    """Days of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"

    @property
    def number(self) -> int:
        """0 for Monday to 6."""
        return list(Weekday).index(self)


Hours = tuple[str, str]
"""Clock times of begin and end: an end that is not after the begin is on the next day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyShift:
    """A shift that begins on some days of every week."""

    days: tuple[Weekday, ...]
    work: Hours
    breaks: tuple[Hours, ...] = ()

    def shift(self) -> Shift:
        """As working time is reckoned."""
        return _shift(self.work, self.breaks)


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeUpDay:
    """A date on which one works like on another day of the week, although it is a day off (in China: 调休)."""

    date: date
    like: Weekday


@dataclass(frozen=True, slots=True, kw_only=True)
class Overtime:
    """A shift beside those of its date."""

    date: date
    work: Hours
    breaks: tuple[Hours, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingCalendar:
    """When a site works, as it is written."""

    calendar: str
    zone: str
    shifts: tuple[WeeklyShift, ...]
    holidays: tuple[tuple[date, date], ...] = ()
    make_up: tuple[MakeUpDay, ...] = ()
    overtime: tuple[Overtime, ...] = ()
    label: Mapping[str, str] = field(default_factory=dict)

    def working_time(self) -> Calendar:
        """The calendar that working time is reckoned by."""
        weekly = tuple(tuple(one.shift() for one in self.shifts if day in one.days) for day in Weekday)
        exceptions: dict[date, tuple[Shift, ...]] = {}
        for first, last in self.holidays:
            exceptions.update({first + timedelta(days=number): () for number in range((last - first).days + 1)})
        for day in self.make_up:
            exceptions[day.date] = weekly[day.like.number]
        for more in self.overtime:
            usual = exceptions.get(more.date, weekly[more.date.weekday()])
            exceptions[more.date] = (*usual, _shift(more.work, more.breaks))
        return Calendar(zone=self.zone, weekly=weekly, exceptions=exceptions)


def _shift(work: Hours, breaks: tuple[Hours, ...]) -> Shift:
    return Shift.between(*work, breaks=breaks)


def hours_of(written: str) -> Hours:
    """Clock times from ``08:00-17:30``.

    Raises:
        ValueError: not of this form.
    """
    begin, dash, end = (part.strip() for part in written.partition("-"))
    if not dash:
        raise ValueError(f"'{written}' is not a time from and to")
    Shift.between(begin, end)  # says what is wrong with a clock time
    return begin, end


def days_of(written: str) -> tuple[Weekday, ...]:
    """Days of the week from ``mon-fri`` or ``mon,wed,fri``.

    Raises:
        ValueError: not of this form.
    """
    found: set[Weekday] = set()
    for part in written.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        try:
            begin, end = Weekday(first).number, Weekday(last if dash else first).number
        except ValueError:
            raise ValueError(f"'{part}' is not a day of the week") from None
        week = list(Weekday)
        found.update(week[begin : end + 1] if begin <= end else week[begin:] + week[: end + 1])
    return tuple(day for day in Weekday if day in found)


def period_of(written: str) -> tuple[date, date]:
    """The first and the last date of ``2026-10-01..2026-10-07``, or a single date.

    Raises:
        ValueError: not of this form, or longer than a year.
    """
    first, dots, last = written.partition("..")
    begin = date_of(first.strip())
    end = date_of(last.strip()) if dots else begin
    if not begin <= end <= begin + timedelta(days=LONGEST_PERIOD_DAYS):
        raise ValueError(f"'{written}' is not a period of up to a year")
    return begin, end


def _zone_of(written: str) -> str:
    try:
        ZoneInfo(written)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"'{written:.60}' is not a time zone of the IANA list") from None
    return written


def weekly_shift_of(values: Values) -> WeeklyShift:
    """The shift, with its breaks inside of it."""
    made: WeeklyShift = values.build(WeeklyShift)
    _check_hours(values, made.work, made.breaks)
    return values.build(WeeklyShift)


def overtime_of(values: Values) -> Overtime:
    """The same of one date."""
    made: Overtime = values.build(Overtime)
    _check_hours(values, made.work, made.breaks)
    return values.build(Overtime)


def _check_hours(values: Values, work: Hours, breaks: tuple[Hours, ...]) -> None:
    try:
        shift = _shift(work, breaks)
    except ValueError:
        values.error("breaks", f"a break lies outside of the shift {'-'.join(work)}.", "Write it like 12:00-13:00.")
        return
    if not shift.working_minutes():
        values.error("breaks", "the breaks take the whole shift.", "Shorten them.")


def calendar_of(values: Values) -> WorkingCalendar:
    """The calendar; no date says two things."""
    made: WorkingCalendar = values.build(WorkingCalendar)
    free = {day for first, last in made.holidays for day in _dates(first, last)}
    seen: set[date] = set()
    for day in made.make_up:
        if day.date in free or day.date in seen:
            values.error(
                "make_up",
                f"{day.date} stands there twice, or is a holiday as well: a date says one thing.",
                "Take the date out of one of the two; hours beside a holiday are `overtime`.",
            )
        seen.add(day.date)
    return values.build(WorkingCalendar)


def _dates(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


_WORK: Final = parsed(hours_of, allowed="a time from and to", example="08:00-17:30")
_HOURS: Final = (
    Key(name="work", kind=_WORK, meaning="from when to when", example="work: 08:00-17:30", required=True),
    Key(
        name="breaks",
        kind=one_or_more(_WORK, "breaks"),
        meaning="when nobody works in between",
        example="breaks: [12:00-13:00]",
    ),
)
_SHIFT: Final = ObjectSpec(
    name="a shift",
    model=WeeklyShift,
    keys=keys(
        Key(
            name="days",
            kind=parsed(days_of, allowed="days of the week", example="mon-fri"),
            meaning="on which days it begins",
            example="days: mon-fri",
            required=True,
        ),
        *_HOURS,
    ),
)
_MAKE_UP: Final = ObjectSpec(
    name="a make-up day",
    model=MakeUpDay,
    keys=keys(
        Key(name="date", kind=DATE, meaning="the date", example="date: 2026-09-27", required=True),
        Key(
            name="like",
            kind=choice(Weekday),
            meaning="the day of the week like which one works",
            example="like: thu",
            required=True,
        ),
    ),
)
_OVERTIME: Final = ObjectSpec(
    name="overtime",
    model=Overtime,
    keys=keys(Key(name="date", kind=DATE, meaning="the date", example="date: 2026-11-07", required=True), *_HOURS),
)
CALENDAR: Final = ObjectSpec(
    name="a calendar",
    model=WorkingCalendar,
    keys=keys(
        Key(name="calendar", kind=CODE, meaning="its id", example="calendar: suzhou", required=True),
        Key(
            name="zone",
            kind=parsed(_zone_of, allowed="a time zone", example="Asia/Shanghai"),
            meaning="the time zone of its clock times",
            example="zone: Asia/Shanghai",
            required=True,
        ),
        Key(
            name="shifts",
            kind=listed(built(_SHIFT, weekly_shift_of), what="shifts", least=1),
            meaning="the shifts of a usual week",
            example="shifts: [{days: mon-fri, work: 08:00-17:30}]",
            required=True,
        ),
        Key(
            name="holidays",
            kind=listed(parsed(period_of, allowed="a date, or two", example="2026-10-01..2026-10-07"), what="dates"),
            meaning="dates without shifts",
            example="holidays: [2026-10-01..2026-10-07]",
        ),
        Key(
            name="make_up",
            kind=listed(built(_MAKE_UP, lambda values: values.build(MakeUpDay)), what="make-up days"),
            meaning="dates on which one works like on another day of the week",
            example="make_up: [{date: 2026-09-27, like: thu}]",
        ),
        Key(
            name="overtime",
            kind=listed(built(_OVERTIME, overtime_of), what="shifts"),
            meaning="shifts beside those of a date",
            example="overtime: [{date: 2026-11-07, work: 08:00-12:00}]",
        ),
        Key(name="label", kind=LABEL, meaning="what people call it", example='label: {en: "Suzhou"}'),
    ),
)
