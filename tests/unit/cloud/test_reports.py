"""The morning meeting and the weekly review, put together from orders, events and what people answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from genba_cloud.core.assess import AssessedOrder
from genba_cloud.core.deviation import Deviation, Level
from genba_cloud.core.facts.response import AlertFacts, ProblemFacts, TaskFacts
from genba_cloud.core.kpis import Period
from genba_cloud.core.order_list import line_of
from genba_cloud.core.reports import (
    CauseShare,
    MorningReport,
    Trouble,
    WeeklyReport,
    morning_report,
    weekly_report,
    with_trouble,
)
from genba_cloud.core.reports.answers import Answer, answer_of, worst_node
from genba_cloud.core.reports.morning import MOST_ORDERS, changes_of, levels_at
from genba_shared.events import (
    DispatchOpened,
    EpisodeClosed,
    EpisodeEscalated,
    EpisodeOpened,
    Event,
    NodeCompleted,
    OrderConfirmed,
    OrderHeld,
    PromiseSet,
    Source,
    SourceType,
)
from tests.unit.cloud.test_order_list import DONE, NOW, PENDING, RUNNING, assessed

SYSTEM = Source(type=SourceType.SYSTEM, ref="assessor")
SINCE = NOW - timedelta(days=1)
WEEK = Period(begin=NOW - timedelta(days=7), end=NOW)


def standing(number: str, level: Level = Level.NONE, late_s: int = 0, *, done: bool = False) -> AssessedOrder:
    order = assessed(number, *((DONE,) * 3 if done else (RUNNING, PENDING, PENDING)))
    deviation = Deviation(late_s=late_s, lead_s=10_000)
    return replace(order, assessment=replace(order.assessment, level=level, deviation=deviation))


def opened(order: str, at: datetime, level: str = "yellow", late_s: int = 900) -> Event:
    return EpisodeOpened(id=f"o-{order}", at=at, source=SYSTEM, order=order, level=level, late_s=late_s, lead_s=10_000)


def escalated(order: str, at: datetime, level: str, late_s: int) -> Event:
    return EpisodeEscalated(
        id=f"e-{order}", at=at, source=SYSTEM, order=order, level=level, late_s=late_s, lead_s=10_000
    )


def closed(order: str, at: datetime) -> Event:
    return EpisodeClosed(id=f"c-{order}", at=at, source=SYSTEM, order=order)


def task(order: str, *, planned: datetime | None = None, **values: object) -> TaskFacts:
    bare = TaskFacts(task=f"t-{order}", target=f"o-{order}", recipient="line_supervisor", opened_at=SINCE, order=order)
    plan = {"cause": "machine_down", "plan": "second shift", "owner": "op-7", "planned_at": planned} if planned else {}
    return replace(bare, **{**plan, **values})  # type: ignore[arg-type]  # fields by their names


def morning(
    orders: Sequence[AssessedOrder], events: Sequence[Event] = (), trouble: Trouble | None = None
) -> MorningReport:
    owners = {f"W{order.plan.order}": order.plan.order for order in orders}
    known = trouble or Trouble()
    report = morning_report(
        [line_of(order) for order in orders],
        orders,
        changes_of(events, owners),
        known.by_order(owners),
        since=SINCE,
        now=NOW + timedelta(seconds=1),
        levels_before={"A-2": Level.YELLOW},
    )
    return with_trouble(report, known, until=NOW + timedelta(days=1))


@pytest.mark.requirement("R16")
def test_red_comes_first_and_what_runs_as_planned_is_not_talked_about() -> None:
    report = morning([standing("A-1"), standing("A-2", Level.ORANGE, 1500), standing("A-3", Level.RED, 3000)])
    assert [(one.line.order, one.level_before) for one in report.orders] == [("A-3", None), ("A-2", Level.YELLOW)]
    assert report.distribution.total == 3


@pytest.mark.requirement("R16")
def test_fifty_orders_fit_and_the_rest_is_counted() -> None:
    report = morning([standing(f"A-{number}", Level.YELLOW, 950) for number in range(MOST_ORDERS + 2)])
    assert (len(report.orders), report.left_out) == (50, 2)


def test_an_order_that_was_held_or_promised_anew_is_talked_about_and_daily_work_is_not() -> None:
    held = OrderHeld(id="1", at=NOW, source=SYSTEM, order="A-1", reason="customer")
    daily = [
        OrderConfirmed(id="2", at=NOW, source=SYSTEM, order="A-2"),
        PromiseSet(id="3", at=NOW, source=SYSTEM, order="A-2", promised=NOW),
        DispatchOpened(id="4", at=NOW, source=SYSTEM, station="CUT-1", work_order="WA-2", node="CUT"),
        NodeCompleted(id="5", at=NOW, source=SYSTEM, work_order="WA-2", node="CUT", pieces=8),
    ]
    moved = PromiseSet(id="6", at=NOW, source=SYSTEM, order="A-3", promised=NOW)
    report = morning([standing("A-1"), standing("A-2"), standing("A-3")], [held, *daily, moved])
    assert [(one.line.order, [change.kind for change in one.changes]) for one in report.orders] == [
        ("A-1", ["order_held"]),
        ("A-3", ["promise_set"]),
    ]
    assert report.opened == ("A-2",)


@pytest.mark.requirement("R16")
def test_what_was_finished_since_the_last_meeting_is_named_and_its_nodes_are_counted() -> None:
    report = morning([standing("A-1", done=True), standing("A-2")])
    assert ([one.order for one in report.finished], report.nodes_completed) == (["A-1"], 3)


def test_open_problems_and_tasks_that_are_due_or_have_no_plan_are_named() -> None:
    problems = (
        ProblemFacts(problem="p-1", category="material", at=SINCE, by="op-1"),
        ProblemFacts(problem="p-2", category="material", at=SINCE, by="op-1", is_open=False),
    )
    tasks = (
        task("A-1"),
        task("A-2", planned=SINCE, plan_due=NOW + timedelta(hours=2)),
        task("A-3", planned=SINCE, plan_due=NOW + timedelta(days=3)),
        task("A-4", is_open=False),
    )
    report = morning([], (), Trouble(problems=problems, tasks=tasks))
    assert [one.problem for one in report.problems] == ["p-1"]
    assert [one.task for one in report.tasks] == ["t-A-1", "t-A-2"]


def test_the_answer_is_that_of_the_open_task_and_its_cause_may_come_from_the_problem() -> None:
    problem = ProblemFacts(problem="p-1", category="material", cause="no_cloth", at=SINCE, by="op-1")
    alert = AlertFacts(alert="o-A-1", rule="lateness", subject="order:A-1", opened_at=SINCE)
    closed_task = task("A-1", planned=SINCE, is_open=False, opened_at=NOW)
    unplanned = task("A-1")
    assert answer_of(Trouble(problems=(problem,), alerts=(alert,))) == Answer(cause="no_cloth")
    found = answer_of(Trouble(problems=(problem,), tasks=(closed_task, unplanned)))
    assert (found.cause, found.owner, found.recipient) == ("machine_down", None, "line_supervisor")
    assert answer_of(Trouble(tasks=(closed_task,))).action == "second shift"


@pytest.mark.requirement("R45", part="late orders with cause, node, owner and action, and what the action changed")
def test_the_worst_node_is_the_one_that_is_late_by_itself() -> None:
    order = assessed("A-1", RUNNING, DONE, PENDING, now=NOW + timedelta(hours=5))
    found = worst_node(order)
    assert found is not None
    assert (found.node, found.late_s) == ("CUT", 3 * 3600)
    assert worst_node(assessed("A-1", DONE, DONE, DONE)) is None


def test_levels_before_follow_the_episode() -> None:
    told = {
        "A-1": [opened("A-1", SINCE - timedelta(hours=2)), escalated("A-1", SINCE + timedelta(hours=1), "red", 3000)],
        "A-2": [opened("A-2", SINCE - timedelta(hours=2)), closed("A-2", SINCE - timedelta(hours=1))],
    }
    assert levels_at(told, SINCE) == {"A-1": Level.YELLOW, "A-2": Level.NONE}


def weekly(
    orders: Sequence[AssessedOrder], episodes: dict[str, Sequence[Event]], tasks: Sequence[TaskFacts] = ()
) -> WeeklyReport:
    return weekly_report(
        orders,
        episodes,
        Trouble(tasks=tuple(tasks)),
        period=WEEK,
        days=(),
        figures=(),
        planned_since=NOW - timedelta(days=28),
    )


def test_an_order_was_delayed_if_an_episode_was_open_in_the_week() -> None:
    before = WEEK.begin - timedelta(days=1)
    episodes: dict[str, Sequence[Event]] = {
        "A-1": [opened("A-1", before), closed("A-1", before + timedelta(hours=1))],  # over before the week
        "A-2": [opened("A-2", before)],  # still open
        "A-3": [opened("A-3", SINCE, "red", 3000), closed("A-3", NOW)],  # came and went
        "A-4": [opened("A-4", WEEK.end + timedelta(hours=1))],  # after the week
    }
    orders = [standing(number) for number in episodes]
    report = weekly(orders, episodes)
    assert [(one.order, one.worst) for one in report.delayed] == [("A-3", Level.RED), ("A-2", Level.NONE)]


@pytest.mark.requirement("R41")
def test_causes_are_ranked_by_the_working_time_that_they_cost() -> None:
    orders = [
        standing("A-1", Level.RED, 3000),
        standing("A-2", Level.ORANGE, 1500),
        standing("A-3", Level.ORANGE, 1500),
        standing("A-4", Level.YELLOW, 950),
    ]
    episodes = {order.plan.order: [opened(order.plan.order, SINCE)] for order in orders}
    tasks = [
        task("A-1", planned=SINCE, cause="material"),
        task("A-2", planned=SINCE),
        task("A-3", planned=SINCE),
    ]
    assert weekly(orders, dict(episodes), tasks).causes == (
        CauseShare(cause="machine_down", orders=2, late_s=3000, cumulative=pytest.approx(3000 / 6950)),
        CauseShare(cause="material", orders=1, late_s=3000, cumulative=pytest.approx(6000 / 6950)),
        CauseShare(cause="", orders=1, late_s=950, cumulative=1.0),
    )


@pytest.mark.requirement("R45", part="late orders with cause, node, owner and action, and what the action changed")
def test_the_effect_of_an_action_is_the_deviation_before_and_after_it() -> None:
    planned = NOW - timedelta(days=3)
    orders = [standing("A-1", Level.YELLOW, 900), standing("A-2", Level.ORANGE, 1200), standing("A-3")]
    episodes: dict[str, Sequence[Event]] = {
        "A-1": [
            opened("A-1", planned - timedelta(hours=2)),
            escalated("A-1", planned - timedelta(hours=1), "red", 2400),
            escalated("A-1", planned + timedelta(hours=5), "yellow", 900),
        ],
        "A-2": [opened("A-2", planned + timedelta(hours=1), "orange", 1200)],
    }
    tasks = [
        task("A-1", planned=planned),
        task("A-2", planned=planned + timedelta(minutes=1)),
        task("A-3", planned=NOW - timedelta(days=29)),  # too long ago
        task("A-3"),  # no plan
    ]
    effects = weekly(orders, episodes, tasks).effects
    assert [(one.order, one.before, one.gained_tenths) for one in effects] == [
        ("A-2", None, None),
        ("A-1", Deviation(late_s=2400, lead_s=10_000), 150),
    ]
