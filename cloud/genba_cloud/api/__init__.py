"""The HTTP API: guard, visibility, routes, live stream."""

from genba_cloud.api.application import ApiParts, create_app
from genba_cloud.api.enrolment import Enrolling
from genba_cloud.api.forecast_reads import ForecastReads
from genba_cloud.api.guard import BOARD_COOKIE, SESSION_COOKIE, Guard, require_same_origin
from genba_cloud.api.health import Metrics
from genba_cloud.api.live import Live
from genba_cloud.api.order_index import OrderIndex
from genba_cloud.api.order_rows import OrderRows
from genba_cloud.api.visible import Desk, VisibleReads, assessed
from genba_cloud.api.writing import source_of_viewer

__all__ = [
    "BOARD_COOKIE",
    "SESSION_COOKIE",
    "ApiParts",
    "Desk",
    "Enrolling",
    "ForecastReads",
    "Guard",
    "Live",
    "Metrics",
    "OrderIndex",
    "OrderRows",
    "VisibleReads",
    "assessed",
    "create_app",
    "require_same_origin",
    "source_of_viewer",
]
