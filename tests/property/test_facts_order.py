"""Any order of arrival and any repeats give the same views, and folding step by step equals folding all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba_cloud.core.facts import FOLDS, ViewKey, members_of
from genba_shared.events import (
    Basis,
    Confidence,
    CountsAssigned,
    DataQuestioned,
    Direction,
    DispatchClosed,
    DispatchOpened,
    EnvironmentSummarised,
    Event,
    EventCorrected,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    Result,
    Source,
    SourceType,
    StationState,
    StationStateChanged,
    StockCounted,
    TagBound,
    TagPassed,
    TagUnbound,
    WipChanged,
)

START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
EPOCHS = ("0" * 32, "f" * 32)
SOURCES = st.sampled_from([Source(type=SourceType.PLC, ref="cutter1/good"), Source(type=SourceType.API, ref="key")])
INSTANTS = st.integers(0, 12).map(lambda minute: START + timedelta(minutes=minute))
WORK_ORDERS = st.sampled_from(["WO-1", "WO-2"])
NODES = st.sampled_from(["CUT", "SEW"])
STATIONS = st.sampled_from(["S-1", "S-2"])
TAGS = st.sampled_from(["aa", "bb"])


@st.composite
def events(draw: st.DrawFn, number: int) -> Event:
    common: dict[str, Any] = {"at": draw(INSTANTS), "source": draw(SOURCES)}
    if draw(st.booleans()):
        common["id"] = f"gw:{draw(st.sampled_from(EPOCHS))}:{number + 1}"
    else:
        common["id"] = f"00000000-0000-7000-8000-{draw(st.integers(0, 2**24)):08x}{number:04x}"
    owner = {"work_order": draw(WORK_ORDERS), "node": draw(NODES)}
    match draw(st.integers(0, 12)):
        case 0 | 1 | 2:
            return draw(counts(common, owner))
        case 3:
            return draw(passages(common, owner))
        case 4:
            return NodeStarted(**common, **owner)
        case 5:
            pieces, confidence = draw(st.integers(1, 9)), draw(st.sampled_from(Confidence))
            return NodeCompleted(
                **common, **owner, pieces=pieces, confidence=confidence, basis=draw(st.sampled_from(Basis))
            )
        case 6:
            return DispatchOpened(**common, **owner, station=draw(STATIONS), pieces=8)
        case 7:
            return DispatchClosed(**common, **owner, station=draw(STATIONS))
        case 8:
            state = draw(st.sampled_from(StationState))
            return StationStateChanged(**common, station=draw(STATIONS), state=state, since=common["at"])
        case 9:
            return draw(things(common))
        case 10:
            return draw(doubts(common, owner))
        case _:
            return draw(answers(common, owner))


@st.composite
def counts(draw: st.DrawFn, common: dict[str, Any], owner: dict[str, str]) -> Event:
    return PiecesCounted(
        **common,
        **draw(st.sampled_from([owner, {}, {"work_order": owner["work_order"]}])),
        station=draw(STATIONS),
        point="cutter1/good",
        result=draw(st.sampled_from(Result)),
        delta=draw(st.integers(0, 6)),
        total=draw(st.integers(6, 30)),
        counter_epoch=draw(st.integers(1, 2)),
        since=draw(INSTANTS),
        confidence=draw(st.sampled_from(Confidence)),
    )


@st.composite
def doubts(draw: st.DrawFn, common: dict[str, Any], owner: dict[str, str]) -> Event:
    pieces = draw(
        st.sampled_from([{}, {"result": Result.GOOD, "least": 0, "most": 5, "options": ("wrap:5", "reset:0")}])
    )
    return DataQuestioned(
        **common,
        **draw(st.sampled_from([owner, {}])),
        **pieces,
        station=draw(STATIONS),
        point="cutter1/good",
        note="why",
    )


@st.composite
def answers(draw: st.DrawFn, common: dict[str, Any], owner: dict[str, str]) -> Event:
    """The target is the number of an event of the same history; `HISTORIES` puts its id there."""
    target, pieces = f"#{draw(st.integers(0, 24))}", draw(st.integers(0, 6))
    if draw(st.booleans()):
        return EventCorrected(**common, target=target, pieces=pieces)
    result = draw(st.sampled_from(Result))
    return CountsAssigned(**common, **owner, station=draw(STATIONS), target=target, pieces=pieces, result=result)


@st.composite
def passages(draw: st.DrawFn, common: dict[str, Any], owner: dict[str, str]) -> Event:
    return TagPassed(
        **common,
        **owner,
        read_point="gate/out",
        reader="gate",
        zone="packing",
        tag=draw(TAGS),
        direction=draw(st.sampled_from(Direction)),
        first_seen=common["at"],
        last_seen=common["at"],
        reads=2,
        pieces=draw(st.none() | st.integers(1, 5)),
    )


@st.composite
def things(draw: st.DrawFn, common: dict[str, Any]) -> Event:
    match draw(st.integers(0, 4)):
        case 3:
            return StockCounted(**common, zone="packing", count=draw(st.integers(0, 9)))
        case 4:
            return EnvironmentSummarised(
                **common,
                station=draw(STATIONS),
                work_order=draw(WORK_ORDERS),
                node=draw(NODES),
                point="env1/temp",
                begin=common["at"] - timedelta(minutes=1),
                end=common["at"],
                least=20.5,
                mean=float(draw(st.integers(21, 23))),
                most=24.0,
                samples=6,
                uom="°C",
            )
        case 0:
            return WipChanged(**common, zone="packing", count=draw(st.integers(0, 9)), by=1)
        case 1:
            return TagBound(**common, work_order=draw(WORK_ORDERS), tag=draw(TAGS), pieces=draw(st.integers(1, 5)))
        case _:
            return TagUnbound(**common, tag=draw(TAGS))


def aimed(history: tuple[Event, ...]) -> tuple[Event, ...]:
    """The history with answers that name events of it, of whatever kind."""
    return tuple(
        replace(event, target=history[int(event.target[1:]) % len(history)].id)
        if isinstance(event, CountsAssigned | EventCorrected)
        else event
        for event in history
    )


HISTORIES = st.integers(1, 25).flatmap(lambda size: st.tuples(*(events(number) for number in range(size)))).map(aimed)


def folded_at_once(history: Sequence[Event]) -> dict[ViewKey, dict[str, Any]]:
    members = members_of(history)
    folds = {key: FOLDS[key.aggregate] for key in members}
    return {key: fold.to_json(fold.fold(fold.empty, members[key])) for key, fold in folds.items()}


def folded_as_it_arrives(history: Sequence[Event]) -> dict[ViewKey, dict[str, Any]]:
    """One event at a time through the JSON form, with a refold from the log where the fold asks for one."""
    log: dict[ViewKey, list[Event]] = {}
    views: dict[ViewKey, dict[str, Any]] = {}
    for number in range(len(history)):
        before = members_of(history[:number])
        for key, members in members_of(history[: number + 1]).items():
            news = members[:] if key not in before else [one for one in members if one not in before[key]]
            fold = FOLDS[key.aggregate]
            state = fold.from_json(views[key]) if key in views else fold.empty
            log[key] = members
            is_applicable = all(fold.is_applicable(state, one) for one in news)
            start, new = (state, news) if is_applicable else (fold.from_the_start(state), log[key])
            views[key] = fold.to_json(fold.fold(start, new))
    return views


@pytest.mark.law("views")
@pytest.mark.trap("delta counters without epoch")
@settings(deadline=None)
@given(st.data(), HISTORIES)
def test_any_order_and_any_repeats_give_the_same_views(data: st.DataObject, history: tuple[Event, ...]) -> None:
    repeats = data.draw(st.lists(st.sampled_from(history), max_size=5))
    other = data.draw(st.permutations([*history, *repeats]))
    assert folded_at_once(other) == folded_at_once(history)


@settings(deadline=None)
@given(st.data(), HISTORIES)
def test_folding_as_events_arrive_equals_folding_them_all_at_once(
    data: st.DataObject, history: tuple[Event, ...]
) -> None:
    arrival = data.draw(st.permutations(history))
    assert folded_as_it_arrives(arrival) == folded_at_once(history)


@settings(deadline=None)
@given(HISTORIES)
def test_a_folded_view_survives_its_json_form(history: tuple[Event, ...]) -> None:
    for key, view in folded_at_once(history).items():
        fold = FOLDS[key.aggregate]
        assert fold.to_json(fold.from_json(view)) == view
