"""What cannot be taken is kept, bounded; a person looks at it, takes it after all, or gives it up."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from genba_cloud.core import delivery
from genba_cloud.ingest.messages import read_envelope, reread
from genba_cloud.ingest.trust import Strangers, Trust
from genba_cloud.ledger import Appended, EnvelopeBatch, Ledger, append
from genba_cloud.ledger.chain import canonical
from genba_cloud.ledger.copies import DIFFERS
from genba_cloud.ledger.registry import Registry
from genba_cloud.store import SqliteStore
from genba_cloud.store.port import Quarantined
from genba_shared import topics
from genba_shared.codec import Lane
from genba_shared.events import Event, PiecesCounted
from tests.integration.demo_gateway import EPOCH, GATEWAY, counted, minute, next_envelope, started
from tests.integration.test_api_command import command, serving

TRUST = Trust(registry=Registry(lambda: ()), enterprise="default", strangers=Strangers.WELCOME)


@pytest_asyncio.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    store = SqliteStore(tmp_path)
    async with Ledger(store, now=lambda: minute(100)) as running:
        yield running
    store.close()


def batch(*events: Event, body: bytes | None = None) -> EnvelopeBatch:
    read = read_envelope(topics.up(GATEWAY), body or next_envelope(*events), now=minute(100), trust=TRUST)
    assert isinstance(read, EnvelopeBatch)
    return read


def lose_the_second_commit(folder: Path) -> None:
    """Take event and link out of the log, so that the chain shows nothing of it."""
    with sqlite3.connect(folder / "genba.db") as connection:
        connection.execute("DELETE FROM log WHERE position = 2")
        connection.execute("DELETE FROM link WHERE number = 2")
    connection.close()


def broken(data: bytes) -> bytes:
    """The same envelope with its body damaged on the way."""
    return data[:-1] + bytes([data[-1] ^ 1])


async def test_an_event_that_an_older_version_did_not_know_is_taken_after_the_upgrade(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(delivery, "FROM_GATEWAYS", delivery.FROM_GATEWAYS - {PiecesCounted})
        assert (await ledger.append(batch(started(1), counted(2)))).upto == 2
    (row,) = ledger.reads.quarantined()
    assert (row.gateway, row.event_id, row.reason) == (
        GATEWAY,
        f"{GATEWAY}:{EPOCH}:2",
        "pieces_counted does not come from a gateway",
    )
    retried = await ledger.retry_quarantined([row.number], reread)
    assert (retried.taken, retried.stays) == (1, ())
    assert retried.appended.changed.work_orders == {"WO-1"}
    assert [logged.event.kind for logged in ledger.reads.events(after=0).items] == ["node_started", "pieces_counted"]
    assert ledger.reads.quarantined() == ()
    assert (await ledger.verify()).differences == ()


async def test_what_is_read_again_and_is_in_the_log_already_is_not_taken_twice(ledger: Ledger) -> None:
    await ledger.append(batch(started(1)))
    await ledger.quarantine(
        [Quarantined(gateway=GATEWAY, reason="?", received_at=minute(1), body=next_envelope(started(1)))]
    )
    (row,) = ledger.reads.quarantined()
    assert (await ledger.retry_quarantined([row.number], reread)).taken == 0
    assert ledger.reads.quarantined() == ()
    assert ledger.reads.last_position() == 1


async def test_what_the_gateway_still_has_is_not_taken_from_quarantine(ledger: Ledger) -> None:
    """Else it would be in the log twice when the gateway sends it again."""
    row = Quarantined(gateway=GATEWAY, reason="?", received_at=minute(1), body=next_envelope(started(1)))
    await ledger.quarantine([row])
    retried = await ledger.retry_quarantined([1], reread)
    assert retried.stays == ((1, "is not accounted for: its gateway still has it and sends it again; drop it"),)
    assert ledger.reads.last_position() == 0
    assert len(ledger.reads.quarantined()) == 1


async def test_what_differs_from_the_log_stays_until_a_person_gives_it_up(ledger: Ledger) -> None:
    """A copy of the gateway made it: taking it off the list as if it were in the log would lose it without a word."""
    await ledger.append(batch(started(1)))
    differing = replace(started(1), at=minute(50))
    body = canonical(differing)
    row = Quarantined(gateway=GATEWAY, reason=DIFFERS, received_at=minute(2), body=body, event_id=differing.id)
    await ledger.quarantine([row])
    retried = await ledger.retry_quarantined([1], reread)
    assert (retried.taken, retried.stays) == (0, ((1, f"{DIFFERS}; drop it"),))
    whole = Quarantined(gateway=GATEWAY, reason="?", received_at=minute(2), body=next_envelope(differing))
    await ledger.quarantine([whole])
    assert (await ledger.retry_quarantined([2], reread)).taken == 0
    kept = [(one.event_id, one.reason) for one in ledger.reads.quarantined()]
    assert kept == [(differing.id, DIFFERS), (differing.id, DIFFERS)]


async def test_the_log_stays_proven_when_the_last_event_is_taken_out_of_quarantine(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(delivery, "FROM_GATEWAYS", delivery.FROM_GATEWAYS - {PiecesCounted})
        assert (await ledger.append(batch(started(1), counted(2)))).upto == 2
        assert (await ledger.append(batch(body=broken(next_envelope(started(3)))))).upto == 3
    assert await ledger.drop_quarantined([2]) == 1
    assert (await ledger.verify()).differences == ()
    assert (await ledger.retry_quarantined([1], reread)).taken == 1
    assert (await ledger.verify()).differences == ()


async def test_an_event_that_came_out_of_quarantine_into_the_log_must_stay_there(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(delivery, "FROM_GATEWAYS", delivery.FROM_GATEWAYS - {PiecesCounted})
        await ledger.append(batch(started(1), counted(2)))
    await ledger.retry_quarantined([1], reread)
    lose_the_second_commit(tmp_path)
    assert "answered up to 2" in (await ledger.verify()).differences[0]


async def test_an_envelope_of_another_lane_excuses_no_loss(tmp_path: Path, ledger: Ledger) -> None:
    """It has numbers of its own."""
    await ledger.append(batch(started(1)))
    await ledger.append(batch(started(2)))
    assert (await ledger.append(batch(body=next_envelope(started(2), lane=Lane.TELEMETRY)))).upto == 0
    assert (await ledger.append(batch(body=next_envelope(started(1), started(2), lane=Lane.TELEMETRY)))).upto == 2
    await ledger.drop_quarantined([1])
    lose_the_second_commit(tmp_path)
    assert "answered up to 2" in (await ledger.verify()).differences[0]


async def test_what_strangers_sent_and_a_person_drops_excuses_no_loss(tmp_path: Path, ledger: Ledger) -> None:
    await ledger.append(batch(started(1), started(2)))
    forged = Quarantined(gateway=GATEWAY, reason="signature", received_at=minute(1), body=next_envelope(started(9)))
    await ledger.quarantine([forged])
    await ledger.drop_quarantined([1])
    with sqlite3.connect(tmp_path / "genba.db") as connection:
        connection.execute("UPDATE received_range SET upto = 5")
    connection.close()
    assert "answered up to 5" in (await ledger.verify()).differences[0]


async def test_what_still_cannot_be_read_stays_and_says_why(ledger: Ledger) -> None:
    await ledger.append(batch(body=broken(next_envelope(started(1)))))
    retried = await ledger.retry_quarantined([1, 9], reread)
    assert [number for number, _ in retried.stays] == [1, 9]
    assert retried.stays[1][1] == "is not in quarantine"
    assert len(ledger.reads.quarantined()) == 1


async def test_where_quarantine_is_full_nothing_is_accounted_for_until_there_is_room(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt = broken(next_envelope(started(1)))
    monkeypatch.setattr(append, "QUARANTINE_BYTES", len(spoilt) + 10)
    assert (await ledger.append(batch(body=spoilt))).upto == 1
    another = batch(body=broken(next_envelope(started(2))))
    assert await ledger.append(another) == Appended(upto=1, is_quarantine_full=True)
    await ledger.quarantine([Quarantined(gateway=GATEWAY, reason="?", received_at=minute(1), body=b"x" * 11)])
    assert [row.number for row in ledger.reads.quarantined()] == [1]
    other = Quarantined(gateway="gw-other", reason="?", received_at=minute(1), body=b"x" * 11)
    await ledger.quarantine([other])
    assert [row.gateway for row in ledger.reads.quarantined()] == ["gw-other", GATEWAY]
    assert await ledger.drop_quarantined([1]) == 1
    assert (await ledger.append(another)).upto == 2


async def test_the_command_lists_shows_and_drops_beside_a_collector_and_without_one(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    rows = [
        Quarantined(gateway=GATEWAY, reason="no such kind", received_at=minute(1), body=b'{"a": 1}', event_id="x"),
        Quarantined(gateway="gw-2", reason="header: CRC", received_at=minute(2), body=b"\x00\xff"),
    ]
    with store.transaction() as transaction:
        transaction.quarantine(rows)
    store.close()
    folder = ["--data", str(tmp_path)]
    code, out, err = await command("quarantine", "list", *folder)
    assert (code, out.splitlines()) == (
        0,
        [
            "2  2026-01-05T07:02:00.000Z  gw-2  envelope  2 bytes  header: CRC",
            "1  2026-01-05T07:01:00.000Z  gw-demo  x  8 bytes  no such kind",
        ],
    )
    assert err == "rows=2 bytes=10\n"
    code, out, _ = await command("quarantine", "show", "1", *folder)
    assert (code, out.splitlines()[-2:]) == (0, ["reason: no such kind", '{"a": 1}'])
    code, out, _ = await command("quarantine", "show", "2", "--out", str(tmp_path / "bytes"), *folder)
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"
    assert (await command("quarantine", "show", "7", *folder))[0] == 2
    code, out, _ = await command("quarantine", "retry", "1", *folder)
    assert (code, out.splitlines()[-1]) == (1, "taken=0 stays=1")
    async with serving(tmp_path):
        code, out, _ = await command("quarantine", "retry", "2", *folder)
        assert (code, out.splitlines()[-1]) == (1, "taken=0 stays=1")
        assert (await command("quarantine", "drop", "2", *folder))[:2] == (0, "dropped=1\n")
    assert (await command("quarantine", "drop", "1", *folder))[:2] == (0, "dropped=1\n")
    assert (await command("quarantine", "list", *folder))[1] == ""


def test_an_event_is_read_again_only_under_its_own_id() -> None:
    line = {"id": f"{GATEWAY}:{EPOCH}:2", "kind": "node_started", "at": "2026-01-05T07:00:00.000Z"}
    body = json.dumps({**line, "source": {"type": "plc", "ref": "x"}, "work_order": "WO-1", "node": "CUT"}).encode()
    row = Quarantined(gateway=GATEWAY, reason="?", received_at=minute(1), body=body, event_id=f"{GATEWAY}:{EPOCH}:1")
    assert reread(row) == f"{GATEWAY}:{EPOCH}:1 is kept with an event of another id, {GATEWAY}:{EPOCH}:2"
