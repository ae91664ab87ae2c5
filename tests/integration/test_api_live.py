"""The live stream on a real socket: what it sends, how soon, to whom, and how a client comes back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from genba_cloud.api import VisibleReads
from genba_cloud.api import live as live_module
from genba_cloud.api.live import QUEUE_LENGTH, Subscription
from genba_cloud.core.assess import AssessedOrder
from tests.browser.support import NOW, Bench, Message, bench, counted, messages, served, started


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        await running.post_order()
        yield running


class Stream:
    """One open stream; messages wait here until a test asks for them."""

    def __init__(self, response: httpx.Response) -> None:
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._read(response))

    async def next(self, kind: str) -> Message:
        """The next message of that kind; EOFError at the end of the stream."""
        async with asyncio.timeout(5):
            while True:
                message = await self._messages.get()
                if message is None:
                    raise EOFError
                if message.kind == kind:
                    return message

    async def order_with(self, pieces: int, order: str = "A-1001") -> Message:
        """The first message that shows so many good pieces of the order's first node."""
        while True:
            message = await self.next("order")
            if message.data["order"] == order and first_node(message)["good"] >= pieces:
                return message

    async def drain(self) -> None:
        """Read to the end of the stream."""
        with contextlib.suppress(EOFError):
            while True:
                await self.next("clock")

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _read(self, response: httpx.Response) -> None:
        async for message in messages(response):
            self._messages.put_nowait(message)
        self._messages.put_nowait(None)


@asynccontextmanager
async def listening(desk: Bench, url: str, role: str, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    client = desk[role]
    sent = {**dict(client.headers), **headers, "Origin": url}
    async with (
        httpx.AsyncClient(base_url=url, headers=sent, cookies=client.cookies) as real,
        real.stream("GET", f"/api/v1/live{query}", timeout=30) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(response)
        try:
            await stream.next("clock")
            yield stream
        finally:
            await stream.close()


async def test_a_change_arrives_within_half_a_second_of_the_commit(desk: Bench) -> None:
    """First changes, each of another order: later ones of the same order may be gathered for 0.2 s."""
    for number in range(5):
        await desk.post_order(order=f"A-{number}")
    async with served(desk) as url, listening(desk, url, "reader") as stream:
        taken: list[float] = []
        for number in range(5):
            await desk.tell(counted(f"WO-{number}", "CUT", 3))
            committed = time.monotonic()
            await stream.order_with(3, f"A-{number}")
            taken.append(time.monotonic() - committed)
        assert max(taken) < 0.5


async def test_a_message_is_the_whole_order_as_the_viewer_may_see_it(desk: Bench) -> None:
    async with served(desk) as url, listening(desk, url, "reader") as one, listening(desk, url, "board") as other:
        await desk.tell(started("WO-1001", "CUT"))
        full, bare = await in_progress(one), await in_progress(other)
        assert full.data == (await desk["reader"].get("/api/v1/orders/A-1001")).json()
        assert bare.data["customer"] == ""
        assert bare.data["work_orders"][0]["nodes"][0]["evidence"] == []
        position = (await desk["reader"].get("/api/v1/events", params={"kind": "node_started"})).json()["items"][0]
        assert full.id is not None
        assert full.id >= position["position"]


async def test_an_order_that_changes_often_is_sent_at_most_five_times_a_second(desk: Bench) -> None:
    async with served(desk) as url, listening(desk, url, "reader") as stream:
        begun, seen = time.monotonic(), 0
        for pieces in range(1, 21):
            await desk.tell(counted("WO-1001", "CUT", 1, total=pieces))
        while first_node(await stream.next("order"))["good"] < 20:
            seen += 1
        assert seen <= 1 + (time.monotonic() - begun) / live_module.ORDER_GAP_S + 1
        assert seen < 20


async def test_a_client_that_comes_back_gets_what_it_missed(desk: Bench) -> None:
    async with served(desk) as url:
        async with listening(desk, url, "reader") as stream:
            await desk.tell(started("WO-1001", "CUT"))
            last = await in_progress(stream)
        await desk.tell(counted("WO-1001", "CUT", 3))
        async with listening(desk, url, "reader", **{"Last-Event-ID": str(last.id)}) as stream:
            await stream.order_with(3)


async def test_a_client_that_was_away_for_too_long_is_told_to_read_all_again(desk: Bench) -> None:
    async with served(desk) as url, listening(desk, url, "reader", **{"Last-Event-ID": "1"}) as stream:
        await stream.next("resync")


async def test_what_changed_between_page_and_stream_is_sent(desk: Bench) -> None:
    drawn_at = desk.collector.desk.reads.last_position()
    async with served(desk) as url, listening(desk, url, "reader"):
        await desk.tell(started("WO-1001", "CUT"))
        async with listening(desk, url, "reader", f"?after={drawn_at}") as late:
            await in_progress(late)


@pytest.mark.trap("stale stored status")
async def test_an_order_that_turns_late_by_the_clock_alone_is_sent(tmp_path: Path) -> None:
    async with bench(tmp_path, now=NOW + timedelta(minutes=14, seconds=50), speed=10) as desk:
        await desk.post_order(start=NOW)  # CUT is ready and should have begun at 09:00; the tolerance ends at 09:15
        async with served(desk) as url, listening(desk, url, "reader") as stream:
            while first_node(await stream.next("order"))["status"] != "delayed":
                pass


async def test_heartbeats_come_while_nothing_happens(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "HEARTBEAT_S", 0.05)
    async with served(desk) as url, listening(desk, url, "reader") as stream:
        for _ in range(3):
            await stream.next("clock")


async def test_a_stream_ends_when_its_viewer_loses_the_right(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "HEARTBEAT_S", 0.05)
    async with served(desk) as url, listening(desk, url, "board") as stream:
        desk.collector.authority.renew_board_links()
        await stream.drain()


async def test_a_client_that_does_not_read_is_told_to_resync_and_costs_no_more_memory() -> None:
    subscription = Subscription()
    for number in range(QUEUE_LENGTH + 3):
        subscription.offer(str(number).encode())
    got = [await subscription.next() for _ in range(3)]
    assert got == [b"event: resync\ndata: {}\n\n", str(QUEUE_LENGTH + 1).encode(), str(QUEUE_LENGTH + 2).encode()]


async def test_a_change_whose_rendering_failed_is_sent_when_the_stream_is_well_again(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy, failures = VisibleReads.orders, [OSError("disk")]

    def orders(reads: VisibleReads, numbers: Sequence[str]) -> list[AssessedOrder]:
        found = healthy(reads, numbers)
        if failures and found[0].assessment.nodes["WO-1001"][0].facts.good == 5:
            raise failures.pop()
        return found

    monkeypatch.setattr(VisibleReads, "orders", orders)
    async with served(desk) as url, listening(desk, url, "reader") as stream:
        await desk.tell(counted("WO-1001", "CUT", 3))
        await stream.order_with(3)
        await desk.tell(counted("WO-1001", "CUT", 2, total=5))
        await stream.order_with(5)
        assert not failures


async def test_open_streams_do_not_hold_up_a_stop(desk: Bench) -> None:
    async with served(desk) as url, listening(desk, url, "reader") as stream:
        begun = time.monotonic()
        desk.collector.live.end()
        await stream.drain()
        assert time.monotonic() - begun < 1


async def in_progress(stream: Stream) -> Message:
    while True:
        message = await stream.next("order")
        if first_node(message)["status"] == "in_progress":
            return message


def first_node(message: Message) -> Any:
    return message.data["work_orders"][0]["nodes"][0]
