"""Problems, alerts and tasks follow from the set of their events, in whatever order those come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

from genba_cloud.core.facts.response import (
    LATENESS,
    AlertFacts,
    Escalation,
    ProblemFacts,
    ResponseFacts,
    TaskFacts,
    response_facts,
    response_of,
)
from genba_cloud.core.facts.told import NOTHING_TOLD, fold_told, told_from_json, told_to_json
from genba_shared.events import (
    AlertAcknowledged,
    AlertClosed,
    AlertEscalated,
    AlertOpened,
    EpisodeClosed,
    EpisodeEscalated,
    EpisodeOpened,
    Event,
    EventVoided,
    ProblemExplained,
    ProblemReported,
    ProblemResolved,
    Source,
    SourceType,
    TaskClosed,
    TaskOpened,
    TaskPlanned,
)

START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
SYSTEM = Source(type=SourceType.SYSTEM, ref="assessor")
FIRST = "0190a000-0000-7000-8000-000000000001"


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def common(number: int, *, at: int | None = None, by: str = "op-7") -> dict[str, Any]:
    source = Source(type=SourceType.PERSON, ref=by)
    return {
        "id": f"0190a000-0000-7000-8000-00000000000{number}",
        "at": minute(number if at is None else at),
        "source": source,
    }


REPORTED = ProblemReported(**common(1), category="material", work_order="WO-1", node="SEW", note="no thread")


def found(*events: Event) -> ResponseFacts | None:
    """The facts of what the first event opens; every order of arrival must say the same."""
    answers = {repr(response_facts(FIRST, fold_told(NOTHING_TOLD, some))) for some in permutations(events)}
    assert len(answers) == 1
    return response_facts(FIRST, fold_told(NOTHING_TOLD, events))


def test_a_problem_is_open_from_its_report_until_it_is_resolved() -> None:
    problem = found(REPORTED)
    assert isinstance(problem, ProblemFacts)
    assert (problem.is_open, problem.category, problem.by, problem.note) == (True, "material", "op-7", "no thread")
    assert (problem.work_order, problem.node, problem.cause, problem.explained_at) == ("WO-1", "SEW", None, None)
    resolved = ProblemResolved(**common(3, by="lead-1"), target=FIRST)
    problem = found(REPORTED, resolved, ProblemResolved(**common(4), target=FIRST))
    assert isinstance(problem, ProblemFacts)
    assert (problem.is_open, problem.resolved_at, problem.resolved_by) == (False, minute(3), "lead-1")


def test_the_last_cause_counts_and_the_first_stops_the_clock() -> None:
    first = ProblemExplained(**common(2, by="lead-1"), target=FIRST, cause="supplier-late")
    second = ProblemExplained(**common(3, by="lead-2"), target=FIRST, cause="wrong-colour")
    problem = found(REPORTED, second, first)
    assert isinstance(problem, ProblemFacts)
    assert (problem.cause, problem.explained_at, problem.explained_by) == ("wrong-colour", minute(2), "lead-1")


def test_a_problem_that_names_its_cause_is_explained_at_once() -> None:
    problem = found(ProblemReported(**common(1), category="machine", cause="belt"))
    assert isinstance(problem, ProblemFacts)
    assert (problem.cause, problem.explained_at, problem.explained_by) == ("belt", minute(1), "op-7")


def test_a_problem_that_was_taken_back_is_none_even_before_it_comes() -> None:
    voided = EventVoided(**common(2), target=FIRST, reason="pressed by mistake")
    assert found(voided, REPORTED, ProblemResolved(**common(3), target=FIRST)) is None


def test_an_answer_that_was_taken_back_does_not_count() -> None:
    resolved = ProblemResolved(**common(2), target=FIRST)
    problem = found(REPORTED, resolved, EventVoided(**common(3), target=resolved.id, reason="not yet"))
    assert isinstance(problem, ProblemFacts)
    assert (problem.is_open, problem.resolved_at) == (True, None)


def test_answers_alone_open_nothing() -> None:
    assert found(ProblemResolved(**common(2), target=FIRST)) is None


OPENED = AlertOpened(**common(1), alert="wip_limit", subject="zone:hall", recipient="line", level="yellow")


def test_an_alert_collects_who_was_told_and_who_takes_care() -> None:
    alert = found(
        OPENED,
        AlertEscalated(**common(2), target=FIRST, recipient="plant"),
        AlertAcknowledged(**common(3, by="lead-1"), target=FIRST),
        AlertAcknowledged(**common(4, by="lead-2"), target=FIRST),
    )
    assert isinstance(alert, AlertFacts)
    assert (alert.rule, alert.subject, alert.level, alert.recipients) == (
        "wip_limit",
        "zone:hall",
        "yellow",
        ("line", "plant"),
    )
    assert alert.escalations == (Escalation(at=minute(2), recipient="plant"),)
    assert (alert.acknowledged_at, alert.acknowledged_by, alert.is_open) == (minute(3), "lead-1", True)


def test_an_alert_closes_once() -> None:
    alert = found(OPENED, AlertClosed(**common(5), target=FIRST), AlertClosed(**common(6), target=FIRST))
    assert isinstance(alert, AlertFacts)
    assert (alert.is_open, alert.closed_at) == (False, minute(5))


def test_an_episode_is_an_alert_whose_level_changes() -> None:
    late: dict[str, Any] = {"order": "A-1", "late_s": 3600, "lead_s": 28800}
    alert = found(
        EpisodeOpened(**common(1), **late, level="yellow"),
        EpisodeEscalated(**common(2), **late, level="red", because=(FIRST,)),
        EpisodeClosed(**common(3), order="A-1", because=(FIRST,)),
    )
    assert isinstance(alert, AlertFacts)
    assert (alert.rule, alert.subject, alert.level, alert.order) == (LATENESS, "order:A-1", "red", "A-1")
    assert (alert.is_open, alert.closed_at) == (False, minute(3))


TASK = TaskOpened(**common(1), target="some-alert", recipient="planner", order="A-1", level="orange", due=minute(60))


def test_a_task_may_be_closed_only_once_it_is_planned() -> None:
    task = found(TASK)
    assert isinstance(task, TaskFacts)
    assert (task.is_open, task.is_planned, task.target, task.due) == (True, False, "some-alert", minute(60))


def test_the_last_plan_of_a_task_counts() -> None:
    first = TaskPlanned(**common(2), target=FIRST, cause="belt", owner="op-1", due=minute(90), note="new belt")
    second = TaskPlanned(**common(3), target=FIRST, cause="motor", owner="op-2", due=minute(99), note="new motor")
    closed = TaskClosed(**common(4, by="op-2"), target=FIRST, effect="runs again", note="done")
    task = found(TASK, first, second, closed)
    assert isinstance(task, TaskFacts)
    assert (task.cause, task.plan, task.owner, task.plan_due) == ("motor", "new motor", "op-2", minute(99))
    assert (task.planned_at, task.is_planned) == (minute(3), True)
    assert (task.is_open, task.closed_at, task.closed_by, task.effect) == (False, minute(4), "op-2", "runs again")


def test_every_event_names_what_it_is_about() -> None:
    assert response_of(REPORTED) == FIRST
    assert response_of(AlertClosed(**common(2), target=FIRST)) == FIRST
    assert response_of(EpisodeClosed(**common(3), order="A-1")) is None
    assert response_of(EpisodeClosed(**common(3), order="A-1", because=(FIRST,))) == FIRST


def test_the_stored_form_keeps_everything() -> None:
    voided = EventVoided(**common(3), target="another", reason="no")
    state = fold_told(
        NOTHING_TOLD, [REPORTED, ProblemExplained(**common(2), target=FIRST, cause="x", note="y"), voided]
    )
    assert told_from_json(told_to_json(state)) == state
