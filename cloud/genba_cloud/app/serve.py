"""`genba cloud serve`: store, embedded broker, ingest, API and pages in one process, until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from genba_cloud.app.collector import Collector, CollectorSettings, run_collector
from genba_cloud.app.control import new_token, remove_control, write_control
from genba_cloud.app.membership import Duties, new_name
from genba_cloud.app.settings import ServeSettings
from genba_cloud.app.web_server import bind, serve_http, url_of
from genba_cloud.app.wires import Company, Wires
from genba_cloud.ingest import EmbeddedBroker, refuse_remote
from genba_cloud.ledger import Peers
from genba_cloud.store import PostgresStore, Store, open_store
from genba_cloud.store.accounts_authority import ADMIN
from genba_shared.clock import ProductionClock

logger = logging.getLogger(__name__)


def serve(settings: ServeSettings) -> int:
    """Run the collector until SIGTERM or SIGINT; 0 after a clean stop.

    Raises:
        UsageError: an address, a file or a folder cannot be used; nothing was started.
    """
    settings.check()
    if settings.broker is not None:
        refuse_remote(settings.broker)
    clock = ProductionClock.from_environment()
    with _opened(settings) as store:
        asyncio.run(_serve(settings, store, clock))
    return 0


@contextmanager
def _opened(settings: ServeSettings) -> Iterator[Store]:
    store = open_store(settings.data_dir, settings.db)
    try:
        yield store
    finally:
        store.close()


async def _serve(settings: ServeSettings, store: Store, clock: ProductionClock) -> None:
    stop = stop_signal()
    company = _company(settings, store)
    peers = None if company is None else company.peers
    listener = bind(settings.listen)
    with contextlib.closing(listener):
        async with _broker(settings) as broker:
            wires = None if broker is None else Wires(broker, clock, peers=peers)
            checks = {} if wires is None else {"broker": lambda: wires.connected}
            collector_settings = CollectorSettings(data_dir=settings.data_dir, tls=settings.tls)
            async with (
                run_collector(store, collector_settings, clock, ready_checks=checks, peers=peers) as collector,
                _at_work(company, wires, collector),
                serve_http(collector.app, listener, settings),
            ):
                url = url_of(listener, tls=settings.tls)
                with _controllable(settings.data_dir, collector, url, settings.tls_cert):
                    _announce(collector, url=url, broker=broker)
                    await stop.wait()
                    logger.info("stopping")
                collector.live.end()


def _company(settings: ServeSettings, store: Store) -> Company | None:
    """On PostgreSQL we are one of several processes; a store in a folder is ours alone."""
    if not isinstance(store, PostgresStore):
        return None
    duties = Duties(ingests=settings.ingests, decides=True)
    return Company(store=store, peers=Peers(new_name()), duties=duties)


def _at_work(
    company: Company | None, wires: Wires | None, collector: Collector
) -> contextlib.AbstractAsyncContextManager[None]:
    if company is not None:
        return company.joined(collector.ledger, wires, on_gap=collector.missed)
    return contextlib.nullcontext() if wires is None else wires.attached_to(collector.ledger)


@asynccontextmanager
async def _broker(settings: ServeSettings) -> AsyncIterator[str | None]:
    if not settings.ingests:
        yield None
        return
    if settings.broker is not None:
        yield settings.broker
        return
    async with EmbeddedBroker(settings.data_dir, mqtt_port=settings.mqtt_port) as broker:
        yield broker.url


@contextmanager
def _controllable(data_dir: Path, collector: Collector, url: str, certificate: Path | None) -> Iterator[None]:
    token = new_token()
    collector.authority.admit_local(token)
    write_control(data_dir, url=url, token=token, certificate=certificate)
    try:
        yield
    finally:
        remove_control(data_dir)


def _announce(collector: Collector, *, url: str, broker: str | None) -> None:
    """What a person reads and a program waits for, on stdout; the password is printed this once."""
    if collector.one_time_password is not None:
        print(f"login user={ADMIN} one-time-password={collector.one_time_password}", flush=True)
        print(f"  sign in at {url}/login and choose a password of your own", flush=True)
    print(f"ready url={url} mqtt={broker or 'none'}", flush=True)


def stop_signal() -> asyncio.Event:
    """Set at SIGTERM and SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
