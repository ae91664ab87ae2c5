"""Rules about sources, problems, zones, material and machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from genba_cloud.core.alerts.model import Finding, OrderSeen, Rule, Rung, Situation, SourceSeen, Strength, Why
from genba_cloud.core.facts.material import StockFacts, millionths
from genba_cloud.core.facts.plan import MaterialNeed, WorkOrderPlan
from genba_cloud.core.facts.views import Lifecycle, WorkOrderFacts
from genba_cloud.core.policy import LINE_SUPERVISOR, PLANT_ENGINEER
from genba_cloud.core.working_time import sub

CALM_WIP_PERCENT: Final = 90
"""A zone over its limit is over it until it holds at most so much of it."""


def silent_sources(situation: Situation) -> Iterator[Finding]:
    """Gateways that are not heard, and devices that do not answer theirs."""
    for source in situation.sources:
        service = situation.rules_of(source.site).service
        limit = max(service.silent_polls * source.told_s, service.silent_floor_s)
        is_silent = source.silent_s is not None and source.silent_s >= limit
        if is_silent:
            yield _silent(source, f"gateway:{source.gateway}", Strength.OPENS)
        for device, since in sorted(source.lost.items()):
            lost_s = (situation.now - since).total_seconds()
            strength = Strength.STAYS if is_silent or lost_s < service.silent_floor_s else Strength.OPENS
            yield _silent(source, f"device:{source.gateway}/{device}", strength)


def _silent(source: SourceSeen, subject: str, strength: Strength) -> Finding:
    return Finding(
        rule=Rule.SILENT_SOURCE,
        subject=subject,
        told=(PLANT_ENGINEER,),
        strength=strength,
        site=source.site or None,
    )


def problems(situation: Situation) -> Iterator[Finding]:
    """Problems: the supervisor hears of each at once; who reported it hears nothing more than that it was taken."""
    for problem in situation.problems:
        service = situation.rules_of(problem.site).service
        reason_due = problem.at + timedelta(seconds=service.reason_within_s)
        is_explained = problem.explained_at is not None
        missing = () if is_explained else service.escalates_to
        found = Finding(
            rule=Rule.PROBLEM,
            subject=f"problem:{problem.problem}",
            told=(LINE_SUPERVISOR,),
            rungs=tuple(Rung(due=reason_due, recipient=role, why=Why.CAUSE_MISSING) for role in missing),
            order=problem.order,
            site=problem.site,
            station=problem.station,
            work_order=problem.work_order,
            node=problem.node,
            note=problem.category,
        )
        yield found
        if situation.now >= problem.at + timedelta(seconds=service.problem_solved_within_s):
            told = (LINE_SUPERVISOR, *service.escalates_to)
            yield replace(found, rule=Rule.PROBLEM_OVERDUE, told=told, rungs=())


def full_zones(situation: Situation) -> Iterator[Finding]:
    """Zones that hold more pieces than a policy allows; the strictest one counts."""
    policy = situation.policy
    sites = [*sorted(policy.sites.items()), ("", policy.of_site(""))]
    for zone in situation.zones:
        limits = [(rules.alerts.wip[zone.zone], site) for site, rules in sites if zone.zone in rules.alerts.wip]
        if not limits:
            continue
        limit, site = min(limits)
        if 100 * zone.count <= CALM_WIP_PERCENT * limit:
            continue
        yield Finding(
            rule=Rule.WIP_LIMIT,
            subject=f"zone:{zone.zone}",
            told=(LINE_SUPERVISOR,),
            strength=Strength.OPENS if zone.count > limit else Strength.STAYS,
            site=site or None,
            note=f"{zone.count} > {limit}" if zone.count > limit else None,
        )


class _Need(NamedTuple):
    """What a work order still has to get of an item, and by when."""

    by: datetime
    work_order: str
    item: str
    uom: str
    amount: int
    seen: OrderSeen
    site: str
    node: str | None


def shortages(situation: Situation) -> Iterator[Finding]:
    """Material that is missing before the planned start: stock goes to whoever is planned to begin first.

    What suppliers promised until then counts as there. Of an item of which nothing was ever booked nothing is known.
    """
    left: dict[tuple[str, str], int] = {}
    for need in sorted(_needs(situation.orders), key=lambda one: (one.by, one.work_order, one.item, one.uom)):
        stock = next((one for one in situation.stock.get(need.item, ()) if one.uom == need.uom), None)
        if stock is None:
            continue
        key = (need.item, need.uom)
        taken = left.get(key, 0)
        there = _there(stock, need.by) - taken
        left[key] = taken + need.amount
        calendar = situation.policy.calendar_of(need.site)
        ahead = situation.rules_of(need.site).alerts.shortage_ahead_working_s
        if there >= need.amount or situation.now < sub(calendar, need.by, ahead):
            continue
        yield Finding(
            rule=Rule.SHORTAGE,
            subject=f"material:{need.work_order}/{need.item}",
            told=(LINE_SUPERVISOR,),
            order=need.seen.plan.order,
            site=need.site,
            work_order=need.work_order,
            node=need.node,
            note=f"{need.item}: {_amount(max(0, there))} < {_amount(need.amount)} {need.uom}",
        )


def _needs(orders: Iterable[OrderSeen]) -> Iterator[_Need]:
    for seen in orders:
        for work in seen.plan.work_orders:
            facts = seen.works.get(work.work_order)
            if facts is not None and facts.is_cancelled:
                continue
            for material in work.materials:
                need = _need(seen, work, facts, material)
                if need is not None:
                    yield need


def _need(seen: OrderSeen, work: WorkOrderPlan, facts: WorkOrderFacts | None, material: MaterialNeed) -> _Need | None:
    first = work.node(material.node) if material.node else min(work.nodes, key=lambda one: one.planned_start)
    if first is None:
        return None
    known = facts.node(first.node) if facts else None
    if known is not None and known.lifecycle is not Lifecycle.PENDING:
        return None
    got = sum(
        millionths(use.issued)
        for use in (facts.materials if facts else ())
        if (use.item, use.uom) == (material.item, material.uom)
    )
    amount = millionths(material.amount) - got
    if amount <= 0:
        return None
    return _Need(
        by=first.planned_start,
        work_order=work.work_order,
        item=material.item,
        uom=material.uom,
        amount=amount,
        seen=seen,
        site=work.site,
        node=first.node,
    )


def _there(stock: StockFacts, by: datetime) -> int:
    promised = sum(millionths(promise.open) for promise in stock.promises if promise.due <= by)
    return millionths(stock.on_hand) + promised


def _amount(in_millionths: int) -> str:
    whole, rest = divmod(in_millionths, 1_000_000)
    return str(whole) if not rest else f"{whole}.{rest:06d}".rstrip("0")


def bottlenecks(situation: Situation) -> Iterator[Finding]:
    """At each site the work centre with the most standard work waiting per machine, where that is much.

    One that is called a bottleneck already stays one until little waits there, also where another overtakes it.
    """
    worst: dict[str, tuple[int, str]] = {}
    for load in situation.loads:
        worst[load.site] = max(worst.get(load.site, (-1, "")), (load.waiting_s, load.work_centre))
    for load in situation.loads:
        limits = situation.rules_of(load.site).alerts
        is_worst = worst[load.site] == (load.waiting_s, load.work_centre)
        if load.waiting_s < limits.waiting_work_calm_s:
            continue
        yield Finding(
            rule=Rule.BOTTLENECK,
            subject=f"work_centre:{load.site}/{load.work_centre}",
            told=(LINE_SUPERVISOR,),
            strength=Strength.OPENS if is_worst and load.waiting_s >= limits.waiting_work_s else Strength.STAYS,
            site=load.site or None,
            note=f"{load.waiting_s // 3600}:{load.waiting_s % 3600 // 60:02d} h",
        )
