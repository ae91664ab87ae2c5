"""Envelopes that share a commit give the log, the answers and the views that they give one by one, whatever fails."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba_cloud.core.delivery import Reach
from genba_cloud.core.facts import FOLDS, ViewKey
from genba_cloud.ledger import Appended, Broken, EnvelopeBatch, Ledger, verify
from genba_cloud.ledger.append import Stamp, append_envelope, append_envelopes
from genba_cloud.store import SqliteStore
from genba_shared.events import Event, EventId, Source, SourceType, WipChanged
from tests.property.test_facts_order import EPOCHS, HISTORIES, START

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
STRANGER = Source(type=SourceType.API, ref="mes")
STAMP = Stamp(now=NOW, next_id=lambda: "00000000-0000-7000-8000-000000000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a store holds, and what was answered; positions of views and links may differ."""

    answers: Sequence[Any]
    log: Sequence[tuple[int, bytes, bytes]]
    ranges: Mapping[str, Any]
    quarantined: Sequence[tuple[str, bytes]]
    views: Mapping[ViewKey, tuple[Any, Any]]


@contextmanager
def opened() -> Iterator[SqliteStore]:
    with tempfile.TemporaryDirectory() as folder, closing(SqliteStore(Path(folder))) as store:
        yield store


def kept(store: SqliteStore, answers: Sequence[Any]) -> Kept:
    assert verify(store).differences == ()
    with store.transaction() as transaction:
        log = [(row.position, row.body, row.leaf) for row in transaction.log()]
        ranges = {epoch: transaction.received("gw", "facts", epoch) for epoch in EPOCHS}
        views = {
            key: (view.state, view.assigned)
            for key, view in transaction.all_views().items()
            if (view.state, view.assigned) != (FOLDS[key.aggregate].to_json(FOLDS[key.aggregate].empty), {})
        }
    quarantined = [(row.reason, str(row.event_id).encode()) for row in store.reads().quarantined()]
    return Kept(answers=answers, log=log, ranges=ranges, quarantined=quarantined, views=views)


@st.composite
def envelopes(draw: st.DrawFn) -> list[EnvelopeBatch]:
    """Envelopes of one gateway in two epochs, cut anywhere; some come twice, some too early, some are broken."""
    history = draw(HISTORIES)
    batches: list[EnvelopeBatch] = []
    for epoch in EPOCHS:
        mine = [event for event in history if (made := EventId.parse(event.id)) is not None and made.epoch == epoch]
        numbered = [replace(event, id=f"gw:{epoch}:{seq}") for seq, event in enumerate(mine, start=1)]
        first = 1
        while first <= len(numbered):
            size = draw(st.integers(1, 4))
            part = numbered[first - 1 : first - 1 + size]
            batches.append(envelope(epoch, first, part, broken=draw(st.integers(0, 5)) == 0))
            first += len(part)
    repeats = draw(st.lists(st.sampled_from(batches), max_size=3)) if batches else []
    order = draw(st.sampled_from(["as sent", "any"]))
    every = [*batches, *repeats]
    return draw(st.permutations(every)) if order == "any" else every


def envelope(epoch: str, first: int, events: Sequence[Event], *, broken: bool) -> EnvelopeBatch:
    reach = Reach(first=first, last=first + len(events) - 1, prev=first - 1, acked=0)
    parts = (Broken(seq=first, reason="station is missing", body=b"{}"),) if broken else ()
    return EnvelopeBatch(
        gateway="gw", lane="facts", epoch=epoch, reach=reach, events=tuple(events)[len(parts) :], broken=parts
    )


def said(appended: Appended) -> tuple[int | None, list[Event], tuple[int, ...]]:
    return appended.upto, [row.event for row in appended.events], appended.positions


def one_by_one(batches: Sequence[EnvelopeBatch]) -> Kept:
    with opened() as store:
        answers: list[Any] = []
        for batch in batches:
            with store.transaction() as transaction:
                answers.append(said(append_envelope(transaction, batch, STAMP)))
        return kept(store, answers)


@settings(max_examples=40, deadline=None)
@given(st.data(), envelopes())
def test_a_group_gives_what_its_envelopes_give_one_by_one(data: st.DataObject, batches: list[EnvelopeBatch]) -> None:
    at = sorted(data.draw(st.sets(st.integers(0, len(batches)))))
    with opened() as store:
        answers: list[Any] = []
        for low, high in zip([0, *at], [*at, len(batches)], strict=True):
            with store.transaction() as transaction:
                answers += map(said, append_envelopes(transaction, batches[low:high], STAMP))
        together = kept(store, answers)
    assert together == one_by_one(batches)


@settings(max_examples=25, deadline=None)
@given(st.data(), envelopes())
def test_a_job_that_fails_in_a_group_takes_nothing_with_it(data: st.DataObject, batches: list[EnvelopeBatch]) -> None:
    """All jobs are given at once, so that they share commits; a bad one may stand anywhere among them."""
    bad = data.draw(st.lists(st.integers(0, len(batches)), max_size=2))
    with opened() as store:
        answers = asyncio.run(_given_at_once(store, batches, bad))
        together = kept(store, answers)
    alone = one_by_one(batches)
    assert together == replace(alone, answers=[(upto, events) for upto, events, _ in alone.answers])


RUNS = ("aaaaaaaa", "bbbbbbbb", "cccccccc")


@st.composite
def runs_of_one_card(draw: st.DrawFn) -> list[EnvelopeBatch]:
    """Envelopes of copies of one gateway: the same numbers, some with the same events and some with others."""
    length = draw(st.integers(1, 8))
    contents = {run: [draw(st.sampled_from([1, 1, 1, 2])) for _ in range(length)] for run in RUNS}
    batches: list[EnvelopeBatch] = []
    for _ in range(draw(st.integers(1, 10))):
        run, first = draw(st.sampled_from(RUNS)), draw(st.integers(1, length))
        last = draw(st.integers(first, length))
        events = [moved(seq, contents[run][seq - 1]) for seq in range(first, last + 1)]
        is_broken = draw(st.integers(0, 5)) == 0
        broken = (Broken(seq=first, reason="station is missing", body=run.encode()),) if is_broken else ()
        prev = draw(st.sampled_from([0, first - 1]))
        acked = draw(st.sampled_from([0, 0, prev, first - 1]))
        disputed = draw(st.sampled_from([False, False, True]))
        reach = Reach(first=first, last=last, prev=prev, acked=acked, run=run, disputed=disputed)
        named = {"gateway": "gw", "lane": "facts", "epoch": EPOCHS[0]}
        batches.append(EnvelopeBatch(**named, reach=reach, events=tuple(events[len(broken) :]), broken=broken))
    return batches


def moved(seq: int, by: int) -> WipChanged:
    source = Source(type=SourceType.PLC, ref="cutter1/good")
    at = START + timedelta(minutes=seq)
    return WipChanged(id=f"gw:{EPOCHS[0]}:{seq}", at=at, source=source, zone="packing", count=by, by=by)


def numbered_stamp() -> Stamp:
    numbers = itertools.count(1)
    return replace(STAMP, next_id=lambda: f"00000000-0000-7000-8000-{next(numbers):012x}")


def all_said(appended: Appended) -> Any:
    return said(appended), appended.ahead, appended.forked, appended.is_quarantine_full


def kept_of_runs(store: SqliteStore, answers: Sequence[Any]) -> Any:
    reads = store.reads()
    bodies = [
        (row.event_id, row.body)
        for one in reversed(reads.quarantined())
        if (row := reads.quarantined_body(one.number)) is not None
    ]
    return kept(store, answers), bodies, [record.state for record in reads.gateways()]


@settings(max_examples=30, deadline=None)
@given(st.data(), runs_of_one_card())
def test_a_group_of_several_runs_gives_what_its_envelopes_give_one_by_one(
    data: st.DataObject, batches: list[EnvelopeBatch]
) -> None:
    at = sorted(data.draw(st.sets(st.integers(0, len(batches)), max_size=2)))
    together, alone = [], []
    with opened() as store:
        stamp = numbered_stamp()
        for low, high in zip([0, *at], [*at, len(batches)], strict=True):
            with store.transaction() as transaction:
                together += map(all_said, append_envelopes(transaction, batches[low:high], stamp))
        found = kept_of_runs(store, together)
    with opened() as store:
        stamp = numbered_stamp()
        for batch in batches:
            with store.transaction() as transaction:
                alone.append(all_said(append_envelope(transaction, batch, stamp)))
        assert found == kept_of_runs(store, alone)


def test_two_runs_in_one_group_double_nothing_and_differing_events_alarm_once(caplog: pytest.LogCaptureFixture) -> None:
    same, other = [moved(1, 1), moved(2, 1)], [moved(1, 1), moved(2, 2)]
    named = {"gateway": "gw", "lane": "facts", "epoch": EPOCHS[0]}

    def of(run: str, events: Sequence[Event], *, disputed: bool = False) -> EnvelopeBatch:
        reach = Reach(first=1, last=2, prev=0, acked=0, run=run, disputed=disputed)
        return EnvelopeBatch(**named, reach=reach, events=tuple(events))

    batches = [of(RUNS[0], same), of(RUNS[1], same), of(RUNS[0], other, disputed=True), of(RUNS[1], same)]
    with opened() as store:
        with store.transaction() as transaction:
            taken = append_envelopes(transaction, [*batches, of(RUNS[0], other, disputed=True)], STAMP)
        kinds = [row.event.kind for row in store.reads().events(after=0).items]
        quarantined = [row.event_id for row in store.reads().quarantined()]
    assert [(one.upto, one.forked) for one in taken] == [(2, False), (2, False), (2, True), (2, False), (2, True)]
    assert kinds == ["wip_changed", "wip_changed", "data_questioned"]
    assert taken[2].changed.gateways == {"gw"}
    assert quarantined == [f"gw:{EPOCHS[0]}:2"]
    assert len([one for one in caplog.records if "two gateways share the identity" in one.message]) == 1


async def _given_at_once(store: SqliteStore, batches: Sequence[EnvelopeBatch], bad: Sequence[int]) -> list[Any]:
    foreign = WipChanged(id=f"gw:{EPOCHS[0]}:9", at=START, source=STRANGER, zone="packing", count=1, by=1)
    async with Ledger(store, now=lambda: NOW) as ledger:
        jobs: list[Any] = []
        for number in range(len(batches) + 1):
            jobs += [ledger.append_events([foreign]) for one in bad if one == number]
            jobs += [ledger.append(batch) for batch in batches[number : number + 1]]
        results = await asyncio.gather(*jobs, return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert len(refused) == len(bad)
    taken = [result for result in results if not isinstance(result, BaseException)]
    return [(result.upto, [row.event for row in result.events]) for result in taken]
