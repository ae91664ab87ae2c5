"""The devices of the measurements: a Modbus server of our own in C, and an OPC UA server on node-opcua."""

from __future__ import annotations

import contextlib
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from benchmarks.edge.processes import CannotMeasure, Peer, find_program, running

_PEERS: Final = Path(__file__).resolve().parents[1] / "peers"
_NODE_MODULES: Final = Path(__file__).resolve().parents[2] / "tests" / "peers" / "node_modules"
_SKEW_MS: Final = 37  # between the changes of two neighbouring registers


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that the Modbus server answered, and the wall second for which it made the values."""

    connection: int
    unit: int
    address: int
    count: int
    wall_s: float


class ModbusServer:
    """The server of `peers/modbus_server.c`: every register's value, and every instant of a change, is known."""

    def __init__(self, peer: Peer, *, period_ms: int, devices: int) -> None:
        self._peer = peer
        self.period_ms = period_ms
        self.ports = [int(peer.line().removeprefix("port ")) for _ in range(devices)]
        self.port = self.ports[0]

    def slow(self, answer_ms: int) -> None:
        """From now on every answer takes this long."""
        self._peer.ask(f"slow {answer_ms}")

    def clear(self) -> None:
        """Forget the requests until now."""
        self._peer.ask("clear")

    def requests(self) -> list[Request]:
        """The requests since the last `clear`, in the order in which they were answered."""
        found: list[Request] = []
        line = self._peer.ask("log")
        while line != "end":
            connection, unit, address, count, microseconds = (int(word) for word in line.split())
            found.append(
                Request(connection=connection, unit=unit, address=address, count=count, wall_s=microseconds / 1e6)
            )
            line = self._peer.line()
        return found

    def value_at(self, register: int, wall_s: float) -> int:
        """What the register holds at a wall second."""
        return (int(wall_s * 1000) + _SKEW_MS * register) // self.period_ms & 0xFFFF

    def changed_at(self, register: int, wall_s: float) -> float:
        """The wall second at which the value that the register has at `wall_s` began."""
        shifted_ms = int(wall_s * 1000) + _SKEW_MS * register
        return (shifted_ms // self.period_ms * self.period_ms - _SKEW_MS * register) / 1000


@contextlib.contextmanager
def modbus_server(folder: Path, *, period_ms: int, devices: int = 1) -> Iterator[ModbusServer]:
    """Compile the Modbus server and run it on so many free ports, each as a device of its own."""
    compiler = find_program("gcc", hint="apt-get install gcc")
    program, log = folder / "modbus_server", folder / "modbus_server.log"
    if not program.exists():
        command = [compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), str(_PEERS / "modbus_server.c")]
        subprocess.run(command, check=True)
    with running([str(program), str(period_ms), str(devices)], log=log) as process:
        yield ModbusServer(Peer(process, log=log), period_ms=period_ms, devices=devices)


@contextlib.contextmanager
def opcua_server(folder: Path, *, points: int, period_ms: int) -> Iterator[str]:
    """An OPC UA server with so many variables; gives its URL."""
    node = find_program("node", hint="apt-get install nodejs")
    if not (_NODE_MODULES / "node-opcua").exists():
        raise CannotMeasure(f"node-opcua is not installed: run `npm ci` in {_NODE_MODULES.parent}")
    log = folder / "opcua_server.log"
    command = [node, str(_PEERS / "opcua_server.js"), str(folder / "opcua"), str(points), str(period_ms)]
    with running(command, log=log, environment={"NODE_PATH": str(_NODE_MODULES)}) as process:
        yield Peer(process, log=log).line().removeprefix("endpoint ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Polls:
    """How a map was polled: the size of one poll, and how regularly each block was read."""

    requests: float
    registers: float
    readings: int
    late: int
    latest_s: float
    longest_gap_s: float


LATE_S: Final = 0.1
"""A reading is late when it comes this much after its time; a poll that was missed altogether is, too."""


def polls_of(requests: list[Request], *, period_s: float) -> Polls:
    """Work out from the server's log how regularly each block of each unit was read.

    The time of a reading is the grid of whole periods on which the earliest readings of its block lie.
    """
    whole = [poll for one in _by_unit(requests).values() for poll in _whole_polls(one)]
    if not whole:
        raise CannotMeasure("the Modbus server was not polled twice")
    series: dict[tuple[int, int, int], list[Request]] = defaultdict(list)
    for request in requests:
        series[request.connection, request.unit, request.address].append(request)
    lateness = [late for one in series.values() for late in _lateness(one, period_s)]
    gaps = [after.wall_s - before.wall_s for one in series.values() for before, after in pairwise(one)]
    return Polls(
        requests=sum(len(poll) for poll in whole) / len(whole),
        registers=sum(request.count for poll in whole for request in poll) / len(whole),
        readings=len(requests),
        late=sum(late > LATE_S for late in lateness),
        latest_s=max(lateness),
        longest_gap_s=max(gaps, default=0.0),
    )


def _by_unit(requests: list[Request]) -> dict[tuple[int, int], list[Request]]:
    found: dict[tuple[int, int], list[Request]] = defaultdict(list)
    for request in requests:
        found[request.connection, request.unit].append(request)
    return found


def _whole_polls(requests: list[Request]) -> list[list[Request]]:
    """The requests to one unit cut into polls at its lowest block, without those that the log's ends cut off."""
    lowest = min(request.address for request in requests)
    starts = [position for position, request in enumerate(requests) if request.address == lowest]
    return [requests[start:end] for start, end in pairwise(starts)]


def _lateness(series: list[Request], period_s: float) -> list[float]:
    """How late each reading of one block is; a missed reading makes the next one late by whole periods."""
    offsets = [request.wall_s % period_s for request in series]
    # the earliest offset on the circle: the one after the largest empty arc
    ordered = sorted(offsets)
    arcs = [(after - before) % period_s for before, after in zip(ordered, ordered[1:] + ordered[:1], strict=True)]
    due = ordered[(arcs.index(max(arcs)) + 1) % len(ordered)] if len(ordered) > 1 else ordered[0]
    found = [(offset - due) % period_s for offset in offsets]
    for position in range(1, len(series)):
        missed = round((series[position].wall_s - series[position - 1].wall_s) / period_s) - 1
        found[position] += max(0, missed) * period_s
    return found
