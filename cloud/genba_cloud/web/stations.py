"""The page of the stations: what each did in the last hours, as one bar that people look at rather than read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from genba_cloud.core.facts import StateInterval, StateTimes, times_of
from genba_cloud.core.viewer import Viewer
from genba_cloud.web.render import page
from genba_cloud.web.rows import Shown, When
from genba_shared.events import StationState

SHOWN_TIME: Final = timedelta(hours=8)
MOST_STATIONS: Final = 60
WIDTH: Final = 1000  # of a bar, in its own units
HEIGHTS: Final = {
    StationState.RUNNING: 23,
    StationState.DOWN: 23,
    StationState.SETUP: 15,
    StationState.BLOCKED: 15,
    StationState.IDLE: 6,
    StationState.OFF: 2,
    StationState.UNKNOWN: 0,
}
"""Of the bars, in 24: states differ in height and pattern, not in colour alone."""
_NARROWEST: Final = 1.5  # so that a short stop is seen, too


class Timeline(Protocol):
    """What a station did."""

    @property
    def station(self) -> str:
        """Its name."""

    @property
    def intervals(self) -> tuple[StateInterval, ...]:
        """Its states, without a hole."""


class TimelineSource(Protocol):
    """What the page reads, already cut down to what its viewer may see."""

    def station_names(self) -> tuple[str, ...]:
        """Every station, by name."""

    def station_timelines(self, stations: Sequence[str], *, begin: datetime, end: datetime) -> Sequence[Timeline]:
        """What these stations did; without those that were never heard of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A piece of a bar: from `x` on, `width` wide, in units of which a bar has `WIDTH`; `title` says it in words."""

    state: str
    height: int
    x: str
    width: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One station: what it does now, its bar, and the bar in words."""

    station: str
    state: str
    word: str
    since: When
    bars: tuple[Bar, ...]
    utilisation: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A full hour on the bars."""

    x: str


def create_station_page(
    *,
    guard: Callable[..., Awaitable[Viewer]],
    source_of: Callable[[Viewer], TimelineSource],
    shown_to: Callable[[Request], Shown],
) -> APIRouter:
    """The page; `guard` decides who may open it."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    allowed = Depends(guard)

    @router.get("/stations")
    def stations(request: Request, after: str = "", viewer: Viewer = allowed) -> HTMLResponse:
        shown, source = shown_to(request), source_of(viewer)
        end = shown.now
        begin = end - SHOWN_TIME
        names = [name for name in source.station_names() if name > after]
        lanes = [lane_of(each, shown) for each in source.station_timelines(names[:MOST_STATIONS], begin=begin, end=end)]
        return page(
            "stations.html",
            shown,
            lanes=lanes,
            ticks=ticks(begin, end, shown),
            heights={str(state): height for state, height in HEIGHTS.items()},
            following=names[MOST_STATIONS - 1] if len(names) > MOST_STATIONS else "",
            width=WIDTH,
            since=shown.when(begin),
            until=shown.when(end),
        )

    return router


def lane_of(timeline: Timeline, shown: Shown) -> Lane:
    """The lane of one station."""
    intervals = timeline.intervals
    begin, last = intervals[0].since, intervals[-1]
    total = last.until - begin
    times = times_of(intervals)
    bars = tuple(
        Bar(
            state=str(each.state),
            height=HEIGHTS[each.state],
            x=f"{WIDTH * ((each.since - begin) / total):.1f}",
            width=f"{max(_NARROWEST, WIDTH * ((each.until - each.since) / total)):.1f}",
            title=_title(each, shown),
        )
        for each in intervals
    )
    utilisation = times.utilisation
    return Lane(
        station=timeline.station,
        state=str(last.state),
        word=_word(last, shown),
        since=shown.when(last.since),
        bars=bars,
        utilisation="–" if utilisation is None else f"{100 * utilisation:.0f} %",
        summary=f"{timeline.station}: {_in_words(times, shown)}",
    )


def ticks(begin: datetime, end: datetime, shown: Shown) -> list[Tick]:
    """The full hours of local time between two instants."""
    local = begin.astimezone(shown.zone)
    at = begin + (timedelta(hours=1) - timedelta(minutes=local.minute, seconds=local.second)) % timedelta(hours=1)
    found: list[Tick] = []
    while at < end:
        found.append(Tick(x=f"{WIDTH * ((at - begin) / (end - begin)):.1f}"))
        at += timedelta(hours=1)
    return found


def _word(interval: StateInterval, shown: Shown) -> str:
    word = shown.say(f"state.{interval.state}")
    return f"{word} ({shown.say(f'state.{interval.reason}')})" if interval.reason == "starved" else word


def _title(interval: StateInterval, shown: Shown) -> str:
    return f"{_word(interval, shown)} {shown.when(interval.since).clock}–{shown.when(interval.until).clock}"


def _in_words(times: StateTimes, shown: Shown) -> str:
    parts = ((state, times.share(state)) for state in StationState)
    return ", ".join(f"{shown.say(f'state.{state}')} {100 * share:.0f} %" for state, share in parts if share)
