"""Key figures as pure functions: what is known goes in, and where nothing is known, no number comes out."""

from genba_cloud.core.kpis.floor import (
    Busy,
    Changed,
    StationSeen,
    allocation_ratio,
    availability,
    busy_times,
    changeover,
    utilisation_efficiency,
)
from genba_cloud.core.kpis.model import (
    Figure,
    Kpi,
    NodeSeen,
    OrderSeen,
    Part,
    Period,
    Promise,
    Unit,
    promise_that_counts,
)
from genba_cloud.core.kpis.operations import (
    DayOfPlan,
    completion_trend,
    operation_time,
    plan_by_day,
    quality_ratio,
    waiting,
)
from genba_cloud.core.kpis.orders import lead_time, on_time, promise_attainment, throughput_rate
from genba_cloud.core.kpis.people import Entry, Inspected, first_pass_yield, on_time_updates
from genba_cloud.core.kpis.stock import inventory_days
from genba_cloud.core.kpis.visibility import visibility

__all__ = [
    "Busy",
    "Changed",
    "DayOfPlan",
    "Entry",
    "Figure",
    "Inspected",
    "Kpi",
    "NodeSeen",
    "OrderSeen",
    "Part",
    "Period",
    "Promise",
    "StationSeen",
    "Unit",
    "allocation_ratio",
    "availability",
    "busy_times",
    "changeover",
    "completion_trend",
    "first_pass_yield",
    "inventory_days",
    "lead_time",
    "on_time",
    "on_time_updates",
    "operation_time",
    "plan_by_day",
    "promise_attainment",
    "promise_that_counts",
    "quality_ratio",
    "throughput_rate",
    "utilisation_efficiency",
    "visibility",
    "waiting",
]
