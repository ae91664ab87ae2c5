"""Assessment of whole orders: the walk over open nodes, and what it makes of statuses, lateness and level."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from genba_cloud.core.assess import OrderAssessment, Policy, assess_order
from genba_cloud.core.facts.plan import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.core.facts.views import Lifecycle, NodeFacts, WorkOrderFacts
from genba_cloud.core.working_time import Calendar, Shift

DAY = datetime(2026, 1, 5, tzinfo=UTC)


def clock(text: str) -> datetime:
    hours, minutes = (int(part) for part in text.split(":"))
    return DAY + timedelta(hours=hours, minutes=minutes)


def node(code: str, start: str, finish: str, *predecessors: str) -> NodePlan:
    return NodePlan(
        node=code,
        quantity=8,
        planned_start=clock(start),
        planned_finish=clock(finish),
        predecessors=predecessors,
        label={"en": code},
    )


CUT, SEW, PACK = (
    node("CUT", "08:00", "10:00"),
    node("SEW", "10:00", "14:00", "CUT"),
    node("PACK", "14:00", "15:00", "SEW"),
)
WORK = WorkOrderPlan(work_order="WO-1", site="demo", item="shirt", quantity=8, nodes=(CUT, SEW, PACK))
ORDER = OrderPlan(
    order="A-1", system="demo", external_id="A-1", customer="Blue", promised=clock("20:00"), work_orders=(WORK,)
)


def facts(code: str, lifecycle: Lifecycle, *, good: int = 0, started: str = "", completed: str = "") -> NodeFacts:
    return NodeFacts(
        node=code,
        lifecycle=lifecycle,
        quantity=8,
        good=good,
        scrap=0,
        rework=0,
        started_at=clock(started) if started else None,
        claimed_at=clock(completed) if completed else None,
        completed_at=clock(completed) if completed and lifecycle is Lifecycle.DONE else None,
    )


def assess(now: str, *nodes: NodeFacts, policy: Policy | None = None) -> OrderAssessment:
    seen = {"WO-1": WorkOrderFacts(work_order="WO-1", nodes=nodes)}
    return assess_order(ORDER, seen, clock(now), baseline=(clock("08:00"), clock("15:00")), policy=policy or Policy())


def words(assessment: OrderAssessment) -> dict[str, str]:
    return {node.facts.node: str(node.status) for node in assessment.nodes["WO-1"]}


def ends(assessment: OrderAssessment) -> list[datetime | None]:
    return [node.expected_finish for node in assessment.nodes["WO-1"]]


def test_an_untouched_order_before_its_start_is_expected_as_planned() -> None:
    seen = assess("07:00")
    assert ends(seen) == [clock("10:00"), clock("14:00"), clock("15:00")]
    assert words(seen) == {"CUT": "pending", "SEW": "pending", "PACK": "pending"}
    assert (seen.level, seen.deviation.percent, seen.finished) == ("none", "0.0", False)


def test_an_order_that_does_not_begin_moves_with_the_clock() -> None:
    seen = assess("09:00")
    assert ends(seen) == [clock("11:00"), clock("15:00"), clock("16:00")]
    assert words(seen) == {"CUT": "delayed", "SEW": "pending", "PACK": "pending"}
    # one hour late on a lead of 8 h (a working day; the baseline is shorter): 12.5 %
    assert (seen.deviation.late_s, seen.deviation.lead_s, seen.level) == (3_600, 28_800, "orange")


def test_a_node_in_progress_needs_what_is_left_of_its_duration() -> None:
    seen = assess("09:00", facts("CUT", Lifecycle.IN_PROGRESS, started="08:10", good=3))
    assert ends(seen) == [clock("10:10"), clock("14:10"), clock("15:10")]
    assert words(seen)["CUT"] == "in_progress"
    assert seen.level == "none"


def test_a_node_in_progress_that_used_up_its_time_is_expected_now() -> None:
    seen = assess("10:20", facts("CUT", Lifecycle.IN_PROGRESS, started="08:00", good=7))
    assert ends(seen)[0] == clock("10:20")
    assert words(seen)["CUT"] == "delayed"


def test_a_ready_node_turns_late_when_it_does_not_begin() -> None:
    cut = facts("CUT", Lifecycle.DONE, good=8, started="08:00", completed="09:30")
    assert words(assess("10:10", cut))["SEW"] == "pending"
    assert words(assess("10:16", cut))["SEW"] == "delayed"


def test_a_node_is_ready_when_its_predecessor_has_all_pieces_even_unclaimed() -> None:
    counted = facts("CUT", Lifecycle.IN_PROGRESS, good=8, started="08:00")
    short = facts("CUT", Lifecycle.IN_PROGRESS, good=7, started="08:00")
    assert words(assess("10:16", counted))["SEW"] == "delayed"
    assert words(assess("10:16", short))["SEW"] == "pending"


def test_what_awaits_confirmation_ends_now_and_says_how_late_it_is() -> None:
    cut = facts("CUT", Lifecycle.AWAITING_CONFIRMATION, good=6, started="08:00", completed="11:00")
    seen = assess("12:00", cut)
    first = seen.nodes["WO-1"][0]
    assert (first.status, first.late_s, first.expected_finish) == ("awaiting_confirmation", 3_600, clock("12:00"))
    assert ends(seen)[1:] == [clock("16:00"), clock("17:00")]


def test_a_finished_order_keeps_the_lateness_it_finished_with() -> None:
    done = [
        facts("CUT", Lifecycle.DONE, good=8, started="08:00", completed="10:00"),
        facts("SEW", Lifecycle.DONE, good=8, started="10:00", completed="16:00"),
        facts("PACK", Lifecycle.DONE, good=8, started="16:00", completed="17:00"),
    ]
    seen = assess("99:00", *done)
    assert seen.finished
    assert seen.expected_finish == clock("17:00")
    assert (seen.deviation.percent, seen.level) == ("25.0", "red")
    assert [item.late_s for item in seen.nodes["WO-1"]] == [None, 7_200, 7_200]


@pytest.mark.parametrize(
    ("late_min", "level"), [(15, "none"), (16, "yellow"), (47, "yellow"), (48, "orange"), (96, "orange"), (97, "red")]
)
def test_levels_of_a_finished_order_at_the_bounds_of_a_working_day(late_min: int, level: str) -> None:
    finish = f"15:{late_min}"
    done = [facts(code, Lifecycle.DONE, good=8, completed=finish) for code in ("CUT", "SEW", "PACK")]
    assert assess("99:00", *done).level == level


def test_a_node_that_nobody_planned_is_shown_and_moves_nothing() -> None:
    odd = NodeFacts(node="DYE", lifecycle=Lifecycle.IN_PROGRESS, quantity=None, good=3, scrap=0, rework=0)
    seen = assess("07:00", odd)
    assert words(seen)["DYE"] == "in_progress"
    assert seen.nodes["WO-1"][3].expected_finish is None
    assert seen.expected_finish == clock("15:00")


def test_expected_finish_uses_the_calendar_of_the_site() -> None:
    shifts = Calendar(weekly=((Shift.between("06:00", "14:00"),),) * 7)
    seen = assess("13:00", policy=Policy(calendars={"demo": shifts}))
    # CUT 2 h from 13:00 → 07:00 next day; SEW (10:00 to 14:00: 4 h) → 11:00; PACK lies after the shift: 0 h
    assert ends(seen) == [clock("31:00"), clock("35:00"), clock("35:00")]
