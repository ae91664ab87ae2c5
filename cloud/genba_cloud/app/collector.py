"""The collector without its wires: store, ledger, accounts, live stream, assessor and web application."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI

from genba_cloud.api import (
    BOARD_COOKIE,
    SESSION_COOKIE,
    ApiParts,
    Desk,
    Enrolling,
    ForecastReads,
    Guard,
    Live,
    Metrics,
    OrderIndex,
    OrderRows,
    VisibleReads,
    create_app,
    require_same_origin,
    source_of_viewer,
)
from genba_cloud.api.stock_taking import take_stock
from genba_cloud.api.visible_alerts import VisibleAlerts
from genba_cloud.app.assessor import PERIOD_S, Assessor
from genba_cloud.app.database import accounts_of
from genba_cloud.app.floor import floor_pages
from genba_cloud.app.head_keeper import HeadKeeper
from genba_cloud.app.office_pages import office_pages
from genba_cloud.app.policy_keeper import PolicyKeeper
from genba_cloud.app.webhook_sender import WebhookSender
from genba_cloud.core.assess import DEFAULT_POLICY, Policy
from genba_cloud.core.facts import Refused
from genba_cloud.core.viewer import Act, Subject, Viewer
from genba_cloud.core.webhooks import Targets
from genba_cloud.ingest.messages import reread
from genba_cloud.ledger import AnswerToGive, Appended, CountsGiven, CountsToAssign, Ledger, Peers, QuestionAnswered
from genba_cloud.ledger.responses import AlertAnswer, TaskAnswer
from genba_cloud.ledger.sealing import InstallationKey, Seals
from genba_cloud.ledger.signing import HeadSigner
from genba_cloud.store import DEFAULT_ENTERPRISE, Store
from genba_cloud.store.accounts_authority import Authority
from genba_cloud.store.pki import Pki, pin_of
from genba_cloud.web import (
    AlertParts,
    PageParts,
    QuestionParts,
    create_alert_pages,
    create_bottleneck_page,
    create_pages,
    create_question_pages,
    create_station_page,
)
from genba_cloud.web.render import STATIC
from genba_cloud.web.stock_take import TakeStock
from genba_shared.clock import ProductionClock
from genba_shared.supervisor import supervise

KEY_VARIABLE: Final = "GENBA_KEY_FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorSettings:
    """How a collector looks at its data.

    `zone`: in which pages show times; None is the zone of this machine. `signing_key` signs heads of the log; None is
    the key of the data folder. `broker`: as gateways reach it; `certificate`: of the API, where it has one of its own.
    `public_url`: where phones reach the pages, for the links on labels; `gs1_prefix`: the company's GS1 prefix.
    """

    data_dir: Path
    policy: Policy = DEFAULT_POLICY
    zone: tzinfo | None = None
    tls: bool = False
    signing_key: Path | None = None
    assess_every_s: float = PERIOD_S
    broker: str = ""
    certificate: Path | None = None
    public_url: str = ""
    gs1_prefix: str = ""
    webhook_targets: Targets = Targets.PUBLIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """A running collector, as the shell and tests use it. `one_time_password` is set at the very first start.

    Call `missed` when commits of other processes may have gone unheard.
    """

    ledger: Ledger
    authority: Authority
    live: Live
    metrics: Metrics
    desk: Desk
    heads: HeadKeeper
    app: FastAPI
    pki: Pki
    one_time_password: str | None
    missed: Callable[[], None]


@asynccontextmanager
async def run_collector(
    store: Store,
    settings: CollectorSettings,
    clock: ProductionClock,
    *,
    ready_checks: Mapping[str, Callable[[], bool]] | None = None,
    peers: Peers | None = None,
) -> AsyncIterator[Collector]:
    """Run everything that is not a socket; the store is closed by whoever opened it.

    Args:
        store: open, with the data folder's lock held.
        settings: see there.
        clock: plant time.
        ready_checks: by name, what must answer before the collector is ready.
        peers: other processes write to the same store.
    """
    accounts = await asyncio.to_thread(accounts_of, store, settings.data_dir)
    keys = _Keys(
        heads=HeadKeeper(store=store, data_dir=settings.data_dir, signer=_signer(settings), now=clock.now),
        seals=Seals(installation=installation_key(settings.data_dir)),
    )
    try:
        async with Ledger(store, now=clock.now, seals=keys.seals, peers=peers) as ledger:
            authority = Authority(accounts, enterprise=DEFAULT_ENTERPRISE)
            password = await asyncio.to_thread(authority.ensure_admin)
            pki = await asyncio.to_thread(Pki, settings.data_dir)
            desk, live = _desk_and_live(ledger, keys.seals, settings, clock)
            assessor = Assessor(ledger=ledger, desk=desk, live=live, period_s=settings.assess_every_s)

            def look_again() -> None:
                desk.rows.forget()
                assessor.missed()

            keeper = PolicyKeeper(ledger=ledger, desk=desk, base=settings.policy, on_change=look_again)
            await asyncio.to_thread(keeper.load)

            def missed() -> None:
                keeper.missed()
                look_again()

            parts = ApiParts(
                desk=desk,
                ledger=ledger,
                authority=authority,
                live=live,
                reread=reread,
                make_head=keys.heads.answer,
                metrics=Metrics(),
                ready_checks=ready_checks or {},
                tls=settings.tls,
                enrolling=_enrolling(pki, settings),
                webhook_targets=settings.webhook_targets,
            )

            collector = _built(parts, settings, heads=keys.heads, pki=pki, one_time_password=password, missed=missed)
            async with _tasks(collector, assessor, keeper, _sender(parts)):
                yield collector
        await asyncio.to_thread(keys.heads.make_or_say)
    finally:
        accounts.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    """What signs heads of the log, and what seals the words of people."""

    heads: HeadKeeper
    seals: Seals


def installation_key(data_dir: Path) -> InstallationKey:
    """The key that wraps the keys of people: that of GENBA_KEY_FILE, else of the data folder."""
    named = os.environ.get(KEY_VARIABLE)
    return InstallationKey.open(Path(named)) if named else InstallationKey.of_folder(data_dir)


def _sender(parts: ApiParts) -> WebhookSender:
    accounts = parts.authority.accounts

    def is_known(made_by: str) -> bool:
        """People stay; a machine's key may have been revoked."""
        kind, _, key = made_by.partition(":")
        return kind != "key" or any(one.id == key and one.revoked_at is None for one in accounts.list_keys())

    return WebhookSender(
        ledger=parts.ledger,
        desk=parts.desk,
        is_known=is_known,
        targets=parts.webhook_targets,
        metrics=parts.metrics,
    )


def _signer(settings: CollectorSettings) -> HeadSigner:
    if settings.signing_key is not None:
        return HeadSigner.open(settings.signing_key)
    return HeadSigner.of_folder(settings.data_dir)


def _enrolling(pki: Pki, settings: CollectorSettings) -> Enrolling:
    return Enrolling(
        issue=pki.issue_gateway,
        ca=pki.ca,
        signing_public=pki.signing_public,
        broker=settings.broker,
        pin=pin_of(settings.certificate) if settings.certificate else "",
    )


def _desk_and_live(
    ledger: Ledger, seals: Seals, settings: CollectorSettings, clock: ProductionClock
) -> tuple[Desk, Live]:
    rows = OrderRows()
    desk = Desk(
        reads=ledger.reads,
        enterprise=DEFAULT_ENTERPRISE,
        now=clock.now,
        policy=settings.policy,
        index=OrderIndex(noted=rows.renew),
        seals=seals,
        rows=rows,
    )
    return desk, Live(reads_of=lambda viewer: VisibleReads(desk, viewer), enterprise=DEFAULT_ENTERPRISE, now=clock.now)


def _built(
    parts: ApiParts,
    settings: CollectorSettings,
    *,
    heads: HeadKeeper,
    pki: Pki,
    one_time_password: str | None,
    missed: Callable[[], None],
) -> Collector:
    pages = _pages(parts.ledger, parts.desk, parts.authority, settings)
    return Collector(
        ledger=parts.ledger,
        authority=parts.authority,
        live=parts.live,
        metrics=parts.metrics,
        desk=parts.desk,
        heads=heads,
        app=create_app(parts, pages=pages, static=STATIC),
        pki=pki,
        one_time_password=one_time_password,
        missed=missed,
    )


@asynccontextmanager
async def _tasks(
    collector: Collector, assessor: Assessor, keeper: PolicyKeeper, sender: WebhookSender
) -> AsyncIterator[None]:
    listeners = (keeper.heard, collector.desk.rows.heard, assessor.heard, sender.heard)
    subscriptions = [collector.ledger.subscribe(one) for one in listeners]
    tasks = [
        asyncio.create_task(supervise("live", collector.live.run), name="live"),
        asyncio.create_task(supervise("assessor", assessor.run), name="assessor"),
        asyncio.create_task(supervise("policy", keeper.run), name="policy"),
        asyncio.create_task(supervise("heads", collector.heads.run), name="heads"),
        asyncio.create_task(supervise("webhooks", sender.run), name="webhooks"),
    ]
    try:
        yield
    finally:
        for unsubscribe in subscriptions:
            unsubscribe()
        collector.live.end()
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


def _pages(ledger: Ledger, desk: Desk, authority: Authority, settings: CollectorSettings) -> list[APIRouter]:
    def source_of(viewer: Viewer) -> VisibleReads:
        return VisibleReads(desk, viewer)

    async def answer(viewer: Viewer, given: AnswerToGive) -> QuestionAnswered | Refused | None:
        return await ledger.answer_question(given, source=source_of_viewer(viewer))

    async def assign(viewer: Viewer, wanted: CountsToAssign) -> CountsGiven | Refused:
        return await ledger.assign_counts(wanted, source=source_of_viewer(viewer))

    async def take(viewer: Viewer, zone: str, count: int, at: datetime) -> Refused | None:
        taken = await take_stock(ledger, desk, viewer, zone=zone, count=count, at=at)
        return taken if isinstance(taken, Refused) else None

    parts = _page_parts(desk, authority, settings, source_of, take)
    questions = QuestionParts(
        guard=Guard(sees=Subject.QUESTIONS),
        answer_guard=Guard(sees=Subject.QUESTIONS, does=Act.ANSWER),
        source_of=source_of,
        answer=answer,
        assign=assign,
        shown=parts.shown,
    )
    stations = create_station_page(guard=Guard(sees=Subject.STATIONS), source_of=source_of, shown_to=parts.shown)
    bottlenecks = create_bottleneck_page(
        guard=Guard(sees=Subject.STATIONS),
        source_of=lambda viewer: ForecastReads(desk, viewer),
        shown_to=parts.shown,
    )
    floor = floor_pages(ledger, desk, shown=parts.shown, public_url=settings.public_url, gs1_prefix=settings.gs1_prefix)
    alerts = _alert_pages(ledger, desk, parts)
    office = office_pages(desk, parts.shown)
    return [create_pages(parts), create_question_pages(questions), stations, bottlenecks, alerts, *floor, *office]


def _alert_pages(ledger: Ledger, desk: Desk, parts: PageParts) -> APIRouter:
    async def answer_alert(viewer: Viewer, alert: str, given: AlertAnswer) -> Appended | Refused | None:
        return await ledger.answer_alert(alert, given, source=source_of_viewer(viewer))

    async def answer_task(viewer: Viewer, task: str, given: TaskAnswer) -> Appended | Refused | None:
        return await ledger.answer_task(task, given, source=source_of_viewer(viewer))

    return create_alert_pages(
        AlertParts(
            guard=Guard(sees=Subject.ALERTS),
            task_guard=Guard(sees=Subject.RESPONSES),
            answer_guard=Guard(sees=Subject.RESPONSES, does=Act.RESPOND),
            source_of=lambda viewer: VisibleAlerts(desk, viewer),
            answer_alert=answer_alert,
            answer_task=answer_task,
            shown=parts.shown,
        )
    )


def _page_parts(
    desk: Desk,
    authority: Authority,
    settings: CollectorSettings,
    source_of: Callable[[Viewer], VisibleReads],
    take: TakeStock,
) -> PageParts:
    return PageParts(
        board_guard=Guard(sees=Subject.ORDERS),
        person_guard=Guard(people=True, newcomers=True),
        stock_guard=Guard(people=True, does=Act.TAKE_STOCK),
        require_same_origin=require_same_origin,
        source_of=source_of,
        authority=authority,
        now=desk.now,
        take_stock=take,
        session_cookie=SESSION_COOKIE,
        board_cookie=BOARD_COOKIE,
        secure_cookies=settings.tls,
        zone=settings.zone,
    )
