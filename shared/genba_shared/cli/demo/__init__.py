"""`genba demo`: a simulated factory, its gateway and the collector with its pages, in one terminal."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from genba_shared.cli.command import Command
from genba_shared.errors import UsageError

MAX_SPEED = 120.0  # above it the plant's set-ups are shorter than a poll
DEFAULT_SPEED = 60.0
DEFAULT_PORT = 8000


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Starts a simulated garment line on real sockets (OPC UA, Modbus TCP, an LLRP reader), a gateway that polls "
        "it, and a collector with a board in the browser. All of it listens on this machine only and ends with Ctrl-C."
    )
    parser.epilog = (
        "examples:\n"
        "  genba demo                              look at the board until Ctrl-C\n"
        "  genba demo --check --for 120 --speed 60 two hours of production in two minutes, compared with the truth\n"
        "  genba demo --data demo-data             keep logs, truth, outbox and database in a folder"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--for", dest="for_s", type=float, metavar="S", help="stop after S seconds (default: at Ctrl-C)"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="then let the line drain and compare the collector with the plant's own truth",
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=DEFAULT_SPEED,
        metavar="N",
        help="plant seconds per second (default: %(default)g)",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which factory life (default: %(default)d)")
    parser.add_argument(
        "--port",
        type=int,
        metavar="N",
        help=f"port of the web pages, 0 for a free one (default: {DEFAULT_PORT}, or a free one)",
    )
    parser.add_argument(
        "--recheck",
        type=Path,
        metavar="DIR",
        help="only judge again the truth and the answers that `--check --data DIR` left",
    )
    parser.add_argument(
        "--broker", metavar="URL", help="use this MQTT broker on this machine instead of the embedded one"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="keep everything in this folder (default: a temporary one)"
    )


def _run(args: argparse.Namespace) -> int:
    if args.for_s is not None and args.for_s <= 0:
        raise UsageError(f"--for {args.for_s:g}: write a number of seconds above 0")
    if not 0 < args.speed <= MAX_SPEED:
        raise UsageError(f"--speed {args.speed:g}: write a number above 0 and at most {MAX_SPEED:g}")
    if args.check and args.for_s is None:
        args.for_s = 120.0
    if args.recheck is not None:
        from genba_shared.cli.demo.verdict import recheck

        return recheck(args.recheck)
    from genba_shared.cli.demo.factory import run_demo

    return asyncio.run(run_demo(args))


COMMAND = Command(
    name="demo",
    summary="a whole simulated factory with gateway, collector and web pages, in one terminal",
    add_arguments=_add_arguments,
    run=_run,
)
