"""Which driver reads which device. A protocol's library is imported only when a map uses that protocol."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import assert_never

from genba_edge.ports import Driver
from genba_shared.clock import ProductionClock
from genba_shared.device_map import Device, LlrpDevice, ModbusDevice, OpcUaDevice


def make_drivers(devices: Iterable[Device], *, clock: ProductionClock, state_dir: Path) -> list[Driver]:
    """The drivers of a map's devices. `state_dir` holds what they must remember: keys, pinned certificates.

    Modbus units on the same serial port or behind the same address share its line, also with drivers made before.
    """
    return [_make_driver(device, clock, state_dir) for device in devices]


def _make_driver(device: Device, clock: ProductionClock, _state_dir: Path) -> Driver:
    match device:
        case OpcUaDevice():
            from genba_edge.drivers.opcua import OpcUaDriver

            return OpcUaDriver(device, clock)
        case ModbusDevice():
            from genba_edge.drivers.modbus import ModbusDriver
            from genba_edge.drivers.modbus_line import LINES

            return ModbusDriver(device, clock, LINES.of(device))
        case LlrpDevice():
            from genba_edge.drivers.llrp import LlrpDriver

            return LlrpDriver(device, clock)
        case _:
            assert_never(device)
