"""What every store tells of a station's time, and that it need not read the log for it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from genba_cloud.core.facts import Aggregate, ViewKey, timeline
from genba_cloud.store import SqliteStore, Store
from genba_cloud.store.port import StoredView
from genba_cloud.store.station_events import LOOK_AHEAD, MOST_EVENTS, TooManyEventsError
from genba_cloud.store.tables import IS_GAP, IS_OF_STATION
from genba_shared.events import DataGapSeen, Event, GapCause, StationState, StationStateChanged
from tests.contract.aging import make_first
from tests.contract.stores import EPOCH, PLC, log, minute


def changed(seq: int, state: StationState, *, since: int, at: int, station: str = "CUT-1") -> Event:
    return StationStateChanged(
        id=f"gw:{EPOCH}:{seq}", at=minute(at), source=PLC, station=station, state=state, since=minute(since)
    )


def year_of_states() -> list[Event]:
    """A change every 7 minutes for months, told 0 to 6 minutes late; now and then nobody looked for a while."""
    told: list[Event] = []
    states = (StationState.RUNNING, StationState.IDLE, StationState.SETUP, StationState.UNKNOWN)
    for number in range(3_000):
        since = 7 * number
        told.append(changed(len(told) + 1, states[number % 4], since=since, at=since + number % 7))
        if number % 50 == 0:
            told.append(
                DataGapSeen(
                    id=f"gw:{EPOCH}:{len(told) + 1}",
                    at=minute(since + 12),
                    source=PLC,
                    begin=minute(since + 2),
                    end=minute(since + 12),
                    cause=GapCause.DEVICE,
                    subject="cutter1",
                )
            )
    return told


def keep_station(store: Store, *events: Event) -> None:
    log(store, *events)
    with store.transaction() as transaction:
        transaction.put_views({ViewKey(Aggregate.STATION, "CUT-1"): StoredView(state={}, position=1)})


def test_a_window_is_told_by_few_events_and_as_by_all_of_them(store: Store) -> None:
    told = year_of_states()
    keep_station(store, *told)
    for begin, end in ((0, 60), (500, 530), (701, 703), (10_000, 11_440), (20_990, 30_000), (21_100, 21_200)):
        found = store.reads().station_events("CUT-1", begin=minute(begin), end=minute(end))
        assert found is not None
        assert len(found) < 2 * LOOK_AHEAD + 240
        window = {"begin": minute(begin), "end": minute(end)}
        assert timeline(found, **window) == timeline(told, **window)


def test_only_the_station_and_its_gateways_are_told(store: Store) -> None:
    strange = DataGapSeen(
        id=f"other:{EPOCH}:1",
        at=minute(5),
        source=PLC,
        begin=minute(1),
        end=minute(5),
        cause=GapCause.DEVICE,
        subject="cutter1",
    )
    restored = DataGapSeen(
        id="00000000-0000-7000-8000-000000000001",
        at=minute(50),
        source=PLC,
        begin=minute(2),
        end=minute(4),
        cause=GapCause.RESTORE,
        subject="gw",
    )
    ours = changed(2, StationState.RUNNING, since=1, at=1)
    theirs = changed(3, StationState.IDLE, since=1, at=1, station="CUT-2")
    keep_station(store, strange, ours, theirs, restored)
    assert store.reads().station_events("CUT-1", begin=minute(0), end=minute(10)) == (ours, restored)


def test_of_a_station_that_was_never_heard_of_nothing_is_told(store: Store) -> None:
    assert store.reads().station_events("CUT-9", begin=minute(0), end=minute(10)) is None


def test_a_station_that_changes_all_the_time_is_told_in_parts(store: Store) -> None:
    told = [changed(seq, StationState.RUNNING, since=1, at=1) for seq in range(1, MOST_EVENTS + 2)]
    keep_station(store, *told)
    with pytest.raises(TooManyEventsError):
        store.reads().station_events("CUT-1", begin=minute(0), end=minute(10))


def test_the_time_of_a_station_is_found_without_reading_the_log(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with closing(SqliteStore(data)) as store:
        keep_station(store, *year_of_states())
    with closing(sqlite3.connect(data / "genba.db")) as connection:
        make_first(connection)  # as a log of an older version
        connection.execute("DROP INDEX log_of_station_by_time")
        connection.commit()
    with closing(SqliteStore(data)), closing(sqlite3.connect(data / "genba.db")) as connection:
        plans = [
            connection.execute(f"EXPLAIN QUERY PLAN SELECT body FROM log WHERE enterprise = ? AND {where}", values)
            for where, values in (
                (f"{IS_OF_STATION} AND station = ? AND kind = ? AND at > ? ORDER BY at, position", ("e", "s", "k", 1)),
                (f"{IS_GAP} AND gateway = ? AND at > ? ORDER BY at, position", ("e", "g", 1)),
            )
        ]
        used = ["; ".join(str(row[3]) for row in plan) for plan in plans]
    assert "USING INDEX log_of_station_by_time" in used[0]
    assert "USING INDEX log_of_gaps_by_time" in used[1]
