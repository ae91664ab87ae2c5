"""What is kept beside a passage for people who ask why; and state that earlier versions saved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from genba_edge.core.journal import Commit
from genba_edge.core.observations import TagRead
from genba_shared.events import ClockQuality, Event, TagPassed, WipChanged
from tests.unit.edge.gateway_world import MAP, World, alive, at, back, document, lost


class ExplainedWorld(World):
    """Keeps the trails, too."""

    def __init__(self) -> None:
        self.trails: dict[str, dict[str, Any]] = {}
        super().__init__()

    def _keep(self, commit: Commit) -> list[Event]:
        self.trails |= {name: json.loads(text) for name, text in commit.trails.items()}
        return super()._keep(commit)


def gate_world() -> ExplainedWorld:
    world = ExplainedWorld()
    world.see(back("gate", 0))
    world.dispatch(document(wanted={"WO-1": {"PACK": 8}}, tags=[("3034a1", "WO-1", 5), ("3034a2", "WO-1", 3)]))
    return world


def passes(
    world: World, tag: str, antenna: int, second: float, *, rssi: float = -50.0, reads: int = 8, behind_s: float = 0.0
) -> list[TagPassed]:
    read = TagRead(
        device="gate",
        antenna=antenna,
        tag=tag,
        first_seen=at(second - behind_s),
        last_seen=at(second + 3 - behind_s),
        seen_at=at(second + 3.5),
        reads=reads,
        rssi_dbm=rssi,
    )
    events = [*world.see(read, alive("gate", second + 3.5)), *world.see(alive("gate", second + 45))]
    return [event for event in events if isinstance(event, TagPassed)]


def test_plain_passage_needs_no_explanation() -> None:
    world = gate_world()
    passes(world, "3034a1", 1, 10)
    assert world.trails == {}


def test_implied_passage_says_from_which_sighting_it_follows() -> None:
    world = gate_world()
    entered, _ = passes(world, "3034a1", 2, 10)
    assert world.trails[entered.id] == {"step": "next", "was_in": None, "since": None, "seen_at": "gate/out"}


def test_times_that_were_moved_are_told_and_an_unsure_clock_is_poor() -> None:
    world = gate_world()
    (passed,) = passes(world, "3034a1", 1, 10, behind_s=600)
    assert (passed.at, passed.clock) == (at(13.5), ClockQuality.POOR)
    assert world.trails[passed.id] == {"reader_clock": {"moved_by_s": 600.5, "sure": False}}


def test_passage_names_the_ghost_that_it_shows_to_be_one() -> None:
    world = gate_world()
    for number in range(10):
        passes(world, f"303400{number}", 1, 10 + 50 * number)
    passes(world, "3034a1", 1, 600)
    assert passes(world, "3034a1", 2, 700, rssi=-60, reads=2) == []
    passes(world, "3034a1", 1, 800)
    (left,) = passes(world, "3034a1", 2, 900)
    (told,) = [facts for facts in world.trails.values() if "taken_for_stray" in facts]
    assert told["taken_for_stray"] == {
        "read_point": "gate/out",
        "at": "2026-01-05T07:11:43.000Z",
        "reads": 2,
        "rssi_dbm": -60.0,
    }
    assert left.at == at(903)


def test_weak_sighting_at_the_way_out_is_believed_when_nothing_is_heard_of_the_tag_again() -> None:
    world = ExplainedWorld()
    world.restart_with_map(("leave: [gate/out]}", "leave: [gate/out], close_after: 1h}"))
    world.see(back("gate", 0))
    for number in range(10):
        passes(world, f"303400{number}", 1, 10 + 50 * number)
    passes(world, "3034a1", 1, 600)
    passes(world, "3034a1", 2, 700, rssi=-60, reads=2)
    told: Sequence[Event] = world.wait_until(4400)
    (left,) = [event for event in told if isinstance(event, TagPassed) and event.tag == "3034a1"]
    assert (left.at, left.implied, left.reads) == (at(703), False, 2)
    assert world.trails[left.id]["confirmed_by"] == "silence"


def test_weak_sighting_at_the_way_out_is_believed_when_the_tag_is_taken_for_other_work() -> None:
    world = gate_world()
    for number in range(10):
        passes(world, f"303400{number}", 1, 10 + 50 * number)
    passes(world, "3034a1", 1, 600)
    passes(world, "3034a1", 2, 700, rssi=-60, reads=2)
    world.now = at(800)
    told = world.dispatch(document(version=2, wanted={"WO-1": {"PACK": 8}}, tags=[("3034a2", "WO-1", 3)]))
    (left,) = [event for event in told if isinstance(event, TagPassed)]
    assert (left.at, left.implied, left.node, left.work_order) == (at(703), False, "PACK", "WO-1")
    assert world.trails[left.id]["confirmed_by"] == "unbound"


def test_stays_that_earlier_versions_saved_are_taken_over() -> None:
    world = gate_world()
    passes(world, "3034a1", 1, 10)
    pieces, entered_at, work_order = json.loads(world.saved.pop("zone-inside/packing/3034a1"))
    stay = {"pieces": pieces, "entered_at": entered_at, "work_order": work_order}
    zone = {"counted": 0, "error": 0, "told_at": json.loads(world.saved["zone/packing"])["told_at"]}
    world.saved["zone/packing"] = json.dumps({**zone, "tags": {"3034a1": stay}})
    for key in [key for key in world.saved if key.startswith("tag/")]:
        del world.saved[key]
    world.kill_and_restart()
    world.commit_all()
    world.see(lost("gate", 60), back("gate", 61))
    events = len(world.events)
    (left,) = passes(world, "3034a1", 2, 100)
    assert (left.direction, left.implied, left.node) == ("leave", False, "PACK")
    assert [event.count for event in world.events[events:] if isinstance(event, WipChanged)] == [0]


def test_stay_that_is_opened_again_counts_from_the_last_sign_of_the_tag() -> None:
    world = ExplainedWorld()
    closing = MAP.replace("leave: [gate/out]}", "leave: [gate/out], close_after: 1h}")
    world.restart_with_map((MAP, closing.replace("all_left: packing}", "all_left: packing, min_dwell: 30min}")))
    world.see(back("gate", 0))
    world.dispatch(document(wanted={"WO-1": {"PACK": 5}}, tags=[("3034a1", "WO-1", 5)]))
    passes(world, "3034a1", 1, 10)
    told: Sequence[Event] = world.wait_until(4000)
    assert [event.count for event in told if isinstance(event, WipChanged)] == [0]
    again, left = passes(world, "3034a1", 2, 5000)
    assert (again.direction, again.implied) == ("enter", True)
    assert (left.direction, left.implied, left.node) == ("leave", False, "PACK")
