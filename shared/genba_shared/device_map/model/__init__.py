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
from genba_shared.device_map.model.modbus import ByteOrder, ModbusDevice, ModbusPoint, ModbusTable, PollSettings
from genba_shared.device_map.model.mqtt_in import EpcEncoding, MqttInDevice, MqttPoint, TagFormat, TagMapping
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
from genba_shared.device_map.model.rfid import (
    Antenna,
    ImpinjDevice,
    InventorySession,
    LlrpDevice,
    PresenceSettings,
    ReadPointRef,
    RfidReader,
)
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
    "CollectorSettings",
    "CompletionRule",
    "CountDirection",
    "CountedEnd",
    "CounterSettings",
    "Device",
    "DeviceMap",
    "EpcEncoding",
    "GatewaySettings",
    "ImpinjDevice",
    "InventorySession",
    "LlrpDevice",
    "ModbusDevice",
    "ModbusPoint",
    "ModbusTable",
    "MqttInDevice",
    "MqttPoint",
    "NodeRule",
    "OnDecrease",
    "OpcUaDevice",
    "OpcUaPoint",
    "Point",
    "PointRef",
    "PointType",
    "PollSettings",
    "PresenceSettings",
    "ReadMode",
    "ReadPointRef",
    "RfidReader",
    "SecurityPolicy",
    "StartRule",
    "StateRule",
    "Station",
    "StoreSettings",
    "TagFormat",
    "TagMapping",
    "TimeSource",
    "WorkOrderSource",
    "Zone",
]
