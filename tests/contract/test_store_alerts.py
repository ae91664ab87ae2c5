"""Every store lists problems, alerts and tasks by where they stand, live and folded again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from genba_cloud.core.facts.response import AlertFacts, ProblemFacts, ResponseFacts, TaskFacts
from genba_cloud.ledger import Ledger
from genba_cloud.store.alert_rows import Response, ResponseKind
from genba_cloud.store.port import Store
from genba_cloud.store.read import UnknownCursorError
from genba_shared.events import (
    AlertClosed,
    AlertOpened,
    Event,
    EventVoided,
    MaterialCounted,
    ProblemReported,
    ProblemResolved,
    Source,
    SourceType,
    TaskClosed,
    TaskOpened,
)

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SYSTEM = Source(type=SourceType.SYSTEM, ref="alerts")
ERP = Source(type=SourceType.API, ref="erp")


def name(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def at(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def alert(number: int, minutes: int, order: str | None = None) -> AlertOpened:
    return AlertOpened(
        id=name(number),
        at=at(minutes),
        source=SYSTEM,
        alert="wip_limit",
        subject=f"zone:{number}",
        recipient="line_supervisor",
        order=order,
    )


HISTORY: tuple[Event, ...] = (
    alert(1, 0),
    alert(2, 1, order="A-1"),
    alert(3, 2),
    alert(4, 3),
    ProblemReported(id=name(5), at=at(4), source=ERP, category="machine", order="A-1", cause="breakdown"),
    TaskOpened(id=name(6), at=at(5), source=SYSTEM, target=name(2), recipient="line_supervisor", order="A-1"),
    TaskOpened(id=name(7), at=at(6), source=SYSTEM, target=name(2), recipient="management", order="A-1"),
    AlertClosed(id=name(8), at=at(7), source=SYSTEM, target=name(1)),
    AlertClosed(id=name(9), at=at(8), source=ERP, target=name(3)),
    TaskClosed(id=name(10), at=at(9), source=ERP, target=name(6), effect="it helped"),
    ProblemResolved(id=name(11), at=at(10), source=ERP, target=name(5)),
    MaterialCounted(id=name(12), at=at(11), source=ERP, item="cloth", amount=12.5, uom="m"),
    EventVoided(id=name(13), at=at(12), source=ERP, target=name(4), reason="by mistake"),
)


def ids(found: tuple[Response, ...]) -> list[int]:
    return [number_of(one.facts) for one in found]


def number_of(facts: ResponseFacts) -> int:
    match facts:
        case AlertFacts(alert=text) | TaskFacts(task=text) | ProblemFacts(problem=text):
            return int(text[-4:])


async def test_what_is_open_and_who_closed_it_is_found_live_and_after_a_rebuild(store: Store) -> None:
    async with Ledger(store, now=lambda: NOW) as ledger:
        for event in HISTORY:
            await ledger.append_events([event])
        for _ in range(2):
            with ledger.reads.alert_rows() as rows:
                assert ids(rows.every_open()) == [2, 7]
                assert ids(rows.closed_by_people(at(8))) == [3]
                assert ids(rows.closed_by_people(at(9))) == []
                assert ids(rows.tasks_of([name(2), name(3)])) == [6, 7]
                assert {item: [one.on_hand for one in stock] for item, stock in rows.stock().items()} == {
                    "cloth": [12.5]
                }
                found = rows.one(name(2))
                assert found is not None
                assert isinstance(found.facts, AlertFacts)
                assert rows.one(name(99)) is None
                assert rows.one(name(4)) is None  # taken back
            await ledger.rebuild()


async def test_lists_are_read_in_pages_the_newest_first(store: Store) -> None:
    async with Ledger(store, now=lambda: NOW) as ledger:
        await ledger.append_events(HISTORY)
        with ledger.reads.alert_rows() as rows:
            first = rows.page(ResponseKind.ALERT, is_open=None, order=None, cursor=None, limit=2)
            assert (ids(first.items), first.next) == ([3, 2], name(2))
            second = rows.page(ResponseKind.ALERT, is_open=None, order=None, cursor=first.next, limit=2)
            assert (ids(second.items), second.next) == ([1], None)
            tasks = rows.page(ResponseKind.TASK, is_open=False, order="A-1", cursor=None, limit=9)
            assert [one.facts.effect for one in tasks.items if isinstance(one.facts, TaskFacts)] == ["it helped"]
            assert ids(rows.page(ResponseKind.ALERT, is_open=True, order="A-2", cursor=None, limit=9).items) == []
            with pytest.raises(UnknownCursorError):
                rows.page(ResponseKind.TASK, is_open=None, order=None, cursor=name(2), limit=2)
