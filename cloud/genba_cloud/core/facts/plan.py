"""Frozen master data that facts are read against: what was ordered, its routing and its baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

FIRST_INSTANT: Final = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""What happens or is planned lies from the one (a gateway whose clock was never set) up to, not at, the other.

Other systems write "no date" as 9999-12-31: a minute later, or east of Greenwich, there is no such date.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What was asked for cannot be done. `conflict`: it clashes with what is kept (409); else it is malformed (422)."""

    reason: str
    accepted: str = ""
    conflict: bool = False


class Criterion(StrEnum):
    """What must be so for a node to be complete."""

    QUANTITY = "quantity"
    """The whole quantity is there as good pieces."""
    STEPS = "steps"
    """Every sub-step was reported as done."""
    REPORT = "report"
    """A person says so."""
    ALL_LEFT = "all_left"
    """Everything that is bound to the work order has left the zone."""
    INSPECTION = "inspection"
    """An inspection of the whole quantity passed."""


class Evidence(StrEnum):
    """Who must say that a node is complete before it counts as done."""

    ANY = "any"
    MACHINE = "machine"
    PERSON = "person"
    BOTH = "both"


class Confirm(StrEnum):
    """Whether a complete node still has to be confirmed."""

    AUTO = "auto"
    REQUIRED = "required"
    FOUR_EYES = "four_eyes"
    """By somebody other than who reported it."""


class Scope(StrEnum):
    """What a node is done once for."""

    WORK_ORDER = "work_order"
    ORDER = "order"
    SHIPMENT = "shipment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """What a node needs before it may begin: `transfer_quantity` good pieces (None: all) of another node.

    `work_order` None: of the same one. `lag_s`: working seconds that must pass after that (drying, transport).
    """

    node: str
    work_order: str | None = None
    transfer_quantity: int | None = None
    lag_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A sub-step of a node. `label` is by language code."""

    step: str
    label: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlan:
    """One production step of a work order, as planned when the order was confirmed. `label` is by language code.

    `predecessors` are nodes of the same work order that must hand over everything; `dependencies` say more. Standard
    work is `setup_s` once and `piece_s` for each piece, in seconds of one station; both None: the planned duration.
    `work_centre` and `stations` say where it may run. `key`: it counts for visibility, and customers may hear of it;
    `visible_to`: roles outside the factory that may see it. `instructions` are ``ID@VERSION``, frozen with the routing.
    """

    node: str
    quantity: int
    planned_start: datetime
    planned_finish: datetime
    predecessors: tuple[str, ...] = ()
    label: Mapping[str, str]
    dependencies: tuple[Dependency, ...] = ()
    criterion: Criterion = Criterion.QUANTITY
    evidence: Evidence = Evidence.ANY
    confirm: Confirm = Confirm.AUTO
    scope: Scope = Scope.WORK_ORDER
    steps: tuple[Step, ...] = ()
    setup_s: int | None = None
    piece_s: float | None = None
    work_centre: str | None = None
    stations: tuple[str, ...] = ()
    key: bool = False
    visible_to: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()

    def needs(self) -> tuple[Dependency, ...]:
        """Everything that must be there before it may begin."""
        return (*(Dependency(node=code) for code in self.predecessors), *self.dependencies)

    def needs_within(self, work_order: str | None) -> tuple[tuple[str, int | None], ...]:
        """Those of them that are nodes of the same work order: which one, and how many pieces of it (None: all)."""
        whole = tuple((code, None) for code in self.predecessors)
        if not self.dependencies:
            return whole
        own = (one for one in self.dependencies if one.work_order in (None, work_order))
        return (*whole, *((one.node, one.transfer_quantity) for one in own))


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialNeed:
    """What a work order needs of an item, in all; `node`: where it is used first (None: from the beginning)."""

    item: str
    amount: float
    uom: str = "pcs"
    node: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamMember:
    """Somebody of the order's team, as an opaque id. `role` is a word of the policy (``owner``, ``planner``)."""

    person: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderPlan:
    """What one site makes of an order: `quantity` pieces of `item` through `nodes`, in the order of the routing.

    `routing` is the template that it was frozen from, as ``ID@VERSION``; `parameters` are the order's own (size,
    colour); `materials` come from the BOM.
    """

    work_order: str
    site: str
    item: str
    quantity: int
    nodes: tuple[NodePlan, ...]
    routing: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    materials: tuple[MaterialNeed, ...] = ()

    def node(self, code: str) -> NodePlan | None:
        """The plan of the node, None where the routing has no such node."""
        return next((node for node in self.nodes if node.node == code), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlan:
    """A customer order with its work orders; (`system`, `external_id`) is its identity in the system that sent it.

    `priority`: higher is more urgent; 0 is usual.
    """

    order: str
    system: str
    external_id: str
    customer: str
    promised: datetime
    work_orders: tuple[WorkOrderPlan, ...]
    priority: int = 0
    team: tuple[TeamMember, ...] = ()

    def start(self) -> datetime:
        """Earliest planned start of any node: the baseline's start."""
        return min(node.planned_start for work in self.work_orders for node in work.nodes)

    def finish(self) -> datetime:
        """Latest planned finish of any node: the baseline's finish."""
        return max(node.planned_finish for work in self.work_orders for node in work.nodes)


_REAL_DATES: Final = "a time from 1970 to 2199"


def is_in_time(at: datetime) -> bool:
    """Whether an instant is one that a factory can mean: years 1970 to 2199."""
    return FIRST_INSTANT <= at < END_OF_TIME


def check_order(plan: OrderPlan) -> Refused | None:
    """Why the order cannot be taken as it is written, None where it can."""
    if not is_in_time(plan.promised):
        return Refused(reason=f"order {plan.order}: it is promised for no real date", accepted=_REAL_DATES)
    if not plan.work_orders:
        return Refused(reason="the order has no work order", accepted="at least one work order with at least one node")
    double = _first_double(work.work_order for work in plan.work_orders)
    if double is not None:
        return Refused(reason=f"work order {double} is there twice", accepted="each work order once")
    return next((problem for work in plan.work_orders if (problem := _check_work_order(work))), None)


def _check_work_order(work: WorkOrderPlan) -> Refused | None:
    where = f"work order {work.work_order}"
    if not work.nodes:
        return Refused(reason=f"{where} has no node", accepted="at least one node")
    double = _first_double(node.node for node in work.nodes)
    if double is not None:
        return Refused(reason=f"{where}: node {double} is there twice", accepted="each node once")
    if work.quantity < 1 or any(node.quantity < 1 for node in work.nodes):
        return Refused(reason=f"{where}: a quantity is below 1", accepted="whole pieces, 1 or more")
    known = {node.node for node in work.nodes}
    for node in work.nodes:
        if not (is_in_time(node.planned_start) and is_in_time(node.planned_finish)):
            return Refused(reason=f"{where}: node {node.node} is planned for no real date", accepted=_REAL_DATES)
        if node.planned_finish < node.planned_start:
            return Refused(reason=f"{where}: node {node.node} is planned to finish before it starts")
        missing = [code for code, _ in node.needs_within(work.work_order) if code not in known]
        if missing:
            return Refused(reason=f"{where}: node {node.node} follows {missing[0]}, which is not a node of it")
    if len(in_sequence(work.nodes, work.work_order)) != len(work.nodes):
        return Refused(
            reason=f"{where}: its nodes follow one another in a circle", accepted="predecessors without a circle"
        )
    return None


def in_sequence(nodes: tuple[NodePlan, ...], work_order: str | None = None) -> tuple[NodePlan, ...]:
    """The nodes of a work order, predecessors before successors.

    Nodes of a circle, and what follows them, are left out. What a node needs of other work orders does not matter here.
    """
    done: dict[str, NodePlan] = {}
    left = list(nodes)
    while left:
        ready = [node for node in left if all(code in done for code, _ in node.needs_within(work_order))]
        if not ready:
            break
        done.update((node.node, node) for node in ready)
        left = [node for node in left if node.node not in done]
    return tuple(done.values())


def _first_double(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
