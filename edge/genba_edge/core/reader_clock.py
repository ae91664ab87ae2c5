"""How the clock of an RFID reader stands to ours, from what its reports say.

The *lag* of a report is its arrival minus its newest read. It is never below the clock's error, and close to it as soon
as one report came at once: so the smallest lag shows the error, and reports that come late do not disturb it (the same
idea as NTP's clock filter, RFC 5905, 10; EdgeX's RFID inventory shifts by each report's lag, which a late report
spoils).

* A smaller lag than possible: the reader's clock was set forward, or all reports so far were late ones.
* A larger lag is a late report, unless it stays as large for `STEADY`: then the clock was set back. A reader that sends
  what it held back catches up, so that its lag shrinks.

A clock that is right within the delay of reports is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from genba_shared.clock import format_time, parse_time

STEADY: Final = timedelta(seconds=15)
STEADY_REPORTS: Final = 5
RIGHT: Final = timedelta(seconds=1)
"""How far a clock may be off, beside the delay of reports, to be taken as right."""
_ANOTHER: Final = timedelta(milliseconds=200)
"""Reads that come closer together than this are one report."""
KEPT: Final = 4
"""Settings of the clock that are remembered: passages are decided a while after their reads came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The clock stands like this since `since` (arrival). `lag_s`: the smallest lag; `steady`: of enough reports."""

    since: datetime
    lag_s: float
    until: datetime
    reports: int = 1

    @property
    def is_steady(self) -> bool:
        """Whether enough reports over enough time say the same."""
        return self.reports >= STEADY_REPORTS and self.until - self.since >= STEADY

    def taking(self, lag_s: float, heard_at: datetime) -> Setting:
        """One more report of the same clock."""
        return replace(
            self, lag_s=min(self.lag_s, lag_s), until=max(self.until, heard_at), reports=min(self.reports + 1, 1000)
        )


@dataclass(frozen=True, slots=True)
class Correction:
    """What to add to the reader's times; `sure`: the clock is known well enough for the order across readers."""

    shift: timedelta = timedelta(0)
    sure: bool = True


@dataclass(slots=True)
class _Late:
    """Reports in a row that are late by about the same."""

    since: datetime
    least_s: float
    most_s: float
    until: datetime
    reports: int = 1


@dataclass(slots=True)
class ReaderClock:
    """The clock of one reader. `delay_s`: how late a live report may come."""

    delay_s: float
    settings: list[Setting] = field(default_factory=list)
    is_changed: bool = False
    _late: _Late | None = None

    def note(self, newest: datetime, heard_at: datetime) -> None:
        """A report that the reader made just now has this newest read."""
        lag_s = (heard_at - newest).total_seconds()
        if not self.settings:
            self._begin(heard_at, lag_s)
            return
        now = self.settings[-1]
        if lag_s < now.lag_s - self._slack_s:
            self._late = None
            if now.is_steady:
                self._begin(heard_at, lag_s)
            else:  # what came before was late: the clock is as it was
                self._put(Setting(since=now.since, lag_s=lag_s, until=heard_at))
        elif lag_s <= now.lag_s + self._slack_s:
            self._late = None
            if lag_s < now.lag_s or heard_at - now.until >= _ANOTHER:
                self._put(now.taking(lag_s, heard_at))
        else:
            self._note_late(heard_at, lag_s)

    def correction(self, newest: datetime, heard_at: datetime, *, is_live: bool) -> Correction:
        """How to move the times of reads of which the newest, at `newest`, was heard at `heard_at`."""
        setting = next((one for one in reversed(self.settings) if one.since <= heard_at), None)
        setting = setting or (self.settings[0] if self.settings else None)
        if setting is None:
            return Correction(sure=is_live)
        shift_s = 0.0 if -RIGHT.total_seconds() <= setting.lag_s <= self._slack_s else setting.lag_s
        is_late = (heard_at - newest).total_seconds() > setting.lag_s + self._slack_s
        return Correction(
            shift=timedelta(seconds=shift_s),
            sure=(not shift_s or setting.is_steady) and not (is_live and is_late),
        )

    def saved(self) -> list[dict[str, Any]]:
        """For the state of the gateway."""
        self.is_changed = False
        return [
            {
                "since": format_time(one.since),
                "lag_s": one.lag_s,
                "until": format_time(one.until),
                "reports": one.reports,
            }
            for one in self.settings
        ]

    def load(self, saved: list[Mapping[str, Any]]) -> None:
        """Take what `saved` gave."""
        self.settings = [
            Setting(
                since=parse_time(one["since"]),
                lag_s=float(one["lag_s"]),
                until=parse_time(one["until"]),
                reports=int(one["reports"]),
            )
            for one in saved
        ]

    @property
    def _slack_s(self) -> float:
        return self.delay_s + RIGHT.total_seconds()

    def _note_late(self, heard_at: datetime, lag_s: float) -> None:
        """Late reports, or a clock that was set back: only the latter stays as late as it is."""
        late = self._late
        if late is None or max(late.most_s, lag_s) - min(late.least_s, lag_s) > self._slack_s:
            self._late = _Late(since=heard_at, least_s=lag_s, most_s=lag_s, until=heard_at)
            return
        late.least_s, late.most_s = min(late.least_s, lag_s), max(late.most_s, lag_s)
        if heard_at - late.until >= _ANOTHER:
            late.reports, late.until = late.reports + 1, heard_at
        if late.reports >= STEADY_REPORTS and late.until - late.since >= STEADY:
            self._begin(late.since, late.least_s)
            self._put(replace(self.settings[-1], until=late.until, reports=late.reports))
            self._late = None

    def _begin(self, since: datetime, lag_s: float) -> None:
        self.settings = [*self.settings[1 - KEPT :], Setting(since=since, lag_s=lag_s, until=since)]
        self.is_changed = True

    def _put(self, setting: Setting) -> None:
        before = self.settings[-1]
        self.settings[-1] = setting
        if setting.lag_s < before.lag_s or setting.is_steady != before.is_steady:
            self.is_changed = True
