"""A running gateway finds out what is wrong in its map, and the line that it proposes makes it right.

Each test plays a machine on a Modbus server that is not ours, reads it with a wrong map, puts the proposed line into
the map's text as an engineer would, and starts the gateway again.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from genba_edge.app.check_up import CheckUp, Verdict, examine
from genba_edge.app.control import control_socket
from genba_edge.app.status.metrics import exposition
from genba_edge.app.status.page import render
from genba_shared.cli import main
from genba_shared.clock import ProductionClock
from genba_shared.events import DataQuestioned, PiecesCounted, QuestionCause
from tests.integration.gateway_run import Running, map_of, running_gateway
from tests.peers.process import ModbusPeer
from tests.peers.recorder import eventually

pytestmark = pytest.mark.peer("libmodbus")

HEAD = """
version: 1
gateway: {{id: gw-1, site: plant-a, timezone: UTC}}
devices:
  - id: cell
    protocol: modbus
    host: 127.0.0.1:{port}
    poll: {{fast: 100ms}}
"""
TWO_COUNTERS = """
    points:
      good: {at: 40001, type: uint32, counter: {max_rate: 2/s}}
      scrap: {at: 40003, type: uint32, counter: {max_rate: 2/s}}
      state: {at: 40005, type: uint16, labels: {0: idle, 1: running}}
stations:
  CELL: {device: cell, counts: {good: good, scrap: scrap}, state: state}
"""
BUTTON = """
    points:
      good: {at: 40001, type: uint32, counter: {max_rate: 2/s, reset_by: {point: button}}}
      button: {at: 00001}
stations:
  CELL: {device: cell, counts: {good: good}}
"""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A gateway at work, with its clock and its map."""

    running: Running
    clock: ProductionClock
    map_path: Path
    folder: Path

    @property
    def findings(self) -> dict[str, Mapping[str, Any]]:
        """What its status tells, by code and point."""
        found = self.running.gateway.snapshot().to_json()["findings"]
        return {f"{each['code']} {each['point']}": each for each in found}

    def value(self, point: str) -> object:
        (device,) = self.running.gateway.snapshot().devices
        now = next(each.now for each in device.points if each.name == point)
        return None if now is None else now.sample.value

    async def passed(self, seconds: float) -> None:
        """Wait until so much plant time went by."""
        until = self.clock.now() + timedelta(seconds=seconds)
        await eventually(lambda: self.clock.now() >= until, within_s=60)

    async def doctor(self) -> list[CheckUp]:
        async def status(_asked: object) -> dict[str, Any]:
            return {"url": "off", **self.running.gateway.snapshot().to_json()}

        async with control_socket(self.folder, {"status": status}):
            return await asyncio.to_thread(lambda: list(examine(self.map_path, state_dir=self.folder, broker=None)))

    @property
    def pieces(self) -> int:
        return sum(event.delta for event in self.running.events if isinstance(event, PiecesCounted))


@asynccontextmanager
async def watched(folder: Path, text: str, *, speed: float, raw: Path | None = None) -> AsyncIterator[Watched]:
    path = _written(folder, text)
    clock = ProductionClock(origin=datetime(2026, 1, 5, 7, tzinfo=UTC), wall_origin_s=time.time(), speed=speed)
    async with running_gateway(folder, map_of(text), clock=clock, raw=raw) as running:
        yield Watched(running=running, clock=clock, map_path=path, folder=folder)


def _written(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "plant.yaml"
    path.write_text(text)
    return path


def mended(text: str, found: Mapping[str, Any]) -> str:
    """The map with the proposed line at the proposed place: in front, where its key is not written yet."""
    *_, name = path = found["path"].split(".")
    key = found["write"].partition(":")[0]
    if path == ["devices", "cell"]:
        return text.replace("- id: cell\n", f"- id: cell\n    {found['write']}\n")
    row = "good" if name == "counter" else name
    (line,) = re.findall(rf"^ +{row}: {{.*$", text, flags=re.MULTILINE)
    begin = line.index(f"{name}: {{") + len(f"{name}: {{")
    written = re.search(rf"\b{key}: [^,}}]+", line[begin:])
    if written is None:
        return text.replace(line, f"{line[:begin]}{found['write']}, {line[begin:]}")
    return text.replace(line, line[:begin] + line[begin:].replace(written[0], found["write"]))


def put_long(peer: ModbusPeer, address: int, value: int) -> None:
    """As a controller does that sends the high register first."""
    peer.set("holding", address, value >> 16, value & 0xFFFF)


async def test_a_counter_with_its_words_turned_is_named_and_the_line_makes_it_count(
    tmp_path: Path, modbus_peer: ModbusPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    text, raw = HEAD.format(port=modbus_peer.port) + TWO_COUNTERS, tmp_path / "raw.jsonl"
    modbus_peer.set("holding", 4, 1)
    async with watched(tmp_path / "wrong", text, speed=30, raw=raw) as seen:
        for count in range(1, 25):
            modbus_peer.set("holding", 0, count, 0)
            await eventually(lambda: seen.value("good") == count << 16)  # noqa: B023 - it is awaited in the loop
        await eventually(lambda: "byte-order cell/good" in seen.findings)
        found = seen.findings["byte-order cell/good"]
        assert found["write"] == "byte_order: CDAB"
        assert re.search(r"; in the order CDAB that is [12]\d, [12]\d, [12]\d, [12]\d\.$", found["found"])
        await eventually(lambda: _questions(seen) != [])
        (question,) = _questions(seen)
        assert question.point == "cell/good"
        assert question.station == "CELL"
        assert "byte_order: CDAB" in question.note
        for language, word in (("en", "The map is doubtful"), ("zh", "点表存疑"), ("ja", "マップの疑わしい点")):
            page = str(render(seen.running.gateway.snapshot(), language))
            assert word in page
            assert "byte_order: CDAB" in page
        assert _gauge(seen, "byte-order") == 1
        assert _gauge(seen, "pulse-too-short") == 0
        told = next(each for each in await seen.doctor() if each.what == "map cell/good")
        assert told.fix.endswith("devices.cell.points.good: byte_order: CDAB")
    async with watched(tmp_path / "right", mended(text, found), speed=30) as seen:
        for count in range(25, 50):
            modbus_peer.set("holding", 0, count, 0)
            await eventually(lambda: seen.value("good") == count)  # noqa: B023 - it is awaited in the loop
        await seen.passed(30)
        assert seen.findings == {}
        assert not [each for each in await seen.doctor() if each.what.startswith("map cell")]
        await eventually(lambda: seen.pieces == 24)
    assert main(["edge", "replay", str(raw), "--map", str(tmp_path / "wrong" / "plant.yaml")]) == 0
    assert "plant.yaml is doubtful: [byte-order] cell/good reads " in capsys.readouterr().out
    assert (
        main(["edge", "replay", str(raw), "--map", str(tmp_path / "right" / "plant.yaml")]) == 1
    )  # it counts otherwise
    told = capsys.readouterr().out
    assert "doubtful" not in told  # registers are only doubted with the map that they were read with
    assert "good instead of" in told


def _questions(seen: Watched) -> list[DataQuestioned]:
    events = (event for event in seen.running.events if isinstance(event, DataQuestioned))
    return [event for event in events if event.cause is QuestionCause.MAP]


def _gauge(seen: Watched, code: str) -> float:
    families = text_string_to_metric_families(exposition(seen.running.gateway.snapshot()).decode())
    samples = [sample for family in families for sample in family.samples if sample.name == "genba_map_findings"]
    return next(sample.value for sample in samples if sample.labels == {"code": code})


async def test_a_map_that_counts_registers_from_the_wrong_number_is_named_once_for_the_whole_device(
    tmp_path: Path, modbus_peer: ModbusPeer
) -> None:
    """Its maker's 40001 is the protocol's address 1: everything stands one further than the map reads."""
    text = HEAD.format(port=modbus_peer.port) + TWO_COUNTERS
    modbus_peer.set("holding", 5, 1)
    async with watched(tmp_path / "wrong", text, speed=30) as seen:
        for count in range(1, 26):
            put_long(modbus_peer, 1, count)
            await eventually(lambda: seen.value("scrap") == count << 16)  # noqa: B023 - it is awaited in the loop
        await eventually(lambda: "address-one-off cell/scrap" in seen.findings)
        assert list(seen.findings) == ["address-one-off cell/scrap"]
        found = seen.findings["address-one-off cell/scrap"]
        assert found["path"] == "devices.cell"
        assert found["write"] == "workarounds: {address_base: 0}"
        assert "the address is one too low" in found["found"]
        told = next(each for each in await seen.doctor() if each.what == "map cell/scrap")
        assert told.verdict is Verdict.WARN
        assert told.fix.endswith("devices.cell: workarounds: {address_base: 0}")
    async with watched(tmp_path / "right", mended(text, found), speed=30) as seen:
        for count in range(26, 51):
            put_long(modbus_peer, 1, count)
            await eventually(lambda: seen.value("good") == count)  # noqa: B023 - it is awaited in the loop
        await seen.passed(30)
        assert seen.findings == {}
        assert seen.value("state") == 1
        await eventually(lambda: seen.pieces == 24)


async def test_a_counter_that_stands_still_while_its_station_runs_is_named(
    tmp_path: Path, modbus_peer: ModbusPeer
) -> None:
    text = HEAD.format(port=modbus_peer.port) + TWO_COUNTERS
    modbus_peer.set("holding", 4, 1)
    async with watched(tmp_path / "wrong", text, speed=3600) as seen:
        await eventually(lambda: "counter-frozen cell/good" in seen.findings, within_s=60)
        found = seen.findings["counter-frozen cell/good"]
        assert re.match("cell/good stands at 0 while cell/state said running for [0-9]+ h", found["found"])
        assert found["write"] == ""
        assert "genba edge probe" in found["fix"]
        told = next(each for each in await seen.doctor() if each.what == "map cell/good")
        assert told.verdict is Verdict.WARN
    right = text.replace("good: {at: 40001", "good: {at: 40021")  # where it was found to count
    async with watched(tmp_path / "right", right, speed=3600) as seen:
        for count in range(1, 20):
            put_long(modbus_peer, 20, count)
            await eventually(lambda: seen.value("good") == count)  # noqa: B023 - it is awaited in the loop
        assert seen.findings == {}


async def test_a_button_that_is_pressed_for_one_poll_is_named_and_a_shorter_period_sees_it_twice(
    tmp_path: Path, modbus_peer: ModbusPeer
) -> None:
    text = HEAD.format(port=modbus_peer.port).replace("100ms", "200ms") + BUTTON
    async with watched(tmp_path / "wrong", text, speed=10) as seen:
        await eventually(lambda: seen.value("button") is False)
        for _ in range(10):
            modbus_peer.set("coil", 0, 1)
            await eventually(lambda: seen.value("button") is True)
            modbus_peer.set("coil", 0, 0)
            await eventually(lambda: seen.value("button") is False)
        await eventually(lambda: "pulse-too-short cell/button" in seen.findings)
        found = seen.findings["pulse-too-short cell/button"]
        assert found["path"] == "devices.cell.poll"
        assert found["write"] == "fast: 50ms"
        assert re.match("cell/button was on [0-9]+ times, [0-9]+ of them in one reading only", found["found"])
    async with watched(tmp_path / "right", mended(text, found), speed=10) as seen:
        await eventually(lambda: seen.value("button") is False)
        for _ in range(10):
            modbus_peer.set("coil", 0, 1)
            await eventually(lambda: seen.value("button") is True)
            polls = modbus_peer.requests()
            await eventually(lambda: modbus_peer.requests() >= polls + 6)  # noqa: B023 - as long as a poll was before
            modbus_peer.set("coil", 0, 0)
            await eventually(lambda: seen.value("button") is False)
        await seen.passed(30)
        assert seen.findings == {}


async def test_a_probe_reads_the_addresses_beside_a_counter_that_stands_still(
    tmp_path: Path, modbus_peer: ModbusPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    text = HEAD.format(port=modbus_peer.port) + BUTTON
    path = _written(tmp_path, text)
    probing = asyncio.create_task(asyncio.to_thread(main, ["edge", "probe", str(path), "--for", "3"]))
    count = 0
    while not probing.done():
        count += 1
        put_long(modbus_peer, 1, count)
        requests = modbus_peer.requests()
        await eventually(lambda: modbus_peer.requests() > requests or probing.done())  # noqa: B023 - awaited in the loop
    assert await probing == 0
    told = capsys.readouterr().out
    assert "! good stands still, and one address further something counts (" in told
    assert "If it is that, write at: {holding: 1}." in told
    assert "good +1" not in told
