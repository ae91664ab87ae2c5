"""`genba edge run MAP`: the gateway as a process."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from genba_edge.app.certificate_care import care_for
from genba_edge.app.control import Answer, control_socket
from genba_edge.app.gateway import Gateway
from genba_edge.app.identity import GatewayIdentity, broker_of, load_identity
from genba_edge.app.raw_file import RawWriter
from genba_edge.app.reloads import Reloads
from genba_edge.app.run_arguments import BROKER_VARIABLE
from genba_edge.app.setup import GatewaySetup
from genba_edge.app.sink import Sink
from genba_edge.app.status import bind_status, status_page
from genba_edge.core.dropping import store_limits
from genba_edge.outbox import HistoryLimits, SqliteOutbox
from genba_shared.clock import ProductionClock
from genba_shared.device_map import DeviceMap, folder_of, load_device_map
from genba_shared.errors import UsageError
from genba_shared.mqtt import BrokerAddress
from genba_shared.supervisor import supervise

logger = logging.getLogger(__name__)

GARBAGE_AFTER: Final = 20_000
"""Python looks for cycles among its new objects when there are so many more than before; 700 is its own choice.

Each poll makes as many readings as that, and they hold no cycles: looking cost a tenth of what polling costs.
"""


def run_gateway(args: argparse.Namespace) -> int:
    """Run until SIGTERM or Ctrl-C; everything that was counted is committed before it ends."""
    device_map = load_device_map(args.map)
    broker = _broker(args.broker or os.environ.get(BROKER_VARIABLE), device_map)
    state_dir = args.state or folder_of(args.map) / device_map.store.path
    identity = load_identity(state_dir, gateway=device_map.gateway.id)
    if identity is not None:
        broker = broker_of(identity, broker, state_dir)
    if broker is None and args.sink is None:
        raise UsageError(
            "nowhere to send events: add `collector: {mqtt: mqtt://HOST:1883}` to the map, or --broker URL, "
            "or --sink FILE.jsonl to write them to a file"
        )
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    started = _Start(
        map_path=args.map,
        device_map=device_map,
        broker=broker,
        state_dir=state_dir,
        sink=args.sink,
        record=args.record,
        status=args.status,
        identity=identity,
    )
    asyncio.run(_run(started))
    return 0


def _broker(url: str | None, device_map: DeviceMap) -> BrokerAddress | None:
    """The broker of the command line takes the place of the map's, with everything that is written beside that."""
    if url:
        return BrokerAddress.parse(url)
    return device_map.collector.broker if device_map.collector else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """What the command line and the map say together."""

    map_path: Path
    device_map: DeviceMap
    broker: BrokerAddress | None
    state_dir: Path
    sink: Path | None
    record: Path | None
    status: str | None
    identity: GatewayIdentity | None


async def _run(start: _Start) -> None:
    gc.set_threshold(GARBAGE_AFTER)
    stop, hung_up = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, (stop if _is_in_terminal() else hung_up).set)
    listen = bind_status(start.status)
    with contextlib.ExitStack() as files:
        if listen is not None:
            files.enter_context(listen)
        outbox = files.enter_context(contextlib.closing(_outbox(start)))
        gateway = Gateway(_setup(start, outbox, files))
        async with contextlib.AsyncExitStack() as doors:
            url = "off"
            if listen is not None:
                url = await doors.enter_async_context(status_page(listen, gateway.snapshot))
            await doors.enter_async_context(_commands(gateway, start, url, hung_up))
            if start.identity is not None:
                care = asyncio.create_task(care_for(start.identity, start.state_dir))
                doors.callback(care.cancel)
            _log_start(start, outbox, url)
            await gateway.run(stop)
        logger.info("gateway stopped gateway=%s undelivered=%d", start.device_map.gateway.id, outbox.mark().depth)


def _outbox(start: _Start) -> SqliteOutbox:
    store = start.device_map.store
    kept = HistoryLimits(most_bytes=int(store.history_bytes), keep=timedelta(seconds=store.history_keep_s))
    limits = store_limits(start.device_map)
    return SqliteOutbox(start.state_dir, gateway=start.device_map.gateway.id, history=kept, limits=limits)


def _setup(start: _Start, outbox: SqliteOutbox, files: contextlib.ExitStack) -> GatewaySetup:
    sink = raw = None
    if start.sink is not None:
        sink = files.enter_context(contextlib.closing(Sink(start.sink)))
        sink.catch_up(outbox)
    if start.record is not None:
        raw = files.enter_context(contextlib.closing(RawWriter(start.record)))
    return GatewaySetup(
        device_map=start.device_map,
        outbox=outbox,
        clock=ProductionClock.from_environment(),
        state_dir=start.state_dir,
        broker=start.broker,
        sink=sink,
        raw=raw,
        credentials=start.identity.credentials if start.identity else None,
    )


@contextlib.asynccontextmanager
async def _commands(gateway: Gateway, start: _Start, url: str, hung_up: asyncio.Event) -> AsyncIterator[None]:
    """Take commands from the control socket, and SIGHUP, also one that came while the gateway was starting."""
    reloads = Reloads(gateway, start.map_path.absolute())

    async def reload_again() -> None:
        while await hung_up.wait():
            hung_up.clear()
            await reloads.again()

    async def status(_asked: Mapping[str, Any]) -> Answer:
        return {"url": url, **gateway.snapshot().to_json()}

    handlers = {"reload": reloads.reload, "dry-run": reloads.dry_run, "status": status}
    async with control_socket(start.state_dir, handlers):
        again = asyncio.create_task(supervise("reload on SIGHUP", reload_again))
        try:
            yield
        finally:
            again.cancel()
            await asyncio.gather(again, return_exceptions=True)


def _is_in_terminal() -> bool:
    """Whether SIGHUP means that the terminal was closed: the gateway then ends, instead of living on unseen."""
    return sys.stderr.isatty()


def _log_start(start: _Start, outbox: SqliteOutbox, url: str) -> None:
    mark = outbox.mark()
    logger.info(
        "gateway started gateway=%s devices=%d broker=%s epoch=%s next_seq=%d key=%s",
        start.device_map.gateway.id,
        len(start.device_map.devices),
        start.broker or "none",
        mark.epoch,
        mark.next_seq,
        start.identity.fingerprint[:16] if start.identity else "none",
    )
    logger.info("status page %s", url)
