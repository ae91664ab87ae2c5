"""Work after a reload: every station follows the new map from the moment on in which the new map took over."""

from __future__ import annotations

import json

from genba_shared.events import DispatchClosed, DispatchOpened, PiecesCounted
from tests.unit.edge.gateway_world import World, alive, at, back, document, sample
from tests.unit.edge.test_deriver import of
from tests.unit.edge.test_succession import MORE_ANTENNAS, Line, running_line, sewing

SEW = "SEW: {stations: [SEW-1, SEW-2], work_order: {from: dispatch}, done_when: {good: node.quantity}}"
CUT = "CUT: {stations: [CUT-1], work_order: {from: cutter1/order}, done_when: {good: node.quantity}}"
HEM = SEW.replace("SEW: {stations: [SEW-1, SEW-2]", "HEM: {stations: [SEW-1]")


def only(station: str) -> str:
    return SEW.replace("[SEW-1, SEW-2]", f"[{station}]")


TO_HEMMING = (SEW, f"{only('SEW-2')}\n  {HEM}")
CUT_BY_LIST = (CUT, CUT.replace("{from: cutter1/order}", "{from: dispatch}"))


def working_line() -> Line:
    """The sewing stations follow their lists, the cutting table its job number."""
    line = running_line()
    line.dispatch(
        document(
            lists={
                "SEW-1": [("WO-1", "SEW", 50), ("WO-1", "HEM", 50)],
                "SEW-2": [("WO-1", "SEW", 50)],
                "CUT-1": [("WO-3", "CUT", 20)],
            },
            wanted={"WO-1": {"SEW": 50, "HEM": 50}, "WO-3": {"CUT": 20}},
        )
    )
    line.see(sample("cutter1", "order", "WO-7", 4.5), alive("cutter1", 4.5))
    line.wait_until(8)
    line.now = at(1000)
    return line


def closed_and_opened(events: list[object]) -> list[tuple[str, str | None, str | None, str | None, object]]:
    return [
        (event.kind, event.station, event.work_order, event.node, event.at)
        for event in events
        if isinstance(event, DispatchClosed | DispatchOpened)
    ]


def test_station_that_moves_to_another_node_takes_the_row_of_that_node() -> None:
    line = working_line()
    assert closed_and_opened([*line.switch(TO_HEMMING)]) == [
        ("dispatch_closed", "SEW-1", "WO-1", "SEW", at(1000)),
        ("dispatch_opened", "SEW-1", "WO-1", "HEM", at(1000)),
    ]


def test_pieces_after_the_move_belong_to_the_new_node() -> None:
    line = working_line()
    line.switch(TO_HEMMING)
    line.see(*sewing(1001, 5))
    line.stop()
    counted = of(PiecesCounted, line.events)[-1]
    assert (counted.work_order, counted.node) == ("WO-1", "HEM")


def test_station_that_moves_from_its_job_number_to_the_list_takes_its_first_row() -> None:
    line = working_line()
    assert closed_and_opened([*line.switch(CUT_BY_LIST)]) == [
        ("dispatch_closed", "CUT-1", "WO-7", "CUT", at(1000)),
        ("dispatch_opened", "CUT-1", "WO-3", "CUT", at(1000)),
    ]


def test_station_that_moves_from_the_list_to_its_job_number_takes_it_when_the_map_takes_over() -> None:
    line = working_line()
    line.switch(CUT_BY_LIST)
    line.now = at(2000)
    assert closed_and_opened([*line.switch()]) == [
        ("dispatch_closed", "CUT-1", "WO-3", "CUT", at(2000)),
        ("dispatch_opened", "CUT-1", "WO-7", "CUT", at(2000)),
    ]


def test_station_that_left_the_nodes_is_closed_and_not_remembered() -> None:
    line = working_line()
    told = line.switch((SEW, only("SEW-2")))
    assert closed_and_opened([*told]) == [("dispatch_closed", "SEW-1", "WO-1", "SEW", at(1000))]
    assert [key for key in line.saved if key.startswith("work/")] == ["work/SEW-2", "work/CUT-1"]


def test_station_that_is_new_in_the_nodes_takes_the_row_of_the_document_that_was_there_already() -> None:
    line = Line()
    line.switch((SEW, only("SEW-2")))
    rows = [("WO-1", "SEW", 50)]
    line.dispatch(document(lists={"SEW-1": rows, "SEW-2": rows}, wanted={"WO-1": {"SEW": 50}}))
    line.now = at(1000)
    assert closed_and_opened([*line.switch()]) == [("dispatch_opened", "SEW-1", "WO-1", "SEW", at(1000))]


def test_reload_that_changes_no_work_opens_and_closes_nothing() -> None:
    assert closed_and_opened([*working_line().switch(MORE_ANTENNAS)]) == []


def test_start_with_another_map_changes_the_work_as_a_reload_does() -> None:
    world = World()
    world.see(back("sewing", 0), sample("sewing", "good1", 0, 0), alive("sewing", 0))
    rows = [("WO-1", "SEW", 50), ("WO-1", "HEM", 50)]
    world.dispatch(document(lists={"SEW-1": rows}, wanted={"WO-1": {"SEW": 50, "HEM": 50}}))
    world.now = at(60)
    world.restart_with_map(TO_HEMMING)
    assert closed_and_opened([*world.commit()]) == [
        ("dispatch_closed", "SEW-1", "WO-1", "SEW", at(60)),
        ("dispatch_opened", "SEW-1", "WO-1", "HEM", at(60)),
    ]


def test_state_of_a_version_that_did_not_save_who_decided_goes_on() -> None:
    line = working_line()
    for key in ("work/SEW-1", "work/CUT-1"):
        kept = json.loads(line.saved[key])
        del kept["by"]
        line.saved[key] = json.dumps(kept)
    line.kill_and_restart()
    assert line.commit() == []
