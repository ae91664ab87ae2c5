"""Whatever people answer, in whatever order it arrives: every piece is where the last answer about it puts it, once.

The truth is kept by a few lines that know nothing of folds: for each count or question, its last answer decides.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from genba_cloud.ledger import verify
from genba_cloud.ledger.append import Stamp, append_own
from genba_cloud.store import SqliteStore
from genba_cloud.store.read import QuestionFilter, Reads
from genba_shared.events import (
    Confidence,
    CountsAssigned,
    DataQuestioned,
    Event,
    EventCorrected,
    PiecesCounted,
    Result,
    Source,
    SourceType,
)

START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
STAMP = Stamp(now=START + timedelta(hours=2), next_id=str)
PLC = Source(type=SourceType.PLC, ref="cutter1/good")
PERSON = Source(type=SourceType.PERSON, ref="lead-7")
OWNERS = [("WO-1", "CUT"), ("WO-1", "SEW"), ("WO-2", "CUT")]
NOBODY = None


@st.composite
def targets(draw: st.DrawFn, number: int) -> Event:
    """A count that is a whole counter epoch, so that no two name the same piece; or a question with nothing counted."""
    owner = draw(st.sampled_from([*OWNERS, NOBODY]))
    common: dict[str, Any] = {
        "id": f"gw:{'0' * 32}:{number}",
        "at": START + timedelta(minutes=draw(st.integers(0, 9))),
        "source": PLC,
        "station": "S-1",
        "point": "cutter1/good",
        "result": Result.GOOD,
        "since": START,
        **({"work_order": owner[0], "node": owner[1]} if owner else {}),
    }
    if draw(st.integers(0, 3)) == 0:
        return DataQuestioned(**common, note="why", least=0, most=9)
    pieces, confidence = draw(st.integers(1, 9)), draw(st.sampled_from(Confidence))
    return PiecesCounted(**common, delta=pieces, total=pieces, counter_epoch=number, confidence=confidence)


@st.composite
def answers(draw: st.DrawFn, number: int, size: int) -> Event:
    common: dict[str, Any] = {
        "id": f"0190a000-0000-7000-8000-{draw(st.integers(0, 2**16)):08x}{number:04x}",
        "at": START + timedelta(minutes=draw(st.integers(0, 9))),
        "source": PERSON,
        "target": f"gw:{'0' * 32}:{draw(st.integers(1, size))}",
        "pieces": draw(st.integers(0, 9)),
    }
    if draw(st.booleans()):
        return EventCorrected(**common)
    work_order, node = draw(st.sampled_from(OWNERS))
    return CountsAssigned(**common, station="S-1", work_order=work_order, node=node, result=Result.GOOD)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    size = draw(st.integers(1, 6))
    return (
        [draw(targets(number)) for number in range(1, size + 1)],
        [draw(answers(number, size)) for number in range(draw(st.integers(0, 8)))],
    )


def truth(asked: Sequence[Event], said: Sequence[Event]) -> tuple[Counter[Any], int, set[str]]:
    """Good pieces by owner, pieces of nobody, and which events still wait for a person."""
    owned: Counter[Any] = Counter()
    nobodys, waiting = 0, set()
    for event in asked:
        about = [one for one in said if one.target == event.id]  # type: ignore[attr-defined]  # answers name a target
        last: Any = max(about, key=lambda one: (one.at, one.id), default=None)
        owner = (event.work_order, event.node) if event.work_order else NOBODY
        made = event.delta if isinstance(event, PiecesCounted) else 0
        in_doubt = isinstance(event, DataQuestioned) or event.confidence is Confidence.AMBIGUOUS  # type: ignore[attr-defined]  # a count
        left = 0
        if isinstance(last, CountsAssigned):
            if owner is NOBODY and not in_doubt:
                left = max(0, made - last.pieces)
            owner, made = (last.work_order, last.node), last.pieces
        elif last is not None:
            made = last.pieces
        if owner is not NOBODY:
            owned[owner] += made
        elif not isinstance(event, DataQuestioned):
            left = made
        nobodys += left
        if (in_doubt or owner is NOBODY) and (last is None or (owner is NOBODY and made > 0)):
            waiting.add(event.id)
    return owned, nobodys, waiting


def found(reads: Reads) -> tuple[Counter[Any], int, set[str]]:
    """The same, as the store says it."""
    rows = reads.unassigned()  # nothing is planned: every node is among these
    owned = Counter({(row.work_order, row.node): row.pieces.good for row in rows if row.work_order})
    nobodys = sum(row.pieces.good for row in rows if row.station)
    page = reads.questions(where=QuestionFilter(is_open=True))
    assert reads.open_questions() == len(page.items)
    return owned, nobodys, {question.question for question in page.items}


@settings(max_examples=40, deadline=None)
@given(st.data(), histories())
def test_every_piece_is_where_its_last_answer_puts_it(
    data: st.DataObject, history: tuple[list[Event], list[Event]]
) -> None:
    asked, said = history
    arrival = data.draw(st.permutations([*asked, *said]))
    with tempfile.TemporaryDirectory() as folder, closing(SqliteStore(Path(folder))) as store:
        while arrival:
            size = data.draw(st.integers(1, len(arrival)))
            with store.transaction() as transaction:
                append_own(transaction, arrival[:size], STAMP)
            arrival = arrival[size:]
        assert found(store.reads()) == truth(asked, said)
        assert verify(store).differences == ()
