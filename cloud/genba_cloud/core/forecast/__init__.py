"""Forecasts of open orders: what is left of each node, when machines take it, where work waits.

Everything said here is about the future: a forecast, never a fact, and never a promise.
"""

from genba_cloud.core.forecast.due_date_queue import METHOD, forecast_by_due_date
from genba_cloud.core.forecast.load import CentreLoad, WeekLoad, load_by_week
from genba_cloud.core.forecast.orders import NodeKey, OpenOrder, Times
from genba_cloud.core.forecast.port import Forecaster, NodeForecast, Shop, ShopForecast
from genba_cloud.core.forecast.queues import QueuePolicy, WorkCentreQueue, queues_now, stands_out
from genba_cloud.core.forecast.resources import (
    NO_RESOURCES,
    CentreKey,
    Machine,
    Queued,
    Resources,
    WorkCentre,
    resources_of,
)
from genba_cloud.core.forecast.telling import ForecastPolicy, PromiseOutlook, is_news, promise_outlook
from genba_cloud.core.forecast.walk import NO_FLOORS, walk

__all__ = [
    "METHOD",
    "NO_FLOORS",
    "NO_RESOURCES",
    "CentreKey",
    "CentreLoad",
    "ForecastPolicy",
    "Forecaster",
    "Machine",
    "NodeForecast",
    "NodeKey",
    "OpenOrder",
    "PromiseOutlook",
    "QueuePolicy",
    "Queued",
    "Resources",
    "Shop",
    "ShopForecast",
    "Times",
    "WeekLoad",
    "WorkCentre",
    "WorkCentreQueue",
    "forecast_by_due_date",
    "is_news",
    "load_by_week",
    "promise_outlook",
    "queues_now",
    "resources_of",
    "stands_out",
    "walk",
]
