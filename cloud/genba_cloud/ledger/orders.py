"""Orders: master data and the events that say so, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from genba_cloud.core.facts import NodePlan, OrderPlan, Refused, WorkOrderPlan, check_order
from genba_cloud.core.facts.plan_links import check_links
from genba_cloud.ledger.append import Stamp, append_own
from genba_cloud.ledger.batches import Appended
from genba_cloud.store.port import StoredOrder, Transaction
from genba_shared.clock import to_milliseconds
from genba_shared.events import BaselineFrozen, Event, OrderConfirmed, PromiseSet, Source, SourceType, WorkOrderReleased


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTaken:
    """The order as it is kept now. `created`: it was not known before."""

    plan: OrderPlan
    created: bool
    appended: Appended = field(default_factory=Appended)

    @property
    def changed(self) -> bool:
        """Whether anything about it is other than before; a new name of the customer is no event."""
        return self.plan.order in self.appended.changed.orders


def upsert_order(transaction: Transaction, plan: OrderPlan, stamp: Stamp) -> OrderTaken | Refused:
    """Take an order that is new, or changes of one that is known; the same content again changes nothing.

    Customer and promise may change, work orders may be added. The plan of a work order that is known is frozen, and one
    that is left out stays. The baseline is that of the first time.
    """
    plan = _in_milliseconds(plan)
    refused = check_order(plan)
    if refused is not None:
        return refused
    known = transaction.order_by_external(plan.system, plan.external_id)
    refused = _identity_clash(transaction, plan, known) or _work_order_clash(transaction, plan)
    if refused is not None:
        return refused
    if known is None:
        stored = StoredOrder(plan=plan, baseline_start=plan.start(), baseline_finish=plan.finish())
    else:
        there = {work.work_order for work in known.plan.work_orders}
        added = tuple(work for work in plan.work_orders if work.work_order not in there)
        stored = replace(known, plan=replace(plan, work_orders=known.plan.work_orders + added))
    refused = check_links(stored.plan)
    if refused is not None:
        return refused
    if stored == known:
        return OrderTaken(plan=stored.plan, created=False)
    transaction.put_order(stored)
    appended = append_own(transaction, list(_events(stored, known, stamp)), stamp)
    return OrderTaken(plan=stored.plan, created=known is None, appended=_with_order(appended, stored))


def _identity_clash(transaction: Transaction, plan: OrderPlan, known: StoredOrder | None) -> Refused | None:
    if known is not None and known.plan.order != plan.order:
        return Refused(
            reason=f"{plan.system}/{plan.external_id} is order {known.plan.order}, not {plan.order}",
            accepted=f"order {known.plan.order}",
            conflict=True,
        )
    other = transaction.order(plan.order) if known is None else None
    if other is None:
        return None
    return Refused(
        reason=f"order {plan.order} came from {other.plan.system}/{other.plan.external_id}",
        accepted="an order number that no other order has",
        conflict=True,
    )


def _work_order_clash(transaction: Transaction, plan: OrderPlan) -> Refused | None:
    planned = transaction.planned(work.work_order for work in plan.work_orders)
    for work in plan.work_orders:
        there = planned.get(work.work_order)
        if there is None:
            continue
        if there.order != plan.order:
            return Refused(reason=f"work order {work.work_order} belongs to order {there.order}", conflict=True)
        if there.plan != work:
            return Refused(
                reason=f"the plan of work order {work.work_order} is frozen since it was confirmed",
                accepted="the same site, item, quantity and nodes as before",
                conflict=True,
            )
    return None


def _events(stored: StoredOrder, known: StoredOrder | None, stamp: Stamp) -> Iterable[Event]:
    plan = stored.plan
    source = Source(type=SourceType.API, ref=plan.system)
    at = to_milliseconds(stamp.now)
    if known is None:
        yield OrderConfirmed(id=stamp.next_id(), at=at, source=source, order=plan.order)
    there = {work.work_order for work in known.plan.work_orders} if known else set()
    for work in plan.work_orders:
        if work.work_order not in there:
            yield WorkOrderReleased(
                id=stamp.next_id(),
                at=at,
                source=source,
                site=work.site,
                work_order=work.work_order,
                order=plan.order,
                item=work.item,
                pieces=work.quantity,
            )
    if known is None:
        start, finish = stored.baseline_start, stored.baseline_finish
        yield BaselineFrozen(id=stamp.next_id(), at=at, source=source, order=plan.order, start=start, finish=finish)
    if known is None or known.plan.promised != plan.promised:
        yield PromiseSet(id=stamp.next_id(), at=at, source=source, order=plan.order, promised=plan.promised)


def _with_order(appended: Appended, stored: StoredOrder) -> Appended:
    """The order and its work orders have changed for whoever watches them, events or not."""
    works = {work.work_order for work in stored.plan.work_orders}
    changed = replace(
        appended.changed,
        orders=appended.changed.orders | {stored.plan.order},
        work_orders=appended.changed.work_orders | works,
        dispatch=True,
    )
    return replace(appended, changed=changed)


def _in_milliseconds(plan: OrderPlan) -> OrderPlan:
    def node(plan: NodePlan) -> NodePlan:
        start, finish = (to_milliseconds(at) for at in (plan.planned_start, plan.planned_finish))
        return replace(plan, planned_start=start, planned_finish=finish, label=dict(plan.label))

    def work(plan: WorkOrderPlan) -> WorkOrderPlan:
        return replace(plan, nodes=tuple(node(one) for one in plan.nodes))

    promised: datetime = to_milliseconds(plan.promised)
    return replace(plan, promised=promised, work_orders=tuple(work(one) for one in plan.work_orders))
