"""A Modbus driver takes a reading only from the answer to its own question: request, unit and function are right."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from genba_edge.drivers.modbus import ModbusDriver
from genba_edge.drivers.modbus_line import ModbusLine
from genba_edge.ports import DeviceLost, Sample
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import ModbusDevice, ModbusPoint, ModbusTable, PointType
from tests.fuzz.loop import drive

UNIT = 7
POINT = ModbusPoint(name="good", type=PointType.UINT16, table=ModbusTable.HOLDING, address=0)
DEVICE = ModbusDevice(id="cell", host="cell", port=502, unit=UNIT, points={"good": POINT})
REQUESTS = 6


class Answering:
    """Answers each request for one register with 4711 in a frame with these faults."""

    def __init__(self, *, transaction_off: int = 0, unit_off: int = 0, function: int = 3) -> None:
        self._transaction_off, self._unit_off, self._function = transaction_off, unit_off, function
        self._say: Callable[[bytes], None] = lambda data: None
        self.requests = 0

    def connected(self, say: Callable[[bytes], None], close: Callable[[], None]) -> None:
        self._say = say

    def heard(self, data: bytes) -> None:
        self.requests += 1
        transaction, _, _, unit = struct.unpack(">HHHB", data[:7])
        head = struct.pack(">HHHB", transaction + self._transaction_off & 0xFFFF, 0, 5, unit + self._unit_off)
        self._say(head + bytes([self._function, 2]) + (4711).to_bytes(2, "big"))


def observations_of(device: Answering) -> list[object]:
    return list(
        drive(
            lambda: ModbusDriver(DEVICE, ProductionClock(), ModbusLine(DEVICE)),
            device,
            lambda: device.requests >= REQUESTS,
        )
    )


def test_the_answer_to_the_question_is_the_reading() -> None:
    samples = [said for said in observations_of(Answering()) if isinstance(said, Sample)]
    assert samples[0].value == 4711


@pytest.mark.parametrize(
    "stranger",
    [Answering(transaction_off=-1), Answering(unit_off=1), Answering(function=4)],
    ids=["another request", "another unit", "another function"],
)
def test_what_answers_something_else_is_no_reading_and_costs_the_connection(stranger: Answering) -> None:
    said = observations_of(stranger)
    assert not [one for one in said if isinstance(one, Sample)]
    (lost,) = [one for one in said if isinstance(one, DeviceLost)]
    assert "answers" in lost.reason  # not taken for silence, which would cost a time-out each
