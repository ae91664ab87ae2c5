"""OPC UA devices of the maps of tests, and their drivers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from genba_edge.drivers.opcua import OpcUaDriver, Pace
from genba_shared.clock import ProductionClock
from genba_shared.device_map import load_device_map
from genba_shared.device_map.model import OpcUaDevice, OpcUaPoint, PointType, SecurityPolicy, SecuritySettings
from tests.peers.process import OpcUaPeer

OPEN = SecuritySettings(policy=SecurityPolicy.NONE)


def point(name: str, kind: PointType = PointType.UINT32, *, node: str = "", **more: Any) -> OpcUaPoint:
    """A variable of the node-opcua peer, looked at every 50 ms."""
    return OpcUaPoint(
        name=name,
        type=kind,
        node=node or ("" if "path" in more else f"nsu=urn:genba:peer;s={name}"),
        sampling_s=more.pop("sampling_s", 0.05),
        **more,
    )


def driver_of(
    peer: OpcUaPeer, *points: OpcUaPoint, clock: ProductionClock | None = None, pace: Pace | None = None, **more: Any
) -> OpcUaDriver:
    """The driver of a device without security; `more` are other settings of the device."""
    device = OpcUaDevice(
        id="cutter1",
        url=peer.url,
        points={point.name: point for point in points},
        security=OPEN,
        reconnect_max_s=0.5,
        timeout_s=2.0,
    )
    device = replace(device, **more)
    return OpcUaDriver(device, clock or ProductionClock(), state_dir=Path(peer.folder), pace=pace)


def driver_of_map(peer: OpcUaPeer, settings: str) -> OpcUaDriver:
    """The driver of a device as a plant engineer writes it: `settings` are the lines below its URL."""
    text = (
        "version: 1\ngateway: {id: gw-1, site: site-a}\ndevices:\n"
        f"  - id: cutter1\n    protocol: opcua\n    url: {peer.url}\n    security: {{policy: none}}\n"
        "    reconnect: {max: 500ms}\n    timeout: 2s\n"
    ) + "".join(f"    {line}\n" for line in settings.strip().splitlines())
    device = load_device_map(Path("map.yaml"), text=text).devices["cutter1"]
    assert isinstance(device, OpcUaDevice)
    return OpcUaDriver(device, ProductionClock(), state_dir=Path(peer.folder))
