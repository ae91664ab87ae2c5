"""What a station did between two instants, and until when that is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from genba_cloud.core.facts import StateTimes, timeline
from genba_cloud.core.horizon import known_until
from genba_shared.clock import format_time
from genba_shared.events import (
    DataGapSeen,
    Event,
    GapCause,
    Source,
    SourceType,
    StationState,
    StationStateChanged,
)

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="press/state")
RUNNING, IDLE, DOWN, UNKNOWN = StationState.RUNNING, StationState.IDLE, StationState.DOWN, StationState.UNKNOWN


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def changed(seq: int, state: StationState, since: float, *, at: float | None = None, gateway: str = "gw") -> Event:
    return StationStateChanged(
        id=f"{gateway}:{EPOCH}:{seq}",
        at=minute(since if at is None else at),
        source=PLC,
        station="PRS-1",
        state=state,
        since=minute(since),
    )


def gap(seq: int, begin: float, end: float, *, subject: str = "press", at: float | None = None) -> Event:
    return DataGapSeen(
        id=f"gw:{EPOCH}:{seq}",
        at=minute(end if at is None else at),
        source=PLC,
        begin=minute(begin),
        end=minute(end),
        cause=GapCause.CONNECTIVITY,
        subject=subject,
    )


def told(*events: Event, until: float = 60, known: dict[str, datetime] | None = None) -> list[tuple[str, float, float]]:
    """State, from minute, to minute."""
    found = timeline(events, begin=minute(0), end=minute(until), known_until=known)
    return [
        (str(each.state), (each.since - START) / timedelta(minutes=1), (each.until - START) / timedelta(minutes=1))
        for each in found
    ]


def test_before_the_first_word_nothing_is_known() -> None:
    assert told(changed(1, RUNNING, 10)) == [("unknown", 0, 10), ("running", 10, 60)]
    assert told() == [("unknown", 0, 60)]


def test_a_later_word_replaces_what_lies_after_its_since() -> None:
    events = (changed(1, RUNNING, 0), changed(2, IDLE, 20, at=23), changed(3, DOWN, 20, at=40))
    assert told(*events[:2]) == [("running", 0, 20), ("idle", 20, 60)]
    assert told(*events) == [("running", 0, 20), ("down", 20, 60)]


def test_a_word_after_the_interval_may_tell_of_its_end() -> None:
    events = (changed(1, RUNNING, 0), changed(2, IDLE, 50, at=70))
    assert told(*events) == [("running", 0, 50), ("idle", 50, 60)]


def test_a_gap_of_the_device_hides_the_state_and_no_other_device_does() -> None:
    assert told(changed(1, RUNNING, 0), gap(2, 20, 30)) == [
        ("running", 0, 20),
        ("unknown", 20, 30),
        ("running", 30, 60),
    ]
    assert told(changed(1, RUNNING, 0), gap(2, 20, 30, subject="gate")) == [("running", 0, 60)]


def test_gaps_that_overlap_hide_their_union() -> None:
    events = (changed(1, RUNNING, 0), gap(2, 20, 30), gap(3, 25, 40), gap(4, 5, 10))
    assert told(*events) == [
        ("running", 0, 5),
        ("unknown", 5, 10),
        ("running", 10, 20),
        ("unknown", 20, 40),
        ("running", 40, 60),
    ]


def test_after_lost_events_of_the_gateway_nothing_is_known_until_its_next_word() -> None:
    lost = gap(2, 20, 30, subject="gw")
    assert told(changed(1, RUNNING, 0), lost) == [("running", 0, 20), ("unknown", 20, 60)]
    assert told(changed(1, RUNNING, 0), lost, changed(3, IDLE, 45)) == [
        ("running", 0, 20),
        ("unknown", 20, 45),
        ("idle", 45, 60),
    ]


def test_after_the_last_word_of_its_gateway_nothing_is_known() -> None:
    assert told(changed(1, RUNNING, 0), known={"gw": minute(25)}) == [("running", 0, 25), ("unknown", 25, 60)]
    assert told(changed(1, RUNNING, 0), known={"other": minute(25)}) == [("running", 0, 60)]


def test_an_empty_interval_has_no_states() -> None:
    assert told(changed(1, RUNNING, 0), until=0) == []


@pytest.mark.requirement("R109")
def test_unknown_time_is_no_part_of_utilisation() -> None:
    hour = timedelta(hours=1)
    times = StateTimes(
        by_state={RUNNING: 3 * hour, StationState.SETUP: hour, DOWN: hour, IDLE: hour, UNKNOWN: 6 * hour}
    )
    assert times.share(RUNNING) == 0.25
    assert times.share(UNKNOWN) == 0.5
    assert times.utilisation == 0.5
    assert times.utilisation_efficiency == 0.6


@pytest.mark.trap("metrics without data")
def test_without_known_time_there_is_no_utilisation() -> None:
    assert StateTimes(by_state={UNKNOWN: timedelta(hours=1)}).utilisation is None
    assert StateTimes(by_state={IDLE: timedelta(hours=1)}).utilisation_efficiency is None


def test_a_gateway_that_is_online_and_has_nothing_waiting_is_known_until_now() -> None:
    state = {"at": format_time(minute(50)), "outbox": {"depth": 0, "oldest": None}}
    assert known_until(online=True, state=state, last_at=minute(10), now=minute(60)) == minute(60)


def test_events_that_wait_leave_the_time_since_the_oldest_unknown() -> None:
    state = {"at": format_time(minute(50)), "outbox": {"depth": 7, "oldest": format_time(minute(40))}}
    assert known_until(online=True, state=state, last_at=minute(10), now=minute(60)) == minute(40)
    assert known_until(online=True, state=state, last_at=minute(45), now=minute(60)) == minute(45)


def test_a_gateway_that_is_offline_is_known_until_its_last_word() -> None:
    state = {"online": False, "at": format_time(minute(50)), "outbox": {"depth": 0, "oldest": None}}
    assert known_until(online=False, state=state, last_at=minute(10), now=minute(60)) == minute(50)
    assert known_until(online=False, state=state, last_at=minute(55), now=minute(60)) == minute(55)
    assert known_until(online=False, state=state, last_at=None, now=minute(30)) == minute(30)


@pytest.mark.parametrize("at", ["soon", 7, None, "2026-01-05T07:00:00"])
def test_a_state_that_says_no_time_is_as_good_as_none(at: object) -> None:
    found = known_until(online=False, state={"at": at, "outbox": "full"}, last_at=None, now=minute(60))
    assert found == datetime(1, 1, 1, tzinfo=UTC)
