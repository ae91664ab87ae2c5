"""Where the bars of plan and actual lie."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from genba_cloud.core.assess import NodeAssessment
from genba_cloud.core.facts.plan import NodePlan
from genba_cloud.core.facts.views import Lifecycle, NodeFacts
from genba_cloud.core.status import Status
from genba_cloud.web.gantt import Bar, Scale, bars_of, scale_of

DAY = datetime(2026, 1, 5, tzinfo=UTC)
SCALE = Scale(begin=DAY, end=DAY + timedelta(hours=10))


def hour(number: float) -> datetime:
    return DAY + timedelta(hours=number)


def seen(
    *,
    start: float | None = None,
    done: float | None = None,
    expected: float,
    code: str = "SEW",
    needs: tuple[str, ...] = (),
) -> NodeAssessment:
    """A node planned from 1 to 3 o'clock."""
    lifecycle = Lifecycle.DONE if done is not None else Lifecycle.PENDING if start is None else Lifecycle.IN_PROGRESS
    plan = NodePlan(node=code, quantity=1, planned_start=hour(1), planned_finish=hour(3), predecessors=needs, label={})
    facts = NodeFacts(
        node=code,
        lifecycle=lifecycle,
        quantity=1,
        good=0,
        scrap=0,
        rework=0,
        started_at=None if start is None else hour(start),
        completed_at=None if done is None else hour(done),
    )
    return NodeAssessment(plan=plan, facts=facts, status=Status.PENDING, expected_finish=hour(expected))


def test_a_done_node_has_plan_and_actual_and_nothing_is_expected_of_it() -> None:
    bars = bars_of(seen(start=2, done=5, expected=5), hour(6), SCALE, {}, "WO-1")
    assert bars.baseline == Bar(x="10.00%", width="20.00%")
    assert bars.actual == Bar(x="20.00%", width="30.00%")
    assert bars.expected is None


def test_a_running_node_is_drawn_until_now_and_expected_from_there_on() -> None:
    bars = bars_of(seen(start=2, expected=7), hour(4), SCALE, {}, "WO-1")
    assert bars.actual == Bar(x="20.00%", width="20.00%")
    assert bars.expected == Bar(x="40.00%", width="30.00%")


def test_a_pending_node_is_expected_after_what_it_waits_for() -> None:
    waiting = seen(expected=9, needs=("CUT",))
    ends = {("WO-1", "CUT"): hour(6), ("WO-2", "CUT"): hour(8)}
    bars = bars_of(waiting, hour(2), SCALE, ends, "WO-1")
    assert bars.actual is None
    assert bars.expected == Bar(x="60.00%", width="30.00%")


def test_what_was_short_is_seen_and_what_lies_outside_lies_on_the_edge() -> None:
    bars = bars_of(seen(start=4, done=4, expected=4), hour(6), SCALE, {}, "WO-1")
    assert bars.actual == Bar(x="40.00%", width="0.40%")
    assert SCALE.x(hour(20)) == "100.00%"


def test_everything_that_is_known_lies_in_the_scale_with_a_free_edge() -> None:
    scale = scale_of([seen(start=2, expected=9)], [hour(11)])
    assert scale == Scale(begin=hour(1 - 0.2), end=hour(11 + 0.2))


def test_ticks_are_round_local_times_and_few() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    ticks = Scale(begin=DAY, end=DAY + timedelta(hours=20)).ticks(zone)
    assert [tick.at.astimezone(zone).strftime("%H:%M") for tick in ticks] == [
        "08:00",
        "12:00",
        "16:00",
        "20:00",
        "00:00",
    ]
    assert [tick.is_day for tick in ticks] == [False, False, False, False, True]
    assert len(Scale(begin=DAY, end=DAY + timedelta(days=365)).ticks(None)) <= 14
