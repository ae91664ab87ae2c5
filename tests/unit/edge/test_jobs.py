"""Job numbers: which readings are believed, and when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from genba_edge.core.jobs import Jobs, job_text, same_number
from genba_shared.device_map.model import PointRef
from tests.unit.edge.gateway_world import at

POLLED, TELLING = PointRef("press", "job"), PointRef("cutter", "job")


def jobs(*known: str) -> Jobs:
    return Jobs(is_polled=lambda device: device == "press", is_known=lambda _ref, text: text in known)


def test_number_that_dispatch_knows_is_taken_at_once() -> None:
    change = jobs("WO-1").read(POLLED, "WO-1", at=at(5), read_at=at(5))
    assert change is not None
    assert (change.text, change.at) == ("WO-1", at(5))


@pytest.mark.parametrize("text", ["", "WO@#"])
def test_other_number_is_taken_when_it_is_read_again_and_holds_since_it_was_read_first(text: str) -> None:
    read = jobs("WO-1")
    assert read.read(POLLED, text, at=at(5), read_at=at(5)) is None
    change = read.read(POLLED, text, at=at(6), read_at=at(6))
    assert change is not None
    assert (change.text, change.at) == (text, at(5))


def test_number_that_is_there_for_one_reading_changes_nothing() -> None:
    read = jobs("WO-1")
    read.hold(POLLED, "WO-1", read_at=at(4))
    assert read.read(POLLED, "WO@#", at=at(5), read_at=at(5)) is None
    read.hold(POLLED, "WO-1", read_at=at(6))
    assert (read.waiting, read.ripe(at(100))) == ({}, [])


def test_number_of_a_device_that_tells_changes_only_is_taken_after_three_seconds() -> None:
    read = jobs()
    assert read.read(TELLING, "X-1", at=at(5), read_at=at(5)) is None
    assert read.ripe(at(7.9)) == []
    ((ref, change),) = read.ripe(at(8))
    assert (ref, change.text, change.at) == (TELLING, "X-1", at(5))


def test_number_of_a_polled_device_waits_for_its_next_reading_but_not_for_ever() -> None:
    read = jobs()
    assert read.read(POLLED, "X-1", at=at(5), read_at=at(5)) is None
    assert read.ripe(at(30)) == []
    assert [change.text for _, change in read.ripe(at(5) + timedelta(seconds=60))] == ["X-1"]


def test_change_says_until_when_the_number_before_was_known() -> None:
    read = jobs("WO-1", "WO-2")
    read.hold(POLLED, "WO-1", read_at=at(10))
    assert read.read(POLLED, "", at=at(20), read_at=at(20)) is None
    change = read.read(POLLED, "WO-2", at=at(30), read_at=at(30))
    assert change is not None
    assert change.known_until == at(10)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("  WO-7 \x00\x00", "WO-7"),
        ("007", "007"),
        (47, "47"),
        (0, ""),
        ("", ""),
        ("   ", ""),
        ("x" * 101, None),
        ("WO\x007", None),
    ],
)
def test_job_number_is_the_text_without_blanks(value: str | int, text: str | None) -> None:
    assert job_text(value) == text


@pytest.mark.parametrize(
    ("text", "known", "same"),
    [
        ("47", ["00047", "48"], "00047"),
        ("00047", ["47"], "47"),
        ("47", ["047", "0047"], None),
        ("47", ["WO-47"], None),
        ("0", ["00"], None),
    ],
)
def test_numbers_that_differ_in_leading_zeros_only_are_the_same(text: str, known: list[str], same: str | None) -> None:
    assert same_number(text, known) == same
