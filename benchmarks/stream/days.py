"""What a day takes on a link: derived events in envelopes, and raw values as thingsboard-gateway sends them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.edge import gateways, thingsboard
from benchmarks.edge.collector import Collector
from benchmarks.edge.processes import CannotMeasure, wait_until
from benchmarks.edge.servers import modbus_server
from benchmarks.stream.delivery import OutboxSender, quiet, real_collector
from benchmarks.stream.events import GATEWAY, NOBODY, Factory, made_between
from benchmarks.stream.link import CountedLink
from genba_edge.core.delivery import USUAL
from genba_shared.events import Event

SIGNATURE: Final = bytes(range(101, 165))  # as long as a real one, and not compressed either
RAW_POINTS: Final = 1000
RAW_GROUP_S: Final = 60
DAY_S: Final = 86_400


async def derived_day(*, folder: Path, port: int, seconds: float) -> tuple[float, int]:
    """Bytes on the link of a day of envelopes of at most a minute, and events of a day; sent as fast as answered."""
    made = made_between(Factory(7), NOBODY, NOBODY + seconds)
    minutes: dict[int, list[Event]] = {}
    for each in made:
        minutes.setdefault(int(each.second) // RAW_GROUP_S, []).extend(each.events)
    with CountedLink(port) as link:
        async with real_collector(folder / "derived-collector", port) as collector:
            sender = OutboxSender(
                folder / "derived",
                link,
                gateway=GATEWAY,
                collector=collector,
                credentials=await collector.enrol(GATEWAY),
                settings=USUAL,
            )
            return await _sent(sender, link, list(minutes.values()), seconds)


async def _sent(
    sender: OutboxSender, link: CountedLink, groups: Sequence[Sequence[Event]], seconds: float
) -> tuple[float, int]:
    async with sender.running():
        start = await quiet(link)
        for events in groups:
            sender.send(events)
            await sender.delivered()
        traffic = (await quiet(link)).since(start)
    return traffic.wire * DAY_S / seconds, round(sum(map(len, groups)) * DAY_S / seconds)


def raw_day(*, folder: Path, port: int, seconds: float) -> float:
    """Bytes on the link of a day of thingsboard-gateway, from what it sends in so many seconds."""
    with Collector(port) as collector, CountedLink(port) as link, modbus_server(folder, period_ms=1370) as server:
        thingsboard.configure_modbus(folder, server.port, mqtt=link.port, points=RAW_POINTS)
        with gateways.thingsboard_gateway(folder) as process:
            wait_until(
                lambda: process.poll() is not None or collector.kinds.total() >= RAW_POINTS,
                what="the first values of thingsboard-gateway",
            )
            time.sleep(5.0)  # what it sends once
            collector.clear()
            start, began = link.traffic(), time.monotonic()
            time.sleep(seconds)
            took_s, traffic, values = time.monotonic() - began, link.traffic().since(start), collector.kinds.total()
    if values < 0.5 * RAW_POINTS * took_s:
        raise CannotMeasure(f"thingsboard-gateway sent {values} values in {took_s:.0f} s: is the machine busy?")
    each = traffic.wire / values
    print(
        f"\nraw, thingsboard-gateway, {RAW_POINTS} points at 1 Hz: {values / took_s:.0f} values/s, "
        f"{each:.2f} bytes a value on the wire",
        flush=True,
    )
    return each * RAW_POINTS * DAY_S
