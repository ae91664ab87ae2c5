"""`genba edge explain` after a real run: device, gateway, broker and collector are processes of their own or real code.

The list that the explanation is compared with is the collector's log: it was kept by other code, from what came over
the wire.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from genba_cloud.core.facts import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.ledger import Ledger
from genba_cloud.store.read import QueueRow
from genba_edge.core.journal import Commit
from genba_edge.outbox import Archive
from genba_shared.cli import main
from genba_shared.clock import ProductionClock
from genba_shared.events import (
    Event,
    EventId,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    ProgressReported,
    Source,
    SourceType,
    StationState,
    StationStateChanged,
    WipChanged,
)
from tests.integration.gateway_run import map_of, running_gateway
from tests.integration.mqtt_peers import Mosquitto
from tests.integration.test_ingest import running_ingest, until
from tests.peers.process import ModbusPeer

MAP = """
# the collector's password is swordfish
version: 1
gateway: {{id: gw-1, site: demo, timezone: Asia/Shanghai}}
devices:
  - id: cell
    protocol: modbus
    host: 127.0.0.1:{port}
    poll: {{fast: 100ms}}
    points: {{good: {{at: 40001, type: uint16, counter: {{max_rate: 6000/min}}}}}}
stations:
  SEW-1: {{device: cell, counts: {{good: good}}}}
nodes:
  SEW: {{stations: [SEW-1], work_order: {{from: dispatch}}, done_when: {{good: node.quantity}}}}
"""
PLC = Source(type=SourceType.PLC, ref="cell/good")
QUANTITY = 30
FAST = {"GENBA_CLOCK": ProductionClock(origin=datetime.now(UTC), wall_origin_s=time.time(), speed=20.0).to_variable()}
PLANNED = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
ORDER = OrderPlan(
    order="A-1",
    system="demo",
    external_id="A-1",
    customer="Blue Shirt Co",
    promised=PLANNED,
    work_orders=(
        WorkOrderPlan(
            work_order="WO-1",
            site="demo",
            item="shirt",
            quantity=QUANTITY,
            nodes=(
                NodePlan(
                    node="SEW",
                    quantity=QUANTITY,
                    planned_start=PLANNED,
                    planned_finish=PLANNED,
                    predecessors=(),
                    label={"en": "SEW"},
                ),
            ),
        ),
    ),
)
ROW = QueueRow(station="SEW-1", work_order="WO-1", node="SEW", quantity=QUANTITY)


@contextmanager
def gateway(folder: Path, broker: Mosquitto) -> Iterator[subprocess.Popen[bytes]]:
    """`genba edge run`; at the end of the block it is killed as a power cut would.

    Plant time is fast, so that joined counts, which wait for ten seconds of it, come soon.
    """
    command = [sys.executable, "-m", "genba_shared.cli", "edge", "run", str(folder / "plant.yaml")]
    options = ["--broker", broker.url, "--status", "off"]
    with (folder / "gateway.log").open("ab") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=subprocess.STDOUT, env=os.environ | FAST)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def logged(ledger: Ledger) -> list[Event]:
    """What the collector has of the gateway, in the order in which it was made."""
    events = (stored.event for stored in ledger.reads.events(limit=1000).items)
    return sorted((event for event in events if EventId.parse(event.id) is not None), key=seq_of)


def good(ledger: Ledger) -> int:
    return sum(event.delta for event in logged(ledger) if isinstance(event, PiecesCounted))


async def make(peer: ModbusPeer, upto: int, seen: Callable[[int], bool]) -> None:
    """Make pieces one after the other, each seen by the collector; joined counts come later than that."""
    peer.set("holding", 0, upto)
    await until(lambda: seen(upto), seconds=40)


def explained(folder: Path, asked: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = main(["edge", "explain", asked, "--state", str(folder / "state"), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.requirement(
    "R104",
    part="wrong maps with line, column and what to write; probe, browse, replay and explain",
    needs="mosquitto and libmodbus",
)
async def test_a_completion_is_explained_after_the_collector_took_it_and_after_a_kill(
    tmp_path: Path, broker: Mosquitto, modbus_peer: ModbusPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plant.yaml").write_text(MAP.format(port=modbus_peer.port))
    (tmp_path / "cloud").mkdir()
    async with running_ingest(tmp_path / "cloud", broker.url) as ledger:
        await ledger.upsert_order(ORDER)
        await ledger.append_queue([ROW])
        with gateway(tmp_path, broker):
            await until(lambda: any(event.kind == "dispatch_opened" for event in logged(ledger)), seconds=40)
            for made in (2, 7, 12):
                await make(modbus_peer, made, lambda upto: good(ledger) >= upto)
        modbus_peer.set("holding", 0, 15)  # made while the gateway is dead
        with gateway(tmp_path, broker):
            await make(modbus_peer, 24, lambda upto: good(ledger) >= upto)
            modbus_peer.set("holding", 0, QUANTITY)
            await until(lambda: any(isinstance(event, NodeCompleted) for event in logged(ledger)), seconds=40)
            await until(lambda: outbox_is_empty(tmp_path / "state"))
            code, told = explained(tmp_path, "WO-1/SEW", capsys)  # while it runs
        assert code == 0
        events = logged(ledger)
    of_the_node = {event.id for event in events if (event.work_order, event.node) == ("WO-1", "SEW")}
    gaps = {event.id for event in events if event.kind == "data_gap_seen"}
    (claim,) = (event for event in events if isinstance(event, NodeCompleted))
    behind = {event.id for event in events if seq_of(event) > seq_of(claim)}
    assert len([event for event in events if isinstance(event, PiecesCounted)]) >= 5
    assert gaps, "the kill left an interval that nobody observed"
    assert {each["id"] for each in told["inputs"]} == (of_the_node | gaps) - behind - {claim.id}
    assert told["id"] == claim.id
    assert told["sum"] == {
        "good": QUANTITY, "claimed": QUANTITY, "answered": 0, "adds_up": True, "has_beginning": True,
        "kept_since": None,
    }  # fmt: skip
    assert [each["id"] for each in told["because"]] == list(claim.because)
    assert told["rule"][0] == "done when its good pieces (cell/good) reach the quantity of the work order"
    assert explained(tmp_path, f"#{seq_of(claim)}", capsys) == (0, told), "the same after the gateway has ended"
    assert b"swordfish" not in (tmp_path / "state" / "outbox.db").read_bytes()


def seq_of(event: Event) -> int:
    return int(event.id.rpartition(":")[2])


def outbox_is_empty(state: Path) -> bool:
    """Every event was acknowledged, and that is written to the disk."""
    with Archive(state) as archive:
        return archive.acknowledged == archive.next_seq - 1


async def test_a_gateway_keeps_trails_and_every_map_that_it_had_beside_its_events(
    tmp_path: Path, modbus_peer: ModbusPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    text = MAP.format(port=modbus_peer.port)
    (tmp_path / "state").mkdir()
    async with running_gateway(tmp_path / "state", map_of(text)) as running:
        await until(lambda: running.gateway.snapshot().is_ready)
        epoch, before = running.outbox.mark().epoch, running.outbox.mark().next_seq
        event = WipChanged(id=f"gw-1:{epoch}:{before}", at=PLANNED, source=PLC, zone="buffer", count=3, by=1)
        running.gateway._committing._write(
            Commit(events=(event,), state={}, trails={event.id: '{"rule":"a stock-take"}'})
        )
        change = await running.gateway.reload(map_of(text.replace("6000/min", "5000/min")))
        assert change.refusals == ()
        after = running.outbox.mark().next_seq
    with Archive(tmp_path / "state") as archive:
        kept = [archive.map_at(seq) for seq in (before, after)]
    assert [each is not None and f"{rate}/min" in each.text for each, rate in zip(kept, (6000, 5000), strict=True)] == [
        True,
        True,
    ]
    code, told = explained(tmp_path, str(before), capsys)
    assert (code, told["trail"]) == (0, {"rule": "a stock-take"})
    assert told["sentence"] == "2026-01-05 15:00:00: zone buffer holds 3 pieces (+1)"
    assert told["rule"][0] == "the map has no zone buffer"


async def test_the_state_that_started_unfinished_work_is_found_in_the_history(
    tmp_path: Path, modbus_peer: ModbusPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").mkdir()
    async with running_gateway(tmp_path / "state", map_of(MAP.format(port=modbus_peer.port))) as running:
        await until(lambda: running.gateway.snapshot().is_ready)
        epoch, first = running.outbox.mark().epoch, running.outbox.mark().next_seq
        ids = [f"gw-1:{epoch}:{first + place}" for place in range(3)]
        events: tuple[Event, ...] = (
            StationStateChanged(
                id=ids[0], at=PLANNED, source=PLC, station="SEW-1", state=StationState.RUNNING, since=PLANNED
            ),
            NodeStarted(
                id=ids[1], at=PLANNED, source=PLC, station="SEW-1", work_order="WO-1", node="SEW", because=(ids[0],)
            ),
            ProgressReported(id=ids[2], at=PLANNED, source=PLC, work_order="WO-1", node="SEW", pieces=0, quantity=5),
        )
        running.gateway._committing._write(Commit(events=events, state={}, trails={}))
    code, told = explained(tmp_path, "WO-1/SEW", capsys)
    assert (code, told["completed"]) == (0, False)
    assert [each["id"] for each in told["inputs"]] == ids


async def test_what_cannot_be_explained_says_what_would_work(
    tmp_path: Path, broker: Mosquitto, modbus_peer: ModbusPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plant.yaml").write_text(MAP.format(port=modbus_peer.port))
    with gateway(tmp_path, broker):
        await until((tmp_path / "state" / "outbox.db").exists, seconds=40)
        await until(lambda: "gateway started" in (tmp_path / "gateway.log").read_text(), seconds=40)
    state = ["--state", str(tmp_path / "state")]
    for asked, said in (
        ("#1", "there is no event #1 yet: the next one is #1"),
        ("gw-2:" + "0" * 32 + ":1", "is of gateway gw-2; this is the state folder of gw-1"),
        ("gw-1:" + "0" * 32 + ":1", "is of another epoch"),
        ("WO-9/SEW", "holds nothing of node SEW of work order WO-9"),
        ("completion", "'completion' is no event of a gateway: write GATEWAY:EPOCH:NUMBER, NUMBER, or WORK_ORDER/NODE"),
    ):
        assert main(["edge", "explain", asked, *state]) == 1
        assert said in capsys.readouterr().err
    assert main(["edge", "explain", "#1", "--state", str(tmp_path / "nowhere")]) == 2
    assert "no outbox in" in capsys.readouterr().err
    assert main(["edge", "explain", "#1", "--map", str(tmp_path / "plant.yaml")]) == 1
