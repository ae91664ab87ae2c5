"""RFID readers from their settings."""

from __future__ import annotations

import yaml

from genba_shared.device_map.build_points import read_device
from genba_shared.device_map.model import (
    LlrpDevice,
)
from genba_shared.device_map.phrases import write
from genba_shared.device_map.spec import Scope
from genba_shared.device_map.tables_rfid import LLRP_DEVICE
from genba_shared.texts import say


def build_llrp(node: yaml.Node, scope: Scope) -> LlrpDevice:
    """One LLRP reader.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_device(node, scope, LLRP_DEVICE)
    host, port = values.taken.pop("endpoint", ("", 0))
    if "antennas" in values.taken and not values.taken["antennas"]:
        values.error(
            "antennas",
            say("no-antennas", "the reader has no antennas: at least one is needed."),
            write("{1: {read_point: gate}}"),
        )
    return values.build(LlrpDevice, host=host, port=port)
