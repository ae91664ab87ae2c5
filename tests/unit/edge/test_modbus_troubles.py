"""What a Modbus driver says of a device that breaks off, puts it off for ever, or closes idle connections."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

from genba_edge.drivers.modbus import ModbusDriver
from genba_edge.drivers.modbus_line import ModbusLine
from genba_edge.ports import DeviceBack, DeviceLost, Observation, Quality, Sample
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import ModbusDevice, ModbusPoint, ModbusTable, PointType, PollSettings
from tests.fuzz.loop import drive

NEAR, FAR = 0, 1000
SILENT, HANG_UP = 0, -1
ILLEGAL_ADDRESS, BUSY = 2, 6
Says = Callable[[int, int], int | None]
"""What a device says to its request number so and so for an address: an exception code, or None for a value."""


class Scripted:
    """Answers Modbus TCP as `says` has it, with 4711 for a value."""

    def __init__(self, says: Says, *, idle_s: float = 3600.0) -> None:
        self._says = says
        self._idle_s = idle_s
        self._say: Callable[[bytes], None] = lambda data: None
        self._close: Callable[[], None] = lambda: None
        self._idle: asyncio.TimerHandle | None = None
        self.requests = self.connections = 0

    def connected(self, say: Callable[[bytes], None], close: Callable[[], None]) -> None:
        self._say, self._close = say, close
        self.connections += 1
        self._wait_idle()

    def heard(self, data: bytes) -> None:
        self.requests += 1
        self._wait_idle()
        transaction, _, _, unit, function, address = struct.unpack_from(">HHHBBH", data)
        said = self._says(self.requests, address)
        if said is None:
            self._say(struct.pack(">HHHBBBH", transaction, 0, 5, unit, function, 2, 4711))
        elif said == HANG_UP:
            self._close()
        elif said != SILENT:
            self._say(struct.pack(">HHHBBB", transaction, 0, 3, unit, function | 0x80, said))

    def _wait_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._close)


def observations_of(
    device: Scripted, *addresses: int, period_s: float = 1.0, far_period_s: float | None = None
) -> list[Observation]:
    groups = {"fast": period_s, "slow": far_period_s or period_s}
    points = {
        name: ModbusPoint(name=name, type=PointType.UINT16, table=ModbusTable.HOLDING, address=address, group=group)
        for name, address, group in (("near", NEAR, "fast"), ("far", FAR, "slow" if far_period_s else "fast"))
        if address in addresses
    }
    settings = ModbusDevice(id="cell", host="cell", points=points, poll=PollSettings(groups=groups), timeout_s=0.5)
    return drive(lambda: ModbusDriver(settings, ProductionClock(), ModbusLine(settings)), device, lambda: False)


def bad_samples(said: list[Observation], point: str) -> list[Sample]:
    return [one for one in said if isinstance(one, Sample) and one.point == point and one.quality is Quality.BAD]


def test_a_point_that_turns_bad_in_a_poll_that_is_cut_short_is_told_to_be_bad() -> None:
    def says(number: int, address: int) -> int | None:
        if number < 5:
            return None
        if address == NEAR:
            return ILLEGAL_ADDRESS
        return HANG_UP if number == 6 else None

    device = Scripted(says)
    said = observations_of(device, NEAR, FAR)
    assert device.connections == 2
    assert not [one for one in said if isinstance(one, DeviceLost)]
    assert len(bad_samples(said, "near")) == 1


def test_a_point_that_is_bad_before_the_device_ever_answered_a_whole_poll_is_told_to_be_bad() -> None:
    def says(number: int, address: int) -> int | None:
        if address == NEAR:
            return ILLEGAL_ADDRESS
        return HANG_UP if number == 2 else None

    said = observations_of(Scripted(says), NEAR, FAR)
    assert len(bad_samples(said, "near")) == 1


def test_a_controller_that_closes_idle_connections_between_two_polls_is_never_lost() -> None:
    device = Scripted(lambda number, address: None, idle_s=20.0)
    said = observations_of(device, NEAR, period_s=60.0)
    assert device.connections == device.requests >= 3
    assert not [one for one in said if isinstance(one, DeviceLost)]


def test_a_device_that_hangs_up_as_soon_as_it_was_called_is_lost() -> None:
    device = Scripted(lambda number, address: None, idle_s=0.4)
    said = observations_of(device, NEAR, period_s=60.0)
    assert [one.reason for one in said if isinstance(one, DeviceLost)][:1] == ["cell:502 closed the connection"]


def test_a_device_that_is_busy_for_ever_is_lost_and_back_when_it_answers() -> None:
    said = observations_of(Scripted(lambda number, address: BUSY if 5 < number < 60 else None), NEAR, FAR)
    links = [one for one in said if isinstance(one, DeviceLost | DeviceBack)]
    assert [type(one) for one in links] == [DeviceBack, DeviceLost, DeviceBack]
    assert [one.reason for one in links if isinstance(one, DeviceLost)] == [
        "exception 6 (busy) for holding 0-0, and nothing else for 3 s"
    ]


def test_a_device_that_was_only_ever_busy_is_not_said_to_be_back() -> None:
    said = observations_of(Scripted(lambda number, address: BUSY), NEAR)
    assert [type(one) for one in said] == [DeviceLost]


def test_points_that_the_device_is_too_busy_for_for_long_are_bad_until_they_are_read() -> None:
    device = Scripted(lambda number, address: BUSY if address == FAR and 5 < number < 60 else None)
    said = observations_of(device, NEAR, FAR)
    far = [one for one in said if isinstance(one, Sample) and one.point == "far"]
    assert [one.quality for one in far] == [Quality.GOOD, Quality.BAD, Quality.GOOD]
    assert not [one for one in said if isinstance(one, DeviceLost)]


def test_a_device_of_two_rates_is_not_lost_while_the_slow_points_are_answered() -> None:
    device = Scripted(lambda number, address: BUSY if address == NEAR and number > 5 else None)
    said = observations_of(device, NEAR, FAR, far_period_s=20.0)
    assert not [one for one in said if isinstance(one, DeviceLost)]
    assert len(bad_samples(said, "near")) == 1
