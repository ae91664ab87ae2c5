"""The page of the bottleneck: where work waits now, and how full the next weeks are, as bars that people compare."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from genba_cloud.core.forecast import CentreKey, CentreLoad, WeekLoad, WorkCentreQueue
from genba_cloud.core.viewer import Viewer
from genba_cloud.web.render import page
from genba_cloud.web.rows import Shown

SHOWN_WEEKS: Final = 6
WIDTH: Final = 1000  # of a bar, in its own units
HEIGHT: Final = 24  # of a week's bar; full is 100 %, and the bar of an overfull week is cut there


class Shift(Protocol):
    """The last shift of a work centre."""

    @property
    def begin(self) -> datetime:
        """Its begin."""

    @property
    def end(self) -> datetime:
        """Its end."""

    @property
    def utilisation(self) -> float | None:
        """Running as a part of the known time; None: nothing is known."""


class QueuesNow(Protocol):
    """Where work waits."""

    @property
    def at(self) -> datetime:
        """When that was looked at."""

    @property
    def queues(self) -> Sequence[WorkCentreQueue]:
        """Every work centre, the worst first."""

    @property
    def shifts(self) -> Mapping[CentreKey, Shift]:
        """The last shift of each."""

    @property
    def outstanding(self) -> Sequence[WorkCentreQueue]:
        """Those that people should be told of."""


class CapacityAhead(Protocol):
    """Load against capacity."""

    @property
    def centres(self) -> Sequence[CentreLoad]:
        """Each work centre with its weeks."""


class ForecastSource(Protocol):
    """What the page reads, already cut down to what its viewer may see."""

    def queues(self) -> QueuesNow:
        """Where work waits now."""

    def capacity(self, *, weeks: int) -> CapacityAhead:
        """Load against capacity, this week first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    """One work centre: its figures in words, and the length of its bar; `hours` is a dash where nobody can say."""

    name: str
    site: str
    hours: str
    width: str
    machines: str
    detail: str
    utilisation: str
    shift: str
    stands_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekCell:
    """One week of a work centre: `height` of its bar, its share in words, and all of it for whoever points there."""

    height: str
    share: str
    title: str
    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekLine:
    """The weeks of one work centre."""

    name: str
    site: str
    cells: tuple[WeekCell, ...]


def create_bottleneck_page(
    *,
    guard: Callable[..., Awaitable[Viewer]],
    source_of: Callable[[Viewer], ForecastSource],
    shown_to: Callable[[Request], Shown],
) -> APIRouter:
    """The page; `guard` decides who may open it."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    allowed = Depends(guard)

    @router.get("/bottlenecks")
    def bottlenecks(request: Request, viewer: Viewer = allowed) -> HTMLResponse:
        shown, source = shown_to(request), source_of(viewer)
        now, ahead = source.queues(), source.capacity(weeks=SHOWN_WEEKS)
        weeks = ahead.centres[0].weeks if ahead.centres else ()
        return page(
            "bottlenecks.html",
            shown,
            lines=queue_lines(now, shown),
            weeks=[_day(week.begin, shown) for week in weeks],
            rows=[_week_line(centre, shown) for centre in ahead.centres],
            outstanding=", ".join(queue.centre.work_centre for queue in now.outstanding),
            at=shown.when(now.at),
            width=WIDTH,
            height=HEIGHT,
        )

    return router


def queue_lines(found: QueuesNow, shown: Shown) -> list[QueueLine]:
    """The lines of the work centres, each bar as long as its queue is beside the longest."""
    longest = max((queue.waiting_per_machine_s or 0 for queue in found.queues), default=0)
    return [_queue_line(queue, found, longest, shown) for queue in found.queues]


def _queue_line(queue: WorkCentreQueue, found: QueuesNow, longest: int, shown: Shown) -> QueueLine:
    per_machine, shift = queue.waiting_per_machine_s, found.shifts[queue.centre]
    return QueueLine(
        name=queue.centre.work_centre,
        site=queue.centre.site,
        hours="–" if per_machine is None else _hours(per_machine),
        width=f"{WIDTH * (per_machine or 0) / longest:.1f}" if longest else "0",
        machines="–" if queue.machines is None else str(queue.machines),
        detail=shown.say(
            "bottleneck.detail",
            waiting=queue.waiting_nodes,
            running=queue.running_nodes,
            coming=_hours(queue.coming_s),
        ),
        utilisation="–" if shift.utilisation is None else f"{100 * shift.utilisation:.0f} %",
        shift=f"{shown.when(shift.begin).text} – {shown.when(shift.end).clock}",
        stands_out=queue in found.outstanding,
    )


def _week_line(centre: CentreLoad, shown: Shown) -> WeekLine:
    cells = tuple(_week_cell(week, shown) for week in centre.weeks)
    return WeekLine(name=centre.centre.work_centre, site=centre.centre.site, cells=cells)


def _week_cell(week: WeekLoad, shown: Shown) -> WeekCell:
    share = week.share
    load, capacity = _hours(week.load_s), "–" if week.capacity_s is None else _hours(week.capacity_s)
    return WeekCell(
        height=f"{HEIGHT * min(1.0, share or 0):.1f}",
        share="–" if share is None else f"{100 * share:.0f} %",
        title=shown.say("bottleneck.week", begin=_day(week.begin, shown), load=load, capacity=capacity),
        is_over=share is not None and share > 1,
    )


def _hours(seconds: int) -> str:
    return f"{seconds / 3600:.1f} h"


def _day(at: datetime, shown: Shown) -> str:
    return f"{at.astimezone(shown.zone):%m-%d}"
