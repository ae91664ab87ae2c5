"""LLRP: has one RFID reader read the antennas of the map for ever, and takes over what it read while we were away.

What happens after an outage is decided by what a reader is: it keeps its ROSpecs and goes on reading when the client
is gone, and holds reports (if it can, and if a client asked it to) until ENABLE_EVENTS_AND_REPORTS comes. Deleting the
ROSpec first could delete what it holds. So after connecting we
1. set the configuration again (a reader may forget it at a restart; setting what is set changes nothing),
2. look whether our ROSpec still runs: its id follows from its content, so the same id is the same work,
3. send ENABLE_EVENTS_AND_REPORTS, and ask one more question: reports that were held come before its answer,
4. and only then, if our ROSpec is not there, clear the reader and give it ours.
LLRP has no receipt for a report: what the reader had sent into a connection that was already dead is lost.
"""

from __future__ import annotations

import asyncio
import logging

from llrpkit.protocol import LLRPMessage, enums, messages, params

from genba_edge.drivers.antennas import AntennaStates
from genba_edge.drivers.backoff import Backoff
from genba_edge.drivers.link import Link
from genba_edge.drivers.llrp_reports import ReportReader
from genba_edge.drivers.llrp_rospec import (
    Abilities,
    Cadence,
    build_rospec,
    events_config,
    holding_config,
    keepalive_config,
)
from genba_edge.drivers.llrp_session import Answer, LlrpSession
from genba_edge.drivers.trouble import Complaints, ConnectionTrouble, failure_of
from genba_edge.ports import DeviceAlive, Emit, Failure, Meter
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import LlrpDevice
from genba_shared.errors import BadReading, DeviceError, DeviceRefused

__all__ = ["LlrpDriver"]

logger = logging.getLogger(__name__)

CHECK_S = 30.0
"""How often we make sure that the reader still runs our ROSpec: somebody else may have stopped it (wall time)."""
LOOKS = 3
"""A ROSpec that starts itself again is idle for an instant between two rounds; so many looks find it active."""


class LlrpDriver:
    """Reads one LLRP reader for ever.

    Reads that come while the reader is being set up (those it held) are emitted before `DeviceBack`; after that each
    report and each keepalive ends with `DeviceAlive`.
    """

    def __init__(self, device: LlrpDevice, clock: ProductionClock) -> None:
        self._device = device
        self._clock = clock
        self._meter = Meter(device=device.id)
        self._reports = ReportReader(device, clock, self._meter)
        self._cadence = Cadence.INTERVAL
        self._antennas = AntennaStates(self._meter, device.antennas)
        self._complaints = Complaints(device.id)

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
            started_s = loop.time()
            try:
                await self._serve(link, emit)
            except DeviceError as exc:
                reason = exc.reason
                failure = failure_of(exc)
                self._meter.failures[failure] += 1
            worked = link.is_up and loop.time() - started_s > self._device.reconnect_max_s
            if worked:  # for a while: start small again
                backoff.reset()
            retry_s = backoff.next_s()
            link.lost(reason, retry_s=retry_s, failure=failure)
            await asyncio.sleep(retry_s)

    async def _serve(self, link: Link, emit: Emit) -> None:
        """One connection, from opening it to losing it (`DeviceError`)."""
        session = LlrpSession(self._device, self._meter, lambda message: self._hear(message, link, emit))
        try:
            await session.open()
            spec = await self._set_up(session)
            link.deliver([self._alive()])
            await self._watch(session, spec)
        except asyncio.CancelledError:
            await session.say_goodbye()
            raise
        finally:
            await session.close()

    # What the reader says by itself.

    def _hear(self, message: LLRPMessage, link: Link, emit: Emit) -> None:
        match message:
            case messages.RO_ACCESS_REPORT():
                reads = self._reports.live_reads(message) if link.is_up else self._reports.reads(message)
                self._meter.samples += len(reads)
                if link.is_up:
                    link.deliver([*reads, self._alive()])
                elif reads:
                    emit(reads)
            case messages.KEEPALIVE():
                if link.is_up:
                    link.deliver([self._alive()])
            case messages.READER_EVENT_NOTIFICATION(reader_event_notification_data=data):
                self._hear_event(data, link)
            case messages.ERROR_MESSAGE(llrp_status=status):
                self._complaints.once(f"reader complains: status {int(status.status_code)} {status.error_description}")
            case _:
                logger.debug("message skipped device=%s type=%s", self._device.id, type(message).__name__)

    def _hear_event(self, data: params.ReaderEventNotificationData, link: Link) -> None:
        device = self._device.id
        attempt = data.connection_attempt_event
        if attempt is not None and attempt.status == enums.ConnectionAttemptStatusType.Another_Connection_Attempted:
            logger.warning("another client tried to take the reader device=%s", device)
        elif attempt is not None:
            self._reports.connected(data.timestamp)
        if data.report_buffer_overflow_error_event is not None:
            link.readings_lost("the reader's report buffer ran over")
        if (level := data.report_buffer_level_warning_event) is not None:
            logger.warning("reader buffer fills device=%s percent=%d", device, level.report_buffer_percentage_full)
        if data.reader_exception_event is not None:
            logger.warning("reader exception device=%s text=%s", device, data.reader_exception_event.message)
        if (antenna := data.antenna_event) is not None:
            if antenna.event_type == enums.AntennaEventType.Antenna_Connected:
                self._antennas.connected(antenna.antenna_id)
            else:
                self._antennas.disconnected(antenna.antenna_id)
        if data.connection_close_event is not None:
            raise ConnectionTrouble(device=device, reason="the reader closed the connection", failure=Failure.CLOSED)

    # What we make it do.

    async def _set_up(self, session: LlrpSession) -> params.ROSpec:
        """Take over what the reader holds and have it run our ROSpec, which is returned."""
        answer = await self._try(
            session, messages.GET_READER_CAPABILITIES(requested_data=0), messages.GET_READER_CAPABILITIES_RESPONSE
        )
        abilities = Abilities() if answer is None else Abilities.of(answer)
        logger.info(
            "reader device=%s model=%s firmware=%s", self._device.id, abilities.model or "?", abilities.firmware or "?"
        )
        self._meter.details.update(model=abilities.model or "?", firmware=abilities.firmware or "?")
        spec = build_rospec(self._device, abilities, self._cadence)
        await session.ask(keepalive_config(self._device), messages.SET_READER_CONFIG_RESPONSE)
        await self._try(session, events_config(abilities), messages.SET_READER_CONFIG_RESPONSE)
        if not abilities.can_hold:
            self._complaints.once("reader cannot hold reports: reads during an outage are lost")
        else:
            await self._try(session, holding_config(), messages.SET_READER_CONFIG_RESPONSE)
        specs = await self._rospecs(session)
        session.tell(messages.ENABLE_EVENTS_AND_REPORTS())
        config = await self._try(
            session, messages.GET_READER_CONFIG(requested_data=0), messages.GET_READER_CONFIG_RESPONSE
        )
        for antenna in config.antenna_properties if config is not None else ():
            note = self._antennas.connected if antenna.antenna_connected else self._antennas.disconnected
            note(antenna.antenna_id)
        match next((known.current_state for known in specs or () if known.ro_spec_id == spec.ro_spec_id), None):
            case enums.ROSpecState.Active:
                logger.info("reader still runs our ROSpec device=%s id=%d", self._device.id, spec.ro_spec_id)
            case enums.ROSpecState.Inactive:
                await self._start(session, spec)
            case _:
                await self._install(session, spec, specs or ())
        return spec

    async def _install(self, session: LlrpSession, spec: params.ROSpec, specs: list[params.ROSpec] | tuple[()]) -> None:
        """Clear the reader and give it our ROSpec."""
        deleted = await self._try(session, messages.DELETE_ROSPEC(ro_spec_id=0), messages.DELETE_ROSPEC_RESPONSE)
        for known in specs if deleted is None else ():  # a reader that does not know 0 for all
            await self._try(
                session, messages.DELETE_ROSPEC(ro_spec_id=known.ro_spec_id), messages.DELETE_ROSPEC_RESPONSE
            )
        try:
            await session.ask(messages.ADD_ROSPEC(ro_spec=spec), messages.ADD_ROSPEC_RESPONSE)
        except DeviceRefused as exc:
            self._change_cadence(exc.reason)
            raise
        await session.ask(messages.ENABLE_ROSPEC(ro_spec_id=spec.ro_spec_id), messages.ENABLE_ROSPEC_RESPONSE)
        await self._start(session, spec)

    async def _start(self, session: LlrpSession, spec: params.ROSpec) -> None:
        """Enabling has started it already where the reader knows immediate triggers: then this is refused, and well."""
        try:
            await session.ask(messages.START_ROSPEC(ro_spec_id=spec.ro_spec_id), messages.START_ROSPEC_RESPONSE)
        except DeviceRefused as exc:
            logger.debug("start refused device=%s reason=%s", self._device.id, exc.reason)

    async def _watch(self, session: LlrpSession, spec: params.ROSpec) -> None:
        """Stay until the connection is lost, and see to it that the reader really works (`DeviceError` if not)."""
        settle_s = max(1.0, 3 * self._device.report_s)
        wait_s = settle_s
        was_started = False
        while True:
            await session.wait(wait_s)
            wait_s = CHECK_S
            match await self._look(session, spec):
                case enums.ROSpecState.Active:
                    was_started = False
                case enums.ROSpecState.Inactive if not was_started:
                    logger.warning("reader was stopped, started again device=%s", self._device.id)
                    await self._start(session, spec)
                    was_started, wait_s = True, settle_s  # one that does not go on by itself is soon idle again
                case state:
                    if state == enums.ROSpecState.Inactive and self._cadence is Cadence.INTERVAL:
                        self._change_cadence("the ROSpec does not start again by itself")
                    raise DeviceRefused(device=self._device.id, reason="the reader does not run our ROSpec any more")

    async def _look(self, session: LlrpSession, spec: params.ROSpec) -> int | None:
        """State of our ROSpec, which is looked at several times before it is taken for idle."""
        state = None
        for look in range(LOOKS):
            state = await self._state(session, spec)
            if state == enums.ROSpecState.Active:
                break
            await session.wait(self._device.report_s * (look + 1) / LOOKS)
        return state

    async def _state(self, session: LlrpSession, spec: params.ROSpec) -> int | None:
        """State of our ROSpec; None when it is gone. A reader that does not tell is taken at its word."""
        specs = await self._rospecs(session)
        if specs is None:
            return enums.ROSpecState.Active
        return next((known.current_state for known in specs if known.ro_spec_id == spec.ro_spec_id), None)

    async def _rospecs(self, session: LlrpSession) -> list[params.ROSpec] | None:
        answer = await self._try(session, messages.GET_ROSPECS(), messages.GET_ROSPECS_RESPONSE)
        return None if answer is None else answer.ro_specs

    def _change_cadence(self, reason: str) -> None:
        """Next time ask for the other way of reporting: with each tag (more traffic, but every reader knows it).

        A reader that refuses that as well refuses for another reason, which may pass: then by interval again.
        """
        self._cadence = Cadence.EACH_TAG if self._cadence is Cadence.INTERVAL else Cadence.INTERVAL
        self._complaints.once(
            f"cadence {self._cadence}", f"reports do not work as asked, {self._cadence.value} next reason={reason}"
        )

    async def _try(self, session: LlrpSession, message: LLRPMessage, wanted: type[Answer]) -> Answer | None:
        """Ask something that we can do without: a refusal is a warning."""
        try:
            return await session.ask(message, wanted)
        except (DeviceRefused, BadReading) as exc:
            self._complaints.once(exc.reason)
            return None

    def _alive(self) -> DeviceAlive:
        return DeviceAlive(device=self._device.id, at=self._clock.now())
