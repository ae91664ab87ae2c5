"""The office's plan of a new order: standard times behind everything that is still open, then some wishful thinking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from genba_sim.orders import NODES, Planned, WorkOrder
from genba_sim.settings import Node, PlanSettings, PlantSettings, Station


@dataclass(slots=True, kw_only=True)
class Progress:
    """A released work order and how many good pieces it has at each node. It is not cut before `not_before`."""

    work_order: WorkOrder
    not_before: datetime
    done: dict[Node, int] = field(default_factory=lambda: dict.fromkeys(NODES, 0))


def realistic_plan(
    new: Progress, ahead: Iterable[Progress], settings: PlantSettings, *, now: datetime
) -> Mapping[Node, Planned]:
    """When `new` will be worked on at standard times, if each station works in the order of release."""
    free: dict[Station, datetime] = dict.fromkeys(Station, now)
    for progress in ahead:
        _walk(progress, free, settings, now=now)
    return _walk(new, free, settings, now=now)


def _walk(
    progress: Progress, free: dict[Station, datetime], settings: PlantSettings, *, now: datetime
) -> dict[Node, Planned]:
    work_order = progress.work_order
    ready = max(now, progress.not_before)
    plan: dict[Node, Planned] = {}
    for node in NODES:
        left = work_order.quantity - progress.done[node]
        if left == 0:
            continue
        station = work_order.family.station_of(node)
        set_up = settings.work.set_up_s.middle if progress.done[node] == 0 else 0.0
        start = max(ready, free[station])
        work_s = set_up + left * work_order.family.cycle_s[node]
        finish = start + timedelta(seconds=work_s)
        plan[node] = Planned(start=start, finish=finish)
        free[station] = finish + timedelta(seconds=settings.work.unload_s)
        ready = free[station] + timedelta(seconds=settings.work.carry_s.middle)
    return plan


def office_plan(
    realistic: Mapping[Node, Planned], settings: PlanSettings, *, count: int, now: datetime
) -> Mapping[Node, Planned]:
    """The plan that order number `count` (from 1) is promised on: with allowance, at times too short or already old."""
    optimistic = settings.optimistic_every and count % settings.optimistic_every == 0
    stretch = settings.optimistic_share if optimistic else 1 + settings.allowance
    slip = timedelta(seconds=_late_s(settings, count))

    def moved(at: datetime) -> datetime:
        return now + timedelta(seconds=round((at - now).total_seconds() * stretch)) - slip

    return {node: Planned(start=moved(each.start), finish=moved(each.finish)) for node, each in realistic.items()}


def _late_s(settings: PlanSettings, count: int) -> float:
    late = (rule.by_s for rule in settings.late if count >= rule.first and (count - rule.first) % rule.every == 0)
    return max(late, default=0.0)
