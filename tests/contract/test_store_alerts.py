"""Every store finds what is open, and who closed what, live and folded again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from genba_cloud.core.facts.response import AlertFacts
from genba_cloud.ledger import Ledger
from genba_cloud.ledger.responses import every_open, one_response
from genba_cloud.store.port import Store
from genba_cloud.store.told import ResponseKind
from genba_shared.events import (
    AlertClosed,
    AlertOpened,
    Event,
    EventVoided,
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
    EventVoided(id=name(13), at=at(12), source=ERP, target=name(4), reason="by mistake"),
)


async def test_what_is_open_is_found_live_and_after_a_rebuild(store: Store) -> None:
    async with Ledger(store, now=lambda: NOW) as ledger:
        for event in HISTORY:
            await ledger.append_events([event])
        for _ in range(2):
            with ledger.reads.told() as told:
                assert [int(one.id[-4:]) for one in every_open(told)] == [2, 7]
                assert [int(one.id[-4:]) for one in every_open(told, ResponseKind.TASK)] == [7]
                assert isinstance(one_response(told, name(2)), AlertFacts)
                closed = one_response(told, name(3))
                assert isinstance(closed, AlertFacts)
                assert (closed.closed_by, closed.closed_at) == ("erp", at(8))
                ended = one_response(told, name(1))
                assert isinstance(ended, AlertFacts)
                assert (ended.closed_by, ended.closed_at) == (None, at(7))
                assert one_response(told, name(4)) is None  # taken back
                assert one_response(told, name(99)) is None
            await ledger.rebuild()
