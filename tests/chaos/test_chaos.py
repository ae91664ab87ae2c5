"""The short form of the campaign, and that its judge and its schedule can be believed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from genba_shared.events import Event, Result, read_lines, to_line
from tests.chaos.campaign import Order, run_campaign
from tests.chaos.judge import Logged, judge
from tests.chaos.schedule import Fault, Kind, Means, Part, Setup, parts_of, plan
from tests.chaos.stream import events_of

EIGHT = (
    (0.5, 1.0, Part(kind=Kind.GATEWAY, number=1), Means.KILL),
    (0.7, 2.0, Part(kind=Kind.GATEWAY_LINK, number=2), Means.BLACK_HOLE),
    (1.5, 0.5, Part(kind=Kind.COLLECTOR, fate="collector"), Means.KILL),
    (2.0, 2.0, Part(kind=Kind.GATEWAY, number=2), Means.CLOCK_BACK),
    (2.5, 1.5, Part(kind=Kind.GATEWAY, number=1), Means.DISK_FULL),
    (4.5, 2.0, Part(kind=Kind.COLLECTOR, fate="collector"), Means.DISK_FULL),
    (6.0, 0.5, Part(kind=Kind.GATEWAY_LINK, number=1), Means.CUT),
    (7.0, 0.5, Part(kind=Kind.BROKER, fate="collector"), Means.KILL),
)


@pytest.mark.timeout(300)
def test_eight_faults_under_load_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc to shift the wall clock of a process")
    faults = [
        Fault(number=number, at_s=at_s, lasts_s=lasts_s, part=part, means=means)
        for number, (at_s, lasts_s, part, means) in enumerate(EIGHT, start=1)
    ]
    said: list[str] = []
    order = Order(setup=Setup.EMBEDDED, seed=1, gateways=2, rate=50.0, faults=faults, say=said.append)
    result = run_campaign(order, tmp_path)
    found = result.judgement
    assert (found.lost, found.twice, found.disordered, found.view_diffs) == (0, 0, 0, 0), found.examples
    assert result.findings == ()
    assert found.events >= 2 * order.events > 1000
    assert len([line for line in said if " s for " in line]) == 8


@pytest.fixture(scope="module")
def said() -> Sequence[Event]:
    return events_of("gw-1", seed=1, count=30)


def log_of(events: Sequence[Event]) -> list[Logged]:
    """A log that holds these events; bytes written out with the standard library."""
    return [
        Logged(
            id=event.id,
            body=json.dumps(
                json.loads(to_line(event)), ensure_ascii=False, separators=(",", ":"), sort_keys=True
            ).encode(),
        )
        for event in events
    ]


VIEWS: dict[str, Any] = {"station CUT-1": {"state": {"good": 3}, "assigned": {}}}


def figures(log: Sequence[Logged], said: Sequence[Event], views: dict[str, Any] = VIEWS) -> tuple[int, int, int, int]:
    found = judge(log, said, views=views, undisturbed=VIEWS)
    assert found.passed == (found.lost == found.twice == found.disordered == found.view_diffs == 0)
    return found.lost, found.twice, found.disordered, found.view_diffs


def test_a_log_that_holds_everything_once_passes(said: Sequence[Event]) -> None:
    assert figures(log_of(said), said) == (0, 0, 0, 0)


def test_an_event_that_is_missing_is_lost(said: Sequence[Event]) -> None:
    assert figures(log_of([*said[:7], *said[8:]]), said) == (1, 0, 0, 0)


def test_an_event_that_is_there_once_more_is_twice(said: Sequence[Event]) -> None:
    assert figures(log_of([*said, said[-1]]), said) == (0, 1, 0, 0)


def test_an_event_that_says_something_else_is_lost_and_the_other_is_one_too_many(said: Sequence[Event]) -> None:
    counted = next(event for event in said if getattr(event, "result", None) is Result.GOOD)
    altered = [replace(event, delta=event.delta + 1) if event is counted else event for event in said]  # type: ignore[attr-defined, call-arg]  # a count
    assert figures(log_of(altered), said) == (1, 1, 0, 0)


def test_an_event_behind_a_later_one_is_disordered(said: Sequence[Event]) -> None:
    assert figures(log_of([said[1], said[0], *said[2:]]), said) == (0, 0, 1, 0)


@pytest.mark.parametrize("views", [{}, {**VIEWS, "zone hall": {}}, {"station CUT-1": {"state": {"good": 4}}}])
def test_a_view_that_is_missing_too_many_or_another_is_a_difference(
    said: Sequence[Event], views: dict[str, Any]
) -> None:
    assert figures(log_of(said), said, views)[3] == 1


def test_nothing_said_is_no_proof() -> None:
    assert not judge([], [], views={}, undisturbed={}).passed


def test_the_same_seed_gives_the_same_faults_and_the_same_input() -> None:
    parts = parts_of(Setup.CLUSTER, gateways=4)
    assert plan(7, faults=100, parts=parts) == plan(7, faults=100, parts=parts)
    assert plan(7, faults=100, parts=parts) != plan(8, faults=100, parts=parts)
    assert events_of("gw-1", seed=7, count=50) == events_of("gw-1", seed=7, count=50)
    assert events_of("gw-1", seed=7, count=50) != events_of("gw-1", seed=8, count=50)


def test_a_hundred_faults_break_everything_by_every_means_and_no_part_twice_at_once() -> None:
    faults = plan(3, faults=100, parts=parts_of(Setup.POSTGRES, gateways=4))
    pairs = {(fault.part.kind, fault.means) for fault in faults}
    assert len(faults) == 100
    assert {Kind.GATEWAY, Kind.BROKER, Kind.COLLECTOR, Kind.DATABASE, Kind.DATABASE_LINK} <= {kind for kind, _ in pairs}
    assert {means for _, means in pairs} == set(Means)
    for fault in faults:
        others = [other for other in faults if other.part == fault.part and other.number > fault.number]
        assert all(other.at_s >= fault.until_s for other in others)
    assert any(later.at_s < earlier.until_s for earlier, later in pairwise(faults)), "faults of different parts overlap"


def test_a_stream_of_events_is_read_back_as_it_was_written() -> None:
    events = events_of("gw-1", seed=2, count=200)
    assert list(read_lines(to_line(event) for event in events)) == events
