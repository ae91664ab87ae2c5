"""Two ways to deliver the same events over a broker: the gateway's outbox and uplink, and a message for each event."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.edge.processes import CannotMeasure
from benchmarks.stream.link import CountedLink, Traffic
from benchmarks.stream.plant import device_map
from genba_cloud.ingest import Ingest, Strangers, trust_of
from genba_cloud.ledger import Appended, EnvelopeBatch, Ledger
from genba_cloud.ledger.registrations import Invitation
from genba_cloud.store import SqliteStore
from genba_cloud.store.pki import Pki
from genba_edge.app.snapshot import device_now
from genba_edge.core.delivery import USUAL, DeliverySettings
from genba_edge.core.present import Present
from genba_edge.outbox import SqliteOutbox
from genba_edge.uplink import Credentials, Uplink
from genba_shared import topics
from genba_shared.clock import ProductionClock, format_time
from genba_shared.device_map import load_device_map
from genba_shared.events import Event, to_line
from genba_shared.mqtt import MqttLink
from genba_shared.signing import new_key, public_of, signer_of, verifier_of
from genba_shared.version import VERSION

LIVE: Final = replace(USUAL, delay_s=0.7)
"""A link that is paid by the byte: `collector.delay: 700ms`."""
WITHIN_S: Final = 20.0


@dataclass(slots=True)
class Commits:
    """What the collector committed of one gateway: how long each event took, in how many envelopes and answers."""

    made_at: dict[str, float] = field(default_factory=dict)
    took_s: list[float] = field(default_factory=list)
    envelopes: int = 0


class TimedLedger(Ledger):
    """The collector's ledger, which notes when events are committed."""

    commits: defaultdict[str, Commits]

    async def append_all(self, batches: Sequence[EnvelopeBatch]) -> list[Appended | BaseException]:
        """As the ledger does."""
        results = await super().append_all(batches)
        now = time.monotonic()
        for batch, result in zip(batches, results, strict=True):
            found = self.commits[batch.gateway]
            found.envelopes += 1
            if isinstance(result, Appended):
                found.took_s += [now - found.made_at.pop(logged.event.id) for logged in result.events]
        return results


class RealCollector:
    """The product's collector on SQLite: it decodes, checks signatures, commits, acknowledges and signs."""

    def __init__(self, ledger: TimedLedger, pki: Pki) -> None:
        self._ledger, self._pki = ledger, pki
        self.commits = ledger.commits

    async def enrol(self, gateway: str) -> Credentials:
        """Register a gateway and take its key.

        Raises:
            CannotMeasure: the collector does not take it.
        """
        invitation, key = await self._ledger.add_gateway(gateway, site=None), new_key()
        if not isinstance(invitation, Invitation):
            raise CannotMeasure(f"{gateway} is not taken: {invitation}")
        issue = self._pki.issue_gateway
        await self._ledger.enrol(gateway, secret=invitation.secret, public_key=public_of(key), issue=issue)
        return Credentials(sign=signer_of(key), verify=verifier_of(self._pki.signing_public))


@contextlib.asynccontextmanager
async def real_collector(folder: Path, port: int) -> AsyncIterator[RealCollector]:
    """A collector on the broker, until the block ends."""
    store, pki = SqliteStore(folder), Pki(folder)
    ledger = TimedLedger(store, now=_now)
    ledger.commits = defaultdict(Commits)
    async with ledger:
        url = f"mqtt://127.0.0.1:{port}"
        trust = trust_of(ledger, broker=url, strangers=Strangers.REFUSED, sign=pki.sign)
        ingest = Ingest(ledger, broker=url, now=_now, trust=trust)
        task = asyncio.create_task(ingest.run())
        try:
            await until(lambda: ingest.connected, what="the collector's connection")
            yield RealCollector(ledger, pki)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    store.close()


def _now() -> datetime:
    return datetime.now(UTC)


class OutboxSender:
    """The gateway's way: committed to the outbox, sent in signed envelopes, deleted when acknowledged."""

    def __init__(
        self,
        folder: Path,
        link: CountedLink,
        *,
        gateway: str,
        collector: RealCollector,
        credentials: Credentials,
        settings: DeliverySettings,
    ) -> None:
        folder.mkdir()
        self.outbox = SqliteOutbox(folder, gateway=gateway)
        self._prefix = f"{gateway}:{self.outbox.mark().epoch}:"
        self._commits = collector.commits[gateway]
        self._map = load_device_map(Path("plant.yaml"), text=device_map())
        self._present = Present(self._map.devices, now=_now())
        self._uplink = Uplink(
            outbox=self.outbox,
            gateway=gateway,
            broker=f"mqtt://127.0.0.1:{link.port}",
            state=self._state,
            on_dispatch=lambda document: None,
            clock=ProductionClock(),
            state_dir=folder,
            settings=settings,
            credentials=credentials,
        )
        self._before: dict[str, str] = {}

    def _state(self) -> dict[str, Any]:
        """As long as the gateway of this plant tells it, see `Gateway.describe`."""
        mark, now = self.outbox.mark(), format_time(_now())
        return {
            "online": True,
            "epoch": mark.epoch,
            "next_seq": {"facts": mark.next_seq},
            "version": VERSION,
            "map": self._map.sha256,
            "dispatch_version": 1,
            "stations": sorted(self._map.stations),
            "zones": sorted(self._map.zones),
            "nodes": sorted(self._map.nodes),
            "stocktakes": [],
            "outbox": {
                "depth": mark.depth,
                "oldest": format_time(mark.oldest_at) if mark.oldest_at else None,
                "bytes": mark.size,
                "limit": mark.limit,
                "dropped": mark.dropped,
            },
            "full_since": None,
            "at": now,
            "devices": {name: device_now(each, None) for name, each in self._present.devices.items()},
            "data_age_s": dict.fromkeys(self._present.devices, 0.5),
        }

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected and delivering, until the block ends."""
        task = asyncio.create_task(self._uplink.run())
        try:
            await until(lambda: self._uplink.is_connected, what="the uplink's connection")
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.outbox.close()

    def send(self, events: Sequence[Event]) -> None:
        """Commit events, under the ids of this outbox, and wake the uplink."""
        next_seq = self.outbox.mark().next_seq
        own = [self._renamed(event, next_seq + place) for place, event in enumerate(events)]
        made_at = time.monotonic()
        self._commits.made_at.update((event.id, made_at) for event in own)
        self.outbox.append(own, {})
        self._uplink.wake(own)

    def _renamed(self, event: Event, seq: int) -> Event:
        name = self._before[event.id] = f"{self._prefix}{seq}"
        return replace(event, id=name, because=tuple(self._before.get(other, other) for other in event.because))

    async def settled(self) -> None:
        """Wait until everything is acknowledged, without asking for it."""
        await until(lambda: self.outbox.mark().depth == 0, what="the last acknowledgement")

    async def delivered(self) -> None:
        """Ask for the acknowledgement of everything, and wait for it."""
        if not await self._uplink.drain(WITHIN_S):
            raise CannotMeasure("not everything was acknowledged")


class JsonSender:
    """The plain way: each event a JSON message at QoS 1, as soon as it is made."""

    def __init__(self, link: CountedLink, *, gateway: str) -> None:
        self._link = MqttLink(f"mqtt://127.0.0.1:{link.port}", f"json-{gateway}")
        self._topic = topics.up(gateway).replace("genba/1", "bench/1", 1)  # as long, and heard by nobody

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected, until the block ends."""
        async with self._link:
            await until(lambda: self._link.connected, what="the JSON sender's connection")
            yield

    def send(self, events: Sequence[Event]) -> None:
        """Publish each event."""
        for event in events:
            self._link.publish(self._topic, to_line(event), qos=1)


async def until(condition: Any, *, what: str) -> None:
    """Wait for a condition.

    Raises:
        CannotMeasure: it did not come true in time.
    """
    try:
        async with asyncio.timeout(WITHIN_S):
            while not condition():  # noqa: ASYNC110 (what is waited for has no event)
                await asyncio.sleep(0.01)
    except TimeoutError as exc:
        raise CannotMeasure(f"{what} did not come within {WITHIN_S:.0f} s") from exc


async def quiet(link: CountedLink, *, for_s: float = 0.3) -> Traffic:
    """The traffic once nothing more comes."""
    before = link.traffic()
    while True:
        await asyncio.sleep(for_s)
        now = link.traffic()
        if now == before:
            return now
        before = now
