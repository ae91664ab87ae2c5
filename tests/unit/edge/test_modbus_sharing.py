"""Which Modbus devices share a line."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from genba_edge.core.line_load import line_loads
from genba_edge.core.registers import Block
from genba_edge.drivers.modbus_connection import Broken, NoAnswer
from genba_edge.drivers.modbus_frames import Garbled, LineFault, OutOfStep
from genba_edge.drivers.modbus_line import ModbusLine, ModbusLines
from genba_shared.device_map.model import (
    Framing,
    ModbusDevice,
    ModbusPoint,
    ModbusTable,
    PointType,
    PollSettings,
    SerialPort,
    Workarounds,
)


def device_of(name: str, **more: Any) -> ModbusDevice:
    point = ModbusPoint(name="good", type=PointType.UINT16, table=ModbusTable.HOLDING, address=0)
    return ModbusDevice(id=name, points={"good": point}, **more)


async def test_units_behind_one_address_or_port_share_a_line_and_others_do_not() -> None:
    lines = ModbusLines()
    server = lines.of(device_of("a", host="10.1.2.30", unit=1))
    assert lines.of(device_of("b", host="10.1.2.30", unit=2)) is server
    assert lines.of(device_of("c", host="10.1.2.31", unit=1)) is not server
    assert lines.of(device_of("d", host="10.1.2.30", port=503)) is not server
    assert lines.of(device_of("e", host="10.1.2.30", framing=Framing.RTU)) is not server
    bus = lines.of(device_of("f", serial=SerialPort(port="/dev/ttyUSB0")))
    assert lines.of(device_of("g", serial=SerialPort(port="/dev/ttyUSB0"), unit=2)) is bus


def test_each_event_loop_has_lines_of_its_own() -> None:
    lines = ModbusLines()

    async def line_of() -> ModbusLine:
        return lines.of(device_of("a", host="10.1.2.30"))

    first, second = asyncio.run(line_of()), asyncio.run(line_of())
    assert first is not second


async def test_a_line_that_nobody_uses_is_forgotten() -> None:
    lines = ModbusLines()
    gone = weakref.ref(lines.of(device_of("a", host="10.1.2.30")))
    gc.collect()
    assert gone() is None


async def test_a_silent_unit_is_waited_for_as_long_as_answers_take_and_once_a_minute_for_the_whole_time_out() -> None:
    device = device_of("a", host="10.1.2.30", timeout_s=2.0)
    line = ModbusLine(device)
    for user in ("quick", "slow"):
        line.join(user)
    now = asyncio.get_running_loop().time()
    assert line._patience_s(device, now=now) == 2.0  # nobody answers: there is nobody to hold up
    line._note_answer("quick", 0.01)
    assert line._patience_s(device, now=now) == 0.25
    line._note_answer("slow", 0.2)
    assert line._patience_s(device, now=now) == 1.0
    assert line._patience_s(device, now=now + 61) == 2.0
    assert line._patience_s(device, now=now + 62) == 1.0


@pytest.mark.parametrize(
    "fault",
    [NoAnswer(0.25), Broken("hung up"), Garbled("damaged"), OutOfStep("strange")],
    ids=lambda fault: fault.reason,
)
async def test_a_unit_that_gives_no_good_answer_leaves_the_line_to_the_others_for_a_while(
    fault: LineFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(*_: object, **__: object) -> bytes:
        raise fault

    device = device_of("a", host="10.1.2.30", timeout_s=2.0)
    line = ModbusLine(device)
    line.join("other")
    line._note_answer("other", 0.01)
    monkeypatch.setattr(line, "_read", ask)
    now = asyncio.get_running_loop().time()
    with pytest.raises(type(fault)):
        await line.try_silent("silent", device, Block(table=ModbusTable.HOLDING, address=0, count=1, points=()))
    assert line._next_trial_at >= now + 1.0  # four times the patience of 0.25 s


def test_the_load_of_a_line_is_that_of_all_its_units() -> None:
    loads = line_loads(
        [
            device_of("a", host="10.1.2.30", poll=PollSettings(groups={"fast": 0.1})),
            device_of("b", host="10.1.2.30", unit=2, poll=PollSettings(groups={"fast": 0.2})),
            device_of("c", host="10.1.2.31", workarounds=Workarounds(pause_between_s=0.08)),
        ]
    )
    assert [(load.line, load.devices, round(load.busy, 3)) for load in loads] == [
        ("10.1.2.30:502", ("a", "b"), 0.3),
        ("10.1.2.31:502", ("c",), 0.2),
    ]
    assert round(loads[1].request_s, 3) == 0.1
