"""Passages: of two read points that see a tag together only one has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from genba_edge.core.passage import Cluster, Twin, twin_of
from genba_shared.device_map.model import PresenceSettings

T0 = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PRESENCE = PresenceSettings(min_reads=2, depart_after_s=40.0, move_margin_db=6.0)  # near: 10 s


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def heard(
    point: str, first: float, last: float, *, rssi: float | None = -50.0, reads: int = 6, reader: str = "gate"
) -> Cluster:
    return Cluster(
        reader=reader,
        read_point=point,
        tag="3034aa",
        antenna=1,
        first_seen=at(first),
        last_seen=at(last),
        heard_at=at(last + 0.5),
        reads=reads,
        rssi_sum=0.0 if rssi is None else rssi * reads,
        rssi_reads=0 if rssi is None else reads,
    )


def who_has_it_instead(cluster: Cluster, other: Cluster) -> tuple[str, str] | None:
    found = twin_of(cluster, [cluster, other], {"gate": PRESENCE})
    return None if found is None else (found[0], found[1].read_point)


@pytest.mark.parametrize(("first", "last"), [(1, 3), (-9, 3), (2, 13), (-9, -7), (12, 13)])
def test_weak_reads_at_a_neighbour_during_shortly_before_or_after_are_cross_reads(first: float, last: float) -> None:
    weak, strong = heard("out", first, last, rssi=-59, reads=3), heard("in", 0, 4)
    assert who_has_it_instead(weak, strong) == (Twin.CROSS_READ, "in")
    assert who_has_it_instead(strong, weak) is None


@pytest.mark.parametrize(("first", "last"), [(-11, 3), (2, 15), (20, 24)])
def test_weak_reads_that_go_on_without_the_strong_ones_are_a_passage(first: float, last: float) -> None:
    assert who_has_it_instead(heard("out", first, last, rssi=-59), heard("in", 0, 4)) is None


def test_the_margin_itself_is_enough_to_have_moved() -> None:
    assert who_has_it_instead(heard("out", 1, 3, rssi=-56), heard("in", 0, 4)) == (Twin.CROSS_READ, "in")


def test_tag_that_two_read_points_hear_in_turns_has_not_moved() -> None:
    first, second = heard("in", 0, 10, rssi=-52), heard("out", 1, 9, rssi=-50)
    assert who_has_it_instead(second, first) == (Twin.PING_PONG, "in")
    assert who_has_it_instead(first, second) is None


def test_tag_that_two_read_points_hear_one_after_the_other_passes_both() -> None:
    first, second = heard("in", 0, 4), heard("out", 3, 8, rssi=-52)
    assert who_has_it_instead(first, second) is None
    assert who_has_it_instead(second, first) is None


def test_without_signal_strengths_three_times_as_many_reads_have_the_tag() -> None:
    many, few = heard("in", 0, 4, rssi=None, reads=9), heard("out", 1, 3, rssi=None, reads=3)
    assert who_has_it_instead(few, many) == (Twin.CROSS_READ, "in")
    assert who_has_it_instead(many, few) is None


def test_a_single_strong_read_takes_no_passage_away() -> None:
    assert who_has_it_instead(heard("out", 1, 3, rssi=-59), heard("in", 2, 2, reads=1)) is None


def test_without_a_margin_equal_strengths_still_give_one_passage() -> None:
    presence = PresenceSettings(min_reads=2, depart_after_s=40.0, move_margin_db=0.0)
    one, other = heard("in", 0, 4), heard("out", 0, 4)
    kept = [each.read_point for each in (one, other) if twin_of(each, [one, other], {"gate": presence}) is None]
    assert kept == ["in"]


def test_of_three_read_points_that_hear_a_tag_together_one_has_it() -> None:
    weak, middle, strong = heard("a", 0, 10, rssi=-60), heard("b", 1, 11, rssi=-57), heard("c", 2, 10, rssi=-53)
    together = [weak, middle, strong]  # the weak one was first, and the strong one hears it better by the margin
    kept = [each.read_point for each in together if twin_of(each, together, {"gate": PRESENCE}) is None]
    assert kept == ["b"]


def test_readers_with_different_settings_do_not_take_a_passage_from_each_other() -> None:
    near = PresenceSettings(min_reads=2, depart_after_s=40.0, move_margin_db=3.0)
    one, other = heard("a", 0, 10, rssi=-60, reader="near"), heard("b", 1, 9, rssi=-56)
    kept = [
        each.read_point
        for each in (one, other)
        if twin_of(each, [one, other], {"gate": PRESENCE, "near": near}) is None
    ]
    assert kept == ["b"]


def test_a_scan_is_not_lost_to_a_gate_that_read_the_tag_too_few_times() -> None:
    scanner = PresenceSettings(min_reads=1, depart_after_s=40.0)
    gate, scan = heard("out", -1, 1, reads=1), heard("packed", 0, 0, rssi=None, reads=1, reader="scanner")
    assert twin_of(scan, [gate, scan], {"gate": PRESENCE, "scanner": scanner}) is None


def test_reads_that_join_a_passage_that_was_told_do_not_pass_again_whichever_came_first() -> None:
    told, stray = replace(heard("in", 20, 24), is_decided=True), heard("in", 0, 1, reads=1)
    assert (told.joined(stray).is_decided, stray.joined(told).is_decided) == (True, True)


def test_nothing_was_read_after_it_was_heard_of() -> None:
    ours = heard("in", 0, 4).by_our_clock(timedelta(seconds=20))
    assert (ours.first_seen, ours.last_seen) == (at(4.5), at(4.5))
