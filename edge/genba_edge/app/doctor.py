"""`genba edge doctor MAP`: what on this machine, or between it and the devices, would keep the gateway from working."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genba_edge.app.check_up import CheckUp


def add_doctor_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge doctor`."""
    parser.description = (
        "Check what the gateway needs: map, state folder, disk, outbox, clock, certificates, name and port of every "
        "device and of the broker, and the running gateway itself. Reads only; it connects to devices and closes again."
    )
    parser.epilog = "Exit code 0: nothing fails (warnings included). 1: something does. 2: wrong use."
    parser.add_argument("map", type=Path, metavar="MAP", help="device map: a YAML file or a folder of them")
    parser.add_argument("--state", type=Path, metavar="DIR", help="state folder (default: store.path of the map)")
    parser.add_argument("--broker", metavar="URL", help="broker, where the map does not name it")
    parser.add_argument("--json", action="store_true", help="print the findings as one JSON document")


def run_doctor(args: argparse.Namespace) -> int:
    """Print one line per check and, where something is wrong, one line with what to do."""
    from genba_edge.app.check_up import Verdict, examine

    found: list[CheckUp] = []
    for check_up in examine(args.map, state_dir=args.state, broker=args.broker):
        found.append(check_up)
        if not args.json:
            sys.stdout.writelines(f"{line}\n" for line in _lines(check_up))
            sys.stdout.flush()
    if args.json:
        sys.stdout.write(json.dumps([dataclasses.asdict(each) for each in found], ensure_ascii=False, indent=2) + "\n")
    else:
        failed = sum(each.verdict is Verdict.FAIL for each in found)
        warned = sum(each.verdict is Verdict.WARN for each in found)
        sys.stdout.write(f"{len(found)} checks: {failed} failed, {warned} with a warning\n")
    return int(any(each.verdict is Verdict.FAIL for each in found))


def _lines(check_up: CheckUp) -> Iterator[str]:
    yield f"{check_up.verdict:4}  {check_up.what}: {check_up.found}"
    if check_up.fix:
        yield f"      → {check_up.fix}"
