"""Figures of whole orders: how long they take, and whether they keep what was promised and planned."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from genba_cloud.core.facts.plan import in_sequence
from genba_cloud.core.kpis.model import Figure, Kpi, OrderSeen, Period, Unit, finished_in, mean, ratio


def lead_time(orders: Iterable[OrderSeen], period: Period) -> Figure:
    """Mean time from the order's confirmation to the end of its last node, of orders finished in the period.

    It is elapsed time, nights and weekends included: that is how long a customer waits.
    """
    times = [
        (order.finished_at - order.confirmed_at).total_seconds()
        for order in finished_in(orders, period)
        if order.finished_at is not None and order.confirmed_at is not None and order.confirmed_at <= order.finished_at
    ]
    elements = {"median_s": median(times), "longest_s": max(times)} if times else {}
    return Figure(kpi=Kpi.LEAD_TIME, unit=Unit.SECONDS, value=mean(times), counted=len(times), elements=elements)


def promise_attainment(orders: Iterable[OrderSeen], period: Period) -> Figure:
    """Share of the orders finished in the period that were finished on or before the promise that counts."""
    promised = [order for order in finished_in(orders, period) if order.promised is not None]
    kept = sum(_is_kept(order) for order in promised)
    return Figure(
        kpi=Kpi.PROMISE_ATTAINMENT,
        unit=Unit.SHARE,
        value=ratio(kept, len(promised)),
        counted=len(promised),
        elements={"kept": kept, "finished": len(promised)},
    )


def _is_kept(order: OrderSeen) -> bool:
    return order.promised is not None and order.finished_at is not None and order.finished_at <= order.promised


def on_time(orders: Iterable[OrderSeen], period: Period) -> Figure:
    """Share of the orders finished in the period that were no later than their first baseline and its tolerance."""
    finished = [order for order in finished_in(orders, period) if order.late_s is not None]
    kept = sum(order.late_s is not None and order.late_s <= order.tolerance_s for order in finished)
    late = [order.late_s for order in finished if order.late_s is not None and order.late_s > order.tolerance_s]
    elements = {"on_time": kept, "finished": len(finished)}
    return Figure(
        kpi=Kpi.ON_TIME,
        unit=Unit.SHARE,
        value=ratio(kept, len(finished)),
        counted=len(finished),
        elements={**elements, "mean_late_s": sum(late) / len(late)} if late else elements,
    )


def throughput_rate(orders: Iterable[OrderSeen], period: Period) -> Figure:
    """ISO 22400-2: PQ / AOET. Pieces of the orders finished in the period by the hours from first start to finish."""
    produced, execution_s, counted = 0, 0.0, 0
    for order in finished_in(orders, period):
        begun, finished = order.begun_at, order.finished_at
        if begun is not None and finished is not None and begun < finished:
            produced += pieces_of(order)
            execution_s += (finished - begun).total_seconds()
            counted += 1
    return Figure(
        kpi=Kpi.THROUGHPUT_RATE,
        unit=Unit.PIECES_PER_HOUR,
        value=ratio(produced, execution_s / 3600),
        counted=counted,
        elements={"PQ": produced, "AOET_s": execution_s} if counted else {},
    )


def pieces_of(order: OrderSeen) -> int:
    """What an order made: good, scrap and rework pieces of the last node of each of its work orders."""
    total = 0
    for work_order in dict.fromkeys(node.work_order for node in order.nodes):
        nodes = {node.plan.node: node for node in order.nodes if node.work_order == work_order}
        sequence = in_sequence(tuple(node.plan for node in nodes.values()), work_order)
        if sequence:
            facts = nodes[sequence[-1].node].facts
            total += facts.good + facts.scrap + facts.rework
    return total
