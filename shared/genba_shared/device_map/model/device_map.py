"""The map as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
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
    """Where events go. `delay_s` above 0: events wait so long for company, on a link that costs."""

    broker: BrokerAddress
    delay_s: float = 0.0


class StoredKind(StrEnum):
    """What waits in the store, by how much its loss would hurt; completions are never dropped."""

    TELEMETRY = "telemetry"
    ENVIRONMENT = "environment"
    STATE = "state"
    COUNT = "count"


class TelemetrySend(StrEnum):
    """Which raw samples are sent beside the events."""

    OFF = "off"
    CHANGES = "changes"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the outbox lives, relative to the map, and what it drops first when it is full (None: no limit).

    `history_bytes` and `history_keep_s` bound what stays of it after the collector has taken it, whichever is less.
    """

    path: Path = Path("state")
    max_bytes: float | None = None
    keep_s: float | None = None
    history_bytes: float = 64e6
    history_keep_s: float = 30 * 86_400.0
    drop_order: tuple[StoredKind, ...] = tuple(StoredKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSettings:
    """How far the gateway's clock may be off before it says so."""

    max_offset_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySettings:
    """Raw samples for a time-series database; a value that does not change is sent once per `max_interval_s`."""

    send: TelemetrySend = TelemetrySend.OFF
    max_interval_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMap:
    """A checked device map. `sources` are the files that it was read from (name, text), `sha256` is their hash."""

    gateway: GatewaySettings
    devices: Mapping[str, Device]
    stations: Mapping[str, Station] = field(default_factory=dict)
    zones: Mapping[str, Zone] = field(default_factory=dict)
    nodes: Mapping[str, NodeRule] = field(default_factory=dict)
    collector: CollectorSettings | None = None
    store: StoreSettings = field(default_factory=StoreSettings)
    clock: ClockSettings = field(default_factory=ClockSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    sha256: str = ""
    sources: tuple[tuple[str, str], ...] = field(default=(), repr=False, compare=False)
