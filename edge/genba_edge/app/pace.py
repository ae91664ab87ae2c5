"""How fast a gateway's devices are read, how often time rules must be looked at, and how long events may wait."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from genba_edge.core.delivery import USUAL, DeliverySettings
from genba_edge.core.watch import Pace
from genba_shared.device_map import DeviceMap, ModbusDevice, RfidReader

REPORT_DELAY: Final = 2.0  # report periods after which a reader's reads are taken as complete
LONGEST_TICK_S: Final = 1.0  # wall: joins are due after 10 s and stations idle after minutes; a second more is nothing
SHORTEST_TICK_S: Final = 0.1


def tick_s(speed: float) -> float:
    """Wall seconds after which time rules are looked at, when nothing else wakes the gateway up.

    A clock that runs faster than the wall's (demo, tests) is looked at more often.
    """
    return max(SHORTEST_TICK_S, min(LONGEST_TICK_S, LONGEST_TICK_S / speed))


def delivery_of(device_map: DeviceMap) -> DeliverySettings:
    """How events are delivered: at once, or with company on a link that costs."""
    return USUAL if device_map.collector is None else replace(USUAL, delay_s=device_map.collector.delay_s)


def pace_of(device_map: DeviceMap, speed: float) -> Pace:
    """Wall periods of polls and reports as plant seconds."""
    poll_s: dict[str, float] = {}
    report_delay_s: dict[str, float] = {}
    for device in device_map.devices.values():
        match device:
            case ModbusDevice():
                groups = {point.group for point in device.points.values()}
                periods = [period for name, period in device.poll.groups.items() if name in groups]
                if periods:
                    poll_s[device.id] = min(periods) * speed
            case RfidReader():
                report_delay_s[device.id] = REPORT_DELAY * device.report_s * speed
            case _:
                pass
    return Pace(poll_s=poll_s, report_delay_s=report_delay_s)
