"""Attacks on a broker that lets everybody do everything: nothing wrong reaches the log, and a good gateway goes on."""

from __future__ import annotations

import json
import logging
import shutil
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import zstandard

from genba_cloud.ingest import Strangers
from genba_shared import topics
from genba_shared.acknowledgement import Acknowledgement
from genba_shared.codec import Codec, Header, decode_signed_header
from genba_shared.codec.compression import MAX_BODY
from genba_shared.codec.header import frame
from genba_shared.dispatch_document import DispatchDocument, split_parts
from genba_shared.events import DataQuestioned, OrderConfirmed, QuestionCause, Source, SourceType
from genba_shared.signing import new_key, signer_of
from tests.integration.identity_bench import (
    GOOD,
    START,
    TARGET,
    Attacker,
    Collector,
    Gateway,
    Plant,
    attacker_on,
    counted,
    forged_state,
    sealed,
)
from tests.integration.mqtt_peers import Mosquitto, eventually

EPOCH = "e" * 32


@dataclass
class Scene:
    plant: Plant
    collector: Collector
    attacker: Attacker
    good: Gateway

    async def good_goes_on(self) -> None:
        """The good gateway beside delivers; what was sent before it was looked at by then."""
        ids = self.good.count(2)
        await eventually(lambda: self.collector.ids(GOOD)[-2:] == ids)
        await eventually(lambda: self.good.outbox.mark().next_seq - 1 == self.good.uplink._delivery.acked)

    async def target_delivers(self, pieces: int) -> tuple[Gateway, list[str]]:
        """The target is enrolled and delivers so many events; it, and their ids."""
        await self.plant.enrol(self.collector, TARGET)
        target = self.plant.gateway(TARGET)
        ids = target.count(pieces)
        await eventually(lambda: self.collector.ids(TARGET) == ids)
        return target, ids

    async def cloned(self) -> tuple[Gateway, list[str]]:
        """A copy of the target's card runs, whose original has delivered 4 events more; it, and the ids in the log."""
        card, common = await self.target_delivers(3)
        await card.stop()
        self.plant.copy(card, "clone")
        original = self.plant.gateway(TARGET)
        own = original.count(4, note="original")
        await eventually(lambda: self.collector.ids(TARGET) == common + own)
        await original.stop()
        return self.plant.gateway(TARGET, folder="clone"), common + own


@pytest.fixture
def plant(tmp_path: Path, broker: Mosquitto) -> Plant:
    return Plant(tmp_path, broker)


@pytest.fixture
async def scene(plant: Plant) -> AsyncIterator[Scene]:
    async with plant.collector() as collector, attacker_on(plant.broker.url) as attacker:
        await plant.enrol(collector, GOOD)
        good = plant.gateway(GOOD)
        yield Scene(plant=plant, collector=collector, attacker=attacker, good=good)
        await plant.stop()


async def test_another_gateways_name_in_the_header_is_refused(scene: Scene) -> None:
    await scene.plant.enrol(scene.collector, TARGET)
    key = scene.plant.keys[TARGET]  # the attacker is an enrolled gateway itself
    scene.attacker.send(TARGET, sealed(GOOD, counted(GOOD, EPOCH, 1), key=key, epoch=EPOCH))
    await scene.good_goes_on()
    assert scene.collector.refused == {"topic": 1}
    assert "does not belong to gateway gw-good" in scene.collector.quarantined(TARGET)[0]
    assert len(scene.collector.ids(GOOD)) == 2


async def test_an_envelope_on_another_gateways_topic_is_refused_even_with_that_name(scene: Scene) -> None:
    await scene.plant.enrol(scene.collector, TARGET)
    envelope = sealed(GOOD, counted(GOOD, EPOCH, 1), key=scene.plant.keys[TARGET], epoch=EPOCH)
    scene.attacker.send(GOOD, envelope)
    await scene.good_goes_on()
    assert scene.collector.refused == {"signature": 1}
    assert len(scene.collector.ids(GOOD)) == 2


@pytest.mark.parametrize("sign", ["none", "random", "changed body", "changed header"])
async def test_a_wrong_signature_is_refused_kept_once_and_not_accounted_for(scene: Scene, sign: str) -> None:
    await scene.plant.enrol(scene.collector, TARGET)
    key = {"none": None, "random": new_key()}.get(sign, scene.plant.keys[TARGET])
    envelope = sealed(TARGET, counted(TARGET, EPOCH, 1), counted(TARGET, EPOCH, 2), key=key, epoch=EPOCH)
    if sign.startswith("changed"):
        honest = sealed(TARGET, counted(TARGET, EPOCH, 1, delta=9), counted(TARGET, EPOCH, 2), key=None, epoch=EPOCH)
        envelope = _with_signature_of(envelope, honest if sign == "changed body" else _other_seqs())
    for _ in range(3):
        scene.attacker.send(TARGET, envelope)
    await scene.good_goes_on()
    assert scene.collector.refused == {"signature": 3}
    assert len(scene.collector.quarantined(TARGET)) == 1
    assert scene.collector.ids(TARGET) == []
    target = scene.plant.gateway(TARGET)
    ids = target.count(1)
    await eventually(lambda: scene.collector.ids(TARGET) == ids)


def _other_seqs() -> bytes:
    return sealed(TARGET, counted(TARGET, EPOCH, 3), counted(TARGET, EPOCH, 4), key=None, epoch=EPOCH)


def _with_signature_of(signed: bytes, unsigned: bytes) -> bytes:
    """The second envelope with the signature of the first."""
    one, other = decode_signed_header(signed), decode_signed_header(unsigned)
    body = unsigned[len(other.covered) + 5 :]
    head = other.covered + bytes([64]) + one.header.signature
    return head + zlib.crc32(head).to_bytes(4, "little") + body


async def test_a_removed_gateway_is_refused_and_so_is_one_that_uses_its_name_without_a_signature(scene: Scene) -> None:
    target, before = await scene.target_delivers(1)
    await scene.collector.ledger.remove_gateway(TARGET)
    target.count(3)
    scene.attacker.send(TARGET, sealed(TARGET, counted(TARGET, EPOCH, 1), key=None, epoch=EPOCH))
    await eventually(lambda: scene.collector.refused["removed"] >= 2)
    await scene.good_goes_on()
    assert scene.collector.ids(TARGET) == before
    assert target.outbox.mark().depth >= 3


async def test_the_key_of_an_old_card_is_refused_when_the_gateway_is_enrolled_again(scene: Scene) -> None:
    old = await scene.plant.enrol(scene.collector, TARGET)
    invited = await scene.collector.ledger.renew_gateway(TARGET)
    card = scene.plant.gateway(TARGET, folder="old", credentials=old)
    first = card.count(1)
    await eventually(lambda: scene.collector.ids(TARGET) == first)
    await scene.plant.enrol(scene.collector, TARGET, code=invited.secret)  # type: ignore[union-attr] # it is registered
    card.count(1)
    await eventually(lambda: scene.collector.refused["signature"])
    new = scene.plant.gateway(TARGET, folder="new")
    ids = new.count(2)
    await eventually(lambda: scene.collector.ids(TARGET) == first + ids)
    await scene.good_goes_on()


async def test_replayed_envelopes_change_nothing(scene: Scene) -> None:
    for _ in range(3):
        await scene.good_goes_on()
    before = scene.collector.ids(GOOD)
    for envelope in scene.attacker.envelopes(GOOD) * 3:
        scene.attacker.send(GOOD, envelope)
    await scene.good_goes_on()
    assert scene.collector.ids(GOOD)[: len(before)] == before
    assert len(scene.collector.ids(GOOD)) == len(before) + 2
    assert scene.collector.quarantined(GOOD) == []
    assert scene.collector.alarm(GOOD) is None


async def test_envelopes_replayed_after_a_restore_bring_back_what_was_lost_and_nothing_twice(plant: Plant) -> None:
    async with attacker_on(plant.broker.url) as attacker:
        async with plant.collector() as collector:
            await plant.enrol(collector, GOOD)
            good = plant.gateway(GOOD)
            scene = Scene(plant=plant, collector=collector, attacker=attacker, good=good)
            await scene.good_goes_on()
        shutil.copytree(plant.data, plant.folder / "backup")
        async with plant.collector() as collector:
            scene.collector = collector
            await scene.good_goes_on()
            recorded = attacker.envelopes(GOOD)
        shutil.rmtree(plant.data)
        shutil.move(plant.folder / "backup", plant.data)
        async with plant.collector() as collector:
            scene.collector = collector
            for envelope in recorded:
                attacker.send(GOOD, envelope)
            await scene.good_goes_on()
            ids = collector.ids(GOOD)
            assert len(ids) == len(set(ids)) == 6
        await plant.stop()


async def test_an_envelope_of_an_epoch_that_is_over_changes_nothing(scene: Scene) -> None:
    await scene.good_goes_on()
    old = scene.attacker.envelopes(GOOD)
    await scene.good.uplink.stop()
    scene.good.outbox.begin_epoch("d" * 32, [], {})
    scene.good.uplink.start()
    await scene.good_goes_on()
    before = scene.collector.ids(GOOD)
    for envelope in old:
        scene.attacker.send(GOOD, envelope)
    await scene.good_goes_on()
    assert scene.collector.ids(GOOD)[:-2] == before


@pytest.mark.parametrize("size", [131_073, 200_000, 300_000, 2_000_000])
async def test_an_oversized_message_is_let_go_unread(scene: Scene, size: int) -> None:
    await scene.good_goes_on()
    scene.attacker.send(TARGET, b"gB" + bytes(size - 2))
    await eventually(lambda: scene.collector.refused == {"too_long": 1})
    await scene.good_goes_on()
    assert scene.collector.ids(TARGET) == []
    assert [row.size for row in scene.collector.ledger.reads.quarantined()] in ([], [0])


@pytest.mark.parametrize("codec", [Codec.ZLIB, Codec.ZSTD])
@pytest.mark.parametrize("says", [1000, MAX_BODY])
async def test_a_bomb_costs_its_own_envelope_and_nothing_else(scene: Scene, codec: Codec, says: int) -> None:
    await scene.plant.enrol(scene.collector, TARGET)
    zeros = bytes(20_000_000)
    body = zlib.compress(zeros, 6) if codec is Codec.ZLIB else zstandard.compress(zeros)
    header = Header(codec=codec, gateway=TARGET, epoch=EPOCH, first=1, last=3, prev=0, acked=0, wall=START, mono_ms=1)
    assert len(body) < 120_000
    scene.attacker.send(TARGET, frame(header, body, size=says, sign=signer_of(scene.plant.keys[TARGET])))
    await scene.good_goes_on()
    assert scene.collector.ids(TARGET) == []
    assert len(scene.collector.quarantined(TARGET)) == 1


async def test_one_bad_event_in_a_good_envelope_is_quarantined_alone(scene: Scene) -> None:
    await scene.plant.enrol(scene.collector, TARGET)
    plc = Source(type=SourceType.PLC, ref="x")
    bad = OrderConfirmed(id=f"{TARGET}:{EPOCH}:2", at=START, source=plc, order="A-9")
    events = (counted(TARGET, EPOCH, 1), bad, counted(TARGET, EPOCH, 3))
    scene.attacker.send(TARGET, sealed(TARGET, *events, key=scene.plant.keys[TARGET], epoch=EPOCH))
    await scene.good_goes_on()
    assert scene.collector.ids(TARGET) == [events[0].id, events[2].id]
    assert [row.event_id for row in scene.collector.ledger.reads.quarantined()] == [bad.id]


async def test_a_forged_acknowledgement_deletes_nothing(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    await scene.plant.enrol(scene.collector, TARGET)
    await scene.collector.ledger.remove_gateway(TARGET)  # so that the collector itself never answers
    target = scene.plant.gateway(TARGET)
    target.count(5)
    await eventually(lambda: target.uplink.is_connected)
    mark, run = target.outbox.mark(), target.uplink._run
    forged = Acknowledgement(epoch=mark.epoch, upto=5, run=run)
    stolen = forged.signed(TARGET, signer_of(new_key()))
    elsewhere = forged.signed(GOOD, scene.plant.pki.sign)  # a true one, for another gateway
    for ack in (forged, stolen, elsewhere):
        scene.attacker.link.publish(topics.ack(TARGET), ack.to_json())
    await eventually(lambda: "not signed by the collector" in caplog.text)
    await scene.good_goes_on()
    assert target.outbox.mark().depth == 5


async def test_a_forged_dispatch_document_is_not_taken(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    await eventually(lambda: scene.good.documents)
    document = DispatchDocument(version=99, stations={}, work_orders={"WO-EVIL": {"CUT": 1}}, tags=())
    manifest, parts = split_parts(document)
    with caplog.at_level(logging.WARNING):
        scene.attacker.link.publish(topics.dispatch_part(GOOD, 0), parts[0], retain=True)
        scene.attacker.link.publish(topics.dispatch(GOOD), manifest.to_json(), retain=True)
        await eventually(lambda: "version 99 is not signed by the collector" in caplog.text)
    await scene.good_goes_on()
    assert all(document.version != 99 for document in scene.good.documents)


async def test_a_forged_state_shows_nothing(scene: Scene) -> None:
    await scene.good_goes_on()
    scene.attacker.link.publish(topics.state(GOOD), forged_state(GOOD, stations=["EVIL-1"]), retain=True)
    scene.attacker.link.publish(topics.state(GOOD), json.dumps({"online": False, "epoch": EPOCH}))
    await eventually(lambda: scene.collector.refused == {"signature": 2})
    await scene.good_goes_on()
    (record,) = [one for one in scene.collector.ledger.reads.gateways() if one.gateway == GOOD]
    assert (record.online, record.stations, record.enrolment) == (True, (), "registered")


async def test_a_flood_of_strangers_leaves_one_trace_each_and_a_good_gateway_goes_on(plant: Plant) -> None:
    async with (
        plant.collector(strangers=Strangers.REFUSED) as collector,
        attacker_on(plant.broker.url) as attacker,
    ):
        await plant.enrol(collector, GOOD)
        scene = Scene(plant=plant, collector=collector, attacker=attacker, good=plant.gateway(GOOD))
        await scene.good_goes_on()
        for seq in range(1, 501):
            for name in ("stranger-1", "stranger-2"):
                attacker.send(name, sealed(name, counted(name, EPOCH, seq), key=None, epoch=EPOCH))
        await scene.good_goes_on()
        left_out = "genba_ingest_left_out_envelopes_total"
        await eventually(lambda: collector.refused["stranger"] + collector.ingest.figures().get(left_out, 0) == 1000)
        assert [len(collector.quarantined(name)) for name in ("stranger-1", "stranger-2")] == [1, 1]
        assert collector.ids("stranger-1") == collector.ids("stranger-2") == []
        await plant.stop()


async def test_a_cloned_card_goes_on_in_a_new_epoch_and_nothing_of_it_is_lost(scene: Scene) -> None:
    clone, before = await scene.cloned()  # it holds nothing, and numbers that are taken
    await clone.begin_epoch("c" * 32)
    new = clone.count(2, note="clone")
    await eventually(lambda: scene.collector.ids(TARGET) == before + new)
    await scene.good_goes_on()
    assert new[0] == f"{TARGET}:{'c' * 32}:1"
    assert scene.collector.quarantined(TARGET) == []


async def test_a_clone_that_counted_by_itself_is_quarantined_with_an_alarm(scene: Scene) -> None:
    clone, before = await scene.cloned()
    clone.count(6, note="clone")  # four under numbers that are taken, two beyond
    await clone.begin_epoch("c" * 32)
    await eventually(lambda: len(scene.collector.quarantined(TARGET)) == 4)
    assert scene.collector.ids(TARGET)[:7] == before
    assert len(scene.collector.ids(TARGET)) == 9
    assert "two gateways share the identity" in (scene.collector.alarm(TARGET) or "")
    told = [row.event for row in scene.collector.ledger.reads.events().items if isinstance(row.event, DataQuestioned)]
    assert [(event.cause, event.point) for event in told] == [(QuestionCause.IDENTITY, TARGET)]
    await scene.good_goes_on()


async def test_two_live_gateways_with_one_identity_raise_the_alarm_and_lose_nothing(scene: Scene) -> None:
    first, common = await scene.target_delivers(2)
    await first.stop()
    for name in ("left", "right"):
        scene.plant.copy(first, name)
    twins = [scene.plant.gateway(TARGET, folder=name) for name in ("left", "right")]  # one MQTT client id, too
    made = [name for twin in twins for name in twin.count(3, note=twin.folder.name)]
    await eventually(lambda: "two gateways share" in (scene.collector.alarm(TARGET) or ""), within_s=60)
    reads = scene.collector.ledger.reads
    kept = len(scene.collector.ids(TARGET)) - len(common) + len(scene.collector.quarantined(TARGET))
    held = sum(twin.outbox.mark().next_seq - 1 - twin.uplink._delivery.acked for twin in twins)
    assert kept + held >= len(made)
    assert len(set(scene.collector.ids(TARGET))) == len(scene.collector.ids(TARGET))
    assert any(isinstance(row.event, DataQuestioned) for row in reads.events().items)
    await scene.good_goes_on()
