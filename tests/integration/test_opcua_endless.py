"""OPC UA servers that send without end: the gateway hangs up instead of filling its memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from struct import pack

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from genba_edge.drivers.opcua_client import LARGEST_MESSAGE
from genba_edge.drivers.opcua_faults import OpcUaLost, OpcUaRefused
from genba_edge.drivers.opcua_session import OpcUaSession
from genba_edge.ports import Failure
from genba_shared.device_map.model import OpcUaDevice, SecurityPolicy, SecuritySettings

ACKNOWLEDGE = b"ACKF" + pack("<6I", 28, 0, 65_535, 65_535, 0, 0)
MOST_SENT = 4 * LARGEST_MESSAGE
"""What such a server sends at most here; what lies in the buffers of the sockets is much less."""
POLICY = b"http://opcfoundation.org/UA/SecurityPolicy#None"


ALGORITHM = pack("<i", len(POLICY)) + POLICY + pack("<ii", -1, -1)


def framed(kind: bytes, chunk: bytes) -> bytes:
    return kind + pack("<I", len(chunk) + 8) + chunk


def channel_opened() -> bytes:
    response = ua.OpenSecureChannelResponse()
    token = response.Parameters.SecurityToken
    token.ChannelId, token.TokenId, token.RevisedLifetime = ua.UInt32(1), ua.UInt32(1), ua.UInt32(3_600_000)
    return framed(b"OPNF", pack("<I", 1) + ALGORITHM + pack("<II", 1, 1) + struct_to_binary(response))


def one_chunk_without_end() -> Iterator[bytes]:
    yield b"MSGF" + pack("<I", 2**31 - 1)
    while True:
        yield bytes(65_000)


def chunks_without_end(size: int) -> Iterator[bytes]:
    number = 1
    while True:
        number += 1
        yield framed(b"MSGC", pack("<4I", 1, 1, number, 2) + bytes(size))


@pytest.mark.parametrize(
    "talk", [one_chunk_without_end, partial(chunks_without_end, 65_000), partial(chunks_without_end, 1)]
)
async def test_a_server_that_does_not_stop_is_hung_up_on(talk: Callable[[], Iterator[bytes]], tmp_path: Path) -> None:
    sent = 0
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with suppress(ConnectionError):
            await reader.read(4096)
            writer.write(ACKNOWLEDGE)
            await reader.read(4096)
            writer.write(channel_opened())
            await reader.read(4096)
            for piece in talk():
                if sent > MOST_SENT:
                    break
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
        writer.close()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"opc.tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        security = SecuritySettings(policy=SecurityPolicy.NONE)
        device = OpcUaDevice(id="cutter1", url=url, security=security, points={}, timeout_s=30.0)
        session = OpcUaSession.alone(device, state_dir=tmp_path)
        with pytest.raises((OpcUaLost, OpcUaRefused)) as ended_by:
            await session.open()
        await session.close()
        await asyncio.wait_for(ended.wait(), 30.0)
    assert sent < MOST_SENT
    assert isinstance(ended_by.value, OpcUaLost | OpcUaRefused)
    assert ended_by.value.failure is not Failure.TIMEOUT
