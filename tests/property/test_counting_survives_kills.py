"""Counting through kills: whatever is lost at a kill is counted again from the device, and nothing twice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from genba_shared.events import NodeCompleted, PiecesCounted
from tests.unit.edge.gateway_world import World, alive, back, document, sample

ROWS = [("WO-1", "SEW", 7), ("WO-2", "SEW", 4), ("WO-3", "SEW", 40)]

# One poll each second: pieces made since the one before (0 or 1, as the map's rate allows), and whether the gateway
# is killed after it without its last commit.
POLLS = st.lists(st.tuples(st.integers(0, 1), st.booleans()), min_size=1, max_size=60)


def run(polls: list[tuple[int, bool]]) -> tuple[World, int]:
    world, made = World(), 0
    world.see(back("sewing", 0))
    world.see(sample("sewing", "good1", 0, 0), alive("sewing", 0))
    world.dispatch(document(lists={"SEW-1": ROWS}, wanted={row[0]: {"SEW": row[2]} for row in ROWS}))
    for second, (pieces, killed) in enumerate(polls, start=1):
        made += pieces
        poll = (sample("sewing", "good1", made, second), alive("sewing", second))
        if killed:
            world.deriver.observe(poll, world._moment())  # derived, and gone before it was committed
            world.kill_and_restart()
            world.see(back("sewing", second + 0.5))
        else:
            world.see(*poll)
        world.wait_until(second + 0.7)
    end = len(polls) + 1
    world.see(sample("sewing", "good1", made, end), alive("sewing", end))
    world.stop()
    return world, made


@settings(max_examples=150, deadline=None)
@given(POLLS)
def test_every_piece_is_counted_once_through_any_kills(polls: list[tuple[int, bool]]) -> None:
    world, made = run(polls)
    counted = [event for event in world.events if isinstance(event, PiecesCounted)]
    assert sum(event.delta for event in counted) == made
    totals = [event.total for event in counted]
    assert totals == sorted(totals)
    assert (totals or [0])[-1] == made


@settings(max_examples=150, deadline=None)
@given(POLLS)
def test_every_node_is_claimed_once_and_only_when_its_quantity_is_reached(polls: list[tuple[int, bool]]) -> None:
    world, made = run(polls)
    claimed = [event.work_order for event in world.events if isinstance(event, NodeCompleted)]
    wanted = [order for order, done_at in (("WO-1", 7), ("WO-2", 11), ("WO-3", 51)) if made >= done_at]
    assert claimed == wanted


@settings(max_examples=150, deadline=None)
@given(POLLS)
def test_event_ids_never_repeat_and_never_skip(polls: list[tuple[int, bool]]) -> None:
    world, _ = run(polls)
    assert [event.id.rsplit(":", 1)[1] for event in world.events] == [str(seq + 1) for seq in range(len(world.events))]
