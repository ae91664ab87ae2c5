"""uvicorn as one part of a larger process: it takes a bound socket, no signals, and ends when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from genba_cloud.app.settings import Address, ServeSettings
from genba_shared.errors import UsageError

STOP_S = 2


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process, which also has other things to stop."""
        yield


def bind(address: Address) -> socket.socket:
    """Listen on the address.

    Raises:
        UsageError: it is taken, or not one of this machine.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listener = socket.create_server((address.host, address.port), family=family, backlog=1024)
    except OSError as exc:
        raise UsageError(
            f"cannot listen on {address.host}:{address.port}: {exc.strerror or exc}. "
            "Choose another with --listen; port 0 takes a free one"
        ) from exc
    # Connections inherit it. The event loop sets it only where a socket names its protocol, which ours do not: a
    # client that keeps its connection then waits 40 ms for the second part of each answer.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket, *, tls: bool) -> str:
    """Where a bound socket is reached from this machine."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104 - shown, not bound
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


@asynccontextmanager
async def serve_http(app: FastAPI, listener: socket.socket, settings: ServeSettings) -> AsyncIterator[None]:
    """Answer requests while the context lasts; open requests get 2 s to end."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # who guesses passwords must not be able to say that it is somebody else each time
        timeout_graceful_shutdown=STOP_S,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        while not server.started:
            if task.done():
                await task
                raise UsageError("the web server did not start")
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task
