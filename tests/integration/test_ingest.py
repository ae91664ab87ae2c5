"""A gateway's side of the wire against the collector, over a real broker: taken, acknowledged, told what to do."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from genba_cloud.core.facts import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.ingest import EmbeddedBroker, Ingest
from genba_cloud.ingest.fair_queue import FairQueue
from genba_cloud.ledger import Ledger, TagToBind
from genba_cloud.store import SqliteStore
from genba_cloud.store.read import QueueRow
from genba_shared import topics
from genba_shared.acknowledgement import Acknowledgement
from genba_shared.dispatch_document import DispatchDocument, DispatchManifest, PartsDoNotMatch, join_parts
from genba_shared.errors import UsageError
from genba_shared.events import Event, NodeCompleted, OrderConfirmed, Source, SourceType
from genba_shared.mqtt import MqttLink
from tests.integration.demo_gateway import EPOCH, GATEWAY, PLC, counted, envelope, minute
from tests.integration.mqtt_peers import nats_program

API = Source(type=SourceType.API, ref="mes")


async def until(condition: Callable[[], bool], *, seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def completed(seq: int) -> Event:
    return NodeCompleted(
        id=f"{GATEWAY}:{EPOCH}:{seq}", at=minute(seq), source=PLC, work_order="WO-1", node="CUT", pieces=8
    )


def node(code: str, *predecessors: str) -> NodePlan:
    return NodePlan(
        node=code,
        quantity=8,
        planned_start=minute(0),
        planned_finish=minute(60),
        predecessors=predecessors,
        label={"en": code},
    )


ORDER = OrderPlan(
    order="A-1",
    system="demo",
    external_id="A-1",
    customer="Blue Shirt Co",
    promised=minute(90),
    work_orders=(
        WorkOrderPlan(
            work_order="WO-1", site="demo", item="shirt", quantity=8, nodes=(node("CUT"), node("SEW", "CUT"))
        ),
    ),
)
CUT_ROW = QueueRow(station="CUT-1", work_order="WO-1", node="CUT", quantity=8)


@dataclass
class Gateway:
    """The gateway's end of the wire, without any rule of its own."""

    link: MqttLink
    acknowledged: list[int] = field(default_factory=list)
    manifest: DispatchManifest | None = None
    parts: dict[int, bytes] = field(default_factory=dict)

    def hear(self, topic: str, payload: bytes, _retained: bool) -> None:
        if topic == topics.ack(GATEWAY):
            answer = Acknowledgement.from_json(payload)
            assert answer.epoch == EPOCH
            self.acknowledged.append(answer.upto)
        elif topic == topics.dispatch(GATEWAY):
            self.manifest = DispatchManifest.from_json(payload)
        else:
            self.parts[int(topic.rpartition("/")[2])] = payload

    def send(self, payload: bytes) -> None:
        self.link.publish(topics.up(GATEWAY), payload)

    def say(self, **state: Any) -> None:
        message = {"online": True, "epoch": EPOCH, "next_seq": {"facts": 1}, "dispatch_version": 0, **state}
        self.link.publish(topics.state(GATEWAY), json.dumps(message), retain=True)

    def document(self) -> DispatchDocument | None:
        if self.manifest is None:
            return None
        try:
            return join_parts(self.manifest, [self.parts[number] for number in range(self.manifest.parts)])
        except PartsDoNotMatch:  # parts of the next document have come, and its manifest has not yet
            return None


@dataclass
class Plant:
    ledger: Ledger
    ingest: Ingest
    gateway: Gateway


@asynccontextmanager
async def connected_gateway(url: str) -> AsyncIterator[Gateway]:
    async with MqttLink(url, GATEWAY) as link:
        gateway = Gateway(link)
        link.on_message = gateway.hear
        link.subscribe(topics.ack(GATEWAY))
        link.subscribe(topics.dispatch_filter(GATEWAY))
        await until(lambda: link.connected)
        yield gateway


@asynccontextmanager
async def running_ingest(folder: Path, url: str) -> AsyncIterator[Ledger]:
    async with ledger_and_ingest(folder, url) as (ledger, _):
        yield ledger


@asynccontextmanager
async def ledger_and_ingest(folder: Path, url: str) -> AsyncIterator[tuple[Ledger, Ingest]]:
    store = SqliteStore(folder)
    async with Ledger(store, now=lambda: minute(100)) as ledger:
        ingest = Ingest(ledger, broker=url, now=lambda: minute(100))
        task = asyncio.create_task(ingest.run())
        await until(lambda: ingest.connected)
        yield ledger, ingest
        task.cancel()
        await asyncio.wait({task})
    store.close()


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[EmbeddedBroker]:
    nats_program()
    async with EmbeddedBroker(tmp_path) as running:
        yield running


@pytest.fixture
async def plant(tmp_path: Path, broker: EmbeddedBroker) -> AsyncIterator[Plant]:
    async with (
        ledger_and_ingest(tmp_path, broker.url) as (ledger, ingest),
        connected_gateway(broker.url) as gateway,
    ):
        yield Plant(ledger=ledger, ingest=ingest, gateway=gateway)


async def test_a_hello_is_answered_with_what_is_accounted_for(plant: Plant) -> None:
    plant.gateway.say()
    await until(lambda: plant.gateway.acknowledged == [0])
    (record,) = plant.ledger.reads.gateways()
    assert (record.gateway, record.enrolment, record.online, record.epoch) == (GATEWAY, "unenrolled", True, EPOCH)
    assert record.seen_at is not None


async def test_events_reach_the_log_and_are_acknowledged_after_the_commit(plant: Plant) -> None:
    plant.gateway.say()
    plant.gateway.send(envelope(counted(1, 8, 8), completed(2)))
    await until(lambda: 2 in plant.gateway.acknowledged)
    assert [row.event for row in plant.ledger.reads.events().items] == [counted(1, 8, 8), completed(2)]


async def test_a_resent_envelope_is_acknowledged_again_and_kept_once(plant: Plant) -> None:
    for answers in ([1], [1, 1], [1, 1, 1]):
        plant.gateway.send(envelope(counted(1, 3, 3)))
        await until(lambda answers=answers: plant.gateway.acknowledged == answers)
    assert plant.ledger.reads.last_position() == 1


async def test_a_gap_in_delivery_is_answered_with_where_to_go_back_to(plant: Plant) -> None:
    plant.gateway.send(envelope(counted(1, 3, 3)))
    await until(lambda: plant.gateway.acknowledged == [1])
    plant.gateway.send(envelope(counted(5, 8, 2), prev=4, acked=1))
    await until(lambda: plant.gateway.acknowledged == [1, 1])
    assert plant.ledger.reads.last_position() == 1


async def test_an_envelope_whose_body_is_broken_is_quarantined_and_accounted_for(plant: Plant) -> None:
    whole = envelope(counted(1, 3, 3), counted(2, 5, 2))
    plant.gateway.send(whole[:-1] + bytes([whole[-1] ^ 0xFF]))
    plant.gateway.send(envelope(counted(3, 6, 1), prev=2))
    await until(lambda: 3 in plant.gateway.acknowledged)
    assert len(plant.ledger.reads.quarantined()) == 1
    assert [row.event.id for row in plant.ledger.reads.events().items] == [f"{GATEWAY}:{EPOCH}:3"]


async def test_an_event_that_only_people_may_send_is_quarantined_alone(plant: Plant) -> None:
    order = OrderConfirmed(id=f"{GATEWAY}:{EPOCH}:1", at=minute(1), source=PLC, order="A-9")
    plant.gateway.send(envelope(order, counted(2, 3, 3)))
    await until(lambda: 2 in plant.gateway.acknowledged)
    assert [row.event_id for row in plant.ledger.reads.quarantined()] == [order.id]
    assert [row.event.kind for row in plant.ledger.reads.events().items] == ["pieces_counted"]


async def test_what_cannot_be_read_at_all_is_kept_once_and_not_acknowledged(plant: Plant) -> None:
    for _ in range(3):
        plant.gateway.send(b"not an envelope")
    plant.gateway.send(envelope(counted(1, 3, 3)))
    await until(lambda: plant.gateway.acknowledged == [1])
    assert [row.size for row in plant.ledger.reads.quarantined()] == [15]


async def test_an_envelope_in_another_gateways_name_is_quarantined(plant: Plant) -> None:
    stranger = NodeCompleted(id=f"gw-other:{EPOCH}:1", at=minute(1), source=PLC, work_order="W", node="CUT", pieces=1)
    plant.gateway.send(envelope(stranger, gateway="gw-other"))
    await until(lambda: len(plant.ledger.reads.quarantined()) == 1)
    assert "does not belong to gateway gw-other" in plant.ledger.reads.quarantined()[0].reason
    assert plant.ledger.reads.last_position() == 0


async def test_a_last_will_shows_the_gateway_offline_and_keeps_its_devices(plant: Plant) -> None:
    plant.gateway.say(devices={"cutter1": {"status": "lost", "reason": "no answer"}})
    await until(lambda: plant.gateway.acknowledged == [0])
    plant.gateway.link.publish(topics.state(GATEWAY), json.dumps({"online": False, "epoch": EPOCH}), retain=True)
    await until(lambda: not plant.ledger.reads.gateways()[0].online)
    assert plant.ledger.reads.gateways()[0].devices["cutter1"]["status"] == "lost"


async def test_a_state_that_breaks_the_contract_stops_nobody(plant: Plant) -> None:
    plant.gateway.link.publish(topics.state(GATEWAY), b'{"online": "yes"}')
    plant.gateway.say()
    await until(lambda: plant.gateway.acknowledged == [0])


@pytest.mark.parametrize("name", ['"\\ud800"', '"x": NaN, "y"'], ids=["half a letter", "no number"])
async def test_a_state_that_could_not_be_shown_is_not_kept(plant: Plant, name: str) -> None:
    text = f'{{"online": true, "epoch": "{EPOCH}", "devices": {{"cutter1": {{{name}: 1}}}}}}'
    plant.gateway.link.publish(topics.state(GATEWAY), text)
    plant.gateway.link.publish(topics.up(GATEWAY), envelope(counted(1, 4, 4)))
    await until(lambda: 1 in plant.gateway.acknowledged)
    assert plant.ledger.reads.gateways() == ()


async def test_what_is_left_out_because_too_much_waits_is_taken_when_it_comes_again(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plant.ingest, "_queue", FairQueue(most_of_one=0))
    plant.gateway.link.publish(topics.up(GATEWAY), envelope(counted(1, 4, 4)))
    plant.gateway.say()
    await until(lambda: plant.gateway.acknowledged == [0])
    assert plant.ledger.reads.last_position() == 0
    assert plant.ingest.figures()["genba_ingest_left_out_envelopes_total"] == 1
    monkeypatch.undo()
    plant.gateway.link.publish(topics.up(GATEWAY), envelope(counted(1, 4, 4)))
    await until(lambda: plant.gateway.acknowledged == [0, 1])
    figures = plant.ingest.figures()
    assert figures["genba_ingest_lag_seconds_count"] == 1
    assert figures['genba_ingest_lag_seconds_bucket{le="30"}'] == 1
    assert figures["genba_ingest_waiting_messages"] == 0


async def test_a_hello_is_told_what_the_gateways_stations_work_on(plant: Plant) -> None:
    await plant.ledger.upsert_order(ORDER)
    await plant.ledger.append_queue([CUT_ROW])
    await plant.ledger.change_tags(bind=[TagToBind(tag="aa", work_order="WO-1", pieces=5)], source=API)
    plant.gateway.say(stations=["CUT-1"], zones=["sewing"], nodes=["CUT"])
    await until(lambda: plant.gateway.manifest is not None)
    document = plant.gateway.document()
    assert document is not None
    assert document.to_json() == {
        "version": 1,
        "stations": {
            "CUT-1": {"open": None, "next": [{"work_order": "WO-1", "node": "CUT", "quantity": 8}]},
        },
        "work_orders": {"WO-1": {"CUT": 8}},
        "tags": [{"tag": "aa", "work_order": "WO-1", "pieces": 5, "since": "2026-01-05T08:40:00.000Z"}],
    }


async def test_dispatch_follows_queue_orders_and_completions(plant: Plant) -> None:
    def next_nodes() -> list[str] | None:
        document = plant.gateway.document()
        return None if document is None else [row.node for row in document.stations["CUT-1"].next]

    plant.gateway.say(stations=["CUT-1"], nodes=["CUT"])
    await until(lambda: next_nodes() == [])
    await plant.ledger.upsert_order(ORDER)
    await plant.ledger.append_queue([CUT_ROW])
    await until(lambda: next_nodes() == ["CUT"])
    await plant.ledger.open_dispatch(CUT_ROW, source=API)
    await until(
        lambda: (document := plant.gateway.document()) is not None and document.stations["CUT-1"].open is not None
    )
    plant.gateway.send(envelope(counted(1, 8, 8), completed(2)))
    await until(lambda: next_nodes() == [])
    document = plant.gateway.document()
    assert document is not None
    assert document.stations["CUT-1"].open is None
    assert plant.ledger.reads.gateways()[0].dispatch_published == document.version


async def test_a_restarted_collector_goes_on_where_it_stood(tmp_path: Path, broker: EmbeddedBroker) -> None:
    async with connected_gateway(broker.url) as gateway:
        async with running_ingest(tmp_path, broker.url):
            gateway.say()
            gateway.send(envelope(counted(1, 3, 3)))
            await until(lambda: 1 in gateway.acknowledged)
        gateway.acknowledged.clear()
        async with running_ingest(tmp_path, broker.url) as ledger:
            await until(lambda: gateway.acknowledged[-1:] == [1])  # the retained state is answered
            gateway.send(envelope(counted(2, 5, 2), prev=1, acked=1))
            await until(lambda: gateway.acknowledged[-1:] == [2])
            assert (await ledger.verify()).differences == ()


async def test_gateways_go_on_after_the_broker_was_killed(plant: Plant, broker: EmbeddedBroker) -> None:
    plant.gateway.send(envelope(counted(1, 3, 3)))
    await until(lambda: plant.gateway.acknowledged == [1])
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)
    await until(lambda: not plant.gateway.link.connected)
    await until(lambda: plant.gateway.link.connected)

    def answered() -> bool:
        if plant.gateway.link.connected:
            plant.gateway.send(envelope(counted(2, 5, 2), prev=1, acked=1))
        return 2 in plant.gateway.acknowledged

    await until(answered, seconds=25)
    assert plant.ledger.reads.last_position() == 2


async def test_a_broker_elsewhere_is_reached_over_tls_only(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    async with Ledger(store, now=lambda: minute(0)) as ledger:
        with pytest.raises(UsageError, match="must be encrypted"):
            Ingest(ledger, broker="mqtt://broker.example:1883", now=lambda: minute(0))
    store.close()
