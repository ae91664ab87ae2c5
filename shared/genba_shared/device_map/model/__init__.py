"""The device map as objects. Durations are seconds, rates are per second; names and meanings: docs/device-map.md.

Every object here has passed the loader's checks: references resolve, ranges hold, units are stripped. Defaults stand
in these classes and nowhere else.
"""

from genba_shared.device_map.model.device_map import (
    CollectorSettings,
    Device,
    DeviceMap,
    GatewaySettings,
    StoreSettings,
)
from genba_shared.device_map.model.modbus import (
    ByteOrder,
    ByteSide,
    Framing,
    ModbusDevice,
    ModbusPoint,
    ModbusTable,
    Parity,
    PollSettings,
    SerialPort,
    Workarounds,
)
from genba_shared.device_map.model.opcua import OpcUaDevice, OpcUaPoint, ReadMode, SecurityPolicy
from genba_shared.device_map.model.points import (
    AtLimit,
    CountDirection,
    CounterSettings,
    OnDecrease,
    Point,
    PointRef,
    PointType,
    TimeSource,
)
from genba_shared.device_map.model.rfid import Antenna, LlrpDevice, PresenceSettings, ReadPointRef
from genba_shared.device_map.model.work import (
    CompletionRule,
    CountedEnd,
    NodeRule,
    StartRule,
    StateRule,
    Station,
    WorkOrderSource,
    Zone,
)

__all__ = [
    "Antenna",
    "AtLimit",
    "ByteOrder",
    "ByteSide",
    "CollectorSettings",
    "CompletionRule",
    "CountDirection",
    "CountedEnd",
    "CounterSettings",
    "Device",
    "DeviceMap",
    "Framing",
    "GatewaySettings",
    "LlrpDevice",
    "ModbusDevice",
    "ModbusPoint",
    "ModbusTable",
    "NodeRule",
    "OnDecrease",
    "OpcUaDevice",
    "OpcUaPoint",
    "Parity",
    "Point",
    "PointRef",
    "PointType",
    "PollSettings",
    "PresenceSettings",
    "ReadMode",
    "ReadPointRef",
    "SecurityPolicy",
    "SerialPort",
    "StartRule",
    "StateRule",
    "Station",
    "StoreSettings",
    "TimeSource",
    "WorkOrderSource",
    "Workarounds",
    "Zone",
]
