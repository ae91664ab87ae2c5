"""Facts views: pure folds of the set of events and frozen master data; order of arrival and repeats change nothing."""

from genba_cloud.core.facts.aggregates import FOLDS, STATION, TAG, WORK_ORDER, ZONE, Aggregate, Fold, ViewKey, views_of
from genba_cloud.core.facts.plan import NodePlan, OrderPlan, Refused, WorkOrderPlan, check_order
from genba_cloud.core.facts.progress import work_order_facts
from genba_cloud.core.facts.station import StationFold, changed_owners, owned_by, station_facts
from genba_cloud.core.facts.timeline import ChangeOver, StateInterval, StateTimes, changeovers, timeline, times_of
from genba_cloud.core.facts.views import (
    Lifecycle,
    Mark,
    NodeFacts,
    OpenDispatch,
    StationFacts,
    TagBinding,
    Tally,
    WorkOrderFacts,
    ZoneFacts,
)
from genba_cloud.core.facts.work_order import WorkOrderState
from genba_cloud.core.facts.zone import TagFold, ZoneFold, tag_binding, zone_facts

__all__ = [
    "FOLDS",
    "STATION",
    "TAG",
    "WORK_ORDER",
    "ZONE",
    "Aggregate",
    "ChangeOver",
    "Fold",
    "Lifecycle",
    "Mark",
    "NodeFacts",
    "NodePlan",
    "OpenDispatch",
    "OrderPlan",
    "Refused",
    "StateInterval",
    "StateTimes",
    "StationFacts",
    "StationFold",
    "TagBinding",
    "TagFold",
    "Tally",
    "ViewKey",
    "WorkOrderFacts",
    "WorkOrderPlan",
    "WorkOrderState",
    "ZoneFacts",
    "ZoneFold",
    "changed_owners",
    "changeovers",
    "check_order",
    "owned_by",
    "station_facts",
    "tag_binding",
    "timeline",
    "times_of",
    "views_of",
    "work_order_facts",
    "zone_facts",
]
