"""`make chaos`: break gateways, links, brokers, collector and database at random under load, and judge the ledger.

``python -m tests.chaos --faults 100 --seed 7 [--setup embedded|mosquitto|postgres|cluster]``. The faults and the input
follow from the seed alone (``--schedule`` prints them); what time does to them does not. docs/chaos.md tells more.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from genba_shared.errors import GenbaError
from tests.chaos.campaign import Order, Result, run_campaign, temporary_folder
from tests.chaos.schedule import Setup, parts_of, plan

FAULTS: Final = 100
GATEWAYS: Final = 4
RATE: Final = 25.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=FAULTS, metavar="N", help=f"how many (default {FAULTS})")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which campaign (default 1)")
    parser.add_argument("--setup", type=Setup, choices=list(Setup), default=Setup.EMBEDDED)
    parser.add_argument("--gateways", type=int, default=GATEWAYS, metavar="N", help=f"default {GATEWAYS}")
    parser.add_argument("--rate", type=float, default=RATE, metavar="N", help="events per second and gateway")
    parser.add_argument("--schedule", action="store_true", help="only print the faults of this seed")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work in this empty folder, and keep logs and data")
    return parser.parse_args()


def main() -> int:
    """Run a campaign; 0 when nothing was lost, doubled or changed."""
    arguments = _arguments()
    faults = plan(arguments.seed, faults=arguments.faults, parts=parts_of(arguments.setup, gateways=arguments.gateways))
    if arguments.schedule:
        print("\n".join(map(str, faults)))
        return 0
    order = Order(
        setup=arguments.setup, seed=arguments.seed, gateways=arguments.gateways, rate=arguments.rate, faults=faults
    )
    print(f"setup {order.setup}, {order.gateways} gateways with {order.events} events each in {order.load_s:.0f} s")
    try:
        if arguments.keep is not None:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            result = run_campaign(order, arguments.keep.resolve())
        else:
            with temporary_folder() as folder:
                result = run_campaign(order, Path(folder))
    except GenbaError as exc:
        print(f"chaos: {exc}", file=sys.stderr)
        return 1
    return report(order, result)


def report(order: Order, result: Result) -> int:
    """Print what was found and the figures; the exit code."""
    found = result.judgement
    for line in (*found.examples, *result.findings):
        print(line)
    exits = ",".join(f"{name}:{count}" for name, count in result.exits.items()) or "none"
    print(
        f"judged: events={found.events} disordered={found.disordered} verify_differences={len(result.findings)} "
        f"drained_s={result.drained_s:.1f} ended_by_themselves={exits}"
    )
    print(
        f"chaos: faults={len(order.faults)} lost={found.lost} twice={found.twice} view_diffs={found.view_diffs} "
        f"seed={order.seed}"
    )
    return 0 if result.passed else 1


if __name__ == "__main__":
    sys.exit(main())
