"""The answer to an order's lateness: graded by its level, told once, and going on to others when nobody answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from genba_cloud.core.assess import Policy
from genba_cloud.core.facts import Lifecycle
from genba_cloud.core.master.kinds import MasterKind, read_text
from genba_cloud.core.policy import SitePolicy
from genba_shared.events import (
    AlertAcknowledged,
    EpisodeOpened,
    Event,
    ProblemExplained,
    Source,
    SourceType,
    TaskClosed,
    TaskOpened,
    TaskPlanned,
)
from tests.unit.cloud.alert_shop import MONDAY, Shop, at, node, plan, said, seen, with_site

DOCUMENT = Path(__file__).parents[3] / "docs" / "alerts.md"
PERSON = Source(type=SourceType.PERSON, ref="op-7")
TEAM = [("op-3", "owner")]


def minutes(clock: str) -> int:
    """Minutes after 8:00."""
    hour, minute = clock.split(":")
    return 60 * (int(hour) - 8) + int(minute)


def neglected(until: str, answer: Callable[[datetime, Shop], list[Event]] = lambda now, shop: []) -> Shop:
    """The order on which nobody works, looked at every minute; `answer` is what people say in that minute."""
    shop, order = Shop(), plan(team=TEAM)
    for minute in range(minutes(until) + 1):
        now = MONDAY + timedelta(minutes=minute)
        shop.tell(*answer(now, shop))
        one = seen(order, now)
        shop.assess(one, now)
        shop.look(now, orders=(one,))
    return shop


def row(event: Event) -> str:
    """A decision as the document writes it."""
    kind, *words = said([event])[0]
    about = [word for word in words if word != getattr(event, "recipient", None)]
    told = getattr(event, "recipient", None) or ""
    return f"| {event.at:%H:%M} | `{kind}` | {' '.join(about)} | {told} |".replace("|  |", "| |")


@pytest.mark.requirement("R13")
@pytest.mark.requirement("R52")
@pytest.mark.requirement("R53")
@pytest.mark.requirement("R55")
def test_the_walk_through_of_the_document_is_what_the_rules_decide() -> None:
    wanted = [line for line in DOCUMENT.read_text().splitlines() if re.match(r"\| \d\d:\d\d \|", line)]
    assert len(wanted) > 10
    assert [row(event) for event in neglected("12:15").log] == wanted


def test_the_policy_in_the_document_is_what_holds_without_one() -> None:
    (text,) = re.findall(r"```yaml\n(policy: usual\n.*?)```", DOCUMENT.read_text(), re.DOTALL)
    written = read_text(MasterKind.POLICIES, "usual", text).model.values
    usual = SitePolicy()
    assert written.service == usual.service
    assert written.answering == usual.answering
    assert replace(written.alerts, wip={}) == usual.alerts


def test_a_site_names_its_own_roles_for_what_nobody_answers() -> None:
    text = "policy: strict\nservice: {reason_within_s: 600, escalates_to: [plant_manager, quality_manager]}"
    policy = read_text(MasterKind.POLICIES, "strict", text).model.values
    shop, order = Shop(policy=with_site(Policy(), service=policy.service)), plan()
    for minute in range(minutes("8:27")):
        now = MONDAY + timedelta(minutes=minute)
        one = seen(order, now)
        shop.assess(one, now)
        shop.look(now, orders=(one,))
    assert decided(shop, "alert_escalated") == [
        ("08:26", "cause_missing", "plant_manager"),
        ("08:26", "cause_missing", "quality_manager"),
    ]


def explained(clock: str) -> Callable[[datetime, Shop], list[Event]]:
    def answer(now: datetime, shop: Shop) -> list[Event]:
        opened = next((event.id for event in shop.log if isinstance(event, EpisodeOpened)), None)
        if opened is None or now != MONDAY + timedelta(minutes=minutes(clock)):
            return []
        return [
            ProblemExplained(id="e1", at=now, source=PERSON, target=opened, cause="breakdown"),
            AlertAcknowledged(id="e2", at=now, source=PERSON, target=opened),
        ]

    return answer


def decided(shop: Shop, kind: str) -> list[tuple[str, ...]]:
    return [
        (f"{event.at:%H:%M}", *words[1:])
        for event, words in zip(shop.log, said(shop.log), strict=True)
        if words[0] == kind
    ]


@pytest.mark.requirement("R53")
def test_a_cause_in_time_goes_to_nobody_else_and_needs_no_task_while_yellow() -> None:
    shop = neglected("09:36", explained("8:45"))
    assert decided(shop, "alert_escalated") == []
    assert decided(shop, "task_opened") == [("08:48", "orange", "line_supervisor")]


@pytest.mark.requirement("R54", part="management is told, a task opens, and without an answer it goes further")
def test_an_answer_to_orange_is_none_to_red() -> None:
    shop = neglected("10:37", explained("9:00"))
    assert decided(shop, "alert_escalated") == [
        ("08:46", "cause_missing", "management"),
        ("10:37", "unanswered", "director"),
    ]


def test_a_red_order_with_a_plan_goes_to_nobody_else() -> None:
    def answer(now: datetime, shop: Shop) -> list[Event]:
        task = next((one.id for one in shop.log if isinstance(one, TaskOpened) and one.level == "red"), None)
        if task is None or now != at(2):
            return []
        due = at(8)
        return [
            TaskPlanned(id="t1", at=now, source=PERSON, target=task, cause="breakdown", owner="op-9", due=due, note="x")
        ]

    assert ("10:37", "unanswered", "director") not in decided(neglected("11:30", answer), "alert_escalated")


def test_a_plan_that_is_done_within_the_hour_is_still_an_answer_to_red() -> None:
    def answer(now: datetime, shop: Shop) -> list[Event]:
        task = next((one.id for one in shop.log if isinstance(one, TaskOpened) and one.level == "red"), None)
        if task is None or now not in (at(2), at(2.25)):
            return []
        if now == at(2.25):
            return [TaskClosed(id="t2", at=now, source=PERSON, target=task, effect="it was repaired")]
        alert = next(one.id for one in shop.log if isinstance(one, EpisodeOpened))
        return [
            TaskPlanned(
                id="t1", at=now, source=PERSON, target=task, cause="breakdown", owner="op-9", due=at(8), note="x"
            ),
            ProblemExplained(id="t3", at=now, source=PERSON, target=alert, cause="breakdown"),
        ]

    shop = neglected("11:30", answer)
    assert [event.at for event in shop.log if isinstance(event, TaskClosed)] == [at(2.25)]
    assert ("10:37", "unanswered", "director") not in decided(shop, "alert_escalated")


@pytest.mark.requirement("R52")
def test_a_level_that_comes_again_in_an_episode_tells_nobody_again() -> None:
    """Cutting had begun at 8:20, which is heard at 9:00 only: 20 minutes late, until it takes longer than planned."""
    shop, order = Shop(), plan(team=TEAM)
    for minute in range(minutes("11:30")):
        now = MONDAY + timedelta(minutes=minute)
        cut = node("CUT", Lifecycle.IN_PROGRESS, good=1, started_at=at(1 / 3), data_at=now)
        one = seen(order, now, cut) if minute >= 60 else seen(order, now)
        shop.assess(one, now)
        shop.look(now, orders=(one,))
    assert decided(shop, "episode_opened") == [("08:16", "yellow")]
    assert decided(shop, "episode_escalated") == [("08:48", "orange"), ("09:30", "yellow"), ("10:48", "orange")]
    told = [words for words in decided(shop, "notice_sent") if words[1] == "lateness:orange"]
    assert told == [("08:48", "lateness:orange", "line_supervisor"), ("08:48", "lateness:orange", "op-3")]
    assert [words[0] for words in decided(shop, "task_opened")] == ["08:46"]
