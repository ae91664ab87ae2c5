"""The MQTT adapter against a broker that we did not write."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import socket
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from genba_shared.errors import UplinkError, UsageError
from genba_shared.mqtt import BrokerAddress, MqttLink, Outage, OutageKind, Will
from tests.integration.mqtt_peers import Mosquitto, Wire, eventually, free_port


class Ear:
    """A link that notes what it hears."""

    def __init__(self, url: str, name: str = "ear", *, will: Will | None = None) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self.connects = 0
        self.outages: list[str] = []
        self.link = MqttLink(
            url,
            name,
            will=will,
            on_message=lambda *message: self.heard.append(message),
            on_connect=self._count,
            on_disconnect=self.outages.append,
        )

    def _count(self) -> None:
        self.connects += 1


async def test_a_message_reaches_the_subscriber_and_a_retained_one_is_marked(broker: Mosquitto) -> None:
    first, second = Ear(broker.url), Ear(broker.url, "late")
    first.link.subscribe("a/#")
    async with first.link:
        await eventually(lambda: first.link.connected)
        first.link.publish("a/live", b"1")
        first.link.publish("a/kept", "2", qos=1, retain=True)
        await eventually(lambda: len(first.heard) == 2)
        second.link.subscribe("a/#")
        async with second.link:
            await eventually(lambda: second.heard)
    assert first.heard == [("a/live", b"1", False), ("a/kept", b"2", False)]
    assert second.heard == [("a/kept", b"2", True)]


async def test_a_broker_that_comes_back_and_refuses_us_is_one_outage_with_the_newest_reason(broker: Mosquitto) -> None:
    ear = Ear(broker.url)
    async with ear.link:
        await eventually(lambda: ear.connects == 1)
        broker.kill()
        await eventually(lambda: ear.link.outage)
        broker.forbid_strangers()
        broker.start()
        await eventually(lambda: ear.link.outage is not None and ear.link.outage.kind is OutageKind.SECURITY)
    assert ear.outages == ["connection lost"]
    assert ear.link.outage == Outage(OutageKind.SECURITY, "broker refused: Not authorized")


async def test_the_link_comes_back_and_subscribes_again_when_the_broker_was_killed(broker: Mosquitto) -> None:
    ear = Ear(broker.url)
    ear.link.subscribe("a")
    async with ear.link:
        await eventually(lambda: ear.connects == 1)
        broker.kill()
        await eventually(lambda: not ear.link.connected)
        with pytest.raises(UplinkError, match="not connected"):
            ear.link.publish("a", b"lost")
        broker.start()
        await eventually(lambda: ear.connects == 2)
        ear.link.publish("a", b"back")
        await eventually(lambda: ear.heard)
    assert ear.heard == [("a", b"back", False)]
    assert len(ear.outages) == 1


async def test_the_link_waits_for_a_broker_that_starts_later(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    ear = Ear(broker.url)
    async with ear.link:
        await eventually(lambda: ear.outages)
        broker.start()
        try:
            await eventually(lambda: ear.connects == 1)
            outages = list(ear.outages)
        finally:
            broker.kill()
    assert len(outages) == 1
    assert "refused" in outages[0].lower()


async def test_the_will_is_published_when_the_link_is_cut_and_not_at_a_goodbye(broker: Mosquitto) -> None:
    ear = Ear(broker.url)
    ear.link.subscribe("state/+")
    async with ear.link, Wire(broker.port) as wire:
        await eventually(lambda: ear.connects)
        async with Ear(broker.url, "polite", will=Will(topic="state/polite", payload=b"gone")).link as polite:
            await eventually(lambda: polite.connected)
        async with Ear(wire.url, "torn", will=Will(topic="state/torn", payload=b"gone")).link as torn:
            await eventually(lambda: torn.connected)
            wire.cut()
            await eventually(lambda: ear.heard)
    assert ear.heard == [("state/torn", b"gone", False)]


async def test_what_was_published_before_leaving_is_on_the_wire(broker: Mosquitto) -> None:
    ear = Ear(broker.url)
    ear.link.subscribe("a")
    async with ear.link:
        await eventually(lambda: ear.connects)
        async with Ear(broker.url, "leaving").link as leaving:
            await eventually(lambda: leaving.connected)
            for number in range(50):
                leaving.publish("a", str(number))
        await eventually(lambda: len(ear.heard) == 50)
    assert [int(payload) for _, payload, _ in ear.heard] == list(range(50))


async def test_memory_is_bounded_when_the_broker_does_not_read() -> None:
    """A peer that accepts us and then never reads: what it does not take is refused, not queued for ever."""

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"\x20\x02\x00\x00")  # CONNACK, accepted
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # a StreamReader does not show its transport
        await stop.wait()
        writer.close()

    stop = asyncio.Event()
    server = await asyncio.start_server(deaf, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sent, refusal = 0, ""
    async with Ear(f"mqtt://127.0.0.1:{port}").link as link:
        await eventually(lambda: link.connected)
        try:
            while sent < 1000:
                link.publish("a", bytes(100_000))
                sent += 1
                await asyncio.sleep(0)
        except UplinkError as exc:
            refusal = str(exc)
        stop.set()
    server.close()
    assert "does not read" in refusal
    assert 40 <= sent <= 400  # 4 MB here, and what the kernel's socket buffers hold


async def test_a_peer_that_speaks_nonsense_does_not_kill_the_link() -> None:
    noise = random.Random(3)
    connections = 0

    async def speak_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read(1)
        writer.write(b"\x20\x02\x00\x00")  # CONNACK, accepted
        for _ in range(20):
            kind, body = noise.choice((0x30, 0x32, 0x40, 0x90, 0xE0, 0x20)), noise.randbytes(noise.randint(0, 12))
            writer.write(bytes((kind, len(body))) + body)
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak_nonsense, "127.0.0.1", 0)
    async with Ear(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}").link:
        await eventually(lambda: connections >= 10)
    server.close()


async def test_leaving_is_quick_while_the_broker_is_away() -> None:
    ear = Ear(f"mqtt://127.0.0.1:{free_port()}")
    async with ear.link:
        await eventually(lambda: ear.outages)
    async with asyncio.timeout(3):
        async with ear.link:
            pass


async def test_a_refused_login_is_reported_once_and_tried_again(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path, extra="allow_anonymous false\n")
    broker.start()
    ear = Ear(broker.url)
    try:
        async with ear.link:
            await eventually(lambda: ear.outages)
    finally:
        broker.kill()
    assert "refused" in ear.outages[0]
    assert "authori" in ear.outages[0].lower()


def make_certificates(folder: Path) -> None:
    """A CA and a server certificate for 127.0.0.1, made by openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for command in (
        ["req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test ca"],
        ["req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=broker"],
        [
            *("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-out", "server.pem", "-days", "2", "-extfile", "san"),
        ],
    ):
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True, timeout=30)


# paho leaves the socket of a failed handshake to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_tls_is_used_and_an_unknown_certificate_is_refused(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    secure = f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key\nuser root\n"
    broker = Mosquitto(tmp_path, extra=secure)
    broker.start()
    trusting = Ear(f"mqtts://127.0.0.1:{broker.port}?ca={tmp_path}/ca.pem")
    trusting.link.subscribe("a")
    strict, plain = Ear(f"mqtts://127.0.0.1:{broker.port}", "strict"), Ear(broker.url, "plain")
    try:
        async with trusting.link, strict.link, plain.link:
            await eventually(lambda: trusting.connects and strict.outages and plain.outages)
            trusting.link.publish("a", b"secret")
            await eventually(lambda: trusting.heard)
            assert (strict.connects, plain.connects) == (0, 0)
    finally:
        broker.kill()
    assert "signed by an authority that we do not know" in strict.outages[0]


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("mqtt://broker", "broker", 1883, False),
        ("mqtt://[::1]:1884", "::1", 1884, False),
        ("mqtts://user:p%40ss@broker?ca=/etc/ca.pem", "broker", 8883, True),
    ],
)
def test_broker_addresses(url: str, host: str, port: int, *, tls: bool) -> None:
    address = BrokerAddress.parse(url)
    assert (address.host, address.port, address.tls) == (host, port, tls)
    assert "p@ss" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        *("broker", "http://broker", "mqtt://", "mqtt://broker:port", "mqtt://broker/topic", "mqtt://broker?ca=x"),
        *("mqtts://broker?cert=x", "mqtts://broker?insecure=1", "mqtt://broker?qos=2"),
        *("mqtt://a:1883,b:1883", "mqtt://a,mqtt://a:1883", "mqtt://a,http://b"),
    ],
)
def test_other_addresses_are_refused_with_the_right_form(url: str) -> None:
    with pytest.raises(UsageError, match="mqtt"):
        BrokerAddress.parse(url)


def test_the_nodes_of_a_cluster_are_written_one_behind_the_other() -> None:
    address = BrokerAddress.parse("mqtt://a:1,mqtts://user:p,w@b?ca=/etc/ca.pem, mqtt://c?qos=1")
    assert repr(address) == "mqtt://a:1,mqtts://b:8883,mqtt://c:1883"
    first, second, third = address.nodes
    assert (first.host, first.others, second.username, third.qos) == ("a", (), "user", 1)
    assert second.password is not None
    assert second.password.reveal() == "p,w"


async def test_the_next_node_is_taken_where_one_is_away_or_does_not_answer(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nodes = f"mqtt://127.0.0.1:{silent.getsockname()[1]},mqtt://127.0.0.1:{free_port()},{broker.url}"
        ears = [MqttLink(nodes, f"client-{number}", connect_timeout_s=0.5) for number in range(6)]
        assert len({str(link.address) for link in ears}) == 3  # clients spread over the nodes
        try:
            async with AsyncExitStack() as stack:
                for link in ears:
                    await stack.enter_async_context(link)
                await eventually(lambda: all(link.connected for link in ears))
                assert {str(link.address) for link in ears} == {broker.url}
        finally:
            broker.kill()


def test_a_certificate_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="certificate files"):
        MqttLink("mqtts://127.0.0.1?ca=/nowhere/ca.pem", "x")


def test_without_paho_the_module_imports_and_use_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['paho'] = None\n"
        "from genba_shared.mqtt import MqttLink\n"
        "from genba_shared.errors import UsageError\n"
        "try: MqttLink('mqtt://x', 'y')\n"
        "except UsageError as exc: print(exc)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert "pip install 'genba[edge]'" in shown.stdout
