"""`genba cloud worker`: one more process that takes what gateways send, beside others on the same database."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path

from genba_cloud.app.garbage import look_seldom
from genba_cloud.app.membership import Duties, new_name
from genba_cloud.app.own_keys import require_identity
from genba_cloud.app.serve import stop_signal
from genba_cloud.app.wires import Company, Wires
from genba_cloud.ingest import check_broker
from genba_cloud.ledger import Ledger, Peers
from genba_cloud.store import PostgresStore
from genba_cloud.store.pki import FOLDER, Pki
from genba_shared.broker import BrokerAddress
from genba_shared.clock import ProductionClock
from genba_shared.errors import UsageError
from genba_shared.signing import Sign

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What `worker` was asked for. `data_dir`: holds a copy of the collector's ``identity/``, where it signs."""

    db: str
    broker: str
    data_dir: Path

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


def _sign(settings: WorkerSettings, store: PostgresStore) -> Sign | None:
    """What signs acknowledgements for enrolled gateways; None: there are none.

    Raises:
        UsageError: there are, and the keys are missing: they would take no answer of this worker.
    """
    require_identity(store, settings.data_dir)
    return Pki(settings.data_dir).sign if (settings.data_dir / FOLDER).exists() else None


async def _work(settings: WorkerSettings, store: PostgresStore, clock: ProductionClock) -> None:
    look_seldom()
    stop = stop_signal()
    peers = Peers(new_name())
    company = Company(store=store, peers=peers, duties=Duties(ingests=True, decides=False))
    wires = Wires(settings.broker, clock, sign=_sign(settings, store), peers=peers)
    async with Ledger(store, now=clock.now, peers=peers) as ledger, company.joined(ledger, wires):
        print(f"ready worker={peers.name} mqtt={BrokerAddress.parse(settings.broker)}", flush=True)
        await stop.wait()
        logger.info("stopping")
