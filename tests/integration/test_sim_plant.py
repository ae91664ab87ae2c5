"""The simulated plant behind its servers, watched for two hours of plant time by plain clients that know no plant."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError
from llrpkit import Reader, TagReport
from pymodbus.client import AsyncModbusTcpClient

from genba_shared.clock import ProductionClock, parse_time
from genba_sim.map_file import Endpoints
from genba_sim.run import Files, Simulation
from genba_sim.settings import PlantSettings
from tests.peers.recorder import eventually

ORIGIN = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
STOP = ORIGIN + timedelta(hours=2)
STEP = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandMovedClock(ProductionClock):
    """Plant time that the test moves by hand, so that two hours pass in seconds."""

    hand: list[datetime] = field(default_factory=lambda: [ORIGIN])
    asked: list[None] = field(default_factory=list)

    def now(self) -> datetime:
        self.asked.append(None)
        return self.hand[0]

    async def move(self, by: timedelta) -> None:
        """Move the hand, and wait until the plant has looked at it."""
        self.hand[0] += by
        before = len(self.asked)
        await eventually(lambda: len(self.asked) > before)


@dataclass(slots=True)
class CutterClient:
    """Every change that an OPC UA subscription delivered: variable, value, source timestamp."""

    changes: list[tuple[str, Any, datetime]] = field(default_factory=list)

    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        stamp = data.monitored_item.Value.SourceTimestamp
        self.changes.append((node.nodeid.Identifier, value, stamp.replace(tzinfo=UTC)))

    def values(self, name: str) -> list[tuple[Any, datetime]]:
        return [(value, at) for changed, value, at in self.changes if changed == name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the clients saw, and the truth to hold against it."""

    cutter: CutterClient
    holding: Sequence[list[int]]
    reset_held: Sequence[bool]
    tags: Sequence[TagReport]
    truth: Sequence[dict[str, Any]]
    plan: Sequence[dict[str, Any]]
    modbus_refusals: tuple[int, int]
    opcua_refusal: int | None

    def made(self, station: str, result: str = "good") -> list[datetime]:
        lines = (line for line in self.truth if line["truth"] == "piece")
        return [parse_time(line["at"]) for line in lines if (line["station"], line["result"]) == (station, result)]


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return asyncio.run(watch(tmp_path_factory.mktemp("plant")))


async def watch(folder: Path) -> Observed:
    clock = HandMovedClock(speed=60.0)
    files = Files(truth=folder / "truth.jsonl", plan=folder / "plan.jsonl")
    simulation = Simulation(PlantSettings(), clock, seed=3, files=files, stop_at=STOP)
    endpoints = await simulation.start()
    try:
        return await watch_servers(endpoints, clock, folder)
    finally:
        await simulation.stop()


async def watch_servers(endpoints: Endpoints, clock: HandMovedClock, folder: Path) -> Observed:
    cutter, tags = CutterClient(), list[TagReport]()
    holding: list[list[int]] = []
    reset_held: list[bool] = []
    host, port = endpoints.llrp.split(":")
    modbus = AsyncModbusTcpClient(host, port=int(endpoints.modbus.split(":")[1]))
    async with Client(endpoints.opcua) as opcua, Reader(host, int(port)) as gate:
        assert await modbus.connect()
        await subscribe(opcua, cutter)
        reading = asyncio.create_task(collect(gate, tags))
        while clock.now() < STOP + timedelta(minutes=2):
            coils = await modbus.read_coils(0, count=1, device_id=1)
            registers = await modbus.read_holding_registers(0, count=13, device_id=1)
            reset_held.append(coils.bits[0])
            holding.append(list(registers.registers))
            await clock.move(STEP)
        await eventually(lambda: '"stopped"' in (folder / "truth.jsonl").read_text())
        truth = lines_of(folder / "truth.jsonl")
        cut = sum(line["truth"] == "piece" and line["station"] == "CUT-1" for line in truth)
        await eventually(lambda: len(cutter.values("PartCount")) == cut + 1)
        passages = sum(line["truth"] == "tag_passed" for line in truth)
        await eventually(lambda: len({(tag.epc, tag.antenna) for tag in tags if strong(tag)}) >= passages)
        written = await modbus.write_register(4, 7, device_id=1)
        beyond = await modbus.read_holding_registers(18, count=10, device_id=1)
        refusal = await write_part_count(opcua)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        modbus.close()
    return Observed(
        cutter=cutter,
        holding=holding,
        reset_held=reset_held,
        tags=tags,
        truth=truth,
        plan=lines_of(folder / "plan.jsonl"),
        modbus_refusals=(written.exception_code, beyond.exception_code),
        opcua_refusal=refusal,
    )


async def subscribe(opcua: Client, cutter: CutterClient) -> None:
    index = await opcua.get_namespace_index("urn:genba:sim:cutter")
    nodes = [opcua.get_node(f"ns={index};s={name}") for name in ("PartCount", "OrderNo", "State", "Reset")]
    subscription = await opcua.create_subscription(50, cutter)
    await subscription.subscribe_data_change(nodes, queuesize=1000)


async def write_part_count(opcua: Client) -> int | None:
    """Try it; the status code of the refusal."""
    index = await opcua.get_namespace_index("urn:genba:sim:cutter")
    try:
        await opcua.get_node(f"ns={index};s=PartCount").write_value(7, ua.VariantType.UInt16)
    except UaStatusCodeError as exc:
        return int(exc.code)
    return None


async def collect(gate: Reader, tags: list[TagReport]) -> None:
    async for tag in gate.inventory():
        tags.append(tag)  # noqa: PERF401 (looked at while it grows)


def strong(tag: TagReport) -> bool:
    return tag.rssi_dbm is not None and tag.rssi_dbm >= -62 and tag.epc_hex.startswith("3034")


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_part_count_moves_by_one_at_the_exact_time_of_each_cut(observed: Observed) -> None:
    first, *rest = observed.cutter.values("PartCount")
    assert first[0] == 65_500
    assert rest == [((65_501 + place) % 65_536, at) for place, at in enumerate(observed.made("CUT-1"))]


def test_the_part_count_wraps_within_the_two_hours(observed: Observed) -> None:
    values = [value for value, _ in observed.cutter.values("PartCount")]
    assert (65_535, 0) in pairwise(values)


def test_the_job_number_changes_before_the_first_cut_and_after_the_last_of_the_work_order_before(
    observed: Observed,
) -> None:
    jobs = observed.cutter.values("OrderNo")
    assert jobs[0][0] == ""
    for line in observed.truth:
        if line["truth"] == "piece" and line["station"] == "CUT-1":
            at = parse_time(line["at"])
            assert [job for job, since in jobs if since <= at][-1] == line["work_order"]


def test_the_cutter_shows_its_state(observed: Observed) -> None:
    states = [value for value, _ in observed.cutter.values("State")]
    assert states[:4] == [0, 2, 1, 0]


@pytest.mark.parametrize(("station", "at", "start"), [("SEW-1", 0, 70_000), ("SEW-2", 2, 131_060)])
def test_the_sewing_counters_end_at_their_start_and_the_pieces_made(
    observed: Observed, station: str, at: int, start: int
) -> None:
    low, high = observed.holding[-1][at : at + 2]
    assert high * 65_536 + low == start + len(observed.made(station))


@pytest.mark.parametrize(("result", "at", "start"), [("good", 4, 412), ("rework", 5, 9)])
def test_the_inspection_counters_lose_nothing_over_their_resets(
    observed: Observed, result: str, at: int, start: int
) -> None:
    shown = [registers[at] for registers in observed.holding]
    counted = sum(after - before if after >= before else after for before, after in pairwise(shown))
    assert shown[0] == start
    assert counted == len(observed.made("INS-1", result))


def test_the_inspection_counters_are_reset_while_the_button_is_held(observed: Observed) -> None:
    shown = [registers[4] for registers in observed.holding]
    falls = [place for place in range(1, len(shown)) if shown[place] < shown[place - 1]]
    assert len(falls) >= 2
    for place in falls:
        assert shown[place] == 0
        assert observed.reset_held[place]
        assert observed.reset_held[place - 1]
    assert not all(observed.reset_held)


def test_each_passage_of_the_truth_is_a_burst_of_strong_reads_that_ends_at_that_time(observed: Observed) -> None:
    last: dict[tuple[str, int], int] = {}
    reads: Counter[tuple[str, int]] = Counter()
    for tag in observed.tags:
        if strong(tag):
            assert tag.antenna is not None
            assert tag.last_seen_us is not None
            key = (tag.epc_hex, tag.antenna)
            last[key] = max(last.get(key, 0), tag.last_seen_us)
            reads[key] += tag.seen_count or 1
    antennas = {"sewing-in": 1, "sewing-out": 2, "packing-in": 3, "packing-out": 4}
    passed = {
        (line["tag"], antennas[line["read_point"]]): int(parse_time(line["at"]).timestamp() * 1_000_000)
        for line in observed.truth
        if line["truth"] == "tag_passed"
    }
    assert len(passed) > 50
    assert last == passed
    assert all(6 <= count <= 10 for count in reads.values())


def test_weak_and_strange_reads_are_reported_too(observed: Observed) -> None:
    assert any(tag.epc_hex.startswith("3034") and (tag.rssi_dbm or 0) < -65 for tag in observed.tags)
    assert any(not tag.epc_hex.startswith("3034") for tag in observed.tags)


def test_the_plan_announces_every_work_order_and_tag_of_the_truth(observed: Observed) -> None:
    planned = {row["work_order"] for line in observed.plan for row in line["queue"]}
    bound = {tag["tag"] for line in observed.plan for tag in line["tags"]}
    assert {line["work_order"] for line in observed.truth if "work_order" in line} <= planned
    assert {line["tag"] for line in observed.truth if line["truth"] == "tag_passed"} <= bound


def test_the_truth_ends_with_the_stop(observed: Observed) -> None:
    assert observed.truth[-1]["truth"] == "stopped"
    assert set(observed.truth[-1]["wip"]) == {"sewing", "packing", "cut-buffer"}
    assert parse_time(observed.truth[-1]["at"]) < STOP + timedelta(seconds=5)


def test_registers_cannot_be_written_and_other_addresses_are_refused(observed: Observed) -> None:
    assert observed.modbus_refusals == (1, 2)  # illegal function, illegal address


def test_opcua_variables_cannot_be_written_by_a_client(observed: Observed) -> None:
    assert observed.opcua_refusal == StatusCodes.BadUserAccessDenied
