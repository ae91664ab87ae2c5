"""Requests and answers as bytes, as the Modbus specifications print them."""

from __future__ import annotations

import asyncio

import pytest

from genba_edge.core.registers import Block
from genba_edge.drivers.modbus_connection import ModbusConnection, NoAnswer
from genba_edge.drivers.modbus_frames import (
    ExceptionAnswer,
    Garbled,
    OutOfStep,
    Request,
    RtuFrames,
    TcpFrames,
    WrongLength,
)
from genba_shared.device_map.model import ModbusDevice, ModbusTable

THREE = Block(table=ModbusTable.HOLDING, address=107, count=3, points=())
COILS = Block(table=ModbusTable.COIL, address=19, count=19, points=())
TCP_ANSWER = bytes.fromhex("0001 0000 0009 11 03 06 022b 0000 0064")
RTU_ANSWER = bytes.fromhex("11 03 06 022b 0000 0064 c8ba")


def tcp() -> tuple[TcpFrames, Request]:
    frames = TcpFrames()
    return frames, frames.request(0x11, THREE)


def rtu() -> tuple[RtuFrames, Request]:
    frames = RtuFrames()
    return frames, frames.request(0x11, THREE)


def test_requests_are_those_of_the_specification() -> None:
    assert tcp()[1].packet.hex() == "000100000006" + "1103006b0003"
    assert rtu()[1].packet.hex() == "1103006b0003" + "7687"
    assert TcpFrames().request(1, COILS).packet.hex() == "000100000006" + "010100130013"


def test_each_request_over_tcp_has_its_own_number_that_is_never_0() -> None:
    frames = TcpFrames()
    numbers = [frames.request(1, THREE).transaction for _ in range(65537)]
    assert numbers[:2] == [1, 2]
    assert numbers[65533:] == [65534, 65535, 1, 2]


def test_the_data_of_an_answer_comes_out_as_sent() -> None:
    frames, request = tcp()
    assert frames.data_of(TCP_ANSWER, request) == bytes.fromhex("022b 0000 0064")
    serial, asked = rtu()
    assert serial.data_of(RTU_ANSWER, asked) == bytes.fromhex("022b 0000 0064")


def test_an_answer_is_waited_for_to_its_last_byte() -> None:
    frames, request = tcp()
    assert [frames.data_of(TCP_ANSWER[:length], request) for length in range(len(TCP_ANSWER))] == [None] * 15
    serial, asked = rtu()
    assert [serial.data_of(RTU_ANSWER[:length], asked) for length in range(len(RTU_ANSWER))] == [None] * 11


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("0002 0000 0009 11 03 06 022b00000064", "it answers request 2 instead of 1"),
        ("0001 0000 0009 12 03 06 022b00000064", "unit 18 answers instead of 17"),
        ("0001 0000 0009 11 04 06 022b00000064", "it answers function 4 instead of 3"),
        ("0001 0001 0009 11 03 06 022b00000064", "what it sent is not Modbus TCP"),
        ("0001 0000 0000 11 03 06 022b00000064", "what it sent is not Modbus TCP"),
        ("0001 0000 0009 11 03 06 022b00000064 00", "its answer is 16 bytes long and says 15"),
    ],
)
def test_an_answer_that_does_not_fit_its_request_is_out_of_step(heard: str, said: str) -> None:
    frames, request = tcp()
    with pytest.raises(OutOfStep, match=said):
        frames.data_of(bytes.fromhex(heard), request)


@pytest.mark.parametrize("length", ["0003", "0002"])  # the second counts one byte short, as some devices do
def test_an_exception_is_read_over_tcp(length: str) -> None:
    frames, request = tcp()
    heard = bytes.fromhex(f"0001 0000 {length} 11 83 02")
    assert frames.data_of(heard[:-1], request) is None
    with pytest.raises(ExceptionAnswer) as raised:
        frames.data_of(heard, request)
    assert raised.value.code == 2


def test_an_exception_is_read_on_a_serial_line() -> None:
    frames, request = rtu()
    with pytest.raises(ExceptionAnswer) as raised:
        frames.data_of(bytes.fromhex("11 83 02 c134"), request)
    assert raised.value.code == 2


def test_an_answer_of_another_length_is_a_bad_reading() -> None:
    frames, request = tcp()
    with pytest.raises(WrongLength, match="4 of 6 bytes answered"):
        frames.data_of(bytes.fromhex("0001 0000 0007 11 03 04 022b0000"), request)
    serial, asked = rtu()
    with pytest.raises(WrongLength, match="2 of 6 bytes answered"):
        serial.data_of(bytes.fromhex("11 03 02 022b 38f8"), asked)


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("11 03 06 022b 0000 0064 c8bb", "the check sum"),
        ("12 03 06 022b 0000 0064 c8ba", "unit 18 answers instead of 17"),
        ("11 04 06 022b 0000 0064 c8ba", "it answers function 4 instead of 3"),
        ("11 03 06 022b 0000 0064 c8ba 00", "its answer is 12 bytes long and says 11"),
    ],
)
def test_a_damaged_answer_is_known_on_a_serial_line(heard: str, said: str) -> None:
    frames, request = rtu()
    with pytest.raises(Garbled, match=said):
        frames.data_of(bytes.fromhex(heard), request)


async def test_an_answer_is_taken_although_an_earlier_request_of_its_number_was_given_up() -> None:
    connection = ModbusConnection(ModbusDevice(id="cell", host="cell", points={}), heard_late=lambda unit: None)
    block = Block(table=ModbusTable.HOLDING, address=0, count=1, points=())
    with pytest.raises(NoAnswer):
        await connection.ask(1, block, timeout_s=0.001)
    connection._frames._transaction = 0  # type: ignore[attr-defined]  # as after 65,535 requests
    asked = asyncio.create_task(connection.ask(1, block, timeout_s=5))
    await asyncio.sleep(0)
    connection._client.ctx.data_received(bytes.fromhex("0001 0000 0005 01 03 02 0007"))
    assert await asked == b"\0\7"
