"""The library's client as the driver wants it."""

from __future__ import annotations

import errno
import os
from typing import Final

from asyncua.client.client import Client
from asyncua.client.ua_client import UaClient, UASocketProtocol, UASocketState
from asyncua.common.shortcuts import Shortcuts

from genba_shared.device_map.model import OpcUaDevice

LARGEST_MESSAGE: Final = 16 * 1024 * 1024
"""Bytes of one answer; ten thousand notifications take less than one million."""
SMALLEST_CHUNK: Final = 8192
"""Bytes that every server can put into one chunk. Source: OPC 10000-6, 7.1.2.3."""
MOST_CHUNKS: Final = LARGEST_MESSAGE // SMALLEST_CHUNK


class OpcUaClient(Client):
    """The library's client, which notices a connection that is reset before its first word, and a server without end.

    asyncua 2.1.0 would send nothing into the closed socket and wait for the answer until the time-out. It would also
    collect an answer of any length until the gateway has no memory left.
    """

    def __init__(self, device: OpcUaDevice, *, lifetime_s: float) -> None:
        super().__init__(device.url, timeout=device.timeout_s, watchdog_intervall=lifetime_s)
        self.uaclient = _BoundedUaClient(device.timeout_s)
        self.uaclient.pre_request_hook = self._wait_until_ready
        self.nodes = Shortcuts(self.uaclient.session)
        self.name = self.description = "genba edge"
        self.session_timeout = int(lifetime_s * 1000)
        self.max_messagesize, self.max_chunkcount = LARGEST_MESSAGE, MOST_CHUNKS

    async def send_hello(self) -> None:
        """Say hello, or raise what the closed socket means."""
        protocol = self.uaclient.protocol
        if not isinstance(protocol, _BoundedProtocol) or protocol.state is not UASocketState.OPEN:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        await super().send_hello()
        protocol.bound_answers()


class _BoundedProtocol(UASocketProtocol):
    """The connection, which ends where the server sends more than any answer can be."""

    def bound_answers(self) -> None:
        """The server was greeted: what it asks of our requests stays, and its answers get limits of ours.

        The library takes the limits that the server has for requests as those for its answers.
        """
        limits = self._connection._limits  # noqa: SLF001  # the library has no other way
        limits.max_recv_buffer = LARGEST_MESSAGE
        limits.max_message_size, limits.max_chunk_count = LARGEST_MESSAGE, MOST_CHUNKS

    def data_received(self, data: bytes) -> None:
        """Take what came; a chunk that is not whole yet must not grow without end."""
        super().data_received(data)
        limits = self._connection._limits  # noqa: SLF001  # as above
        if self.receive_buffer and len(self.receive_buffer) > limits.max_recv_buffer and self.transport is not None:
            self.receive_buffer = None
            self.transport.abort()


class _BoundedUaClient(UaClient):
    """Makes such connections."""

    def _make_protocol(self) -> UASocketProtocol:
        protocol = _BoundedProtocol(self._timeout, security_policy=self.security_policy)
        protocol.pre_request_hook = self._pre_request_hook
        protocol.on_connection_lost = self._on_transport_lost
        protocol.is_session_closing = self._is_session_closing
        self.protocol = protocol
        return protocol
