"""`make chaos`: break gateways, links, brokers, collector and database at random under load, and judge the ledger.

``python -m tests.chaos --faults 100 --seed 7 [--setup embedded|mosquitto|postgres|cluster]``. The faults and the input
follow from the seed alone (``--schedule`` prints them); what time does to them does not. docs/chaos.md tells more.

Of a hundred faults, ten (``--factory``) hit a whole factory: the real gateway on simulated machines, whose own truth
judges. The others hit the delivery of events that are known beforehand, so that each one can be looked for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from genba_shared.errors import GenbaError
from tests.chaos.campaign import Order, Result, run_campaign, temporary_folder
from tests.chaos.factory import FactoryFault, plan_factory, run_factory
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
    parser.add_argument(
        "--factory", type=int, metavar="N", help="how many of the faults hit the factory (default: a tenth)"
    )
    parser.add_argument("--schedule", action="store_true", help="only print the faults of this seed")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work in this empty folder, and keep logs and data")
    return parser.parse_args()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Both rings of a campaign."""

    order: Order
    factory: Sequence[FactoryFault]

    @property
    def faults(self) -> int:
        """All of them."""
        return len(self.order.faults) + len(self.factory)


def _plan_of(arguments: argparse.Namespace) -> Plan:
    in_factory = arguments.faults // 10 if arguments.factory is None else arguments.factory
    parts = parts_of(arguments.setup, gateways=arguments.gateways)
    order = Order(
        setup=arguments.setup,
        seed=arguments.seed,
        gateways=arguments.gateways,
        rate=arguments.rate,
        faults=plan(arguments.seed, faults=arguments.faults - in_factory, parts=parts),
    )
    return Plan(order=order, factory=plan_factory(arguments.seed, faults=in_factory))


def main() -> int:
    """Run a campaign; 0 when nothing was lost, doubled or changed."""
    arguments = _arguments()
    planned = _plan_of(arguments)
    if arguments.schedule:
        print("\n".join(map(str, (*planned.order.faults, *planned.factory))))
        return 0
    try:
        if arguments.keep is None:
            with temporary_folder() as folder:
                return _run(planned, Path(folder))
        arguments.keep.mkdir(parents=True, exist_ok=True)
        return _run(planned, arguments.keep.resolve())
    except GenbaError as exc:
        print(f"chaos: {exc}", file=sys.stderr)
        return 1


def _run(planned: Plan, folder: Path) -> int:
    order = planned.order
    print(f"setup {order.setup}, {order.gateways} gateways with {order.events} events each in {order.load_s:.0f} s")
    delivery, factory = folder / "delivery", folder / "factory"
    delivery.mkdir()
    result = run_campaign(order, delivery)
    undeclared = 0
    if planned.factory:
        print("factory: plant, gateway and collector, an hour of production in a minute", flush=True)
        factory.mkdir()
        verdict = run_factory(planned.factory, seed=order.seed, folder=factory)
        undeclared = max(verdict.undeclared, int(not verdict.passed))
        for difference in verdict.differences:
            print(difference)
    return report(planned, result, undeclared=undeclared)


def report(planned: Plan, result: Result, *, undeclared: int) -> int:
    """Print what was found and the figures; the exit code.

    What the plant did and the product neither shows nor declares (`undeclared`) is lost as well.
    """
    found = result.judgement
    for line in (*found.examples, *result.findings):
        print(line)
    exits = ",".join(f"{name}:{count}" for name, count in result.exits.items()) or "none"
    print(
        f"judged: events={found.events} disordered={found.disordered} verify_differences={len(result.findings)} "
        f"undeclared={undeclared} drained_s={result.drained_s:.1f} ended_by_themselves={exits}"
    )
    print(
        f"chaos: faults={planned.faults} lost={found.lost + undeclared} twice={found.twice} "
        f"view_diffs={found.view_diffs} seed={planned.order.seed}"
    )
    return 0 if result.passed and not undeclared else 1


if __name__ == "__main__":
    sys.exit(main())
