"""What people on the floor need of a store: labels, what was said, requests that were done; the same on both."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from genba_cloud.store import Store
from genba_cloud.store.floor import DoneAlready, ScanCode
from genba_shared.events import (
    Event,
    EventVoided,
    NodeConfirmed,
    OrderHeld,
    PiecesCounted,
    ProblemExplained,
    ProblemReported,
    Result,
    Source,
    SourceType,
)
from tests.contract.stores import PLC, log, minute, started

ANN = Source(type=SourceType.PERSON, ref="u1")
CODE = ScanCode(
    id="c-1", code="00000000000000012", order="A-1", work_order="WO-1", node="CUT", made_at=minute(1), made_by="u1"
)


def test_a_label_is_kept_found_and_revoked(store: Store) -> None:
    whole = ScanCode(id="c-2", code="00000000000000024", order="A-1", made_at=minute(0), made_by="u1")
    with store.transaction() as transaction:
        transaction.floor.add_codes([CODE, whole])
    with store.transaction() as transaction:
        assert transaction.floor.codes_of("A-1") == (whole, CODE)
        assert transaction.floor.code(CODE.code) == transaction.floor.code_by_id("c-1") == CODE
        transaction.floor.revoke_code("c-1", at=minute(9), by="u2")
    with store.reads().floor() as floor:
        assert floor.code(CODE.code) == replace(CODE, revoked_at=minute(9), revoked_by="u2")
        assert (floor.code("x"), floor.code_by_id("x"), floor.codes_of("A-2")) == (None, None, ())


def test_another_enterprise_knows_nothing_of_a_label(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.floor.add_codes([CODE])
    with store.reads("another").floor() as floor:
        assert (floor.code(CODE.code), floor.codes_of("A-1")) == (None, ())


def test_what_was_said_is_found_among_many_counts(store: Store) -> None:
    count = PiecesCounted(
        id="c",
        at=minute(2),
        source=PLC,
        station="CUT-1",
        work_order="WO-1",
        node="CUT",
        point="good",
        result=Result.GOOD,
        delta=1,
        total=1,
        counter_epoch=1,
        since=minute(1),
    )
    confirmed = NodeConfirmed(id="n", at=minute(3), source=ANN, work_order="WO-1", node="CUT")
    void = EventVoided(id="v", at=minute(4), source=ANN, work_order="WO-1", node="CUT", target="n", reason="x")
    held = OrderHeld(id="h", at=minute(5), source=ANN, order="A-1", reason="x")
    back = EventVoided(id="w", at=minute(6), source=ANN, target="h", order="A-1", reason="x")
    log(store, started(1), count, confirmed, void, held, back, started(2, work_order="WO-2"))
    with store.reads().floor() as floor:
        assert ids(floor.said("WO-1")) == [started(1).id, "n", "v"]
        assert ids(floor.said_of_order("A-1")) == ["h", "w"]
        assert floor.voided(["n", "h", "c"]) == {"n": minute(4), "h": minute(6)}
        assert floor.voided(["c"]) == {}


def test_what_was_said_of_a_problem_came_after_it(store: Store) -> None:
    old = ProblemExplained(id="o", at=minute(1), source=ANN, target="q", cause="absent")
    reported = ProblemReported(id="p", at=minute(2), source=ANN, category="machine", station="CUT-1")
    explained = ProblemExplained(id="e", at=minute(3), source=ANN, target="p", cause="breakdown")
    log(store, old, reported, explained)
    with store.reads().floor() as floor:
        assert ids(floor.said_of_problem("p")) == ["e"]


def test_a_request_that_was_done_is_remembered_for_a_while(store: Store) -> None:
    first = DoneAlready(key="k1", request="r1", events=("a", "b"), at=minute(0))
    second = DoneAlready(key="k2", request="r2", events=(), at=minute(5))
    with store.transaction() as transaction:
        transaction.floor.note_done(first, forget_before=minute(0) - timedelta(days=7))
    with store.transaction() as transaction:
        assert transaction.floor.done("k1") == first
        transaction.floor.note_done(second, forget_before=minute(1))
    with store.reads().floor() as floor:
        assert (floor.done("k1"), floor.done("k2")) == (None, second)


def ids(events: tuple[Event, ...]) -> list[str]:
    return [event.id for event in events]
