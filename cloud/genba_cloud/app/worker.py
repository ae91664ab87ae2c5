"""`genba cloud worker`: one more process that takes what gateways send, beside others on the same database."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from genba_cloud.app.membership import Duties, new_name
from genba_cloud.app.serve import stop_signal
from genba_cloud.app.wires import Company, Wires
from genba_cloud.ingest import check_broker
from genba_cloud.ledger import Ledger, Peers
from genba_cloud.store import PostgresStore
from genba_shared.broker import BrokerAddress
from genba_shared.clock import ProductionClock
from genba_shared.errors import UsageError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What `worker` was asked for."""

    db: str
    broker: str

    def check(self) -> None:
        """Refuse what cannot work.

        Raises:
            UsageError: with the one thing to change.
        """
        if self.db.partition("://")[0] not in ("postgresql", "postgres"):
            raise UsageError(
                "a worker needs PostgreSQL: a SQLite file is written by one process, the `genba cloud serve` that "
                "holds its folder, and it takes every partition itself. Write --db postgresql://USER@HOST:5432/DATABASE"
            )
        check_broker(self.broker)


def work(settings: WorkerSettings) -> int:
    """Run the worker until SIGTERM or SIGINT; 0 after a clean stop.

    Raises:
        UsageError: an address cannot be used; nothing was started.
    """
    settings.check()
    clock = ProductionClock.from_environment()
    with contextlib.closing(PostgresStore(settings.db)) as store:
        asyncio.run(_work(settings, store, clock))
    return 0


async def _work(settings: WorkerSettings, store: PostgresStore, clock: ProductionClock) -> None:
    stop = stop_signal()
    peers = Peers(new_name())
    company = Company(store=store, peers=peers, duties=Duties(ingests=True, decides=False))
    wires = Wires(settings.broker, clock, peers=peers)
    async with Ledger(store, now=clock.now, peers=peers) as ledger, company.joined(ledger, wires):
        print(f"ready worker={peers.name} mqtt={BrokerAddress.parse(settings.broker)}", flush=True)
        await stop.wait()
        logger.info("stopping")
