"""HTTP to one Impinj reader: the stream of its events, and starting a preset. The only place that knows httpx."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from types import TracebackType
from typing import Final, Self, cast
from urllib.parse import quote, urlsplit

import httpx

from genba_edge.drivers.json_values import BadValue, dig, parse
from genba_edge.drivers.link import quieten, reason_of
from genba_edge.drivers.trouble import ConnectionTrouble
from genba_edge.ports import Failure, Meter
from genba_shared.device_map.model import ImpinjDevice
from genba_shared.errors import DeviceRefused
from genba_shared.tls import FingerprintMismatch, certificate_trouble, pinned_context, trusting_context

MAX_LINE_BYTES: Final = 64 * 1024
SHOWN_BYTES: Final = 80
MAX_ANSWER_BYTES: Final = 256 * 1024
_STREAM: Final = "/api/v1/data/stream"
_STATUS: Final = "/api/v1/status"
_PRESETS: Final = "/api/v1/profiles/inventory/presets"
_CONFLICT: Final = 409
_BUSY: Final = frozenset({423, 429, 503})

quieten("httpx")
quieten("httpcore")


class ImpinjHttp:
    """One client for one connection's life; every error comes out as a `DeviceError` with its reason.

    Raises:
        ConnectionTrouble: the file of the authority cannot be used (when it is entered).
    """

    def __init__(self, device: ImpinjDevice, meter: Meter) -> None:
        self._device = device
        self._meter = meter
        self._where = urlsplit(device.url).netloc
        self._host = urlsplit(device.url).hostname or ""

    async def __aenter__(self) -> Self:
        password = self._device.password
        self._client = httpx.AsyncClient(
            base_url=self._device.url,
            auth=(self._device.user, password.reveal() if password is not None else "") if self._device.user else None,
            verify=self._context(),
            timeout=self._device.timeout_s,
            trust_env=False,  # neither a proxy nor a netrc file of the gateway's user is meant for a reader
            follow_redirects=False,
            headers={"Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    @contextlib.asynccontextmanager
    async def stream(self) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        """The events, as the lines of each packet that came; a packet without events says that the reader lives."""
        timeout = httpx.Timeout(self._device.timeout_s, read=self._device.alive_within_s)
        with self._translated(Failure.SILENT, self._device.alive_within_s):
            self._meter.requests += 1
            async with self._client.stream("GET", _STREAM, timeout=timeout) as response:
                self._check(response, "the event stream")
                async with contextlib.aclosing(self._lines(response)) as lines:
                    yield lines

    async def start(self) -> str:
        """Start the preset of the map; "" when that went well, else the id of what the reader runs instead."""
        preset = self._device.preset
        with self._translated(Failure.TIMEOUT, self._device.timeout_s):
            self._meter.requests += 1
            response = await self._client.post(f"{_PRESETS}/{quote(preset)}/start", json={})
        if response.status_code == _CONFLICT:
            running = await self.running()
            return "" if running == preset else running or "?"
        self._check(response, f"to start preset {preset}")
        return ""

    async def running(self) -> str:
        """The id of the preset that the reader runs; "" where it runs none, or does not tell."""
        with self._translated(Failure.TIMEOUT, self._device.timeout_s):
            self._meter.requests += 1
            response = await self._client.get(_STATUS)
        if not response.is_success or len(response.content) > MAX_ANSWER_BYTES:
            return ""
        try:
            (status,) = parse(response.content).documents
        except (BadValue, ValueError):
            return ""
        preset = dig(status, "activePreset.id")
        return preset if isinstance(preset, str) else ""

    async def _lines(self, response: httpx.Response) -> AsyncGenerator[list[bytes], None]:
        """A line that does not end is given out as its beginning, which is no JSON, and its rest is skipped."""
        rest, skipping = b"", False
        packets_of = cast(
            "AsyncGenerator[bytes, None]", response.aiter_bytes()
        )  # to end it here, not when it is collected
        async with contextlib.aclosing(packets_of) as packets:
            async for packet in packets:
                *lines, rest = (rest + packet).split(b"\n")
                if skipping:
                    skipping, lines, rest = (False, lines[1:], rest) if lines else (True, [], b"")
                if len(rest) > MAX_LINE_BYTES:
                    lines, rest, skipping = [*lines, rest[:SHOWN_BYTES]], b"", True
                yield [line for line in (line.strip() for line in lines) if line]
        raise self._trouble(Failure.CLOSED, f"{self._where} ended the event stream")

    def _check(self, response: httpx.Response, what: str) -> None:
        status = response.status_code
        if response.is_success:
            return
        if status in (401, 403):
            raise self._trouble(Failure.SECURITY, f"{self._where} refuses {what}: user or password is wrong ({status})")
        if status in _BUSY:
            raise self._trouble(Failure.BUSY, f"{self._where} is busy and refuses {what} ({status})")
        if response.is_redirect:
            to = response.headers.get("location", "?")
            raise self._refused(f"{self._where} sends us to {to}: write that address as `url`")
        if status == 404 and what.startswith("to start"):
            raise self._refused(f"{self._where} refuses {what}: it has no such preset")
        if status == 404:
            raise self._refused(f"{self._where} has no Impinj IoT interface: is it set to LLRP, or its firmware older?")
        raise self._refused(f"{self._where} refuses {what} (HTTP {status})")

    def _context(self) -> ssl.SSLContext:
        if self._device.fingerprint:
            return pinned_context(fingerprint=self._device.fingerprint)
        try:
            return trusting_context(ca=self._device.ca)
        except (OSError, ssl.SSLError) as exc:
            raise self._trouble(Failure.SECURITY, f"the file of `ca` cannot be used: {exc}") from exc

    @contextlib.contextmanager
    def _translated(self, on_silence: Failure, silence_s: float) -> Iterator[None]:
        """Whatever httpx raises in the block, as ours."""
        try:
            yield
        except httpx.ReadTimeout as exc:
            raise self._trouble(on_silence, f"{self._where} was silent for {silence_s:g} s") from exc
        except httpx.TimeoutException as exc:
            reason = reason_of(TimeoutError(), where=self._where, timeout_s=self._device.timeout_s)
            raise self._trouble(Failure.TIMEOUT, reason) from exc
        except httpx.ConnectError as exc:
            raise self._no_connection(exc) from exc
        except httpx.LocalProtocolError as exc:
            raise self._refused(f"the request to {self._where} is not allowed in HTTP: {exc}") from exc
        except httpx.RemoteProtocolError as exc:
            if any(word in str(exc) for word in ("closed", "disconnected")):
                raise self._trouble(Failure.CLOSED, f"connection to {self._where} broke") from exc
            raise self._trouble(Failure.OUT_OF_STEP, f"{self._where} sent no HTTP: {exc}") from exc
        except httpx.RequestError as exc:
            raise self._trouble(Failure.CLOSED, f"connection to {self._where} broke") from exc

    def _no_connection(self, error: httpx.ConnectError) -> ConnectionTrouble:
        """Named by the first cause that is known: httpx and what lies below it wrap one another."""
        cause: BaseException | None = error
        while cause is not None:
            match cause:
                case ssl.SSLCertVerificationError():
                    return self._trouble(Failure.SECURITY, certificate_trouble(cause, host=self._host))
                case FingerprintMismatch():
                    return self._trouble(Failure.SECURITY, str(cause))
                case ssl.SSLError():
                    return self._trouble(Failure.SECURITY, f"TLS with {self._where} failed: {cause.reason or cause}")
                case OSError() if cause.errno is not None:
                    reason = reason_of(cause, where=self._where, timeout_s=self._device.timeout_s)
                    return self._trouble(Failure.CONNECT, reason)
            cause = cause.__cause__ or cause.__context__
        return self._trouble(Failure.CONNECT, f"no connection to {self._where}: {error}")

    def _trouble(self, failure: Failure, reason: str) -> ConnectionTrouble:
        return ConnectionTrouble(device=self._device.id, reason=reason, failure=failure)

    def _refused(self, reason: str) -> DeviceRefused:
        return DeviceRefused(device=self._device.id, reason=reason)
