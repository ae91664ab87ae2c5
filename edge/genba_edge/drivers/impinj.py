"""An Impinj reader over HTTP: has it run its preset, and takes the stream of its events for ever.

The reader does not keep events for a client that is away: what it reads while there is no stream is lost, and lies in
the gap that the core declares. It sends an empty line after 30 s without events, so that silence can be told from a
dead link.

Source: Impinj IoT Device Interface (R700, R720; firmware 7 and later).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from genba_edge.drivers.antennas import AntennaStates
from genba_edge.drivers.backoff import Backoff
from genba_edge.drivers.impinj_events import (
    AntennaChanged,
    InventoryChanged,
    Overflowed,
    TagSeen,
    read_event,
)
from genba_edge.drivers.impinj_http import ImpinjHttp
from genba_edge.drivers.json_values import BadValue, parse
from genba_edge.drivers.link import Link
from genba_edge.drivers.trouble import Complaints, failure_of
from genba_edge.ports import DeviceAlive, Emit, Failure, Meter, TagRead
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import ImpinjDevice
from genba_shared.errors import DeviceError

__all__ = ["ImpinjDriver"]

logger = logging.getLogger(__name__)

RESTART_S: Final = 5.0
"""A preset that was stopped is started again at most this often (wall time): a reader may stop it by itself."""
CLOCK_WARNING_S: Final = 5.0
"""A stamp that is further off than this (wall time) is believed, and said once."""
CLOCK_WRONG_S: Final = 60.0
"""The events of a stream are new. A stamp that is further off than this (wall time) shows a wrong clock."""


class ImpinjDriver:
    """Reads one Impinj reader for ever."""

    def __init__(self, device: ImpinjDevice, clock: ProductionClock) -> None:
        self._device = device
        self._clock = clock
        self._meter = Meter(device=device.id)
        self._shift = timedelta(0)
        self._antennas = AntennaStates(self._meter, device.antennas)
        self._complaints = Complaints(device.id)
        self._is_idle = False
        self._started_s = 0.0

    @property
    def device(self) -> str:
        """Id of the device in the map."""
        return self._device.id

    @property
    def meter(self) -> Meter:
        """What it counts about its device."""
        return self._meter

    async def run(self, emit: Emit) -> None:
        """Read until cancelled."""
        link = Link(self._meter, clock=self._clock, emit=emit)
        backoff = Backoff(max_s=self._device.reconnect_max_s)
        loop = asyncio.get_running_loop()
        while True:
            begun_s = loop.time()
            try:
                await self._serve(link)
            except DeviceError as exc:
                reason = exc.reason
                failure = failure_of(exc)
                self._meter.failures[failure] += 1
            worked = link.is_up and loop.time() - begun_s > self._device.reconnect_max_s
            if worked:  # for a while: start small again
                backoff.reset()
            retry_s = backoff.next_s()
            link.lost(reason, retry_s=retry_s, failure=failure)
            await asyncio.sleep(retry_s)

    async def _serve(self, link: Link) -> None:
        """One stream, from opening it to losing it (`DeviceError`)."""
        async with ImpinjHttp(self._device, self._meter) as http:
            await self._start(http)
            async with http.stream() as packets:
                link.deliver([self._alive()])
                async for lines in packets:
                    self._take(lines, link)
                    if self._is_idle and asyncio.get_running_loop().time() - self._started_s >= RESTART_S:
                        await self._start(http)

    async def _start(self, http: ImpinjHttp) -> None:
        """Have the reader run the preset of the map; without one in the map somebody else starts it."""
        self._is_idle = False
        self._started_s = asyncio.get_running_loop().time()
        if not self._device.preset:
            return
        other = await http.start()
        if other:
            self._complaints.once(
                f"reader runs preset {other}, which somebody else started, and not {self._device.preset}"
            )
        self._meter.details["preset"] = other or self._device.preset

    def _take(self, lines: Sequence[bytes], link: Link) -> None:
        reads: list[TagRead] = []
        for line in lines:
            try:
                for document in parse(line).documents:
                    self._hear(document, reads, link)
            except BadValue as exc:
                self._meter.failures[Failure.BAD_READING] += 1
                self._complaints.once("bad line", f"reader sent a line that is no event, the others go on: {exc}")
        self._meter.samples += len(reads)
        link.deliver([*reads, self._alive()])

    def _hear(self, document: object, reads: list[TagRead], link: Link) -> None:
        match event := read_event(document):
            case TagSeen():
                reads.extend(self._read(event))
            case AntennaChanged():
                note = self._antennas.connected if event.connected else self._antennas.disconnected
                note(event.antenna)
            case InventoryChanged():
                self._note_inventory(event.status)
            case Overflowed():
                link.readings_lost("the reader's queue of events ran over")
            case _:
                logger.debug("event skipped device=%s", self._device.id)

    def _read(self, seen: TagSeen) -> tuple[TagRead, ...]:
        if seen.antenna not in self._device.antennas:
            self._complaints.once(f"antenna {seen.antenna} is not in the map: its reads are dropped")
            return ()
        now = self._clock.now()
        self._look_at_clock(seen.queued_at, now)
        at = seen.at + self._shift
        read = TagRead(
            device=self._device.id,
            antenna=seen.antenna,
            tag=seen.tag,
            first_seen=at,
            last_seen=at,
            seen_at=now,
            rssi_dbm=seen.rssi_dbm,
        )
        return (read,)

    def _look_at_clock(self, queued_at: datetime, now: datetime) -> None:
        """Where the reader's clock is far off, its stamps are shifted by the difference, and the log says so."""
        ahead = queued_at + self._shift - now
        off_s = self._clock.wall_seconds(ahead.total_seconds())
        if CLOCK_WARNING_S < abs(off_s) <= CLOCK_WRONG_S:
            self._complaints.once("clock", f"reader clock is off ahead_s={off_s:.1f} corrected=no")
        if abs(off_s) > CLOCK_WRONG_S:
            self._shift = now - queued_at
            ahead_s = -self._clock.wall_seconds(self._shift.total_seconds())
            logger.warning("reader clock is off device=%s ahead_s=%.1f corrected=yes", self._device.id, ahead_s)

    def _note_inventory(self, status: str) -> None:
        if self._meter.details.get("inventory") != status:
            logger.info("reader inventory device=%s status=%s", self._device.id, status)
        self._meter.details["inventory"] = status
        self._is_idle = status == "idle"
        if self._is_idle and not self._device.preset:
            self._complaints.once("reader does not read: start a preset there, or name one as `preset` in the map")

    def _alive(self) -> DeviceAlive:
        return DeviceAlive(device=self._device.id, at=self._clock.now())
