"""Working time: how much of the time between two instants a factory works.

A calendar says when a site works: weekly shifts in local time, breaks, holidays and extra days. Shifts are local,
seconds are elapsed: a night shift of 22:00 to 06:00 has seven hours in the night the clocks go forward and nine in
the night they go back. Instants are read at whole seconds (the part below a second is cut off), so that every answer
is an integer and the laws hold exactly:

    W(a, b) + W(b, c) = W(a, c)        W(a, add(a, d)) = d        W(sub(b, d), b) = d
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY_S: Final = 86_400
NO_CALENDAR_DAY_S: Final = 8 * 3600
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DATE: Final = date(1970, 1, 1)
_CACHED_WINDOWS: Final = 4000

_Interval = tuple[int, int]  # begin, end in seconds since 1970 UTC, end excluded


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One shift in local time, without its breaks.

    `start_min` and `end_min` are minutes after local midnight of the day on which the shift begins; a shift over
    midnight ends above 1440 (22:00 to 06:00 is 1320..1800). `breaks` are such pairs too, inside the shift.
    """

    start_min: int
    end_min: int
    breaks: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.start_min < self.end_min <= self.start_min + 1440 or self.start_min >= 1440:
            raise ValueError(
                f"a shift starts at 0..1439 and ends at most 24 h later, not {self.start_min}..{self.end_min}"
            )
        for begin, end in self.breaks:
            if not self.start_min <= begin < end <= self.end_min:
                raise ValueError(f"the break {begin}..{end} is not inside the shift {self.start_min}..{self.end_min}")

    @classmethod
    def between(cls, start: str, end: str, *, breaks: Iterable[tuple[str, str]] = ()) -> Shift:
        """A shift from clock times: ``Shift.between("22:00", "06:00", breaks=[("02:00", "02:30")])``.

        An end (or a break) that is not after the start is on the next day; ``24:00`` is allowed.
        """
        begin = _minutes(start)

        def after(text: str) -> int:
            minutes = _minutes(text)
            return minutes if minutes >= begin else minutes + 1440

        finish = after(end) if _minutes(end) != begin else begin + 1440
        pauses = tuple((after(first), after(last)) for first, last in breaks)
        return cls(start_min=begin, end_min=finish, breaks=pauses)

    def working_minutes(self) -> list[tuple[int, int]]:
        """The shift without its breaks, as minute pairs in ascending order."""
        parts: list[tuple[int, int]] = []
        begin = self.start_min
        for pause_begin, pause_end in sorted(self.breaks):
            if pause_begin > begin:
                parts.append((begin, pause_begin))
            begin = max(begin, pause_end)
        if begin < self.end_min:
            parts.append((begin, self.end_min))
        return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When a site works.

    `weekly` has seven entries, Monday first, each the shifts that begin on that weekday. `exceptions` replace the
    shifts of one local date: an empty tuple is a holiday, any shifts make an extra or a different day. `zone` is an
    IANA time zone. Shifts that overlap count once.
    """

    zone: str = "UTC"
    weekly: tuple[tuple[Shift, ...], ...]
    exceptions: Mapping[date, tuple[Shift, ...]] = field(default_factory=dict)
    _windows: dict[int, tuple[_Interval, ...]] = field(default_factory=dict, repr=False, compare=False, init=False)
    _usual_days: dict[date, int] = field(default_factory=dict, repr=False, compare=False, init=False)

    def __post_init__(self) -> None:
        if len(self.weekly) != 7:
            raise ValueError(f"a week has 7 days, not {len(self.weekly)}")
        if not any(shift.working_minutes() for shifts in self.weekly for shift in shifts):
            raise ValueError("a calendar needs at least one weekly shift with working time")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as exc:
            raise ValueError(
                f"{self.zone!r} is not a time zone: write Asia/Shanghai, Asia/Tokyo, Europe/Berlin"
            ) from exc

    def shifts_on(self, day: date) -> tuple[Shift, ...]:
        """The shifts that begin on a local date."""
        return self.exceptions.get(day, self.weekly[day.weekday()])


ALWAYS_WORKING: Final = Calendar(weekly=((Shift(start_min=0, end_min=1440),),) * 7)
"""The calendar of a site that has none: every second is working time."""


def working_seconds(calendar: Calendar, a: datetime, b: datetime) -> int:
    """W(a, b): working seconds from `a` to `b`, negative when `b` is before `a`."""
    first, last = _second(a), _second(b)
    if calendar is ALWAYS_WORKING:
        return last - first
    if first > last:
        return -_between(calendar, last, first)
    return _between(calendar, first, last)


def add(calendar: Calendar, a: datetime, seconds: int) -> datetime:
    """The earliest instant at or after `a` (cut to a second) with `seconds` working seconds between.

    A negative amount goes back: `add(a, -d)` is `sub(a, d)`.

    Raises:
        OverflowError: the answer is after the year 9999.
    """
    if seconds < 0:
        return sub(calendar, a, -seconds)
    at, left = _second(a), seconds
    if calendar is ALWAYS_WORKING:
        return _instant(at + seconds)
    while left > 0:
        day = at // DAY_S
        for begin, end in _window(calendar, day):
            begin = max(begin, at)
            if begin < end:
                if end - begin >= left:
                    return _instant(begin + left)
                left -= end - begin
        at = (day + 1) * DAY_S
        _check_year(at)
    return _instant(at)


def sub(calendar: Calendar, b: datetime, seconds: int) -> datetime:
    """The latest instant at or before `b` (cut to a second) with `seconds` working seconds between.

    A negative amount goes forward: `sub(b, -d)` is `add(b, d)`.

    Raises:
        OverflowError: the answer is before the year 1.
    """
    if seconds < 0:
        return add(calendar, b, -seconds)
    at, left = _second(b), seconds
    if calendar is ALWAYS_WORKING:
        return _instant(at - seconds)
    while left > 0:
        day = (at - 1) // DAY_S
        for begin, end in reversed(_window(calendar, day)):
            end = min(end, at)
            if begin < end:
                if end - begin >= left:
                    return _instant(end - left)
                left -= end - begin
        at = day * DAY_S
        _check_year(at)
    return _instant(at)


def working_day_seconds(calendar: Calendar, before: datetime) -> int:
    """Working seconds of the commonest working day in the 28 local days before `before`.

    Of equally common ones it is the longest; 8 h where there is no calendar, or where none of those days was a working
    day. A shift belongs to the day on which it begins.
    """
    if calendar == ALWAYS_WORKING:
        return NO_CALENDAR_DAY_S
    last = before.astimezone(ZoneInfo(calendar.zone)).date()
    usual = calendar._usual_days  # noqa: SLF001 (the memo of this module's own class)
    if last not in usual:
        if len(usual) >= _CACHED_WINDOWS:
            usual.clear()
        usual[last] = _usual_day(calendar, last)
    return usual[last]


def _usual_day(calendar: Calendar, last: date) -> int:
    """Working seconds of the commonest working day in the 28 local days before `last`."""
    amounts = Counter(
        worked for back in range(1, 29) if (worked := _length(_of_local_day(calendar, last - timedelta(days=back))))
    )
    if not amounts:
        return NO_CALENDAR_DAY_S
    return max(amounts.items(), key=lambda item: (item[1], item[0]))[0]


def _between(calendar: Calendar, first: int, last: int) -> int:
    total = 0
    for day in range(first // DAY_S, (last + DAY_S - 1) // DAY_S):
        for begin, end in _window(calendar, day):
            total += max(0, min(end, last) - max(begin, first))
    return total


def _window(calendar: Calendar, day: int) -> tuple[_Interval, ...]:
    """Working intervals (UTC seconds, merged, ascending) inside UTC day number `day`."""
    windows = calendar._windows  # noqa: SLF001 (the memo of this module's own class)
    known = windows.get(day)
    if known is not None:
        return known
    if len(windows) >= _CACHED_WINDOWS:
        windows.clear()
    start, stop = day * DAY_S, (day + 1) * DAY_S
    near = _EPOCH_DATE + timedelta(days=day)
    found: list[_Interval] = []
    for offset in range(-3, 2):  # a shift reaches into two local days, and zones lie within a day of UTC
        try:
            local = near + timedelta(days=offset)
        except OverflowError:
            continue
        found += _of_local_day(calendar, local)
    clipped = [(max(begin, start), min(end, stop)) for begin, end in found if begin < stop and end > start]
    windows[day] = _merge(clipped)
    return windows[day]


def _of_local_day(calendar: Calendar, day: date) -> tuple[_Interval, ...]:
    """Working intervals (UTC seconds, merged) of the shifts that begin on a local date."""
    zone = ZoneInfo(calendar.zone)
    pairs = [
        (_boundary(day, begin, zone), _boundary(day, end, zone))
        for shift in calendar.shifts_on(day)
        for begin, end in shift.working_minutes()
    ]
    return _merge([(begin, end) for begin, end in pairs if begin < end])


def _boundary(day: date, minutes: int, zone: ZoneInfo) -> int:
    """UTC second of a local clock time.

    A time that happens twice means the first; one that does not happen means the instant at which the clocks jump.
    Both keep boundaries in their local order.
    """
    naive = datetime.combine(day, time()) + timedelta(minutes=minutes)
    local = naive.replace(tzinfo=zone)
    at = _second(local)
    if _instant(at).astimezone(zone).replace(tzinfo=None) == naive:
        return at
    low, high = _second(local.replace(fold=1)) - 1, at  # the jump lies in (low, high]
    before = _instant(low).astimezone(zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if _instant(middle).astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _merge(intervals: Sequence[_Interval]) -> tuple[_Interval, ...]:
    merged: list[_Interval] = []
    for begin, end in sorted(intervals):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return tuple(merged)


def _length(intervals: Iterable[_Interval]) -> int:
    return sum(end - begin for begin, end in intervals)


def _second(at: datetime) -> int:
    delta = at - _EPOCH
    return delta.days * DAY_S + delta.seconds


def _instant(second: int) -> datetime:
    return _EPOCH + timedelta(seconds=second)


def _check_year(second: int) -> None:
    _instant(second)  # raises OverflowError outside the years 1..9999


def _minutes(text: str) -> int:
    """Minutes after midnight of ``HH:MM`` (00:00..24:00).

    Raises:
        ValueError: not a clock time.
    """
    hours, colon, minutes = text.partition(":")
    if colon and hours.isdigit() and minutes.isdigit() and int(minutes) < 60 and int(hours) * 60 + int(minutes) <= 1440:
        return int(hours) * 60 + int(minutes)
    raise ValueError(f"{text!r} is not a clock time: write 06:00 or 22:30")


def last_shift(calendar: Calendar, now: datetime) -> tuple[datetime, datetime]:
    """Begin and end, breaks included, of the shift that ended last at or before `now`.

    The last 8 hours where there is no calendar, or where none ended in the last 28 local days.
    """
    if calendar != ALWAYS_WORKING:
        zone = ZoneInfo(calendar.zone)
        today = now.astimezone(zone).date()
        for back in range(-1, 29):
            day = today - timedelta(days=back)
            bounds = (
                (_boundary(day, s.start_min, zone), _boundary(day, s.end_min, zone)) for s in calendar.shifts_on(day)
            )
            ended = [(end, begin) for begin, end in bounds if begin < end <= _second(now)]
            if ended:
                end, begin = max(ended)
                return _instant(begin), _instant(end)
    return _instant(_second(now) - NO_CALENDAR_DAY_S), _instant(_second(now))
