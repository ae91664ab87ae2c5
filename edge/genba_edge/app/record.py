"""`genba edge record MAP`: write down everything that the devices say, without deriving or sending anything."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genba_shared.device_map import DURATION, DeviceMap, folder_of, load_device_map
from genba_shared.device_map.problems import Wrong
from genba_shared.errors import UsageError

if TYPE_CHECKING:
    from genba_edge.ports import Observation

logger = logging.getLogger(__name__)


def add_record_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge record`."""
    parser.description = (
        "Read the devices of a map and write everything they say to a raw log, for `genba edge replay`. A running "
        "gateway records by itself with `genba edge run --record`; an RFID reader serves only one of the two."
    )
    parser.epilog = (
        "Exit code 0: recorded until Ctrl-C or --for. 1: nothing was heard, or the file could not be written to its "
        "end. 2: wrong use."
    )
    parser.add_argument("map", type=Path, metavar="MAP", help="device map: a YAML file or a folder of them")
    parser.add_argument("--output", type=Path, required=True, metavar="RAW.jsonl.gz", help="the raw log; .gz or .zst")
    parser.add_argument("--for", dest="duration", metavar="TIME", help="stop after this time, such as 8h or 30s")
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="where drivers keep keys and certificates (default: store.path)"
    )


def run_record(args: argparse.Namespace) -> int:
    """Record until told to stop."""
    device_map = load_device_map(args.map)
    if args.output.exists():
        raise UsageError(f"--output {args.output} exists already: name a new file, nothing is overwritten")
    try:
        duration_s = None if args.duration is None else DURATION.parse(args.duration)
    except Wrong as exc:
        raise UsageError(f"--for {args.duration}: {exc.message} {exc.fix}") from exc
    state_dir = args.state or folder_of(args.map) / device_map.store.path
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return asyncio.run(_record(device_map, args.output, state_dir, duration_s))


async def _record(device_map: DeviceMap, output: Path, state_dir: Path, duration_s: float | None) -> int:
    from genba_edge.app.fleet import Fleet
    from genba_edge.app.raw_file import RawWriter
    from genba_edge.core.journal import Moment
    from genba_shared.clock import ProductionClock

    clock, stop = ProductionClock.from_environment(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    heard = 0
    with contextlib.closing(RawWriter(output, on_end=lambda: loop.call_soon_threadsafe(stop.set))) as raw:
        raw.begin(device_map, boot=uuid.uuid4().hex, clock=clock, state={})

        def emit(observations: Sequence[Observation]) -> None:
            nonlocal heard
            heard += 0 if raw.ended else len(observations)
            raw.write(observations, Moment(now=clock.now(), mono_ms=clock.mono_ms()))

        fleet = Fleet(emit, clock=clock, state_dir=state_dir)
        fleet.start(fleet.make(device_map.devices.values()))
        logger.info("recording devices=%d file=%s", len(device_map.devices), raw.path)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration_s):
                await stop.wait()
        await fleet.stop_all()
    size = raw.path.stat().st_size
    sys.stdout.write(f"{raw.path}: {heard:,} observations, {size:,} bytes\n")
    if raw.ended:
        sys.stderr.write(f"the recording ended early: {raw.ended}\n")
    return 0 if heard and not raw.ended else 1
