"""An order with lines to an order with frozen work orders: nodes, times, material, versions, links between lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from genba_cloud.core.assess import DEFAULT_POLICY, Policy
from genba_cloud.core.facts.plan import (
    Dependency,
    MaterialNeed,
    NodePlan,
    OrderPlan,
    Refused,
    WorkOrderPlan,
    is_in_time,
)
from genba_cloud.core.master.configurations import Configuration, Resolved, resolve
from genba_cloud.core.master.forms import first_twice
from genba_cloud.core.master.goods import Bom, Instruction, Item
from genba_cloud.core.master.orders import DEFAULT_ROUTING, DEFAULT_SITE, LineLink, LineWanted, OrderWanted, PlanFrom
from genba_cloud.core.master.places import Site
from genba_cloud.core.master.routings import Placing, Routing, RoutingNode
from genba_cloud.core.master.scheduling import Need, Schedule, Task, TaskKey, forward, from_promise, in_order
from genba_cloud.core.working_time import Calendar

LONGEST_NODE_S: Final = 10 * 31_536_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Versioned:
    """A template in one of its versions."""

    routing: Routing
    version: int

    @property
    def reference(self) -> str:
        """``garment@2``."""
        return f"{self.routing.routing}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The master data that an order is planned with. `routings` are by the word that names them (``garment@2``, too).

    `instructions` are those that are in force, with their versions. `known_routings`: what is offered where a template
    is not known.
    """

    routings: Mapping[str, Versioned]
    items: Mapping[str, Item] = field(default_factory=dict)
    boms: Mapping[str, Bom] = field(default_factory=dict)
    sites: Mapping[str, Site] = field(default_factory=dict)
    policy: Policy = DEFAULT_POLICY
    instructions: tuple[tuple[Instruction, int], ...] = ()
    configurations: Mapping[str, Configuration] = field(default_factory=dict)
    usual_site: str | None = None
    known_routings: tuple[str, ...] = ()

    def site_for(self, line: LineWanted, item: str) -> str | Refused:
        """Where the line is made: as it says, else as the item says, else the usual or the only site."""
        known = self.items.get(item)
        site = line.site or (known.site if known else None) or self.usual_site
        if site is None and len(self.sites) < 2:
            site = next(iter(self.sites), DEFAULT_SITE)
        names = ", ".join(sorted(self.sites))
        if site is None:
            return Refused(
                reason=f"line {line.line}: nothing says at which site it is made", accepted=f"one of {names}"
            )
        if self.sites and site not in self.sites:
            return Refused(reason=f"line {line.line}: site {site} is not known", accepted=f"one of {names}")
        return site

    def transport_s(self, start: str, end: str) -> int:
        """Working seconds that goods need from one site to another."""
        here = self.sites.get(start)
        return here.transport.get(end, 0) if here and start != end else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line with everything that it is planned by."""

    wanted: LineWanted
    work_order: str
    item: str
    site: str
    template: Versioned
    routing: Routing
    parameters: Mapping[str, str]
    bom: Bom | None
    calendar: Calendar
    due: datetime

    def first_late(self) -> str:
        """The first node that is not planned early."""
        late = (node.node for node in self.routing.nodes if node.plan is Placing.LATE)
        return next(late, self.routing.nodes[0].node)


def plan_order(wanted: OrderWanted, shop: Shop, now: datetime) -> OrderPlan | Refused:
    """The order with the work orders that its lines become, frozen as of now."""
    refused = _check(wanted)
    if refused is not None:
        return refused
    lines: list[_Line] = []
    for line in wanted.lines:
        found = _line_of(line, wanted, shop)
        if isinstance(found, Refused):
            return found
        lines.append(found)
    tasks = _tasks(lines, shop)
    if isinstance(tasks, Refused):
        return tasks
    schedule = _scheduled(tasks, wanted, now)
    if isinstance(schedule, Refused):
        return schedule
    by_key = {task.key: task for task in tasks}
    return OrderPlan(
        order=wanted.order,
        system=wanted.system,
        external_id=wanted.external_id,
        customer=wanted.customer,
        promised=wanted.promised,
        work_orders=tuple(_work_order(line, by_key, schedule, shop) for line in lines),
        priority=wanted.priority,
        team=wanted.team,
    )


def _check(wanted: OrderWanted) -> Refused | None:
    if not wanted.lines:
        return Refused(reason="the order has no line", accepted="at least one line with item and quantity")
    double = first_twice([line.line for line in wanted.lines])
    if double is not None:
        return Refused(reason=f"line {double} is there twice", accepted="each line once")
    dates = (wanted.promised, *(line.due for line in wanted.lines if line.due is not None))
    if not all(is_in_time(at) for at in dates):
        return Refused(reason=f"order {wanted.order}: it is promised for no real date", accepted="1970 to 2199")
    return None


def _line_of(line: LineWanted, wanted: OrderWanted, shop: Shop) -> _Line | Refused:
    resolved = _resolved(line, shop)
    if isinstance(resolved, Refused):
        return resolved
    item = line.item or (resolved.item if resolved else None)
    if item is None:
        return Refused(reason=f"line {line.line}: what is made?", accepted="item, or configuration with choices")
    if resolved is not None and item != resolved.item:
        return Refused(reason=f"line {line.line}: {item} is not what is configured", accepted=f"item {resolved.item}")
    site = shop.site_for(line, item)
    if isinstance(site, Refused):
        return site
    known = shop.items.get(item)
    reference = line.routing or (resolved.routing if resolved else None) or (known.routing if known else None)
    template = shop.routings.get(reference or DEFAULT_ROUTING)
    if template is None:
        names = ", ".join(shop.known_routings)
        return Refused(reason=f"line {line.line}: routing {reference} is not known", accepted=f"one of {names}")
    usual = shop.boms.get(item)
    return _Line(
        wanted=line,
        work_order=line.work_order_of(wanted.order),
        item=item,
        site=site,
        template=template,
        routing=resolved.on(template.routing) if resolved else template.routing,
        parameters={**(resolved.parameters if resolved else {}), **line.parameters},
        bom=resolved.bom(usual) if resolved else usual,
        calendar=shop.policy.calendar_of(site),
        due=line.due or wanted.promised,
    )


def _resolved(line: LineWanted, shop: Shop) -> Resolved | Refused | None:
    if line.configuration is None:
        return None
    configuration = shop.configurations.get(line.configuration)
    if configuration is None:
        names = ", ".join(sorted(shop.configurations)) or "none is there yet"
        return Refused(
            reason=f"line {line.line}: configuration {line.configuration} is not known", accepted=f"one of: {names}"
        )
    resolved = resolve(configuration, line.choices)
    return resolved if isinstance(resolved, Resolved) else resolved[0].refused()


def _tasks(lines: list[_Line], shop: Shop) -> list[Task] | Refused:
    by_line = {line.wanted.line: line for line in lines}
    tasks: list[Task] = []
    for line in lines:
        links: dict[str, list[Need]] = {}
        for link in line.wanted.after:
            linked = _link(line, link, by_line, shop)
            if isinstance(linked, Refused):
                return linked
            to, need = linked
            links.setdefault(to, []).append(need)
        for node in line.routing.nodes:
            task = _task(line, node, tuple(links.get(node.node, ())))
            if task.duration_s > LONGEST_NODE_S:
                return Refused(
                    reason=f"line {line.wanted.line}: node {node.node} would take longer than ten years",
                    accepted="fewer pieces, or more `machines` in the routing",
                )
            tasks.append(task)
    ordered, circle = in_order(tasks)
    if circle:
        said = ", ".join(f"{key.work_order}/{key.node}" for key in circle[:5])
        return Refused(reason=f"nodes wait for one another in a circle: {said}", accepted="`after` without a circle")
    return ordered


def _link(line: _Line, link: LineLink, by_line: Mapping[str, _Line], shop: Shop) -> tuple[str, Need] | Refused:
    where = f"line {line.wanted.line}: after"
    other = by_line.get(link.line)
    if other is None:
        names = ", ".join(name for name in by_line if name != line.wanted.line) or "there is no other"
        return Refused(reason=f"{where} names line {link.line}, which is not there", accepted=f"a line of it: {names}")
    node = link.node or other.routing.nodes[-1].node
    to = link.to or line.first_late()
    for code, owner in ((node, other), (to, line)):
        if owner.routing.node(code) is None:
            names = ", ".join(one.node for one in owner.routing.nodes)
            return Refused(reason=f"{where}: {code} is no node of {owner.work_order}", accepted=f"one of {names}")
    pieces = min(link.transfer or other.wanted.quantity, other.wanted.quantity)
    lag = shop.transport_s(other.site, line.site) if link.transport_s is None else link.transport_s
    return to, Need(before=TaskKey(other.work_order, node), pieces=pieces, lag_s=lag)


def _task(line: _Line, node: RoutingNode, links: tuple[Need, ...]) -> Task:
    quantity = line.wanted.quantity
    own = (
        Need(
            before=TaskKey(line.work_order, after.node),
            pieces=min(after.transfer or quantity, quantity),
            lag_s=after.lag_s,
        )
        for after in line.routing.waits_for(node.node)
    )
    return Task(
        key=TaskKey(line.work_order, node.node),
        node=node,
        quantity=quantity,
        calendar=line.calendar,
        due=line.due,
        is_early=node.plan is Placing.EARLY,
        needs=(*own, *links),
    )


def _scheduled(tasks: list[Task], wanted: OrderWanted, now: datetime) -> Schedule | Refused:
    try:
        return forward(tasks, now) if wanted.plan is PlanFrom.NOW else from_promise(tasks, now)
    except OverflowError:
        return Refused(reason=f"order {wanted.order} would end after the year 9999", accepted="fewer pieces")


def _work_order(line: _Line, tasks: Mapping[TaskKey, Task], schedule: Schedule, shop: Shop) -> WorkOrderPlan:
    return WorkOrderPlan(
        work_order=line.work_order,
        site=line.site,
        item=line.item,
        quantity=line.wanted.quantity,
        nodes=tuple(_node(line, node, tasks, schedule, shop) for node in line.routing.nodes),
        routing=line.template.reference,
        parameters=line.parameters,
        due=line.wanted.due,
        materials=tuple(_materials(line)),
    )


def _node(line: _Line, node: RoutingNode, tasks: Mapping[TaskKey, Task], schedule: Schedule, shop: Shop) -> NodePlan:
    task = tasks[TaskKey(line.work_order, node.node)]
    planned = schedule[task.key]
    whole = [need for need in task.needs if _is_plain(need, task, tasks)]
    return NodePlan(
        node=node.node,
        quantity=task.quantity,
        planned_start=planned.start,
        planned_finish=planned.finish,
        predecessors=tuple(need.before.node for need in whole),
        label=node.label,
        dependencies=tuple(_dependency(need, task, tasks) for need in task.needs if need not in whole),
        criterion=node.criterion,
        evidence=node.evidence,
        confirm=node.confirm,
        scope=node.scope,
        steps=node.steps,
        setup_s=node.setup_s,
        piece_s=node.piece_s,
        work_centre=node.work_centre,
        stations=node.stations,
        key=node.key,
        visible_to=node.visible_to,
        instructions=tuple(_instructions(line, node, shop)),
    )


def _is_plain(need: Need, task: Task, tasks: Mapping[TaskKey, Task]) -> bool:
    """Whether it is everything of another node of the same work order, at once."""
    is_whole = need.pieces >= tasks[need.before].quantity
    return need.before.work_order == task.key.work_order and is_whole and not need.lag_s


def _dependency(need: Need, task: Task, tasks: Mapping[TaskKey, Task]) -> Dependency:
    is_whole = need.pieces >= tasks[need.before].quantity
    is_own = need.before.work_order == task.key.work_order
    return Dependency(
        node=need.before.node,
        work_order=None if is_own else need.before.work_order,
        transfer_quantity=None if is_whole else need.pieces,
        lag_s=need.lag_s,
    )


def _instructions(line: _Line, node: RoutingNode, shop: Shop) -> Iterator[str]:
    """What people read at the node: what the routing names, and what says that it belongs there, by version."""
    named = set(node.instructions)
    for instruction, version in shop.instructions:
        if instruction.instruction in named or instruction.belongs_to(line.item, node.node):
            yield f"{instruction.instruction}@{version}"


def _materials(line: _Line) -> Iterator[MaterialNeed]:
    for part in line.bom.lines if line.bom else ():
        node = part.node if part.node is not None and line.routing.node(part.node) else None
        amount = part.needed_for(line.wanted.quantity)
        yield MaterialNeed(item=part.item, amount=amount, uom=part.uom, node=node)
