"""Sends one request to a receiver that somebody named: not into the own network, not for long, and not any further.

The name is looked up once and the connection goes to the address that was checked: a name that changes its address in
between leads nowhere else. Redirects are not followed.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from genba_cloud.core.webhooks import Reply, Targets, is_allowed
from genba_shared.version import VERSION

TIMEOUT_S: Final = 10.0


class RefusedAddressError(OSError):
    """The name leads to no address that may be sent to."""


class _To(http.client.HTTPConnection):
    """A connection to an address that was looked up before."""

    def __init__(self, host: str, port: int, address: str, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=TIMEOUT_S)
        self._address = address
        self._tls = tls

    def connect(self) -> None:
        """Connect to the address; a certificate is checked for the name."""
        self.sock = socket.create_connection((self._address, self.port), timeout=TIMEOUT_S)
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)


def post(url: str, body: bytes, headers: Mapping[str, str], targets: Targets) -> Reply:
    """Send a body; what was answered, or why nothing was. Blocks for a while: call it in a thread."""
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if is_tls else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection = _To(host, port, _address(host, port, targets), ssl.create_default_context() if is_tls else None)
        try:
            connection.request("POST", path, body=body, headers={**headers, "user-agent": f"genba/{VERSION}"})
            answer = connection.getresponse()
            return Reply(status=answer.status, retry_after_s=_seconds(answer.getheader("retry-after")))
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as exc:
        return Reply(error=f"{type(exc).__name__}: {exc}"[:200])


def _address(host: str, port: int, targets: Targets) -> str:
    """An address of the host that may be sent to.

    Raises:
        OSError: it has none, or none that may be.
    """
    found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    allowed = [address for address in found if is_allowed(address, targets)]
    if not allowed:
        raise RefusedAddressError(f"{host} is an address of a private network")
    return allowed[0]


def _seconds(text: str | None) -> int | None:
    """Retry-After: seconds, or a date."""
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    try:
        return max(0, round((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()))
    except (ValueError, TypeError):
        return None
