"""The undisturbed run: a process of its own takes every event once, gateway by gateway, and writes down the views.

``python -m tests.chaos.undisturbed DATA OWN.jsonl VIEWS.json STREAM.jsonl …``: `OWN` holds what did not come from
gateways (orders), each `STREAM` what one gateway said.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from genba_cloud.core.delivery import Reach
from genba_cloud.ledger import EnvelopeBatch, Ledger
from genba_cloud.store import open_store
from genba_shared.codec import Lane
from genba_shared.events import Event, EventId, read_lines
from genba_shared.process import obey_parent_variable
from tests.chaos.judge import read_views, write_views

ENVELOPE: Final = 400


async def fold(data: Path, own: Path, out: Path, streams: Sequence[Path]) -> None:
    """Take everything in order, and write the views."""
    store = open_store(data)
    try:
        async with Ledger(store, now=lambda: datetime.now(UTC)) as ledger:
            await ledger.append_events(_read(own))
            for stream in streams:
                events = _read(stream)
                for start in range(0, len(events), ENVELOPE):
                    await ledger.append(_batch(events[start : start + ENVELOPE]))
        write_views(read_views(store), out)
    finally:
        store.close()


def _read(path: Path) -> list[Event]:
    return list(read_lines(path.read_text().splitlines()))


def _batch(events: Sequence[Event]) -> EnvelopeBatch:
    first, last = EventId.parse(events[0].id), EventId.parse(events[-1].id)
    if first is None or last is None:
        raise ValueError(f"{events[0].id} is no gateway's event")
    reach = Reach(first=first.seq, last=last.seq, prev=first.seq - 1, acked=first.seq - 1)
    return EnvelopeBatch(gateway=first.gateway, lane=Lane.FACTS, epoch=first.epoch, reach=reach, events=tuple(events))


if __name__ == "__main__":
    obey_parent_variable()
    data, own, out, *streams = (Path(name) for name in sys.argv[1:])
    data.mkdir(parents=True, exist_ok=True)
    asyncio.run(fold(data, own, out, streams))
