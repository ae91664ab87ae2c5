"""Routes for machines that watch: alive, ready, counters."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from typing_extensions import TypedDict

from genba_cloud.api.guard import Guard
from genba_cloud.api.live import Live
from genba_cloud.api.visible import Desk
from genba_cloud.core.viewer import Subject
from genba_cloud.store.read import GatewayRecord

router = APIRouter()


class ReadyShape(TypedDict):
    """Whether everything answers that this process depends on; `missing` names what does not."""

    ready: bool
    missing: list[str]


class Metrics:
    """Counters of this process, as Prometheus reads them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._watched: list[Callable[[], Mapping[str, float]]] = []
        self._started = time.monotonic()

    def watch(self, figures: Callable[[], Mapping[str, float]]) -> None:
        """Show these numbers, too, as they are whenever somebody asks; by Prometheus name."""
        self._watched.append(figures)

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter; the name ends in ``_total``."""
        text = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        with self._lock:
            self._counts[f"{name}{{{text}}}" if text else name] += amount

    def render(self, gauges: Mapping[str, float]) -> str:
        """Text form 0.0.4: counters, then gauges."""
        with self._lock:
            lines = [f"{name} {value}" for name, value in sorted(self._counts.items())]
        shown = [gauges, *(figures() for figures in self._watched)]
        lines += [f"{name} {value}" for numbers in shown for name, value in sorted(numbers.items())]
        lines.append(f"genba_uptime_seconds {time.monotonic() - self._started:.0f}")
        return "\n".join(lines) + "\n"


@router.get("/healthz", summary="The process is alive", response_class=PlainTextResponse)
async def healthz() -> PlainTextResponse:
    """Answers whenever the event loop turns."""
    return PlainTextResponse("ok\n")


@router.get(
    "/readyz",
    summary="Ready to take events and requests",
    response_model=ReadyShape,
    responses={503: {"model": ReadyShape, "description": "not ready: `missing` says why"}},
)
def readyz(request: Request) -> Response:
    """200 when everything that this process depends on answers (the broker), else 503 with what is missing."""
    missing = [name for name, is_ready in request.app.state.ready_checks.items() if not is_ready()]
    return JSONResponse({"ready": not missing, "missing": missing}, status_code=503 if missing else 200)


@router.get(
    "/metrics",
    summary="Counters for Prometheus",
    response_class=PlainTextResponse,
    dependencies=[Depends(Guard(sees=Subject.METRICS))],
)
def metrics(request: Request) -> PlainTextResponse:
    """Requests by status class, log position, open streams, open orders, gateways and what of them is not here yet."""
    counters: Metrics = request.app.state.metrics
    hub: Live = request.app.state.live
    desk: Desk = request.app.state.desk
    gateways = desk.reads.gateways()
    opened, _finished = desk.index.numbers()
    gauges = {
        "genba_log_position": desk.reads.last_position(),
        "genba_live_streams": hub.subscriber_count(),
        "genba_orders_open": len(opened),
        "genba_gateways": len(gateways),
        "genba_gateways_online": sum(gateway.online for gateway in gateways),
        **_lags(gateways, desk.now()),
    }
    return PlainTextResponse(counters.render(gauges))


def _lags(gateways: Sequence[GatewayRecord], now: datetime) -> Mapping[str, float]:
    """By gateway: events that it made and the collector has not, and the age of the newest that the collector has."""
    numbers: dict[str, float] = {}
    for one in gateways:
        if one.next_seq is not None:
            numbers[f'genba_gateway_lag_events{{gateway="{one.gateway}"}}'] = max(0, one.next_seq - 1 - one.upto)
        if one.last_at is not None:
            numbers[f'genba_gateway_newest_event_age_seconds{{gateway="{one.gateway}"}}'] = round(
                (now - one.last_at).total_seconds(), 3
            )
    return numbers
