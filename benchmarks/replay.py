"""How long the replay of a shift takes: an 8-hour raw log of 200 points that are polled every second.

    genba bench replay [--hours 8] [--rounds 1]

The log is made by the gateway's own code: registers of ten machines change as in a plant, the memory of the Modbus
driver says what changed, and the recorder's encoder writes the lines. It is then derived as `genba edge replay` does,
and the pieces are compared with those that the plant made. The limit in the same run is to read and decode the same
file without deriving anything: no replay can be faster than that. Both are CPU seconds, which other work on the machine
changes least. Beside it stands the whole command with a changed map, which derives twice and compares, by the clock.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from genba_edge.app.pace import pace_of
from genba_edge.app.raw_file import read_raw
from genba_edge.app.second_replay import GARBAGE_AFTER
from genba_edge.core.journal import Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, Observation
from genba_edge.core.raw_log import RawBatch, RawDispatch, RawEncoder, RawEntry, RawHeader
from genba_edge.core.registers import plan_group
from genba_edge.core.replay import Replay, derive_again
from genba_edge.drivers.modbus_memory import BlockMemory
from genba_shared.device_map import DeviceMap, ModbusDevice, load_device_map, recorded_text
from genba_shared.dispatch_document import DispatchDocument, DispatchRow, StationDispatch
from genba_shared.events import NodeCompleted, Result

MACHINES: Final = 10
ANALOGUES: Final = 15  # beside good, scrap, state and a 32-bit runtime: 20 points a machine with the door
QUANTITY: Final = 250
CYCLE_S: Final = 3.0
BEGIN: Final = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
_MACHINE: Final = """
  - id: m{n}
    protocol: modbus
    host: 10.0.0.{n}:502
    poll: {{fast: 1s}}
    points:
      good: {{at: 40001, type: uint16, counter: {{max_rate: 60/min}}}}
      scrap: {{at: 40002, type: uint16, counter: {{max_rate: 60/min}}}}
      state: {{at: 40003, type: uint16, labels: {{0: idle, 1: running}}}}
      door: {{at: 40004, type: uint16}}
      runtime: {{at: 40005, type: uint32}}
{analogues}"""
_FORM: Final = struct.Struct(f">HHHHI{ANALOGUES}h")


@dataclass(slots=True)
class Machine:
    """What one machine truly does: the values of its registers, second by second."""

    chance: random.Random
    good: int = 65_400  # wraps within the first hour
    made: int = 0
    scrap: int = 0
    runtime: int = 0
    next_s: float = 0.0
    analogues: list[int] = field(default_factory=lambda: [200] * ANALOGUES)

    def registers(self, second: int) -> bytes:
        """The answer to the poll of a second."""
        runs = second % 3600 >= 300  # five minutes of standing still every hour
        self.runtime += runs
        while runs and self.next_s <= second:
            self.next_s = max(self.next_s, second - CYCLE_S) + CYCLE_S * self.chance.uniform(0.8, 1.2)
            if self.chance.random() < 0.01:
                self.scrap += 1
            else:
                self.good, self.made = (self.good + 1) % 65_536, self.made + 1
        for place in range(0, ANALOGUES, 3):  # a third of them moves, half of the time
            if self.chance.random() < 0.5:
                self.analogues[place] += self.chance.choice((-1, 1))
        return _FORM.pack(self.good, self.scrap, int(runs), 0, self.runtime, *self.analogues)


def plant_map() -> DeviceMap:
    """Ten machines of twenty points, each a station with a node of its own."""
    analogues = "".join(f"      a{n}: {{at: {40007 + n}, type: int16, scale: 0.1}}\n" for n in range(ANALOGUES))
    machines = range(1, MACHINES + 1)
    text = "version: 1\ngateway: {id: gw-1, site: plant-a, timezone: UTC}\ndevices:"
    text += "".join(_MACHINE.format(n=n, analogues=analogues) for n in machines)
    text += "stations:\n"
    text += "".join(
        f"  M-{n}: {{device: m{n}, counts: {{good: good, scrap: scrap}}, state: state}}\n" for n in machines
    )
    text += "nodes:\n"
    done = "done_when: {good: node.quantity}"
    text += "".join(f"  N{n}: {{stations: [M-{n}], work_order: {{from: dispatch}}, {done}}}\n" for n in machines)
    return load_device_map(Path("plant.yaml"), text=text)


def shift(device_map: DeviceMap, hours: float, made: dict[str, int]) -> Iterator[RawEntry]:
    """The entries of the log; `made` is what the plant truly made, by station."""
    machines = {f"m{n}": Machine(chance=random.Random(n)) for n in range(1, MACHINES + 1)}
    memories = {name: _memories(device_map, name) for name in machines}
    yield RawHeader(
        gateway="gw-1",
        map_sha256=device_map.sha256,
        version="bench",
        boot="b" * 32,
        speed=1.0,
        state={},
        map_text=recorded_text(device_map),
    )
    orders = {f"WO-{row}": row for row in range(1 + int(hours * 3600 / CYCLE_S / QUANTITY))}
    stations = {
        f"M-{n}": StationDispatch(
            next=tuple(DispatchRow(work_order=each, node=f"N{n}", quantity=QUANTITY) for each in orders)
        )
        for n in range(1, MACHINES + 1)
    }
    wanted = {each: {f"N{n}": QUANTITY for n in range(1, MACHINES + 1)} for each in orders}
    document = DispatchDocument(version=1, stations=stations, work_orders=wanted, tags=())
    yield RawDispatch(moment=_moment(BEGIN), document=document)
    for second in range(int(hours * 3600)):
        for number, (name, machine) in enumerate(machines.items()):
            at = BEGIN + timedelta(seconds=second, milliseconds=97 * number)
            observations: list[Observation] = [] if second else [DeviceBack(device=name, at=at)]
            data = machine.registers(second)
            for memory in memories[name]:
                first = 2 * memory.block.address
                observations += memory.take(data[first : first + memory.block.byte_count], at)
            observations.append(DeviceAlive(device=name, at=at))
            yield RawBatch(moment=_moment(at + timedelta(milliseconds=4)), observations=tuple(observations))
    made.update({f"M-{name[1:]}": machine.made for name, machine in machines.items()})


def _memories(device_map: DeviceMap, name: str) -> list[BlockMemory]:
    device = device_map.devices[name]
    if not isinstance(device, ModbusDevice):
        raise TypeError(name)
    return [
        BlockMemory(block, device=name, bad=lambda _point, _reason: (), good=lambda _point: None)
        for block in plan_group(device, "fast")
    ]


def _moment(now: datetime) -> Moment:
    return Moment(now=now, mono_ms=round((now - BEGIN).total_seconds() * 1000))


def write_log(path: Path, device_map: DeviceMap, hours: float) -> dict[str, int]:
    """Write the raw log as the recorder does; what the plant made, by station."""
    made: dict[str, int] = {}
    encoder = RawEncoder()
    with gzip.open(path, "xb", compresslevel=6) as file:
        for entry in shift(device_map, hours, made):
            file.write(encoder.line(entry).encode() + b"\n")
    return made


def decode_only(path: Path) -> float:
    """CPU seconds of reading and decoding the file."""
    begin = time.process_time()
    for _ in read_raw(path):
        pass
    return time.process_time() - begin


def replay(path: Path, device_map: DeviceMap) -> tuple[float, Replay]:
    """CPU seconds of replaying the file, and what came of it."""
    begin = time.process_time()
    entries = read_raw(path)
    header = next(entries)
    if not isinstance(header, RawHeader):
        raise TypeError("the log has no header")
    again = Replay(device_map, header, pace_of(device_map, header.speed))
    for _ in derive_again(entries, [again]):
        pass
    again.finish()
    return time.process_time() - begin, again


def compare_maps(path: Path, device_map: DeviceMap, counted: int) -> float:
    """Wall seconds of `genba edge replay` with a map in which one machine makes two pieces a count."""
    changed = path.with_name("changed.yaml")
    text = recorded_text(device_map).replace("max_rate: 60/min", "max_rate: 60/min, pieces_per_count: 2", 1)
    changed.write_text(text, encoding="utf-8")
    begin = time.monotonic()
    command = [sys.executable, "-m", "genba_shared.cli", "edge", "replay", str(path), "--map", str(changed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begin
    if f"  station M-1: {2 * counted} good instead of {counted}  [1]\n" not in done.stdout:
        sys.exit(f"the difference of the changed map is not told: {done.stdout[-500:]} {done.stderr}")
    return seconds


def check(again: Replay, made: dict[str, int]) -> None:
    """The replay must find what the plant made: a fast one that counts wrong is worth nothing."""
    counted = {station: pieces for (station, result), pieces in again.outcome.counts().items() if result is Result.GOOD}
    first = {station: pieces - counted.get(station, 0) for station, pieces in made.items()}
    wrong = {station: missing for station, missing in first.items() if missing not in (0, 1)}  # made before poll one
    if wrong or again.outcome.failures:
        sys.exit(f"the replay counted wrong: {wrong} {again.outcome.failures[:1]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the log, decode it, replay it."""
    parser = argparse.ArgumentParser(prog="genba bench replay", description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, default=8.0, help="length of the log (default: 8)")
    parser.add_argument("--rounds", type=int, default=1, help="take the best of so many (default: 1)")
    args = parser.parse_args(arguments)
    gc.set_threshold(GARBAGE_AFTER)  # as the command does
    device_map = plant_map()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "raw.jsonl.gz"
        made = write_log(path, device_map, args.hours)
        limits, times = [], []
        for _ in range(args.rounds):
            limits.append(decode_only(path))
            seconds, again = replay(path, device_map)
            times.append(seconds)
            check(again, made)
        size, outcome = path.stat().st_size, again.outcome
        compared_s = compare_maps(path, device_map, outcome.counts()["M-1", Result.GOOD])
    claims = sum(isinstance(event, NodeCompleted) for event in outcome.events)
    sys.stdout.write(
        f"{args.hours:g} h, {20 * MACHINES} points every second: {outcome.batches:,} batches, "
        f"{outcome.observations:,} observations, {size / 1e6:.1f} MB\n"
        f"{len(outcome.events):,} events, {claims} completions, {sum(made.values()):,} good pieces made\n\n"
        f"{'decode only':28} {min(limits):8.2f} s CPU\n"
        f"{'replay with one map':28} {min(times):8.2f} s CPU\n"
        f"{'difference of a changed map':28} {compared_s:8.2f} s by the clock, the whole command\n"
        f"replay: seconds={min(times):.2f} limit_seconds={min(limits):.2f} ratio={min(times) / min(limits):.2f}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
