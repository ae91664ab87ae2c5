"""The MQTT adapter with TLS, client certificates and passwords, against mosquitto."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from genba_shared.errors import UsageError
from genba_shared.mqtt import BrokerAddress, MqttLink, MqttVersion, Outage, OutageKind
from genba_shared.secret import Secret
from tests.integration.mqtt_peers import Mosquitto, eventually
from tests.peers.certificates import Authority

# paho leaves the socket of a failed handshake to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

StartBroker = Callable[[str], Mosquitto]


@pytest.fixture
def start_broker(tmp_path: Path) -> Iterator[StartBroker]:
    """Starts a mosquitto with more lines in its configuration; as root where the tests run so, to read its keys."""
    brokers: list[Mosquitto] = []

    def start(extra: str) -> Mosquitto:
        broker = Mosquitto(tmp_path, extra=f"user root\n{extra}")
        broker.start()
        brokers.append(broker)
        return broker

    yield start
    for broker in brokers:
        broker.kill()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    """A password file of mosquitto in which `edge` has the password ``right``."""
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    passwords = tmp_path / "passwords"
    command = ["mosquitto_passwd", "-b", "-c", str(passwords), "edge", "right"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return passwords


def server_lines(authority: Authority, *, host: str = "127.0.0.1", expired: bool = False) -> str:
    certificate, key = authority.issue("broker", host=host, expired=expired)
    return f"cafile {authority.ca}\ncertfile {certificate}\nkeyfile {key}\n"


def address(broker: Mosquitto, **more: object) -> BrokerAddress:
    plain = BrokerAddress(host="127.0.0.1", port=broker.port, tls=True)
    return dataclasses.replace(plain, **more)  # type: ignore[arg-type]  # names of its fields


async def outage_of(where: BrokerAddress) -> Outage:
    """Why the broker cannot be reached."""
    async with MqttLink(where, "kept-out") as link:
        await eventually(lambda: link.outage or link.connected)
        assert not link.connected
    assert link.outage is not None
    return link.outage


async def assert_comes_in(where: BrokerAddress) -> None:
    """A message comes round."""
    heard: list[bytes] = []
    async with MqttLink(where, "let-in", on_message=lambda _, payload, __: heard.append(payload)) as link:
        link.subscribe("a")
        await eventually(lambda: link.connected)
        link.publish("a", b"1")
        await eventually(lambda: heard)


@pytest.mark.parametrize("version", list(MqttVersion))
async def test_a_client_certificate_lets_in_and_its_absence_keeps_out(
    start_broker: StartBroker, authority: Authority, version: MqttVersion
) -> None:
    broker = start_broker(server_lines(authority) + "require_certificate true\n")
    certificate, key = authority.issue("gateway")
    with_certificate = address(broker, ca=authority.ca, certificate=certificate, key=key, version=version)
    await assert_comes_in(with_certificate)
    outage = await outage_of(address(broker, ca=authority.ca, version=version))
    assert outage.kind is OutageKind.SECURITY
    assert "wants a client certificate" in outage.reason


async def test_an_unknown_authority_is_named(start_broker: StartBroker, authority: Authority, tmp_path: Path) -> None:
    broker = start_broker(server_lines(authority))
    other = Authority(tmp_path, "other ca")
    for ca in (None, other.ca):
        assert await outage_of(address(broker, ca=ca)) == Outage(
            OutageKind.SECURITY,
            "the certificate of 127.0.0.1 is signed by an authority that we do not know: name its file as `ca`",
        )


async def test_a_certificate_for_another_host_is_named(start_broker: StartBroker, authority: Authority) -> None:
    broker = start_broker(server_lines(authority, host="collector.example"))
    outage = await outage_of(address(broker, ca=authority.ca))
    assert outage.reason == "the certificate of 127.0.0.1 is for another host: host name mismatch"


async def test_an_expired_certificate_is_named(start_broker: StartBroker, authority: Authority) -> None:
    broker = start_broker(server_lines(authority, expired=True))
    outage = await outage_of(address(broker, ca=authority.ca))
    assert outage.reason == "the certificate of 127.0.0.1 has expired, or the clock of this machine is wrong"


async def test_a_port_without_tls_is_named(start_broker: StartBroker, authority: Authority) -> None:
    broker = start_broker("")
    outage = await outage_of(address(broker, ca=authority.ca))
    assert outage.kind is OutageKind.SECURITY
    assert outage.reason.endswith("is it the mqtts port?")


@pytest.mark.parametrize("version", list(MqttVersion))
async def test_a_wrong_password_is_named_and_the_right_one_lets_in(
    start_broker: StartBroker, password_file: Path, version: MqttVersion
) -> None:
    broker = start_broker(f"allow_anonymous false\npassword_file {password_file}\n")
    plain = BrokerAddress(host="127.0.0.1", port=broker.port, username="edge", version=version)
    await assert_comes_in(dataclasses.replace(plain, password=Secret("right")))
    outage = await outage_of(dataclasses.replace(plain, password=Secret("wrong")))
    assert outage.kind is OutageKind.SECURITY
    assert "not authorized" in outage.reason.lower()
    anonymous = await outage_of(BrokerAddress(host="127.0.0.1", port=broker.port, version=version))
    assert anonymous.kind is OutageKind.SECURITY


async def test_a_broker_that_is_not_there_is_unreachable(start_broker: StartBroker) -> None:
    broker = start_broker("")
    broker.kill()
    outage = await outage_of(BrokerAddress(host="127.0.0.1", port=broker.port))
    assert outage.kind is OutageKind.UNREACHABLE


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("gateway")
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    locked = tmp_path / "locked.key"
    command = ["openssl", "ec", "-aes256", "-in", str(key), "-out", str(locked), "-passout", "pass:word"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    where = BrokerAddress(host="broker", port=8883, tls=True, ca=authority.ca, certificate=certificate, key=locked)
    with pytest.raises(UsageError, match="certificate files"):
        MqttLink(where, "x")
