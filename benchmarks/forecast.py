"""How long one look at a shop takes: every open node forecast behind every other, in working time.

    genba bench forecast [--orders 1000] [--rounds 5]

Orders of 7 nodes each with set-up and piece times, over 7 work centres of 3 machines that work one shift with a break,
five days a week; a third of the orders is late already, so that queues are long. Beside it the limit: the same orders
walked one by one, as if nobody else needed a machine. `growth` is the time for each node at the whole number of orders
÷ that at a quarter of them: 1.0 is linear. Time is CPU time of this process; the middle one of the rounds counts.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from genba_cloud.core.facts import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.core.forecast import OpenOrder, Shop, WorkCentre, forecast_by_due_date, queues_now, resources_of, walk
from genba_cloud.core.working_time import Calendar, Shift, add

NODES: Final = 7
MACHINES: Final = 3
NOW: Final = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
CALENDAR: Final = Calendar(
    zone="Asia/Shanghai",
    weekly=((Shift.between("08:00", "17:00", breaks=[("12:00", "13:00")]),),) * 5 + ((), ()),
)
GOALS: Final = {"forecast_ms": 1000.0, "growth": 1.5}
"""The most that a figure may be, with 1,000 orders."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table and the last line."""
    parser = argparse.ArgumentParser(
        prog="genba bench forecast", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--orders", type=int, default=1000, help="open orders")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the middle one counts")
    args = parser.parse_args(arguments)
    print(f"{'open nodes':>12}{'forecast':>12}{'queues':>12}{'walked alone':>14}   milliseconds of CPU")
    quarter = _figures(shop_of(max(1, args.orders // 4)), args.rounds)
    figures = _figures(shop_of(args.orders), args.rounds)
    figures["growth"] = figures["forecast_ms"] / figures["nodes"] * quarter["nodes"] / quarter["forecast_ms"]
    missed = [f"{name} {figures[name]:,.2f} > {most:,.2f}" for name, most in GOALS.items() if figures[name] > most]
    if missed:
        print(f"\nmissed: {', '.join(missed)}")
    print("\nforecast: " + " ".join(f"{name}={value:.2f}" for name, value in figures.items()), flush=True)
    return 0


def _figures(shop: Shop, rounds: int) -> dict[str, float]:
    told = forecast_by_due_date(shop, NOW)
    figures = {
        "nodes": float(len(told.nodes)),
        "forecast_ms": _milliseconds(lambda: forecast_by_due_date(shop, NOW), rounds),
        "queues_ms": _milliseconds(lambda: queues_now(shop, told), rounds),
        "limit_ms": _milliseconds(lambda: _walk_all(shop), rounds),
    }
    nodes, forecast, queues, limit = figures.values()
    print(f"{nodes:12,.0f}{forecast:12.1f}{queues:12.1f}{limit:14.1f}", flush=True)
    return figures


def shop_of(orders: int, *, seed: int = 1) -> Shop:
    """A shop of that many open orders; its machines have work for as long, whatever their number."""
    chance = random.Random(seed)
    opened = tuple(_order(number, orders, chance) for number in range(orders))
    centres = [
        WorkCentre(
            work_centre=f"C-{number}",
            site="suzhou",
            stations={f"C-{number}-{machine}": 1 for machine in range(1, 1 + MACHINES * max(1, orders // 250))},
        )
        for number in range(NODES)
    ]
    return Shop(orders=opened, resources=resources_of(opened, known=centres), calendar_of=lambda site: CALENDAR)


def _order(number: int, orders: int, chance: random.Random) -> OpenOrder:
    begin = NOW + timedelta(hours=chance.randint(-10 * 24, 20 * 24))
    nodes: list[NodePlan] = []
    for index in range(NODES):
        finish = add(CALENDAR, begin, 3600 * chance.randint(1, 6))
        nodes.append(
            NodePlan(
                node=f"N{index}",
                quantity=chance.randint(1, 50),
                planned_start=begin,
                planned_finish=finish,
                predecessors=(f"N{index - 1}",) if index else (),
                label={},
                setup_s=600,
                piece_s=90.0,
                work_centre=f"C-{chance.randrange(NODES) if index == 3 else index}",
            )
        )
        begin = finish
    work = WorkOrderPlan(work_order=f"W{number}", site="suzhou", item="part", quantity=50, nodes=tuple(nodes))
    plan = OrderPlan(
        order=f"A{number:0{len(str(orders))}}",
        system="bench",
        external_id=f"A{number}",
        customer="",
        promised=begin + timedelta(days=chance.randint(1, 5)),
        work_orders=(work,),
    )
    return OpenOrder(plan=plan, facts={})


def _walk_all(shop: Shop) -> None:
    for order in shop.orders:
        walk(order, NOW, shop.calendar_of)


def _milliseconds(work: Callable[[], object], rounds: int) -> float:
    spent: list[float] = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        spent.append(1000 * (time.process_time() - begun))
    return statistics.median(spent)


if __name__ == "__main__":
    raise SystemExit(main())
