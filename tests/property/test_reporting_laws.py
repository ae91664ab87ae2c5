"""What is reported of any course of a measured value: never too often, never too rarely, never too far off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from genba_edge.core.observations import Quality, Sample, Unchanged
from genba_edge.core.reporting import Reporter, ReportRule
from genba_shared.device_map import load_device_map
from genba_shared.device_map.model import Deadband

T0 = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: oven
    protocol: modbus
    host: 10.1.2.3
    points:
      temp: {at: 30001, type: int16, scale: 0.1, deadband: 0.5, min_interval: 2s, max_interval: 10s}
      rate: {at: 30002, type: int16, deadband: 10%}
      heartbeat: {at: 30003, type: int16, max_interval: 10s}
      plain: {at: 30004, type: int16}
"""
VALUES = st.floats(min_value=-50, max_value=50, allow_nan=False)
QUALITIES = st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.UNCERTAIN, Quality.BAD])
COURSES = st.lists(st.tuples(st.integers(1, 4000), VALUES, QUALITIES), max_size=60)
MIN, MAX, BAND = timedelta(seconds=2), timedelta(seconds=10), 0.5


def reading(point: str, value: float | None, ms: int, quality: Quality = Quality.GOOD) -> Sample:
    at = T0 + timedelta(milliseconds=ms)
    return Sample(device="oven", point=point, value=value, at=at, seen_at=at, quality=quality)


def readings(course: list[tuple[int, float, Quality]]) -> list[Sample]:
    ms, samples = 0, []
    for step, value, quality in course:
        ms += step
        samples.append(reading("temp", None if quality is Quality.BAD else value, ms, quality))
    return samples


def reporter() -> Reporter:
    return Reporter(load_device_map(Path("plant.yaml"), text=MAP))


@given(COURSES)
def test_a_reading_is_never_reported_within_the_least_interval_unless_its_quality_changed(
    course: list[tuple[int, float, Quality]],
) -> None:
    told = reporter()
    reported = [sample for each in readings(course) for sample in told.take(each)]
    for before, after in pairwise(reported):
        assert after.quality is not before.quality or after.seen_at - before.seen_at >= MIN


@given(COURSES)
def test_a_reading_is_reported_at_least_once_in_the_greatest_interval(
    course: list[tuple[int, float, Quality]],
) -> None:
    told, last = reporter(), None
    for sample in readings(course):
        if told.take(sample):
            last = sample
        assert last is not None
        assert sample.quality is Quality.BAD or sample.seen_at - last.seen_at < MAX


@given(COURSES)
def test_what_was_reported_last_is_within_the_deadband_once_the_least_interval_is_over(
    course: list[tuple[int, float, Quality]],
) -> None:
    told, last = reporter(), None
    for sample in readings(course):
        if told.take(sample):
            last = sample
        assert last is not None
        if sample.value is not None and sample.seen_at - last.seen_at >= MIN:
            assert isinstance(sample.value, float)
            assert isinstance(last.value, float)
            assert abs(sample.value - last.value) <= BAND


@given(COURSES)
def test_every_change_of_quality_is_reported(course: list[tuple[int, float, Quality]]) -> None:
    told, before = reporter(), None
    for sample in readings(course):
        was_reported = bool(told.take(sample))
        assert was_reported or sample.quality is before
        before = sample.quality


def test_a_percentage_is_of_the_value_reported_last() -> None:
    told = reporter()
    taken = [bool(told.take(reading("rate", value, ms))) for ms, value in enumerate([100, 109, 111, 101, 99])]
    assert taken == [True, False, True, False, True]


def test_without_settings_every_change_is_reported_and_nothing_else() -> None:
    told = reporter()
    taken = [bool(told.take(reading("plain", value, ms))) for ms, value in enumerate([1, 1, 2, 2, 1])]
    assert taken == [True, False, True, False, True]


def test_unchanged_readings_keep_the_heartbeat() -> None:
    told = reporter()
    told.take(reading("heartbeat", 7, 0))
    told.take(reading("plain", 7, 0))
    points = ("heartbeat", "plain", "never-read")
    unchanged = [Unchanged(device="oven", points=points, at=T0 + timedelta(seconds=s)) for s in (5, 9, 10, 15, 20)]
    reported = [(sample.point, sample.value, sample.at) for each in unchanged for sample in told.take(each)]
    assert reported == [("heartbeat", 7, T0 + MAX), ("heartbeat", 7, T0 + 2 * MAX)]


def test_a_clock_that_was_set_back_does_not_hold_a_reading_up() -> None:
    rule = ReportRule(deadband=Deadband(amount=1.0), min_interval=timedelta(hours=1))
    assert rule.wants(reading("temp", 30.0, 0), reading("temp", 20.0, 5000))
