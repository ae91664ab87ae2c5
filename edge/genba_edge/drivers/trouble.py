"""Why a device was lost, with the reason by which it is counted."""

from __future__ import annotations

from genba_edge.ports import Failure
from genba_shared.errors import BadReading, DeviceError, DeviceRefused


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
