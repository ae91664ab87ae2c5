"""One gateway at work: drivers emit observations, the core derives, the outbox commits, the uplink delivers.

Observations that arrive while a commit is on its way to the disk are derived and committed together with the next one,
so that a slow card makes larger commits and never a queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from genba_edge.app.devices import make_drivers
from genba_edge.app.inbox import Inbox
from genba_edge.app.sink import Sink
from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Commit, Identity, Moment
from genba_edge.core.watch import Pace
from genba_edge.ports import DeviceBack, DeviceLost, Observation, Outbox
from genba_edge.uplink import Uplink
from genba_shared.clock import ProductionClock, format_time
from genba_shared.device_map import DeviceMap, LlrpDevice, ModbusDevice
from genba_shared.dispatch_document import DispatchDocument
from genba_shared.errors import OutboxFull
from genba_shared.supervisor import supervise
from genba_shared.version import VERSION

logger = logging.getLogger(__name__)

TICK_S = 0.1  # wall: how often time rules are looked at
SOFT_SAVE_S = 1.0  # wall: open passages are committed at least this often while reads arrive
CHECKPOINT_S = 60.0  # wall: how far back an unobserved interval may begin after a crash of an idle gateway
FULL_RETRY_S = 5.0  # wall: how long to wait before a commit that the disk refused is tried again
REPORT_DELAY = 2.0  # report periods after which a reader's reads are taken as complete


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySetup:
    """What a gateway is started with."""

    device_map: DeviceMap
    outbox: Outbox
    clock: ProductionClock
    state_dir: Path
    broker_url: str | None
    sink: Sink | None


class Gateway:
    """A running gateway."""

    def __init__(self, setup: GatewaySetup) -> None:
        self._map, self._outbox, self._clock, self._sink = setup.device_map, setup.outbox, setup.clock, setup.sink
        self._state_dir = setup.state_dir
        self._inbox = Inbox(self._clock.now)
        self._unstored: Commit | None = None
        self._documents: list[DispatchDocument] = []
        self._work_waits = asyncio.Event()
        self._devices: dict[str, dict[str, str]] = {
            device: {"status": "connecting", "since": format_time(self._clock.now())} for device in self._map.devices
        }
        mark = self._outbox.mark()
        self._deriver = Deriver(
            self._map,
            identity=Identity(
                gateway=self._map.gateway.id, epoch=mark.epoch, site=self._map.gateway.site, boot=uuid.uuid4().hex
            ),
            next_seq=mark.next_seq,
            saved=self._outbox.load_state(),
            pace=_pace(self._map, self._clock.speed),
            moment=self._moment(),
        )
        self._uplink: Uplink | None = None
        if setup.broker_url is not None:
            self._uplink = Uplink(
                outbox=self._outbox,
                gateway=self._map.gateway.id,
                broker_url=setup.broker_url,
                state=self.describe,
                on_dispatch=self._take_dispatch,
                clock=self._clock,
                state_dir=setup.state_dir,
            )

    def describe(self) -> dict[str, Any]:
        """The gateway's state as it is published: identity, outbox, devices, and what it derives."""
        mark = self._outbox.mark()
        return {
            "online": True,
            "epoch": mark.epoch,
            "next_seq": {"facts": mark.next_seq},
            "version": VERSION,
            "map": self._map.sha256,
            "dispatch_version": self._deriver.dispatch_version,
            "stations": sorted(self._map.stations),
            "zones": sorted(self._map.zones),
            "nodes": sorted(self._map.nodes),
            "outbox": {"depth": mark.depth, "oldest": format_time(mark.oldest_at) if mark.oldest_at else None},
            "at": format_time(self._clock.now()),
            "devices": self._devices,
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then emit what is joined, commit, deliver what the link takes, and return."""
        drivers = make_drivers(self._map.devices.values(), clock=self._clock, state_dir=self._state_dir)
        tasks = [
            asyncio.create_task(supervise(f"driver {driver.device}", partial(driver.run, self._emit)))
            for driver in drivers
        ]
        uplink = asyncio.create_task(supervise("uplink", self._uplink.run)) if self._uplink else None
        derive = asyncio.create_task(self._derive(stop))
        try:
            await derive
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._finish()
            if uplink is not None and self._uplink is not None:
                await self._uplink.drain(timeout_s=2.0)
                uplink.cancel()
                await asyncio.gather(uplink, return_exceptions=True)

    def _emit(self, observations: Sequence[Observation]) -> None:
        self._inbox.put(observations)
        self._work_waits.set()

    def _take_dispatch(self, document: DispatchDocument) -> None:
        self._documents.append(document)
        self._work_waits.set()

    async def _derive(self, stop: asyncio.Event) -> None:
        saved_at = checkpoint_at = time.monotonic()
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._work_waits.wait()
            self._work_waits.clear()
            self._take_waiting()
            self._deriver.pass_time(self._moment())
            self._log_failures()
            commit, now = self._deriver.take_commit(), time.monotonic()
            if commit is None and self._deriver.has_unsaved_reads and now - saved_at >= SOFT_SAVE_S:
                commit = self._deriver.take_checkpoint()
            if commit is None and now - checkpoint_at >= CHECKPOINT_S:
                commit = self._deriver.take_checkpoint()
            if commit is not None:
                await self._store(commit, stop)
                saved_at = checkpoint_at = time.monotonic()

    def _take_waiting(self) -> None:
        documents, self._documents = self._documents, []
        for document in documents:
            self._deriver.take_dispatch(document, self._moment())
        for batch in self._inbox.take():
            for observation in batch:
                self._note_device(observation)
            self._deriver.observe(batch, self._moment())

    def _log_failures(self) -> None:
        for failure in self._deriver.take_failures():
            logger.error("not derived, the others go on subject=%s", failure.what, exc_info=failure.error)

    async def _store(self, commit: Commit, stop: asyncio.Event) -> None:
        """Commit; while the disk is full, keep polling into memory, say so, and try again until told to stop."""
        self._unstored = commit
        while not await self._try_to_store(commit):
            logger.error("outbox full waiting_events=%d retry_s=%.0f", len(commit.events), FULL_RETRY_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FULL_RETRY_S):
                    await stop.wait()
                    return
        self._unstored = None

    async def _try_to_store(self, commit: Commit) -> bool:
        try:
            await asyncio.to_thread(self._outbox.append, commit.events, commit.state)
        except OutboxFull as exc:
            logger.warning("outbox refuses reason=%s", exc)
            return False
        if self._sink is not None:
            self._sink.write(commit.events)
        if self._uplink is not None and commit.events:
            self._uplink.wake(commit.events)
        return True

    async def _finish(self) -> None:
        """Commit what is left, in the order in which it was derived."""
        self._take_waiting()
        self._deriver.shut_down(self._moment())
        self._log_failures()
        for commit in (self._unstored, self._deriver.take_checkpoint()):
            if commit is not None and not await self._try_to_store(commit):
                logger.error("outbox full at shutdown: pieces are counted again from the device at the next start")
                return

    def _note_device(self, observation: Observation) -> None:
        match observation:
            case DeviceBack():
                self._devices[observation.device] = {"status": "online", "since": format_time(observation.at)}
            case DeviceLost():
                self._devices[observation.device] = {
                    "status": "lost",
                    "since": format_time(observation.at),
                    "reason": observation.reason,
                }
            case _:
                pass

    def _moment(self) -> Moment:
        return Moment(now=self._clock.now(), mono_ms=self._clock.mono_ms())


def _pace(device_map: DeviceMap, speed: float) -> Pace:
    """Wall periods of polls and reports as plant seconds."""
    poll_s: dict[str, float] = {}
    report_delay_s: dict[str, float] = {}
    for device in device_map.devices.values():
        match device:
            case ModbusDevice():
                groups = {point.group for point in device.points.values()}
                periods = [period for name, period in device.poll.groups.items() if name in groups]
                if periods:
                    poll_s[device.id] = min(periods) * speed
            case LlrpDevice():
                report_delay_s[device.id] = REPORT_DELAY * device.report_s * speed
            case _:
                pass
    return Pace(poll_s=poll_s, report_delay_s=report_delay_s)
