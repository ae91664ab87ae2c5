"""The five statuses against a truth table that was written from the rule's text, one row per situation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from genba_cloud.core.facts.views import Lifecycle
from genba_cloud.core.status import NodePosition, late_seconds, status_of, tolerance_of
from genba_cloud.core.working_time import ALWAYS_WORKING, Calendar, Shift

# The node is planned from 08:00 to 10:00: 2 h, so its tolerance is the floor of 15 minutes (5 % would be 6).
DAY = datetime(2026, 1, 5, tzinfo=UTC)


def clock(text: str) -> datetime:
    hours, minutes, *seconds = (int(part) for part in text.split(":"))
    return DAY + timedelta(hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)


TABLE = """
    lifecycle              ready  expected  now       status
    pending                no     -         07:00     pending
    pending                no     -         09:00     pending
    pending                no     12:00     09:00     pending
    pending                no     -         10:15:00  pending
    pending                no     -         10:15:01  delayed
    pending                yes    -         07:00     pending
    pending                yes    -         08:15:00  pending
    pending                yes    -         08:15:01  delayed
    pending                yes    10:15     08:00     pending
    pending                yes    10:15:01  08:00     delayed
    in_progress            no     -         08:30     in_progress
    in_progress            no     10:15     09:59     in_progress
    in_progress            no     10:15:01  09:00     delayed
    in_progress            no     -         10:15:00  in_progress
    in_progress            no     -         10:15:01  delayed
    in_progress            yes    -         09:00     in_progress
    awaiting_confirmation  no     -         09:00     awaiting_confirmation
    awaiting_confirmation  no     23:00     23:00     awaiting_confirmation
    done                   no     -         09:00     done
    done                   no     23:00     23:00     done
"""
ROWS = [line.split() for line in TABLE.splitlines() if line.strip()][1:]


@pytest.mark.parametrize(("lifecycle", "ready", "expected", "now", "status"), ROWS, ids=[" ".join(row) for row in ROWS])
def test_status(lifecycle: str, ready: str, expected: str, now: str, status: str) -> None:
    node = NodePosition(
        lifecycle=Lifecycle(lifecycle),
        planned_start=clock("08:00"),
        planned_finish=clock("10:00"),
        ready=ready == "yes",
        expected_finish=None if expected == "-" else clock(expected),
    )
    assert status_of(node, clock(now)) == status


def test_a_node_without_a_plan_is_never_late() -> None:
    node = NodePosition(lifecycle=Lifecycle.IN_PROGRESS, planned_start=None, planned_finish=None)
    assert status_of(node, DAY + timedelta(days=999)) == "in_progress"


@pytest.mark.parametrize(("hours", "tolerance"), [(0, 900), (5, 900), (6, 1_080), (40, 7_200)])
def test_tolerance_is_five_percent_and_at_least_a_quarter_of_an_hour(hours: int, tolerance: int) -> None:
    assert tolerance_of(DAY, DAY + timedelta(hours=hours), ALWAYS_WORKING) == tolerance


def test_tolerance_runs_on_in_the_next_shift() -> None:
    shifts = Calendar(weekly=((Shift.between("06:00", "14:00"),),) * 7)
    node = NodePosition(lifecycle=Lifecycle.IN_PROGRESS, planned_start=clock("12:00"), planned_finish=clock("13:50"))
    assert status_of(node, clock("23:00"), calendar=shifts) == "in_progress"
    assert status_of(node, clock("30:05"), calendar=shifts) == "in_progress"
    assert status_of(node, clock("30:05:01"), calendar=shifts) == "delayed"


@pytest.mark.parametrize(
    ("lifecycle", "finished", "late"),
    [
        ("done", "10:15", None),
        ("done", "10:16", 960),
        ("awaiting_confirmation", "11:00", 3_600),
        ("awaiting_confirmation", None, 7_200),
        ("in_progress", None, None),
        ("pending", None, None),
    ],
)
def test_done_and_awaiting_nodes_say_how_late_they_are(lifecycle: str, finished: str | None, late: int | None) -> None:
    node = NodePosition(
        lifecycle=Lifecycle(lifecycle),
        planned_start=clock("08:00"),
        planned_finish=clock("10:00"),
        finished_at=clock(finished) if finished else None,
    )
    assert late_seconds(node, clock("12:00")) == late
