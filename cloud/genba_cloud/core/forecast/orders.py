"""An order as a forecast sees it: its nodes over all of its work orders, with plan, facts and calendar."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from genba_cloud.core.facts.plan import Dependency, NodePlan, OrderPlan
from genba_cloud.core.facts.views import Lifecycle, NodeFacts, WorkOrderFacts
from genba_cloud.core.forecast.remaining import OPEN, Remaining, remaining_of
from genba_cloud.core.working_time import Calendar, add, working_seconds

_SECOND: Final = timedelta(seconds=1)
CalendarOf = Callable[[str], Calendar]
"""The calendar of a site."""


class NodeKey(NamedTuple):
    """A node of a work order."""

    work_order: str
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """An order with the facts of its work orders, by their ids; one without facts has not begun."""

    plan: OrderPlan
    facts: Mapping[str, WorkOrderFacts]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNode:
    """A node with everything that its times depend on. `left` is None where no work is left to do."""

    key: NodeKey
    site: str
    plan: NodePlan
    facts: NodeFacts
    calendar: Calendar
    left: Remaining | None
    needs: tuple[tuple[NodeKey, Dependency], ...]

    @property
    def is_started(self) -> bool:
        """Whether somebody works on it; one on hold has given its machine back."""
        return self.facts.lifecycle is Lifecycle.IN_PROGRESS and not self.facts.on_hold

    def over_at(self, now: datetime) -> datetime:
        """When its work ended; one that awaits confirmation ends now: the confirmation cannot lie in the past."""
        return (self.facts.completed_at if self.facts.lifecycle is Lifecycle.DONE else None) or now

    def released_at(self, now: datetime) -> datetime:
        """Before this it does not begin, whatever is there for it."""
        is_begun = self.facts.lifecycle is Lifecycle.IN_PROGRESS
        return now if is_begun else max(now, self.plan.planned_start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """When a node begins and ends, or did."""

    begin: datetime
    finish: datetime


def planned_nodes(order: OpenOrder, now: datetime, calendar_of: CalendarOf) -> dict[NodeKey, PlannedNode]:
    """Every planned node of an order, in the order of its routings."""
    found: dict[NodeKey, PlannedNode] = {}
    for work in order.plan.work_orders:
        seen = order.facts.get(work.work_order)
        facts = {node.node: node for node in seen.nodes} if seen else {}
        calendar = calendar_of(work.site)
        is_cancelled = seen is not None and seen.is_cancelled
        for plan in work.nodes:
            key = NodeKey(work.work_order, plan.node)
            own = facts.get(plan.node) or untouched(plan)
            is_open = own.lifecycle in OPEN and not is_cancelled
            found[key] = PlannedNode(
                key=key,
                site=work.site,
                plan=plan,
                facts=own,
                calendar=calendar,
                left=remaining_of(plan, own, now, calendar) if is_open else None,
                needs=tuple((NodeKey(need.work_order or work.work_order, need.node), need) for need in plan.needs()),
            )
    return found


def untouched(plan: NodePlan) -> NodeFacts:
    """The facts of a node of which nothing was heard."""
    return NodeFacts(node=plan.node, lifecycle=Lifecycle.PENDING, quantity=plan.quantity, good=0, scrap=0, rework=0)


def there_at(need: Dependency, source: PlannedNode, now: datetime) -> datetime | None:
    """Since when what is needed of `source` is there; None: it is not. Without the lag.

    Of pieces that were handed over while it runs nobody noted the instant: they were made at an even pace.
    """
    if source.left is None:
        return source.over_at(now)
    wanted = source.left.quantity if need.transfer_quantity is None else need.transfer_quantity
    if source.facts.good < min(wanted, source.left.quantity):
        return None
    begun = source.facts.started_at or now
    worked = max(0, working_seconds(source.calendar, begun, now))
    return min(now, add(source.calendar, begun, worked * wanted // max(1, source.facts.good)))


def arrives_at(need: Dependency, source: PlannedNode, times: Times) -> datetime:
    """When what is needed of an open `source` will be there. Without the lag."""
    if source.left is None or need.transfer_quantity is None:
        return times.finish
    return add(source.calendar, times.begin, source.left.until(need.transfer_quantity))


def lagged(need: Dependency, there: datetime, calendar: Calendar) -> datetime:
    """When a node may begin for which something is there since then; `calendar` is of the node."""
    return add(calendar, there, need.lag_s) if need.lag_s else there


def goes_on_with(node: PlannedNode, need: Dependency, source: PlannedNode) -> bool:
    """Whether `source` still runs while the node does, lot by lot: it then begins no earlier than that goes on."""
    overlaps = need.transfer_quantity is not None and source.left is not None
    return overlaps and (source.is_started or not node.is_started)


def finish_of(node: PlannedNode, begin: datetime, overlapped: Iterable[tuple[Dependency, datetime]]) -> datetime:
    """When a node ends that begins then.

    `overlapped` are those predecessors that it goes on with, each with its finish: the last transfer lot of each still
    has to go through it.
    """
    left = node.left
    if left is None:
        return begin
    finish = add(node.calendar, begin, left.seconds)
    for need, ends in overlapped:
        if need.transfer_quantity is not None:
            last_lot = left.of_the_last(need.transfer_quantity)
            finish = max(finish, add(node.calendar, ends, need.lag_s + last_lot))
    return finish


def work_from(calendar: Calendar, at: datetime, seconds: int) -> datetime:
    """The instant at or after `at` at which work of that length really begins: in working time."""
    if seconds <= 0:
        return at
    # one second of work ends a second after the instant that is sought
    return max(at, add(calendar, at, 1) - _SECOND)


def in_sequence(nodes: Mapping[NodeKey, PlannedNode]) -> Sequence[PlannedNode]:
    """Every node after those that it needs; what runs in a circle comes last, as it stands in the routing."""
    return list(nodes.values()) if _is_in_sequence(nodes) else _sorted(nodes)


def _is_in_sequence(nodes: Mapping[NodeKey, PlannedNode]) -> bool:
    """Whether they stand in their sequence already, as nearly every routing does."""
    placed: set[NodeKey] = set()
    for key, node in nodes.items():
        if any(source in nodes and source not in placed for source, _ in node.needs):
            return False
        placed.add(key)
    return True


def _sorted(nodes: Mapping[NodeKey, PlannedNode]) -> Sequence[PlannedNode]:
    unmet = {key: sum(1 for source, _ in node.needs if source in nodes) for key, node in nodes.items()}
    followers: dict[NodeKey, list[NodeKey]] = {}
    for key, node in nodes.items():
        for source, _ in node.needs:
            followers.setdefault(source, []).append(key)
    ready = [key for key, count in unmet.items() if count == 0]
    for key in ready:  # it grows while it is read
        for follower in followers.get(key, ()):
            unmet[follower] -= 1
            if unmet[follower] == 0:
                ready.append(follower)
    placed = set(ready)
    return [nodes[key] for key in (*ready, *(key for key in nodes if key not in placed))]
