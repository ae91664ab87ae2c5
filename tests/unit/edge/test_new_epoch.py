"""A gateway that learns of a copy of itself goes on in a new epoch: counters start anew, and that is said."""

from __future__ import annotations

from genba_edge.core.journal import Identity, Moment
from genba_edge.core.present import Present
from genba_edge.core.succession import begin_anew
from genba_edge.core.watch import Pace
from genba_shared.events import DataGapSeen, GapCause, PiecesCounted
from tests.unit.edge.gateway_world import World, at, back, sample


def test_a_counter_starts_at_its_present_reading_and_the_pieces_between_are_a_gap() -> None:
    world = World()
    seen = (back("cutter1", 0), sample("cutter1", "parts", 100, 1), sample("cutter1", "parts", 101, 2))
    world.see(*seen)
    world.stop()
    world.commit_all()
    present = Present(world.map.devices, now=at(0))
    present.take_all([*seen, sample("cutter1", "parts", 109, 30)])
    new = begin_anew(
        world.map,
        present,
        identity=Identity(gateway="gw-1", epoch="f" * 32, site="plant-a", boot="b" * 32),
        saved=world.saved,
        pace=Pace(),
        moment=Moment(now=at(40), mono_ms=40_000),
    )
    (gap,) = [event for event in new.first.events if isinstance(event, DataGapSeen)]
    assert (gap.id, gap.subject, gap.cause) == (f"gw-1:{'f' * 32}:1", "cutter1", GapCause.RESTORE)
    assert (gap.begin, gap.end) == (at(2), at(40))
    assert not [event for event in new.first.events if isinstance(event, PiecesCounted)]
    later = Moment(now=at(42), mono_ms=42_000)
    new.deriver.observe([sample("cutter1", "parts", 110, 41), sample("cutter1", "parts", 111, 42)], later)
    new.deriver.shut_down(later)
    counted = [event for event in new.deriver.take_checkpoint().events if isinstance(event, PiecesCounted)]
    assert [(event.delta, event.total) for event in counted] == [(1, 1), (1, 2)]
