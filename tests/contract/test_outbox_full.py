"""An outbox at its limits and on a full disk: what goes is declared in the same transaction, or nothing goes."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from genba_edge.core.dropping import Dropped, Dropping, StoreLimits
from genba_edge.outbox import HistoryLimits, SqliteOutbox
from genba_shared.device_map.model import StoredKind
from genba_shared.errors import OutboxFull
from genba_shared.events import DataGapSeen, Event, GapCause, NodeCompleted, Source, SourceType
from tests.contract.outboxes import GATEWAY, START, counted, events_for, kept

NO_HISTORY = HistoryLimits(most_bytes=0)


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[SqliteOutbox]:
    """An outbox that takes 20,000 bytes: about 170 counts."""
    limits = StoreLimits(most_bytes=20_000)
    with contextlib.closing(SqliteOutbox(tmp_path, gateway=GATEWAY, history=NO_HISTORY, limits=limits)) as outbox:
        yield outbox


def gap_for(outbox: SqliteOutbox, dropping: Dropping) -> DataGapSeen:
    mark = outbox.mark()
    return DataGapSeen(
        id=f"{GATEWAY}:{mark.epoch}:{mark.next_seq}",
        at=START,
        source=Source(type=SourceType.SYSTEM, ref=GATEWAY),
        begin=START,
        end=START,
        cause=GapCause.FULL,
        subject="(store)",
        dropped=tuple(str(each) for each in dropping.ranges),
    )


def completed(outbox: SqliteOutbox, count: int) -> list[Event]:
    mark = outbox.mark()
    return [
        NodeCompleted(
            id=f"{GATEWAY}:{mark.epoch}:{seq}",
            at=START + timedelta(seconds=seq),
            source=Source(type=SourceType.SYSTEM, ref="nodes"),
            work_order=f"WO-{seq}",
            node="CUT",
            pieces=20,
        )
        for seq in range(mark.next_seq, mark.next_seq + count)
    ]


def test_below_its_limit_an_outbox_drops_nothing(limited: SqliteOutbox) -> None:
    limited.append(events_for(limited, 100), {})
    assert not limited.must_drop()
    assert limited.plan_drops() is None


def test_the_oldest_counts_go_at_nine_tenths_of_the_limit_with_what_declares_them(limited: SqliteOutbox) -> None:
    limited.append(events_for(limited, 170), {})
    assert limited.must_drop()
    dropping = limited.plan_drops()
    assert dropping is not None
    count = dropping.events
    assert dropping.seqs == frozenset(range(1, count + 1))
    assert 5 < count < 40
    limited.append([gap_for(limited, dropping)], {}, dropping=dropping)
    mark = limited.mark()
    assert (mark.depth, mark.dropped, mark.limit, mark.next_seq) == (171 - count, count, 20_000, 172)
    assert mark.size < 18_000
    assert mark.oldest_at == START + timedelta(seconds=count + 1)
    assert kept(limited) == list(range(count + 1, 172))
    assert not limited.must_drop()


def test_what_is_never_dropped_may_fill_the_store_and_more(limited: SqliteOutbox) -> None:
    for _ in range(8):
        limited.append(completed(limited, 50), {})
        assert not limited.must_drop()
        assert limited.plan_drops() is None
    assert limited.mark().size > 20_000
    assert limited.mark().depth == 400


def test_what_the_map_does_not_name_is_never_dropped(tmp_path: Path) -> None:
    limits = StoreLimits(most_bytes=5_000, order=(StoredKind.ENVIRONMENT, StoredKind.STATE))
    with contextlib.closing(SqliteOutbox(tmp_path, gateway=GATEWAY, limits=limits)) as outbox:
        outbox.append(events_for(outbox, 100), {})
        assert not outbox.must_drop()


def test_what_is_older_than_the_map_says_goes_beside_the_newest_event(tmp_path: Path) -> None:
    limits = StoreLimits(keep=timedelta(hours=1))
    with contextlib.closing(SqliteOutbox(tmp_path, gateway=GATEWAY, limits=limits)) as outbox:
        outbox.append(events_for(outbox, 10), {})
        late = replace(counted(outbox.mark().epoch, 11), at=START + timedelta(hours=1, seconds=5))
        outbox.append([late], {})
        assert outbox.must_drop()
        dropping = outbox.plan_drops()
    assert dropping is not None
    assert dropping.seqs == frozenset({1, 2, 3, 4})


def test_nothing_is_acknowledged_between_a_plan_and_its_commit(limited: SqliteOutbox) -> None:
    limited.append(events_for(limited, 170), {})
    dropping = limited.plan_drops()
    assert dropping is not None
    limited.acknowledge(3)
    assert limited.mark().acknowledged == 0
    limited.append([gap_for(limited, dropping)], {}, dropping=dropping)
    limited.acknowledge(171)
    assert (limited.mark().acknowledged, limited.mark().depth, limited.mark().size) == (171, 0, 0)


def test_sizes_and_counts_are_the_same_after_a_restart(limited: SqliteOutbox, tmp_path: Path) -> None:
    limited.append(events_for(limited, 100), {})
    limited.append(completed(limited, 20), {})
    limited.acknowledge(30)
    before = limited.mark()
    limited.close()
    with contextlib.closing(SqliteOutbox(tmp_path, gateway=GATEWAY, limits=StoreLimits(most_bytes=20_000))) as again:
        assert again.mark() == before


def test_history_gives_way_to_what_waits_under_the_limit_of_both(tmp_path: Path) -> None:
    limits = StoreLimits(most_bytes=20_000)
    with contextlib.closing(SqliteOutbox(tmp_path, gateway=GATEWAY, limits=limits)) as outbox:
        outbox.append(events_for(outbox, 100), {})
        outbox.acknowledge(100)
        assert kept(outbox) == list(range(1, 101))
        outbox.append(events_for(outbox, 140), {})
        assert kept(outbox)[0] > 60
        assert kept(outbox)[-140:] == list(range(101, 241))
        assert outbox.mark().dropped == 0


def test_on_a_full_disk_what_hurts_least_makes_room_and_is_declared(tmp_path: Path) -> None:
    with contextlib.closing(SqliteOutbox(tmp_path, gateway=GATEWAY)) as outbox:
        outbox.append(events_for(outbox, 2000), {})
        pages = outbox._connection.execute("PRAGMA page_count").fetchone()[0]
        outbox._connection.execute(f"PRAGMA max_page_count={pages}")
        many = completed(outbox, 100)
        with pytest.raises(OutboxFull):
            outbox.append(many, {})
        dropping = outbox.plan_for_full_disk()
        assert dropping is not None
        assert dropping.seqs == frozenset(range(1, dropping.events + 1))
        gap = replace(gap_for(outbox, dropping), id=f"{GATEWAY}:{outbox.mark().epoch}:2101")
        outbox.append([*many, gap], {}, dropping=dropping)
        assert kept(outbox) == list(range(dropping.events + 1, 2102))


def test_a_disk_is_not_freed_by_a_few_rows(tmp_path: Path) -> None:
    with contextlib.closing(SqliteOutbox(tmp_path, gateway=GATEWAY)) as outbox:
        outbox.append(events_for(outbox, 100), {})
        assert outbox.plan_for_full_disk() is None


def test_a_plan_that_is_forgotten_drops_nothing_and_acknowledgements_go_on(limited: SqliteOutbox) -> None:
    limited.append(events_for(limited, 170), {})
    assert limited.plan_drops() is not None
    limited.forget_plan()
    limited.acknowledge(20)
    assert (limited.mark().acknowledged, limited.mark().depth) == (20, 150)


def test_what_was_dropped_stays_counted_in_a_new_epoch(limited: SqliteOutbox) -> None:
    limited.append(events_for(limited, 200), {})
    dropping = limited.plan_drops()
    assert dropping is not None
    limited.append([gap_for(limited, dropping)], {}, dropping=dropping)
    limited.acknowledge(201)
    dropped = limited.mark().dropped
    limited.begin_epoch("f" * 32, [], {})
    assert limited.mark().dropped == dropped > 0


def test_whenever_it_is_killed_each_seq_is_acknowledged_held_or_declared(tmp_path: Path) -> None:
    """A real process, killed while it commits, drops and acknowledges; four times, at moments that nothing chooses."""
    acknowledged, accepted = 0, 1
    declared: list[Dropped] = []
    for round_number in range(4):
        command = [sys.executable, "-m", "tests.contract.outbox_under_load", str(tmp_path)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(60 + 37 * round_number)]
        child.send_signal(signal.SIGKILL)
        told += child.stdout.read().splitlines(keepends=True)
        child.wait(10)
        child.stdout.close()
        for next_seq, upto, ranges in (json.loads(line) for line in told if line.endswith("\n")):
            accepted, acknowledged = max(accepted, next_seq), max(acknowledged, upto)
            declared += filter(None, map(Dropped.parse, ranges))
        with contextlib.closing(SqliteOutbox(tmp_path, gateway=GATEWAY)) as outbox:
            mark, held = outbox.mark(), outbox.pending(after=0, limit=100_000)
            assert outbox.load_state() == {"last": str(mark.next_seq - 1)}
        assert mark.next_seq >= accepted
        gaps = [event for event in held if isinstance(event, DataGapSeen)]
        assert len(gaps) <= 1
        declared += [each for gap in gaps for each in map(Dropped.parse, gap.dropped) if each is not None]
        seqs = {int(event.id.rpartition(":")[2]) for event in held}
        gone = set(range(acknowledged + 1, mark.next_seq)) - seqs
        assert all(any(each.first <= seq <= each.last for each in declared) for seq in gone)
        assert seqs <= set(range(mark.acknowledged + 1, mark.next_seq))
    assert declared, "the limit was reached"
