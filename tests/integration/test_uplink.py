"""The uplink over a real broker, to a collector of a few lines that only follows the wire contract."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from genba_edge.app.committing import Committing
from genba_edge.core.delivery import USUAL, DeliverySettings
from genba_edge.core.dropping import Dropping, StoreLimits
from genba_edge.outbox import SqliteOutbox
from genba_shared import topics
from genba_shared.acknowledgement import Acknowledgement
from genba_shared.codec import Envelope, Header, decode
from genba_shared.dispatch_document import DispatchDocument, TagBinding, split_parts
from genba_shared.errors import OutboxFull
from genba_shared.events import Event
from genba_shared.mqtt import MqttLink
from tests.integration.identity_bench import counted
from tests.integration.mqtt_peers import Mosquitto, NatsServer, Wire, eventually
from tests.peers.gateway import UplinkGateway
from tests.unit.edge.gateway_world import World

GATEWAY = "line-1"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)


class Collector:
    """Acknowledges what it has put into its list; answers each state message."""

    def __init__(self, url: str) -> None:
        self.link = MqttLink(url, "collector", on_message=self._hear)
        self.link.subscribe(topics.UP_FILTER)
        self.link.subscribe(topics.STATE_FILTER)
        self.upto = 0
        self.events: list[Event] = []
        self.headers: list[Header] = []
        self.rejected: list[int] = []
        self.declared: list[tuple[int, int]] = []
        self.states: list[dict[str, Any]] = []
        self.epoch = ""
        self.ignores: Callable[[Envelope], bool] = lambda envelope: False
        self.is_mute = False

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic == topics.state(GATEWAY):
            state = json.loads(payload)
            self.states.append(state | {"retained": retained})
            self.epoch = state["epoch"]
        else:
            envelope = decode(payload)
            self.headers.append(envelope.header)
            if self.ignores(envelope):
                return
            self._take(envelope)
        self.answer()

    def _take(self, envelope: Envelope) -> None:
        header = envelope.header
        if header.prev > self.upto:
            return
        self.events += [event for event in envelope.events if int(event.id.split(":")[2]) > self.upto]
        self.rejected += [rejected.seq for rejected in envelope.rejected if rejected.seq > self.upto]
        self.declared += [dropped for dropped in header.dropped if dropped[0] > self.upto]
        self.upto = max(self.upto, header.last)

    def answer(self, upto: int | None = None) -> None:
        if not self.is_mute:
            ack = Acknowledgement(epoch=self.epoch, upto=self.upto if upto is None else upto)
            self.link.publish(topics.ack(GATEWAY), ack.to_json())

    @property
    def seqs(self) -> list[int]:
        return [int(event.id.split(":")[2]) for event in self.events]


class Gateway(UplinkGateway[SqliteOutbox]):
    """A gateway with one device, whose counter moves when `count` is called."""

    def __init__(
        self, folder: Path, url: str, settings: DeliverySettings = USUAL, limits: StoreLimits | None = None
    ) -> None:
        outbox = SqliteOutbox(folder, gateway=GATEWAY, limits=limits or StoreLimits())
        super().__init__(GATEWAY, url, folder, outbox=outbox, settings=settings)
        self.device = "online"

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"devices": {"cutter1": {"status": self.device}}}

    def count(self, pieces: int, work_order: str = "WO-1") -> None:
        """Make events of the counter."""
        self.make(pieces, lambda epoch, seq: replace(counted(GATEWAY, epoch, seq), work_order=work_order))

    def drop(self, *seqs: int) -> None:
        """Remove events as the app does when the store is full, but for the event that declares it."""
        dropping = Dropping(seqs=frozenset(seqs), ranges=(), begin=None, end=None, events=len(seqs))
        self.outbox.append([], {"dropped": str(seqs[-1])}, dropping=dropping)
        self.uplink.withdraw(dropping.seqs)

    async def drop_soon(self, *seqs: int) -> None:
        """As `drop`, on the loop."""
        self.drop(*seqs)


@pytest.fixture
async def collector(broker: Mosquitto) -> AsyncIterator[Collector]:
    collector = Collector(broker.url)
    async with collector.link:
        await eventually(lambda: collector.link.connected)
        yield collector


async def test_events_arrive_in_order_and_the_outbox_is_emptied(
    broker: Mosquitto, collector: Collector, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, broker.url)
    gateway.count(1000)
    async with gateway.running():
        await eventually(lambda: collector.upto == 1000)
        gateway.count(1)
        await eventually(lambda: collector.upto == 1001)
        assert await gateway.uplink.drain(5.0)
        assert gateway.outbox.mark().depth == 0
    assert collector.seqs == list(range(1, 1002))
    assert collector.events[999].at == START + timedelta(seconds=1000)


async def test_new_events_are_not_read_from_the_outbox_again(
    broker: Mosquitto, collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(tmp_path, broker.url)
    gateway.count(3)
    async with gateway.running():
        await eventually(lambda: collector.upto == 3)
        monkeypatch.setattr(gateway.outbox, "pending", lambda **_: [])
        gateway.count(2)
        gateway.count(1)
        await eventually(lambda: collector.upto == 6)
    assert collector.seqs == [1, 2, 3, 4, 5, 6]


async def test_new_events_wait_behind_those_that_nobody_handed_over(
    broker: Mosquitto, collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(tmp_path, broker.url)
    with monkeypatch.context() as patched:
        patched.setattr(gateway.uplink, "wake", lambda events: None)
        gateway.count(600)
    async with gateway.running():
        gateway.count(2)
        await eventually(lambda: collector.upto == 602)
    assert collector.seqs == list(range(1, 603))


async def test_the_state_is_shown_at_once_when_it_changes_and_when_the_gateway_leaves(
    broker: Mosquitto, collector: Collector, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, broker.url)
    async with gateway.running():
        await eventually(lambda: collector.states)
        gateway.device = "lost"
        await eventually(lambda: collector.states[-1]["devices"]["cutter1"]["status"] == "lost")
    await eventually(lambda: not collector.states[-1]["online"])
    first, *_, second, last = collector.states  # the first may be told once more, after its first acknowledgement
    assert (first["online"], first["next_seq"], first["devices"]["cutter1"]["status"]) == (True, {"facts": 1}, "online")
    assert second["devices"]["cutter1"]["status"] == "lost"
    assert last == {"online": False, "epoch": first["epoch"], "retained": False}


async def test_the_last_will_says_that_a_gateway_vanished(
    broker: Mosquitto, collector: Collector, tmp_path: Path
) -> None:
    async with Wire(broker.port) as wire:
        gateway = Gateway(tmp_path, wire.url)
        async with gateway.running():
            await eventually(lambda: collector.states)
            wire.cut()
            await eventually(lambda: [state["online"] for state in collector.states] == [True, False, True])


async def test_nothing_is_sent_before_the_collector_has_spoken(
    broker: Mosquitto, collector: Collector, tmp_path: Path
) -> None:
    collector.is_mute = True
    gateway = Gateway(tmp_path, broker.url)
    gateway.count(5)
    async with gateway.running():
        await eventually(lambda: collector.states)
        gateway.device = "lost"
        await eventually(lambda: len(collector.states) == 2)
        assert collector.headers == []
        collector.is_mute = False
        collector.answer()
        await eventually(lambda: collector.upto == 5)


@pytest.mark.requirement(
    "R66", part="a gateway counts on without the collector, which agrees with it later", needs="mosquitto"
)
async def test_a_killed_broker_loses_nothing(broker: Mosquitto, collector: Collector, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, broker.url)
    async with gateway.running():
        gateway.count(10)
        await eventually(lambda: collector.upto == 10)
        broker.kill()
        for _ in range(20):
            gateway.count(1)
        broker.start()
        await eventually(lambda: collector.upto == 30)
    assert collector.seqs == list(range(1, 31))


@pytest.mark.requirement(
    "R26",
    part="links that break at any time lose and double nothing (a whole day is measured by a benchmark)",
    needs="mosquitto",
)
async def test_a_black_hole_loses_nothing_and_deletes_nothing(
    broker: Mosquitto, collector: Collector, tmp_path: Path
) -> None:
    async with Wire(broker.port) as wire:
        gateway = Gateway(tmp_path, wire.url)
        async with gateway.running():
            gateway.count(5)
            await eventually(lambda: collector.upto == 5)
            wire.swallows = True
            gateway.count(400)
            assert not await gateway.uplink.drain(0.5)
            assert [event.id.split(":")[2] for event in gateway.outbox.pending(after=5, limit=1)] == ["6"]
            assert collector.upto == 5
            wire.cut()
            wire.swallows = False
            await eventually(lambda: collector.upto == 405)
    assert collector.seqs == list(range(1, 406))


async def test_an_envelope_that_got_lost_is_sent_again_and_order_is_kept(
    broker: Mosquitto, collector: Collector, tmp_path: Path
) -> None:
    lost: list[int] = []

    def lose_the_second(envelope: Envelope) -> bool:
        if len(collector.headers) == 2:
            lost.append(envelope.header.first)
            return True
        return False

    collector.ignores = lose_the_second
    gateway = Gateway(tmp_path, broker.url)
    gateway.count(1600)
    async with gateway.running():
        await eventually(lambda: collector.upto == 1600)
    assert len(lost) == 1
    assert collector.seqs == list(range(1, 1601))


async def test_a_poisonous_event_ends_alone(
    broker: Mosquitto, collector: Collector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fold_fails(envelope: Envelope) -> bool:
        seqs = envelope.header.seqs()
        if 2 in seqs and collector.upto < 2:
            if len(seqs) > 1:
                collector.answer()
                return True
            collector.upto = 2  # quarantined
        return False

    collector.ignores = fold_fails
    gateway = Gateway(tmp_path, broker.url, DeliverySettings(refused_s=0.02))
    gateway.count(3)
    async with gateway.running():
        await eventually(lambda: collector.upto == 3)
    assert collector.seqs == [1, 3]
    assert "collector refuses an envelope" in caplog.text


async def test_what_a_device_put_into_a_text_reaches_the_collector_as_one_refused_event(
    broker: Mosquitto, collector: Collector, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, broker.url)
    gateway.count(1)
    gateway.count(1, work_order="bad\0text")
    gateway.count(1)
    async with gateway.running():
        await eventually(lambda: collector.upto == 3)
    assert collector.seqs == [1, 3]
    assert collector.rejected == [2]


async def test_an_event_that_does_not_fit_the_wire_is_declared_and_stops_nothing(
    broker: Mosquitto, collector: Collector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = Gateway(tmp_path, broker.url)
    gateway.count(1)
    noise = "".join(random.Random(7).choices([chr(code) for code in range(0x4E00, 0x9E00)], k=100_000))
    gateway.count(1, work_order=noise)
    gateway.count(1)
    async with gateway.running():
        await eventually(lambda: collector.upto == 3)
    assert collector.seqs == [1, 3]
    assert collector.declared == [(2, 2)]
    assert "events cannot be sent seqs=[2]" in caplog.text


async def test_an_identity_in_doubt_deletes_nothing_is_said_and_disputes_what_is_held(
    broker: Mosquitto, collector: Collector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    collector.upto = 7
    gateway = Gateway(tmp_path, broker.url)
    gateway.count(3)
    async with gateway.running():
        await eventually(lambda: "identity in doubt" in caplog.text)
        await eventually(lambda: collector.headers)
        assert gateway.uplink.in_doubt
        assert gateway.outbox.mark().depth == 3
    assert all(header.disputed for header in collector.headers)


async def test_a_restarted_gateway_sends_what_the_collector_does_not_have(
    broker: Mosquitto, collector: Collector, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, broker.url)
    gateway.count(3)
    async with gateway.running():
        await eventually(lambda: collector.upto == 3)
        client_id = (tmp_path / "client-id").read_text()
    again = Gateway(tmp_path, broker.url)
    again.count(2)
    async with again.running():
        await eventually(lambda: collector.upto == 5)
    assert collector.seqs == [1, 2, 3, 4, 5]
    assert (tmp_path / "client-id").read_text() == client_id
    assert (collector.headers[-1].prev, collector.headers[-1].acked) == (3, 3)


async def test_an_epoch_stays_in_doubt_until_another_one_begins(
    broker: Mosquitto, collector: Collector, tmp_path: Path
) -> None:
    collector.upto = 7
    gateway = Gateway(tmp_path, broker.url)
    uplink = gateway.uplink
    uplink.start()
    await eventually(lambda: uplink.in_doubt)
    await uplink.stop()
    collector.is_mute = True
    uplink.start()
    still_in_doubt = uplink.in_doubt
    await uplink.stop()
    gateway.outbox.begin_epoch("f" * 32, [], {})
    uplink.start()
    in_doubt_anew = uplink.in_doubt
    await uplink.stop()
    gateway.outbox.close()
    assert still_in_doubt
    assert not in_doubt_anew


async def test_what_a_store_drops_before_it_was_loaded_is_not_sent(
    broker: Mosquitto, collector: Collector, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, broker.url)
    async with gateway.running():
        await eventually(lambda: collector.states)
        gateway.count(4)  # and nothing is loaded before the next await
        gateway.drop(2, 3)
        await eventually(lambda: collector.upto == 4)
    assert collector.seqs == [1, 4]
    assert collector.declared == [(2, 3)]


async def test_what_a_store_drops_while_it_is_being_loaded_is_not_sent(
    broker: Mosquitto, collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(tmp_path, broker.url)
    gateway.count(4)
    loop, read = asyncio.get_running_loop(), gateway.outbox.pending

    def read_and_drop(*, after: int, limit: int) -> Sequence[Event]:
        events = read(after=after, limit=limit)
        if after == 0 and len(events) == 4:
            asyncio.run_coroutine_threadsafe(gateway.drop_soon(2, 3), loop).result(10)
        return events

    monkeypatch.setattr(gateway.outbox, "pending", read_and_drop)
    async with gateway.running():
        await eventually(lambda: collector.upto == 4)
    assert collector.seqs == [1, 4]
    assert collector.declared == [(2, 3)]


async def test_what_the_collector_has_is_not_dropped_from_a_full_store(
    broker: Mosquitto, collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genba_edge.uplink.uplink.FLUSH_S", 1000.0)
    world = World()
    gateway = Gateway(tmp_path, broker.url, limits=StoreLimits(most_bytes=20_000))
    committing = Committing(
        gateway.outbox, None, moment=world._moment, uplink=lambda: gateway.uplink, on_stored=lambda commit: None
    )
    async with gateway.running():
        gateway.count(1)
        await eventually(lambda: gateway.outbox.mark().acknowledged == 1)
        gateway.count(200)
        await eventually(lambda: gateway.uplink._delivery.acked == 201)
        assert gateway.outbox.mark().acknowledged < 201
        assert gateway.outbox.must_drop()
        commit = await committing.take_commit(world.deriver)
        assert commit is None or commit.dropping is None
        assert gateway.outbox.mark().depth == 0


async def test_what_an_earlier_version_held_is_delivered(
    broker: Mosquitto, collector: Collector, tmp_path: Path
) -> None:
    shutil.copy(Path("tests/golden/outbox/format-2/outbox.db"), tmp_path)
    collector.upto = 11
    gateway = Gateway(tmp_path, broker.url)
    async with gateway.running():
        await eventually(lambda: gateway.outbox.mark().acknowledged == 14)
    assert collector.seqs == [12, 13, 14]


async def test_draining_is_not_done_where_the_outbox_does_not_take_the_acknowledgement(
    broker: Mosquitto, collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(upto: int) -> None:
        raise OutboxFull("database or disk is full")

    gateway = Gateway(tmp_path, broker.url)
    async with gateway.running():
        await eventually(lambda: collector.states)
        monkeypatch.setattr(gateway.outbox, "acknowledge", refuse)
        gateway.count(1)
        assert not await gateway.uplink.drain(30.0)
    assert collector.seqs == [1]


async def test_draining_does_not_wait_for_a_link_that_is_down(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, Mosquitto(tmp_path).url)
    gateway.count(1)
    async with gateway.running(), asyncio.timeout(2):
        assert not await gateway.uplink.drain(30.0)


def document(version: int, tags: int) -> DispatchDocument:
    return DispatchDocument(
        version=version,
        stations={},
        work_orders={"WO-1": {"CUT": 8}},
        tags=tuple(
            TagBinding(tag=f"{number * 0x9E3779B97F4A7C15 % 2**96:024x}", work_order="WO-1", pieces=1, since=START)
            for number in range(tags)
        ),
    )


async def test_a_dispatch_document_in_parts_is_taken_once_whatever_the_order(
    broker: Mosquitto, collector: Collector, tmp_path: Path
) -> None:
    large, small = document(3, 12_000), document(4, 1)
    manifest, parts = split_parts(large)
    assert manifest.parts > 1
    for number, part in reversed(list(enumerate(parts))):
        collector.link.publish(topics.dispatch_part(GATEWAY, number), part, retain=True)
    collector.link.publish(topics.dispatch(GATEWAY), manifest.to_json(), retain=True)
    gateway = Gateway(tmp_path, broker.url)
    async with gateway.running():
        await eventually(lambda: gateway.documents)
        manifest, parts = split_parts(small)
        collector.link.publish(topics.dispatch(GATEWAY), manifest.to_json(), retain=True)
        collector.link.publish(topics.dispatch_part(GATEWAY, 0), parts[0], retain=True)
        collector.link.publish(topics.dispatch(GATEWAY), manifest.to_json(), retain=True)
        await eventually(lambda: len(gateway.documents) == 2)
    assert gateway.documents == [large, small]


async def test_a_broken_dispatch_message_is_logged_and_the_next_one_taken(
    broker: Mosquitto, collector: Collector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = Gateway(tmp_path, broker.url)
    manifest, parts = split_parts(document(5, 2))
    async with gateway.running():
        await eventually(lambda: collector.states)
        with caplog.at_level(logging.WARNING):
            collector.link.publish(topics.dispatch(GATEWAY), b"{")
            collector.link.publish(topics.dispatch_part(GATEWAY, 0), b"")
            collector.link.publish(topics.dispatch(GATEWAY) + "/x", b"?")
            collector.link.publish(topics.ack(GATEWAY), b"nonsense")
            collector.link.publish(topics.dispatch_part(GATEWAY, 0), parts[0])
            collector.link.publish(topics.dispatch(GATEWAY), manifest.to_json())
            await eventually(lambda: gateway.documents)
    assert [found.version for found in gateway.documents] == [5]
    assert caplog.text.count("not understood") == 3


async def test_the_broker_that_the_collector_embeds_carries_everything(tmp_path: Path) -> None:
    broker = NatsServer(tmp_path)
    broker.start()
    collector = Collector(broker.url)
    gateway = Gateway(tmp_path, broker.url)
    wanted = document(3, 12_000)
    manifest, parts = split_parts(wanted)
    try:
        async with collector.link:
            await eventually(lambda: collector.link.connected)
            gateway.count(900)
            async with gateway.running():
                await eventually(lambda: collector.upto == 900)
                for number, part in enumerate(parts):
                    collector.link.publish(topics.dispatch_part(GATEWAY, number), part, retain=True)
                collector.link.publish(topics.dispatch(GATEWAY), manifest.to_json(), retain=True)
                await eventually(lambda: gateway.documents)
                broker.kill()
                gateway.count(30)
                broker.start()
                await eventually(lambda: collector.upto == 930)
            await eventually(lambda: not collector.states[-1]["online"])
    finally:
        broker.kill()
    assert collector.seqs == list(range(1, 931))
    assert gateway.documents == [wanted]
