"""The garment shop of the scripted week: two sites, their calendars, and sixty orders with their plans.

The week is that of New Year 2026 in China: Thursday and Friday are holidays, Sunday is a make-up day, and Nantong works
overtime on Saturday morning. Nothing here reads a clock or throws dice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from genba_cloud.core.assess import Policy
from genba_cloud.core.facts.plan import (
    Confirm,
    Criterion,
    Dependency,
    Evidence,
    MaterialNeed,
    NodePlan,
    OrderPlan,
    TeamMember,
    WorkOrderPlan,
)
from genba_cloud.core.policy import AlertLimits, SitePolicy
from genba_cloud.core.working_time import Calendar, Shift, add, sub, working_seconds

ZONE: Final = ZoneInfo("Asia/Shanghai")
FIRST_DAY: Final = date(2025, 12, 29)
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Mon2")
"""The week, and the Monday after it, on which its last orders are finished."""
SUZHOU: Final = "suzhou"
NANTONG: Final = "nantong"
HOUR: Final = 3600


def at(day: str, clock: str) -> datetime:
    """An instant by day and clock of the shop: ``at("Tue", "08:30")``."""
    local = datetime.combine(FIRST_DAY + timedelta(days=DAYS.index(day)), time.fromisoformat(clock), ZONE)
    return local.astimezone(ZoneInfo("UTC"))


def clock(instant: datetime) -> str:
    """The same the other way round: ``Tue 08:30``, with seconds where there are any."""
    local = instant.astimezone(ZONE)
    number = (local.date() - FIRST_DAY).days
    day = DAYS[number] if 0 <= number < len(DAYS) else local.date().isoformat()
    return f"{day} {local:%H:%M:%S}".removesuffix(":00")


def _day(number: int) -> date:
    return FIRST_DAY + timedelta(days=number)


def _calendar(begin: str, end: str, saturday: tuple[Shift, ...]) -> Calendar:
    usual = (Shift.between(begin, end, breaks=[("12:00", "13:00")]),)
    return Calendar(
        zone=ZONE.key,
        weekly=(usual,) * 5 + ((), ()),
        exceptions={_day(3): (), _day(4): (), _day(5): saturday, _day(6): usual},
    )


CALENDARS: Final = {
    SUZHOU: _calendar("08:00", "17:00", saturday=()),
    NANTONG: _calendar("08:30", "17:30", saturday=(Shift.between("08:30", "12:30"),)),
}
POLICY: Final = Policy(
    calendars=CALENDARS,
    sites={SUZHOU: SitePolicy(alerts=AlertLimits(wip={"sewing": 250}))},
)

ORDERS: Final = 60
SLOT_S: Final = 5400
"""Three orders begin every hour and a half of Suzhou's working time."""
TRANSPORT_S: Final = 2 * HOUR
TRANSFER: Final = 20


@dataclass(frozen=True, slots=True)
class _Step:
    node: str
    duration_s: int
    site: str = SUZHOU
    overlaps: bool = False


_AT_HOME: Final = (_Step("CUT", 2 * HOUR), _Step("SEW", 4 * HOUR), _Step("PACK", 2 * HOUR))
_OVERLAPPED: Final = (_Step("CUT", 2 * HOUR), _Step("SEW", 4 * HOUR, overlaps=True), _Step("PACK", 2 * HOUR))
_OVER_TWO_SITES: Final = (
    _Step("CUT", 2 * HOUR),
    _Step("SEW", 3 * HOUR),
    _Step("FINISH", 2 * HOUR, NANTONG),
    _Step("PACK", HOUR, NANTONG),
)

ASKED: Final[Mapping[tuple[str, str], Mapping[str, Any]]] = {
    ("W-10", "SEW"): {"evidence": Evidence.PERSON},
    ("W-20", "PACK"): {"confirm": Confirm.FOUR_EYES},
    ("W-22", "PACK"): {"criterion": Criterion.INSPECTION},
    ("W-24", "CUT"): {"evidence": Evidence.BOTH},
}
"""What the plans of some nodes ask of a claim."""
CLOTH_M: Final = {"W-25": 120.0, "W-26": 90.0}
"""Metres of denim that these orders need from the beginning."""


def begin_of_work(site: str, instant: datetime) -> datetime:
    """The first working second at or after an instant."""
    return add(CALENDARS[site], instant, 1) - timedelta(seconds=1)


def plans() -> tuple[OrderPlan, ...]:
    """The sixty orders, W-01 to W-60, in the order of their planned starts."""
    return tuple(_order(number) for number in range(1, ORDERS + 1))


def posted_at(plan: OrderPlan) -> datetime:
    """When the order comes in: a working day before it begins, at the earliest at half past seven on Monday."""
    return max(at("Mon", "07:30"), sub(CALENDARS[SUZHOU], plan.start(), 8 * HOUR))


def is_over_two_sites(number: int) -> bool:
    """Every fifth order is finished and packed at Nantong."""
    return number % 5 == 0


def quantity_of(number: int) -> int:
    """Forty, fifty or sixty pieces."""
    return 40 + 10 * ((number - 1) % 3)


def _order(number: int) -> OrderPlan:
    name = f"W-{number:02d}"
    steps = _OVER_TWO_SITES if is_over_two_sites(number) else _OVERLAPPED if number % 4 == 2 else _AT_HOME
    start = add(CALENDARS[SUZHOU], at("Mon", "08:00"), SLOT_S * ((number - 1) // 3))
    nodes: dict[str, list[NodePlan]] = {}
    before: tuple[_Step, NodePlan] | None = None
    for step in steps:
        node = _node(name, step, before, start, quantity_of(number))
        nodes.setdefault(step.site, []).append(node)
        before = (step, node)
    materials = (MaterialNeed(item="denim", amount=CLOTH_M[name], uom="m"),) if name in CLOTH_M else ()
    works = tuple(
        WorkOrderPlan(
            work_order=f"{name}/{site[0].upper()}",
            site=site,
            item="jeans",
            quantity=quantity_of(number),
            nodes=tuple(found),
            materials=materials if site == SUZHOU else (),
        )
        for site, found in nodes.items()
    )
    plan = OrderPlan(
        order=name,
        system="erp",
        external_id=name,
        customer=f"customer {number % 7}",
        promised=start,
        work_orders=works,
        team=(TeamMember(person="op-3", role="owner"),) if number % 4 == 0 else (),
    )
    return replace(plan, promised=plan.finish() + timedelta(days=1))


def _node(order: str, step: _Step, before: tuple[_Step, NodePlan] | None, start: datetime, quantity: int) -> NodePlan:
    predecessors: tuple[str, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    begin = start
    if before is not None:
        last, node = before
        begin = node.planned_finish
        if step.site != last.site:
            begin = add(CALENDARS[step.site], begin, TRANSPORT_S)
            dependencies = (Dependency(node=node.node, work_order=f"{order}/S", lag_s=TRANSPORT_S),)
        elif step.overlaps:
            begin = add(CALENDARS[step.site], node.planned_start, HOUR)
            dependencies = (Dependency(node=node.node, transfer_quantity=TRANSFER),)
        else:
            predecessors = (node.node,)
    begin = begin_of_work(step.site, begin)
    return NodePlan(
        node=step.node,
        quantity=quantity,
        planned_start=begin,
        planned_finish=add(CALENDARS[step.site], begin, step.duration_s),
        predecessors=predecessors,
        dependencies=dependencies,
        label={"en": step.node.title()},
        **ASKED.get((order, step.node), {}),
    )


def duration_of(node: NodePlan, site: str) -> int:
    """Working seconds that the node is planned to take."""
    return working_seconds(CALENDARS[site], node.planned_start, node.planned_finish)
