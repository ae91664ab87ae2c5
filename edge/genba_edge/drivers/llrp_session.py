"""One connection to an LLRP reader: frames, answers matched by message id, keepalives, and how it ends.

`llrpkit.protocol` encodes and decodes the bytes; the client of that library is not used, for the reasons in
docs/decisions/0004-llrp-library.md.

Source: EPCglobal LLRP 1.0.1, chapters 13 (keepalive, events) and 16 (encoding).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from llrpkit.exceptions import MessageDecodeError
from llrpkit.protocol import LLRPMessage, codec, decode_message, enums, messages, params

from genba_edge.drivers.link import reason_of
from genba_edge.drivers.trouble import ConnectionTrouble
from genba_edge.ports import Failure, Meter
from genba_shared.device_map.model import LlrpDevice
from genba_shared.errors import BadReading, DeviceError, DeviceRefused

logger = logging.getLogger(__name__)

HEADER_BYTES = 10
MAX_FRAME_BYTES = 4_000_000
GOODBYE_S = 1.0
BACKLOG_S = 60.0
"""How long an answer may take while reports keep coming before it: a reader may have held thousands of them."""

_IN_USE = (
    enums.ConnectionAttemptStatusType.Failed_A_Reader_Initiated_Connection_Already_Exists,
    enums.ConnectionAttemptStatusType.Failed_A_Client_Initiated_Connection_Already_Exists,
)

# Vendors' own parameters are skipped unread, as a client must that does not know them. The
# library knows Impinj's, and one of another firmware with another length would make a whole report unreadable.
codec.CUSTOM_PARAMETER_REGISTRY.clear()

Answer = TypeVar("Answer", bound=LLRPMessage)
Result = TypeVar("Result")
Hear = Callable[[LLRPMessage], None]


class LlrpSession:
    """Speaks with one reader until it is lost; then open a new one.

    Every message that is no answer (reports, events, keepalives, errors) goes to `hear`, in the order of arrival.
    The reader must say something within `timeout_s` of the map, else it is lost; the driver asks it for keepalives
    at a third of that.
    """

    def __init__(self, device: LlrpDevice, meter: Meter, hear: Hear) -> None:
        self._device = device
        self._meter = meter
        self._hear = hear
        self._where = f"{device.host}:{device.port}"
        self._writer: asyncio.StreamWriter | None = None
        self._receiving: asyncio.Task[NoReturn] | None = None
        self._greeting: asyncio.Future[params.ConnectionAttemptEvent] = asyncio.get_running_loop().create_future()
        self._pending: dict[int, asyncio.Future[LLRPMessage]] = {}
        self._last_id = 0
        self._reports = 0

    async def open(self) -> None:
        """Connect and wait for the reader's word that it takes us.

        Raises:
            ConnectionTrouble: no connection, no word in time, or the reader serves another client.
            DeviceRefused: the reader refuses for another reason.
        """
        try:
            async with asyncio.timeout(self._device.timeout_s):
                stream, self._writer = await asyncio.open_connection(self._device.host, self._device.port)
        except OSError as exc:  # TimeoutError is one of them
            failure = Failure.TIMEOUT if isinstance(exc, TimeoutError) else Failure.CONNECT
            reason = reason_of(exc, where=self._where, timeout_s=self._device.timeout_s)
            raise self._trouble(failure, reason) from exc
        self._receiving = asyncio.get_running_loop().create_task(self._receive(stream))
        attempt = await self._first_of(self._greeting, "the connection")
        if attempt.status in _IN_USE:
            raise self._trouble(Failure.BUSY, f"reader {self._where} is in use by another client")
        if attempt.status != enums.ConnectionAttemptStatusType.Success:
            raise self._refused(f"reader {self._where} refused the connection (status {int(attempt.status)})")

    async def ask(self, message: LLRPMessage, wanted: type[Answer]) -> Answer:
        """Send a message and wait for the answer with the same message id.

        Raises:
            ConnectionTrouble: the connection is lost, or no answer in time.
            DeviceRefused: the answer is an error.
            BadReading: the answer is of another type, or cannot be decoded.
        """
        self._last_id += 1
        message_id = self._last_id
        name = type(message).__name__
        future: asyncio.Future[LLRPMessage] = asyncio.get_running_loop().create_future()
        self._pending[message_id] = future
        self._meter.requests += 1
        try:
            self._write(message, message_id)
            answer = await self._first_of(future, name)
        finally:
            del self._pending[message_id]
        status = getattr(answer, "llrp_status", None)
        if isinstance(status, params.LLRPStatus) and status.status_code != enums.StatusCode.M_Success:
            raise self._refused(f"{name} refused: status {int(status.status_code)} {status.error_description}".rstrip())
        if not isinstance(answer, wanted):
            raise BadReading(device=self._device.id, reason=f"{name} answered by {type(answer).__name__}")
        return answer

    def tell(self, message: LLRPMessage) -> None:
        """Send a message that has no answer."""
        self._last_id += 1
        self._write(message, self._last_id)

    async def wait(self, seconds: float) -> None:
        """Let the connection work for a while.

        Raises:
            DeviceError: it was lost meanwhile.
        """
        if self._receiving is not None:
            await asyncio.wait({self._receiving}, timeout=seconds)
            if self._receiving.done():
                self._receiving.result()

    async def say_goodbye(self) -> None:
        """Close as the standard asks a client to; reports that are still on their way are heard."""
        with contextlib.suppress(DeviceError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self.ask(messages.CLOSE_CONNECTION(), messages.CLOSE_CONNECTION_RESPONSE)

    async def close(self) -> None:
        """Let go of the connection, in whatever state it is."""
        if self._receiving is not None:
            self._receiving.cancel()
            await asyncio.wait({self._receiving})
            if not self._receiving.cancelled():
                self._receiving.exception()  # already told to whoever waited; marks it as seen
        if self._writer is not None:
            self._writer.transport.abort()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    async def _first_of(self, future: asyncio.Future[Result], what: str) -> Result:
        """The result of `future`, unless the connection is lost or the time is up before.

        The time is up after `timeout_s` without answer, and later while a backlog of reports is still coming in: giving
        up then would throw the rest of it away.
        """
        if self._receiving is None:
            raise self._trouble(Failure.CLOSED, "not connected")
        either: set[asyncio.Future[Any]] = {future, self._receiving}
        give_up_s = asyncio.get_running_loop().time() + BACKLOG_S
        reports = -1
        while reports != self._reports and asyncio.get_running_loop().time() < give_up_s:
            reports = self._reports
            await asyncio.wait(either, timeout=self._device.timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                return future.result()
            if self._receiving.done():
                self._receiving.result()
        reason = f"no answer to {what} from {self._where} within {self._device.timeout_s:g} s"
        raise self._trouble(Failure.TIMEOUT, reason)

    def _write(self, message: LLRPMessage, message_id: int) -> None:
        if self._writer is None:
            raise self._trouble(Failure.CLOSED, "not connected")
        self._writer.write(message.to_bytes(message_id=message_id))

    async def _receive(self, stream: asyncio.StreamReader) -> NoReturn:
        """Take frames for ever; ends only by an exception, which says why the reader is lost."""
        while True:
            try:
                async with asyncio.timeout(self._device.timeout_s):
                    frame = await self._read_frame(stream)
            except TimeoutError as exc:
                reason = f"reader {self._where} was silent for {self._device.timeout_s:g} s (3 keepalives)"
                raise self._trouble(Failure.SILENT, reason) from exc
            except (OSError, asyncio.IncompleteReadError) as exc:
                raise self._trouble(Failure.CLOSED, f"connection to {self._where} broke") from exc
            self._take(frame)
            await asyncio.sleep(0)  # a backlog comes without a pause: let others work too

    async def _read_frame(self, stream: asyncio.StreamReader) -> bytes:
        header = await stream.readexactly(HEADER_BYTES)
        length = int.from_bytes(header[2:6], "big")
        reserved, version = header[0] >> 5, header[0] >> 2 & 0b111
        if reserved or not version or not HEADER_BYTES <= length <= MAX_FRAME_BYTES:
            raise self._trouble(Failure.OUT_OF_STEP, f"reader {self._where} sent no LLRP: {header.hex()}")
        return header + await stream.readexactly(length - HEADER_BYTES)

    def _take(self, frame: bytes) -> None:
        waiting = self._pending.get(int.from_bytes(frame[6:HEADER_BYTES], "big"))
        try:
            message = decode_message(frame)
        except MessageDecodeError as exc:
            reason = f"reader {self._where} sent a bad frame: {exc}"
            if waiting is not None and not waiting.done():  # the answer to a question: who asked decides
                waiting.set_exception(BadReading(device=self._device.id, reason=reason))
                return
            raise self._trouble(Failure.OUT_OF_STEP, reason) from exc
        match message:
            case messages.KEEPALIVE():
                self._write(messages.KEEPALIVE_ACK(), message.message_id)
            case messages.READER_EVENT_NOTIFICATION(reader_event_notification_data=data):
                if data.connection_attempt_event is not None and not self._greeting.done():
                    self._greeting.set_result(data.connection_attempt_event)
            case messages.RO_ACCESS_REPORT():
                self._reports += 1
            case _ if waiting is not None and not waiting.done():
                waiting.set_result(message)
                return
        self._hear(message)

    def _trouble(self, failure: Failure, reason: str) -> ConnectionTrouble:
        return ConnectionTrouble(device=self._device.id, reason=reason, failure=failure)

    def _refused(self, reason: str) -> DeviceRefused:
        return DeviceRefused(device=self._device.id, reason=reason)
