"""Arguments of `genba edge run`, apart from the gateway so that `--help` and `check` import no protocol library."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

BROKER_VARIABLE: Final = "GENBA_BROKER"
STATUS_DEFAULT: Final = "127.0.0.1:9180"


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge run`."""
    parser.add_argument("map", type=Path, metavar="MAP", help="device map: a YAML file or a folder of them")
    parser.add_argument(
        "--broker",
        metavar="URL",
        help=f"MQTT broker, e.g. mqtt://127.0.0.1:1883 (default: collector.mqtt of the map, or ${BROKER_VARIABLE})",
    )
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="folder of the outbox (default: store.path of the map)"
    )
    parser.add_argument(
        "--sink", type=Path, metavar="FILE.jsonl", help="also write every event to this file, as JSON lines"
    )
    parser.add_argument(
        "--status",
        metavar="HOST:PORT",
        help=f"where the status page listens, on this machine only; off: nowhere (default: {STATUS_DEFAULT}, "
        "or a free port if that one is taken)",
    )
    parser.add_argument(
        "--record", type=Path, metavar="RAW.jsonl.gz", help="also write every reading to this file, for `replay`"
    )


def run_run(args: argparse.Namespace) -> int:
    """Run the gateway."""
    from genba_edge.app.run import run_gateway

    return run_gateway(args)
