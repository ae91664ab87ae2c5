"""Orders with lines: planned when they come for the first time, and frozen from then on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from genba_cloud.core.facts import OrderPlan, Refused, WorkOrderPlan
from genba_cloud.core.facts.plan import check_order
from genba_cloud.core.master.configurations import Configuration
from genba_cloud.core.master.goods import Item
from genba_cloud.core.master.kinds import MasterKind
from genba_cloud.core.master.orders import DEFAULT_ROUTING, LineWanted, OrderWanted
from genba_cloud.core.master.places import Enterprise
from genba_cloud.core.master.planning import Shop, Versioned, plan_order
from genba_cloud.ledger.append import Stamp
from genba_cloud.ledger.master import Book, keep_built_in, together
from genba_cloud.ledger.orders import OrderTaken, upsert_order
from genba_cloud.store.port import StoredOrder, Transaction
from genba_shared.events import Source, SourceType

_SYSTEM: Final = Source(type=SourceType.SYSTEM, ref="planner")


def take_order(transaction: Transaction, wanted: OrderWanted, stamp: Stamp, book: Book) -> OrderTaken | Refused:
    """Take an order by its lines. A line that is known is frozen: the same again changes nothing, other content is a
    conflict; lines that are new are planned and added.
    """
    known = transaction.order_by_external(wanted.system, wanted.external_id)
    kept = {work.work_order: work for work in known.plan.work_orders} if known else {}
    for line in wanted.lines:
        work = kept.get(line.work_order_of(wanted.order))
        refused = _differs(line, work) if work is not None else None
        if refused is not None:
            return refused
    if known is not None and all(line.work_order_of(wanted.order) in kept for line in wanted.lines):
        return upsert_order(transaction, _again(wanted, known), stamp)
    plan = plan_order(wanted, shop_for(book, [wanted]), stamp.now)
    if isinstance(plan, Refused):
        return plan
    works = tuple(kept.get(work.work_order, work) for work in plan.work_orders)
    plan = replace(plan, work_orders=works)
    refused = check_order(plan)
    if refused is not None:
        return refused
    taken = upsert_order(transaction, plan, stamp)
    if isinstance(taken, Refused):
        return taken
    used = {work.routing.partition("@")[0] for work in works if work.routing is not None}
    templates = [keep_built_in(transaction, name, _SYSTEM, stamp) for name in sorted(used)]
    return replace(taken, appended=together((taken.appended, *templates)))


def shop_for(book: Book, wanted: Iterable[OrderWanted]) -> Shop:
    """The master data that these orders are planned with."""
    lines = [line for order in wanted for line in order.lines]
    configurations = {
        name: found[0]
        for name in {line.configuration for line in lines if line.configuration}
        if (found := book.get(MasterKind.CONFIGURATIONS, name)) is not None
    }
    names = {line.item for line in lines if line.item} | {one.item for one in configurations.values()}
    items = {name: found[0] for name in names if (found := book.get(MasterKind.ITEMS, name)) is not None}
    boms = {name: found[0] for name in names if (found := book.get(MasterKind.BOMS, name)) is not None}
    templates = {name: _template(book, name) for name in _references(lines, items.values(), configurations.values())}
    enterprises: Iterable[Enterprise] = book.everything(MasterKind.ENTERPRISES).values()
    return Shop(
        routings={name: template for name, template in templates.items() if template is not None},
        items=items,
        boms=boms,
        sites=book.everything(MasterKind.SITES),
        policy=book.policy(),
        instructions=book.versions(MasterKind.INSTRUCTIONS),
        configurations=configurations,
        usual_site=next((one.site for one in enterprises if one.site), None),
        known_routings=tuple(book.names(MasterKind.ROUTINGS)),
    )


def _references(
    lines: Iterable[LineWanted], items: Iterable[Item], configurations: Iterable[Configuration]
) -> Iterator[str]:
    yield DEFAULT_ROUTING
    yield from (line.routing for line in lines if line.routing)
    yield from (item.routing for item in items if item.routing)
    for one in configurations:
        options = (option for module in one.modules for option in module.options)
        yield from (routing for routing in (one.routing, *(option.routing for option in options)) if routing)


def _template(book: Book, reference: str) -> Versioned | None:
    name, at, number = reference.partition("@")
    if not at:
        newest = book.get(MasterKind.ROUTINGS, name)
        return Versioned(routing=newest[0], version=newest[1]) if newest else None
    if not (number.isascii() and number.isdigit() and 0 < len(number) < 9):
        return None
    routing = book.version(MasterKind.ROUTINGS, name, int(number))
    return Versioned(routing=routing, version=int(number)) if routing else None


def _again(wanted: OrderWanted, known: StoredOrder) -> OrderPlan:
    """The known order with what may change about it."""
    return replace(
        known.plan,
        order=wanted.order,
        customer=wanted.customer,
        promised=wanted.promised,
        priority=wanted.priority,
        team=wanted.team,
    )


def _differs(line: LineWanted, work: WorkOrderPlan) -> Refused | None:
    """Why the line is not the work order that it became, None where it is."""
    other = next(_differences(line, work), None)
    if other is None:
        return None
    return Refused(
        reason=f"the plan of work order {work.work_order} is frozen since it was confirmed: {other}",
        accepted="the same item, quantity, site, routing and parameters as before, or a new line",
        conflict=True,
    )


def _differences(line: LineWanted, work: WorkOrderPlan) -> Iterator[str]:
    if line.quantity != work.quantity:
        yield f"its quantity is {work.quantity}, not {line.quantity}"
    if line.item is not None and line.item != work.item:
        yield f"its item is {work.item}, not {line.item}"
    if line.site is not None and line.site != work.site:
        yield f"its site is {work.site}, not {line.site}"
    if line.routing is not None and line.routing not in (work.routing, (work.routing or "").partition("@")[0]):
        yield f"its routing is {work.routing or 'its own'}, not {line.routing}"
    if line.due is not None and line.due != work.due:
        yield "it is due at another time"
    for name, value in {**line.choices, **line.parameters}.items():
        if work.parameters.get(name) != value:
            yield f"{name} is {work.parameters.get(name, 'not set')}, not {value}"
