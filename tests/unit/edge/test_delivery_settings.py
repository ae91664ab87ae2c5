"""How the device map says that a link costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from genba_edge.app.pace import delivery_of
from genba_shared.device_map import load_device_map

MAP = """\
version: 1
gateway: {{id: gw-1, site: site-a}}
{collector}
devices:
  - id: cutter1
    protocol: modbus
    host: 10.20.0.31
    points: {{good: {{at: 400120, type: uint32}}}}
"""


@pytest.mark.parametrize(
    ("collector", "delay_s"),
    [
        ("", 0.0),
        ("collector: {mqtt: mqtt://10.1.2.3:1883}", 0.0),
        ("collector: {mqtt: mqtt://10.1.2.3:1883, delay: 700ms}", 0.7),
        ("collector: {mqtt: mqtt://10.1.2.3:1883, delay: 60s}", 60.0),
    ],
)
def test_events_wait_for_company_as_long_as_the_map_says(collector: str, delay_s: float) -> None:
    device_map = load_device_map(Path("map.yaml"), text=MAP.format(collector=collector))
    settings = delivery_of(device_map)
    assert settings.delay_s == delay_s
    assert settings.group_s == 0.2
