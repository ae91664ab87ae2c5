"""Routes that look ahead: the forecast of an order, where work waits now, and load against capacity."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from typing_extensions import TypedDict

from genba_cloud.api.forecast_reads import Capacity, ForecastReads, LastShift, OrderForecast, Queues
from genba_cloud.api.guard import Guard
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.visible import Desk
from genba_cloud.core.forecast import CentreLoad, NodeKey, WorkCentreQueue
from genba_cloud.core.viewer import Subject, Viewer
from genba_shared.clock import format_time

MOST_WEEKS: Final = 26
STATEMENT: Final = "This is a forecast, not a promise."

router = APIRouter()


class NodeForecastShape(TypedDict):
    """When an open node is expected to run. `waits_s`: seconds of the clock that it waits for a machine.

    `station` is the machine that takes it, null where it has no limit or the machine no name. `on_hold`: nobody knows
    when it goes on; this is the earliest that can be.
    """

    work_order: str
    node: str
    expected_start: str
    expected_finish: str
    site: str | None
    work_centre: str | None
    station: str | None
    waits_s: int
    work_s: int
    on_hold: bool


class OrderForecastShape(TypedDict):
    """What is expected of an order. `range` and `p_late` are null: this method gives one instant and no probability.

    `late_s`: working seconds that the expected finish lies after the promise, negative before it. `method` names how it
    was worked out, `data_at` is when the newest fact about the order happened.
    """

    order: str
    statement: str
    method: str
    made_at: str
    data_at: str | None
    promised: str
    expected_finish: str
    range: None
    p_late: None
    expected_late: bool
    late_s: int
    finished: bool
    nodes: list[NodeForecastShape]


class ShiftShape(TypedDict):
    """The last shift that ended. `utilisation`: running as a part of the known time of its machines; null: unknown."""

    since: str
    until: str
    utilisation: float | None


class CentreShape(TypedDict):
    """A work centre of a site."""

    site: str
    work_centre: str


class WorkCentreQueueShape(TypedDict):
    """Standard work of a work centre, in working seconds of one machine; the figure that ranks is in hours.

    `waiting`: all it needs is there and nobody works on it. `running`: what is left of started nodes. `coming`: open
    work that has not come yet. `machines` is null where nobody knows how many there are; then nothing is ranked.
    """

    site: str
    work_centre: str
    machines: int | None
    stations: list[str]
    waiting_hours_per_machine: float | None
    waiting_s: int
    waiting_nodes: int
    running_s: int
    running_nodes: int
    coming_s: int
    coming_nodes: int
    last_shift: ShiftShape


class BottlenecksShape(TypedDict):
    """Work centres, that with the most work waiting per machine first; `stands_out` is empty on a flat load."""

    at: str
    stands_out: list[CentreShape]
    items: list[WorkCentreQueueShape]


class WeekLoadShape(TypedDict):
    """A week, the first from now on. `capacity_s` is that of all machines, null where nobody knows their number."""

    since: str
    until: str
    load_s: int
    capacity_s: int | None
    share: float | None


class CentreLoadShape(TypedDict):
    """Load against capacity of a work centre. `later_s` lies after the last of the weeks."""

    site: str
    work_centre: str
    machines: int | None
    weeks: list[WeekLoadShape]
    later_s: int


class CapacityShape(TypedDict):
    """Working seconds of the open orders by work centre and week."""

    at: str
    items: list[CentreLoadShape]


def forecast_reads(request: Request) -> ForecastReads:
    """A dependency: the forecast as the viewer sees it whom the route's guard let in."""
    desk: Desk = request.app.state.desk
    viewer: Viewer = request.state.viewer
    return ForecastReads(desk, viewer)


Forecasting = Annotated[ForecastReads, Depends(forecast_reads)]


@router.get(
    "/orders/{order:path}/forecast",
    summary="When an order is expected to be finished, and why",
    response_model=OrderForecastShape,
    dependencies=[Depends(Guard(sees=Subject.ORDERS))],
)
def order_forecast(order: str, reads: Forecasting) -> Response:
    """Worked out with every other open order: where each open node waits, and for which machine."""
    found = reads.order(order)
    if found is None:
        raise ApiProblem.not_found(f"order {order!r:.200}")
    return JSONResponse(order_forecast_view(found))


@router.get(
    "/bottlenecks",
    summary="Where work waits now: hours of standard work per machine",
    response_model=BottlenecksShape,
    dependencies=[Depends(Guard(sees=Subject.STATIONS))],
)
def bottlenecks(reads: Forecasting) -> Response:
    """The first one holds orders up the most. Utilisation explains; it takes no part in the ranking."""
    return JSONResponse(bottlenecks_view(reads.queues()))


@router.get(
    "/capacity",
    summary="Load against capacity by work centre and week",
    response_model=CapacityShape,
    dependencies=[Depends(Guard(sees=Subject.STATIONS))],
)
def capacity(
    reads: Forecasting,
    weeks: Annotated[int, Query(ge=1, le=MOST_WEEKS, description="how many, this one included")] = 8,
) -> Response:
    """A node's work lies where it would run if no machine were taken, so that a week may hold more than it can do."""
    return JSONResponse(capacity_view(reads.capacity(weeks=weeks)))


def order_forecast_view(found: OrderForecast) -> OrderForecastShape:
    """The forecast of an order as it is answered."""
    order = found.order
    return {
        "order": order.plan.order,
        "statement": STATEMENT,
        "method": found.method,
        "made_at": format_time(found.made_at),
        "data_at": format_time(order.data_at) if order.data_at else None,
        "promised": format_time(found.promise.promised),
        "expected_finish": format_time(found.promise.expected),
        "range": None,
        "p_late": None,
        "expected_late": found.promise.expected_late,
        "late_s": found.promise.late_s,
        "finished": order.assessment.finished,
        "nodes": [_node_view(key, found) for key in found.open_nodes],
    }


def _node_view(key: NodeKey, found: OrderForecast) -> NodeForecastShape:
    node, times = found.open_nodes[key], found.times[key]
    return {
        "work_order": key.work_order,
        "node": key.node,
        "expected_start": format_time(times.begin),
        "expected_finish": format_time(times.finish),
        "site": node.centre.site if node.centre else None,
        "work_centre": node.centre.work_centre if node.centre else None,
        "station": node.station,
        "waits_s": int((node.begin - node.ready).total_seconds()),
        "work_s": node.work_s,
        "on_hold": key in found.on_hold,
    }


def bottlenecks_view(found: Queues) -> BottlenecksShape:
    """Where work waits, as it is answered."""
    return {
        "at": format_time(found.at),
        "stands_out": [
            {"site": queue.centre.site, "work_centre": queue.centre.work_centre} for queue in found.outstanding
        ],
        "items": [_queue_view(queue, found.shifts[queue.centre]) for queue in found.queues],
    }


def _queue_view(queue: WorkCentreQueue, shift: LastShift) -> WorkCentreQueueShape:
    per_machine = queue.waiting_per_machine_s
    return {
        "site": queue.centre.site,
        "work_centre": queue.centre.work_centre,
        "machines": queue.machines,
        "stations": list(queue.stations),
        "waiting_hours_per_machine": None if per_machine is None else round(per_machine / 3600, 2),
        "waiting_s": queue.waiting_s,
        "waiting_nodes": queue.waiting_nodes,
        "running_s": queue.running_s,
        "running_nodes": queue.running_nodes,
        "coming_s": queue.coming_s,
        "coming_nodes": queue.coming_nodes,
        "last_shift": {
            "since": format_time(shift.begin),
            "until": format_time(shift.end),
            "utilisation": shift.utilisation,
        },
    }


def capacity_view(found: Capacity) -> CapacityShape:
    """Load against capacity as it is answered."""
    return {"at": format_time(found.at), "items": [_load_view(centre) for centre in found.centres]}


def _load_view(centre: CentreLoad) -> CentreLoadShape:
    return {
        "site": centre.centre.site,
        "work_centre": centre.centre.work_centre,
        "machines": centre.machines,
        "weeks": [
            {
                "since": format_time(week.begin),
                "until": format_time(week.end),
                "load_s": week.load_s,
                "capacity_s": week.capacity_s,
                "share": None if week.share is None else round(week.share, 4),
            }
            for week in centre.weeks
        ],
        "later_s": centre.later_s,
    }
