"""Passages through kills: each one is told once and rightly, or an interval that covers it is declared unobserved."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from genba_edge.core.observations import Observation
from genba_shared.events import DataGapSeen, Direction, NodeCompleted, TagPassed, WipChanged
from tests.unit.edge.gateway_world import World, alive, at, back, document, tag_read

TAGS = {"3034a1": 5, "3034a2": 3}
STEP_S = 50  # far enough apart that each visit to a gate is a passage of its own (depart_after is 30 s)
REPORT_S = 0.5  # half of the report delay that the gateway reckons with
ON_ITS_WAY_S = 0.2  # between the last read and the report that tells it

# One visit to a gate after the other, first all tags come in, then all leave. Each visit is two reports, read in the
# half second before they are sent. `kill`: after which of its two reports the gateway is killed (0: not at all), with
# what it had not committed; `deaf`: the report itself is lost with the connection; `saved`: reads were committed first.
VISITS = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1, 2]), st.booleans(), st.booleans()),
    min_size=2 * len(TAGS),
    max_size=2 * len(TAGS),
)
Visit = tuple[int, bool, bool]


def run(visits: list[Visit]) -> tuple[World, dict[tuple[str, Direction], datetime]]:
    """What the gateway said, and when each tag truly passed."""
    world = World()
    world.see(back("gate", 0))
    world.dispatch(document(wanted={"WO-1": {"PACK": 8}}, tags=[(tag, "WO-1", count) for tag, count in TAGS.items()]))
    truth: dict[tuple[str, Direction], datetime] = {}
    turns = [(tag, antenna) for antenna in (1, 2) for tag in TAGS]
    for number, ((tag, antenna), (kill, deaf, saved)) in enumerate(zip(turns, visits, strict=True)):
        begin = 10 + number * STEP_S
        truth[tag, Direction.ENTER if antenna == 1 else Direction.LEAVE] = at(begin + 2 * REPORT_S - ON_ITS_WAY_S)
        for part in (1, 2):
            sent = begin + part * REPORT_S
            read = tag_read(tag, antenna, sent - REPORT_S, sent - ON_ITS_WAY_S)
            report: tuple[Observation, ...] = (read, alive("gate", sent))
            if kill != part:
                world.see(*report)
                continue
            world.see(alive("gate", sent - 0.1))
            if saved:
                world.commit_all()
            if not deaf:
                world.now = at(sent)
                world.deriver.observe(report, world._moment())
            world.kill_and_restart()
            world.see(back("gate", sent + 0.1))
        world.see(alive("gate", begin + STEP_S - 10))
    world.see(alive("gate", 10 + len(turns) * STEP_S + 60))
    world.stop()
    return world, truth


def is_declared(world: World, moment: datetime) -> bool:
    gaps = [event for event in world.events if isinstance(event, DataGapSeen)]
    return any(gap.begin <= moment <= gap.end for gap in gaps)


@settings(max_examples=200, deadline=None)
@given(VISITS)
def test_every_passage_is_told_once_or_lies_in_a_declared_gap(visits: list[Visit]) -> None:
    world, truth = run(visits)
    passed = [event for event in world.events if isinstance(event, TagPassed) and not event.implied]
    keys = [(event.tag, event.direction) for event in passed]
    assert len(keys) == len(set(keys))
    told = dict(zip(keys, (event.at for event in passed), strict=True))
    wrong = {key: moment for key, moment in truth.items() if told.get(key) != moment}
    assert [key for key, moment in wrong.items() if not is_declared(world, moment)] == []


@settings(max_examples=200, deadline=None)
@given(VISITS)
def test_completion_and_wip_follow_from_the_passages_that_were_told(visits: list[Visit]) -> None:
    world, _ = run(visits)
    passed = [event for event in world.events if isinstance(event, TagPassed)]
    left = {event.tag: event.at for event in passed if event.direction is Direction.LEAVE}
    entered = {event.tag for event in passed if event.direction is Direction.ENTER}
    completed = [event for event in world.events if isinstance(event, NodeCompleted)]
    assert [event.at for event in completed] == ([max(left.values())] if set(left) == set(TAGS) else [])
    counts = [event.count for event in world.events if isinstance(event, WipChanged)]
    assert (counts or [0])[-1] == sum(TAGS[tag] for tag in entered - set(left))
