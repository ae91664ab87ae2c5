"""Claims: once for ever, remembered over documents and restarts, told to whoever asks, and bounded in number."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from genba_edge.core import nodes
from genba_edge.core.nodes import Claim, Nodes
from genba_shared.events import Confidence, DispatchOpened, NodeCompleted, NodeStarted, PiecesCounted, ProgressReported
from tests.unit.edge.gateway_world import World, alive, at, back, document, sample
from tests.unit.edge.test_deriver import gate_world, of, passes, poll_until, sewing, sewing_world

DONE = "SEW: {stations: [SEW-1, SEW-2], work_order: {from: dispatch}, done_when: {good: node.quantity}}"


def test_days_from_one_document_take_every_row_once_in_order_and_the_state_does_not_grow() -> None:
    rows = [(f"WO-{number:03}", "SEW", 6) for number in range(60)]
    world = sewing_world(*rows)
    sizes: list[int] = []
    made, second = 0, 0
    for day in range(6):
        second = day * 86_400
        world.now = at(second)
        world.kill_and_restart()
        world.see(back("sewing", second))
        for _ in range(60):
            second, made = second + 30, made + 1
            sewing(world, second, good1=made)
            world.wait_until(second + 15)
        world.commit_all()
        sizes.append(sum(len(key) + len(value) for key, value in world.saved.items() if not key.startswith("dispatch")))
    claimed = of(NodeCompleted, world.events)
    assert [event.work_order for event in claimed] == [row[0] for row in rows]
    assert {event.pieces for event in claimed} == {6}
    opened = [event.work_order for event in of(DispatchOpened, world.events)]
    assert opened == [row[0] for row in rows]
    assert sum(event.delta for event in of(PiecesCounted, world.events)) == 360
    assert sizes[-1] < sizes[0] + 60 * 400  # a few hundred bytes for each node that the document names, and no more


def test_claimed_nodes_that_no_document_names_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "MOST_CLAIMED", 5)
    world = sewing_world()
    for number in range(8):
        made = number + 1
        world.dispatch(
            document(
                version=number + 2,
                lists={"SEW-1": [(f"WO-{number}", "SEW", 1)]},
                wanted={f"WO-{number}": {"SEW": 1}},
            )
        )
        sewing(world, made, good1=made)
    world.dispatch(document(version=20))
    assert sorted(key for key in world.saved if key.startswith("node/")) == [f"node/SEW/WO-{n}" for n in range(3, 8)]


def test_node_that_comes_back_into_the_document_is_not_claimed_a_second_time() -> None:
    rows = {"SEW-1": [("WO-1", "SEW", 2)]}
    world = sewing_world(("WO-1", "SEW", 2))
    poll_until(world, 4, {1: 1, 3: 2})
    world.dispatch(document(version=2))
    world.kill_and_restart()
    world.see(back("sewing", 5))
    sewing(world, 5, good1=2)
    world.dispatch(document(version=3, lists=rows, wanted={"WO-1": {"SEW": 2}}))
    poll_until(world, 12, {6: 3, 8: 4})
    assert [event.pieces for event in of(NodeCompleted, world.events)] == [2]
    world.dispatch(document(version=4, lists={"SEW-1": [("WO-1", "SEW", 3)]}, wanted={"WO-1": {"SEW": 3}}))
    poll_until(world, 20, {14: 5})
    assert [event.pieces for event in of(NodeCompleted, world.events)] == [2, 3]


def test_progress_that_an_older_version_saved_is_taken_on() -> None:
    world = sewing_world(("WO-1", "SEW", 3))
    poll_until(world, 2, {1: 2})
    world.saved["node/SEW/WO-1"] = json.dumps(
        {
            "good": 2,
            "last_at": "2026-01-05T07:00:01.000Z",
            "because": "x:y:2",
            "ambiguous": False,
            "started": True,
            "completed": False,
            "tags": {},
        }
    )
    world.kill_and_restart()
    world.see(back("sewing", 3))
    (completed,) = of(NodeCompleted, sewing(world, 3, good1=3))
    assert (completed.pieces, completed.confidence) == (3, Confidence.CERTAIN)


def test_whoever_asks_is_told_of_a_claim_and_of_the_stations_that_worked_on_it() -> None:
    world = World(replace_in_map=(DONE, DONE))
    told: list[Claim] = []
    world.deriver._nodes.when_claimed(told.append)
    world.see(back("sewing", 0))
    sewing(world, 0)
    rows = [("WO-1", "SEW", 4)]
    world.dispatch(document(lists={"SEW-1": rows, "SEW-2": rows}, wanted={"WO-1": {"SEW": 4}}))
    sewing(world, 1, good1=1, good2=1)
    sewing(world, 2, good1=2, good2=2)
    (claim,) = told
    assert (claim.key.work_order, claim.event.pieces, claim.started_at) == ("WO-1", 4, at(1))
    assert claim.stations == {"SEW-1": (at(0), None), "SEW-2": (at(0), None)}


def test_trail_of_a_claim_names_the_rule_its_evidence_and_the_pieces_of_every_station() -> None:
    world = World()
    world.see(back("sewing", 0))
    sewing(world, 0)
    rows = [("WO-1", "SEW", 3)]
    world.dispatch(document(lists={"SEW-1": rows, "SEW-2": rows}, wanted={"WO-1": {"SEW": 3}}))
    sewing(world, 1, good1=1, good2=1)
    world.deriver.observe(
        [sample("sewing", "good1", 2, 2), sample("sewing", "good2", 1, 2), alive("sewing", 2)], world._moment()
    )
    commit = world.deriver.take_commit()
    assert commit is not None
    (claim,) = of(NodeCompleted, list(commit.events))
    trail = json.loads(commit.trails[claim.id])
    assert trail["rule"] == "done_when: good: node.quantity"
    assert trail["good_by_station"] == {"SEW-1": 2, "SEW-2": 1}
    assert (trail["quantity"], trail["pieces"]) == (3, "counted")
    (part,) = trail["parts"]
    assert (part["condition"], part["at"], part["saw"]) == (
        "good: node.quantity",
        "2026-01-05T07:00:02.000Z",
        "3 of 3",
    )


def test_trail_of_a_claim_says_what_was_counted_and_what_was_answered() -> None:
    world = sewing_world(("WO-1", "SEW", 5))
    poll_until(world, 3, {1: 1, 2: 3})
    wanted = {"version": 2, "lists": {"SEW-1": [("WO-1", "SEW", 5)]}, "wanted": {"WO-1": {"SEW": 5}}}
    answered = replace(document(**wanted), answered={"WO-1": {"SEW": 2}})  # type: ignore[arg-type]  # by name
    world.deriver.take_dispatch(answered, world._moment())
    commit = world.deriver.take_commit()
    assert commit is not None
    (claim,) = of(NodeCompleted, list(commit.events))
    assert (claim.pieces, claim.at) == (5, at(2))
    trail = json.loads(commit.trails[claim.id])
    assert trail["pieces"] == "counted, and corrected by people's answers"
    assert (trail["counted_good"], trail["answered"], trail["quantity"]) == (3, 2, 5)
    assert [part["saw"] for part in trail["parts"]] == ["5 of 5, +2 by answers"]


def test_node_that_has_its_pieces_by_an_answer_alone_begins_and_is_claimed_when_the_answer_comes() -> None:
    world = sewing_world(("WO-1", "SEW", 5))
    world.now = at(7)
    told = world.dispatch(
        replace(document(version=2, wanted={"WO-1": {"SEW": 5}, "WO-9": {"SEW": 4}}), answered={"WO-9": {"SEW": 4}})
    )
    (started,), (claim,) = of(NodeStarted, told), of(NodeCompleted, told)
    assert (started.work_order, started.at) == ("WO-9", at(7))
    assert (claim.work_order, claim.pieces, claim.at, claim.because) == ("WO-9", 4, at(7), ())


def test_report_of_a_part_counts_answers_and_never_less_than_nothing() -> None:
    world = sewing_world(("WO-1", "SEW", 9))
    poll_until(world, 3, {1: 1, 2: 2})
    wanted = {"WO-1": {"SEW": 9}, "WO-2": {"SEW": 9}}
    away = replace(
        document(version=2, lists={"SEW-1": [("WO-2", "SEW", 9)]}, wanted=wanted), answered={"WO-1": {"SEW": -1}}
    )
    assert [event.pieces for event in of(ProgressReported, world.dispatch(away))] == [1]
    back_again = replace(document(version=3, lists={"SEW-1": [("WO-1", "SEW", 9)]}, wanted=wanted), answered={})
    world.dispatch(back_again)
    gone = replace(away, version=4, answered={"WO-1": {"SEW": -3}})
    assert [event.pieces for event in of(ProgressReported, world.dispatch(gone))][-1:] == [0]


def test_piece_that_is_told_after_its_work_ended_is_not_given_to_the_work_that_begins_later() -> None:
    world = World()
    world.see(back("cutter1", 0))
    world.dispatch(document(wanted={"WO-1": {"CUT": 5}}))
    world.see(sample("cutter1", "parts", 0, 1), alive("cutter1", 1))
    world.see(sample("cutter1", "order", "WO-1", 20))
    (counted,) = of(PiecesCounted, world.see(sample("cutter1", "parts", 1, 19)))
    assert counted.work_order is None


def test_part_of_a_node_is_reported_once_when_its_last_station_leaves_it() -> None:
    world = sewing_world(("WO-1", "SEW", 9))
    poll_until(world, 3, {1: 1, 2: 2})
    later = {"version": 2, "wanted": {"WO-1": {"SEW": 9}, "WO-2": {"SEW": 9}}}
    told = world.dispatch(document(lists={"SEW-1": [("WO-2", "SEW", 9)]}, **later))  # type: ignore[arg-type]  # by name
    (report,) = of(ProgressReported, told)
    assert (report.work_order, report.pieces, report.quantity) == ("WO-1", 2, 9)
    assert report.because[0] == of(PiecesCounted, world.events)[-1].id


def test_tags_of_a_node_that_wants_more_complete_it_again_when_they_have_left() -> None:
    world = gate_world()
    for tag, second in (("3034a1", 10), ("3034a2", 100)):
        passes(world, tag, 1, second)
        passes(world, tag, 2, second + 50)
    assert [event.pieces for event in of(NodeCompleted, world.events)] == [8]
    bound = [("3034a1", "WO-1", 5), ("3034a2", "WO-1", 3), ("3034a3", "WO-1", 2)]
    world.dispatch(document(version=2, wanted={"WO-1": {"PACK": 10}}, tags=bound))
    passes(world, "3034a3", 1, 300)
    passes(world, "3034a3", 2, 350)
    assert [event.pieces for event in of(NodeCompleted, world.events)] == [8, 10]
    assert Counter(event.work_order for event in of(NodeStarted, world.events)) == {"WO-1": 1}


def test_unknown_nodes_are_forgotten_beyond_a_bound_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "MOST_UNNAMED", 3)
    world = World()
    world.see(back("cutter1", 0), sample("cutter1", "parts", 0, 0))
    for number in range(6):
        world.see(sample("cutter1", "order", f"X-{number}", 10 * number + 1), alive("cutter1", 10 * number + 1))
        world.wait_until(10 * number + 5)
        world.see(sample("cutter1", "parts", number + 1, 10 * number + 6))
    world.dispatch(document(version=2))
    assert sorted(key for key in world.saved if key.startswith("node/")) == [f"node/CUT/X-{n}" for n in range(2, 6)]


def test_rules_know_no_claim_of_a_node_without_a_quantity() -> None:
    world = World()
    assert isinstance(world.deriver._nodes, Nodes)
    world.see(back("cutter1", 0), sample("cutter1", "parts", 0, 0))
    world.see(sample("cutter1", "order", "X-1", 1))
    world.wait_until(5)
    world.see(sample("cutter1", "parts", 50, 60))
    assert of(NodeCompleted, world.events) == []


def test_pieces_that_waited_for_their_job_number_are_told_with_it_and_survive_a_kill() -> None:
    world = World()
    world.see(back("cutter1", 0))
    world.dispatch(document(wanted={"WO-1": {"CUT": 9}}))
    world.see(sample("cutter1", "order", "WO-1", 1), sample("cutter1", "parts", 0, 1))
    world.see(sample("cutter1", "parts", 1, 5))
    world.see(sample("cutter1", "order", "X-1", 20))
    waiting = [*world.see(sample("cutter1", "parts", 2, 21)), *world.see(sample("cutter1", "parts", 3, 22))]
    assert waiting == []
    told = of(PiecesCounted, world.wait_until(24))
    assert [(event.work_order, event.delta, event.confidence) for event in told] == [
        ("X-1", 1, Confidence.CERTAIN),
        ("X-1", 1, Confidence.CERTAIN),
    ]
    world.kill_and_restart()
    world.see(back("cutter1", 30), sample("cutter1", "parts", 3, 31))
    world.stop()
    assert sum(event.delta for event in of(PiecesCounted, world.events)) == 3


def test_pieces_that_wait_at_shutdown_stay_with_the_work_in_doubt() -> None:
    world = World()
    world.see(back("cutter1", 0))
    world.dispatch(document(wanted={"WO-1": {"CUT": 9}}))
    world.see(sample("cutter1", "order", "WO-1", 1), sample("cutter1", "parts", 0, 1))
    world.see(sample("cutter1", "order", "X-1", 20), sample("cutter1", "parts", 1, 21))
    (counted,) = of(PiecesCounted, world.stop())
    assert (counted.work_order, counted.confidence, counted.least, counted.most) == ("WO-1", Confidence.AMBIGUOUS, 0, 1)
