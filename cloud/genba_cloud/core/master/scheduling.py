"""When each node of an order is planned, by its site's working time: back from the promise, or forward from now.

Capacity is not looked at here: this is the baseline that progress is measured against; what waits for whom on which
machine is the forecast's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from genba_cloud.core.master.routings import RoutingNode
from genba_cloud.core.working_time import Calendar, add, sub

_SECOND: Final = timedelta(seconds=1)


class TaskKey(NamedTuple):
    """A node of a work order."""

    work_order: str
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """`pieces` of another node must be there, and `lag_s` working seconds have passed since."""

    before: TaskKey
    pieces: int
    lag_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A node to be planned. `due`: when it must be finished at the latest."""

    key: TaskKey
    node: RoutingNode
    quantity: int
    calendar: Calendar
    due: datetime
    is_early: bool = False
    needs: tuple[Need, ...] = ()

    @property
    def duration_s(self) -> int:
        """Working seconds from its start to its finish."""
        return self.node.duration_s(self.quantity)


class Planned(NamedTuple):
    """When a task is planned."""

    start: datetime
    finish: datetime


Schedule = Mapping[TaskKey, Planned]


def in_order(tasks: Sequence[Task]) -> tuple[list[Task], tuple[TaskKey, ...]]:
    """The tasks, each after those that it needs; and the keys that wait for one another in a circle."""
    done: set[TaskKey] = set()
    found: list[Task] = []
    left = list(tasks)
    while left:
        ready = [task for task in left if all(need.before in done for need in task.needs)]
        if not ready:
            return found, tuple(task.key for task in left)
        found += ready
        done.update(task.key for task in ready)
        left = [task for task in left if task.key not in done]
    return found, ()


def forward(tasks: Sequence[Task], now: datetime) -> Schedule:
    """Each task as early as possible, none before `now`. `tasks` are in order."""
    by_key = {task.key: task for task in tasks}
    plan: dict[TaskKey, Planned] = {}
    for task in tasks:
        start = max((now, *(_ready_at(need, by_key[need.before], plan, task) for need in task.needs)))
        start = _begin_of_work(task.calendar, start) if task.duration_s else start
        last = (_last_batch_done(need, by_key[need.before], plan, task) for need in task.needs)
        plan[task.key] = Planned(start, max((add(task.calendar, start, task.duration_s), *last)))
    return plan


def backward(tasks: Sequence[Task]) -> Schedule:
    """Each task as late as its due time and those that need it allow. `tasks` are in order."""
    followers: dict[TaskKey, list[tuple[Need, Task]]] = {}
    for task in tasks:
        for need in task.needs:
            followers.setdefault(need.before, []).append((need, task))
    plan: dict[TaskKey, Planned] = {}
    for task in reversed(tasks):
        latest = (_latest_finish(task, need, other, plan) for need, other in followers.get(task.key, ()))
        finish = min((task.due, *latest))
        finish = _end_of_work(task.calendar, finish) if task.duration_s else finish
        plan[task.key] = Planned(sub(task.calendar, finish, task.duration_s), finish)
    return plan


def from_promise(tasks: Sequence[Task], now: datetime) -> Schedule:
    """What is early as early as possible, the rest as late as the due times allow.

    Where that would begin something before now, or before what it needs is there, all of it is planned from now.
    """
    early = _early(tasks)
    plan = {**backward(tasks), **forward([task for task in tasks if task.key in early], now)}
    by_key = {task.key: task for task in tasks}
    for task in tasks:
        ready = (_ready_at(need, by_key[need.before], plan, task) for need in task.needs)
        last = (_last_batch_done(need, by_key[need.before], plan, task) for need in task.needs)
        start, finish = plan[task.key]
        if start < max((now, *ready)) or finish < max((start, *last)):
            return forward(tasks, now)
    return plan


def _early(tasks: Sequence[Task]) -> set[TaskKey]:
    """Tasks that are early and need nothing but such."""
    found: set[TaskKey] = set()
    for task in tasks:
        if task.is_early and all(need.before in found for need in task.needs):
            found.add(task.key)
    return found


def _ready_at(need: Need, before: Task, plan: Schedule, task: Task) -> datetime:
    """When what is needed has arrived."""
    planned = plan[need.before]
    if need.pieces >= before.quantity:
        there = planned.finish
    else:
        there = min(planned.finish, add(before.calendar, planned.start, before.node.duration_s(need.pieces)))
    return add(task.calendar, there, need.lag_s)


def _last_batch_done(need: Need, before: Task, plan: Schedule, task: Task) -> datetime:
    """When the last pieces that are handed over have been worked on; the very beginning where all come at once."""
    if need.pieces >= before.quantity:
        return plan[need.before].finish
    last = task.node.handover_s(min(need.pieces, task.quantity))
    return add(task.calendar, plan[need.before].finish, need.lag_s + last)


def _latest_finish(task: Task, need: Need, other: Task, plan: Schedule) -> datetime:
    """When `task` must be finished so that `other`, which needs it, can keep its plan."""
    start, finish = plan[other.key]
    wanted = sub(other.calendar, start, need.lag_s)
    if need.pieces >= task.quantity:
        return wanted
    begun = sub(task.calendar, wanted, task.node.duration_s(need.pieces))
    last = other.node.handover_s(min(need.pieces, other.quantity))
    return min(add(task.calendar, begun, task.duration_s), sub(other.calendar, finish, need.lag_s + last))


def _begin_of_work(calendar: Calendar, at: datetime) -> datetime:
    """The earliest instant from `at` on at which somebody works."""
    return add(calendar, at, 1) - _SECOND


def _end_of_work(calendar: Calendar, at: datetime) -> datetime:
    """The latest instant up to `at` until which somebody works."""
    return sub(calendar, at, 1) + _SECOND
