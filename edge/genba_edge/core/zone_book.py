"""What is known of one zone: its level by counters, its tags, its past week, its last stock-take, and what was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from genba_edge.core.journal import Journal, load
from genba_edge.core.zone_bounds import Bounds
from genba_edge.core.zone_estimate import Estimate, Joined, join
from genba_edge.core.zone_flow import Flow, hour_of
from genba_edge.core.zone_level import Bound, Level, Move, level_of, load_level, save_level
from genba_edge.core.zone_past import KEPT, Past
from genba_edge.core.zone_tags import Inside, Sign, TagsInside, load_tags
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import Stocktake
from genba_shared.dispatch_document import StockTake

ZONE, INSIDE, FLOW, PAST = "zone/", "zone-inside/", "zone-flow/", "zone-past/"


@dataclass(slots=True, kw_only=True)
class Asked:
    """What was questioned already: a deficit of so many pieces, sources that are apart, Little's law, a stock-take."""

    deficit: int = 0
    apart: bool = False
    balance: bool = False
    stock: str = ""


@dataclass(slots=True, kw_only=True)
class Book:
    """One zone. `count` and `error` are what was told last, at `told_at`.

    `is_apart` since `turned_at`: the tags and the counters contradict each other (or not). `gap`: the device that was
    last silent at the way in. `past` is kept where stock-takes are allowed, since `past_since`.
    """

    bounds: Bounds
    level: Level
    tags: TagsInside
    flow: Flow
    past: Past | None
    past_since: datetime
    count: int = 0
    error: int = 0
    told_at: datetime | None = None
    stock: StockTake | None = None
    is_apart: bool = False
    turned_at: datetime | None = None
    gap: str = ""
    asked: Asked = field(default_factory=Asked)
    held_until: datetime | None = None

    @property
    def name(self) -> str:
        """The zone's id."""
        return self.bounds.zone.id

    def move(self, move: Move, journal: Journal) -> None:
        """Pieces were counted in or out."""
        if self.past is not None:
            self._save_past(self.past.note_move(move), journal)
        self.level = self._moved(self.level, move)

    def take_tag_in(self, tag: str, inside: Inside, at: datetime, journal: Journal) -> None:
        """The tag is here; what it stood for here before is not any more."""
        before = self.tags.tags.get(tag)
        self.tags.put(tag, inside)
        if before is None:
            self.tags.note_way_in(Sign.READ)
        self.move_tags(at, inside.pieces - (before.pieces if before else 0), journal)
        if not self.bounds.has_counters and before is None:
            self.flow.pass_by(journal.moment.now, came_in=inside.pieces)
        self.save_tag(tag, journal)

    def take_tag_back(self, tag: str, inside: Inside, gone_at: datetime, journal: Journal) -> None:
        """A tag that was taken to have left at `gone_at` did not: others may be here that were taken so."""
        self.tags.put(tag, inside)
        self.tags.take_back_way_out()
        self.tags.note_way_in(inside.way_in)
        self.move_tags(gone_at, inside.pieces, journal)
        if not self.bounds.has_counters:
            self.flow.pass_by(journal.moment.now, went_out=-inside.pieces)
        self.save_tag(tag, journal)

    def know_tag(self, tag: str, pieces: int, work_order: str | None, journal: Journal) -> None:
        """A tag that is here stands for these pieces, and did so since it came in."""
        before = self.tags.tags.get(tag)
        if before is None:
            return
        self.tags.put(tag, replace(before, pieces=pieces, work_order=work_order))
        change = pieces - before.pieces
        self.move_tags(parse_time(before.entered_at), change, journal)
        if not self.bounds.has_counters:
            self.flow.pass_by(journal.moment.now, came_in=change)
        self.save_tag(tag, journal)
        self.save(journal)

    def let_tag_out(self, tag: str, at: datetime, *, sign: Sign, unseen_pieces: int, journal: Journal) -> None:
        """The tag is not here any more; where nobody saw it come in, it stood for `unseen_pieces`."""
        now, inside = journal.moment.now, self.tags.take_out(tag)
        self.tags.note_way_out(sign)
        if inside is None:
            self.tags.note_way_in(Sign.IMPLIED)
            self.tags.turn_up(unseen_pieces)
        else:
            self.move_tags(at, -inside.pieces, journal)
            if sign is not Sign.READ and self.stock is not None and at > self.stock.at:
                self.tags.give_up(inside, format_time(self.stock.at))
            if sign is Sign.READ and inside.way_in is Sign.READ:
                self.flow.stay(now, inside.pieces, (at - parse_time(inside.entered_at)).total_seconds())
        if not self.bounds.has_counters:
            gone = inside.pieces if inside else unseen_pieces
            self.flow.pass_by(now, came_in=0 if inside else gone, went_out=gone)
        self.save_tag(tag, journal)

    def move_tags(self, at: datetime, change: int, journal: Journal) -> None:
        """Pieces came in or went out with their tags."""
        if self.past is not None:
            self._save_past(self.past.note_tags(at, change), journal)
        if self.stock is not None and at <= self.stock.at:  # who counted has seen it already
            self.tags.offset -= change

    def take_stock(self, stock: StockTake) -> bool:
        """Somebody counted what is in the zone: go on from there. False: what moved since then is not known."""
        if self.past is None or stock.at < self.past_since:
            return False
        self.stock = stock
        level = level_of(stock.count)
        for move in self.past.moves_after(stock.at):
            level = self._moved(level, move)
        self.level = level
        self.tags.correct(stock.count, then=self.tags.pieces - self.past.tags_after(stock.at))
        self.asked.deficit, self.asked.apart, self.turned_at = 0, False, None
        return True

    def joined(self, *, unseen_in: int, unseen_out: int, tags_in: int, tags_out: int) -> Joined:
        """What is in the zone; pieces that may have passed ends that are silent make it less certain."""
        counters = tags = None
        if self.bounds.has_counters:
            level = self.level
            counters = Estimate(level.likely.pieces, level.least.pieces, level.most.pieces)
            counters = counters.widened(below=unseen_out, above=unseen_in)
        if self.bounds.has_tags:
            tags = self.tags.estimate().widened(below=min(tags_out, self.tags.pieces), above=tags_in)
        return join(counters, tags)

    def unseen_tags(self, seconds: float) -> tuple[int, int]:
        """Pieces that may have come in, and gone out, past a reader that was silent."""
        usual = self.flow.unseen(seconds)
        if usual is None:
            return max(self.tags.fullest, self.tags.pieces), self.tags.pieces
        passed = usual + self.tags.fullest  # at least one tag may pass at any moment
        return passed, passed

    def hold(self, now: datetime) -> None:
        """What was told held until now."""
        if self.held_until is not None:
            self.flow.hold(self.count, self.held_until, now)
        self.held_until = now

    def forget(self, now: datetime, journal: Journal) -> None:
        """Drop what is too old to matter."""
        for hour in self.flow.forget(now):
            journal.forget(f"{FLOW}{self.name}/{hour}")
        if self.past is not None:
            self.past_since = max(self.past_since, now - KEPT)
            for chunk in self.past.forget(now):
                journal.forget(f"{PAST}{self.name}/{chunk}")

    def save(self, journal: Journal) -> None:
        """Put into the journal what changes with every piece."""
        stock = self.stock
        journal.save(
            ZONE + self.name,
            {
                "count": self.count,
                "error": self.error,
                "told_at": _text(self.told_at),
                "level": save_level(self.level),
                "tags_state": self.tags.saved(),
                "past_since": None if self.past is None else format_time(self.past_since),
                "stock": None if stock is None else [stock.id, format_time(stock.at), stock.count],
                "is_apart": self.is_apart,
                "turned_at": _text(self.turned_at),
                "gap": self.gap,
                "asked": [self.asked.deficit, self.asked.apart, self.asked.balance, self.asked.stock],
            },
        )
        self.save_hours(journal.moment.now, journal)

    def save_hours(self, since: datetime, journal: Journal) -> None:
        """Put into the journal what flowed in the hours since then; in one that is over nothing may have passed."""
        for hour in range(hour_of(since), hour_of(journal.moment.now) + 1):
            if hour in self.flow.hours:
                journal.save(f"{FLOW}{self.name}/{hour}", list(self.flow.hours[hour]))

    def save_tag(self, tag: str, journal: Journal) -> None:
        """Put into the journal whether the tag is here."""
        inside = self.tags.tags.get(tag)
        if inside is None:
            journal.forget(f"{INSIDE}{self.name}/{tag}")
        else:
            way_in = [] if inside.way_in is Sign.READ else [inside.way_in]
            journal.save(f"{INSIDE}{self.name}/{tag}", [inside.pieces, inside.entered_at, inside.work_order, *way_in])

    def _moved(self, level: Level, move: Move) -> Level:
        if self.stock is None or move.since >= self.stock.at:
            return level.moved(move)
        if move.at <= self.stock.at:  # who counted has seen it already
            return level
        below, above = move.below + max(0, move.change), move.above + max(0, -move.change)
        return level.moved(move._replace(since=self.stock.at, below=below, above=above))

    def _save_past(self, chunk: int, journal: Journal) -> None:
        if self.past is not None:
            journal.save(f"{PAST}{self.name}/{chunk}", self.past.chunks[chunk])


def open_book(bounds: Bounds, saved: Mapping[str, str], journal: Journal) -> Book:
    """The book of a zone, from what was saved of it; older versions saved tags and counts in one value."""
    name, now = bounds.zone.id, journal.moment.now
    value: dict[str, Any] = load(saved, ZONE).get(name, {})
    tags = {tag: Inside(**inside) for tag, inside in value.get("tags", {}).items()}
    for tag, (pieces, entered_at, work_order, *way_in) in load(saved, f"{INSIDE}{name}/").items():
        sign = Sign(way_in[0]) if way_in else Sign.READ
        tags[tag] = Inside(pieces=pieces, entered_at=entered_at, work_order=work_order, way_in=sign)
    stock, asked = value.get("stock"), value.get("asked", [0, False, False, ""])
    book = Book(
        bounds=bounds,
        level=_level(value) if bounds.has_counters else Level(),
        tags=load_tags(value.get("tags_state", {}), tags if bounds.has_tags else {}),
        flow=Flow(load(saved, f"{FLOW}{name}/")),
        past=Past(load(saved, f"{PAST}{name}/")) if bounds.zone.stocktake is Stocktake.ALLOWED else None,
        past_since=_time(value.get("past_since")) or now,
        count=value.get("count", _old_count(value)),
        error=value.get("error", 0),
        told_at=_time(value.get("told_at")),
        stock=None if stock is None else StockTake(id=stock[0], at=parse_time(stock[1]), count=stock[2]),
        is_apart=value.get("is_apart", False),
        turned_at=_time(value.get("turned_at")),
        gap=value.get("gap", ""),
        asked=Asked(deficit=asked[0], apart=asked[1], balance=asked[2], stock=asked[3]),
        held_until=now,
    )
    for tag in value.get("tags", {}):
        book.save_tag(tag, journal)
    # Another map may bound the zone otherwise: what nobody follows now is not true any more if it does so later.
    unfollowed = [] if bounds.has_tags else [f"{INSIDE}{name}/"]
    unfollowed += [] if book.past is not None else [f"{PAST}{name}/"]
    for key in [key for key in saved if key.startswith(tuple(unfollowed))]:
        journal.forget(key)
    return book


def _level(value: Mapping[str, Any]) -> Level:
    if "level" in value:
        return load_level(value["level"])
    counted = int(value.get("counted", 0))
    at = _time(value.get("told_at"))
    likely = Bound(max(0, counted), max(0, -counted))
    return Level(likely, likely, likely, at if counted < 0 else None)


def _old_count(value: Mapping[str, Any]) -> int:
    pieces = sum(int(inside["pieces"]) for inside in value.get("tags", {}).values())
    return pieces + max(0, int(value.get("counted", 0)))


def _text(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)


def _time(text: str | None) -> datetime | None:
    return parse_time(text) if text else None
