"""One gateway at work: drivers emit observations, the core derives, the outbox commits, the uplink delivers.

Observations that arrive while a commit is on its way to the disk are derived and committed together with the next one,
so that a slow card makes larger commits and never a queue; while an envelope is under way, too (`core.grouping`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from genba_edge.app.committing import Committing
from genba_edge.app.fleet import Fleet
from genba_edge.app.history import History
from genba_edge.app.inbox import Inbox
from genba_edge.app.map_watch import MapWatch
from genba_edge.app.pace import delivery_of, pace_of, tick_s
from genba_edge.app.setup import GatewaySetup, Switch
from genba_edge.app.snapshot import RecordView, Snapshot, device_now, station_states
from genba_edge.core.clock_watch import ClockWatch
from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Commit, Identity, Moment
from genba_edge.core.map_change import MapChange, compare
from genba_edge.core.present import Present
from genba_edge.core.reporting import Reporter
from genba_edge.core.succession import begin_anew, succeed
from genba_edge.ports import Observation
from genba_edge.uplink import Uplink
from genba_shared.clock import format_time
from genba_shared.device_map import DeviceMap, recorded_text
from genba_shared.device_map.model import Stocktake
from genba_shared.dispatch_document import DispatchDocument
from genba_shared.errors import OutboxFull
from genba_shared.events import Event, StationState, StationStateChanged
from genba_shared.version import VERSION

logger = logging.getLogger(__name__)

SOFT_SAVE_S = 1.0  # wall: open passages are committed at least this often while reads arrive
CHECKPOINT_S = 60.0  # wall: how far back an unobserved interval may begin after a crash of an idle gateway
EVENTS_KEPT = 50  # for the status page
SWITCH_S = 15.0  # wall: how long a new map may wait for a commit that is on its way
EPOCH_RETRY_S = 5.0  # wall
SETTLE_S = 10.0  # wall: how long derivation rests for the last events of an epoch
_FULL = "the outbox cannot take the state of the old map (disk full?): the old map stays in force."


class Gateway:
    """A running gateway."""

    def __init__(self, setup: GatewaySetup) -> None:
        self._map, self._outbox, self._clock = setup.device_map, setup.outbox, setup.clock
        self._raw = setup.raw
        self._started_at = self._clock.now()
        self._clock_watch = ClockWatch(self._moment(), speed=self._clock.speed)
        self._inbox = Inbox(self._clock.now)
        self._committing = Committing(
            setup.outbox,
            setup.sink,
            moment=self._moment,
            uplink=lambda: self._uplink,
            on_stored=self._note_stored,
        )
        self._documents: list[DispatchDocument] = []
        self._switch: Switch | None = None
        self._one_reload = asyncio.Lock()
        self._work_waits = asyncio.Event()
        self._fleet = Fleet(self._emit, clock=self._clock, state_dir=setup.state_dir)
        self._present = Present(self._map.devices, now=self._started_at)
        self._reporter = Reporter(self._map)
        self._history = History()
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._failures = 0
        mark, saved = self._outbox.mark(), self._outbox.load_state()
        self._stations: dict[str, tuple[StationState, datetime]] = station_states(saved)
        self._map_watch = MapWatch(self._map, speed=self._clock.speed, saved=saved)
        self._identity = Identity(
            gateway=self._map.gateway.id, epoch=mark.epoch, site=self._map.gateway.site, boot=uuid.uuid4().hex
        )
        self._deriver = Deriver(
            self._map,
            identity=self._identity,
            next_seq=mark.next_seq,
            saved=saved,
            pace=pace_of(self._map, self._clock.speed),
            moment=self._moment(),
        )
        self._tell_lost_store()
        if self._raw is not None:
            self._raw.begin(self._map, boot=self._identity.boot, clock=self._clock, state=saved)
        self._broker = setup.broker
        self._uplink: Uplink | None = None
        if setup.broker is not None:
            self._uplink = Uplink(
                outbox=self._outbox,
                gateway=self._map.gateway.id,
                broker=setup.broker,
                state=self.describe,
                on_dispatch=self._take_dispatch,
                on_progress=self._work_waits.set,
                clock=self._clock,
                state_dir=setup.state_dir,
                settings=delivery_of(self._map),
                credentials=setup.credentials,
            )
        self._epoch_due = 0.0

    def _tell_lost_store(self) -> None:
        """The store was damaged and begins anew; its age is of the wall, and plant time may run faster."""
        lost_since = self._outbox.lost_since
        if lost_since is not None:
            age = (datetime.now(UTC) - lost_since) * self._clock.speed
            self._deriver.declare_lost_store(self._clock.now() - max(age, timedelta(0)), self._moment())

    @property
    def device_map(self) -> DeviceMap:
        """The map in force."""
        return self._map

    def describe(self) -> dict[str, Any]:
        """The gateway's state as it is published: identity, outbox, devices, and what it derives."""
        mark, now, full_since = self._outbox.mark(), self._clock.now(), self._committing.full_since
        meters = self._fleet.meters
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
            "stocktakes": sorted(zone.id for zone in self._map.zones.values() if zone.stocktake is Stocktake.ALLOWED),
            "outbox": {
                "depth": mark.depth,
                "oldest": format_time(mark.oldest_at) if mark.oldest_at else None,
                "bytes": mark.size,
                "limit": mark.limit,
                "dropped": mark.dropped,
            },
            "full_since": full_since and format_time(full_since),
            "at": format_time(now),
            "devices": {name: device_now(each, meters.get(name)) for name, each in self._present.devices.items()},
            "data_age_s": {
                name: round((now - each.heard_at).total_seconds(), 1)
                for name, each in self._present.devices.items()
                if each.heard_at is not None
            },
        }

    def snapshot(self) -> Snapshot:
        """Everything that the status page and the metrics show, as it is now; call it on the loop."""
        return Snapshot.of(
            self._map,
            now=self._clock.now(),
            started_at=self._started_at,
            mark=self._outbox.mark(),
            broker=self._broker,
            is_connected=self._uplink is not None and self._uplink.is_connected,
            dispatch_version=self._deriver.dispatch_version,
            commits=self._committing.commits,
            failures=self._failures,
            present=self._present,
            meters=self._fleet.meters,
            reporter=self._reporter,
            history=self._history,
            stations=self._stations,
            events=self._events,
            findings=self._map_watch.findings,
            full_since=self._committing.full_since,
            record=None if self._raw is None else RecordView(path=self._raw.path, ended=self._raw.ended),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then emit what is joined, commit, deliver what the link takes, and return."""
        await asyncio.to_thread(self._keep_map)
        self._fleet.start(self._fleet.make(self._map.devices.values()))
        if self._uplink is not None:
            self._uplink.start()
        derive = asyncio.create_task(self._derive(stop))
        try:
            await derive
        finally:
            await self._fleet.stop_all()
            await self._finish()
            if self._uplink is not None:
                await self._uplink.drain(timeout_s=2.0)
                await self._uplink.stop()

    async def reload(self, device_map: DeviceMap) -> MapChange:
        """Go on with another map. Drivers of devices that it does not change read on as if nothing had happened.

        Returns:
            what changed; with `refusals` nothing did, and the old map stays in force.
        """
        async with self._one_reload:
            change = compare(self._map, device_map)
            if change.refusals:
                return change
            devices = change.devices
            drivers = self._fleet.make(device_map.devices[name] for name in (*devices.changed, *devices.added))
            reason = await self._switch_to(Switch(device_map=device_map, change=change))
            if reason:
                self._fleet.start(self._fleet.make(self._map.devices[name] for name in self._fleet.stopped))
                return replace(change, refusals=(reason,))
            self._fleet.forget(devices.removed)
            self._fleet.start(drivers)
            logger.info(
                "map taken map=%s devices_restarted=%d devices_kept=%d",
                device_map.sha256[:12],
                len(drivers),
                len(devices.same),
            )
            return change

    async def _switch_to(self, switch: Switch) -> str:
        """Let the loop take the map over; the reason why it did not, or nothing."""
        self._switch = switch
        self._work_waits.set()
        await asyncio.wait([switch.taken], timeout=SWITCH_S)
        if self._switch is switch:  # the loop is held up by its disk, and nothing was begun
            self._switch = None
            return _FULL
        return await switch.taken

    def _emit(self, observations: Sequence[Observation]) -> None:
        self._inbox.put(observations)
        self._work_waits.set()

    def _take_dispatch(self, document: DispatchDocument) -> None:
        self._documents.append(document)
        self._work_waits.set()

    async def _derive(self, stop: asyncio.Event) -> None:
        saved_at = checkpoint_at = time.monotonic()
        rest_s = longest_rest_s = tick_s(self._clock.speed)
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest_s):
                    await self._work_waits.wait()
            self._work_waits.clear()
            if (step := self._clock_watch.look(self._moment())) is not None:
                self._deriver.declare_clock_step(step, self._moment())
            self._take_waiting()
            self._deriver.pass_time(self._moment())
            findings = self._map_watch.look(self._clock.now(), self._fleet.meters)
            self._deriver.tell_map_doubts(findings, self._moment())
            self._log_failures()
            due_in_s = self._committing.due_in_s(self._deriver)
            rest_s = min(due_in_s or longest_rest_s, longest_rest_s)
            if due_in_s and self._switch is None:
                continue
            commit, now = await self._committing.take_commit(self._deriver), time.monotonic()
            self._history.note(self._fleet.meters, now_s=now)
            if commit is None and self._deriver.has_unsaved_reads and now - saved_at >= SOFT_SAVE_S:
                commit = self._deriver.take_checkpoint()
            if commit is None and now - checkpoint_at >= CHECKPOINT_S:
                commit = self._deriver.take_checkpoint()
            if commit is not None:
                await self._committing.store(commit, self._deriver, stop)
                saved_at = checkpoint_at = time.monotonic()
            else:
                await self._committing.rest()
            if self._switch is not None:
                await self._take_over(self._switch)
            if self._committing.waiting is not None:
                await self._committing.store(self._committing.waiting, self._deriver, stop)
            if self._uplink is not None and self._uplink.in_doubt and time.monotonic() >= self._epoch_due:
                await self._begin_epoch(self._uplink, stop)
                self._epoch_due = time.monotonic() + EPOCH_RETRY_S

    async def _begin_epoch(self, uplink: Uplink, stop: asyncio.Event) -> None:
        """There is a copy of this gateway: go on under numbers that it cannot have, once nothing is held any more.

        Nothing is derived meanwhile; what drivers emit waits in the inbox. Without a link it is tried again later.
        """
        if not (uplink.is_connected and await self._commit_all() and await self._committing.settle(stop, SETTLE_S)):
            return
        await uplink.stop()
        saved, identity = self._outbox.load_state(), replace(self._identity, epoch=secrets.token_hex(16))
        pace = pace_of(self._map, self._clock.speed)
        new = begin_anew(self._map, self._present, identity=identity, saved=saved, pace=pace, moment=self._moment())
        try:
            await asyncio.to_thread(self._outbox.begin_epoch, identity.epoch, new.first.events, new.first.state)
        except OutboxFull as exc:
            logger.warning("new epoch not begun reason=%s retry_s=%.0f", exc, EPOCH_RETRY_S)
        else:
            logger.warning("new epoch gateway=%s epoch=%s: counters start anew", identity.gateway, identity.epoch)
            self._identity, self._deriver = identity, new.deriver
            self._committing.took(new.first)
        uplink.start()

    async def _take_over(self, switch: Switch) -> None:
        """Between two steps of the old derivation: commit all it knows, and let one with the new map go on from there.

        Nothing is derived meanwhile; what drivers emit waits in the inbox.
        """
        self._switch = None
        (reason,) = await asyncio.gather(self._replace_deriver(switch), return_exceptions=True)
        if isinstance(reason, BaseException):
            logger.error("map not taken map=%s", switch.device_map.sha256[:12], exc_info=reason)
            reason = f"fault in the gateway itself ({type(reason).__name__}), see its log: the old map stays in force."
        if not switch.taken.done():
            switch.taken.set_result(reason)

    async def _replace_deriver(self, switch: Switch) -> str:
        if not await self._commit_all():
            return _FULL
        await self._fleet.stop((*switch.change.devices.changed, *switch.change.devices.removed))
        if not await self._commit_all():  # what they said while they ended
            return _FULL
        new, change = switch.device_map, switch.change
        self._deriver = succeed(
            new,
            change,
            self._present,
            identity=self._identity,
            next_seq=self._outbox.mark().next_seq,
            saved=self._outbox.load_state(),
            pace=pace_of(new, self._clock.speed),
            moment=self._moment(),
        )
        self._map_watch.go_on(new, self._present, change.devices.same)
        for device in (*change.devices.changed, *change.devices.added):
            self._present.expect(device, self._clock.now())
        for device in change.devices.removed:
            self._present.forget(device)
        self._map, self._reporter = new, Reporter(new)
        text = await asyncio.to_thread(self._keep_map)
        if self._raw is not None:
            self._raw.note_map(new, text=text)
        return ""

    async def _commit_all(self) -> bool:
        """Close joins and commit everything; False if the disk refuses, and then the commit waits for its next try."""
        self._take_waiting()
        self._deriver.shut_down(self._moment())
        self._log_failures()
        return await self._committing.store_all(self._deriver)

    def _take_waiting(self) -> None:
        documents, self._documents = self._documents, []
        for document in documents:
            moment = self._moment()
            if self._raw is not None:
                self._raw.dispatch(document, moment)
            self._deriver.take_dispatch(document, moment)
        for batch in self._inbox.take():
            moment = self._moment()
            if self._raw is not None:
                self._raw.write(batch, moment)
            self._present.take_all(batch)
            if self._reporter.thinned:
                self._reporter.take_all(batch)
            self._deriver.observe(batch, moment)
            self._map_watch.take(batch)

    def _log_failures(self) -> None:
        for failure in self._deriver.take_failures():
            self._failures += 1
            logger.error("not derived, the others go on subject=%s", failure.what, exc_info=failure.error)

    def _note_stored(self, commit: Commit) -> None:
        self._events.extend(commit.events)
        for event in commit.events:
            if isinstance(event, StationStateChanged) and event.station is not None:
                self._stations[event.station] = (event.state, event.since)
        if self._uplink is not None and commit.dropping is not None:
            self._uplink.withdraw(commit.dropping.seqs)
        if self._uplink is not None and commit.events:
            self._uplink.wake(commit.events)

    def _keep_map(self) -> str:
        """Keep beside the events which map they are made with; without it they are made all the same. Its text."""
        text = recorded_text(self._map)
        try:
            self._outbox.note_map(sha256=self._map.sha256, text=text)
        except OutboxFull as exc:
            logger.warning("map not kept map=%s reason=%s", self._map.sha256[:12], exc)
        return text

    async def _finish(self) -> None:
        """Commit what is left, in the order in which it was derived."""
        if self._switch is not None:
            self._switch.taken.set_result("the gateway is being stopped.")
        if not await self._commit_all():
            logger.error("outbox full at shutdown: pieces are counted again from the device at the next start")

    def _moment(self) -> Moment:
        return Moment(now=self._clock.now(), mono_ms=self._clock.mono_ms())
