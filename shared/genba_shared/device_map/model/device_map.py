"""The map as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from genba_shared.broker import BrokerAddress
from genba_shared.device_map.model.modbus import ModbusDevice
from genba_shared.device_map.model.mqtt_in import MqttInDevice
from genba_shared.device_map.model.opcua import OpcUaDevice
from genba_shared.device_map.model.rfid import ImpinjDevice, LlrpDevice
from genba_shared.device_map.model.work import NodeRule, Station, Zone

Device = OpcUaDevice | ModbusDevice | LlrpDevice | ImpinjDevice | MqttInDevice


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Who this gateway is."""

    id: str
    site: str
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorSettings:
    """Where events go."""

    broker: BrokerAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the outbox lives, relative to the map."""

    path: Path = Path("state")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMap:
    """A checked device map. `sha256` is the hash of the text it was read from."""

    gateway: GatewaySettings
    devices: Mapping[str, Device]
    stations: Mapping[str, Station] = field(default_factory=dict)
    zones: Mapping[str, Zone] = field(default_factory=dict)
    nodes: Mapping[str, NodeRule] = field(default_factory=dict)
    collector: CollectorSettings | None = None
    store: StoreSettings = field(default_factory=StoreSettings)
    sha256: str = ""
