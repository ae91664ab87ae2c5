"""The limit: a FastAPI application whose only route does nothing, served as the collector serves its own."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from fastapi import FastAPI

from genba_cloud.app.settings import Address, ServeSettings
from genba_cloud.app.web_server import bind, serve_http, url_of

app = FastAPI()


@app.get("/empty")
async def empty() -> dict[str, str]:
    """Nothing."""
    return {}


async def _serve() -> None:
    address = Address(host="127.0.0.1", port=0)
    listener: socket.socket = bind(address)
    async with serve_http(app, listener, ServeSettings(data_dir=Path(), listen=address)):
        print(f"ready url={url_of(listener, tls=False)}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
