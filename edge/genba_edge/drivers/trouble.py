"""Why a device was lost, with the reason by which it is counted; and what is worth saying once."""

from __future__ import annotations

import logging

from genba_edge.ports import Failure
from genba_shared.errors import BadReading, DeviceError, DeviceRefused

logger = logging.getLogger(__name__)


class ConnectionTrouble(DeviceError):
    """The connection to the device ended or could not be made; `failure` says by what."""

    def __init__(self, *, device: str, reason: str, failure: Failure) -> None:
        super().__init__(device=device, reason=reason)
        self.failure = failure


def failure_of(error: DeviceError) -> Failure:
    """The reason by which an error is counted."""
    match error:
        case ConnectionTrouble():
            return error.failure
        case DeviceRefused():
            return Failure.REFUSED
        case BadReading():
            return Failure.BAD_READING
        case _:
            return Failure.CLOSED


class Complaints:
    """Warnings of one device, each kind once, however often it happens: numbers belong in the meter."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._made: set[str] = set()

    def once(self, kind: str, what: str = "") -> None:
        """Log `what` (or the kind itself) unless this kind was logged before."""
        if kind not in self._made:
            self._made.add(kind)
            logger.warning("%s device=%s", what or kind, self._device)
