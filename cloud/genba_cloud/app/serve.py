"""`genba cloud serve`: store, embedded broker, ingest, API and pages in one process, until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from genba_cloud.app.collector import Collector, CollectorSettings, run_collector
from genba_cloud.app.control import new_token, remove_control, write_control
from genba_cloud.app.database import opened
from genba_cloud.app.garbage import look_seldom
from genba_cloud.app.membership import Duties, new_name
from genba_cloud.app.own_keys import require_identity
from genba_cloud.app.settings import ServeSettings
from genba_cloud.app.switching import switch_often
from genba_cloud.app.web_server import bind, serve_http, url_of
from genba_cloud.app.wires import Company, Wires
from genba_cloud.ingest import EmbeddedBroker, PublicListener, Strangers, check_broker, is_local
from genba_cloud.ingest.nats_access import COLLECTOR
from genba_cloud.ledger import Peers
from genba_cloud.store import PostgresStore, Store
from genba_cloud.store.accounts_authority import ADMIN
from genba_cloud.store.pki import Pki
from genba_shared.clock import ProductionClock

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
        require_identity(store, settings.data_dir)
        asyncio.run(_serve(settings, store, clock))
    return 0


def _bring_forward(settings: ServeSettings) -> None:
    from genba_cloud.store.migrating import opened_for_migration  # Alembic: hardly any start needs it

    with opened_for_migration(settings.data_dir, settings.db) as database:
        database.run(database.forward())


async def _serve(settings: ServeSettings, store: Store, clock: ProductionClock) -> None:
    look_seldom()
    switch_often()
    stop = stop_signal()
    company = _company(settings, store)
    peers = None if company is None else company.peers
    listener = bind(settings.listen)
    with contextlib.closing(listener):
        public = await asyncio.to_thread(_public_listener, settings)
        async with _broker(settings, store, public) as (broker, reload):
            wires = await _wires(settings, broker, clock, peers=peers, is_public=public is not None)
            checks = {"database": store.is_ready}
            if wires is not None:
                checks["broker"] = lambda: wires.connected
            collector_settings = CollectorSettings(
                data_dir=settings.data_dir,
                tls=settings.tls,
                signing_key=settings.signing_key,
                broker=public.address if public else broker or "",
                certificate=settings.tls_cert,
                public_url=settings.public_url,
                gs1_prefix=settings.gs1_prefix,
            )
            async with (
                run_collector(store, collector_settings, clock, ready_checks=checks, peers=peers) as collector,
                _at_work(company, wires, collector, reload),
                serve_http(collector.app, listener, settings),
            ):
                url = url_of(listener, tls=settings.tls)
                with _controllable(settings.data_dir, collector, url, settings.tls_cert):
                    _announce(collector, url=url, broker=public.address if public else broker)
                    await stop.wait()
                    logger.info("stopping")
                collector.live.end()


def _company(settings: ServeSettings, store: Store) -> Company | None:
    """On PostgreSQL we are one of several processes; a store in a folder is ours alone."""
    if not isinstance(store, PostgresStore):
        return None
    duties = Duties(ingests=settings.ingests, decides=True)
    return Company(store=store, peers=Peers(new_name()), duties=duties)


async def _wires(
    settings: ServeSettings, broker: str | None, clock: ProductionClock, *, peers: Peers | None, is_public: bool
) -> Wires | None:
    if broker is None:
        return None
    strangers = Strangers.WELCOME if not is_public and is_local(broker) else Strangers.REFUSED
    pki = await asyncio.to_thread(Pki, settings.data_dir)
    return Wires(broker, clock, strangers=strangers, sign=pki.sign, peers=peers)


@asynccontextmanager
async def _at_work(
    company: Company | None, wires: Wires | None, collector: Collector, reload: Reload
) -> AsyncIterator[None]:
    """Take what gateways send, alone or beside other processes, while the context lasts."""
    if wires is not None:
        wires.count_refused = lambda reason: collector.metrics.count("genba_refused_total", reason=reason)
        collector.metrics.watch(wires.figures)
    unsubscribe = collector.ledger.subscribe_registrations(reload)
    try:
        async with _taking_part(company, wires, collector):
            yield
    finally:
        unsubscribe()


def _taking_part(
    company: Company | None, wires: Wires | None, collector: Collector
) -> contextlib.AbstractAsyncContextManager[None]:
    if company is not None:
        return company.joined(collector.ledger, wires, on_gap=collector.missed)
    return contextlib.nullcontext() if wires is None else wires.attached_to(collector.ledger)


@asynccontextmanager
async def _broker(
    settings: ServeSettings, store: Store, public: PublicListener | None
) -> AsyncIterator[tuple[str | None, Reload]]:
    """The broker's URL (None: others take what gateways send), and what makes it take over who is enrolled."""
    if not settings.ingests:
        yield None, _nothing_to_reload
        return
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
