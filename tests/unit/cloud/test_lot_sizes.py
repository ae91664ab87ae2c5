"""A single piece and a small lot are tracked alike: every piece is seen, and the last one completes the node."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from genba_cloud.core.facts import WORK_ORDER, Lifecycle, NodePlan, WorkOrderPlan, work_order_facts
from genba_shared.events import Event, NodeCompleted, PiecesCounted, Result, Source, SourceType

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="cutter1/good")


def piece(number: int) -> Event:
    at = START + timedelta(minutes=number)
    return PiecesCounted(
        id=f"gw:{EPOCH}:{number}",
        at=at,
        since=at,
        source=PLC,
        station="CUT-1",
        work_order="WO-1",
        node="CUT",
        point="cutter1/good",
        result=Result.GOOD,
        delta=1,
        total=number,
        counter_epoch=1,
    )


@pytest.mark.requirement("R25", part="a lot of one and a lot of 50 are followed piece by piece; lots may be named")
@pytest.mark.parametrize("size", [1, 50])
def test_a_lot_is_followed_piece_by_piece_until_its_last_one_completes_it(size: int) -> None:
    node = NodePlan(node="CUT", quantity=size, planned_start=START, planned_finish=START, label={})
    plan = WorkOrderPlan(work_order="WO-1", site="demo", item="shirt", quantity=size, nodes=(node,))
    state, seen = WORK_ORDER.empty, []
    for number in range(1, size + 1):
        events = [piece(number)]
        if number == size:
            claim = NodeCompleted(
                id=f"gw:{EPOCH}:{size + 1}", at=events[0].at, source=PLC, work_order="WO-1", node="CUT", pieces=size
            )
            events.append(claim)
        state = WORK_ORDER.fold(state, events)
        found = work_order_facts("WO-1", plan, state, {}).nodes[0]
        seen.append((found.good, found.lifecycle, found.started_at))
    first = START + timedelta(minutes=1)
    assert seen == [
        *((number, Lifecycle.IN_PROGRESS, first) for number in range(1, size)),
        (size, Lifecycle.DONE, first),
    ]
