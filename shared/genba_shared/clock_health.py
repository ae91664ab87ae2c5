"""What the kernel knows of its own clock: whether something keeps it right, and how far off it may be.

Source: adjtimex(2); the kernel calls a clock unsynchronised (STA_UNSYNC) until NTP or PTP disciplines it.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_UNSYNCHRONISED: Final = 0x0040  # STA_UNSYNC
_ERROR: Final = 5  # TIME_ERROR
_RTC: Final = Path("/sys/class/rtc")


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time_s", ctypes.c_long),
        ("time_us", ctypes.c_long),
        ("rest", ctypes.c_byte * 128),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockHealth:
    """Whether the clock is kept right; `error_s`: how far off the kernel thinks it may be. None: it does not say."""

    is_synchronised: bool | None
    error_s: float | None


_UNKNOWN: Final = ClockHealth(is_synchronised=None, error_s=None)


def clock_health() -> ClockHealth:
    """Ask the kernel, without changing anything; a container may not be allowed to ask."""
    libc = ctypes.CDLL(None, use_errno=True)
    timex = _Timex()
    try:
        state = libc.adjtimex(ctypes.byref(timex))
    except AttributeError:  # another C library
        return _UNKNOWN
    if state < 0:
        return _UNKNOWN
    synchronised = state != _ERROR and not timex.status & _UNSYNCHRONISED
    return ClockHealth(is_synchronised=synchronised, error_s=timex.maxerror / 1_000_000 if synchronised else None)


def has_clock_chip() -> bool:
    """Whether the machine keeps time while it is off."""
    return _RTC.is_dir() and any(_RTC.iterdir())
