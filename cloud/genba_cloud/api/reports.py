"""Routes of reports and key figures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from genba_cloud.api.guard import Guard
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.report_reads import ReportReads
from genba_cloud.api.report_views import figures_view, morning_view, weekly_view
from genba_cloud.api.shapes_reports import FiguresShape, MorningShape, WeeklyShape
from genba_cloud.api.visible import Desk
from genba_cloud.core.facts.plan import is_in_time
from genba_cloud.core.viewer import Subject, Viewer
from genba_shared.clock import parse_time

router = APIRouter(dependencies=[Depends(Guard(sees=Subject.REPORTS))])
_Since = Annotated[str | None, Query(alias="from", max_length=40, description="RFC 3339; a week before `to`")]
_Until = Annotated[str | None, Query(alias="to", max_length=40, description="RFC 3339; now")]


def report_reads(request: Request) -> ReportReads:
    """A dependency: reports as the viewer sees them whom the route's guard let in."""
    desk: Desk = request.app.state.desk
    viewer: Viewer = request.state.viewer
    return ReportReads(desk, viewer)


Reports = Annotated[ReportReads, Depends(report_reads)]


@router.get(
    "/kpis", summary="Key figures of a period, with the elements of their formulas", response_model=FiguresShape
)
def kpis(reports: Reports, since: _Since = None, until: _Until = None) -> Response:
    """At most 31 days at once. A figure without data is null, never 0 and never 1."""
    period = reports.period(instant_of("from", since), instant_of("to", until))
    return JSONResponse(figures_view(reports.kpis(period)))


@router.get("/reports/morning", summary="What changed since the last meeting, red first", response_model=MorningShape)
def morning(
    reports: Reports,
    since: Annotated[
        str | None, Query(max_length=40, description="RFC 3339; a day ago, after days off the working day before")
    ] = None,
) -> Response:
    """At most 50 orders; `left_out` says how many would have followed."""
    return JSONResponse(morning_view(reports.morning(instant_of("since", since))))


@router.get("/reports/weekly", summary="Delays, their causes, plan against actual", response_model=WeeklyShape)
def weekly(reports: Reports, since: _Since = None, until: _Until = None) -> Response:
    """At most 31 days at once. Actions are looked at again for 28 days after their plan was made."""
    period = reports.period(instant_of("from", since), instant_of("to", until))
    return JSONResponse(weekly_view(reports.weekly(period)))


def instant_of(name: str, text: str | None) -> datetime | None:
    """The instant that was asked for.

    Raises:
        ApiProblem: 422, it is none.
    """
    if text is None:
        return None
    try:
        at = parse_time(text).astimezone(UTC)
    except (ValueError, OverflowError):
        at = None
    if at is None or not is_in_time(at):
        raise ApiProblem(422, f"{name}: {text!r} is not an RFC 3339 time such as 2026-01-05T07:00:00Z")
    return at
