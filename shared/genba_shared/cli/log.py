"""Logs of the command line: one fact per line on stderr, so that stdout carries only what was asked for."""

from __future__ import annotations

import logging
import sys
import time
from typing import Final

_OURS: Final = ("genba_edge", "genba_cloud", "genba_shared", "genba_sim")


def start_logging(verbosity: int) -> None:
    """Log to stderr: INFO and above of genba, WARNING and above of libraries.

    Args:
        verbosity: 0; 1 (``-v``) adds DEBUG of genba; 2 (``-vv``) adds DEBUG of libraries.
    """
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old, logging.StreamHandler) and type(old) is logging.StreamHandler:
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if verbosity > 1 else logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.DEBUG if verbosity else logging.INFO)
