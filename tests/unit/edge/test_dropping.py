"""Which events a full store drops, and what it says of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from genba_edge.core.dropping import Dropped, StoreLimits, Waiting, choose, declaration
from genba_shared.device_map.model import StoredKind
from genba_shared.events import DataGapSeen, GapCause, Source, SourceType

T0 = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
ENVIRONMENT, STATE, COUNT = 21, 6, 1


def row(seq: int, *, code: int = COUNT, size: int = 100, group: str = "") -> Waiting:
    return Waiting(seq=seq, code=code, size=size, at=T0 + timedelta(seconds=seq), group=group)


def test_counts_go_from_the_oldest_on_until_there_is_room() -> None:
    chosen = choose([row(seq) for seq in (3, 5, 8, 9)], StoredKind.COUNT, surplus=150)
    assert [each.seq for each in chosen] == [3, 5]


def test_the_environment_thins_out_every_second_summary_of_each_point() -> None:
    rows = [row(seq, code=ENVIRONMENT, group="hot" if seq % 2 else "cold") for seq in range(1, 9)]
    assert [each.seq for each in choose(rows, StoredKind.ENVIRONMENT, surplus=400)] == [1, 2, 5, 6]


def test_where_thinning_once_is_not_enough_the_rest_thins_out_again() -> None:
    rows = [row(seq, code=ENVIRONMENT) for seq in range(1, 9)]
    assert [each.seq for each in choose(rows, StoredKind.ENVIRONMENT, surplus=600)] == [1, 2, 3, 5, 6, 7]
    assert len(choose(rows, StoredKind.ENVIRONMENT, surplus=5_000)) == 8


@pytest.mark.parametrize(("size", "surplus"), [(0, 0), (900_000, 0), (900_001, 62_501), (1_100_000, 262_500)])
def test_a_tenth_of_the_store_is_kept_for_what_is_never_dropped(size: int, surplus: int) -> None:
    assert StoreLimits(most_bytes=1_000_000).surplus(size) == surplus


def test_a_store_without_a_limit_drops_nothing() -> None:
    assert StoreLimits().surplus(10**15) == 0
    assert not StoreLimits().looks_again(None, T0)


def test_age_is_looked_at_again_after_a_part_of_it_and_when_the_clock_went_back() -> None:
    limits = StoreLimits(keep=timedelta(hours=16))
    assert limits.looks_again(None, T0)
    assert not limits.looks_again(T0, T0 + timedelta(minutes=59))
    assert limits.looks_again(T0, T0 + timedelta(hours=1))
    assert limits.looks_again(T0, T0 - timedelta(seconds=1))


def test_a_declaration_names_kinds_ranges_and_numbers() -> None:
    found = declaration([row(4), row(9), row(6, code=STATE)])
    assert found is not None
    assert [str(each) for each in found.ranges] == ["pieces_counted:4-9:2", "station_state_changed:6-6:1"]
    assert (found.begin, found.end, found.events) == (T0 + timedelta(seconds=4), T0 + timedelta(seconds=9), 3)
    assert found.has_states


def test_a_declaration_that_still_waits_is_taken_up_in_the_next() -> None:
    gap = DataGapSeen(
        id="g:e:7",
        at=T0,
        source=Source(type=SourceType.SYSTEM, ref="g"),
        begin=T0,
        end=T0 + timedelta(seconds=3),
        cause=GapCause.FULL,
        subject="(store)",
        dropped=("pieces_counted:1-3:2", "data_gap_seen:2-2:1"),
    )
    found = declaration([row(9)], [(7, gap)])
    assert found is not None
    assert found.seqs == {7, 9}
    assert [str(each) for each in found.ranges] == ["data_gap_seen:2-7:2", "pieces_counted:1-9:3"]
    assert (found.begin, found.end, found.events) == (T0, T0 + timedelta(seconds=9), 1)
    assert not found.has_states


def test_nothing_dropped_is_nothing_to_declare() -> None:
    assert declaration([]) is None


@pytest.mark.parametrize("text", ["", "a", "a:1-2", "a:1:2", "a:1-x:2", "a:-2:1", "a:1-2:٣"])
def test_other_forms_of_a_range_are_not_read(text: str) -> None:
    assert Dropped.parse(text) is None
