"""`genba sim run`: a simulated plant on real sockets."""

from __future__ import annotations

import asyncio
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from genba_shared.cli.command import Command
from genba_shared.clock import ProductionClock, parse_time
from genba_sim.plant_file import load_plant, packaged_plant, parse_plant

_EXAMPLES: Final = """\
A made-to-order garment line (cut, sew, inspect, pack) with an OPC UA PLC, a Modbus TCP PLC and an LLRP reader on
127.0.0.1. Prints one line that begins with `ready` when all servers and files are there.

examples:
  genba sim run --speed 60 --map plant-map.yaml
                             an hour of plant time per minute; a device map for `genba edge run`
  genba sim run my-plant.yaml --seed 7 --truth truth.jsonl
                             your own numbers; what really happened, as JSON lines"""


def _add_arguments(parser: ArgumentParser) -> None:
    groups = parser.add_subparsers(dest="action", required=True, metavar="run")
    run = groups.add_parser(
        "run",
        help="run a simulated plant until Ctrl-C",
        description=_EXAMPLES,
        formatter_class=parser.formatter_class,
        allow_abbrev=False,
    )
    run.add_argument("plant", nargs="?", type=Path, metavar="PLANT.yaml", help="default: the garment line of genba")
    run.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="plant seconds per wall second (default 1)")
    run.add_argument("--seed", type=int, default=1, metavar="N", help="same seed, same plant (default 1)")
    run.add_argument("--truth", type=Path, metavar="FILE", help="write what really happened, as JSON lines")
    run.add_argument("--plan", type=Path, metavar="FILE", help="write each order when it is announced, as JSON lines")
    run.add_argument("--endpoints", type=Path, metavar="FILE", help="write the URL of each device, as JSON")
    run.add_argument("--map", type=Path, metavar="FILE", help="write a device map that fits this plant")
    run.add_argument(
        "--stop-at", type=_time, metavar="ISO", help="plant time at which the line stands still; the servers stay up"
    )


def _run(arguments: Namespace) -> int:
    # Imported here: `genba sim --help` needs no protocol library.
    from genba_sim.run import Files, Simulation, run_until_signal

    plant: Path | None = arguments.plant
    settings = parse_plant(packaged_plant()) if plant is None else load_plant(plant)
    files = Files(truth=arguments.truth, plan=arguments.plan, endpoints=arguments.endpoints, device_map=arguments.map)
    clock = _clock(arguments.speed)

    async def simulate() -> None:
        simulation = Simulation(settings, clock, seed=arguments.seed, files=files, stop_at=arguments.stop_at)
        await run_until_signal(simulation)

    asyncio.run(simulate())
    return 0


def _clock(speed: float) -> ProductionClock:
    """The clock of the parent process where there is one, else plant time that starts now and runs at `speed`."""
    given = ProductionClock.from_environment()
    if given != ProductionClock() or speed == 1.0:
        return given
    wall_s = time.time()
    return ProductionClock(origin=datetime.fromtimestamp(wall_s, UTC), wall_origin_s=wall_s, speed=speed)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return speed


def _time(text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError as exc:
        raise ArgumentTypeError(str(exc)) from exc


COMMAND = Command(
    name="sim",
    summary="A simulated plant with real OPC UA, Modbus and RFID servers.",
    add_arguments=_add_arguments,
    run=_run,
)
