"""`genba cloud serve`: store, embedded broker, ingest, API and pages in one process, until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from genba_cloud.app.collector import Collector, CollectorSettings, run_collector
from genba_cloud.app.control import new_token, remove_control, write_control
from genba_cloud.app.database import opened
from genba_cloud.app.garbage import look_seldom
from genba_cloud.app.settings import ServeSettings
from genba_cloud.app.web_server import bind, serve_http, url_of
from genba_cloud.ingest import EmbeddedBroker, Ingest, PublicListener, Strangers, check_broker, is_local, trust_of
from genba_cloud.ingest.nats_access import COLLECTOR
from genba_cloud.store import Store
from genba_cloud.store.accounts_authority import ADMIN
from genba_cloud.store.pki import Pki
from genba_shared.clock import ProductionClock
from genba_shared.supervisor import supervise

logger = logging.getLogger(__name__)

Reload = Callable[[], Awaitable[None]]


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
        public = await asyncio.to_thread(_public_listener, settings)
        async with _broker(settings, store, public) as (broker, reload):
            strangers = Strangers.WELCOME if public is None and is_local(broker) else Strangers.REFUSED
            wires = _Wires(broker, clock, strangers, reload)
            checks = {"broker": lambda: wires.connected, "database": store.is_ready}
            collector_settings = CollectorSettings(
                data_dir=settings.data_dir,
                tls=settings.tls,
                signing_key=settings.signing_key,
                broker=public.address if public else broker,
                certificate=settings.tls_cert,
            )
            async with (
                run_collector(store, collector_settings, clock, ready_checks=checks) as collector,
                wires.attached_to(collector),
                serve_http(collector.app, listener, settings),
            ):
                url = url_of(listener, tls=settings.tls)
                with _controllable(settings.data_dir, collector, url, settings.tls_cert):
                    _announce(collector, url=url, broker=public.address if public else broker)
                    await stop.wait()
                    logger.info("stopping")
                collector.live.end()


class _Wires:
    """The ingest of this process; made anew whenever its task had to be started again."""

    def __init__(self, broker: str, clock: ProductionClock, strangers: Strangers, reload: Reload) -> None:
        self._broker = broker
        self._clock = clock
        self._strangers = strangers
        self._reload = reload
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
                trust=trust_of(
                    collector.ledger, broker=self._broker, strangers=self._strangers, sign=collector.pki.sign
                ),
                count_refused=lambda reason: collector.metrics.count("genba_refused_total", reason=reason),
            )
            await self._ingest.run()

        collector.metrics.watch(self.figures)
        task = asyncio.create_task(supervise("ingest", run), name="ingest")
        unsubscribe = collector.ledger.subscribe_registrations(self._reload)
        try:
            yield
        finally:
            unsubscribe()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def _broker(
    settings: ServeSettings, store: Store, public: PublicListener | None
) -> AsyncIterator[tuple[str, Reload]]:
    """The broker's URL, and what makes it take over who is enrolled."""
    if settings.broker is not None:
        yield settings.broker, _nothing_to_reload
        return
    identities = store.reads().identities
    broker = EmbeddedBroker(settings.data_dir, mqtt_port=settings.mqtt_port, public=public, identities=identities)
    async with broker:
        yield broker.url, broker.reload


async def _nothing_to_reload() -> None:
    """Another's broker has rules of its own."""


def _public_listener(settings: ServeSettings) -> PublicListener | None:
    """Certificates for the embedded broker and for the collector's own connection to it, made anew at each start."""
    if settings.mqtt_listen is None:
        return None
    pki, host = Pki(settings.data_dir), settings.mqtt_listen.host
    names = {"localhost", "127.0.0.1", "::1", socket.gethostname()}
    with contextlib.suppress(OSError):
        names |= {str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None)}
    certificate, key = pki.issue_server("broker", sorted(names if _is_any(host) else {*names, host}))
    return PublicListener(
        host=host,
        port=settings.mqtt_listen.port,
        certificate=certificate,
        key=key,
        ca=pki.ca_file,
        client=pki.issue_server("collector", [COLLECTOR]),
    )


def _is_any(host: str) -> bool:
    return host in {"0.0.0.0", "::"}  # noqa: S104 (compared, not bound)


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
