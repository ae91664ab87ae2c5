"""A job number that never stands still, such as a clock that was taken for one, does not keep pieces back for ever."""

from __future__ import annotations

from dataclasses import replace

from genba_shared.device_map.model import PointRef, WorkOrderSource
from genba_shared.events import PiecesCounted
from tests.unit.edge.gateway_world import World, alive, at, back, sample


def test_pieces_are_told_though_the_job_number_is_another_one_at_every_reading() -> None:
    world = World()
    world.see(back("cutter1", 0), sample("cutter1", "parts", 0, 0), sample("cutter1", "order", "T0", 0))
    for second in range(1, 301):
        world.see(
            sample("cutter1", "order", f"T{second}", second),
            sample("cutter1", "parts", second // 2, second + 0.3),
            alive("cutter1", second + 0.3),
        )
        world.wait_until(second + 0.5)
    told = [event for event in world.events if isinstance(event, PiecesCounted)]
    assert sum(event.delta for event in told) >= 100
    assert told[0].at <= at(70)


def test_the_same_holds_where_the_number_is_polled() -> None:
    device = "good1: {at: 40001"
    world = World(replace_in_map=(device, f"job: {{at: 40021, type: uint16, group: fast}}\n      {device}"))
    rule = replace(world.map.nodes["SEW"], work_order=WorkOrderSource.POINT, work_order_point=PointRef("sewing", "job"))
    world.map = replace(world.map, nodes={**world.map.nodes, "SEW": rule})
    world.kill_and_restart()
    world.see(back("sewing", 0), sample("sewing", "good1", 0, 0), sample("sewing", "job", 1000, 0))
    for second in range(1, 301):
        world.see(
            sample("sewing", "job", 1000 + second, second),
            sample("sewing", "good1", second // 2, second),
            alive("sewing", second),
        )
        world.wait_until(second + 0.5)
    told = [event for event in world.events if isinstance(event, PiecesCounted)]
    assert sum(event.delta for event in told) >= 100
