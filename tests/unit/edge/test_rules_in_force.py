"""The rules of nodes in words: what starts and completes them, and where their work order comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from genba_edge.core.rules_in_force import rules_of
from genba_shared.device_map.model import CompletionRule, Counted, PiecesReach, PointRef
from genba_shared.events import NodeStarted, Result
from tests.unit.edge.explained import PLC, named
from tests.unit.edge.gateway_world import World, at

CUT = "CUT: {stations: [CUT-1], work_order: {from: cutter1/order}, done_when: {good: node.quantity}}"


def rules(node: str, code: str) -> Sequence[str]:
    event = NodeStarted(id=named(1), at=at(1), source=PLC, work_order="WO-1", node=code)
    return rules_of(event, World(replace_in_map=(CUT, node)).map)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "{all: [{good: node.quantity}, {state: [idle, off]}, {min_time: 20min}]}",
            (
                "its good pieces (cutter1/parts) reach the quantity of the work order; and every station of it is idle "
                "or off, or has gone on to other work; and 20 min 0 s have passed since its start"
            ),
        ),
        (
            "{any: [{good: node.quantity}, {rises: cutter1/reset}]}",
            (
                "its good pieces (cutter1/parts) reach the quantity of the work order; or cutter1/reset has become "
                "true while it was worked on"
            ),
        ),
        (
            "{any: [{falls: cutter1/reset}, {all: [{good: node.quantity}, {point: cutter1/reset}]}]}",
            (
                "cutter1/reset has become false while it was worked on; or (its good pieces (cutter1/parts) reach the "
                "quantity of the work order; and cutter1/reset is true)"
            ),
        ),
    ],
)
def test_joined_conditions_are_sentences(written: str, said: str) -> None:
    told = rules(f"CUT: {{stations: [CUT-1], work_order: {{from: cutter1/order}}, done_when: {written}}}", "CUT")
    assert told[0] == f"done when {said}"


def test_pieces_that_count_with_scrap_name_the_counters_of_both() -> None:
    known = World().map
    station = replace(
        known.stations["CUT-1"],
        counts={Result.GOOD: PointRef("cutter1", "parts"), Result.SCRAP: PointRef("cutter1", "scrap")},
    )
    rule = replace(known.nodes["CUT"], done_when=CompletionRule(condition=PiecesReach(counted=Counted.PROCESSED)))
    changed = replace(known, stations={**known.stations, "CUT-1": station}, nodes={"CUT": rule})
    event = NodeStarted(id=named(1), at=at(1), source=PLC, work_order="WO-1", node="CUT")
    assert rules_of(event, changed)[0] == (
        "done when its good pieces and scrap together (cutter1/parts, cutter1/scrap) reach the quantity of the work "
        "order"
    )


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("first_piece", "its first piece"),
        ("dispatch", "its dispatch; its first piece at the latest"),
        (
            "{point: cutter1/reset}",
            ("the moment when cutter1/reset is true while a station works on it; its first piece at the latest"),
        ),
        ("{state: running}", "a station that works on it and is running; its first piece at the latest"),
    ],
)
def test_what_starts_a_node_is_a_sentence(written: str, said: str) -> None:
    told = rules(CUT.replace("done_when", f"start_when: {written}, done_when"), "CUT")
    assert told[1] == f"starts with {said}"


def test_a_node_of_tags_alone_starts_with_its_first_tag() -> None:
    assert rules(CUT, "PACK")[1] == "starts with its first tag in zone packing"


def test_the_list_that_speaks_while_the_job_number_is_empty_is_said() -> None:
    told = rules(CUT.replace("{from: cutter1/order}", "{from: cutter1/order, else: dispatch}"), "CUT")
    assert told[-1] == (
        "its work order: the job number in cutter1/order; while that is empty, the next row of the dispatch list of "
        "the station"
    )
