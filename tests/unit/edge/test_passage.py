"""Passages: many reads of a tag, one passage of a read point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from genba_edge.core.passage import Cluster, close_silent, take_reads
from genba_shared.device_map.model import PresenceSettings

T0 = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PRESENCE = PresenceSettings(min_reads=2, depart_after_s=30.0, move_margin_db=6.0)


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def report(first: float, last: float, *, point: str = "in", reads: int = 3, rssi: float = -50.0) -> Cluster:
    return Cluster(
        tag="3034aa",
        read_point=point,
        antenna=1,
        first_seen=at(first),
        last_seen=at(last),
        reads=reads,
        rssi_sum=rssi * reads,
        rssi_reads=reads,
    )


def test_reports_close_together_make_one_passage_with_the_last_read_as_its_time() -> None:
    clusters, ended = take_reads({}, report(0, 1), PRESENCE)
    clusters, ended = take_reads(clusters, report(2, 4), PRESENCE)
    assert ended == ()
    clusters, ended = close_silent(clusters, at(35), PRESENCE)
    (passage,) = ended
    assert (passage.first_seen, passage.last_seen, passage.reads) == (at(0), at(4), 6)


def test_tag_that_is_still_there_has_not_passed() -> None:
    clusters, _ = take_reads({}, report(0, 1), PRESENCE)
    _, ended = close_silent(clusters, at(20), PRESENCE)
    assert ended == ()


def test_too_few_reads_are_no_passage() -> None:
    clusters, _ = take_reads({}, report(0, 0, reads=1), PRESENCE)
    _, ended = close_silent(clusters, at(60), PRESENCE)
    assert ended == ()


def test_tag_that_comes_again_after_silence_passes_twice() -> None:
    clusters, _ = take_reads({}, report(0, 1), PRESENCE)
    clusters, first = take_reads(clusters, report(100, 101), PRESENCE)
    _, second = close_silent(clusters, at(200), PRESENCE)
    assert [passage.last_seen for passage in (*first, *second)] == [at(1), at(101)]


def test_report_that_comes_late_joins_its_passage_and_does_not_pass_again() -> None:
    clusters, _ = take_reads({}, report(0, 1), PRESENCE)
    clusters, ended = close_silent(clusters, at(40), PRESENCE)
    assert len(ended) == 1
    clusters, ended = take_reads(clusters, report(2, 3), PRESENCE)
    assert ended == ()
    _, ended = close_silent(clusters, at(60), PRESENCE)
    assert ended == ()


def test_reports_held_back_by_the_reader_give_the_same_passages_as_live_ones() -> None:
    clusters, first = take_reads({}, report(0, 3), PRESENCE)
    clusters, second = take_reads(clusters, report(500, 503), PRESENCE)
    _, third = close_silent(clusters, at(5000), PRESENCE)
    assert [passage.last_seen for passage in (*first, *second, *third)] == [at(3), at(503)]


def test_cross_reads_at_a_neighbour_do_not_pass() -> None:
    clusters, _ = take_reads({}, report(0, 4, point="in", rssi=-50), PRESENCE)
    clusters, _ = take_reads(clusters, report(1, 3, point="out", rssi=-59), PRESENCE)
    _, ended = close_silent(clusters, at(60), PRESENCE)
    assert [passage.read_point for passage in ended] == ["in"]


def test_equally_strong_read_points_both_pass() -> None:
    clusters, _ = take_reads({}, report(0, 4, point="in", rssi=-50), PRESENCE)
    clusters, _ = take_reads(clusters, report(1, 3, point="out", rssi=-52), PRESENCE)
    _, ended = close_silent(clusters, at(60), PRESENCE)
    assert sorted(passage.read_point for passage in ended) == ["in", "out"]


def passages_by_a_clock_behind(behind_s: float, *, reads: int) -> list[Cluster]:
    """What a tag passes that is reported each second for 100 s by a reader whose clock is behind ours."""
    clusters: Mapping[tuple[str, str], Cluster] = {}
    passed: list[Cluster] = []
    for second in range(100):
        told = report(second - behind_s, second - behind_s, reads=reads)
        clusters, ended = take_reads(clusters, replace(told, heard_at=at(second)), PRESENCE)
        passed += ended
        clusters, ended = close_silent(clusters, at(second - 0.5), PRESENCE)
        passed += ended
    _, ended = close_silent(clusters, at(200), PRESENCE)
    return [*passed, *ended]


@pytest.mark.parametrize("behind_s", [0, 25, 50, 120, 3600])
@pytest.mark.parametrize("reads", [1, 3])
def test_reader_whose_clock_is_behind_gives_one_passage_by_its_own_times(behind_s: float, reads: int) -> None:
    passed = passages_by_a_clock_behind(behind_s, reads=reads)

    assert [(one.first_seen, one.last_seen, one.reads) for one in passed] == [
        (at(-behind_s), at(99 - behind_s), 100 * reads)
    ]


def test_too_few_reads_become_a_passage_by_a_late_report() -> None:
    clusters, _ = take_reads({}, report(0, 0, reads=1), PRESENCE)
    clusters, ended = close_silent(clusters, at(40), PRESENCE)
    assert ended == ()
    clusters, _ = take_reads(clusters, report(2, 2, reads=1), PRESENCE)
    clusters, ended = close_silent(clusters, at(41), PRESENCE)
    assert [(passage.last_seen, passage.reads) for passage in ended] == [(at(2), 2)]


def test_too_few_reads_are_forgotten_after_twice_the_silence() -> None:
    clusters, _ = take_reads({}, report(0, 0, reads=1), PRESENCE)
    clusters, _ = close_silent(clusters, at(61), PRESENCE)
    assert clusters == {}
