"""One writing process: delivers the envelopes of its gateways to a database, as often as it takes.

Run as ``python -m tests.contract.a_writer URL GATEWAY[,GATEWAY…] ENVELOPES EVENTS``; it prints a line when it is ready
and one when everything is acknowledged. What is not acknowledged is sent again from there, as a gateway does.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from genba_cloud.core.delivery import Reach
from genba_cloud.ledger import EnvelopeBatch, Ledger
from genba_cloud.store import StoreAway, open_store
from genba_shared.events import Event, PiecesCounted, Result, Source, SourceType

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
AGAIN_S = 0.2
STATIONS = 3
WORK_ORDERS = 5


def counted(gateway: str, seq: int) -> Event:
    """One piece more at one of three stations. All gateways share their stations and work orders with all others."""
    station = f"S-{seq % STATIONS}"
    return PiecesCounted(
        id=f"{gateway}:{EPOCH}:{seq}",
        at=START + timedelta(seconds=seq),
        source=Source(type=SourceType.PLC, ref="cutter1/good"),
        station=station,
        work_order=f"WO-{seq * 7 % WORK_ORDERS}",
        node="CUT",
        point=f"{gateway}/{station}",
        result=Result.GOOD,
        delta=1,
        total=(seq + STATIONS - 1) // STATIONS,
        counter_epoch=1,
        since=START,
    )


def envelope(gateway: str, first: int, events: int, acked: int) -> EnvelopeBatch:
    """The events `first` and on of a gateway that holds nothing older."""
    last = first + events - 1
    return EnvelopeBatch(
        gateway=gateway,
        lane="facts",
        epoch=EPOCH,
        reach=Reach(first=first, last=last, prev=first - 1, acked=acked),
        events=tuple(counted(gateway, seq) for seq in range(first, last + 1)),
    )


async def deliver(ledger: Ledger, gateway: str, envelopes: int, events: int) -> None:
    """Send envelope after envelope; one that is not acknowledged is sent again."""
    upto = 0
    while upto < envelopes * events:
        try:
            appended = await ledger.append(envelope(gateway, upto + 1, events, upto))
        except StoreAway:
            await asyncio.sleep(AGAIN_S)
            continue
        upto = appended.upto or 0


async def main(url: str, gateways: str, envelopes: int, events: int) -> None:
    """Deliver everything of every gateway, all of them at once."""
    store = open_store(Path("/nonexistent"), url)
    async with Ledger(store, now=lambda: START) as ledger:
        print("ready", flush=True)
        await asyncio.gather(*(deliver(ledger, gateway, envelopes, events) for gateway in gateways.split(",")))
    store.close()
    print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
