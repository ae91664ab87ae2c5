"""What a driver says about its device: lost once, back once, and which points cannot be read."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import time
from collections.abc import Sequence
from datetime import datetime

from genba_edge.ports import (
    DeviceBack,
    DeviceLost,
    Emit,
    Failure,
    Meter,
    Observation,
    Quality,
    ReadingsLost,
    Sample,
)
from genba_shared.clock import ProductionClock

logger = logging.getLogger(__name__)

REASON_NOW = "reason_now"
"""The detail that says why a device is still lost, where that is no longer why it was lost."""
_FOR_A_PERSON = frozenset({Failure.SECURITY, Failure.REFUSED, Failure.BUSY})
"""Reasons that do not pass by themselves, as a network does."""


class Link:
    """Reports the state of one device to the core and to the log: the change, never the condition."""

    def __init__(self, meter: Meter, *, clock: ProductionClock, emit: Emit) -> None:
        self._device = meter.device
        self._meter = meter
        self._clock = clock
        self._emit = emit
        self._is_up: bool | None = None
        self._lost_since_s = 0.0
        self._lost_because = ""
        self._failure: Failure | None = None

    @property
    def is_up(self) -> bool:
        """Whether the last thing said was that the device is back."""
        return self._is_up is True

    def deliver(self, observations: Sequence[Observation] = ()) -> None:
        """The device answered: emit what it said in one batch, with `DeviceBack` first if that is news."""
        batch = list(observations)
        if not self._is_up:
            batch.insert(0, DeviceBack(device=self._device, at=self._clock.now()))
            if self._is_up is None:
                logger.info("device connected device=%s", self._device)
            else:
                logger.info("device back device=%s away_s=%.1f", self._device, time.monotonic() - self._lost_since_s)
            self._is_up = True
            self._meter.details.pop(REASON_NOW, None)
            self._meter.connects += 1
        if batch:
            self._emit(batch)

    def lost(self, reason: str, *, retry_s: float, failure: Failure | None = None) -> None:
        """The device does not answer. Says so if that is news; `retry_s` is the wait before the next try.

        While it stays lost, the newest reason stands in the details of the meter. The log tells of it only where the
        kind of `failure` is new and asks for a person: a network that breaks and then refuses is one outage.
        """
        if self._is_up is False:
            self._still_lost(reason, failure)
            return
        logger.warning("device lost device=%s reason=%s retry_s=%.1f", self._device, reason, retry_s)
        self._is_up = False
        self._lost_since_s = time.monotonic()
        self._lost_because, self._failure = reason, failure
        self._emit([DeviceLost(device=self._device, at=self._clock.now(), reason=reason)])

    def _still_lost(self, reason: str, failure: Failure | None) -> None:
        if reason == self._lost_because:
            self._meter.details.pop(REASON_NOW, None)
        else:
            self._meter.details[REASON_NOW] = reason
        is_news = failure in _FOR_A_PERSON and failure != self._failure
        self._failure = failure
        level = logging.INFO if is_news else logging.DEBUG
        logger.log(level, "device still lost device=%s reason=%s", self._device, reason)

    def readings_lost(self, reason: str) -> None:
        """The device said that it lost readings: tell the core, which declares what was not observed."""
        logger.error("readings lost device=%s reason=%s", self._device, reason)
        self._meter.failures[Failure.DATA_LOST] += 1
        self._emit([ReadingsLost(device=self._device, at=self._clock.now(), reason=reason)])


class BadPoints:
    """Points that cannot be read: logs each change once, and gives the one bad sample that tells the core."""

    def __init__(self, meter: Meter, *, clock: ProductionClock) -> None:
        self._device = meter.device
        self._meter = meter
        self._clock = clock
        self._logged: set[str] = set()
        self._told: set[str] = set()

    def forget_told(self) -> None:
        """After a new connection the core is told again of every point that cannot be read."""
        self._told.clear()

    def bad(self, point: str, reason: str, *, at: datetime | None = None, status: str = "") -> tuple[Sample, ...]:
        """The point cannot be read: one sample of bad quality the first time, none after that. `at`: None is now."""
        if point not in self._logged:
            logger.warning("point bad device=%s point=%s reason=%s", self._device, point, reason)
            self._logged.add(point)
        self._meter.bad_points[point] = reason
        if point in self._told:
            return ()
        self._told.add(point)
        now = self._clock.now()
        return (
            Sample(
                device=self._device,
                point=point,
                value=None,
                at=at or now,
                seen_at=now,
                quality=Quality.BAD,
                status=status,
            ),
        )

    def good(self, point: str) -> None:
        """The point was read."""
        self._told.discard(point)
        if point in self._logged:
            self._meter.bad_points.pop(point, None)
            logger.info("point good again device=%s point=%s", self._device, point)
            self._logged.discard(point)


def reason_of(exc: BaseException, *, where: str, timeout_s: float) -> str:
    """A sentence that a plant engineer understands for a connection that failed; `where` is ``host:port``."""
    match exc:
        case TimeoutError():
            return f"no answer from {where} within {timeout_s:g} s"
        case ConnectionRefusedError():
            return f"connection refused by {where}"
        case socket.gaierror():
            return f"host name of {where} is not known"
        case ConnectionError():
            return f"connection to {where} broke"
        case OSError(errno=int(code)) if code in errno.errorcode:
            return f"{where}: {os.strerror(code).lower()}"
        case _:
            return f"{where}: {exc}" if str(exc) else f"{where}: {type(exc).__name__}"


def end_if_cancelled() -> None:
    """Raise `CancelledError` if this task was told to end and a library kept that from us.

    Source: github.com/python/cpython issue 86296; asyncio.wait_for of Python 3.11, which pymodbus uses, hides a
    cancellation that comes in the same turn of the loop as the answer. A driver would then never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def quieten(library: str) -> None:
    """Keep a protocol library from logging every failed try; set the level of its logger yourself to see its lines."""
    library_logger = logging.getLogger(library)
    if library_logger.level == logging.NOTSET:
        library_logger.setLevel(logging.CRITICAL + 1)
