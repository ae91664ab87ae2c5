"""A gateway enrols with a one-time code: over TLS to the very collector that made it, once, and in time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from genba_cloud.core.delivery import Reach
from genba_cloud.ingest.acknowledging import answer_to_hello
from genba_cloud.ledger import EnvelopeBatch, GatewaySeen
from genba_cloud.ledger.registrations import add_gateway, enrol
from genba_cloud.store import open_reader
from genba_cloud.store.pki import Pki, pin_of
from genba_edge.app.certificate_care import is_due
from genba_edge.app.enrolment_client import renew
from genba_edge.app.identity import broker_of, certificate_of, load_identity
from genba_shared.cli import main
from genba_shared.events import PiecesCounted, Result, Source, SourceType
from genba_shared.signing import new_key, public_of, to_base64
from tests.browser.support import Bench, bench
from tests.e2e.demo_run import wait_for
from tests.integration.mqtt_peers import free_port
from tests.peers.certificates import Authority
from tests.peers.process import ModbusPeer

MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: cutter1
    protocol: modbus
    host: 127.0.0.1:5999
    points: {good: {at: 40001, type: uint16, counter: {max_rate: 60/min}}}
stations:
  CUT-1: {device: cutter1, counts: {good: good}}
"""


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        yield running


async def code_of(desk: Bench, gateway: str = "gw-1") -> str:
    return str((await desk["admin"].post("/api/v1/gateways", json={"gateway": gateway})).json()["code"])


def body(code: str, *, gateway: str = "gw-1", key: bytes | None = None) -> dict[str, Any]:
    return {"gateway": gateway, "code": code, "public_key": to_base64(public_of(key or new_key()))}


async def test_a_code_works_once(desk: Bench) -> None:
    code = await code_of(desk)
    first = await desk["nobody"].post("/api/v1/enrol", json=body(code))
    assert first.status_code == 200
    assert first.json()["gateway"] == "gw-1"
    assert (await desk["nobody"].post("/api/v1/enrol", json=body(code))).status_code == 403


async def test_no_gateway_may_have_the_name_by_which_a_broker_knows_the_collector(desk: Bench) -> None:
    refused = await desk["admin"].post("/api/v1/gateways", json={"gateway": "genba-collector"})
    assert refused.status_code == 422
    assert "the name by which brokers know the collector" in refused.text


async def test_a_code_of_another_gateway_and_a_guessed_one_are_refused_alike(desk: Bench) -> None:
    code = await code_of(desk)
    await code_of(desk, "gw-2")
    answers = [
        await desk["nobody"].post("/api/v1/enrol", json=body(*pair[:1], gateway=pair[1]))
        for pair in ((code, "gw-2"), ("0" * 32, "gw-1"), ("0" * 32, "gw-never-heard-of"))
    ]
    assert {(answer.status_code, answer.json()["detail"]) for answer in answers} == {
        (403, "the code is wrong, used or expired: `genba cloud gateway renew NAME` prints a new one")
    }
    assert (await desk["nobody"].post("/api/v1/enrol", json=body(code))).status_code == 200


async def test_who_guesses_is_slowed_down(desk: Bench) -> None:
    await code_of(desk)
    answers = [(await desk["nobody"].post("/api/v1/enrol", json=body("0" * 32))).status_code for _ in range(22)]
    assert answers == [403] * 20 + [429] * 2


async def test_a_code_expires(desk: Bench, tmp_path: Path) -> None:
    ledger, now = desk.collector.ledger, datetime.now(UTC)
    await code_of(desk)
    (identity,) = ledger.reads.identities()
    assert identity.code_until is not None
    assert timedelta(hours=23) < identity.code_until - now < timedelta(hours=25)

    def late(transaction: Any) -> object:
        invited = add_gateway(transaction, "gw-2", enterprise="default", site=None, now=now - timedelta(hours=25))
        return enrol(
            transaction,
            "gw-2",
            secret=invited.secret,  # type: ignore[union-attr] # it is a new gateway
            public_key=public_of(new_key()),
            now=now,
            issue=desk.collector.pki.issue_gateway,
        )

    assert await ledger._run(late) is None


def envelope(run: str, delta: int) -> EnvelopeBatch:
    event = PiecesCounted(
        id=f"gw-1:{'e' * 32}:1",
        at=datetime(2026, 1, 5, 7, 0, tzinfo=UTC),
        source=Source(type=SourceType.PLC, ref="cutter1/good"),
        station="CUT-1",
        point="cutter1/good",
        result=Result.GOOD,
        delta=delta,
        total=delta,
        counter_epoch=0,
        since=datetime(2026, 1, 5, 6, 59, tzinfo=UTC),
    )
    reach = Reach(first=1, last=1, prev=0, acked=0, run=run)
    return EnvelopeBatch(gateway="gw-1", lane="facts", epoch="e" * 32, reach=reach, events=(event,))


async def test_the_alarm_about_a_copy_is_shown_everywhere_until_the_gateway_is_enrolled_again(desk: Bench) -> None:
    ledger = desk.collector.ledger
    assert not (await ledger.append(envelope("0000000a", 1))).forked
    assert not (await ledger.append(envelope("0000000b", 1))).forked  # the same event, from a restarted gateway
    assert (await ledger.append(envelope("0000000c", 5))).forked
    state = {"online": True, "epoch": "e" * 32, "run": "0000000c", "acked": {"facts": 0}}
    for run, is_told in (("0000000c", True), ("0000000d", False)):  # an answer that got lost is given again
        seen = GatewaySeen(gateway="gw-1", state={**state, "run": run}, seen_at=None)
        answer = answer_to_hello(seen, (await ledger.see_gateway(seen)).record)
        assert answer is not None
        assert answer.forked is is_told
    assert ledger.reads.last_position() == 2  # the event, and the alarm once
    assert len(ledger.reads.quarantined()) == 1
    (listed,) = (await desk["reader"].get("/api/v1/gateways")).json()["items"]
    assert "two gateways share the identity of gw-1" in listed["alarm"]
    assert "alarm: two gateways share this identity" in (await desk["board"].get("/board/gateways")).text
    (event,) = (await desk["reader"].get("/api/v1/events?kind=data_questioned")).json()["items"]
    assert (event["cause"], event["point"]) == ("identity", "gw-1")
    await desk["nobody"].post("/api/v1/enrol", json=body(await code_of(desk)))
    assert (await desk["reader"].get("/api/v1/gateways")).json()["items"][0]["alarm"] is None


async def test_nothing_secret_is_listed_and_only_the_hash_of_a_code_is_kept(desk: Bench) -> None:
    code = await code_of(desk)
    listed = await desk["admin"].get("/api/v1/gateways/registered")
    assert [row["gateway"] for row in listed.json()["items"]] == ["gw-1"]
    assert code not in listed.text
    (identity,) = desk.collector.ledger.reads.identities()
    assert identity.code_hash is not None
    assert code.encode() not in identity.code_hash


@contextlib.contextmanager
def running(log: Path, *command: str) -> Iterator[None]:
    """A command of genba as a process, for the time of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "genba_shared.cli", *command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "GENBA_PARENT": str(os.getpid())},
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@contextlib.contextmanager
def collector(folder: Path, *options: str) -> Iterator[str]:
    """`genba cloud serve` as a process; its URL."""
    log, data = folder / "serve.log", str(folder / "data")
    with running(log, "cloud", "serve", "--data", data, "--listen", "127.0.0.1:0", *options):
        ready = wait_for(
            "ready", lambda: next((x for x in log.read_text().splitlines() if x.startswith("ready")), None)
        )
        yield ready.split("url=")[1].split()[0]


def code_from(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    capsys.readouterr()
    assert main(["cloud", "gateway", *command]) == 0
    return capsys.readouterr().out.splitlines()[-1]


def test_a_gateway_enrols_with_the_collector_that_the_code_names_and_with_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    certificate = authority.issue("collector")
    plant, data, state = tmp_path / "plant.yaml", tmp_path / "data", tmp_path / "state"
    plant.write_text(MAP)
    with collector(tmp_path, "--tls-cert", str(certificate[0]), "--tls-key", str(certificate[1])) as url:
        code = code_from(capsys, "add", "gw-1", "--data", str(data))
        secret, _, pin = code.partition(".")
        assert pin == pin_of(certificate[0])
        enrol_it = ["edge", "enrol", str(plant), "--collector", url, "--state", str(state)]
        other = "0" * 32
        monkeypatch.setenv("GENBA_ENROL_CODE", f"{secret}.{other}")
        assert main(enrol_it) == 2
        assert "another certificate" in capsys.readouterr().err
        (tmp_path / "code").write_text(code + "\n")
        assert main([*enrol_it, "--code-file", str(tmp_path / "code")]) == 0
        identity = load_identity(state, gateway="gw-1")
        assert identity is not None
        assert stat.S_IMODE((state / "identity.json").stat().st_mode) == 0o600
        assert identity.fingerprint[:16] in capsys.readouterr().out
        assert main(["cloud", "gateway", "list", "--data", str(data)]) == 0
        assert f"enrolled  key={identity.fingerprint[:16]}" in capsys.readouterr().out
        assert not is_due(identity, now=datetime.now(UTC))
        assert is_due(identity, now=datetime.now(UTC) + timedelta(days=250))
        renewed = renew(identity)
        assert (renewed.key, renewed.ca) == (identity.key, identity.ca)
        assert renewed.certificate != identity.certificate
        assert certificate_of(renewed)[1] >= certificate_of(identity)[1]
        assert main(["cloud", "gateway", "remove", "gw-1", "--data", str(data)]) == 0
        with pytest.raises(Exception, match="the collector refuses"):
            renew(identity)


@pytest.mark.peer("libmodbus")
def test_an_enrolled_gateway_delivers_to_the_embedded_broker_over_tls_until_it_is_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], modbus_peer: ModbusPeer
) -> None:
    plant, data, state = tmp_path / "plant.yaml", tmp_path / "data", tmp_path / "state"
    plant.write_text(MAP.replace("127.0.0.1:5999", f"127.0.0.1:{modbus_peer.port}"))
    with collector(tmp_path, "--mqtt-listen", f"127.0.0.1:{free_port()}") as url:
        (tmp_path / "code").write_text(code_from(capsys, "add", "gw-1", "--data", str(data)))
        code_file = ["--code-file", str(tmp_path / "code"), "--state", str(state)]
        assert main(["edge", "enrol", str(plant), "--collector", url, *code_file]) == 0
        with running(tmp_path / "edge.log", "edge", "run", str(plant), "--state", str(state), "--status", "off"):
            wait_for("uplink", lambda: "uplink connected" in (tmp_path / "edge.log").read_text() or None)
            modbus_peer.set("holding", 0, 1)
            with contextlib.closing(open_reader(data)) as store:
                wait_for("events in the log", lambda: store.reads().last_position() or None)
                assert main(["cloud", "gateway", "remove", "gw-1", "--data", str(data)]) == 0
                wait_for("removed", lambda: "uplink lost" in (tmp_path / "edge.log").read_text() or None)
                position = store.reads().last_position()
                modbus_peer.set("holding", 0, 2)
                assert main(["cloud", "gateway", "list", "--data", str(data)]) == 0
                assert "gw-1  removed" in capsys.readouterr().out
                assert store.reads().last_position() == position


def test_the_private_key_and_the_authority_are_their_owners_alone_and_certificates_fit(tmp_path: Path) -> None:
    pki, key = Pki(tmp_path), new_key()
    assert Pki(tmp_path).ca == pki.ca
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "identity").iterdir()}
    assert modes == {"ca.pem": 0o600, "ca.key": 0o600, "signing.key": 0o600}
    certificate, until = pki.issue_gateway("gw-1", public_of(key))
    assert timedelta(days=360) < until - datetime.now(UTC) < timedelta(days=370)
    text = {
        "gateway": "gw-1", "enterprise": "default", "key": key.hex(), "certificate": certificate, "ca": pki.ca,
        "collector": "https://collector:8000", "collector_key": pki.signing_public.hex(),
        "broker": "mqtts://collector:8883", "pin": "",
    }  # fmt: skip
    (tmp_path / "identity.json").write_text(json.dumps(text))
    identity = load_identity(tmp_path, gateway="gw-1")
    assert identity is not None
    assert key.hex() not in repr(identity)
    address = broker_of(identity, None, tmp_path)
    context = ssl.create_default_context(cafile=str(address.ca))
    context.load_cert_chain(str(address.certificate), str(address.key))  # the key belongs to the certificate
