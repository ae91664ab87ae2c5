"""What the gateway's own derivation makes of the factory: ids, times, totals and texts as a gateway sends them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.stream.plant import (
    STEPS,
    T0,
    Crossing,
    Plant,
    device_map,
    instant,
    node,
    station,
    work_orders,
)
from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Commit, Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, Observation, TagRead
from genba_edge.core.registers import plan_group
from genba_edge.core.watch import Pace
from genba_edge.drivers.modbus_memory import BlockMemory
from genba_shared.device_map import DeviceMap, ModbusDevice, load_device_map
from genba_shared.dispatch_document import DispatchDocument, DispatchRow, StationDispatch, TagBinding
from genba_shared.events import Event

GATEWAY: Final = "gw-suzhou-01"
NOBODY: Final = 60  # seconds of the start that are left out: every counter and state is told once then
REPORT_S: Final = 1.0
JITTER_S: Final = 0.003  # of polls
ANSWER_S: Final = 0.012  # a PLC answers within so long
BOOTED_MS: Final = 93_184_021


@dataclass(frozen=True, slots=True)
class Made:
    """Events that one commit takes together, and the second of the plant at which they were made."""

    second: float
    events: tuple[Event, ...]


class Factory:
    """The plant and the derivation of its gateway."""

    def __init__(self, seed: int, *, gateway: str = GATEWAY) -> None:
        chance = random.Random(seed)
        self.epoch = f"{chance.getrandbits(128):032x}"
        self._plant = Plant(seed)
        self._chance = random.Random(seed + 2)
        self._map = load_device_map(Path("plant.yaml"), text=device_map())
        self._lines = {line: _memories(self._map, f"line{line}") for line in self._plant.lines}
        self._crossings: list[Crossing] = []
        self._offsets_s = {name: chance.uniform(0, 1) for name in self._map.devices}  # polls are spread over the second
        self._deriver = Deriver(
            self._map,
            identity=Identity(
                gateway=gateway, epoch=self.epoch, site="suzhou-a", boot=f"{chance.getrandbits(128):032x}"
            ),
            next_seq=1,
            saved={},
            pace=Pace(
                poll_s={f"line{line}": 1.0 for line in self._plant.lines}, report_delay_s={"gates": 2 * REPORT_S}
            ),
            moment=_moment(0),
        )
        self._deriver.take_dispatch(_document(seed), _moment(0))

    def made(self) -> Iterator[Made]:
        """What is made, second by second, for ever."""
        second = 0
        while True:
            self._crossings += self._plant.pass_second(second)
            for device, offset_s in sorted(self._offsets_s.items(), key=lambda item: item[1]):
                moment_s = second + offset_s + abs(self._chance.gauss(0, JITTER_S)) + ANSWER_S
                back = [] if second else [DeviceBack(device=device, at=instant(moment_s))]
                observations = [*back, *self._observations(device, second, moment_s)]
                self._deriver.observe(
                    [*observations, DeviceAlive(device=device, at=instant(moment_s))], _moment(moment_s)
                )
                yield from self._taken(moment_s)
            self._deriver.pass_time(_moment(second + 1))
            yield from self._taken(second + 1.0)
            second += 1

    def _taken(self, second: float) -> Iterator[Made]:
        commit: Commit | None = self._deriver.take_commit()
        if commit is not None and commit.events:
            yield Made(second, commit.events)
        for failure in self._deriver.take_failures():
            raise failure.error

    def _observations(self, device: str, second: int, now_s: float) -> list[Observation]:
        if device == "gates":
            return list(self._reads(now_s))
        line = int(device.removeprefix("line"))
        words = self._plant.registers(line)
        return [
            observation
            for memory in self._lines[line]
            for observation in memory.take(_answer(words, memory), instant(now_s - self._chance.uniform(0, ANSWER_S)))
        ]

    def _reads(self, now_s: float) -> Iterator[Observation]:
        since_s = now_s - REPORT_S
        for crossing in [each for each in self._crossings if each.begin_s <= now_s]:
            first_s, last_s = max(since_s, crossing.begin_s), min(now_s, crossing.end_s)
            if last_s > first_s:
                yield TagRead(
                    device="gates",
                    antenna=crossing.antenna,
                    tag=crossing.tag,
                    first_seen=instant(first_s),
                    last_seen=instant(last_s),
                    seen_at=instant(now_s),
                    reads=1 + int(30 * (last_s - first_s)),
                    rssi_dbm=-52.0,
                )
            if crossing.end_s <= now_s:
                self._crossings.remove(crossing)


def made_between(factory: Factory, begin_s: float, end_s: float) -> list[Made]:
    """What a factory makes between two seconds of its plant, by the seconds since the first."""
    found: list[Made] = []
    for made in factory.made():
        if made.second > end_s:
            break
        if made.second > begin_s:
            found.append(Made(made.second - begin_s, made.events))
    return found


def realistic_events(count: int, *, seed: int = 5, gateway: str = GATEWAY) -> tuple[str, list[Event]]:
    """The epoch, and so many events in a row of a factory at work."""
    factory = Factory(seed, gateway=gateway)
    events = (event for made in factory.made() if made.second > NOBODY for event in made.events)
    return factory.epoch, list(islice(events, count))


def _memories(plant_map: DeviceMap, name: str) -> list[BlockMemory]:
    device = plant_map.devices[name]
    if not isinstance(device, ModbusDevice):
        raise TypeError(name)
    return [
        BlockMemory(block, device=name, bad=lambda _point, _reason: (), good=lambda _point: None)
        for block in plan_group(device, "fast")
    ]


def _answer(words: dict[int, int], memory: BlockMemory) -> bytes:
    first, count = memory.block.address, memory.block.byte_count // 2
    return b"".join(words.get(address, 0).to_bytes(2, "big") for address in range(first, first + count))


def _moment(second: float) -> Moment:
    return Moment(now=instant(second), mono_ms=BOOTED_MS + round(second * 1000))


def _document(seed: int) -> DispatchDocument:
    orders = work_orders(seed)
    stations: dict[str, list[DispatchRow]] = defaultdict(list)
    for order in orders:
        for step in STEPS:
            row = DispatchRow(work_order=order.name, node=node(order.line, step), quantity=order.quantity)
            stations[station(order.line, step)].append(row)
    return DispatchDocument(
        version=1,
        stations={name: StationDispatch(next=tuple(rows)) for name, rows in stations.items()},
        work_orders={order.name: {node(order.line, step): order.quantity for step in STEPS} for order in orders},
        tags=tuple(
            TagBinding(
                tag=tag, work_order=order.name, pieces=order.quantity // len(order.tags), since=T0 - timedelta(days=1)
            )
            for order in orders
            for tag in order.tags
        ),
    )
