"""A recorded schedule of (events, now) gives the same decisions when it is run again, with rebuilds in between or not.

A restart of the assessor belongs to the schedule: since when an order has been calm is not kept, so that after one a
level may fall later than it would have.
"""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba_cloud.api import Desk, Live, OrderIndex, VisibleReads
from genba_cloud.app.assessor import Assessor
from genba_cloud.core.assess import DEFAULT_POLICY
from genba_cloud.core.facts import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.ledger import Ledger
from genba_cloud.ledger.responses import every_open
from genba_cloud.store import SqliteStore
from genba_shared.events import (
    AlertClosed,
    AlertEscalated,
    AlertOpened,
    EpisodeClosed,
    EpisodeEscalated,
    EpisodeOpened,
    Event,
    LateUpdateFlagged,
    NodeCompleted,
    NodeStarted,
    NoticeSent,
    ProblemReported,
    Source,
    SourceType,
    TaskOpened,
)
from tests.browser.support import NOW

API = Source(type=SourceType.API, ref="mes")
NODES = ("CUT", "SEW", "PACK")
DECISIONS = (
    AlertClosed,
    AlertEscalated,
    AlertOpened,
    EpisodeClosed,
    EpisodeEscalated,
    EpisodeOpened,
    LateUpdateFlagged,
    NoticeSent,
    TaskOpened,
)
SAYS = ("alert", "subject", "level", "late_s", "reason", "recipient", "notice", "node")
Decision = tuple[str, datetime, tuple[object, ...]]


def plan() -> OrderPlan:
    """Three nodes of two hours each."""
    nodes = tuple(
        NodePlan(
            node=node,
            quantity=8,
            planned_start=NOW + timedelta(hours=2 * number),
            planned_finish=NOW + timedelta(hours=2 * number + 2),
            predecessors=NODES[number - 1 : number] if number else (),
            label={"en": node},
        )
        for number, node in enumerate(NODES)
    )
    work = WorkOrderPlan(work_order="WO-1", site="demo", item="shirt", quantity=8, nodes=nodes)
    return OrderPlan(order="A-1", system="demo", external_id="A-1", customer="x", promised=NOW, work_orders=(work,))


@dataclass(frozen=True)
class Step:
    """So long passes, then this happens, then the order is looked at."""

    minutes: int
    event: tuple[str, str] | None

    def events(self, number: int, now: datetime) -> list[Event]:
        if self.event is None:
            return []
        kind, node = self.event
        name = str(uuid.UUID(int=number + 1, version=4))
        if kind == "problem":
            return [ProblemReported(id=name, at=now, source=API, category="machine", work_order="WO-1", node=node)]
        if kind == "started":
            return [NodeStarted(id=name, at=now, source=API, work_order="WO-1", node=node, station="S")]
        late = {"at": now - timedelta(hours=3), "entered_at": now} if kind == "entered" else {"at": now}
        return [NodeCompleted(id=name, source=API, work_order="WO-1", node=node, pieces=8, **late)]


STEPS = st.lists(
    st.builds(
        Step,
        minutes=st.integers(0, 90),
        event=st.none()
        | st.tuples(st.sampled_from(["started", "completed", "entered", "problem"]), st.sampled_from(NODES)),
    ),
    min_size=1,
    max_size=8,
)


async def decided(
    folder: Path, steps: Sequence[Step], *, restarts: frozenset[int], rebuilds: frozenset[int]
) -> list[Decision]:
    """What is decided under this schedule, by an assessor that is started anew before some of the steps."""
    now = NOW

    def current() -> datetime:
        return now

    store = SqliteStore(folder)
    async with Ledger(store, now=current) as ledger:
        await ledger.upsert_order(plan())

        running = assessor_of(ledger, current)
        for number, step in enumerate(steps):
            if number in restarts:
                running = assessor_of(ledger, current)
            if number in rebuilds:
                await ledger.rebuild()
            now += timedelta(minutes=step.minutes)
            await ledger.append_events(step.events(number, now))
            await running._respond(await running._judge(ledger.reads.orders(["A-1"])))
        log = [logged.event for logged in ledger.reads.events(after=0, limit=500).items]
    store.close()
    return [_decision(event) for event in log if isinstance(event, DECISIONS)]


def assessor_of(ledger: Ledger, now: Callable[[], datetime]) -> Assessor:
    """A fresh assessor, which hears what the ledger commits."""
    desk = Desk(reads=ledger.reads, enterprise="default", now=now, policy=DEFAULT_POLICY, index=OrderIndex())
    live = Live(reads_of=lambda viewer: VisibleReads(desk, viewer), enterprise="default", now=now)
    assessor = Assessor(ledger=ledger, desk=desk, live=live)
    ledger.subscribe(assessor.heard)
    return assessor


def _decision(event: Event) -> Decision:
    return event.kind, event.at, tuple(getattr(event, name, None) for name in SAYS)


def decisions(
    steps: Sequence[Step], *, restarts: frozenset[int] = frozenset(), rebuilds: frozenset[int] = frozenset()
) -> list[Decision]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(decided(Path(folder), steps, restarts=restarts, rebuilds=rebuilds))


@pytest.mark.law("decisions")
@settings(max_examples=10, deadline=None)
@given(STEPS, st.frozensets(st.integers(0, 7), max_size=2), st.frozensets(st.integers(0, 7), min_size=1, max_size=2))
def test_the_same_schedule_gives_the_same_decisions_through_rebuilds(
    steps: list[Step], restarts: frozenset[int], rebuilds: frozenset[int]
) -> None:
    assert decisions(steps, restarts=restarts, rebuilds=rebuilds) == decisions(steps, restarts=restarts)


def test_an_order_on_which_nothing_is_done_rises_level_by_level_also_over_restarts() -> None:
    """Else the law above could hold because nothing is ever decided."""
    kinds = [kind for kind, *_ in decisions([Step(30, None)] * 8, restarts=frozenset({2, 5}))]
    assert [kind for kind in kinds if kind.startswith("episode")] == [
        "episode_opened",
        "episode_escalated",
        "episode_escalated",
    ]
    assert kinds.count("task_opened") == 2


def test_a_late_entry_and_a_problem_are_decided_once_over_restarts() -> None:
    steps = [Step(10, ("problem", "CUT")), Step(31, ("entered", "CUT")), Step(10, None), Step(10, None)]
    told = decisions(steps, restarts=frozenset({1, 2, 3}), rebuilds=frozenset({3}))
    kinds = [kind for kind, *_ in told if kind not in {"notice_sent", "episode_opened"}]
    assert kinds == ["alert_opened", "alert_escalated", "late_update_flagged"]


def test_alerts_that_versions_without_them_left_open_are_ended_once(tmp_path: Path) -> None:
    """They wrote of an episode's end without naming its beginning."""

    async def run() -> list[str]:
        store = SqliteStore(tmp_path)
        async with Ledger(store, now=lambda: NOW) as ledger:
            await ledger.upsert_order(plan())
            opened = EpisodeOpened(
                id=str(uuid.UUID(int=1, version=4)), at=NOW, source=API, order="A-0", level="red", late_s=9, lead_s=10
            )
            closed = EpisodeClosed(
                id=str(uuid.UUID(int=2, version=4)), at=NOW, source=API, order="A-0", reason="finished"
            )
            await ledger.append_events([opened, closed])
            for _ in range(2):
                await assessor_of(ledger, lambda: NOW)._judge(ledger.reads.orders(["A-1"]))
            with ledger.reads.told() as told:
                assert every_open(told) == []
            log = [logged.event for logged in ledger.reads.events(after=0, limit=500).items]
        store.close()
        return [event.target for event in log if isinstance(event, AlertClosed)]

    assert asyncio.run(run()) == [str(uuid.UUID(int=1, version=4))]
