"""The timeline of a station: what it did between two instants, and how that time divides up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse, Response
from typing_extensions import TypedDict

from genba_cloud.api.guard import Guard
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.reading import Reading
from genba_cloud.api.visible import StationTimeline
from genba_cloud.core.facts import ChangeOver, StateInterval, times_of
from genba_cloud.core.viewer import Subject
from genba_shared.clock import format_time, parse_time
from genba_shared.events import StationState

LONGEST: Final = timedelta(days=31)
USUAL: Final = timedelta(hours=24)
EARLIEST: Final = datetime.min.replace(tzinfo=UTC)

router = APIRouter()


class StateIntervalShape(TypedDict):
    """The station was in `state` from `since` until `until`; `reason` where more is known (`starved`)."""

    state: str
    since: str
    until: str
    reason: str | None


class StateTimeShape(TypedDict):
    """How long it was in a state, and which part of the whole interval that is (unknown time is a part like others)."""

    seconds: float
    share: float


class WorkShape(TypedDict):
    """A node of a work order."""

    work_order: str
    node: str


class ChangeOverShape(TypedDict):
    """From the last good piece of one work to the first good piece of the next."""

    since: str
    until: str
    seconds: float
    before: WorkShape
    after: WorkShape


class StationTimelineShape(TypedDict):
    """A station between two instants; `intervals` cover all of it, and what nobody knows is in state `unknown`.

    `states` has every state. `utilisation`: running as a part of the known time. `utilisation_efficiency`: APT / AUBT
    of ISO 22400-2, which is running as a part of running, set-up, down and blocked. Null where there is no such time.
    """

    station: str
    since: str
    until: str
    intervals: list[StateIntervalShape]
    states: dict[str, StateTimeShape]
    utilisation: float | None
    utilisation_efficiency: float | None
    changeovers: list[ChangeOverShape]


@router.get(
    "/stations/{station}/state",
    summary="What a station did, and how its time divides up",
    response_model=StationTimelineShape,
    dependencies=[Depends(Guard(sees=Subject.STATIONS))],
)
def station_state(
    station: str,
    reads: Reading,
    since: Annotated[str | None, Query(alias="from", max_length=40, description="RFC 3339; a day before `to`")] = None,
    until: Annotated[str | None, Query(alias="to", max_length=40, description="RFC 3339; now")] = None,
) -> Response:
    """At most 31 days at once. Later news may change what is known of a time that was unknown."""
    end = _instant("to", until) or reads.now()
    begin = _instant("from", since) or end - min(USUAL, end - EARLIEST)
    if not timedelta(0) < end - begin <= LONGEST:
        raise ApiProblem(422, "from must lie before to, and at most 31 days before it")
    found = reads.station_timeline(station, begin=begin, end=end)
    if found is None:
        raise ApiProblem.not_found(f"station {station!r}")
    return JSONResponse(timeline_view(found))


def timeline_view(found: StationTimeline) -> StationTimelineShape:
    """The timeline as it is answered."""
    times = times_of(found.intervals)
    return {
        "station": found.station,
        "since": format_time(found.begin),
        "until": format_time(found.end),
        "intervals": [_interval(each) for each in found.intervals],
        "states": {
            str(state): {"seconds": times.of(state).total_seconds(), "share": times.share(state)}
            for state in StationState
        },
        "utilisation": times.utilisation,
        "utilisation_efficiency": times.utilisation_efficiency,
        "changeovers": [_changeover(each) for each in found.changeovers],
    }


def _interval(interval: StateInterval) -> StateIntervalShape:
    return {
        "state": str(interval.state),
        "since": format_time(interval.since),
        "until": format_time(interval.until),
        "reason": interval.reason,
    }


def _changeover(changeover: ChangeOver) -> ChangeOverShape:
    return {
        "since": format_time(changeover.begin),
        "until": format_time(changeover.end),
        "seconds": (changeover.end - changeover.begin).total_seconds(),
        "before": {"work_order": changeover.before[0], "node": changeover.before[1]},
        "after": {"work_order": changeover.after[0], "node": changeover.after[1]},
    }


def _instant(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = parse_time(text)
    except (ValueError, OverflowError):
        raise ApiProblem(422, f"{name}: {text!r} is not an RFC 3339 time such as 2026-01-05T07:00:00Z") from None
    return at.astimezone(UTC)
