"""Keeps the dispatch document of every gateway up to date on the broker."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from genba_cloud.core.facts.dispatching import Audience, Listed, Work, dispatch_document
from genba_cloud.core.facts.views import OpenDispatch, StockTake, TagBinding
from genba_cloud.ledger import Appended, Ledger
from genba_cloud.store import LeaseLost
from genba_cloud.store.read import GatewayRecord, Reads
from genba_shared import topics
from genba_shared.dispatch_document import DispatchDocument, split_parts
from genba_shared.errors import ContractError, PassingError, UplinkError
from genba_shared.signing import Sign

logger = logging.getLogger(__name__)

DEBOUNCE_S: Final = 0.1
"""Wall time in which changes are gathered before documents are made."""
AWAY_S: Final = 1.0
"""Wall time until a store that is away is asked again."""

Publish = Callable[[str, bytes], None]
"""Publish a retained message; raises UplinkError where there is no connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ShopFloor:
    queue: tuple[Listed, ...]
    open_at: dict[str, OpenDispatch]
    tags: tuple[TagBinding, ...]
    stock: Mapping[str, StockTake]


class Dispatcher:
    """Publishes to gateways that are online: after a hello, when one has an old version, and when the content changes.

    Open work orders are kept in memory and only those that a commit changed are read again.
    """

    def __init__(self, ledger: Ledger, publish: Publish, *, sign: Sign | None = None) -> None:
        """`sign`: with the collector's key; an enrolled gateway takes no document without its signature."""
        self._ledger = ledger
        self._sign = sign
        self._publish = publish
        self._gateways: dict[str, GatewayRecord] = {}
        self._greeted: dict[str, str | None] = {}
        self._must_publish: set[str] = set()
        self._published: dict[str, str] = {}
        self._work: dict[str, Work] = {}
        self._stale: set[str] | None = None
        self._wake = asyncio.Event()

    def hear(self, record: GatewayRecord) -> None:
        """A gateway said how it is."""
        gateway = record.gateway
        if not record.online:
            self._gateways.pop(gateway, None)
            self._greeted.pop(gateway, None)
            return
        is_hello = self._greeted.get(gateway) != record.epoch
        is_behind = record.dispatch_version != record.dispatch_published
        is_other = _audience(self._gateways.get(gateway)) != _audience(record)
        self._gateways[gateway] = record
        self._greeted[gateway] = record.epoch
        if is_hello or is_behind or is_other:
            self._must_publish.add(gateway)
            self._wake.set()

    def serve_only(self, serves: Callable[[str], bool]) -> None:
        """Leave gateways alone that another process publishes to from now on."""
        for gateway in [name for name in self._gateways.keys() | self._greeted.keys() if not serves(name)]:
            self._gateways.pop(gateway, None)
            self._greeted.pop(gateway, None)
            self._published.pop(gateway, None)

    def missed(self) -> None:
        """Commits may have gone unheard: read all work again."""
        self._stale = None
        self._wake.set()

    def forget_greetings(self) -> None:
        """The connection to the broker is a new one: what was published may be lost with it."""
        self._greeted.clear()

    def notice(self, appended: Appended) -> None:
        """Something was committed."""
        if self._stale is not None:
            self._stale |= appended.changed.work_orders
        if appended.changed.dispatch:
            self._wake.set()

    async def run(self) -> None:
        """Publish for ever."""
        unsubscribe = self._ledger.subscribe(self.notice)
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(DEBOUNCE_S)
                self._wake.clear()
                try:
                    await self._publish_all()
                except PassingError as exc:
                    self._begin_anew()
                    logger.debug("dispatch waits reason=%s", exc)
                    await asyncio.sleep(AWAY_S)
        finally:
            unsubscribe()

    def _begin_anew(self) -> None:
        """What was about to be published is not: read everything, and send every gateway its document."""
        self._stale = None
        self._must_publish |= set(self._gateways)
        self._wake.set()

    async def _publish_all(self) -> None:
        forced, self._must_publish = self._must_publish, set()
        reads = self._ledger.reads
        # From here on changes are noted again, so that one that comes while we read is read the next time.
        stale, self._stale = self._stale, set()
        changed = await asyncio.to_thread(reads.work, None if stale is None else sorted(stale))
        for work in changed:
            self._work.pop(work.plan.work_order, None)
            if work.is_open():
                self._work[work.plan.work_order] = work
        floor = await asyncio.to_thread(_shop_floor, reads)
        for record in tuple(self._gateways.values()):
            document = dispatch_document(
                _audience_of(record),
                work=self._work,
                queue=floor.queue,
                open_at=floor.open_at,
                tags=floor.tags,
                stock=floor.stock,
            )
            await self._publish_one(record.gateway, document, is_forced=record.gateway in forced)

    async def _publish_one(self, gateway: str, document: DispatchDocument, *, is_forced: bool) -> None:
        content = hashlib.sha256(document.to_text().encode()).hexdigest()
        if self._published.get(gateway) == content and not is_forced:
            return
        try:
            kept = await self._ledger.publish_dispatch(gateway, content)
        except LeaseLost as exc:
            logger.debug("dispatch left to another process gateway=%s reason=%s", gateway, exc)
            return
        version = kept.record.dispatch_published
        try:
            manifest, parts = split_parts(replace(document, version=version))
        except ContractError as exc:
            logger.error("dispatch too large gateway=%s reason=%s", gateway, exc)  # noqa: TRY400 (the reason says it all)
            return
        if self._sign is not None:
            manifest = replace(manifest, signature=self._sign(manifest.covered(gateway)))
        try:
            for number, part in enumerate(parts):
                self._publish(topics.dispatch_part(gateway, number), part)
            self._publish(topics.dispatch(gateway), manifest.to_json().encode())
        except UplinkError as exc:
            logger.info("dispatch not published gateway=%s version=%s reason=%s", gateway, version, exc)
            self._published.pop(gateway, None)
            return
        self._published[gateway] = content


def _shop_floor(reads: Reads) -> _ShopFloor:
    return _ShopFloor(
        queue=tuple(
            Listed(station=row.station, work_order=row.work_order, node=row.node, quantity=row.quantity)
            for row in reads.queues()
        ),
        open_at={one.station: one.dispatch for one in reads.stations() if one.dispatch is not None},
        tags=reads.tags(),
        stock=reads.stock_takes(),
    )


def _audience_of(record: GatewayRecord) -> Audience:
    return Audience(stations=record.stations, zones=record.zones, nodes=record.nodes, stocktakes=record.stocktakes)


def _audience(record: GatewayRecord | None) -> tuple[Collection[str], ...]:
    return () if record is None else (record.stations, record.zones, record.nodes, record.stocktakes)
