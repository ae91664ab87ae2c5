"""`genba bench NAME`: the measurements of `benchmarks/`, each with a peer or a physical limit in the same run.

The benchmarks need a checkout (they build and start peers), so each runs as a process of its own: ``python -m
benchmarks.NAME`` in the folder that holds them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

from genba_shared.cli.command import Command
from genba_shared.errors import UsageError

CHECKOUT: Final = Path(__file__).resolve().parents[3]


def _names() -> list[str]:
    folder = CHECKOUT / "benchmarks"
    return sorted(
        file.stem.replace("_", "-")
        for file in folder.glob("*.py")
        if not file.stem.startswith("_") and "\ndef main(" in file.read_text(encoding="utf-8")
    )


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Run a benchmark: prints a table, and as its last line `NAME: key=value key=value …`."
    parser.add_argument("name", metavar="NAME", nargs="?", help=f"one of {', '.join(_names()) or 'none here'}")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="handed on to the benchmark; try --help")


def _run(args: argparse.Namespace) -> int:
    names = _names()
    if not names:
        raise UsageError(f"no benchmarks at {CHECKOUT}: `genba bench` needs a checkout of the repository")
    if args.name is None:
        sys.stdout.write("".join(f"{name}\n" for name in names))
        return 0
    if args.name not in names:
        raise UsageError(f"'{args.name}' is not a benchmark: {', '.join(names)}")
    module = f"benchmarks.{args.name.replace('-', '_')}"
    return subprocess.run([sys.executable, "-m", module, *args.arguments], cwd=CHECKOUT, check=False).returncode


COMMAND = Command(
    name="bench",
    summary="measure against a peer or a physical limit (needs a checkout)",
    add_arguments=_add_arguments,
    run=_run,
)
