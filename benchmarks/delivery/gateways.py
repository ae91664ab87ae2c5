"""Many gateways in one process, each with its own outbox and uplink: ``python -m benchmarks.delivery.gateways``.

Fills the outboxes, says ``filled``, and waits for a line; then it delivers, says ``over`` when everything is
acknowledged, and ends with its standard input. The live one commits an event now and then and says what each took.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from genba_edge.outbox import SqliteOutbox
from genba_shared.events import Event, read_lines
from genba_shared.process import obey_parent_variable
from tests.chaos.stream import NO_EPOCH
from tests.peers.gateway import UplinkGateway

BASE: Final = "gw-base"
"""The gateway of the stream that every gateway repeats under its own name."""
LIVE: Final = "gw-live"
GROUP: Final = 500
LIVE_EVERY_S: Final = 0.5
LONGEST_S: Final = 1200.0


def stream_of(text: str, *, gateway: str, epoch: str) -> list[Event]:
    """The stream as this gateway says it."""
    for old, new in ((BASE, gateway), (BASE.encode().hex(), gateway.encode().hex()), (NO_EPOCH, epoch)):
        text = text.replace(old, new)
    return list(read_lines(text.splitlines()))


class Gateway(UplinkGateway[SqliteOutbox]):
    """One outbox with one uplink."""

    def __init__(self, name: str, folder: Path, broker: str) -> None:
        folder.mkdir(parents=True)
        super().__init__(name, broker, folder, outbox=SqliteOutbox(folder, gateway=name))

    def fill(self, events: Sequence[Event]) -> None:
        """Commit events while there is no link."""
        for start in range(0, len(events), GROUP):
            self.outbox.append(events[start : start + GROUP], {})

    async def until_over(self) -> None:
        """Wait until everything is acknowledged."""
        while not await self.uplink.drain(LONGEST_S):  # noqa: ASYNC110 - nothing tells that there is a link
            await asyncio.sleep(0.05)

    async def live(self, events: Sequence[Event]) -> None:
        """Commit one event after the other for ever; say how many seconds each took until it was acknowledged."""
        for event in events:
            began_s = time.monotonic()
            self.commit([event])
            await self.until_over()
            print(f"live {time.monotonic() - began_s:.4f}", flush=True)
            await asyncio.sleep(LIVE_EVERY_S)


async def _deliver(gateways: Sequence[Gateway], arguments: argparse.Namespace, text: str) -> None:
    uplinks = [asyncio.create_task(gateway.uplink.run()) for gateway in gateways]
    if arguments.live:
        (gateway,) = gateways
        events = stream_of(text, gateway=gateway.name, epoch=gateway.outbox.mark().epoch)
        work: Any = asyncio.create_task(gateway.live(events))
    else:
        work = asyncio.gather(*(gateway.until_over() for gateway in gateways))
        work.add_done_callback(lambda done: print("over", flush=True))
    await asyncio.to_thread(sys.stdin.read)
    work.cancel()
    for uplink in uplinks:
        uplink.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    await asyncio.gather(*uplinks, return_exceptions=True)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--stream", type=Path, required=True)
    parser.add_argument("--broker", required=True)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--live", action="store_true")
    arguments = parser.parse_args()
    text = arguments.stream.read_text()
    if arguments.live:
        names = [LIVE]
    else:
        names = [f"gw-{number}" for number in range(arguments.first, arguments.first + arguments.count)]
    gateways = [Gateway(name, arguments.folder / name, arguments.broker) for name in names]
    for gateway in gateways:
        epoch = gateway.outbox.mark().epoch
        print(f"gateway {gateway.name} {epoch}", flush=True)
        if not arguments.live:
            gateway.fill(stream_of(text, gateway=gateway.name, epoch=epoch))
    print("filled", flush=True)
    sys.stdin.readline()
    asyncio.run(_deliver(gateways, arguments, text))
    for gateway in gateways:
        gateway.outbox.close()


if __name__ == "__main__":
    obey_parent_variable()
    main()
