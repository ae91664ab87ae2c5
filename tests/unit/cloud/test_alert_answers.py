"""What people may answer: texts that say something, a plan that can be kept, and nothing closed around its checks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from genba_cloud.core.alerts import PlanGiven, Said, acknowledge, close_alert, is_said, plan_alert
from genba_cloud.core.facts.plan import Refused
from genba_cloud.core.facts.response import AlertFacts, TaskFacts
from genba_cloud.core.personal import personal_fields
from genba_shared.events import Event, Source, SourceType, TaskClosed, TaskOpened, TaskPlanned

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SAID = Said(source=Source(type=SourceType.PERSON, ref="op-7"), now=NOW, ids=("e1", "e2", "e3"), note="counted twice")
ALERT = AlertFacts(alert="a1", rule="wip_limit", subject="zone:sewing", opened_at=NOW, order="A-1")
TASK = TaskFacts(task="t1", target="a1", recipient="line_supervisor", opened_at=NOW)
PLAN = PlanGiven(cause="breakdown", plan="a second shift on Saturday", owner="op-9", due=NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        *((text, False) for text in ("", "   ", "x", "abc", "aaaa", "....", "ab a")),
        *((text, True) for text in ("abca", "加班两小时", "夜勤で切る")),
    ],
)
def test_a_text_says_something_with_four_letters_and_three_different_ones(text: str, says: bool) -> None:
    assert is_said(text) is says


@pytest.mark.parametrize(
    ("due", "taken"),
    [
        (NOW, False),
        (NOW + timedelta(milliseconds=1), True),
        (NOW + timedelta(days=366), True),
        (NOW + timedelta(days=366, seconds=1), False),
    ],
)
def test_a_plan_is_due_after_now_and_within_a_year(due: datetime, taken: bool) -> None:
    answer = plan_alert(ALERT, TASK, PlanGiven(cause="other", plan=PLAN.plan, owner="op-9", due=due), SAID)
    assert (not isinstance(answer, Refused)) is taken


def events(answer: tuple[Event, ...] | Refused) -> list[tuple[str, str]]:
    assert not isinstance(answer, Refused), answer
    return [(event.kind, getattr(event, "target", "")) for event in answer]


def test_a_plan_goes_into_the_open_task_and_opens_one_where_there_is_none() -> None:
    assert events(plan_alert(ALERT, TASK, PLAN, SAID)) == [("task_planned", "t1"), ("problem_explained", "a1")]
    answer = plan_alert(ALERT, None, PLAN, SAID)
    assert events(answer) == [("task_opened", "a1"), ("task_planned", "e1"), ("problem_explained", "a1")]
    assert isinstance(answer, tuple)
    opened, planned = answer[0], answer[1]
    assert isinstance(opened, TaskOpened)
    assert isinstance(planned, TaskPlanned)
    assert (opened.id, planned.note, planned.owner) == ("e1", "a second shift on Saturday", "op-9")


def test_an_alert_that_is_over_is_neither_acknowledged_nor_planned() -> None:
    over = AlertFacts(alert="a1", rule="wip_limit", subject="zone:sewing", opened_at=NOW, closed_at=NOW, is_open=False)
    for answer in (acknowledge(over, SAID), plan_alert(over, None, PLAN, SAID), close_alert(over, (), SAID)):
        assert isinstance(answer, Refused)
        assert (answer.conflict, answer.accepted) == (True, "an open alert")


def test_an_alert_with_an_open_task_is_closed_after_the_task() -> None:
    known = AlertFacts(
        alert="a1", rule="wip_limit", subject="zone:sewing", opened_at=NOW, acknowledged_at=NOW, acknowledged_by="op-7"
    )
    refused = close_alert(known, (TASK,), SAID)
    assert refused == Refused(reason="its task t1 is open", accepted="close the task first", conflict=True)
    assert events(close_alert(known, (), SAID)) == [("alert_closed", "a1")]


def test_what_a_person_says_of_a_plans_effect_can_be_erased() -> None:
    closed = TaskClosed(id="e1", at=NOW, source=SAID.source, target="t1", effect="op-9 worked on Saturday")
    assert personal_fields(closed) == ("effect",)
