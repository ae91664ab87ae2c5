"""What a zone holds: stock-takes, sources that drift apart, Little's law, and state of older versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from genba_edge.core.journal import Identity, Journal, Moment
from genba_edge.core.zone_estimate import Estimate, Leads, join
from genba_edge.core.zone_tags import Sign
from genba_edge.core.zones import Zones
from genba_shared.device_map import load_device_map
from genba_shared.device_map.model import PointRef
from genba_shared.dispatch_document import DispatchDocument, StockTake
from genba_shared.events import DataQuestioned, Event, QuestionCause, Source, SourceType, WipChanged
from tests.unit.edge.gateway_world import World, alive, at, back, sample

RFID = Source(type=SourceType.RFID, ref="gate/in")
CAMERA = Source(type=SourceType.VISION, ref="camera/in")
IN, OUT = PointRef("camera", "in"), PointRef("camera", "out")
MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: gate
    protocol: llrp
    host: 127.0.0.1:5084
    antennas: {1: {read_point: in}, 2: {read_point: out}}
  - id: camera
    protocol: mqtt_in
    broker: mqtt://127.0.0.1:1883
    topics: camera/line
    source: vision
    points:
      in: {field: in, type: uint32, counter: {max_rate: 60/min}}
      out: {field: out, type: uint32, counter: {max_rate: 60/min}}
zones:
  sewing: {ZONE}
"""
BOTH = "{enter: gate/in, leave: gate/out, in: camera/in, out: camera/out, stocktake: allowed}"
TAGS = "{enter: gate/in, leave: gate/out, stocktake: allowed}"
COUNTERS = "{in: camera/in, out: camera/out, stocktake: allowed}"


class Shop:
    """One zone, driven directly; time is in seconds since the beginning."""

    def __init__(self, zone: str, saved: Mapping[str, str] | None = None) -> None:
        self.saved = dict(saved or {})
        self.events: list[Event] = []
        self.trails: dict[str, str] = {}
        self.second = 0.0
        self.open(zone)

    def open(self, zone: str) -> None:
        """The gateway starts, with what was saved."""
        device_map = load_device_map(Path("plant.yaml"), text=MAP.replace("{ZONE}", zone))
        identity = Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32)
        self.journal = Journal(identity=identity, next_seq=len(self.events) + 1, moment=self.moment())
        self.zones = Zones(device_map, self.journal, self.saved, {})
        self.zones.fit_to_map(at(self.second))
        self.commit()

    def moment(self) -> Moment:
        return Moment(now=at(self.second), mono_ms=0)

    def commit(self) -> None:
        commit = self.journal.take()
        self.events += commit.events
        self.trails |= commit.trails
        for key, value in commit.state.items():
            if value is None:
                self.saved.pop(key, None)
            else:
                self.saved[key] = value

    def wait_until(self, second: float) -> None:
        self.second = second
        self.journal.moment = self.moment()
        self.zones.pass_time(at(second))
        self.commit()

    def enter(self, tag: str, pieces: int, *, work_order: str | None = "WO-1", when: float | None = None) -> None:
        seen = at(self.second if when is None else when)
        self.zones.tag_enters("sewing", tag, pieces, work_order=work_order, at=seen, source=RFID, because="x")
        self.commit()

    def bind(self, tag: str, pieces: int) -> None:
        self.zones.tag_stands_for("sewing", tag, pieces, work_order="WO-1", at=at(self.second), source=RFID)
        self.commit()

    def stays(self, tag: str, pieces: int, *, since: float, gone_at: float) -> None:
        times = {"since": at(since), "gone_at": at(gone_at), "at": at(self.second)}
        self.zones.tag_stayed("sewing", tag, pieces, work_order="WO-1", source=RFID, because="x", **times)
        self.commit()

    def leave(self, tag: str, *, sign: Sign = Sign.READ, unseen_pieces: int = 1, when: float | None = None) -> None:
        seen = at(self.second if when is None else when)
        self.zones.tag_leaves("sewing", tag, at=seen, source=RFID, because="x", sign=sign, unseen_pieces=unseen_pieces)
        self.commit()

    def count(self, ref: PointRef, pieces: int, *, when: float | None = None, since: float | None = None) -> None:
        end = at(self.second if when is None else when)
        begin = end - timedelta(seconds=1) if since is None else at(since)
        self.zones.pieces_counted(ref, pieces, since=begin, at=end, source=CAMERA, because="x")
        self.commit()

    def stock(self, name: str, second: float, count: int) -> None:
        self.zones.take_stocks({"sewing": StockTake(id=name, at=at(second), count=count)}, at(self.second))
        self.commit()

    @property
    def told(self) -> tuple[int, int]:
        last = [event for event in self.events if isinstance(event, WipChanged)][-1]
        return last.count, last.error_estimate

    @property
    def questions(self) -> list[str]:
        return [event.note for event in self.events if isinstance(event, DataQuestioned)]


@pytest.mark.parametrize(
    ("counters", "tags", "pieces", "error", "leads", "apart"),
    [
        (Estimate(10, 8, 12), None, 10, 2, Leads.COUNTERS, 0),
        (None, Estimate(9, 9, 11), 9, 2, Leads.TAGS, 0),
        (Estimate(10, 10, 10), Estimate(10, 10, 10), 10, 0, Leads.COUNTERS, 0),
        (Estimate(10, 4, 14), Estimate(12, 11, 13), 12, 1, Leads.TAGS, 0),  # tags are surer, counters agree
        (Estimate(10, 9, 11), Estimate(12, 11, 15), 11, 0, Leads.COUNTERS, 0),  # only 11 is possible to both
        (Estimate(14, 14, 14), Estimate(10, 9, 11), 14, 5, Leads.COUNTERS, 3),  # they contradict each other
    ],
)
def test_two_estimates_are_compared_and_never_added(
    counters: Estimate | None, tags: Estimate | None, pieces: int, error: int, leads: Leads, apart: int
) -> None:
    joined = join(counters, tags)
    assert (joined.estimate.pieces, joined.estimate.error, joined.leads, joined.apart) == (pieces, error, leads, apart)


def test_an_unbound_tag_is_one_piece_and_as_uncertain_as_the_fullest_tag() -> None:
    shop = Shop(TAGS)
    shop.enter("a1", 8)
    assert shop.told == (8, 0)
    shop.enter("ff", 1, work_order=None)
    assert shop.told == (9, 7)
    shop.leave("ff")
    assert shop.told == (8, 0)


def test_a_share_of_what_is_inside_is_uncertain_where_passages_are_implied() -> None:
    shop = Shop(TAGS)
    for number in range(10):
        shop.enter(f"b{number}", 1)
    for number in range(4):
        shop.leave(f"b{number}", sign=Sign.IMPLIED if number == 0 else Sign.READ)
    assert shop.told == (6, 2)  # one way out of four was not read: of six tags inside one or two may be gone


def test_tags_that_may_have_left_while_the_reader_was_silent_stay_in_doubt_until_they_are_read() -> None:
    shop = Shop(TAGS)
    shop.enter("a1", 4)
    shop.enter("a2", 6)
    shop.wait_until(100)
    shop.zones.note_gap("gate", at(50), at(100), "gap")
    shop.commit()
    assert shop.told == (10, 10)
    shop.wait_until(200)
    shop.leave("a1")
    assert shop.told[0] == 6
    shop.stock("s-1", 200, 6)
    assert shop.told == (6, 0)


def test_what_may_have_passed_a_silent_reader_is_forgotten_after_a_day() -> None:
    shop = Shop(TAGS)
    shop.enter("a1", 4)
    shop.zones.note_gap("gate", at(10), at(20), "gap")
    shop.commit()
    assert shop.told == (4, 4)
    shop.wait_until(25 * 3600)
    shop.wait_until(26 * 3600)
    assert shop.told == (4, 0)


@pytest.mark.parametrize("restarts", [False, True])
def test_what_may_have_passed_a_reader_that_is_silent_every_day_is_doubted_for_a_day_each(restarts: bool) -> None:
    shop = Shop(TAGS)
    shop.enter("a1", 4)
    told = []
    for day in range(5):
        shop.wait_until(day * 86_400 + 3000)
        shop.zones.note_gap("gate", at(day * 86_400 + 2940), at(day * 86_400 + 2999), "gap")
        for hour in range(1, 24):
            shop.wait_until(day * 86_400 + hour * 3600)
        if restarts:
            shop.open(TAGS)
        told.append(shop.told)
    shop.wait_until(6 * 86_400)
    shop.wait_until(6 * 86_400 + 60)
    assert told == [(4, 4), (4, 4), (4, 4), (4, 4), (4, 4)]
    assert shop.told == (4, 0)


def test_doubt_about_a_silence_stands_at_its_beginning_so_that_what_passed_meanwhile_keeps_its_time() -> None:
    shop = Shop(TAGS)
    shop.enter("a1", 4)
    shop.wait_until(100)
    shop.zones.lose_device("gate", at(100))
    shop.wait_until(400)
    shop.enter("a2", 6)
    shop.enter("a3", 5)
    shop.wait_until(900)
    doubts = [event for event in shop.events if isinstance(event, WipChanged) and not event.by]
    assert [event.at for event in doubts] == [at(100)]
    shop.zones.find_device("gate")
    shop.zones.note_gap("gate", at(95), at(900), "gap")
    shop.leave("a1", when=450)  # a report that the reader held back
    last = [event for event in shop.events if isinstance(event, WipChanged)][-1]
    assert (last.at, last.count) == (at(450), 11)


def test_a_stock_take_of_tags_holds_through_passages_that_are_told_late() -> None:
    shop = Shop(TAGS)
    shop.enter("a1", 5)
    shop.wait_until(60)
    shop.stock("s-1", 50, 10)  # somebody saw a2 as well, whose passage was at 40 and is not known yet
    assert shop.told == (10, 0)
    shop.enter("a2", 5, when=40)
    assert shop.told == (10, 0)
    shop.wait_until(90)
    shop.enter("a3", 5)
    assert shop.told == (15, 0)


def test_a_tag_that_a_stock_take_missed_is_not_taken_away_twice() -> None:
    shop = Shop(TAGS)
    shop.enter("gone", 5)
    shop.enter("here", 5)
    shop.wait_until(60)
    shop.stock("s-1", 50, 5)  # one of the two left unseen
    assert shop.told[0] == 5
    shop.wait_until(30_000)
    shop.leave("gone", sign=Sign.SILENT)
    assert shop.told[0] == 5
    shop.leave("here")
    assert shop.told[0] == 0


def test_a_tag_that_left_unread_before_a_stock_take_is_taken_away_once() -> None:
    shop = Shop(TAGS)
    shop.enter("gone", 5)
    shop.enter("gone-too", 5)
    shop.enter("here", 5)
    shop.wait_until(60)
    shop.stock("s-1", 50, 5)  # two of the three left unseen
    shop.wait_until(90)
    shop.leave("gone", sign=Sign.IMPLIED)  # seen further on: it may have left before
    assert shop.told[0] == 5
    shop.leave("gone-too", sign=Sign.IMPLIED, when=40)  # and this one is known to have
    assert shop.told[0] == 5
    shop.leave("here")
    assert shop.told[0] == 0


def test_what_a_person_counted_holds_when_it_becomes_known_what_a_tag_stood_for() -> None:
    shop = Shop(TAGS)
    shop.enter("a1", 10)
    shop.enter("ff", 1, work_order=None)
    shop.wait_until(60)
    shop.stock("s-1", 50, 18)
    shop.wait_until(90)
    shop.bind("ff", 8)
    assert shop.told == (18, 0)
    shop.leave("ff")
    assert shop.told == (10, 0)


def test_a_tag_that_is_bound_while_it_is_inside_stands_for_its_pieces() -> None:
    shop = Shop(TAGS)
    shop.enter("ff", 1, work_order=None)
    assert shop.told == (1, 1)
    shop.wait_until(90)
    shop.bind("ff", 8)
    assert shop.told == (8, 0)
    shop.open(TAGS)
    assert [(tag, inside.pieces, inside.work_order) for _, tag, inside in shop.zones.stays()] == [("ff", 8, "WO-1")]


def test_a_tag_that_was_not_gone_after_all_says_that_others_may_be_here_too() -> None:
    shop = Shop(TAGS)
    for number in range(4):
        shop.enter(f"b{number}", 1)
    shop.wait_until(100)
    shop.leave("b0", sign=Sign.SILENT)
    assert shop.told == (3, 3)
    shop.wait_until(200)
    shop.stays("b0", 1, since=0, gone_at=100)
    assert shop.told == (4, 1)  # of five that came in one was not told: of four inside one more may be here
    shop.open(TAGS)
    assert shop.zones.dwell_s("sewing", "b0", at(200)) == 200


@pytest.mark.parametrize(("counted_at", "counted"), [(50, 5), (150, 5)])
def test_a_stock_take_holds_when_a_tag_was_not_gone_after_all(counted_at: float, counted: int) -> None:
    shop = Shop(TAGS)
    shop.enter("a1", 5)
    shop.wait_until(100)
    if counted_at < 100:
        shop.stock("s-1", counted_at, counted)
    shop.leave("a1", sign=Sign.SILENT)
    assert shop.told[0] == 0
    shop.wait_until(200)
    if counted_at > 100:
        shop.stock("s-1", counted_at, counted)
    shop.stays("a1", 5, since=0, gone_at=100)
    assert shop.told[0] == 5
    shop.leave("a1")
    assert shop.told[0] == 0


def test_pieces_that_a_stock_take_found_leave_with_the_tag_that_nobody_saw_come_in() -> None:
    shop = Shop(TAGS)
    shop.enter("a1", 5)
    shop.wait_until(60)
    shop.stock("s-1", 50, 8)
    shop.leave("unseen", unseen_pieces=3)
    assert shop.told[0] == 5


def test_stock_takes_may_come_twice_and_out_of_order_and_the_latest_counts() -> None:
    shop = Shop(COUNTERS)
    shop.count(IN, 10)
    shop.wait_until(100)
    shop.count(IN, 2)
    shop.wait_until(200)
    for name, second, count in (("s-2", 150.0, 20), ("s-1", 50.0, 3), ("s-2", 150.0, 20)):
        shop.stock(name, second, count)
        assert shop.told == (20, 0)
    shop.stock("s-3", 160, 7)
    assert shop.told == (7, 0)
    assert [event.because for event in shop.events if isinstance(event, WipChanged)][-2:] == [("s-2",), ("s-3",)]


def test_counts_from_before_a_stock_take_that_are_told_later_do_not_move_it() -> None:
    shop = Shop(COUNTERS)
    shop.count(IN, 10)
    shop.wait_until(100)
    shop.stock("s-1", 60, 30)
    shop.count(IN, 4, when=50)  # who counted at 60 has seen them
    assert shop.told == (30, 0)
    shop.count(OUT, 3, when=70, since=55)  # before or after 60: nobody knows
    assert shop.told == (27, 3)


def test_a_stock_take_is_worked_out_after_a_restart_from_what_moved_before_it() -> None:
    shop = Shop(COUNTERS)
    shop.count(IN, 10)
    shop.wait_until(100)
    shop.count(OUT, 4)
    shop.open(COUNTERS)
    shop.wait_until(200)
    shop.stock("s-1", 50, 30)
    assert shop.told == (26, 0)


def test_a_stock_take_of_which_too_little_is_known_is_questioned_once_and_not_taken() -> None:
    shop = Shop(COUNTERS)
    shop.count(IN, 10)
    for _ in range(2):
        shop.stock("s-1", -100, 99)
    assert shop.told == (10, 0)
    assert len(shop.questions) == 1
    assert "is not taken" in shop.questions[0]


def test_a_stock_take_by_a_clock_that_is_ahead_counts_from_when_it_arrives() -> None:
    shop = Shop(COUNTERS)
    shop.wait_until(100)
    shop.stock("s-1", 130, 20)
    shop.wait_until(110)
    shop.count(IN, 3)
    shop.stock("s-1", 130, 20)
    assert shop.told == (23, 0)


def test_nothing_is_remembered_of_a_zone_that_left_the_map() -> None:
    shop = Shop(BOTH)
    shop.enter("a1", 5)
    shop.count(IN, 5)
    shop.wait_until(7200)
    device_map = load_device_map(Path("plant.yaml"), text=MAP.replace("sewing: {ZONE}", f"other: {BOTH}"))
    Zones(device_map, shop.journal, shop.saved, {}).fit_to_map(at(7200))
    shop.commit()
    assert shop.told == (0, 0)
    assert [key for key in shop.saved if "sewing" in key] == []


def test_a_zone_that_refuses_stock_takes_goes_on_as_it_was() -> None:
    shop = Shop(COUNTERS.replace(", stocktake: allowed", ""))
    shop.count(IN, 10)
    shop.stock("s-1", 0, 99)
    assert (shop.told, shop.questions) == ((10, 0), [])


def test_a_count_of_two_sources_says_how_it_came_about() -> None:
    shop = Shop(BOTH)
    shop.enter("a1", 5)
    shop.count(IN, 7)
    last = [event for event in shop.events if isinstance(event, WipChanged)][-1]
    assert json.loads(shop.trails[last.id]) == {
        "rule": "the counters lead",
        "counters": {"least": 7, "likely": 7, "most": 7},
        "tags": {"least": 5, "likely": 5, "most": 5},
        "apart": 2,
    }


def test_sources_that_stay_apart_are_questioned_once_and_again_only_after_they_agreed() -> None:
    shop = Shop(BOTH)
    shop.enter("a1", 5)
    shop.count(IN, 5)
    shop.count(IN, 4)
    for second in range(0, 3600, 10):
        shop.wait_until(second)
    assert shop.told == (9, 4)
    assert [note.partition(",")[0] for note in shop.questions] == ["tags say 5 pieces (5 to 5)"]
    shop.count(OUT, 4)
    for second in range(3600, 8400, 10):
        shop.wait_until(second)
    shop.count(IN, 4)
    for second in range(8400, 9600, 10):
        shop.wait_until(second)
    assert len(shop.questions) == 2
    assert all(
        (event.cause, event.zone) == (QuestionCause.WIP, "sewing")
        for event in shop.events
        if isinstance(event, DataQuestioned)
    )


def live_for_days(shop: Shop, *, days: int, lost_each_hour: int) -> None:
    """Each hour 10 tags come in and stay 2 h; some of them leave without being read."""
    first = int(shop.second // 3600)
    for hour in range(first, first + days * 24):
        for number in range(10):
            shop.wait_until(hour * 3600 + number * 360)
            shop.enter(f"{hour}-{number}", 1)
            if hour - first >= 2 and number >= lost_each_hour:
                shop.leave(f"{hour - 2}-{number}")
    shop.wait_until((first + days * 24) * 3600)


def test_a_zone_whose_pieces_stay_as_long_as_they_should_is_not_questioned() -> None:
    shop = Shop(TAGS)
    live_for_days(shop, days=3, lost_each_hour=0)
    assert shop.told[0] == 20
    assert shop.questions == []


def test_littles_law_questions_a_zone_that_fills_with_pieces_that_are_gone_once_and_through_restarts() -> None:
    shop = Shop(TAGS)
    live_for_days(shop, days=2, lost_each_hour=1)
    shop.open(TAGS)
    live_for_days(shop, days=1, lost_each_hour=1)
    (note,) = shop.questions
    assert note.startswith("in the past week ")
    assert "an hour that stayed 2.00 h each" in note


def test_hours_in_which_little_passes_are_known_after_a_restart() -> None:
    shop = Shop(TAGS)
    for hour in range(30):
        shop.wait_until(hour * 3600)
        shop.enter(f"a{hour}", 1)
        shop.leave(f"a{hour}")
        for minute in range(10, 60, 10):
            shop.wait_until(hour * 3600 + minute * 60)
    shop.wait_until(30 * 3600)
    shop.open(TAGS)
    shop.zones.note_gap("gate", at(30 * 3600 - 60), at(30 * 3600), "gap")
    shop.commit()
    assert shop.told == (0, 2)  # of one piece an hour three times as many as in a minute make one, and one tag


def test_the_past_week_is_all_that_is_kept_of_a_zone() -> None:
    shop = Shop(TAGS)
    live_for_days(shop, days=8, lost_each_hour=0)
    assert len([key for key in shop.saved if key.startswith("zone-flow/")]) <= 7 * 24 + 1
    assert len([key for key in shop.saved if key.startswith("zone-past/")]) <= 3 * 24 * 6 + 7


def test_state_of_an_older_version_is_taken_over() -> None:
    inside: dict[str, Any] = {"pieces": 5, "entered_at": "2026-01-05T06:00:00.000Z", "work_order": "WO-1"}
    old = {"tags": {"a1": inside}, "counted": 0, "error": 0, "told_at": "2026-01-05T06:30:00.000Z"}
    shop = Shop(TAGS, {"zone/sewing": json.dumps(old)})
    assert shop.events == []
    shop.leave("a1")
    assert shop.told == (0, 0)
    pair = {"tags": {}, "counted": -2, "error": 0, "told_at": "2026-01-05T06:30:00.000Z"}
    shop = Shop(COUNTERS, {"zone/sewing": json.dumps(pair)})
    shop.count(IN, 3)
    assert shop.told[0] == 3


def test_a_zone_that_is_bounded_otherwise_by_a_new_map_says_what_it_holds_now() -> None:
    shop = Shop(BOTH)
    shop.enter("a1", 5)
    shop.count(IN, 5)
    shop.count(IN, 2)
    assert shop.told[0] == 7
    shop.open(TAGS)
    assert shop.told == (5, 0)


def test_tags_of_a_zone_that_a_map_bounds_by_counters_are_not_there_again_after_the_next_map() -> None:
    shop = Shop(BOTH)
    shop.enter("a1", 5)
    shop.open("{in: camera/in, out: camera/out}")
    assert sorted(shop.saved) == ["zone/sewing"]
    shop.open(BOTH)
    assert shop.told == (0, 0)
    assert shop.zones.inside("sewing", "a1") is None


def test_a_stock_take_reaches_the_zone_with_the_dispatch_document() -> None:
    world = World(replace_in_map=("out: [SEW-1/good, SEW-2/good]}", "out: SEW-1/good, stocktake: allowed}"))
    world.see(back("cutter1", 0), back("sewing", 0))
    world.see(sample("cutter1", "parts", 10, 1), sample("sewing", "good1", 5, 1), alive("sewing", 1))
    world.wait_until(5)
    world.see(sample("cutter1", "parts", 12, 6))
    taken = StockTake(id="s-1", at=at(3), count=40)
    world.now = at(8)
    changed = world.dispatch(DispatchDocument(version=1, stations={}, work_orders={}, tags=(), stock={"buffer": taken}))
    told = [event for event in changed if isinstance(event, WipChanged)]
    assert [(event.count, event.because, event.at) for event in told] == [(42, ("s-1",), at(6))]
    world.commit_all()
    world.kill_and_restart()
    assert world.commit() == []
