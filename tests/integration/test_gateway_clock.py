"""A gateway whose clock is set while it works says so, once."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from genba_edge.app.gateway import Gateway
from genba_edge.outbox import SqliteOutbox
from genba_edge.ports import DeviceBack, Sample
from genba_shared.clock import ProductionClock
from genba_shared.events import DataGapSeen, GapCause
from tests.integration.test_gateway_stop import setup_with
from tests.peers.recorder import eventually


class ClockThatIsSet(ProductionClock):
    """The system's clock, which somebody sets."""

    off = timedelta(0)

    def now(self) -> datetime:
        return super().now() + ClockThatIsSet.off


async def test_a_clock_that_is_set_back_by_an_hour_is_declared_once(tmp_path: Path) -> None:
    stop, clock = asyncio.Event(), ClockThatIsSet()
    with closing(SqliteOutbox(tmp_path, gateway="gw-1")) as outbox:

        def gaps() -> list[DataGapSeen]:
            told = outbox.pending(after=0, limit=100)
            return [one for one in told if isinstance(one, DataGapSeen) and one.cause is GapCause.CLOCK]

        gateway = Gateway(replace(setup_with(outbox, tmp_path), clock=clock))
        running = asyncio.create_task(gateway.run(stop))
        now = clock.now()
        gateway._emit([DeviceBack(device="sewing", at=now)])
        gateway._emit([Sample(device="sewing", point="state", value=1, at=now, seen_at=now)])
        await eventually(lambda: outbox.mark().depth > 0)
        assert gaps() == []
        ClockThatIsSet.off = timedelta(hours=-1)
        try:
            await eventually(gaps)
        finally:
            ClockThatIsSet.off = timedelta(0)
        await eventually(lambda: len(gaps()) == 2)  # the clock is right again: that is another step
        stop.set()
        await running
        back, forth = gaps()
    hour = timedelta(hours=1)
    assert hour - timedelta(minutes=1) < back.end - back.begin < hour + timedelta(minutes=1)
    millisecond = timedelta(milliseconds=1)  # both are kept in whole ones, each cut off for itself
    assert abs(back.at - back.begin) <= millisecond
    assert abs(forth.at - forth.end) <= millisecond
    assert {back.subject, forth.subject} == {"gw-1"}
