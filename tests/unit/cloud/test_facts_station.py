"""A station's state, dispatch, and the pieces that were counted there without a name on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from genba_cloud.core.facts import STATION, StationFold, owned_by, station_facts, views_of
from genba_cloud.core.facts.aggregates import Aggregate
from genba_shared.events import (
    DispatchClosed,
    DispatchOpened,
    Event,
    PiecesCounted,
    Result,
    Source,
    SourceType,
    StationState,
    StationStateChanged,
)

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="sewing-cell/good")


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def name(seq: int) -> str:
    return f"gw:{EPOCH}:{seq}"


def counted(seq: int, total: int, delta: int, *, work_order: str | None = None, since: int | None = None) -> Event:
    return PiecesCounted(
        id=name(seq),
        at=minute(seq),
        source=PLC,
        station="SEW-1",
        work_order=work_order,
        node="SEW" if work_order else None,
        point="sewing-cell/good1",
        result=Result.GOOD,
        delta=delta,
        total=total,
        counter_epoch=1,
        since=minute(seq - 1 if since is None else since),
    )


def opened(seq: int, work_order: str, *, source: Source = PLC) -> Event:
    return DispatchOpened(
        id=name(seq), at=minute(seq), source=source, station="SEW-1", work_order=work_order, node="SEW", pieces=8
    )


def closed(seq: int, work_order: str) -> Event:
    return DispatchClosed(id=name(seq), at=minute(seq), source=PLC, station="SEW-1", work_order=work_order, node="SEW")


def fold(*events: Event) -> StationFold:
    return STATION.fold(STATION.empty, events)


def owned(state: StationFold, work_order: str) -> int:
    return owned_by(state, work_order)["SEW"].tally().good


def test_a_station_never_heard_of_is_unknown() -> None:
    assert station_facts("SEW-1", fold()).state is StationState.UNKNOWN


def test_the_state_that_happened_last_holds_whenever_it_arrives() -> None:
    running, idle = (
        StationStateChanged(
            id=name(seq), at=minute(seq), source=PLC, station="SEW-1", state=state, since=minute(seq - 1)
        )
        for seq, state in ((5, StationState.RUNNING), (3, StationState.IDLE))
    )
    late = STATION.fold(fold(running), [idle])
    assert (late.state, late.since) == (StationState.RUNNING, minute(4))


def test_pieces_without_dispatch_are_unassigned() -> None:
    assert station_facts("SEW-1", fold(counted(1, 4, 4))).unassigned.good == 4


def test_pieces_belong_to_the_dispatch_that_was_open_when_they_were_made() -> None:
    state = fold(opened(1, "WO-1"), counted(2, 3, 3), closed(3, "WO-1"), opened(4, "WO-2"), counted(5, 5, 2, since=4))
    assert (owned(state, "WO-1"), owned(state, "WO-2")) == (3, 2)
    assert station_facts("SEW-1", state).unassigned.is_empty()


def test_a_count_that_names_its_work_order_is_not_attributed_again() -> None:
    state = fold(opened(1, "WO-1"), counted(2, 3, 3, work_order="WO-2"))
    assert owned_by(state, "WO-1") == {}


def test_a_dispatch_boundary_inside_a_counts_span_makes_it_ambiguous() -> None:
    state = fold(opened(1, "WO-1"), counted(4, 3, 3, since=0))
    assert owned_by(state, "WO-1")["SEW"].doubtful == {name(4)}


def test_a_hole_between_two_totals_is_unassigned_until_it_is_filled() -> None:
    first, hole, last = (
        counted(1, 4, 4, work_order="WO-1"),
        counted(2, 7, 3, work_order="WO-1"),
        counted(3, 9, 2, work_order="WO-1"),
    )
    assert station_facts("SEW-1", fold(first, last)).unassigned.good == 3
    assert station_facts("SEW-1", fold(first, last, hole)).unassigned.is_empty()


def test_closing_another_dispatch_leaves_the_open_one() -> None:
    dispatch = station_facts("SEW-1", fold(opened(1, "WO-1"), opened(2, "WO-2"), closed(3, "WO-1"))).dispatch
    assert dispatch is not None
    assert (dispatch.work_order, dispatch.explicit) == ("WO-2", False)


def test_a_dispatch_that_a_person_opened_is_explicit() -> None:
    person = Source(type=SourceType.PERSON, ref="p1")
    dispatch = station_facts("SEW-1", fold(opened(1, "WO-1", source=person))).dispatch
    assert dispatch is not None
    assert dispatch.explicit


def test_a_dispatch_older_than_a_count_it_would_own_needs_a_refold() -> None:
    state = fold(counted(5, 4, 4))
    assert not STATION.is_applicable(state, opened(2, "WO-1"))
    assert STATION.is_applicable(state, opened(6, "WO-1"))


def test_an_unnamed_count_older_than_the_last_boundary_needs_a_refold() -> None:
    state = fold(opened(5, "WO-1"))
    assert not STATION.is_applicable(state, counted(3, 4, 4))
    assert STATION.is_applicable(state, counted(3, 4, 4, work_order="WO-1"))


def test_a_count_belongs_to_its_station_and_its_work_order() -> None:
    assert views_of(counted(1, 4, 4, work_order="WO-1")) == (
        (Aggregate.STATION, "SEW-1"),
        (Aggregate.WORK_ORDER, "WO-1"),
    )
