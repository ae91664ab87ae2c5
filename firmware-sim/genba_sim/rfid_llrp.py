"""A simulated RFID reader: an LLRP server on TCP that serves one client at a time and holds reports while it is alone.

It behaves as the standard asks of a reader that can hold events and reports: its ROSpecs belong to the reader and not
to the connection, so it goes on reading when the client is gone; what it read meanwhile waits until the next client
sends ENABLE_EVENTS_AND_REPORTS (if the client had asked for HoldEventsAndReportsUponReconnect) or is sent at once.
Tag times are plant time; report intervals and keepalives are wall time.

Source: EPCglobal LLRP 1.0.1, chapters 10, 12 and 13.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from genba_shared.clock import ProductionClock
from genba_sim.llrp_codec import Frame, FrameError, MessageType, read_frame, unpack
from genba_sim.llrp_codec_reader import (
    Attempt,
    ReaderClock,
    Status,
    buffer_overflowed,
    capabilities,
    connection_attempted,
    connection_closing,
    decode_config,
    decode_rospec,
    event,
    reader_config,
    ro_access_report,
    status,
    tag_report_data,
)
from genba_sim.rfid_llrp_reads import ReportBuffer, RunningReads
from genba_sim.rfid_llrp_specs import RefusedError, RoSpecs

logger = logging.getLogger(__name__)

FIRMWARE = "genba-sim 1"
TAGS_PER_MESSAGE = 100
SEND_BUFFER_BYTES = 256_000  # a client that does not read: reports wait in the reader, not in the socket
UNANSWERED_KEEPALIVES = 5  # then the reader closes; the standard leaves the number to the reader
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

_RESPONSES = {
    MessageType.GET_READER_CAPABILITIES: MessageType.GET_READER_CAPABILITIES_RESPONSE,
    MessageType.GET_READER_CONFIG: MessageType.GET_READER_CONFIG_RESPONSE,
    MessageType.SET_READER_CONFIG: MessageType.SET_READER_CONFIG_RESPONSE,
    MessageType.CLOSE_CONNECTION: MessageType.CLOSE_CONNECTION_RESPONSE,
    MessageType.ADD_ROSPEC: MessageType.ADD_ROSPEC_RESPONSE,
    MessageType.DELETE_ROSPEC: MessageType.DELETE_ROSPEC_RESPONSE,
    MessageType.START_ROSPEC: MessageType.START_ROSPEC_RESPONSE,
    MessageType.STOP_ROSPEC: MessageType.STOP_ROSPEC_RESPONSE,
    MessageType.ENABLE_ROSPEC: MessageType.ENABLE_ROSPEC_RESPONSE,
    MessageType.DISABLE_ROSPEC: MessageType.DISABLE_ROSPEC_RESPONSE,
    MessageType.GET_ROSPECS: MessageType.GET_ROSPECS_RESPONSE,
}


@dataclass(slots=True)
class _Client:
    """The one connection that is served; `holding` until it asks for held reports."""

    writer: asyncio.StreamWriter
    holding: bool
    unanswered: int = 0
    keepalive: asyncio.Task[None] | None = None


@dataclass(slots=True)
class _Settings:
    """What SET_READER_CONFIG changes; it stays when the client goes."""

    keepalive_ms: int = 0
    hold_upon_reconnect: bool = False


@dataclass(slots=True)
class _Faults:
    """What a test or the plant does to the reader."""

    refusing: bool = False
    silent: bool = False
    unsupported: set[MessageType] = field(default_factory=set)
    unplugged: set[int] = field(default_factory=set)


class SimReader:
    """A reader of `antennas` ports. All methods belong to the event loop that called `start`; none is thread-safe."""

    def __init__(
        self,
        clock: ProductionClock,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        antennas: int = 4,
        reader_clock: ReaderClock = ReaderClock.UTC,
        buffer_limit: int = 50_000,
    ) -> None:
        self._clock = clock
        self._host = host
        self._port = port
        self._antennas = antennas
        self._reader_clock = reader_clock
        self._zero = EPOCH if reader_clock is ReaderClock.UTC else clock.now()
        self._reads = RunningReads()
        self._reports = ReportBuffer(buffer_limit)
        self._specs = RoSpecs(antennas=antennas)
        self._settings = _Settings()
        self._faults = _Faults()
        self._client: _Client | None = None
        self._server: asyncio.Server | None = None
        self._interval: asyncio.Task[None] | None = None
        self._interval_ms = 0
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; a port of 0 is replaced by the one that the system gave."""
        self._server = await asyncio.start_server(self._accept, self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Switch off: the port closes and the client is cut. ROSpecs and reports are forgotten with this object."""
        if self._server is not None:
            self._server.close()
        self.drop_connection()
        self._keep_interval(0)
        if self._connections:
            await asyncio.wait(self._connections)
        if self._server is not None:
            await self._server.wait_closed()

    @property
    def port(self) -> int:
        """The TCP port that it listens on."""
        return self._port

    @property
    def waiting_reports(self) -> int:
        """How many tag reports wait to be sent."""
        return len(self._reports)

    @property
    def is_connected(self) -> bool:
        """Whether a client is being served."""
        return self._client is not None

    @property
    def is_reading(self) -> bool:
        """Whether a ROSpec is active, so that `see` counts."""
        return self._specs.active() is not None

    def see(self, antenna: int, epc: str, at: datetime, rssi_dbm: float) -> None:
        """One read of a tag (EPC in hex) at plant time `at`; nothing if no ROSpec is active on that antenna."""
        active = self._specs.active()
        if active is None or not ({0, antenna} & active.antennas) or not 1 <= antenna <= self._antennas:
            return
        self._reads.add(antenna=antenna, epc=bytes.fromhex(epc), at_us=self._microseconds(at), rssi_dbm=rssi_dbm)
        if active.report_tags and len(self._reads) >= active.report_tags:
            self._report()

    # Faults.

    def drop_connection(self) -> None:
        """Cut the client off without a word; it may come back."""
        if self._client is not None:
            self._client.writer.transport.abort()

    def refuse(self) -> None:
        """From now on refuse each connection attempt ("failed for another reason")."""
        self._faults.refusing = True

    def fall_silent(self) -> None:
        """Keep the connection open but send nothing, not even keepalives; go on reading tags."""
        self._faults.silent = True

    def stop_supporting(self, message: MessageType) -> None:
        """From now on answer messages of this type with ERROR_MESSAGE "unsupported"."""
        self._faults.unsupported.add(message)

    def unplug(self, antenna: int) -> None:
        """From now on say of this antenna that it is not connected, when asked."""
        self._faults.unplugged.add(antenna)

    def recover(self) -> None:
        """End all of these faults."""
        self._faults = _Faults()

    def send_raw(self, data: bytes) -> None:
        """Put these bytes on the wire as they are."""
        if self._client is not None:
            self._client.writer.write(data)

    # Connections.

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        if self._faults.refusing or self._client is not None:
            await self._turn_away(writer)
            return
        self._client = client = _Client(writer=writer, holding=self._settings.hold_upon_reconnect)
        try:
            self._send_event(connection_attempted(Attempt.SUCCESS))
            self._start_keepalive(client)
            self._deliver()
            await self._serve(client, reader)
        finally:
            self._client = None
            if client.keepalive is not None:
                client.keepalive.cancel()
            writer.close()

    async def _turn_away(self, writer: asyncio.StreamWriter) -> None:
        outcome = Attempt.FAILED if self._client is None else Attempt.CLIENT_INITIATED_EXISTS
        writer.write(self._event(connection_attempted(outcome)).encode())
        self._send_event(connection_attempted(Attempt.ANOTHER_ATTEMPTED))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async def _serve(self, client: _Client, reader: asyncio.StreamReader) -> None:
        try:
            while not client.writer.is_closing():
                frame = await read_frame(reader)
                self._send(self._answer(client, frame))
                self._deliver()
                await client.writer.drain()
                if frame.type == MessageType.CLOSE_CONNECTION:
                    return
        except FrameError as exc:
            logger.warning("client sent no LLRP port=%d reason=%s", self._port, exc)
        except (asyncio.IncompleteReadError, ConnectionError):
            logger.info("client went away port=%d", self._port)

    def _start_keepalive(self, client: _Client) -> None:
        if client.keepalive is not None:
            client.keepalive.cancel()
        client.keepalive, client.unanswered = None, 0
        if self._settings.keepalive_ms:
            client.keepalive = _task(self._keep_alive(client, self._settings.keepalive_ms / 1000))

    async def _keep_alive(self, client: _Client, period_s: float) -> None:
        message_id = 0
        while client.unanswered < UNANSWERED_KEEPALIVES:
            await asyncio.sleep(period_s)
            message_id += 1
            client.unanswered += 1
            self._send(Frame(type=MessageType.KEEPALIVE, id=message_id))
        self._send_event(connection_closing())
        client.writer.close()

    # Messages.

    def _answer(self, client: _Client, frame: Frame) -> Frame | None:
        """The response; an ERROR_MESSAGE for what this reader does not know or, by a fault, no longer supports."""
        known = frame.type in MessageType.__members__.values() and frame.type not in self._faults.unsupported
        try:
            if known and self._note(client, MessageType(frame.type)):
                return None
            if not known or frame.type not in _RESPONSES:
                raise RefusedError(Status.UNSUPPORTED_MESSAGE, f"message type {frame.type} is not supported")
            body = self._execute(client, frame)
        except RefusedError as exc:
            body = status(exc.code, str(exc))
        except FrameError as exc:
            body = status(Status.PARAMETER_ERROR, str(exc))
        response = _RESPONSES.get(MessageType(frame.type)) if known else None
        return Frame(type=response or MessageType.ERROR_MESSAGE, id=frame.id, body=body)

    def _note(self, client: _Client, message: MessageType) -> bool:
        """Messages without an answer; False: this is none of them."""
        match message:
            case MessageType.KEEPALIVE_ACK:
                client.unanswered = 0
            case MessageType.ENABLE_EVENTS_AND_REPORTS:
                client.holding = False
            case MessageType.GET_REPORT:
                self._report()
            case _:
                return False
        return True

    def _execute(self, client: _Client, frame: Frame) -> bytes:
        match frame.type:
            case MessageType.GET_READER_CAPABILITIES:
                return capabilities(antennas=self._antennas, clock=self._reader_clock, firmware=FIRMWARE)
            case MessageType.GET_READER_CONFIG:
                settings = self._settings
                return reader_config(
                    keepalive_ms=settings.keepalive_ms,
                    hold_upon_reconnect=settings.hold_upon_reconnect,
                    antennas=self._antennas,
                    unplugged=self._faults.unplugged,
                )
            case MessageType.SET_READER_CONFIG:
                self._configure(client, frame.body)
            case MessageType.GET_ROSPECS:
                return status(Status.SUCCESS) + self._specs.encoded()
            case MessageType.ADD_ROSPEC:
                self._specs.add(decode_rospec(frame.body))
            case MessageType.CLOSE_CONNECTION:
                pass
            case _:
                self._report()  # a ROSpec that ends reports what it has
                self._specs.command(MessageType(frame.type), unpack("I", frame.body)[0])
        active = self._specs.active()
        self._keep_interval(0 if active is None else active.report_ms)
        return status(Status.SUCCESS)

    def _configure(self, client: _Client, body: bytes) -> None:
        config = decode_config(body)
        if config.reset:
            self._specs.clear()
            self._reads.take()
            self._reports.clear()
            self._settings = _Settings()
        if config.hold_upon_reconnect is not None:
            self._settings.hold_upon_reconnect = config.hold_upon_reconnect
        if config.keepalive_ms is not None:
            self._settings.keepalive_ms = config.keepalive_ms
            self._start_keepalive(client)

    # Reports.

    def _keep_interval(self, report_ms: int) -> None:
        """See to it that reports go out each `report_ms` of wall time; 0: not by time."""
        if report_ms == self._interval_ms:
            return
        if self._interval is not None:
            self._interval.cancel()
        self._interval_ms = report_ms
        self._interval = _task(self._report_each(report_ms / 1000)) if report_ms else None

    async def _report_each(self, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            self._report()

    def _report(self) -> None:
        """Close the running interval: its sums join what waits, and go out if somebody listens."""
        spec = self._specs.active()
        if spec is not None:
            sums = self._reads.take()
            self._reports.put(
                [tag_report_data(s, content=spec.content, rospec_id=spec.id, clock=self._reader_clock) for s in sums]
            )
        self._deliver()

    def _deliver(self) -> None:
        """Send what waits, unless nobody is connected, the client has not asked for it yet, or it does not read."""
        while len(self._reports) and self._client is not None and self._can_report(self._client):
            if self._reports.take_overflow():
                self._send_event(buffer_overflowed())
            self._send(ro_access_report(self._reports.take(TAGS_PER_MESSAGE)))

    def _can_report(self, client: _Client) -> bool:
        if client.holding or self._faults.silent or client.writer.is_closing():
            return False
        return client.writer.transport.get_write_buffer_size() < SEND_BUFFER_BYTES

    def _send(self, frame: Frame | None) -> None:
        client = self._client
        if frame is not None and client is not None and not client.writer.is_closing() and not self._faults.silent:
            client.writer.write(frame.encode())

    def _send_event(self, happened: bytes) -> None:
        self._send(self._event(happened))

    def _event(self, happened: bytes) -> Frame:
        return event(happened, at_us=self._microseconds(self._clock.now()), clock=self._reader_clock)

    def _microseconds(self, at: datetime) -> int:
        return max(0, (at - self._zero) // MICROSECOND)


def _task(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(work)
