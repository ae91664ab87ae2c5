"""Generated broker rules on real brokers: a gateway's certificate opens its own topics and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from genba_cloud.ingest import Ingest
from genba_cloud.ingest.broker_config import MQTT_PORT, mosquitto_files, nats_files
from genba_cloud.ledger import Ledger
from genba_cloud.store import SqliteStore
from genba_cloud.store.pki import COLLECTOR_NAME
from genba_cloud.store.read import Enrolment, GatewayIdentity, GatewayRecord
from genba_shared import topics
from genba_shared.broker import BrokerAddress
from genba_shared.cli import main
from genba_shared.mqtt import MqttLink, Will
from tests.integration.mqtt_peers import MOSQUITTO, eventually, nats_program, wait_for_port
from tests.peers.certificates import Authority
from tests.peers.fleet import FleetGateway
from tests.peers.nats import free_ports

ENROLLED = {"gw-1": None, "gw-2": "00ff00ff00ff00ff00ff00ff00ff00ff"}
"""Gateways, and the serial numbers in the subjects of their certificates."""
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class GuardedBroker:
    """A broker with generated rules; `address` is the way in for a name, with its certificate."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._authority = Authority(folder)
        self.certificates = self._authority.ca.parent
        self._issue("broker")
        for name in (COLLECTOR_NAME, *ENROLLED, "gw-9"):
            self._issue(name)

    def _issue(self, name: str) -> None:
        self._authority.issue(name, serial=ENROLLED.get(name))

    def address(self, name: str | None) -> BrokerAddress:
        where = BrokerAddress(host="127.0.0.1", port=self.port, tls=True, ca=self._authority.ca)
        if name is None:
            return where
        return replace(where, certificate=self.certificates / f"{name}.pem", key=self.certificates / f"{name}.key")

    def url(self, name: str) -> str:
        files = f"ca={self._authority.ca}&cert={self.certificates}/{name}.pem&key={self.certificates}/{name}.key"
        return f"mqtts://127.0.0.1:{self.port}?{files}"


@contextlib.contextmanager
def mosquitto(folder: Path) -> Iterator[GuardedBroker]:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    broker = GuardedBroker(folder, free_ports(1)[0])
    files = mosquitto_files(ENROLLED, certificates=str(broker.certificates))
    acl, settings = folder / "genba.acl", folder / "genba.conf"
    acl.write_text(files["genba.acl"])
    text = files["genba.conf"].replace("/etc/mosquitto/genba.acl", str(acl))
    settings.write_text(text.replace(f"listener {MQTT_PORT}", f"listener {broker.port} 127.0.0.1") + "user root\n")
    with running([MOSQUITTO, "-c", str(settings)], broker.port):
        yield broker


@contextlib.contextmanager
def nats(folder: Path) -> Iterator[GuardedBroker]:
    program = nats_program()
    mqtt, client = free_ports(2)
    broker = GuardedBroker(folder, mqtt)
    files = nats_files(ENROLLED, nodes=["localhost"], certificates=str(broker.certificates))
    (folder / "genba-users.conf").write_text(files["genba-users.conf"])
    text = files["genba-node-1.conf"].replace(f"0.0.0.0:{MQTT_PORT}", f"127.0.0.1:{mqtt}")
    text = text.replace("127.0.0.1:4222", f"127.0.0.1:{client}").replace("/var/lib/nats", str(folder))
    (folder / "node.conf").write_text(text)
    with running([program, "-c", str(folder / "node.conf")], mqtt):
        yield broker


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)


@pytest.fixture(params=[mosquitto, nats], ids=lambda param: param.__name__)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GuardedBroker]:
    folder = tmp_path / "broker"
    folder.mkdir()
    with request.param(folder) as broker:
        yield broker


class Ear:
    """Somebody on the broker under a certificate of theirs, who notes what comes."""

    def __init__(self, broker: GuardedBroker, name: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.link = MqttLink(broker.address(name), f"{name}-{os.urandom(4).hex()}", on_message=self._hear)

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        del retained
        self.heard.append((topic, payload))


@pytest.fixture
async def collector(broker: GuardedBroker) -> AsyncIterator[Ear]:
    collector = Ear(broker, COLLECTOR_NAME)
    collector.link.subscribe("genba/1/#")
    async with collector.link:
        await eventually(lambda: collector.link.connected)
        yield collector


async def say(ear: Ear, topic: str, payload: bytes) -> None:
    """Publish, also where the broker has just thrown us out for what we did before."""
    await eventually(lambda: ear.link.connected)
    ear.link.publish(topic, payload)


@pytest.mark.parametrize(
    "foreign",
    [
        topics.up("gw-2"),
        f"genba/1/up/{(topics.partition_of('gw-1') + 1) % 64:02d}/gw-1",
        topics.state("gw-2"),
        topics.ack("gw-1"),
        topics.ack("gw-2"),
        topics.dispatch("gw-1"),
        "genba/1/desired/gw-1",
    ],
)
async def test_what_a_gateway_publishes_under_another_topic_than_its_own_reaches_nobody(
    broker: GuardedBroker, collector: Ear, foreign: str
) -> None:
    gateway = Ear(broker, "gw-1")
    async with gateway.link:
        await say(gateway, foreign, b"foreign")

        def own_arrived() -> bool:
            with contextlib.suppress(Exception):
                gateway.link.publish(topics.up("gw-1"), b"own")
            return (topics.up("gw-1"), b"own") in collector.heard

        await eventually(own_arrived)
    assert {payload for _, payload in collector.heard} == {b"own"}


async def test_the_last_will_of_a_gateway_speaks_for_no_other(broker: GuardedBroker, collector: Ear) -> None:
    wills = [Will(topic=topics.state(name), payload=name) for name in ("gw-2", "gw-1")]  # a foreign one, its own
    for will in wills:
        gateway = MqttLink(broker.address("gw-1"), f"gw-1-{will.topic[-4:]}", will=will, retry_max_s=60.0)
        async with gateway:
            # a broker may let nobody in who brings a foreign will
            await eventually(lambda link=gateway: link.connected or link.outage)
            if gateway.connected:
                vanish(gateway)
                await eventually(lambda link=gateway: not link.connected)
    await eventually(lambda: collector.heard)
    assert {payload for _, payload in collector.heard} == {b"gw-1"}


def vanish(link: MqttLink) -> None:
    """Break the connection without a goodbye, as a power cut would."""
    connection = link._client.socket()
    assert connection is not None
    connection.shutdown(socket.SHUT_RDWR)


async def test_a_gateway_hears_what_is_for_it_and_nothing_that_is_for_another(
    broker: GuardedBroker, collector: Ear
) -> None:
    curious, victim = Ear(broker, "gw-1"), Ear(broker, "gw-2")
    for ear, name in ((curious, "gw-1"), (victim, "gw-2")):
        ear.link.subscribe(topics.ack(name))
        ear.link.subscribe(topics.dispatch_filter(name))
    async with victim.link, curious.link:
        await eventually(lambda: victim.link.connected and curious.link.connected)
        for forbidden in (topics.ack("gw-2"), topics.dispatch_filter("gw-2"), topics.UP_FILTER, "genba/1/ack/+", "#"):
            curious.link.subscribe(forbidden)

        def all_said() -> bool:
            for name in ENROLLED:
                for topic in (topics.ack(name), topics.dispatch(name), topics.dispatch_part(name, 0)):
                    collector.link.publish(topic, name.encode())
            return len({topic for topic, _ in curious.heard}) == len({topic for topic, _ in victim.heard}) == 3

        await eventually(all_said)
    assert {payload for _, payload in curious.heard} == {b"gw-1"}
    assert {payload for _, payload in victim.heard} == {b"gw-2"}


async def test_a_certificate_of_a_gateway_that_is_not_registered_opens_nothing(
    broker: GuardedBroker, collector: Ear
) -> None:
    stranger, nobody = Ear(broker, "gw-9"), MqttLink(broker.address(None), "nobody")
    async with stranger.link, nobody:
        await eventually(lambda: stranger.link.connected or stranger.link.outage)
        for topic in (topics.up("gw-9"), topics.state("gw-9"), topics.up("gw-1")):
            with contextlib.suppress(Exception):
                stranger.link.publish(topic, b"stranger")
        await eventually(lambda: nobody.outage)
        assert not nobody.connected
    registered = Ear(broker, "gw-1")
    async with registered.link:
        await say(registered, topics.state("gw-1"), b"own")
        await eventually(lambda: collector.heard)
    assert {payload for _, payload in collector.heard} == {b"own"}


async def test_a_registered_gateway_delivers_over_the_guarded_broker(broker: GuardedBroker, tmp_path: Path) -> None:
    gateway = FleetGateway("gw-1", broker.url("gw-1"), tmp_path / "gw-1")
    with contextlib.closing(SqliteStore(tmp_path / "collector")) as store:
        async with Ledger(store, now=lambda: NOW) as ledger:
            ingest = asyncio.create_task(Ingest(ledger, broker=broker.url(COLLECTOR_NAME), now=lambda: NOW).run())
            async with gateway.running():
                gateway.count(100)
                await eventually(lambda: gateway.acknowledged == 100 and gateway.documents, within_s=60)
            ingest.cancel()
            await asyncio.wait({ingest})
            assert ledger.reads.last_position() == 100


def test_the_command_writes_rules_for_registered_gateways_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    with contextlib.closing(SqliteStore(data)) as store, store.transaction() as transaction:
        transaction.put_gateway(
            GatewayRecord(gateway="gw-9", enrolment=Enrolment.UNENROLLED, online=False), dispatch_sha256=""
        )
        registered = GatewayIdentity(gateway="gw-1", enterprise="default", added_at=NOW)
        transaction.identities().put(registered)
        removed = GatewayIdentity(gateway="gw-8", enterprise="default", added_at=NOW, removed_at=NOW)
        transaction.identities().put(removed)
    arguments = ["cloud", "broker-config", "nats", "--data", str(data), "--nodes", "a.example,b.example,c.example"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    users = (tmp_path / "out" / "genba-users.conf").read_text()
    assert "CN=gw-1" in users
    assert "gw-9" not in users
    assert "gw-8" not in users
    second = (tmp_path / "out" / "genba-node-2.conf").read_text()
    assert 'routes: ["nats://a.example:6222", "nats://c.example:6222"]' in second
    assert "stream_replicas: 3" in second
    assert main(["cloud", "broker-config", "mosquitto", "--data", str(data)]) == 0
    assert "topic write genba/1/up/38/gw-1\n" in capsys.readouterr().out
