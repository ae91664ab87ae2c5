"""What a gateway is started with, and the new map that a running one is given."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from genba_edge.app.raw_file import RawWriter
from genba_edge.app.sink import Sink
from genba_edge.core.map_change import MapChange
from genba_edge.ports import Outbox
from genba_edge.uplink import Credentials
from genba_shared.broker import BrokerAddress
from genba_shared.clock import ProductionClock
from genba_shared.device_map import DeviceMap


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySetup:
    """What a gateway is started with."""

    device_map: DeviceMap
    outbox: Outbox
    clock: ProductionClock
    state_dir: Path
    broker: BrokerAddress | None
    sink: Sink | None
    raw: RawWriter | None = None
    credentials: Credentials | None = None


@dataclass(slots=True, kw_only=True)
class Switch:
    """A new map that waits for the loop to take it over."""

    device_map: DeviceMap
    change: MapChange
    taken: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """The reason why it was not; empty: it was."""
