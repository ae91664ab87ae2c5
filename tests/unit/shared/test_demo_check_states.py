"""The demo's check of station states: what it takes as right, and above all what it does not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from genba_shared.cli.demo.check import Gap
from genba_shared.cli.demo.check_states import Span, StatesVerdict, Watched, compare_states, read_states
from genba_shared.clock import format_time

T0 = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
WATCHED = {
    "CUT-1": Watched(devices=frozenset({"cutter1"}), tolerance=timedelta(seconds=20), start=timedelta(seconds=60))
}


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def spans(*parts: tuple[str, float], end: float) -> list[Span]:
    ends = [*(begin for _, begin in parts[1:]), end]
    return [Span(state, at(begin), at(until)) for (state, begin), until in zip(parts, ends, strict=True)]


def answer(parts: Sequence[Span]) -> dict[str, Any]:
    running = sum((part.end - part.begin for part in parts if part.state == "running"), timedelta())
    known = sum((part.end - part.begin for part in parts if part.state != "unknown"), timedelta())
    return {
        "intervals": [
            {"state": part.state, "since": format_time(part.begin), "until": format_time(part.end)} for part in parts
        ],
        "states": {"running": {"seconds": running.total_seconds()}},
        "utilisation": running / known if known else None,
    }


MACHINE = spans(("idle", 0), ("setup", 100), ("running", 200), ("idle", 800), end=1000)


def judged(*parts: tuple[str, float], gaps: Sequence[Gap] = (), end: float = 1000, **changes: Any) -> StatesVerdict:
    shown = {"CUT-1": answer(spans(*parts, end=end)) | changes}
    return compare_states({"CUT-1": MACHINE}, shown, gaps=gaps, watched=WATCHED)


def gap(begin: float, end: float, device: str = "cutter1") -> Gap:
    return Gap(device=device, begin=at(begin), end=at(end))


def test_the_plant_tells_what_every_machine_did_until_it_stopped() -> None:
    lines = [
        {"truth": "state", "at": format_time(at(0)), "station": "CUT-1", "state": "idle"},
        {"truth": "piece", "at": format_time(at(1)), "station": "CUT-1"},
        {"truth": "state", "at": format_time(at(100)), "station": "CUT-1", "state": "running"},
        {"truth": "stopped", "at": format_time(at(300)), "wip": {}},
    ]
    assert read_states(lines) == {"CUT-1": spans(("idle", 0), ("running", 100), end=300)}
    assert read_states(lines[:-1]) == {}


def test_changes_that_are_seen_a_little_late_are_right() -> None:
    verdict = judged(("idle", 0), ("setup", 115), ("running", 220), ("idle", 805))
    assert verdict.differences == []
    assert (verdict.stations, verdict.known) == (1, 1.0)
    assert verdict.utilisation_error == 0.015


def test_a_change_that_is_seen_too_late_is_a_failure() -> None:
    (found,) = judged(("idle", 0), ("setup", 125), ("running", 200), ("idle", 800)).differences
    assert not found.declared
    assert "setup at 2026-01-05T07:02:00.000Z" in str(found)


def test_what_the_plant_itself_showed_late_may_be_seen_late() -> None:
    shown = {"CUT-1": answer(spans(("idle", 0), ("setup", 140), ("running", 200), ("idle", 800), end=1000))}
    stalled = [(at(90), at(125))]
    assert compare_states({"CUT-1": MACHINE}, shown, gaps=[], watched=WATCHED).differences
    assert compare_states({"CUT-1": MACHINE}, shown, gaps=[], watched=WATCHED, stalls=stalled).differences == []
    other = [(at(300), at(335))]
    assert compare_states({"CUT-1": MACHINE}, shown, gaps=[], watched=WATCHED, stalls=other).differences


def test_a_state_that_the_machine_never_had_is_a_failure() -> None:
    (found,) = judged(
        ("idle", 0), ("setup", 100), ("running", 200), ("down", 400), ("running", 410), ("idle", 800)
    ).differences
    assert "down" in found.product


def test_a_state_that_is_left_out_is_a_failure() -> None:
    assert judged(("idle", 0), ("running", 200), ("idle", 800)).differences


def test_unknown_time_needs_a_reason() -> None:
    parts = (("idle", 0), ("setup", 100), ("running", 200), ("unknown", 300), ("running", 500), ("idle", 800))
    (found,) = judged(*parts).differences
    assert "unknown from" in found.product
    assert judged(*parts, gaps=[gap(300, 490)]).differences == []
    assert judged(*parts, gaps=[gap(300, 490, device="press")]).differences
    assert judged(*parts, gaps=[gap(300, 400)]).differences


def test_a_known_state_inside_a_gap_is_a_failure() -> None:
    (found,) = judged(("idle", 0), ("setup", 100), ("running", 200), ("idle", 800), gaps=[gap(300, 310)]).differences
    assert found.product == "running there"


def test_the_time_before_the_gateway_has_connected_may_be_unknown_and_no_longer() -> None:
    rest = (("setup", 100), ("running", 200), ("idle", 800))
    assert judged(("unknown", 0), ("idle", 50), *rest).differences == []
    assert judged(("unknown", 0), ("idle", 70), *rest).differences


def test_a_station_that_is_never_known_is_a_failure() -> None:
    assert judged(("unknown", 0), gaps=[gap(0, 1000)]).differences
    assert compare_states({"CUT-1": MACHINE}, {}, gaps=[], watched=WATCHED).differences


def test_a_timeline_with_a_hole_is_a_failure() -> None:
    assert judged(("idle", 0), ("setup", 100), ("running", 200), ("idle", 800), end=950).differences


def test_figures_that_do_not_follow_from_the_intervals_are_a_failure() -> None:
    right = (("idle", 0), ("setup", 100), ("running", 200), ("idle", 800))
    assert judged(*right, utilisation=0.7).differences
    assert judged(*right, states={"running": {"seconds": 500.0}}).differences
