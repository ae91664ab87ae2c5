"""Shops at random: orders with every kind of dependency, at any point of their way, and machines that they share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from genba_cloud.core.facts.plan import Dependency, NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.core.facts.views import Lifecycle, NodeFacts, WorkOrderFacts
from genba_cloud.core.forecast import OpenOrder, Shop, WorkCentre, resources_of
from genba_cloud.core.working_time import ALWAYS_WORKING, Calendar, Shift

NOW = datetime(2026, 1, 7, 3, 0, tzinfo=UTC)  # a Wednesday, 11:00 in Shanghai
DAY_SHIFT = Calendar(
    zone="Asia/Shanghai",
    weekly=((Shift.between("08:00", "17:00", breaks=[("12:00", "13:00")]),),) * 5 + ((), ()),
)
CALENDARS = {"suzhou": DAY_SHIFT, "always": ALWAYS_WORKING}


def calendar_of(site: str) -> Calendar:
    return CALENDARS[site]


_seconds = st.integers(0, 40_000)


@st.composite
def nodes(draw: st.DrawFn, work_order: str, others: list[tuple[str, str]]) -> tuple[NodePlan, ...]:
    """The nodes of a work order; each may need earlier ones of its own, and some of `others`."""
    found: list[NodePlan] = []
    for number in range(draw(st.integers(1, 4))):
        start = NOW + timedelta(seconds=draw(st.integers(-200_000, 200_000)))
        earlier = [(None, node.node) for node in found]
        sources = (
            draw(st.lists(st.sampled_from([*earlier, *others]), max_size=2, unique=True)) if found or others else []
        )
        needs = [
            Dependency(
                node=node,
                work_order=work,
                transfer_quantity=draw(st.none() | st.integers(1, 12)),
                lag_s=draw(st.sampled_from([0, 0, 3_600])),
            )
            for work, node in sources
        ]
        found.append(
            NodePlan(
                node=f"N{number}",
                quantity=draw(st.integers(1, 10)),
                planned_start=start,
                planned_finish=start + timedelta(seconds=draw(_seconds)),
                label={},
                dependencies=tuple(needs),
                setup_s=draw(st.none() | st.integers(0, 3_000)),
                piece_s=draw(st.none() | st.floats(0, 900)),
                work_centre=draw(st.sampled_from([None, "cut", "sew", "pack"])),
                stations=draw(st.sampled_from([(), (), ("S-1",), ("S-1", "S-2")])),
            )
        )
    return tuple(found)


@st.composite
def facts(draw: st.DrawFn, plan: WorkOrderPlan) -> WorkOrderFacts:
    """What may have happened to a work order; its first nodes are further than its last."""
    progress = draw(st.integers(0, len(plan.nodes)))
    seen: list[NodeFacts] = []
    for number, node in enumerate(plan.nodes):
        choices = [Lifecycle.PENDING] if number > progress else list(Lifecycle)
        lifecycle = draw(st.sampled_from(choices))
        started = NOW - timedelta(seconds=draw(_seconds)) if lifecycle is not Lifecycle.PENDING else None
        is_over = lifecycle in {Lifecycle.DONE, Lifecycle.AWAITING_CONFIRMATION}
        good = node.quantity if is_over else draw(st.integers(0, node.quantity)) if started else 0
        seen.append(
            NodeFacts(
                node=node.node,
                lifecycle=lifecycle,
                quantity=node.quantity,
                good=good,
                scrap=0,
                rework=0,
                started_at=started,
                completed_at=NOW - timedelta(seconds=60) if lifecycle is Lifecycle.DONE else None,
                on_hold=draw(st.booleans()) if lifecycle is Lifecycle.IN_PROGRESS else False,
            )
        )
    return WorkOrderFacts(work_order=plan.work_order, nodes=tuple(seen))


@st.composite
def orders(draw: st.DrawFn, number: int, known: list[tuple[str, str]]) -> OpenOrder:
    """An order of one or two work orders; its nodes may need nodes that are `known`."""
    works: list[WorkOrderPlan] = []
    for letter in "AB"[: draw(st.integers(1, 2))]:
        name = f"W{number}{letter}"
        others = [*known, *((work.work_order, node.node) for work in works for node in work.nodes)]
        works.append(
            WorkOrderPlan(
                work_order=name,
                site=draw(st.sampled_from(sorted(CALENDARS))),
                item="shirt",
                quantity=10,
                nodes=draw(nodes(name, others)),
            )
        )
    plan = OrderPlan(
        order=f"A{number}",
        system="demo",
        external_id=f"A{number}",
        customer="",
        promised=NOW + timedelta(hours=draw(st.integers(-50, 200))),
        work_orders=tuple(works),
        priority=draw(st.sampled_from([0, 0, 0, 5])),
    )
    return OpenOrder(plan=plan, facts={work.work_order: draw(facts(work)) for work in works})


@st.composite
def open_orders(draw: st.DrawFn, *, apart: bool = False) -> tuple[OpenOrder, ...]:
    """Some orders; `apart`: none needs a node of another order."""
    found: list[OpenOrder] = []
    for number in range(draw(st.integers(1, 6))):
        known = [
            (work.work_order, node.node) for order in found for work in order.plan.work_orders for node in work.nodes
        ]
        found.append(draw(orders(number, [] if apart else known)))
    return tuple(found)


CENTRES = tuple(
    WorkCentre(work_centre=name, site=site, stations={f"{site}-{name}-1": 1, f"{site}-{name}-2": machines})
    for site in sorted(CALENDARS)
    for name, machines in (("cut", 1), ("sew", 2))
)
"""`pack` is not among them: a work centre of which nobody knows a station."""


def shop_of(found: tuple[OpenOrder, ...]) -> Shop:
    """These orders with the machines above."""
    return Shop(orders=found, resources=resources_of(found, known=CENTRES), calendar_of=calendar_of)


def alone(found: tuple[OpenOrder, ...]) -> Shop:
    """These orders with a machine for each node."""
    return Shop(orders=found, calendar_of=calendar_of)
