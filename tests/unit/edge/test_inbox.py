"""Observations that wait for a core that is held up by a full disk."""

from __future__ import annotations

from genba_edge.app.inbox import Inbox
from genba_edge.ports import DeviceBack, DeviceLost, Observation, Sample
from genba_shared.events import DataGapSeen, PiecesCounted
from tests.unit.edge.gateway_world import T0, World, alive, at, back, lost, sample
from tests.unit.edge.test_deriver import of


def test_what_was_let_go_is_declared_and_its_pieces_are_counted() -> None:
    world, inbox = World(), Inbox(lambda: at(31), limit=14)
    inbox.put([back("sewing", 0)])
    for second in range(31):
        inbox.put([sample("sewing", "good1", second // 10, second), alive("sewing", second)])
        if second == 5:
            for batch in inbox.take():
                world.see(*batch)
    for batch in [*inbox.take(), [sample("sewing", "good1", 4, 32), alive("sewing", 32)]]:
        world.see(*batch)
    world.stop()
    (gap,) = of(DataGapSeen, world.events)
    assert (gap.subject, gap.begin) == ("sewing", at(5))
    assert gap.end >= at(31)
    assert sum(event.delta for event in of(PiecesCounted, world.events)) == 4


def test_the_last_sample_of_each_point_is_kept_when_readings_are_let_go() -> None:
    inbox = Inbox(lambda: at(9), limit=6)
    inbox.put([back("sewing", 0), back("gate", 0)])
    inbox.put([sample("sewing", "good1", 1, 1), sample("sewing", "good2", 5, 1), sample("gate", "in", 7, 1)])
    inbox.put([lost("gate", 2), sample("sewing", "good1", 2, 2)])
    left = [one for batch in inbox.take() for one in batch if isinstance(one, Sample)]
    assert left == [sample("sewing", "good1", 2, 2), sample("sewing", "good2", 5, 1)]


def test_what_devices_said_of_themselves_is_kept_in_its_order() -> None:
    inbox = Inbox(lambda: T0, limit=6)
    said: list[Observation] = [back("gate", 0), lost("gate", 1), back("sewing", 2)]
    for one in said:
        inbox.put([one])
    for second in range(5):
        inbox.put([alive("sewing", second)])
    left = [one for batch in inbox.take() for one in batch if isinstance(one, DeviceBack | DeviceLost)]
    assert left == [*said, DeviceBack(device="sewing", at=T0)]
