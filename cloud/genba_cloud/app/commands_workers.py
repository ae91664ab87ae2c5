"""`genba cloud worker` and `genba cloud broker-config`: what an installation of several machines needs."""

from __future__ import annotations

import argparse
from typing import Any

from genba_cloud.app.worker import WorkerSettings, work


def add_to(commands: Any) -> None:
    """Add the commands below `genba cloud`."""
    summary = "one more process that takes what gateways send (PostgreSQL only)"
    worker = commands.add_parser("worker", help=summary, description=summary)
    worker.add_argument("--db", required=True, metavar="URL", help="postgresql://USER@HOST:5432/DATABASE")
    worker.add_argument(
        "--broker", required=True, metavar="URL", help="mqtt://HOST:1883; nodes of a cluster with commas between them"
    )
    worker.set_defaults(run_cloud=_worker)


def _worker(arguments: argparse.Namespace) -> int:
    return work(WorkerSettings(db=arguments.db, broker=arguments.broker))
