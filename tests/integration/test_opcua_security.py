"""Protected OPC UA connections, against node-opcua: policies, certificates, users, and never anything weaker."""

from __future__ import annotations

import logging
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from genba_edge.drivers.opcua import OpcUaDriver
from genba_edge.drivers.opcua_keys import Keys, fingerprint_of, validity_of
from genba_edge.ports import DeviceLost, Failure
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import (
    OpcUaDevice,
    OpcUaPoint,
    PointType,
    SecurityMode,
    SecurityPolicy,
    SecuritySettings,
)
from genba_shared.secret import Secret
from tests.peers.process import OpcUaPeer
from tests.peers.recorder import log_lines, running

pytestmark = pytest.mark.peer("node-opcua")

USER = SecuritySettings(user="edge", password=Secret("sesame"))


@pytest.fixture(scope="module")
def secure_peer(opcua_peer_script: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpcUaPeer]:
    """One server with only encrypted endpoints for all tests that leave it as it is."""
    with OpcUaPeer(opcua_peer_script, str(tmp_path_factory.mktemp("secure_peer")), "secure") as peer:
        yield peer


def driver_of(peer: OpcUaPeer, state: Path, security: SecuritySettings | None = None) -> OpcUaDriver:
    device = OpcUaDevice(
        id="cutter1",
        url=peer.url,
        security=security or SecuritySettings(),
        points={
            "parts": OpcUaPoint(name="parts", type=PointType.UINT32, node="nsu=urn:genba:peer;s=parts", sampling_s=0.05)
        },
        reconnect_max_s=0.3,
        timeout_s=4.0,
    )
    return OpcUaDriver(device, ProductionClock(), state_dir=state)


async def reason_of_loss(driver: OpcUaDriver) -> str:
    """Why a driver cannot connect; nothing must have been read."""
    async with running(driver) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
        assert recorder.samples("parts") == []
    assert driver.meter.failures[Failure.SECURITY] >= 1
    return recorder.of(DeviceLost)[0].reason


@pytest.mark.parametrize("mode", list(SecurityMode))
async def test_the_default_policy_reads_in_both_modes(
    secure_peer: OpcUaPeer, tmp_path: Path, mode: SecurityMode
) -> None:
    secure_peer.tell("set parts 7")
    driver = driver_of(secure_peer, tmp_path, SecuritySettings(mode=mode))
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.latest("parts") == 7)
    assert driver.meter.details["security"] == f"Basic256Sha256/{mode}"


@pytest.mark.parametrize("policy", [SecurityPolicy.AES128_SHA256, SecurityPolicy.AES256_SHA256])
async def test_the_aes_policies_read(
    start_opcua_peer: Callable[..., OpcUaPeer], tmp_path: Path, policy: SecurityPolicy
) -> None:
    peer = start_opcua_peer("aes")
    peer.tell("set parts 7")
    driver = driver_of(peer, tmp_path, SecuritySettings(policy=policy))
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.latest("parts") == 7)


async def test_a_policy_that_the_server_does_not_offer_is_refused_with_what_it_offers(
    secure_peer: OpcUaPeer, tmp_path: Path
) -> None:
    reason = await reason_of_loss(
        driver_of(secure_peer, tmp_path, SecuritySettings(policy=SecurityPolicy.AES256_SHA256))
    )
    assert reason.partition(" does ")[2] == (
        "not offer Aes256_Sha256_RsaPss/SignAndEncrypt; it offers Basic256Sha256/Sign, Basic256Sha256/SignAndEncrypt: "
        "write security: {policy: Basic256Sha256, mode: SignAndEncrypt}"
    )


async def test_an_open_server_is_not_read_without_encryption_by_itself(opcua_peer: OpcUaPeer, tmp_path: Path) -> None:
    reason = await reason_of_loss(driver_of(opcua_peer, tmp_path))
    assert reason.endswith(
        "does not offer Basic256Sha256/SignAndEncrypt; it offers none: switch on Basic256Sha256 at the server, "
        "or write security: {policy: none} where the network is closed"
    )
    assert opcua_peer.ask("sessions") == "0"


async def test_the_first_certificate_is_pinned_and_another_one_refused(
    secure_peer: OpcUaPeer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="genba_edge"):
        async with running(driver_of(secure_peer, tmp_path)) as recorder:
            await recorder.until(lambda: bool(recorder.samples("parts")))
    pinned = tmp_path / "opcua" / "servers" / "cutter1.der"
    fingerprint = fingerprint_of(pinned.read_bytes())
    assert log_lines(caplog.records, of="server certificate pinned") == [
        f"server certificate pinned device=cutter1 fingerprint={fingerprint}"
    ]
    pinned.write_bytes((tmp_path / "opcua" / "genba-edge.der").read_bytes())
    reason = await reason_of_loss(driver_of(secure_peer, tmp_path))
    assert f"shows another certificate ({fingerprint}) than at the first connection" in reason
    assert f"if the server has a new certificate, delete {pinned}" in reason


async def test_a_fingerprint_in_the_map_must_match(secure_peer: OpcUaPeer, tmp_path: Path) -> None:
    other = SecuritySettings(server_fingerprint=f"sha256:{'ab' * 32}")
    reason = await reason_of_loss(driver_of(secure_peer, tmp_path, other))
    seen = reason.partition('write server_fingerprint: "')[2].partition('"')[0]
    async with running(driver_of(secure_peer, tmp_path, SecuritySettings(server_fingerprint=seen))) as recorder:
        await recorder.until(lambda: bool(recorder.samples("parts")))
    assert not (tmp_path / "opcua" / "servers").exists()


async def test_a_server_that_does_not_trust_us_is_said_with_the_file_to_trust(
    start_opcua_peer: Callable[..., OpcUaPeer], tmp_path: Path
) -> None:
    peer = start_opcua_peer("secure", "strict")
    state = tmp_path / "state"
    reason = await reason_of_loss(driver_of(peer, state))
    own = state / "opcua" / "genba-edge.der"
    assert f"trust {own} at the server" in reason
    assert not (state / "opcua" / "servers").exists()
    trusted = Path(peer.folder) / "pki" / "trusted" / "certs"
    rejected = Path(peer.folder) / "pki" / "rejected"
    peer.stop()
    shutil.rmtree(rejected, ignore_errors=True)
    shutil.copy(own, trusted / "genba-edge.der")
    peer.start()
    async with running(driver_of(peer, state)) as recorder:
        await recorder.until(lambda: bool(recorder.samples("parts")))


async def test_a_user_signs_in_and_a_wrong_password_is_said(
    start_opcua_peer: Callable[..., OpcUaPeer], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    peer = start_opcua_peer("secure", "users")
    with caplog.at_level(logging.DEBUG, logger="genba_edge"):
        async with running(driver_of(peer, tmp_path, USER)) as recorder:
            await recorder.until(lambda: bool(recorder.samples("parts")))
        wrong = await reason_of_loss(driver_of(peer, tmp_path, replace(USER, password=Secret("barley"))))
        nobody = await reason_of_loss(driver_of(peer, tmp_path))
    assert "refuses the user edge (Bad" in wrong
    assert "refuses a connection without a user" in nobody
    assert "sesame" not in caplog.text
    assert "barley" not in caplog.text


@pytest.mark.parametrize("open_way", [{"policy": SecurityPolicy.NONE}, {"mode": SecurityMode.SIGN}])
async def test_a_password_never_leaves_over_a_connection_that_can_be_read(
    opcua_peer: OpcUaPeer, tmp_path: Path, open_way: dict[str, Any]
) -> None:
    reason = await reason_of_loss(driver_of(opcua_peer, tmp_path, replace(USER, **open_way)))
    assert reason == "a user signs in only over an encrypted connection"


async def test_a_server_without_users_is_said(secure_peer: OpcUaPeer, tmp_path: Path) -> None:
    settings = replace(USER, mode=SecurityMode.SIGN_AND_ENCRYPT)
    reason = await reason_of_loss(driver_of(secure_peer, tmp_path, settings))
    assert "refuses the user edge" in reason or "takes no user and password" in reason


def test_our_key_is_ours_alone_and_made_once(tmp_path: Path) -> None:
    own = Keys(tmp_path / "opcua").own()
    assert stat.S_IMODE(own.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(own.key.parent.stat().st_mode) == 0o700
    before = own.certificate.read_bytes(), own.key.read_bytes()
    assert Keys(tmp_path / "opcua").own() == own
    assert (own.certificate.read_bytes(), own.key.read_bytes()) == before
    names = x509.load_der_x509_certificate(before[0]).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == [own.uri]
    assert names.value.get_values_for_type(x509.DNSName)


def test_our_certificate_stays_when_the_machine_gets_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Keys(tmp_path).own()
    monkeypatch.setattr("socket.gethostname", lambda: "container-7f3a")
    assert Keys(tmp_path).own() == own


def at_the_time(patch: pytest.MonkeyPatch, now: datetime) -> None:
    patch.setattr("genba_edge.drivers.opcua_keys._now", lambda: now)


def test_an_expired_certificate_is_made_anew_with_the_same_key_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keys = Keys(tmp_path)
    old = keys.own()
    key, certificate = old.key.read_bytes(), old.certificate.read_bytes()
    assert not caplog.records
    at_the_time(monkeypatch, old.expires + timedelta(days=1))
    new = keys.own()
    assert new.expires > old.expires + timedelta(days=3000)
    assert new.key.read_bytes() == key
    assert (tmp_path / "genba-edge.der.old").read_bytes() == certificate
    assert [record.getMessage() for record in caplog.records] == [
        f"own certificate replaced file={new.certificate}: trust the new one at every server"
    ]


def test_no_certificate_is_made_while_the_clock_was_never_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(tmp_path)
    with monkeypatch.context() as patch:
        at_the_time(patch, datetime(1970, 1, 1, 0, 5, tzinfo=UTC))
        with pytest.raises(OSError, match="the clock of the gateway shows 1970-01-01: set it first"):
            keys.own()
    own = keys.own()
    at_the_time(monkeypatch, datetime(1970, 1, 1, 0, 5, tzinfo=UTC))
    assert keys.own() == own


def test_a_damaged_key_is_made_anew(tmp_path: Path) -> None:
    own = Keys(tmp_path).own()
    own.key.write_bytes(b"power was cut")
    assert Keys(tmp_path).own().key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY")


@pytest.mark.parametrize(
    ("days", "said"),
    [(-1, "expired on 2026-01-04"), (10, "expires soon, on 2026-01-15"), (100, "valid until 2026-04-15")],
)
def test_people_are_warned_before_a_certificate_expires(days: int, said: str) -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    assert validity_of(now + timedelta(days=days), now=now) == said
