"""A collector, enrolled gateways and an attacker on one broker that lets everybody publish everywhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from genba_cloud.ingest import Ingest, Strangers, trust_of
from genba_cloud.ledger import Ledger
from genba_cloud.store import SqliteStore
from genba_cloud.store.pki import Pki
from genba_edge.core.delivery import DeliverySettings
from genba_edge.outbox import SqliteOutbox
from genba_edge.uplink import Credentials
from genba_shared import topics
from genba_shared.cli import main
from genba_shared.codec import Codec, Envelope, Header, encode
from genba_shared.events import Event, PiecesCounted, Result, Source, SourceType
from genba_shared.mqtt import MqttLink
from genba_shared.signing import new_key, public_of, signer_of, verifier_of
from tests.integration.mqtt_peers import Mosquitto, eventually
from tests.peers.gateway import UplinkGateway

START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
QUICK = DeliverySettings(resend_s=0.5, refused_s=0.1)
GOOD, TARGET = "gw-good", "gw-target"


def register(data_dir: Path, name: str) -> str:
    """`genba cloud gateway add`; the code that it prints."""
    output = StringOutput()
    with contextlib.redirect_stdout(output):
        assert main(["cloud", "gateway", "add", name, "--data", str(data_dir)]) == 0
    return output.lines[-1]


class StringOutput:
    """Takes what a command prints."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def counted(gateway: str, epoch: str, seq: int, *, delta: int = 1, note: str = "cutter1/good") -> PiecesCounted:
    return PiecesCounted(
        id=f"{gateway}:{epoch}:{seq}",
        at=START + timedelta(seconds=seq),
        source=Source(type=SourceType.PLC, ref=note),
        station="CUT-1",
        point="cutter1/good",
        result=Result.GOOD,
        delta=delta,
        total=seq,
        counter_epoch=0,
        since=START,
    )


def sealed(
    gateway: str, *events: Event, key: bytes | None, epoch: str, claims: str = "", prev: int | None = None, **more: Any
) -> bytes:
    """An envelope of the gateway, signed with that key; `claims`: another gateway's name in the header."""
    first, last = (int(event.id.rpartition(":")[2]) for event in (events[0], events[-1]))
    header = Header(
        codec=Codec.ZLIB,
        gateway=claims or gateway,
        epoch=epoch,
        first=first,
        last=last,
        prev=first - 1 if prev is None else prev,
        acked=0,
        run="0badc0de",
        wall=START,
        mono_ms=1,
        **more,
    )
    return encode(Envelope(header=header, events=events), sign=signer_of(key) if key else None)


@dataclass
class Collector:
    ledger: Ledger
    ingest: Ingest
    refused: Counter[str]

    def ids(self, gateway: str) -> list[str]:
        """The gateway's events in the log, in order."""
        ids = [row.event.id for row in self.ledger.reads.events(limit=1000).items]
        return [name for name in ids if name.startswith(f"{gateway}:")]

    def quarantined(self, gateway: str) -> list[str]:
        """Why what came from it was quarantined, the latest first."""
        return [row.reason for row in self.ledger.reads.quarantined(limit=1000) if row.gateway == gateway]

    def alarm(self, gateway: str) -> str | None:
        return next((one.alarm for one in self.ledger.reads.gateways() if one.gateway == gateway), None)


class Gateway(UplinkGateway[SqliteOutbox]):
    """The product's outbox and uplink, with a key."""

    def __init__(self, folder: Path, url: str, name: str, credentials: Credentials | None) -> None:
        folder.mkdir(exist_ok=True)
        outbox = SqliteOutbox(folder, gateway=name)
        super().__init__(name, url, folder, outbox=outbox, settings=QUICK, credentials=credentials)

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"dispatch_version": self.dispatch_version}

    def count(self, pieces: int, *, note: str = "cutter1/good") -> list[str]:
        """Make events; their ids."""
        made = self.make(pieces, lambda epoch, seq: counted(self.name, epoch, seq, note=note))
        return [event.id for event in made]

    async def stop(self) -> None:
        await self.uplink.stop()
        self.outbox.close()

    async def begin_epoch(self, epoch: str) -> None:
        """What the gateway program does when there is a copy of it and nothing is held any more."""
        await eventually(lambda: self.uplink.in_doubt)
        assert await self.uplink.drain(10.0)
        await self.uplink.stop()
        self.outbox.begin_epoch(epoch, [], {})
        self.uplink.start()


@dataclass
class Attacker:
    """Anybody who may publish and listen on the broker."""

    link: MqttLink
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    def hear(self, topic: str, payload: bytes, _retained: bool) -> None:
        self.heard.append((topic, payload))

    def send(self, gateway: str, payload: bytes) -> None:
        self.link.publish(topics.up(gateway), payload)

    def envelopes(self, gateway: str) -> list[bytes]:
        return [payload for topic, payload in self.heard if topic == topics.up(gateway)]


class Plant:
    """Everything on one broker. Gateways `GOOD` and `TARGET` are registered by the command and enrolled."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.folder, self.broker = folder, broker
        self.data = folder / "collector"
        self.keys: dict[str, bytes] = {}
        self.codes = {name: register(self.data, name) for name in (GOOD, TARGET)}
        self.pki = Pki(self.data)
        self._gateways: list[Gateway] = []

    @contextlib.asynccontextmanager
    async def collector(self, *, strangers: Strangers = Strangers.WELCOME) -> AsyncIterator[Collector]:
        store = SqliteStore(self.data)
        refused: Counter[str] = Counter()
        async with Ledger(store, now=lambda: NOW) as ledger:
            trust = trust_of(ledger, broker=self.broker.url, strangers=strangers, sign=self.pki.sign)
            ingest = Ingest(
                ledger,
                broker=self.broker.url,
                now=lambda: NOW,
                trust=trust,
                count_refused=lambda reason: refused.update([reason]),
            )
            task = asyncio.create_task(ingest.run())
            await eventually(lambda: ingest.connected)
            yield Collector(ledger, ingest, refused)
            task.cancel()
            await asyncio.wait({task})
        store.close()

    async def enrol(self, collector: Collector, name: str, *, code: str | None = None) -> Credentials:
        """What the collector does when the gateway asks; a new key each time."""
        key = new_key()
        enrolled = await collector.ledger.enrol(
            name, secret=code or self.codes[name], public_key=public_of(key), issue=self.pki.issue_gateway
        )
        assert enrolled is not None
        self.keys[name] = key
        return self.credentials(name)

    def credentials(self, name: str) -> Credentials:
        return Credentials(sign=signer_of(self.keys[name]), verify=verifier_of(self.pki.signing_public))

    def gateway(self, name: str, *, folder: str = "", credentials: Credentials | None = None) -> Gateway:
        """Start a gateway; it ends with the test."""
        keys = credentials or (self.credentials(name) if name in self.keys else None)
        gateway = Gateway(self.folder / (folder or name), self.broker.url, name, keys)
        self._gateways.append(gateway)
        gateway.uplink.start()
        return gateway

    def copy(self, gateway: Gateway, folder: str) -> None:
        """A copy of the gateway's card as it is now; the gateway must not be running."""
        shutil.copytree(gateway.folder, self.folder / folder)

    async def stop(self) -> None:
        for gateway in self._gateways:
            await gateway.stop()


@contextlib.asynccontextmanager
async def attacker_on(url: str) -> AsyncIterator[Attacker]:
    async with MqttLink(url, "attacker") as link:
        attacker = Attacker(link)
        link.on_message = attacker.hear
        link.subscribe("genba/#")
        await eventually(lambda: link.connected)
        yield attacker


def forged_state(gateway: str, **state: Any) -> bytes:
    return json.dumps({"online": True, "epoch": "0" * 32, "next_seq": {"facts": 1}, **state}).encode()
