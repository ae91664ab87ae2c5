"""Stock-takes may arrive late, twice, in any order and around restarts: the zone ends with what is really in it."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.edge.test_zones import COUNTERS, IN, OUT, Shop

STEP_S = 20


class Step(NamedTuple):
    """What happens in 20 seconds: pieces in, pieces out, somebody counts at the end, the gateway starts again."""

    came_in: int
    went_out: int
    counted: bool
    restarts: bool


STEPS = st.lists(
    st.builds(Step, st.integers(0, 5), st.integers(0, 5), st.booleans(), st.booleans()), min_size=1, max_size=25
)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.integers(0, 30), st.data())
def test_the_zone_ends_with_what_was_counted_and_what_moved_since(
    steps: list[Step], inside: int, data: st.DataObject
) -> None:
    shop = Shop(COUNTERS)
    truth, waiting, delivered = inside, list[tuple[str, float, int]](), 0
    for number, step in enumerate(steps):
        begin = number * STEP_S
        shop.wait_until(begin + 5)
        if step.came_in:
            shop.count(IN, step.came_in)
        shop.wait_until(begin + 10)
        gone = min(step.went_out, truth + step.came_in)
        if gone:
            shop.count(OUT, gone)
        truth += step.came_in - gone
        if step.counted:
            waiting.append((f"stock-{number:03}", begin + 15.0, truth))
        if step.restarts:
            shop.open(COUNTERS)
        shop.wait_until(begin + 18)
        if waiting and data.draw(st.booleans()):
            shop.stock(*data.draw(st.sampled_from(waiting)))
            delivered += 1
    for stock in data.draw(st.permutations(waiting)):
        shop.stock(*stock)
        delivered += 1
    if delivered:
        assert shop.told == (truth, 0)
        assert not [note for note in shop.questions if "is not taken" in note]
