"""How fast points are read, against how fast what they show may happen: nothing here is wrong, and all of it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from genba_shared.device_map.model import (
    Device,
    ModbusDevice,
    ModbusPoint,
    OpcUaPoint,
    Point,
    ResetSign,
)
from genba_shared.device_map.problems import Findings
from genba_shared.device_map.units import DURATION, RATE
from genba_shared.texts import Text, say

__all__ = ["warn_of_paces"]

_PERIODS_OFF: Final = 2  # a reading that comes so many periods after the one before is still taken as watched


def warn_of_paces(findings: Findings, devices: Mapping[str, Device]) -> None:
    """Counters that may go through half of their range between two readings, and buttons read too seldom."""
    for device in devices.values():
        for point in device.points.values():
            path = f"devices.{device.id}.points.{point.name}.counter"
            for message, fix in (*_half_a_range(device, point), *_slow_button(devices, device, point)):
                place = path
                while place not in findings.places:
                    place = place.rpartition(".")[0]
                findings.warn(findings.places[place], path, message, fix)


def _half_a_range(device: Device, point: Point) -> Iterator[tuple[Text, Text]]:
    counter, period_s = point.counter, _period_s(device, point)
    if counter is None or counter.max_rate is None or period_s is None:
        return
    most = int(counter.max_rate * period_s * _PERIODS_OFF)
    if 2 * most <= counter.limit:
        return
    message = say(
        "half-range-between-polls",
        "at {rate} the counter can make {most} of its {range} counts from one reading to the next, {period} apart: "
        "a wrap cannot be told from a reset.",
        rate=RATE.show(counter.max_rate),
        most=most,
        range=counter.limit + 1,
        period=DURATION.show(period_s),
    )
    yield message, say("read-faster-or-32-bit", "Read it more often, or use a 32-bit counter if the PLC has one.")


def _slow_button(devices: Mapping[str, Device], device: Device, point: Point) -> Iterator[tuple[Text, Text]]:
    evidence = None if point.counter is None else point.counter.reset_by
    if evidence is None or evidence.sign is not ResetSign.TRUE or evidence.point.device != device.id:
        return
    button = devices[device.id].points.get(evidence.point.point)
    if not isinstance(button, ModbusPoint) or not isinstance(point, ModbusPoint) or button.group == point.group:
        return
    button_s, counter_s = _period_s(device, button), _period_s(device, point)
    if button_s is None or counter_s is None or button_s <= counter_s:
        return
    message = say(
        "button-read-seldom",
        "{button} shows the reset and is read every {slow}, the counter every {fast}: "
        "a press between two readings is missed.",
        button=evidence.point,
        slow=DURATION.show(button_s),
        fast=DURATION.show(counter_s),
    )
    yield message, say("read-together", "Write {snippet} at the button.", snippet=f"group: {point.group}")


def _period_s(device: Device, point: Point) -> float | None:
    if isinstance(device, ModbusDevice) and isinstance(point, ModbusPoint):
        return device.poll.groups.get(point.group)
    return point.sampling_s if isinstance(point, OpcUaPoint) else None
