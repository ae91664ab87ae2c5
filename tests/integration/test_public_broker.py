"""The embedded broker where other machines reach it: nobody without a certificate, and each gateway its own topics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from genba_cloud.ingest import EmbeddedBroker, PublicListener
from genba_cloud.ingest.nats_access import COLLECTOR
from genba_cloud.store.pki import Pki
from genba_cloud.store.read import GatewayIdentity
from genba_edge.app.identity import GatewayIdentity as Kept
from genba_edge.app.identity import broker_of
from genba_shared import topics
from genba_shared.mqtt import BrokerAddress, MqttLink
from genba_shared.signing import new_key, public_of
from tests.integration.mqtt_peers import eventually, free_port, nats_program

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@dataclass
class Site:
    folder: Path
    pki: Pki
    broker: EmbeddedBroker
    identities: list[GatewayIdentity]
    port: int = 0
    links: int = field(default=0)

    async def enrol(self, name: str) -> BrokerAddress:
        """A key, a certificate and a place in the broker's list; how the gateway connects."""
        key = new_key()
        certificate, _ = self.pki.issue_gateway(name, public_of(key))
        known = GatewayIdentity(gateway=name, enterprise="default", added_at=NOW, public_key=public_of(key))
        self.identities[:] = [*(one for one in self.identities if one.gateway != name), known]
        await self.broker.reload()
        self.links += 1
        folder = self.folder / f"{name}-{self.links}"
        folder.mkdir()
        kept = Kept(
            gateway=name, enterprise="default", key=key.hex(), certificate=certificate, ca=self.pki.ca,
            collector="", collector_key=self.pki.signing_public.hex(), broker=f"mqtts://127.0.0.1:{self.port}",
        )  # fmt: skip
        return broker_of(kept, None, folder)

    def collector(self) -> MqttLink:
        return MqttLink(self.broker.url, "collector")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    nats_program()
    pki, identities, port = Pki(tmp_path), list[GatewayIdentity](), free_port()
    certificate, key = pki.issue_server("broker", ["127.0.0.1"])
    client = pki.issue_server("collector", [COLLECTOR])
    public = PublicListener(
        host="127.0.0.1", port=port, certificate=certificate, key=key, ca=pki.ca_file, client=client
    )
    async with EmbeddedBroker(tmp_path, public=public, identities=lambda: identities) as broker:
        yield Site(folder=tmp_path, pki=pki, broker=broker, identities=identities, port=port)


async def test_a_gateway_speaks_and_listens_on_its_own_topics_and_on_no_others(site: Site) -> None:
    mine, other = await site.enrol("gw-1"), await site.enrol("gw-2")
    heard: list[str] = []
    overheard: list[str] = []
    async with site.collector() as collector, MqttLink(mine, "gw-1") as link, MqttLink(other, "gw-2") as spy:
        collector.on_message = lambda topic, payload, _: heard.append(f"{topic} {payload.decode()}")
        collector.subscribe("genba/1/#")
        link.on_message = lambda topic, payload, _: overheard.append(f"gw-1 {topic}")
        spy.on_message = lambda topic, payload, _: overheard.append(f"gw-2 {topic}")
        link.subscribe(topics.ack("gw-1"))
        link.subscribe(topics.dispatch_filter("gw-1"))
        spy.subscribe(topics.ack("gw-2"))
        spy.subscribe(topics.ack("gw-1"))
        await eventually(lambda: collector.connected and link.connected and spy.connected)
        spy.publish(topics.up("gw-1"), "forged")
        spy.publish(topics.ack("gw-1"), "forged")
        spy.publish(topics.state("gw-1"), "forged", retain=True)
        spy.publish(topics.up("gw-2"), "true")
        link.publish(topics.up("gw-1"), "true")
        await eventually(lambda: len(heard) >= 2)
        collector.publish(topics.ack("gw-1"), "ack")
        collector.publish(topics.dispatch("gw-1"), "dispatch", retain=True)
        collector.publish(topics.dispatch_part("gw-1", 0), "part", retain=True)
        await eventually(lambda: len([one for one in overheard if one.startswith("gw-1")]) == 3)
        collector.publish(topics.ack("gw-2"), "ack")
        await eventually(lambda: f"gw-2 {topics.ack('gw-2')}" in overheard)
    assert not [one for one in heard if "forged" in one]
    assert not [one for one in overheard if one == f"gw-2 {topics.ack('gw-1')}"]


async def test_nobody_enters_without_a_certificate_or_with_the_one_of_an_old_card(site: Site) -> None:
    old = await site.enrol("gw-1")
    async with MqttLink(old, "gw-1") as link:
        await eventually(lambda: link.connected)
        new = await site.enrol("gw-1")  # on another card: the old one loses its connection
        await eventually(lambda: not link.connected)
        async with MqttLink(new, "gw-1-new") as better:
            await eventually(lambda: better.connected)
            bare = replace(new, certificate=None, key=None)
            async with MqttLink(bare, "bare") as nobody:
                await eventually(lambda: nobody.outage is not None)
                assert not nobody.connected
            await eventually(lambda: link.outage is not None)
            assert not link.connected
            assert better.connected
