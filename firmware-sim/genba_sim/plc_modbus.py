"""The PLC of the sewing cell: SEW-1, SEW-2 and INS-1 behind one Modbus TCP server (the only home of pymodbus here).

| address | content |
|---|---|
| 40001-40002 | good pieces of SEW-1, uint32, low word first (CDAB) |
| 40003-40004 | good pieces of SEW-2, uint32, low word first (CDAB) |
| 40005 | good pieces of INS-1, uint16 |
| 40006 | rework pieces of INS-1, uint16 |
| 40011-40013 | state of SEW-1, SEW-2, INS-1: 0 idle, 1 running, 2 set-up, 3 down |
| 00001 | reset button of INS-1 is held |
"""

from __future__ import annotations

import asyncio
from typing import Final

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from genba_sim.happenings import (
    CountersReset,
    Happening,
    PieceMade,
    ResetPressed,
    ResetReleased,
    Result,
    State,
    StateChanged,
)
from genba_sim.settings import CounterStart, Station

UNIT: Final = 1
HOLDING_REGISTERS: Final = 20
COILS: Final = 16
STATE_NUMBERS: Final = {State.IDLE: 0, State.RUNNING: 1, State.SETUP: 2, State.DOWN: 3}
_SEW_AT: Final = {Station.SEW_1: 0, Station.SEW_2: 2}
_INS_GOOD, _INS_REWORK = 4, 5
_STATE_AT: Final = {Station.SEW_1: 10, Station.SEW_2: 11, Station.INS: 12}
_READ_COILS, _READ_HOLDING = 1, 3


class SewingCellPlc:
    """Registers of the cell and the server that shows them; a request sees all registers of one instant."""

    def __init__(self, start: CounterStart, host: str = "127.0.0.1", port: int = 0) -> None:
        self._address = (host, port)
        self._sewn = {Station.SEW_1: start.sew_1, Station.SEW_2: start.sew_2}
        self._inspected = start.inspected
        self._reworked = start.reworked
        self._states = dict.fromkeys(_STATE_AT, State.IDLE)
        self._reset_held = False
        self._server: ModbusTcpServer | None = None
        self.port = port

    async def start(self) -> None:
        """Listen; `port` is then the one that was bound.

        Raises:
            OSError: the port is taken.
        """
        self._server = ModbusTcpServer(self._device(), address=self._address)
        try:
            await self._server.serve_forever(background=True)
        except RuntimeError as exc:
            raise OSError(f"Modbus TCP {self._address[0]}:{self._address[1]} is taken") from exc
        listening = self._server.transport
        if not isinstance(listening, asyncio.Server):
            raise TypeError(f"pymodbus listens with {type(listening).__name__}, not with an asyncio.Server")
        self.port = listening.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it untyped
            self._server = None

    def apply(self, happening: Happening) -> None:
        """Change the registers as the PLC would; nothing for what the cell does not see."""
        match happening:
            case PieceMade(station=(Station.SEW_1 | Station.SEW_2) as station):
                self._sewn[station] = (self._sewn[station] + 1) % 2**32
            case PieceMade(station=Station.INS, result=Result.GOOD):
                self._inspected = (self._inspected + 1) % 2**16
            case PieceMade(station=Station.INS, result=Result.REWORK):
                self._reworked = (self._reworked + 1) % 2**16
            case StateChanged(station=station, state=state) if station in self._states:
                self._states[station] = state
            case ResetPressed():
                self._reset_held = True
            case CountersReset():
                self._inspected = self._reworked = 0
            case ResetReleased():
                self._reset_held = False
            case _:
                pass

    def _device(self) -> SimDevice:
        return SimDevice(
            id=UNIT,
            simdata=(
                [SimData(0, count=COILS, values=False, datatype=DataType.BITS)],
                [SimData(0, count=16, values=False, datatype=DataType.BITS)],
                [SimData(0, count=HOLDING_REGISTERS, datatype=DataType.REGISTERS)],
                [SimData(0, count=1, datatype=DataType.REGISTERS)],
            ),
            action=self._answer,
        )

    async def _answer(
        self,
        function: int,
        _start: int,
        _address: int,
        _count: int,
        registers: list[int],
        written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """pymodbus asks before each answer; `registers` is its whole table, from address 0."""
        if written is not None:
            return ExcCodes.ILLEGAL_FUNCTION
        if function == _READ_COILS:
            registers[0] = int(self._reset_held)
        elif function == _READ_HOLDING:
            registers[:HOLDING_REGISTERS] = self._holding()
        return None

    def _holding(self) -> list[int]:
        registers = [0] * HOLDING_REGISTERS
        for station, at in _SEW_AT.items():
            registers[at], registers[at + 1] = self._sewn[station] & 0xFFFF, self._sewn[station] >> 16
        registers[_INS_GOOD] = self._inspected
        registers[_INS_REWORK] = self._reworked
        for station, at in _STATE_AT.items():
            registers[at] = STATE_NUMBERS[self._states[station]]
        return registers
