"""The hostile network of the fault tests does what it says: what it did not do would prove nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.peers.proxy import Mode, Proxy
from tests.peers.recorder import eventually

TEXT = bytes(range(256)) * 2
SHORT_S = 0.2
"""How long we listen for what must not come; a slow machine can only make these tests pass."""


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def network() -> AsyncIterator[Proxy]:
    """A proxy before a server that sends back what it gets."""
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    with Proxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    server.close()


class Client:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, proxy: Proxy) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", proxy.port))

    async def ask(self, text: bytes) -> bytes:
        self.writer.write(text)
        async with asyncio.timeout(10):
            return await self.reader.readexactly(len(text))

    async def is_silent(self) -> bool:
        try:
            async with asyncio.timeout(SHORT_S):
                await self.reader.readexactly(1)
        except TimeoutError:
            return True
        return False

    async def close(self) -> None:
        self.writer.transport.abort()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)


async def test_everything_passes_and_the_moments_are_noted() -> None:
    async with network() as proxy:
        client = await Client.connect(proxy)
        assert await client.ask(TEXT) == TEXT
        assert len(proxy.asked_at) >= 1
        await client.close()


async def test_a_delay_holds_everything_back_both_ways() -> None:
    async with network() as proxy:
        client = await Client.connect(proxy)
        began_s = proxy.switch(Mode.DELAY)
        assert await client.ask(TEXT) == TEXT
        assert time.monotonic() - began_s >= 2 * proxy.delay_s
        await client.close()


async def test_a_dribble_comes_in_pieces_and_whole() -> None:
    async with network() as proxy:
        client = await Client.connect(proxy)
        proxy.switch(Mode.DRIBBLE)
        client.writer.write(TEXT)
        pieces = []
        while sum(map(len, pieces)) < len(TEXT):
            pieces.append(await client.reader.read(65_536))
        assert b"".join(pieces) == TEXT
        assert len(pieces[0]) < len(TEXT) / 4
        await client.close()


async def test_a_black_hole_takes_everything_and_gives_it_back_at_its_end() -> None:
    async with network() as proxy:
        client = await Client.connect(proxy)
        await client.ask(TEXT)
        proxy.switch(Mode.BLACK_HOLE)
        later = await Client.connect(proxy)
        for each in (client, later):
            each.writer.write(b"x")
            assert await each.is_silent()
        proxy.switch(Mode.PASS)
        for each in (client, later):
            assert await each.ask(b"y") == b"x"
            await each.close()


async def test_a_black_hole_inwards_lets_the_server_hear_what_it_cannot_answer() -> None:
    async with network() as proxy:
        client = await Client.connect(proxy)
        await client.ask(TEXT)
        proxy.switch(Mode.BLACK_HOLE_IN)
        client.writer.write(b"x")
        assert await client.is_silent()
        proxy.switch(Mode.BLACK_HOLE_OUT)
        assert await client.reader.readexactly(1) == b"x", "the server had heard it"
        client.writer.write(b"y")
        assert await client.is_silent()
        proxy.switch(Mode.PASS)
        assert await client.ask(b"z") == b"y"
        await client.close()


async def test_what_is_swallowed_never_comes_and_the_connection_stays() -> None:
    async with network() as proxy:
        client = await Client.connect(proxy)
        await client.ask(TEXT)
        proxy.switch(Mode.SWALLOW)
        client.writer.write(b"x")
        assert await client.is_silent()
        proxy.switch(Mode.PASS)
        assert await client.ask(b"y") == b"y"
        await client.close()


async def test_a_half_open_connection_stays_silent_for_ever_and_a_new_one_works() -> None:
    async with network() as proxy:
        client = await Client.connect(proxy)
        await client.ask(TEXT)
        proxy.switch(Mode.HALF_OPEN)
        with pytest.raises(ConnectionRefusedError):
            await Client.connect(proxy)
        client.writer.write(b"x")
        assert await client.is_silent()
        proxy.switch(Mode.PASS)
        later = await Client.connect(proxy)
        assert await later.ask(TEXT) == TEXT
        assert await client.is_silent()
        await client.close()
        await later.close()


@pytest.mark.parametrize("mode", [Mode.CUT, Mode.REFUSE])
async def test_a_cut_resets_what_is_open_and_what_comes(mode: Mode) -> None:
    async with network() as proxy:
        client = await Client.connect(proxy)
        await client.ask(TEXT)
        proxy.switch(mode)
        await eventually(lambda: client.reader.exception() is not None)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await (await Client.connect(proxy)).ask(TEXT)
        proxy.switch(Mode.PASS)
        later = await Client.connect(proxy)
        assert await later.ask(TEXT) == TEXT
        await client.close()
        await later.close()


async def test_what_the_device_sends_is_spoilt_and_what_it_gets_is_not() -> None:
    async with network() as proxy:
        client = await Client.connect(proxy)
        proxy.switch(Mode.CORRUPT)
        assert await client.ask(b"abc") == bytes([ord("a") ^ 0xFF]) + b"bc"
        await client.close()
