"""`genba edge schema`: the JSON Schema of a device map, for completion and underlining in editors."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from genba_shared.device_map.schema import schema_of_map, schema_of_part, to_text
from genba_shared.errors import UsageError


def add_schema_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge schema`."""
    parser.description = "Print the JSON Schema (draft 2020-12) of a device map; editors use it while a map is written."
    parser.epilog = (
        "With the YAML extension of VS Code, begin the map with "
        "`# yaml-language-server: $schema=device-map.schema.json`. See docs/device-map.md."
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write it to this file (default: stdout)")
    parser.add_argument(
        "--part", action="store_true", help="for one file of a folder of maps: nothing at the top is required"
    )


def run_schema(args: argparse.Namespace) -> int:
    """Print or write the schema.

    Raises:
        UsageError: the file cannot be written.
    """
    text = to_text(schema_of_part() if args.part else schema_of_map())
    if args.output is None:
        sys.stdout.write(text)
        return 0
    try:
        args.output.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise UsageError(f"cannot write {args.output}: {exc.strerror}") from exc
    return 0
