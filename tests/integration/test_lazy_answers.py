"""The real uplink against the real collector over a link that costs: answers that cover several envelopes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from genba_cloud.ingest import Ingest
from genba_cloud.ledger import Ledger
from genba_cloud.store import SqliteStore
from genba_edge.core.delivery import USUAL, DeliverySettings
from genba_edge.outbox import SqliteOutbox
from genba_shared import topics
from genba_shared.acknowledgement import Acknowledgement
from genba_shared.codec import Header, decode_header
from genba_shared.mqtt import MqttLink
from tests.integration.identity_bench import counted
from tests.integration.mqtt_peers import Mosquitto, eventually
from tests.peers.gateway import UplinkGateway

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
GATEWAY = "gw-far"
NEVER_S = 3600.0
COSTLY = replace(USUAL, delay_s=0.1, resend_s=NEVER_S)


@dataclass
class Wire:
    """What went over the broker, in order."""

    heard: list[Header | Acknowledgement] = field(default_factory=list)

    def hear(self, topic: str, payload: bytes, _retained: bool) -> None:
        is_envelope = topic == topics.up(GATEWAY)
        self.heard.append(decode_header(payload) if is_envelope else Acknowledgement.from_json(payload))

    @property
    def envelopes(self) -> list[Header]:
        return [each for each in self.heard if isinstance(each, Header)]

    @property
    def answers(self) -> list[int]:
        """What answers covered, without those to hellos before the first envelope."""
        return [each.upto for each in self.heard if isinstance(each, Acknowledgement) and each.upto]


class Gateway(UplinkGateway[SqliteOutbox]):
    def __init__(self, folder: Path, url: str, settings: DeliverySettings) -> None:
        folder.mkdir()
        super().__init__(GATEWAY, url, folder, outbox=SqliteOutbox(folder, gateway=GATEWAY), settings=settings)

    def count(self, pieces: int) -> None:
        self.make(pieces, lambda epoch, seq: counted(GATEWAY, epoch, seq))


@dataclass
class Installation:
    ledger: Ledger
    wire: Wire
    gateway: Gateway

    @property
    def committed(self) -> int:
        return len(self.ledger.reads.events(limit=1000).items)

    async def count_one_by_one(self, pieces: int) -> None:
        """Each in an envelope of its own."""
        for _ in range(pieces):
            committed = self.committed
            self.gateway.count(1)
            await eventually(lambda before=committed: self.committed == before + 1)  # type: ignore[misc]  # mypy infers no lambda with a default


@contextlib.asynccontextmanager
async def installation(
    folder: Path, broker: Mosquitto, settings: DeliverySettings = COSTLY
) -> AsyncIterator[Installation]:
    store, wire = SqliteStore(folder / "collector"), Wire()
    async with Ledger(store, now=lambda: NOW) as ledger, MqttLink(broker.url, "listener") as link:
        link.on_message = wire.hear
        link.subscribe(topics.up(GATEWAY))
        link.subscribe(topics.ack(GATEWAY))
        await eventually(lambda: link.connected)
        ingest = Ingest(ledger, broker=broker.url, now=lambda: NOW, answer_wait_s=NEVER_S)
        task = asyncio.create_task(ingest.run())
        await eventually(lambda: ingest.connected)
        gateway = Gateway(folder / "gateway", broker.url, settings)
        gateway.uplink.start()
        await eventually(lambda: bool(wire.heard))  # the answer to its hello
        yield Installation(ledger, wire, gateway)
        await gateway.uplink.stop()
        gateway.outbox.close()
        task.cancel()
        await asyncio.wait({task})
    store.close()


async def test_one_answer_covers_several_envelopes_and_draining_asks_for_it(broker: Mosquitto, tmp_path: Path) -> None:
    async with installation(tmp_path, broker) as site:
        await site.count_one_by_one(4)
        assert site.wire.answers == []
        assert await site.gateway.uplink.drain(20.0)
        await eventually(lambda: site.wire.answers == [4])
        assert [(header.first, header.last, header.patient) for header in site.wire.envelopes] == [
            (1, 1, True),
            (2, 2, True),
            (3, 3, True),
            (4, 4, True),
        ]


async def test_events_that_still_wait_for_company_go_at_once_when_the_outbox_is_drained(
    broker: Mosquitto, tmp_path: Path
) -> None:
    async with installation(tmp_path, broker, replace(USUAL, delay_s=60.0, resend_s=NEVER_S)) as site:
        site.gateway.count(2)
        assert await site.gateway.uplink.drain(10.0)
        assert [(header.first, header.last, header.patient) for header in site.wire.envelopes] == [(1, 2, False)]


async def test_the_answer_comes_at_once_when_half_of_the_window_is_under_way(broker: Mosquitto, tmp_path: Path) -> None:
    settings = replace(COSTLY, window_envelopes=4)
    async with installation(tmp_path, broker, settings) as site:
        await site.count_one_by_one(3)
        await eventually(lambda: site.wire.answers == [3])
        assert [header.patient for header in site.wire.envelopes] == [True, True, False]


async def test_a_backlog_is_answered_as_it_is_committed(broker: Mosquitto, tmp_path: Path) -> None:
    settings = replace(COSTLY, envelope_events=10, window_envelopes=2)
    async with installation(tmp_path, broker, settings) as site:
        site.gateway.count(95)
        await eventually(lambda: site.committed == 95)
        assert [header.patient for header in site.wire.envelopes[:9]] == [False] * 9


async def test_without_a_delay_every_answer_comes_at_once(broker: Mosquitto, tmp_path: Path) -> None:
    async with installation(tmp_path, broker, replace(USUAL, resend_s=NEVER_S)) as site:
        await site.count_one_by_one(1)
        await eventually(lambda: site.wire.answers == [1])
        assert not site.wire.envelopes[0].patient
