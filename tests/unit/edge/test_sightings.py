"""Sightings: many reads of a tag, one passage of a read point, in the order in which it happened."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from genba_edge.core.journal import Identity, Journal, Moment
from genba_edge.core.passage import Cluster, Passage
from genba_edge.core.sightings import Sightings
from genba_shared.device_map.model import Antenna, LlrpDevice, PresenceSettings

T0 = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PRESENCE = PresenceSettings(min_reads=2, depart_after_s=30.0, move_margin_db=6.0)
READERS = {
    name: LlrpDevice(id=name, host="10.0.0.1", antennas={1: Antenna(read_point="in")}, presence=PRESENCE)
    for name in ("gate", "other")
}


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


class Seen:
    """Sightings whose state is kept, so that they can be loaded again."""

    def __init__(self, saved: dict[str, str] | None = None) -> None:
        self.saved = saved or {}
        identity = Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b")
        self.journal = Journal(identity=identity, next_seq=1, moment=Moment(now=T0, mono_ms=0))
        self.sightings = Sightings(READERS, dict.fromkeys(READERS, 1.0), self.journal, self.saved)
        for reader in READERS:
            self.sightings.find(reader)

    def report(
        self,
        first: float,
        last: float,
        *,
        reader: str = "gate",
        point: str = "in",
        reads: int = 3,
        heard: float | None = None,
    ) -> None:
        self.sightings.add(
            Cluster(
                reader=reader,
                read_point=point,
                tag="3034aa",
                antenna=1,
                first_seen=at(first),
                last_seen=at(last),
                heard_at=at(last if heard is None else heard),
                reads=reads,
                rssi_sum=-50.0 * reads,
                rssi_reads=reads,
            )
        )

    def ended_by(self, second: float, *, reader: str = "gate") -> list[Passage]:
        return [one.passage for one in self.sightings.complete(reader, at(second)) if one.twin is None]

    def saved_and_loaded(self) -> Seen:
        self.sightings.save()
        for key, value in self.journal.take().state.items():
            if value is None:
                self.saved.pop(key, None)
            else:
                self.saved[key] = value
        return Seen(self.saved)


def times(passages: list[Passage]) -> list[datetime]:
    return [passage.last_seen for passage in passages]


def test_reports_close_together_make_one_passage_with_the_last_read_as_its_time() -> None:
    seen = Seen()
    seen.report(0, 1)
    seen.report(2, 4)
    (passage,) = seen.ended_by(35)
    assert (passage.first_seen, passage.last_seen, passage.reads) == (at(0), at(4), 6)


def test_tag_that_is_still_there_has_not_passed() -> None:
    seen = Seen()
    seen.report(0, 1)
    assert seen.ended_by(20) == []


def test_too_few_reads_are_no_passage() -> None:
    seen = Seen()
    seen.report(0, 0, reads=1)
    assert seen.ended_by(59) == []


def test_too_few_reads_become_a_passage_by_a_late_report() -> None:
    seen = Seen()
    seen.report(0, 0, reads=1)
    assert seen.ended_by(40) == []
    seen.report(2, 2, reads=1, heard=41)
    assert [(passage.last_seen, passage.reads) for passage in seen.ended_by(72)] == [(at(2), 2)]


def test_tag_that_comes_again_after_silence_passes_twice() -> None:
    seen = Seen()
    seen.report(0, 1)
    seen.report(100, 101)
    assert times(seen.ended_by(200)) == [at(1), at(101)]


def test_report_that_comes_late_joins_its_passage_and_does_not_pass_again() -> None:
    seen = Seen()
    seen.report(0, 1)
    assert times(seen.ended_by(40)) == [at(1)]
    seen.report(2, 3, heard=41)
    assert seen.ended_by(80) == []


def test_reports_held_back_by_the_reader_give_the_same_passages_as_live_ones() -> None:
    seen = Seen()
    seen.sightings.lose("gate")
    seen.report(500, 503, heard=900)
    seen.report(0, 3, heard=900)
    seen.sightings.find("gate")
    assert times(seen.ended_by(5000)) == [at(3), at(503)]


def test_a_reader_that_does_not_answer_ends_nothing() -> None:
    seen = Seen()
    seen.report(0, 1)
    seen.sightings.lose("gate")
    assert seen.ended_by(100, reader="other") == []


@pytest.mark.parametrize("behind_s", [0, 25, 50, 120, 3600])
@pytest.mark.parametrize("reads", [1, 3])
def test_reader_whose_clock_is_behind_gives_one_passage_by_our_time(behind_s: float, reads: int) -> None:
    seen, passed = Seen(), list[Passage]()
    for second in range(100):
        seen.report(second - behind_s, second - behind_s, reads=reads, heard=second)
        passed += seen.ended_by(second - 0.5)
    passed += seen.ended_by(200)
    assert [(one.first_seen, one.last_seen, one.reads) for one in passed] == [(at(0), at(99), 100 * reads)]


def test_clock_that_jumps_while_a_tag_is_there_makes_no_second_passage() -> None:
    seen, passed = Seen(), list[Passage]()
    for second in range(60):
        jump_s = 0 if second < 30 else 7200
        seen.report(second + jump_s, second + jump_s, heard=second)
        passed += seen.ended_by(second - 0.5)
    passed += seen.ended_by(200)
    assert [(one.first_seen, one.last_seen, one.reads) for one in passed] == [(at(0), at(59), 180)]


def test_passage_at_one_reader_waits_for_an_earlier_one_at_another() -> None:
    seen = Seen()
    seen.report(0, 5, reader="other")
    seen.report(6, 10, heard=20, reader="other")
    seen.report(12, 15)
    assert seen.ended_by(48) == []
    assert times(seen.ended_by(51, reader="other")) == [at(10), at(15)]


def test_passage_waits_for_no_reader_that_does_not_answer() -> None:
    seen = Seen()
    seen.report(0, 10, reader="other")
    seen.sightings.lose("other")
    seen.report(12, 15)
    assert times(seen.ended_by(48)) == [at(10), at(15)]


def test_what_is_seen_survives_being_saved() -> None:
    seen = Seen()
    seen.report(0, 1)
    (passage,) = seen.saved_and_loaded().ended_by(35)
    assert (passage.first_seen, passage.last_seen, passage.reads, passage.rssi_dbm) == (at(0), at(1), 3, -50.0)


def test_passage_that_was_told_is_not_told_again_after_being_saved() -> None:
    seen = Seen()
    seen.report(0, 1)
    assert len(seen.ended_by(35)) == 1
    assert seen.saved_and_loaded().ended_by(36) == []


def test_nothing_of_a_tag_is_kept_that_is_gone() -> None:
    seen = Seen()
    seen.report(0, 1)
    seen.saved_and_loaded()
    seen.ended_by(35)
    seen.ended_by(62)
    seen.saved_and_loaded()
    assert [key for key in seen.saved if key.startswith("reads/")] == []


def test_open_passages_of_earlier_versions_are_taken_over() -> None:
    old = {
        "tag": "3034aa",
        "read_point": "in",
        "antenna": 1,
        "first_seen": "2026-01-05T07:00:00.000Z",
        "last_seen": "2026-01-05T07:00:01.000Z",
        "reads": 3,
        "rssi_sum": -150.0,
        "rssi_reads": 3,
        "emitted": False,
    }
    seen = Seen({"clusters/gate": json.dumps([old])}).saved_and_loaded()
    assert sorted(seen.saved) == ["reads/3034aa"]
    assert times(seen.ended_by(35)) == [at(1)]
