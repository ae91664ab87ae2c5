"""The library's client as the driver wants it."""

from __future__ import annotations

import errno
import os

from asyncua.client.client import Client
from asyncua.client.ua_client import UASocketState

from genba_shared.device_map.model import OpcUaDevice


class OpcUaClient(Client):
    """The library's client, which notices a connection that is reset before its first word.

    asyncua 2.1.0 would send nothing into the closed socket and wait for the answer until the time-out.
    """

    def __init__(self, device: OpcUaDevice, *, lifetime_s: float) -> None:
        super().__init__(device.url, timeout=device.timeout_s, watchdog_intervall=lifetime_s)
        self.name = self.description = "genba edge"
        self.session_timeout = int(lifetime_s * 1000)

    async def send_hello(self) -> None:
        """Say hello, or raise what the closed socket means."""
        protocol = self.uaclient.protocol
        if protocol is None or protocol.state is not UASocketState.OPEN:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        await super().send_hello()
