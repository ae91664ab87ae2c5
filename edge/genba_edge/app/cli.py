"""`genba edge …`: the commands of the gateway."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any, Final

from genba_shared.cli.command import Command

COMMANDS: Final[tuple[tuple[str, str, str], ...]] = (
    ("import-tags", "import_tags", "print the device map of a point list (CSV, XLSX)"),
    ("browse", "browse", "show what an OPC UA server has, as a table or as a map"),
    ("scan", "scan", "find out which Modbus addresses of a unit answer"),
    ("schema", "schema", "print the JSON Schema of a device map, for editors"),
    ("check", "check", "check a device map offline: every problem with line and fix"),
    ("probe", "probe", "read every point of a map now and show what came"),
    ("doctor", "doctor", "folder, disk, clock, network: what would keep the gateway from working"),
    ("enrol", "enrol", "give this gateway a key of its own, with a code from the collector"),
    ("run", "run_arguments", "run the gateway: read devices, derive events, deliver them"),
    ("reload", "reload", "give the running gateway another map, without a break"),
    ("explain", "explain", "say why an event was told: its inputs, the rule, the decision trail"),
    ("record", "record", "write down everything that the devices say"),
    ("replay", "replay", "derive what was recorded once more, with any map"),
)
"""Name, module of this package, summary; in the order of a commissioning.

A module has `add_NAME_arguments(parser)` and `run_NAME(args)`, and imports what is heavy only when it is run.
"""

EXAMPLES: Final = """\
examples:
  genba edge browse opc.tcp://10.1.2.10:4840 --yaml > plant.yaml
                                          draft a map of what an OPC UA server has
  genba edge check plant.yaml             find what is wrong in a device map, without touching a device
  genba edge probe plant.yaml             read every point once, as the gateway would
  genba edge doctor plant.yaml            see what would keep the gateway from working on this machine
  genba edge run plant.yaml               read the devices and deliver events; says where its status page is
  genba edge reload plant.yaml --dry-run  see what the changed map would change in the running gateway
  genba edge explain WO-7/CUT             see every count that went into a completion, and by which rule
  genba edge replay raw.jsonl.gz --map new.yaml
                                          see what a change of the map would have made of a recorded shift
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    commands = parser.add_subparsers(dest="edge_command", required=True, metavar="COMMAND")
    for name, module, summary in COMMANDS:
        _function(module, f"add_{_word(name)}_arguments")(commands.add_parser(name, help=summary))


def _run(args: argparse.Namespace) -> int:
    module = next(module for name, module, _ in COMMANDS if name == args.edge_command)
    return int(_function(module, f"run_{_word(args.edge_command)}")(args))


def _function(module: str, name: str) -> Callable[[Any], Any]:
    return getattr(importlib.import_module(f"genba_edge.app.{module}"), name)  # type: ignore[no-any-return] # by name


def _word(name: str) -> str:
    return name.replace("-", "_")


COMMAND = Command(
    name="edge",
    summary="the gateway in the factory: check a device map, poll PLCs and RFID readers, deliver events",
    add_arguments=_add_arguments,
    run=_run,
)
