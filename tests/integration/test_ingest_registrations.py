"""Whom ingest believes while registrations cannot be read, and what it says where it cannot sign."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from genba_cloud.ingest import Ingest, Strangers
from genba_cloud.ingest.fair_queue import Message
from genba_cloud.ingest.trust import Trust
from genba_cloud.ledger import EnvelopeBatch, Ledger
from genba_cloud.ledger import registry as module
from genba_cloud.ledger.registry import Registry
from genba_cloud.store import SqliteStore, StoreAway
from genba_cloud.store.read import GatewayIdentity
from genba_shared import topics
from genba_shared.acknowledgement import Acknowledgement
from genba_shared.codec import Lane
from genba_shared.signing import new_key, public_of
from tests.integration.demo_gateway import EPOCH, GATEWAY, minute, next_envelope, started


@dataclass
class Registrations:
    rows: tuple[GatewayIdentity, ...] = ()
    is_away: bool = False
    asked: list[bool] = field(default_factory=list)

    def load(self) -> tuple[GatewayIdentity, ...]:
        self.asked.append(self.is_away)
        if self.is_away:
            raise StoreAway("gone")
        return self.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    registrations: Registrations
    ingest: Ingest

    def read(self) -> list[type]:
        """Kinds of what the ledger would have to do with an unsigned envelope of the gateway."""
        message = Message(topic=topics.up(GATEWAY), payload=next_envelope(started(1)), retained=False, arrived_s=0.0)
        return [type(task) for task in self.ingest._read([message])]


@pytest_asyncio.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(module, "REFRESH_S", 0.0)
    monkeypatch.setattr(module, "AGAIN_S", 0.0)
    registrations = Registrations()
    trust = Trust(registry=Registry(registrations.load), enterprise="default", strangers=Strangers.WELCOME)
    store = SqliteStore(tmp_path)
    async with Ledger(store, now=lambda: minute(100)) as ledger:
        ingest = Ingest(ledger, broker="mqtt://127.0.0.1:1", now=lambda: minute(100), trust=trust)
        yield Scene(registrations=registrations, ingest=ingest)
    store.close()


async def test_an_unknown_gateway_waits_while_registrations_cannot_be_read(scene: Scene) -> None:
    """It may have been registered since: then what is not signed with its key must not be taken under its name."""
    scene.registrations.is_away = True
    assert scene.read() == []
    scene.registrations.is_away = False
    assert scene.read() == [EnvelopeBatch]
    scene.registrations.is_away = True
    assert scene.read() == []
    assert scene.registrations.asked == [True, False, True]


async def test_an_enrolled_gateway_that_cannot_be_answered_is_said_once(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    enrolled = GatewayIdentity(
        gateway=GATEWAY, enterprise="default", added_at=minute(0), public_key=public_of(new_key())
    )
    scene.registrations.rows = (enrolled,)
    scene.read()
    answer = Acknowledgement(lane=Lane.FACTS, epoch=EPOCH, upto=1)
    caplog.clear()
    assert [scene.ingest._signed(GATEWAY, answer) for _ in range(2)] == [answer, answer]
    (record,) = caplog.records
    assert record.message.startswith(f"cannot sign gateway={GATEWAY}: it is enrolled and believes no answer")
