"""`genba edge …`: the commands of the gateway."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any, Final

from genba_shared.cli.command import Command

COMMANDS: Final[tuple[tuple[str, str, str, str], ...]] = (
    # name, summary, where its arguments are, where it is run: a module is imported only when it is needed
    (
        "check",
        "check a device map offline: every problem with line and fix",
        "check:add_check_arguments",
        "check:run_check",
    ),
    (
        "run",
        "run the gateway: read devices, derive events, deliver them",
        "run_arguments:add_run_arguments",
        "run:run_gateway",
    ),
    (
        "reload",
        "give the running gateway another map, without a break",
        "reload:add_reload_arguments",
        "reload:run_reload",
    ),
)
"""In the order of a commissioning; a new command is one line here."""

EXAMPLES: Final = """\
examples:
  genba edge check plant.yaml             find what is wrong in a device map, without touching a device
  genba edge doctor plant.yaml            folder, disk, clock, network: what would keep the gateway from working
  genba edge run plant.yaml               read the devices and deliver events; prints where its status page is
  genba edge reload plant.yaml --dry-run  what the changed map would change in the running gateway
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="edge_command", required=True, metavar="COMMAND")
    for name, summary, arguments, _ in COMMANDS:
        _resolve(arguments)(commands.add_parser(name, help=summary))


def _run(args: argparse.Namespace) -> int:
    entry = next(entry for name, _, _, entry in COMMANDS if name == args.edge_command)
    return int(_resolve(entry)(args))


def _resolve(entry: str) -> Callable[[Any], Any]:
    module, _, name = entry.partition(":")
    return getattr(importlib.import_module(f"genba_edge.app.{module}"), name)  # type: ignore[no-any-return] # by name


COMMAND = Command(
    name="edge",
    summary="the gateway in the factory: check a device map, poll PLCs and RFID readers, deliver events",
    add_arguments=_add_arguments,
    run=_run,
)
