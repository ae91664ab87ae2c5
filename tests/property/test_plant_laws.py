"""Whatever the seed and the moment of the stop: the plant's account of itself adds up."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from genba_sim.happenings import Announced, Happening, NodeCompleted, PieceMade, PlantStopped, Result, TagPassed
from genba_sim.plant import Plant
from genba_sim.settings import Node, Pace, PlantSettings, Zone

ORIGIN = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), minutes=st.integers(0, 180), speed=st.sampled_from([1.0, 60.0, 120.0]))
def test_pieces_completions_and_wip_add_up_at_any_stop(seed: int, minutes: int, speed: float) -> None:
    told: list[Happening] = []
    stop = ORIGIN + timedelta(minutes=minutes)
    pace = Pace.at_speed(speed)
    plant = Plant(PlantSettings(), told.append, origin=ORIGIN, seed=seed, pace=pace, stop_at=stop)
    plant.run_until(stop + timedelta(minutes=1))

    quantity: dict[str, int] = {}
    made: Counter[tuple[str, Node]] = Counter()
    passed: Counter[tuple[str, str]] = Counter()
    completed: set[tuple[str, Node]] = set()
    for happening in told:
        match happening:
            case Announced(order=order):
                quantity[order.work_order.number] = order.work_order.quantity
                assert sum(bundle.pieces for bundle in order.work_order.bundles) == order.work_order.quantity
            case PieceMade(work_order=work_order, node=node, result=Result.GOOD):
                made[work_order, node] += 1
            case TagPassed(work_order=work_order, read_point=read_point, pieces=pieces):
                passed[work_order, read_point] += pieces
            case NodeCompleted(work_order=work_order, node=node):
                completed.add((work_order, node))
            case _:
                pass

    for work_order, ordered in quantity.items():
        out = passed[work_order, "packing-out"]
        for node in (Node.CUT, Node.SEW, Node.INS):
            assert made[work_order, node] <= ordered
            assert ((work_order, node) in completed) == (made[work_order, node] == ordered)
        assert ((work_order, Node.PACK) in completed) == (out == ordered)
        assert out <= passed[work_order, "packing-in"] <= passed[work_order, "sewing-out"]
        assert passed[work_order, "sewing-out"] <= passed[work_order, "sewing-in"] <= made[work_order, Node.CUT]
    stopped = told[-1]
    assert isinstance(stopped, PlantStopped)
    assert all(count >= 0 for count in stopped.wip.values())
    assert stopped.wip[Zone.CUT_BUFFER] == sum(made[each, Node.CUT] - made[each, Node.SEW] for each in quantity)
