"""`genba edge doctor`: what keeps a gateway from working is found, named and given a way out."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from genba_edge.app import check_up
from genba_edge.app.check_up import CheckUp, Verdict, examine
from genba_edge.app.control import Handler, control_socket
from genba_edge.outbox import SqliteOutbox
from genba_shared.cli import main
from genba_shared.clock_health import ClockHealth, clock_health
from genba_shared.device_map import load_device_map
from tests.peers.process import ModbusPeer
from tests.peers.recorder import eventually

MAP = """
version: 1
gateway: {{id: gw-1, site: plant-a, timezone: UTC}}
devices:
  - id: cell
    protocol: modbus
    host: 127.0.0.1:{port}
    points: {{temp: {{at: 30001, type: int16}}}}
  - id: closed
    protocol: opcua
    url: opc.tcp://127.0.0.1:1
    security: {{policy: none}}
    points: {{temp: {{node: "nsu=urn:plc;s=Temp", type: int16}}}}
  - id: nameless
    protocol: llrp
    host: no-such-host.invalid
    antennas: {{1: {{read_point: in}}}}
"""

NOBODY = 65534  # the user that owns nothing


def plant(folder: Path, port: int) -> Path:
    path = folder / "plant.yaml"
    path.write_text(MAP.format(port=port))
    return path


def checked(path: Path, broker: str | None = None) -> dict[str, CheckUp]:
    return {each.what: each for each in examine(path, state_dir=None, broker=broker)}


def verdict(found: dict[str, CheckUp], what: str) -> str:
    return str(found[what].verdict)


def test_every_device_is_named_with_what_is_in_the_way(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    found = checked(plant(tmp_path, modbus_peer.port))
    assert verdict(found, "device cell") == "ok"
    assert found["device closed"].found.startswith("127.0.0.1:1: connection refused")
    assert found["device nameless"].found == ("no-such-host.invalid:5084: the name no-such-host.invalid is not known")
    assert "write its IP address" in found["device nameless"].fix


def test_the_exit_code_says_whether_something_fails(
    tmp_path: Path, modbus_peer: ModbusPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    path = plant(tmp_path, modbus_peer.port)
    assert main(["edge", "doctor", str(path), "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)
    assert {"verdict", "what", "found", "fix"} == set(findings[0])
    path.write_text(path.read_text().partition("  - id: closed")[0])
    assert main(["edge", "doctor", str(path)]) == 0
    told = capsys.readouterr().out
    assert "ok    device cell: 127.0.0.1:" in told
    assert "0 failed" in told


def test_every_finding_that_is_not_in_order_says_what_to_do(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    for each in checked(plant(tmp_path, modbus_peer.port)).values():
        assert each.verdict is Verdict.OK or each.fix, each


def test_a_wrong_map_is_said_and_what_needs_none_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text("version: 1\n")
    found = checked(path)
    assert verdict(found, "map") == "fail"
    assert {"clock", "python"} <= set(found)
    assert "state folder" not in found


def test_a_damaged_outbox_is_found_and_not_touched(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    path = plant(tmp_path, modbus_peer.port)
    state = tmp_path / "state"
    state.mkdir()
    SqliteOutbox(state, gateway="gw-1").close()
    assert checked(path)["outbox"].found == "sound"
    database = state / "outbox.db"
    with sqlite3.connect(database) as connection:
        connection.executemany("INSERT INTO event (seq, line) VALUES (?, ?)", [(n, "x" * 500) for n in range(1, 200)])
    connection.close()
    content = bytearray(database.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    database.write_bytes(content)
    found = checked(path)
    assert verdict(found, "outbox") == "fail"
    assert "sets it aside" in found["outbox"].fix
    assert database.read_bytes() == bytes(content)


def test_a_folder_or_file_that_others_may_use_is_said(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    path = plant(tmp_path, modbus_peer.port)
    state, secrets = tmp_path / "state", tmp_path / "secrets.yaml"
    state.mkdir()
    state.chmod(0o777)
    secrets.write_text("cutter1_pw: x\n")
    secrets.chmod(0o644)
    found = checked(path)
    assert (verdict(found, "state folder"), verdict(found, "secrets")) == ("fail", "fail")
    assert found["secrets"].fix == f"chmod 600 {secrets}"
    secrets.chmod(0o600)
    state.chmod(0o700)
    found = checked(path)
    assert (verdict(found, "state folder"), verdict(found, "secrets")) == ("ok", "ok")


def test_certificates_are_read_for_their_dates(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    path = plant(tmp_path, modbus_peer.port)
    folder = tmp_path / "state" / "opcua"
    folder.mkdir(parents=True)
    for name, days in (("long", 400), ("soon", 10), ("over", -3)):
        (folder / f"{name}.pem").write_bytes(certificate(days))
    (folder / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    found = checked(path)
    assert [verdict(found, f"certificate {name}.pem") for name in ("long", "soon", "over")] == ["ok", "warn", "fail"]
    assert "certificate key.pem" not in found


def certificate(days: int) -> bytes:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gw-1")])
    until = datetime.now(UTC) + timedelta(days=days)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, until - timedelta(days=500), until)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(("synchronised", "expected"), [(True, "ok"), (False, "warn"), (None, "warn")])
def test_a_clock_that_nothing_keeps_right_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synchronised: bool | None, expected: str
) -> None:
    monkeypatch.setattr(
        check_up,
        "clock_health",
        lambda: ClockHealth(is_synchronised=synchronised, error_s=0.01 if synchronised else None),
    )
    assert verdict(checked(tmp_path / "plant.yaml"), "clock") == expected


def test_the_kernel_is_asked_for_its_clock_and_nothing_is_changed() -> None:
    assert clock_health().is_synchronised in {True, False, None}


def test_a_full_disk_is_said(tmp_path: Path, modbus_peer: ModbusPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plant(tmp_path, modbus_peer.port)
    (tmp_path / "state").mkdir()
    monkeypatch.setattr(check_up, "NO_FREE", 2**62)
    assert verdict(checked(path), "disk") == "fail"


def test_the_broker_is_reached_without_its_password_being_shown(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        url = f"mqtt://edge:very-secret@127.0.0.1:{broker.getsockname()[1]}"
        found = checked(plant(tmp_path, modbus_peer.port), broker=url)
    assert verdict(found, "broker") == "ok"
    assert "very-secret" not in str(found)
    assert verdict(checked(plant(tmp_path, modbus_peer.port)), "broker") == "warn"


async def test_a_running_gateway_is_asked_for_its_devices(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    path = plant(tmp_path, modbus_peer.port)
    (tmp_path / "state").mkdir()
    points = {"temp": {"reason": "exception 2 (illegal address)"}, "speed": {"reason": ""}}
    told = {
        "gateway": "gw-1",
        "started_at": "2026-01-05T07:00:00.000Z",
        "url": "http://127.0.0.1:9180/",
        "map": "ab" * 32,
        "devices": {
            "cell": {
                "status": "online",
                "address": f"127.0.0.1:{modbus_peer.port} unit 1",
                "reason": "",
                "points": points,
            },
            "closed": {"status": "lost", "address": "opc.tcp://127.0.0.1:1", "reason": "refused", "points": {}},
        },
        "derive_failures": 0,
        "uplink": {"broker": "mqtt://10.1.2.3:1883", "connected": False},
    }

    async def status(_asked: object) -> dict[str, object]:
        return told

    async with control_socket(tmp_path / "state", {"status": status}):
        found = {
            each.what: each
            for each in await asyncio.to_thread(lambda: list(examine(path, state_dir=None, broker=None)))
        }
    assert found["gateway"].found.endswith("status page http://127.0.0.1:9180/")
    assert verdict(found, "map in force") == "warn"
    assert found["points of cell"].found == "1 cannot be read: temp"
    assert verdict(found, "uplink") == "fail"


def gateway_with(devices: Mapping[str, object]) -> Mapping[str, Handler]:
    """The answer of a gateway that runs."""

    async def status(_asked: object) -> dict[str, object]:
        return {
            "gateway": "gw-1",
            "started_at": "",
            "url": "",
            "map": "",
            "devices": devices,
            "derive_failures": 0,
            "uplink": {"broker": None, "connected": False},
        }

    return {"status": status}


class Knocked:
    """Something that listens, and how often somebody came."""

    def __init__(self) -> None:
        self.times = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        def came(_reader: object, writer: asyncio.StreamWriter) -> None:
            self.times += 1
            writer.close()

        async with await asyncio.start_server(came, "127.0.0.1", 0) as server:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


GATEWAY_LINE = "version: 1\ngateway: {id: gw-1, site: plant-a, timezone: UTC}\ndevices:\n"
UNIT = "  - {{id: {id}, protocol: modbus, host: '{host}', unit: {unit}, points: {{t: {{at: 30001, type: int16}}}}}}\n"


async def test_a_reader_that_serves_the_running_gateway_is_not_disturbed(tmp_path: Path) -> None:
    door, path = Knocked(), tmp_path / "plant.yaml"
    (tmp_path / "state").mkdir()
    async with door.listening() as reader:
        path.write_text(
            f"{GATEWAY_LINE}  - {{id: gate, protocol: llrp, host: {reader}, antennas: {{1: {{read_point: in}}}}}}\n"
        )
        gate = {"status": "online", "address": reader, "reason": "", "points": {}}
        async with control_socket(tmp_path / "state", gateway_with({"gate": gate})):
            found = await asyncio.to_thread(checked, path)
        assert (found["device gate"].found, door.times) == ("answers the running gateway", 0)
        assert (await asyncio.to_thread(checked, path))["gateway"].found.startswith("no gateway runs")
        await eventually(lambda: door.times == 1)


async def test_units_behind_one_address_are_tried_once_and_not_at_all_while_one_answers_the_gateway(
    tmp_path: Path,
) -> None:
    door, path = Knocked(), tmp_path / "plant.yaml"
    (tmp_path / "state").mkdir()
    async with door.listening() as host:
        path.write_text(GATEWAY_LINE + "".join(UNIT.format(id=f"u{unit}", host=host, unit=unit) for unit in (1, 2, 3)))
        found = await asyncio.to_thread(checked, path)
        assert [verdict(found, f"device u{unit}") for unit in (1, 2, 3)] == ["ok", "ok", "ok"]
        await eventually(lambda: door.times == 1)
        one = {"status": "online", "address": f"{host} unit 1", "reason": "", "points": {}}
        async with control_socket(tmp_path / "state", gateway_with({"u1": one})):
            found = await asyncio.to_thread(checked, path)
    assert found["device u1"].found == "answers the running gateway"
    assert found["device u2"].found == f"{host} answers the running gateway for another device"
    assert door.times == 1


async def test_a_device_that_the_gateway_reads_at_another_address_is_tried(tmp_path: Path) -> None:
    door, path = Knocked(), tmp_path / "plant.yaml"
    (tmp_path / "state").mkdir()
    async with door.listening() as host:
        path.write_text(GATEWAY_LINE + UNIT.format(id="u1", host=host, unit=1))
        one = {"status": "online", "address": "10.1.2.3:502 unit 1", "reason": "", "points": {}}
        async with control_socket(tmp_path / "state", gateway_with({"u1": one})):
            assert verdict(await asyncio.to_thread(checked, path), "device u1") == "ok"
        await eventually(lambda: door.times == 1)


@contextmanager
def without_the_right_to(folder: Path) -> Iterator[None]:
    """The folder is closed to this process, as it is to another user."""
    user = os.geteuid()
    folder.chmod(0)
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


async def test_a_gateway_of_another_user_is_named_and_its_devices_are_left_alone(tmp_path: Path) -> None:
    door, state = Knocked(), tmp_path / "state"
    state.mkdir()
    SqliteOutbox(state, gateway="gw-1").close()
    async with door.listening() as host:
        device_map = load_device_map(Path("plant.yaml"), text=GATEWAY_LINE + UNIT.format(id="u1", host=host, unit=1))
        async with control_socket(state, gateway_with({})):

            def look() -> list[CheckUp]:
                with without_the_right_to(state):
                    status = check_up._status(state)
                    return [
                        *check_up._folder(state),
                        check_up._outbox(state),
                        *check_up._certificates(device_map, state, None),
                        *check_up._network(device_map, None, status),
                        *check_up._gateway(device_map, status),
                    ]

            found = {each.what: each for each in await asyncio.to_thread(look)}
    assert "by its own user only" in found["gateway"].found
    assert found["outbox"].found.startswith("cannot be looked at")
    assert (verdict(found, "devices"), door.times) == ("warn", 0)


def test_an_outbox_that_is_only_busy_is_not_called_damaged(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    path, state = plant(tmp_path, modbus_peer.port), tmp_path / "state"
    state.mkdir()
    SqliteOutbox(state, gateway="gw-1").close()
    with closing(sqlite3.connect(state / "outbox.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        found = checked(path)["outbox"]
    assert (found.verdict, "locked" in found.found) == (Verdict.WARN, True)
