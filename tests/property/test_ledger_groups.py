"""Envelopes that share a commit give the log, the answers and the views that they give one by one, whatever fails."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
