"""When a gateway reads and tells: requests of a poll, latency, many points at once, a device that is too slow."""

from __future__ import annotations

import math
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.edge import gateways, maps, thingsboard
from benchmarks.edge.collector import Arrival, PointArrival
from benchmarks.edge.loads import MODBUS_PERIOD_MS, Bench
from benchmarks.edge.processes import CannotMeasure, CpuMeter, wait_until
from benchmarks.edge.servers import ModbusServer, Polls, Request, modbus_server, polls_of
from genba_shared.events import StationState, StationStateChanged

POLL_S: Final = 1.0
SLOW_MS: Final = 250
"""Of the overloaded device: eight requests of this length make a poll twice as long as its period."""
AGE_MARGIN: Final = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """How a map's points were joined to requests, beside the best way."""

    requests: float
    registers: float
    best_requests: int
    best_registers: int


def measure_dense(bench: Bench, *, points: int) -> Merge:
    """A map without holes: requests of a poll beside the fewest that the protocol allows."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as name, _server(name) as server:
        polls = _poll(bench, server, maps.modbus_map(server.port, points=points))
    return Merge(
        requests=polls.requests,
        registers=polls.registers,
        best_requests=math.ceil(points / maps.MOST_REGISTERS),
        best_registers=points,
    )


def measure_sparse(bench: Bench) -> Merge:
    """A map of points of all widths with holes: requests of a poll beside the fewest within the map's limits."""
    spans = maps.sparse_spans()
    with tempfile.TemporaryDirectory(dir=bench.folder) as name, _server(name) as server:
        polls = _poll(bench, server, maps.sparse_map(server.port, spans))
    best_requests, best_registers = maps.fewest_requests(spans)
    return Merge(
        requests=polls.requests,
        registers=polls.registers,
        best_requests=best_requests,
        best_registers=best_registers,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """From the answer that first held a new value to the arrival of what it meant at an MQTT subscriber, in seconds.

    That is the time from the change of the register to MQTT beyond the wait for the poll. `whole` begins at the change.
    """

    beyond_poll: list[float]
    whole: list[float]

    def percentile_ms(self, share: float) -> float:
        """So many of the changes arrived within this."""
        ordered = sorted(self.beyond_poll)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def measure_latency(bench: Bench, *, devices: int, points: int) -> Latency:
    """Our gateway: bit 0 of a register says whether a station runs; its changes are committed and sent at once.

    The devices are polled at different times of the second, so that one slow moment of this machine is not all polls.
    """
    with (
        tempfile.TemporaryDirectory(dir=bench.folder) as name,
        _server(name, devices=devices) as server,
        gateways.genba(Path(name), maps.modbus_states_map(*server.ports, points=points), mqtt=bench.mqtt),
    ):
        _warm_up(bench, server)
        time.sleep(bench.seconds * 2)
        arrivals, requests = bench.collector.states, server.requests()
    return latency_of(server, requests, arrivals)


def latency_of(server: ModbusServer, requests: Sequence[Request], arrivals: Sequence[Arrival]) -> Latency:
    """Find for each event the answer that showed it.

    Raises:
        CannotMeasure: an event says something that the register did not hold: the measurement would be worthless.
    """
    found = Latency(beyond_poll=[], whole=[])
    log = _answers(requests)
    for arrival in arrivals:
        event = arrival.event
        if not isinstance(event, StationStateChanged) or event.station is None:
            continue
        device, register = (int(word) for word in event.station.removeprefix("S-").split("-"))
        read_s = event.at.timestamp() + 0.001  # an event's time is cut to milliseconds
        answered_s = max((wall_s for wall_s in log[device, register] if wall_s <= read_s), default=None)
        if answered_s is None:  # read before the log began
            continue
        is_running = bool(server.value_at(register, answered_s) & 1)
        if is_running is not (event.state is StationState.RUNNING):
            raise CannotMeasure(f"{event.station} is said to be {event.state}, and the register said otherwise")
        found.beyond_poll.append(arrival.wall_s - answered_s)
        found.whole.append(arrival.wall_s - server.changed_at(register, answered_s))
    if not found.beyond_poll:
        raise CannotMeasure("no change of a state arrived")
    return found


def measure_peer_latency(bench: Bench, *, devices: int, points: int) -> Latency:
    """ThingsBoard's gateway: every register's change, from the first request of it that was answered after it."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as name, _server(name, devices=devices) as server:
        thingsboard.configure_modbus(Path(name), *server.ports, mqtt=bench.mqtt, points=points)
        with gateways.thingsboard_gateway(Path(name)):
            wait_until(lambda: bench.collector.kinds["points"] >= devices * points, what="the first data of the peer")
            _warm_up(bench, server)
            time.sleep(bench.seconds)
            arrivals, requests = bench.collector.points, server.requests()
    return peer_latency_of(server, requests, arrivals)


def peer_latency_of(server: ModbusServer, requests: Sequence[Request], arrivals: Sequence[PointArrival]) -> Latency:
    """Find for each new value the first answer that held it."""
    found = Latency(beyond_poll=[], whole=[])
    log = _answers(requests)
    last: dict[tuple[int, int], int] = {}
    for arrival in arrivals:
        point = (int(arrival.device.removeprefix("d")), arrival.register)
        before, last[point] = last.get(point), arrival.value
        if before is None or before == arrival.value:
            continue
        for answered_s in log[point]:
            if answered_s <= arrival.wall_s and server.value_at(arrival.register, answered_s) == arrival.value:
                found.beyond_poll.append(arrival.wall_s - answered_s)
                found.whole.append(arrival.wall_s - server.changed_at(arrival.register, answered_s))
                break
    if not found.beyond_poll:
        raise CannotMeasure("no change arrived from the peer")
    return found


def _answers(requests: Sequence[Request]) -> dict[tuple[int, int], list[float]]:
    """When each register of each device was answered."""
    found: dict[tuple[int, int], list[float]] = defaultdict(list)
    for request in requests:
        for register in range(request.address, request.address + request.count):
            found[request.unit - 1, register].append(request.wall_s)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """Many points on many devices: how punctually they were read, and what that cost."""

    polls: Polls
    cpu: float
    rss_mb: float


def measure_many(bench: Bench, *, devices: int, points: int) -> Many:
    """Our gateway on so many devices of so many points each, all read at 1 Hz."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as name, _server(name, devices=devices) as server:
        device_map = maps.modbus_map(*server.ports, points=points)
        with gateways.genba(Path(name), device_map, mqtt=bench.mqtt) as process:
            _warm_up(bench, server)
            meter = CpuMeter(process.pid)
            time.sleep(bench.seconds)
            load, requests = meter.load(), server.requests()
    polls = polls_of(requests, period_s=POLL_S)
    wanted = devices * math.ceil(points / maps.MOST_REGISTERS) * (bench.seconds - 1) / POLL_S
    if polls.readings < wanted:
        raise CannotMeasure(f"only {polls.readings} of {wanted:.0f} requests were made in {bench.seconds:.0f} s")
    return Many(polls=polls, cpu=load.cpu, rss_mb=load.rss_mb)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """A device that takes longer for a poll than its period: how old its values get, and whether that is said."""

    age_s: float
    bound_s: float
    is_reported: bool


def measure_overload(bench: Bench, *, points: int) -> Overload:
    """Our gateway on a device whose answers take so long that a poll takes twice its period.

    A value is oldest just before the next one is read. The bound: a poll follows the one before at the next of its
    times, so that no value gets older than a poll takes, and one period.
    """
    with tempfile.TemporaryDirectory(dir=bench.folder) as name, _server(name) as server:
        server.slow(SLOW_MS)
        with gateways.genba(Path(name), maps.modbus_map(server.port, points=points), mqtt=bench.mqtt):
            _warm_up(bench, server)
            time.sleep(max(bench.seconds, 10.0))
            requests = server.requests()
        log = (Path(name) / gateways.LOG).read_text()
    polls = polls_of(requests, period_s=POLL_S)
    poll_s = math.ceil(points / maps.MOST_REGISTERS) * SLOW_MS / 1000
    return Overload(
        age_s=polls.longest_gap_s,
        bound_s=(poll_s + POLL_S) * AGE_MARGIN,
        is_reported="overload" in log.lower(),
    )


def _server(folder: str, *, devices: int = 1) -> AbstractContextManager[ModbusServer]:
    return modbus_server(Path(folder), period_ms=MODBUS_PERIOD_MS, devices=devices)


def _warm_up(bench: Bench, server: ModbusServer) -> None:
    time.sleep(bench.warm_s)
    bench.collector.clear()
    server.clear()


def _poll(bench: Bench, server: ModbusServer, device_map: str) -> Polls:
    """Let our gateway poll a map a few times."""
    with (
        tempfile.TemporaryDirectory(dir=bench.folder) as name,
        gateways.genba(Path(name), device_map, mqtt=bench.mqtt),
    ):
        _warm_up(bench, server)
        time.sleep(max(3 * POLL_S, min(bench.seconds, 5 * POLL_S)))
        return polls_of(server.requests(), period_s=POLL_S)
