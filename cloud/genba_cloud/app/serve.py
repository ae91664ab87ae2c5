"""`genba cloud serve`: store, embedded broker, ingest, API and pages in one process, until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from genba_cloud.app.collector import Collector, CollectorSettings, run_collector
from genba_cloud.app.control import new_token, remove_control, write_control
from genba_cloud.app.database import opened
from genba_cloud.app.garbage import look_seldom
from genba_cloud.app.settings import ServeSettings
from genba_cloud.app.web_server import bind, serve_http, url_of
from genba_cloud.ingest import EmbeddedBroker, Ingest, check_broker, trust_of
from genba_cloud.store import Store
from genba_cloud.store.accounts_authority import ADMIN
from genba_shared.clock import ProductionClock
from genba_shared.supervisor import supervise

logger = logging.getLogger(__name__)


def serve(settings: ServeSettings) -> int:
    """Run the collector until SIGTERM or SIGINT; 0 after a clean stop.

    Raises:
        UsageError: an address, a file or a folder cannot be used; nothing was started.
    """
    settings.check()
    if settings.broker is not None:
        check_broker(settings.broker)
    clock = ProductionClock.from_environment()
    if settings.migrate and settings.db is not None:
        _bring_forward(settings)
    with opened(settings.data_dir, settings.db) as store:
        asyncio.run(_serve(settings, store, clock))
    return 0


def _bring_forward(settings: ServeSettings) -> None:
    from genba_cloud.store.migrating import opened_for_migration  # Alembic: hardly any start needs it

    with opened_for_migration(settings.data_dir, settings.db) as database:
        database.run(database.forward())


async def _serve(settings: ServeSettings, store: Store, clock: ProductionClock) -> None:
    look_seldom()
    stop = _stop_signal()
    listener = bind(settings.listen)
    with contextlib.closing(listener):
        async with _broker(settings) as broker:
            wires = _Wires(broker, clock)
            checks = {"broker": lambda: wires.connected, "database": store.is_ready}
            collector_settings = CollectorSettings(
                data_dir=settings.data_dir,
                tls=settings.tls,
                signing_key=settings.signing_key,
                broker=broker,
                certificate=settings.tls_cert,
            )
            async with (
                run_collector(store, collector_settings, clock, ready_checks=checks) as collector,
                wires.attached_to(collector),
                serve_http(collector.app, listener, settings),
            ):
                url = url_of(listener, tls=settings.tls)
                with _controllable(settings.data_dir, collector, url, settings.tls_cert):
                    _announce(collector, url=url, broker=broker)
                    await stop.wait()
                    logger.info("stopping")
                collector.live.end()


class _Wires:
    """The ingest of this process; made anew whenever its task had to be started again."""

    def __init__(self, broker: str, clock: ProductionClock) -> None:
        self._broker = broker
        self._clock = clock
        self._ingest: Ingest | None = None

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._ingest is not None and self._ingest.connected

    def figures(self) -> Mapping[str, float]:
        """How ingest is doing; nothing before it began."""
        return {} if self._ingest is None else self._ingest.figures()

    @asynccontextmanager
    async def attached_to(self, collector: Collector) -> AsyncIterator[None]:
        """Take what gateways send while the context lasts."""

        async def run() -> None:
            self._ingest = Ingest(
                collector.ledger,
                broker=self._broker,
                now=self._clock.now,
                trust=trust_of(collector.ledger, broker=self._broker, sign=collector.pki.sign),
                count_refused=lambda reason: collector.metrics.count("genba_refused_total", reason=reason),
            )
            await self._ingest.run()

        collector.metrics.watch(self.figures)
        task = asyncio.create_task(supervise("ingest", run), name="ingest")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def _broker(settings: ServeSettings) -> AsyncIterator[str]:
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


def _announce(collector: Collector, *, url: str, broker: str) -> None:
    """What a person reads and a program waits for, on stdout; the password is printed this once."""
    if collector.one_time_password is not None:
        print(f"login user={ADMIN} one-time-password={collector.one_time_password}", flush=True)
        print(f"  sign in at {url}/login and choose a password of your own", flush=True)
    print(f"ready url={url} mqtt={broker}", flush=True)


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
