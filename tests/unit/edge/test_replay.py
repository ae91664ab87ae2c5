"""A raw log derived again, and how two outcomes differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

from genba_edge.app.replay import difference_lines
from genba_edge.core.journal import Moment
from genba_edge.core.observations import Observation
from genba_edge.core.raw_log import RawBatch, RawDispatch, RawHeader, RawMissing
from genba_edge.core.replay import Outcome, Replay
from genba_edge.core.replay_difference import Causes, Change, Completion, Difference, compare_outcomes
from genba_edge.core.watch import Pace
from genba_shared.device_map import load_device_map
from genba_shared.dispatch_document import DispatchDocument
from genba_shared.events import (
    Confidence,
    CountMethod,
    DataGapSeen,
    NodeCompleted,
    PiecesCounted,
    Result,
    Source,
    SourceType,
    StationState,
    StationStateChanged,
)
from tests.unit.edge.gateway_world import MAP, World, alive, at, back, document, sample
from tests.unit.edge.test_deriver import of

SYSTEM = Source(type=SourceType.SYSTEM, ref="gw-1")


def replay(*entries: RawBatch | RawDispatch | RawMissing, state: dict[str, str] | None = None) -> Outcome:
    header = RawHeader(gateway="gw-1", map_sha256="", version="1", boot="b" * 32, speed=1.0, state=state or {})
    again = Replay(load_device_map(Path("plant.yaml"), text=MAP), header, Pace(poll_s={"sewing": 1.0}))
    for entry in (header, *entries):
        again.take(entry)
    return again.finish()


def batch(second: float, *observations: Observation) -> RawBatch:
    return RawBatch(moment=Moment(now=at(second), mono_ms=0), observations=observations)


def dispatch(second: float, told: DispatchDocument) -> RawDispatch:
    return RawDispatch(moment=Moment(now=at(second), mono_ms=0), document=told)


def test_counting_goes_on_from_the_state_that_the_gateway_had() -> None:
    world = World()
    world.see(back("sewing", 0), sample("sewing", "good1", 100, 0), alive("sewing", 0))
    world.commit_all()
    outcome = replay(
        batch(1, back("sewing", 1), sample("sewing", "good1", 103, 1), alive("sewing", 1)), state=world.saved
    )
    assert outcome.counts() == {("SEW-1", Result.GOOD): 3}


def test_time_rules_act_where_the_log_is_silent() -> None:
    outcome = replay(
        batch(0, back("cutter1", 0), sample("cutter1", "parts", 1, 0)),
        batch(1, sample("cutter1", "parts", 2, 1)),
        batch(600, alive("cutter1", 600)),
    )
    states = [(event.state, event.at) for event in of(StationStateChanged, outcome.events)]
    assert states == [(StationState.RUNNING, at(1)), (StationState.IDLE, at(181))]


def test_orders_are_dispatched_as_they_were() -> None:
    outcome = replay(
        dispatch(0, document(lists={"SEW-1": [("WO-1", "SEW", 2)]}, wanted={"WO-1": {"SEW": 2}})),
        batch(1, back("sewing", 1), sample("sewing", "good1", 5, 1), alive("sewing", 1)),
        batch(2, sample("sewing", "good1", 7, 2), alive("sewing", 2)),
    )
    (claim,) = outcome.completions()
    assert (claim.work_order, claim.node, claim.pieces) == ("WO-1", "SEW", 2)


def test_devices_that_the_map_does_not_have_are_left_out() -> None:
    outcome = replay(batch(0, back("gone", 0), sample("gone", "parts", 1, 0), alive("gone", 0)))
    assert (outcome.events, outcome.failures, outcome.observations) == ([], [], 3)


def test_a_clock_that_was_set_back_does_not_stop_a_replay() -> None:
    outcome = replay(
        batch(1000, back("sewing", 1000), sample("sewing", "good1", 1, 1000), alive("sewing", 1000)),
        batch(10, sample("sewing", "good1", 2, 10), alive("sewing", 10)),
        batch(30, sample("sewing", "good1", 3, 30), alive("sewing", 30)),
        RawMissing(batches=4),
    )
    assert sum(event.delta for event in of(PiecesCounted, outcome.events)) == 2
    assert outcome.missing == 4


def test_what_was_not_recorded_is_declared_as_it_was() -> None:
    outcome = replay(
        batch(0, back("sewing", 0), sample("sewing", "good1", 1, 0), alive("sewing", 0)),
        batch(9, sample("sewing", "good1", 2, 9), alive("sewing", 9)),
    )
    (gap,) = of(DataGapSeen, outcome.events)
    assert (gap.begin, gap.end) == (at(0), at(9))


def claim(work_order: str, node: str, second: float, pieces: int = 5) -> NodeCompleted:
    return NodeCompleted(
        id=f"{work_order}{node}{second}",
        at=at(second),
        source=SYSTEM,
        work_order=work_order,
        node=node,
        pieces=pieces,
        confidence=Confidence.CERTAIN,
    )


def completion(work_order: str, node: str, second: float, pieces: int = 5) -> Completion:
    return Completion(
        work_order=work_order, node=node, place=0, at=at(second), pieces=pieces, confidence=Confidence.CERTAIN
    )


def test_completions_are_compared_by_work_order_and_node() -> None:
    old = Outcome(events=[claim("WO-1", "CUT", 1), claim("WO-1", "SEW", 5), claim("WO-2", "CUT", 7)])
    new = Outcome(events=[claim("WO-1", "CUT", 1), claim("WO-1", "SEW", 6), claim("WO-3", "CUT", 7)])
    difference = compare_outcomes(new, old)
    assert difference.added == (completion("WO-3", "CUT", 7),)
    assert difference.lost == (completion("WO-2", "CUT", 7),)
    assert difference.changed == ((completion("WO-1", "SEW", 5), completion("WO-1", "SEW", 6)),)
    assert not difference.is_none
    assert compare_outcomes(old, old).is_none


def test_a_claim_that_is_made_twice_is_compared_twice() -> None:
    once, twice = (
        Outcome(events=[claim("WO-1", "CUT", 1)]),
        Outcome(events=[claim("WO-1", "CUT", 1), claim("WO-1", "CUT", 9)]),
    )
    difference = compare_outcomes(twice, once)
    assert [(each.place, each.at - at(0)) for each in difference.added] == [(1, timedelta(seconds=9))]


def test_counts_that_are_no_longer_in_doubt_are_a_difference_though_their_pieces_are_the_same() -> None:
    source = Source(type=SourceType.PLC, ref="cutter1/parts")
    sure = PiecesCounted(
        id=f"gw-1:{'0' * 32}:1", at=at(2), source=source, station="CUT-1", point="cutter1/parts", result=Result.GOOD,
        delta=3, total=3, counter_epoch=0, since=at(1), method=CountMethod.RESET,
    )  # fmt: skip
    doubtful = replace(sure, confidence=Confidence.AMBIGUOUS, least=3, most=5)
    found = compare_outcomes(Outcome(events=[sure]), Outcome(events=[doubtful]))
    assert found == Difference(in_doubt=(Change(what=("cutter1/parts",), new=0, old=1),))
    assert list(difference_lines(found, Causes(maps=()), UTC)) == [
        "  point cutter1/parts: 0 counts in doubt instead of 1"
    ]
