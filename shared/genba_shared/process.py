"""Processes that end with the process that started them (Linux: parent-death signal; elsewhere nothing is promised)."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

PARENT_VARIABLE: Final = "GENBA_PARENT"
_PR_SET_PDEATHSIG: Final = 1


def end_with_parent(number: signal.Signals) -> None:
    """Ask the kernel to send this process `number` when the thread that started it ends.

    Source: prctl(2), PR_SET_PDEATHSIG.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def obey_parent_variable() -> None:
    """Tie this process to the parent that is named in ``GENBA_PARENT``, if any; children of it are not tied by that.

    A parent that ended before the tie was made is noticed too: this process then ends at once.
    """
    parent = os.environ.pop(PARENT_VARIABLE, "")
    if not parent:
        return
    end_with_parent(signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit(1)
