"""A running gateway takes another map: devices that it does not change notice nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from genba_edge.app.control import NoGateway, ask, control_socket
from genba_edge.app.fleet import Fleet
from genba_edge.app.reloads import Reloads
from genba_edge.core.present import DeviceStatus
from genba_edge.outbox import SqliteOutbox
from genba_edge.ports import DeviceAlive, DeviceLost, Emit, Meter, Observation
from genba_shared.clock import ProductionClock
from genba_shared.errors import OutboxFull
from genba_shared.events import DataGapSeen, Event, PiecesCounted
from tests.integration.gateway_run import Running, map_of, running_gateway
from tests.peers.process import ModbusPeer
from tests.peers.recorder import eventually

pytestmark = pytest.mark.peer("libmodbus")

MAP = """
version: 1
gateway: {{id: gw-1, site: plant-a, timezone: UTC}}
devices:
  - id: left
    protocol: modbus
    host: 127.0.0.1:{port}
    unit: 1
    poll: {{fast: 100ms}}
    points:
      good: {{at: 40001, type: uint16, counter: {{max_rate: 600/s}}}}
  - id: right
    protocol: modbus
    host: 127.0.0.1:{port}
    unit: 2
    poll: {{fast: {period}}}
    points:
      good: {{at: 40011, type: uint16, counter: {{max_rate: 600/s}}}}
stations:
  LEFT-1: {{device: left, counts: {{good: good}}}}
  RIGHT-1: {{device: right, counts: {{good: good}}}}
"""


def map_text(peer: ModbusPeer, *, period: str = "100ms") -> str:
    return MAP.format(port=peer.port, period=period)


def pieces(running: Running, point: str) -> int:
    return sum(event.delta for event in running.events if isinstance(event, PiecesCounted) and event.point == point)


def status(running: Running, device: str) -> DeviceStatus:
    return next(each.status for each in running.gateway.snapshot().devices if each.id == device)


def value(running: Running, device: str) -> object:
    points = next(each.points for each in running.gateway.snapshot().devices if each.id == device)
    return None if points[0].now is None else points[0].now.sample.value


async def both_online(running: Running) -> None:
    await eventually(lambda: all(status(running, each) is DeviceStatus.ONLINE for each in ("left", "right")))


async def test_only_the_device_that_is_changed_connects_anew_and_every_piece_is_counted_once(
    tmp_path: Path, modbus_peer: ModbusPeer
) -> None:
    async with running_gateway(tmp_path, map_of(map_text(modbus_peer))) as running:
        await both_online(running)
        modbus_peer.set("holding", 0, 5)
        modbus_peer.set("holding", 10, 3)
        await eventually(lambda: (pieces(running, "left/good"), pieces(running, "right/good")) == (5, 3))
        since = {each.id: each.since for each in running.gateway.snapshot().devices}
        modbus_peer.set("holding", 0, 7)
        modbus_peer.set("holding", 10, 4)
        change = await running.gateway.reload(map_of(map_text(modbus_peer, period="200ms")))
        assert (change.devices.changed, change.devices.same, change.refusals) == (("right",), ("left",), ())
        await both_online(running)
        now_since = {each.id: each.since for each in running.gateway.snapshot().devices}
        assert (now_since["left"] == since["left"], now_since["right"] > since["right"]) == (True, True)
        modbus_peer.set("holding", 0, 9)
        modbus_peer.set("holding", 10, 6)
        await eventually(lambda: (value(running, "left"), value(running, "right")) == (9, 6))
    reopened = await committed(tmp_path)
    counts = [event for event in reopened if isinstance(event, PiecesCounted)]
    totals = {event.point: event.total for event in counts}
    assert totals == {"left/good": 9, "right/good": 6}
    assert sum(event.delta for event in counts) == 15
    assert {event.subject for event in reopened if isinstance(event, DataGapSeen)} == {"right"}


async def committed(folder: Path) -> list[Event]:
    with contextlib.closing(SqliteOutbox(folder, gateway="gw-1")) as outbox:
        return list(outbox.pending(after=0, limit=10_000))


async def test_a_wrong_map_changes_nothing_and_is_explained(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    good, wrong, other = tmp_path / "good.yaml", tmp_path / "wrong.yaml", tmp_path / "other.yaml"
    good.write_text(map_text(modbus_peer))
    wrong.write_text(map_text(modbus_peer, period="200"))
    other.write_text(map_text(modbus_peer, period="200ms").replace("id: gw-1", "id: gw-2"))
    async with running_gateway(tmp_path, map_of(good.read_text())) as running:
        await both_online(running)
        before, connections = running.gateway.device_map, modbus_peer.ask("connections")
        reloads = Reloads(running.gateway, good)
        (problem,) = (await reloads.reload({"map": str(wrong)}))["problems"]
        (refusal,) = (await reloads.reload({"map": str(other)}))["refusals"]
        assert f"{wrong}:16:18" in problem
        assert "Did you mean 200ms?" in problem
        assert refusal.startswith("gateway.id is 'gw-2'")
        assert running.gateway.device_map is before
        assert modbus_peer.ask("connections") == connections


async def test_a_dry_run_says_what_would_change_and_changes_nothing(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    changed = tmp_path / "changed.yaml"
    changed.write_text(map_text(modbus_peer, period="200ms").replace("RIGHT-1:", "RIGHT-2:"))
    async with running_gateway(tmp_path, map_of(map_text(modbus_peer))) as running:
        before = running.gateway.device_map
        answer = await Reloads(running.gateway, changed).dry_run({"map": str(changed)})
        assert answer["lines"] == [
            "device right: changed, connects anew",
            "station RIGHT-2: new",
            "station RIGHT-1: removed",
        ]
        assert (answer["kept"], answer["devices"]) == (1, 2)
        assert running.gateway.device_map is before


async def test_a_full_disk_leaves_the_old_map_in_force_and_loses_nothing(
    tmp_path: Path, modbus_peer: ModbusPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genba_edge.app.committing.FULL_RETRY_S", 0.05)
    async with running_gateway(tmp_path, map_of(map_text(modbus_peer))) as running:
        await both_online(running)
        modbus_peer.set("holding", 10, 3)
        await eventually(lambda: pieces(running, "right/good") == 3)
        modbus_peer.set("holding", 10, 4)  # joined to the next event, and told with the switch
        await eventually(lambda: value(running, "right") == 4)

        def full(*_: object, **__: object) -> None:
            raise OutboxFull("database or disk is full")

        with monkeypatch.context() as disk:
            disk.setattr(running.outbox, "append", full)
            change = await running.gateway.reload(map_of(map_text(modbus_peer, period="200ms")))
        assert change.refusals[0].startswith("the outbox cannot take the state of the old map")
        assert running.gateway.device_map.devices["right"] == map_of(map_text(modbus_peer)).devices["right"]
        await both_online(running)
        modbus_peer.set("holding", 10, 5)
        await eventually(lambda: value(running, "right") == 5)
    counts = [event for event in await committed(tmp_path) if isinstance(event, PiecesCounted)]
    assert sum(event.delta for event in counts) == 5


async def test_a_disk_that_was_full_before_leaves_every_driver_at_work(
    tmp_path: Path, modbus_peer: ModbusPeer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("genba_edge.app.committing.FULL_RETRY_S", 0.05)
    monkeypatch.setattr("genba_edge.app.gateway.SWITCH_S", 0.2)
    async with running_gateway(tmp_path, map_of(map_text(modbus_peer))) as running:
        await both_online(running)

        def full(*_: object, **__: object) -> None:
            raise OutboxFull("database or disk is full")

        with monkeypatch.context() as disk:
            disk.setattr(running.outbox, "append", full)
            modbus_peer.set("holding", 10, 3)
            await eventually(lambda: "outbox full waiting_events" in caplog.text)
            connections = modbus_peer.ask("connections")
            change = await running.gateway.reload(map_of(map_text(modbus_peer, period="200ms")))
        assert change.refusals[0].startswith("the outbox cannot take the state of the old map")
        assert modbus_peer.ask("connections") == connections
        await eventually(lambda: pieces(running, "right/good") == 3)
        taken = await running.gateway.reload(map_of(map_text(modbus_peer, period="200ms")))
        assert taken.refusals == ()


async def test_only_its_owner_can_open_the_control_socket(tmp_path: Path) -> None:
    async def answer(asked: object) -> dict[str, object]:
        return {"asked": asked}

    async with control_socket(tmp_path, {"status": answer}):
        assert (tmp_path / "control.sock").stat().st_mode & 0o777 == 0o600
        told = await asyncio.to_thread(ask, tmp_path, {"do": "status", "x": 1})
        assert told == {"asked": {"do": "status", "x": 1}}
        assert "not a command" in (await asyncio.to_thread(ask, tmp_path, {"do": "shutdown"}))["error"]
    with pytest.raises(NoGateway):
        await asyncio.to_thread(ask, tmp_path, {"do": "status"})


async def test_a_folder_whose_name_is_longer_than_a_socket_address_has_a_control_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 40)
    deep.mkdir()

    async def answer(_asked: object) -> dict[str, object]:
        return {"ok": True}

    async with control_socket(deep, {"status": answer}):
        assert await asyncio.to_thread(ask, deep, {"do": "status"}) == {"ok": True}


class Faulty:
    """A driver with a bug."""

    device = "left"

    def __init__(self) -> None:
        self.meter = Meter(device="left")

    async def run(self, emit: Emit) -> None:
        raise ZeroDivisionError


async def test_a_fault_in_one_driver_loses_its_device_and_no_other(tmp_path: Path) -> None:
    emitted: list[Observation] = []
    fleet = Fleet(emitted.extend, clock=ProductionClock(), state_dir=tmp_path)
    fleet.start([Faulty()])
    await eventually(lambda: bool(emitted))
    await fleet.stop_all()
    (lost,) = emitted
    assert isinstance(lost, DeviceLost)
    assert (lost.device, lost.reason) == ("left", "fault in the gateway itself (ZeroDivisionError), see its log")


class Deaf:
    """A driver that does not end when it is told to, until `released`."""

    device = "left"

    def __init__(self) -> None:
        self.meter = Meter(device="left")
        self.says = asyncio.Event()
        self.released = asyncio.Event()

    async def run(self, emit: Emit) -> None:
        while not self.released.is_set():
            emit([DeviceAlive(device="left", at=ProductionClock().now())])
            self.says.clear()
            with contextlib.suppress(asyncio.CancelledError):
                await self.says.wait()


async def test_a_driver_that_does_not_end_is_given_up_and_not_heard_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("genba_edge.app.fleet.STOP_S", 0.05)
    emitted: list[Observation] = []
    fleet, hangs, follows = Fleet(emitted.extend, clock=ProductionClock(), state_dir=tmp_path), Deaf(), Faulty()
    fleet.start([hangs])
    await eventually(lambda: len(emitted) == 1)
    async with asyncio.timeout(10):
        await fleet.stop(["left"])
    assert "driver does not end device=left" in caplog.text
    emitted.clear()
    fleet.start([follows])
    await eventually(lambda: bool(emitted))
    hangs.says.set()
    await eventually(lambda: not hangs.says.is_set())
    assert [type(each) for each in emitted] == [DeviceLost]
    hangs.released.set()
    hangs.says.set()
    await fleet.stop_all()


def test_the_commands_work_on_a_gateway_in_its_own_process(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    plant, state = tmp_path / "plant.yaml", tmp_path / "state"
    plant.write_text(map_text(modbus_peer))
    genba = [sys.executable, "-m", "genba_shared.cli", "edge"]
    sink = tmp_path / "events.jsonl"
    gateway = subprocess.Popen(
        [*genba, "run", str(plant), "--sink", str(sink), "--status", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True
    )
    assert gateway.stderr is not None
    try:
        log: list[str] = []

        def wait_for(text: str) -> str:
            for line in gateway.stderr or ():
                log.append(line)
                if text in line:
                    return line
            raise AssertionError(log)

        assert "http://127.0.0.1:" in wait_for("status page")
        wait_for("device connected device=right")
        plant.write_text(map_text(modbus_peer, period="200ms"))
        told = subprocess.run([*genba, "reload", str(plant)], capture_output=True, text=True, check=False)
        assert (told.returncode, told.stdout) == (
            0,
            "device right: changed, connects anew\nmap taken: 1 of 2 devices read on without a break\n",
        )
        wait_for("map taken")
        wait_for("device connected device=right")
        plant.write_text(map_text(modbus_peer, period="200"))
        told = subprocess.run([*genba, "reload", str(plant)], capture_output=True, text=True, check=False)
        assert told.returncode == 2
        gateway.send_signal(signal.SIGHUP)
        assert "Did you mean 200ms?" in wait_for("map not taken")
        plant.write_text(map_text(modbus_peer, period="300ms"))
        gateway.send_signal(signal.SIGHUP)
        wait_for("map taken")
        gateway.terminate()
        wait_for("gateway stopped")
        assert gateway.wait(timeout=5) == 0
    finally:
        gateway.kill()
        gateway.communicate()
    told = subprocess.run([*genba, "reload", str(plant)], capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert f"no gateway runs on the state folder {state}" in told.stderr
    assert not os.path.lexists(state / "control.sock")


HUNG_UP_AT_START = """
import os, signal, sys
from genba_edge.app import run
from genba_shared.cli import main
class Outbox(run.SqliteOutbox):
    def __init__(self, *arguments, **named):
        os.kill(os.getpid(), signal.SIGHUP)
        super().__init__(*arguments, **named)
run.SqliteOutbox = Outbox
sys.exit(main(sys.argv[1:]))
"""


def test_a_hang_up_while_the_gateway_starts_reads_the_map_again_once_it_runs(tmp_path: Path) -> None:
    plant, sink = tmp_path / "plant.yaml", tmp_path / "events.jsonl"
    plant.write_text(MAP.format(port=1, period="1s"))
    command = [sys.executable, "-c", HUNG_UP_AT_START, "edge", "run", str(plant), "--sink", str(sink)]
    with subprocess.Popen([*command, "--status", "off"], stderr=subprocess.PIPE, text=True) as gateway:
        assert gateway.stderr is not None
        try:
            assert any("map taken" in line for line in gateway.stderr)
            gateway.terminate()
            assert gateway.wait(timeout=20) == 0
        finally:
            gateway.kill()
