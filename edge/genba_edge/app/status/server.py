"""Serves the status page, its JSON form and the metrics, in threads of their own and to this machine alone.

The pages are read-only. What they show is taken on the gateway's loop, so that a loop that hangs shows as such: the
answer is then 503, which is what a supervisor of processes wants to know.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import ipaddress
import json
import logging
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from genba_edge.app.run_arguments import STATUS_DEFAULT
from genba_edge.app.snapshot import Snapshot
from genba_edge.app.status import page
from genba_edge.app.status.words import language_of
from genba_shared.errors import UsageError

logger = logging.getLogger(__name__)

SNAPSHOT_S: Final = 3.0  # the gateway's loop answers within milliseconds, or something is wrong with it
REQUEST_S: Final = 5.0  # a browser that sends nothing is let go
MOST_AT_ONCE: Final = 8
_SECURITY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def bind_status(address: str | None) -> socket.socket | None:
    """The socket of the status page; None when it is switched off (``off``).

    Without an address it is port 9180 of this machine, or any free one: two gateways on one machine are no error.

    Raises:
        UsageError: not an address, not of this machine, or taken.
    """
    if address is None:
        try:
            return _bind(*_parse(STATUS_DEFAULT))
        except UsageError:
            return _bind("127.0.0.1", 0)
    return None if address == "off" else _bind(*_parse(address))


def _parse(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    host = {"": "127.0.0.1", "localhost": "127.0.0.1"}.get(host, host.strip("[]"))
    try:
        is_ours = ipaddress.ip_address(host).is_loopback
        number = int(port)
    except ValueError as exc:
        raise UsageError(f"--status {address}: write {STATUS_DEFAULT}, another port of this machine, or off") from exc
    if not is_ours:
        raise UsageError(
            f"--status {address}: the page has no password and is for this machine only. From another "
            f"machine open a tunnel: ssh -L {number}:127.0.0.1:{number} USER@GATEWAY, then http://127.0.0.1:{number}"
        )
    return host, number


def _bind(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except (OSError, OverflowError) as exc:
        listener.close()
        raise UsageError(f"--status {host}:{port} cannot be used: {exc}. Name a free port, or :0 for any") from exc
    return listener


@contextlib.asynccontextmanager
async def status_page(listener: socket.socket, take: Callable[[], Snapshot]) -> AsyncIterator[str]:
    """Serve the page for the time of the block; its URL. `take` is called on this loop."""
    loop = asyncio.get_running_loop()

    async def snapshot() -> Snapshot:
        return take()

    def ask() -> Snapshot:
        asked = snapshot()
        try:
            future = asyncio.run_coroutine_threadsafe(asked, loop)
        except RuntimeError:  # the loop is closed already
            asked.close()
            raise
        try:
            return future.result(SNAPSHOT_S)
        finally:
            future.cancel()  # a loop that hangs need not answer all who asked meanwhile

    server = _Server(listener, ask)
    thread = threading.Thread(target=server.serve, name="status-page", daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        server.end()
        await asyncio.to_thread(thread.join, REQUEST_S)


class _Server(ThreadingHTTPServer):
    """Sleeps until somebody comes: no look every half second at whether it should end."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, ask: Callable[[], Snapshot]) -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.ask = ask
        self._places = threading.Semaphore(MOST_AT_ONCE)
        self._ends = False
        host, port = listener.getsockname()[:2]
        written = f"[{host}]" if ":" in host else host
        self.url = f"http://{written}:{port}/"
        self.hosts = frozenset({f"{written}:{port}", f"localhost:{port}"})

    def serve(self) -> None:
        """Answer until `end`."""
        while not self._ends:
            self.handle_request()

    def end(self) -> None:
        """Wake the thread up and let it end."""
        self._ends = True
        with contextlib.suppress(OSError), socket.create_connection(self.socket.getsockname()[:2], timeout=REQUEST_S):
            pass

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; who comes while all places are taken is sent away."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """As the library does, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no event; a bug is logged like any other."""
        if not isinstance(sys.exc_info()[1], OSError):
            logger.error("status page failed", exc_info=True)  # noqa: LOG014 (called in the library's handler)


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: _Server
    timeout = REQUEST_S
    server_version = "genba"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a page."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer a page without its content."""
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        status, kind, body = self._page()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in _SECURITY.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _page(self) -> tuple[HTTPStatus, str, bytes]:
        if self.headers.get("Host", "") not in self.server.hosts:
            # a page of another origin whose name was made to point here (DNS rebinding) would read what is ours
            return _plain(HTTPStatus.MISDIRECTED_REQUEST, f"open {self.server.url} by this name")
        url = urlsplit(self.path)
        if url.path in page.FILES:
            kind, content = page.FILES[url.path]
            return HTTPStatus.OK, kind, content
        if url.path not in _VIEWS:
            return _plain(HTTPStatus.NOT_FOUND, f"one of {', '.join(_VIEWS)}")
        try:
            snapshot = self.server.ask()
        except (concurrent.futures.TimeoutError, RuntimeError):
            return _plain(HTTPStatus.SERVICE_UNAVAILABLE, "the gateway does not answer")
        asked = parse_qs(url.query).get("lang", [""])[0]
        return _VIEWS[url.path](snapshot, language_of(asked, self.headers.get("Accept-Language", "")))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        """Requests are nothing to log."""
        logger.debug(format, *args)


def _plain(status: HTTPStatus, text: str) -> tuple[HTTPStatus, str, bytes]:
    return status, "text/plain; charset=utf-8", text.encode() + b"\n"


def _show_page(snapshot: Snapshot, language: str) -> tuple[HTTPStatus, str, bytes]:
    return HTTPStatus.OK, "text/html; charset=utf-8", page.render(snapshot, language).encode(errors="backslashreplace")


def _show_json(snapshot: Snapshot, _language: str) -> tuple[HTTPStatus, str, bytes]:
    return HTTPStatus.OK, "application/json", json.dumps(snapshot.to_json()).encode()


def _show_metrics(snapshot: Snapshot, _language: str) -> tuple[HTTPStatus, str, bytes]:
    from genba_edge.app.status.metrics import CONTENT_TYPE, exposition  # takes memory; most gateways are never scraped

    return HTTPStatus.OK, CONTENT_TYPE, exposition(snapshot)


def _show_health(_snapshot: Snapshot, _language: str) -> tuple[HTTPStatus, str, bytes]:
    return _plain(HTTPStatus.OK, "ok")


def _show_ready(snapshot: Snapshot, _language: str) -> tuple[HTTPStatus, str, bytes]:
    waiting = [device.id for device in snapshot.devices if device.status == "connecting"]
    if snapshot.is_ready:
        return _plain(HTTPStatus.OK, "ready")
    return _plain(HTTPStatus.SERVICE_UNAVAILABLE, f"not known yet: {', '.join(waiting)}")


_VIEWS: Final[dict[str, Callable[[Snapshot, str], tuple[HTTPStatus, str, bytes]]]] = {
    "/": _show_page,
    "/status.json": _show_json,
    "/metrics": _show_metrics,
    "/healthz": _show_health,
    "/readyz": _show_ready,
}
