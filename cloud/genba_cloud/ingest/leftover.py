"""A broker that outlived its collector (where the kernel cannot tie a child to its parent): end it, and only it."""

from __future__ import annotations

import logging
import os
import select
import signal
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

_GRACE_MS: Final = 5000


def end_leftover(pid: object, settings: str) -> None:
    """End process `pid` if its command line names our settings file; any other process is left alone.

    The process is held by a descriptor while it is looked at, so that a number that was given to another process in
    the meantime is never hit.
    """
    if not isinstance(pid, int) or pid <= 1 or not hasattr(os, "pidfd_open"):
        return
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if settings.encode() in _arguments(pid):
            logger.warning("broker left over pid=%s", pid)
            _end(descriptor)
    finally:
        os.close(descriptor)


def _arguments(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _end(descriptor: int) -> None:
    """Ask it to end, and make it end when it does not."""
    ended = select.poll()
    ended.register(descriptor, select.POLLIN)
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return
        if ended.poll(_GRACE_MS):
            return
