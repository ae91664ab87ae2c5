"""`genba edge run MAP`: the gateway as a process."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from pathlib import Path

from genba_edge.app.gateway import Gateway, GatewaySetup
from genba_edge.app.run_arguments import BROKER_VARIABLE
from genba_edge.app.sink import Sink
from genba_edge.outbox import SqliteOutbox
from genba_shared.clock import ProductionClock
from genba_shared.device_map import DeviceMap, folder_of, load_device_map
from genba_shared.errors import UsageError
from genba_shared.mqtt import BrokerAddress

logger = logging.getLogger(__name__)


def run_gateway(args: argparse.Namespace) -> int:
    """Run until SIGTERM or Ctrl-C; everything that was counted is committed before it ends."""
    device_map = load_device_map(args.map)
    broker = _broker(args.broker or os.environ.get(BROKER_VARIABLE), device_map)
    if broker is None and args.sink is None:
        raise UsageError(
            "nowhere to send events: add `collector: {mqtt: mqtt://HOST:1883}` to the map, or --broker URL, "
            "or --sink FILE.jsonl to write them to a file"
        )
    state_dir = args.state or folder_of(args.map) / device_map.store.path
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    asyncio.run(_run(device_map, broker=broker, state_dir=state_dir, sink=args.sink))
    return 0


def _broker(url: str | None, device_map: DeviceMap) -> BrokerAddress | None:
    """The broker of the command line takes the place of the map's, with everything that is written beside that."""
    if url:
        return BrokerAddress.parse(url)
    return device_map.collector.broker if device_map.collector else None


async def _run(device_map: DeviceMap, *, broker: BrokerAddress | None, state_dir: Path, sink: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    outbox = SqliteOutbox(state_dir, gateway=device_map.gateway.id)
    file: Sink | None = None
    try:
        if sink is not None:
            file = Sink(sink)
            file.catch_up(outbox)
        setup = GatewaySetup(
            device_map=device_map,
            outbox=outbox,
            clock=ProductionClock.from_environment(),
            state_dir=state_dir,
            broker=broker,
            sink=file,
        )
        gateway = Gateway(setup)
        logger.info(
            "gateway started gateway=%s devices=%d broker=%s epoch=%s next_seq=%d",
            device_map.gateway.id,
            len(device_map.devices),
            broker or "none",
            outbox.mark().epoch,
            outbox.mark().next_seq,
        )
        await gateway.run(stop)
        mark = outbox.mark()
        logger.info("gateway stopped gateway=%s undelivered=%d", device_map.gateway.id, mark.depth)
    finally:
        outbox.close()
        if file is not None:
            file.close()
