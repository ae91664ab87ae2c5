"""An answer that comes over an RTU line after its time is never taken for the reading of another block."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import pytest
from pymodbus.framer import FramerRTU

from genba_edge.drivers.modbus import ModbusDriver
from genba_edge.drivers.modbus_line import ModbusLine
from genba_edge.ports import DeviceLost, Sample
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import Framing, ModbusDevice, ModbusPoint, ModbusTable, PointType, PollSettings
from tests.fuzz.loop import drive

NEAR, FAR = 0, 1000
VALUES = {NEAR: 1111, FAR: 2222}
POINTS = {
    name: ModbusPoint(name=name, type=PointType.UINT16, table=ModbusTable.HOLDING, address=address)
    for name, address in (("near", NEAR), ("far", FAR))
}
DEVICE = ModbusDevice(
    id="cell",
    host="server",
    port=502,
    framing=Framing.RTU,
    points=POINTS,
    poll=PollSettings(groups={"fast": 1.0}),
    reconnect_max_s=0.5,
    timeout_s=0.5,
)
QUICK_S = 0.02


class Queueing:
    """A serial server that queues requests and answers over the connection that is open when an answer is ready."""

    def __init__(self, near_takes_s: Iterator[float], *, requests: int = 60) -> None:
        self._near_takes_s = near_takes_s
        self._most = requests
        self._free_at = 0.0
        self._say: Callable[[bytes], None] = lambda data: None
        self.requests = 0

    def connected(self, say: Callable[[bytes], None], close: Callable[[], None]) -> None:
        self._say = say

    def heard(self, data: bytes) -> None:
        self.requests += 1
        if self.requests > self._most:
            return
        unit, function, address = struct.unpack_from(">BBH", data)
        answer = struct.pack(">BBBH", unit, function, 2, VALUES[address])
        answer += FramerRTU.compute_CRC(answer).to_bytes(2, "big")
        loop = asyncio.get_running_loop()
        takes_s = next(self._near_takes_s) if address == NEAR else QUICK_S
        self._free_at = max(self._free_at, loop.time()) + takes_s
        loop.call_at(self._free_at, lambda: self._say(answer))


@pytest.mark.parametrize(
    "near_takes_s",
    [
        [QUICK_S, 0.65, 0.2],
        [QUICK_S, 0.95, 0.4, 0.2],
        [QUICK_S, 0.65, 0.65, 0.65, 0.65, 0.65, 0.65, 0.65],
        [QUICK_S, 1.55, 0.3, 0.6],
    ],
    ids=["one late answer", "two close ones", "a block that is always late", "three tries given up"],
)
def test_a_late_answer_is_never_the_reading_of_another_block(near_takes_s: list[float]) -> None:
    device = Queueing(chain(near_takes_s, repeat(QUICK_S)))
    said = drive(
        lambda: ModbusDriver(DEVICE, ProductionClock(), ModbusLine(DEVICE)), device, lambda: device.requests > 60
    )
    samples = [one for one in said if isinstance(one, Sample)]
    assert {one.value for one in samples if one.point == "near"} == {1111}
    assert {one.value for one in samples if one.point == "far"} == {2222}
    assert isinstance(said[-1], DeviceLost)
