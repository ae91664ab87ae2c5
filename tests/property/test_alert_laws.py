"""What holds of alerts whatever happens: noise rings no bell twice, and nothing is told twice over a restart."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba_cloud.core.alerts import SourceSeen
from genba_cloud.core.assess import Policy
from genba_cloud.core.deviation import Closed, Deviation, Episode, LevelChanged, Opened, decide
from genba_cloud.core.facts.views import ZoneFacts
from genba_cloud.core.policy import AlertLimits
from genba_cloud.core.working_time import Calendar, Shift, add, working_seconds
from genba_shared.events import (
    AlertAcknowledged,
    AlertClosed,
    AlertOpened,
    Event,
    NoticeSent,
    ProblemExplained,
    ProblemReported,
    ProblemResolved,
    Source,
    SourceType,
)
from tests.unit.cloud.alert_shop import MONDAY, Shop, with_site

DAY = (Shift(start_min=480, end_min=1020, breaks=((720, 780),)),)
SHIFTS = Calendar(weekly=(DAY, DAY, DAY, DAY, DAY, (), ()))
LEAD_S = 10 * 8 * 3600
PERSON = Source(type=SourceType.PERSON, ref="op-7")
CALM_S = 1800


@pytest.mark.law("noise")
@pytest.mark.trap("repeated notices")
@settings(max_examples=150, deadline=None)
@given(
    middle=st.integers(-1, 25),
    noise=st.lists(st.integers(-20, 20), min_size=60, max_size=180),
)
def test_under_noise_of_two_points_an_episode_opens_and_ends_at_most_once_in_30_working_minutes(
    middle: int, noise: list[int]
) -> None:
    """The same holds of each level that it rises to. `noise` is in tenths of a point, a minute apart."""
    episode, happened = Episode(), list[tuple[str, datetime]]()
    for minute, tenths in enumerate(noise):
        now = add(SHIFTS, MONDAY, 60 * minute)
        deviation = Deviation(late_s=(10 * middle + tenths) * LEAD_S // 1000, lead_s=LEAD_S)
        before = episode.level
        episode, decisions = decide(episode, deviation, now, calendar=SHIFTS)
        for decision in decisions:
            match decision:
                case Opened(level=level):
                    happened += [("opened", now), (f"up to {level}", now)]
                case LevelChanged(level=level) if level.rank > before.rank:
                    happened.append((f"up to {level}", now))
                case LevelChanged(level=level):
                    happened.append((f"down to {level}", now))
                case Closed():
                    happened.append(("closed", now))
    for what in {word for word, _ in happened}:
        times = [at for word, at in happened if word == what]
        assert all(working_seconds(SHIFTS, one, other) >= CALM_S for one, other in pairwise(times)), what


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(16, 24), min_size=30, max_size=120))
def test_a_zone_around_its_limit_opens_and_ends_at_most_one_alert_in_30_minutes(pieces: list[int]) -> None:
    shop = Shop(policy=with_site(Policy(), alerts=AlertLimits(wip={"sewing": 20})))
    for minute, number in enumerate(pieces):
        zone = ZoneFacts(zone="sewing", count=number, error_estimate=0, at=MONDAY)
        shop.look(MONDAY + timedelta(minutes=minute), zones=(zone,))
    for kind in (AlertOpened, AlertClosed):
        times = [event.at for event in shop.log if isinstance(event, kind)]
        assert all(other - one >= timedelta(seconds=CALM_S) for one, other in pairwise(times))


class Step:
    """So many minutes pass, and this is so then."""

    def __init__(self, minutes: int, silent_s: int, pieces: int, word: str) -> None:
        self.minutes, self.silent_s, self.pieces, self.word = minutes, silent_s, pieces, word

    def __repr__(self) -> str:
        return f"Step({self.minutes}, {self.silent_s}, {self.pieces}, {self.word!r})"


STEPS = st.lists(
    st.builds(
        Step,
        minutes=st.integers(0, 90),
        silent_s=st.sampled_from([0, 59, 60, 4000]),
        pieces=st.integers(15, 25),
        word=st.sampled_from(["", "report", "explain", "resolve", "acknowledge", "close"]),
    ),
    min_size=1,
    max_size=25,
)


def word_of(step: Step, number: int, shop: Shop, now: datetime) -> list[Event]:
    """What a person says in this step."""
    alerts = [event.id for event in shop.log if isinstance(event, AlertOpened)]
    reported = [event.id for event in shop.log if isinstance(event, ProblemReported)]
    common: dict[str, Any] = {"id": f"w{number}", "at": now, "source": PERSON}
    match step.word:
        case "report":
            return [ProblemReported(category="machine", site="demo", **common)]
        case "explain" if reported:
            return [ProblemExplained(target=reported[-1], cause="breakdown", **common)]
        case "resolve" if reported:
            return [ProblemResolved(target=reported[-1], **common)]
        case "acknowledge" if alerts:
            return [AlertAcknowledged(target=alerts[-1], **common)]
        case "close" if alerts:
            return [AlertClosed(target=alerts[-1], **common)]
        case _:
            return []


def played(steps: list[Step], restarts: frozenset[int]) -> Shop:
    """The shop after this schedule; before some of the steps the decider is started anew."""
    shop, now = Shop(policy=with_site(Policy(), alerts=AlertLimits(wip={"sewing": 20}))), MONDAY
    for number, step in enumerate(steps):
        if number in restarts:
            shop.restart()
        now += timedelta(minutes=step.minutes)
        shop.tell(*word_of(step, number, shop, now))
        zone = ZoneFacts(zone="sewing", count=step.pieces, error_estimate=0, at=MONDAY)
        source = SourceSeen(gateway="line-1", silent_s=step.silent_s, known_until=now)
        shop.look(now, zones=(zone,), sources=(source,))
    return shop


@pytest.mark.law("decisions")
@pytest.mark.trap("repeated notices")
@settings(max_examples=150, deadline=None)
@given(STEPS, st.frozensets(st.integers(0, 24), max_size=6))
def test_the_same_schedule_gives_the_same_decisions_and_nothing_is_told_twice(
    steps: list[Step], restarts: frozenset[int]
) -> None:
    shop = played(steps, restarts)
    assert played(steps, restarts).log == shop.log
    told = Counter((event.notice, event.target, event.recipient) for event in shop.log if isinstance(event, NoticeSent))
    assert not [notice for notice, times in told.items() if times > 1]
    standing: set[tuple[str, str]] = set()
    ids: dict[str, tuple[str, str]] = {}
    for event in shop.log:
        if isinstance(event, AlertOpened):
            assert (event.alert, event.subject) not in standing
            ids[event.id] = (event.alert, event.subject)
            standing.add(ids[event.id])
        elif isinstance(event, AlertClosed):
            standing.discard(ids[event.target])


def test_the_schedules_of_these_laws_open_escalate_and_end_alerts() -> None:
    """Else the laws above could hold because nothing is ever decided."""
    steps = [Step(0, 0, 21, "report"), Step(45, 60, 15, ""), Step(5, 0, 15, "resolve"), Step(240, 0, 15, "")]
    kinds = Counter(event.kind for event in played(steps, frozenset({2})).log)
    assert (kinds["alert_opened"], kinds["alert_escalated"], kinds["alert_closed"]) == (3, 1, 3)
