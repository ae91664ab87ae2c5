"""WIP per zone: pieces that entered and have not left, from tag passages, from counters, or from both.

Tags know which work order is inside, counters know how many pieces are. Each gives an estimate with bounds; what the
two say together is in `zone_estimate`. Every number is told with its error. What does not fit is questioned once:
pieces that went out and never came in, tags and counters that drift apart, a week that contradicts Little's law.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from genba_edge.core.cadence import ZoneLevel
from genba_edge.core.journal import Journal, load
from genba_edge.core.watch import LATE_POLLS, awaited
from genba_edge.core.zone_book import FLOW, INSIDE, PAST, ZONE, Book, open_book
from genba_edge.core.zone_bounds import ahead, bounds_of, reach_of
from genba_edge.core.zone_estimate import Joined
from genba_edge.core.zone_flow import MOST_DIFFERENCE, hour_of
from genba_edge.core.zone_level import GRACE, Move
from genba_edge.core.zone_questions import about_balance, about_count, about_deficit, about_drift, about_old_stock
from genba_edge.core.zone_tags import Inside, Sign
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import DeviceMap, PointRef, Zone
from genba_shared.dispatch_document import StockTake
from genba_shared.events import DataQuestioned, QuestionCause, Source, SourceType, WipChanged

LOOK: Final = timedelta(seconds=10)  # how often time is given a chance to change what is told
TOLD_BY: Final = timedelta(seconds=15)  # after a device came back, joined counts of its silence are told
DRIFT: Final = timedelta(minutes=10)  # tags are told when they have gone: sources may differ for a while
GAP_KEPT_S: Final = 24 * 3600  # as long may stay inside what came in unseen
CALM: Final = timedelta(hours=1)  # as long must they agree before they are questioned again


class Zones:
    """The WIP of every zone of the map. `poll_s`: how often devices are read, for those that are polled."""

    def __init__(
        self, device_map: DeviceMap, journal: Journal, saved: Mapping[str, str], poll_s: Mapping[str, float]
    ) -> None:
        self._journal = journal
        self._late = {device: timedelta(seconds=LATE_POLLS * period) for device, period in poll_s.items()}
        self._books = {bounds.zone.id: open_book(bounds, saved, journal) for bounds in bounds_of(device_map)}
        self._counted: dict[PointRef, list[Book]] = {}
        self._bounded: dict[str, list[Book]] = {}
        for book in self._books.values():
            self._note_bounds(book)
        points = (
            (PointRef(device.id, point.name), point.counter)
            for device in device_map.devices.values()
            for point in device.points.values()
        )
        self._settings = {ref: counter for ref, counter in points if counter is not None and ref in self._counted}
        self._doubts: dict[PointRef, Move] = {}
        self._silent: dict[str, datetime] = {}
        self._awaited = awaited(self._bounded, saved)
        self._system = Source(type=SourceType.SYSTEM, ref=journal.identity.gateway)
        self._returned: dict[str, tuple[datetime, datetime]] = {}  # silent since, and until; not yet told what passed
        self._looked_at = journal.moment.now
        self._gone = {name: value for name, value in load(saved, ZONE).items() if name not in self._books}
        parts = ((key, key.split("/")) for key in saved if key.startswith((INSIDE, FLOW, PAST)))
        self._gone_keys = [key for key, part in parts if part[1] in self._gone]

    def _note_bounds(self, book: Book) -> None:
        for counter in {*book.bounds.counters_in, *book.bounds.counters_out}:
            self._counted.setdefault(counter, []).append(book)
        for device in book.bounds.devices:
            self._bounded.setdefault(device, []).append(book)

    def fit_to_map(self, at: datetime) -> None:
        """Zones that left the map hold nothing any more, and are not remembered; others may be bounded otherwise."""
        for name, value in self._gone.items():
            count = value.get("count", sum(int(inside["pieces"]) for inside in value.get("tags", {}).values()))
            count += max(0, int(value.get("counted", 0)))
            if count or value.get("error"):
                told_at = parse_time(value["told_at"]) if value.get("told_at") else at
                self._emit(name, count=0, by=-count, error=0, at=max(at, told_at), source=self._system, because=())
            self._journal.forget(ZONE + name)
        for key in self._gone_keys:
            self._journal.forget(key)
        self._gone.clear()
        for book in self._books.values():
            if book.told_at is not None:
                self._tell(book, at=at, source=self._system, because=())

    def inside(self, zone: str, tag: str) -> Inside | None:
        """The tag's stay in the zone, if it is there."""
        return self._books[zone].tags.tags.get(tag)

    def zones_of(self, tag: str) -> list[Zone]:
        """The zones that the tag is in."""
        return [book.bounds.zone for book in self._books.values() if tag in book.tags.tags]

    def level(self, zone: str) -> ZoneLevel:
        """How many pieces are in the zone, how far that may be wrong, and since when it is so."""
        book = self._books[zone]
        return ZoneLevel(pieces=book.count, error=book.error + book.level.deficit, since=book.told_at)

    def stays(self) -> Iterator[tuple[Zone, str, Inside]]:
        """Every tag that is in a zone."""
        for book in self._books.values():
            for tag, inside in book.tags.tags.items():
                yield book.bounds.zone, tag, inside

    def dwell_s(self, zone: str, tag: str, at: datetime) -> float | None:
        """How long the tag has been in the zone at `at`; None when it is not there."""
        inside = self.inside(zone, tag)
        return (at - parse_time(inside.entered_at)).total_seconds() if inside else None

    def tag_enters(
        self,
        zone: str,
        tag: str,
        pieces: int,
        *,
        work_order: str | None,
        at: datetime,
        source: Source,
        because: str,
    ) -> None:
        """A tag with `pieces` pieces is in the zone from now on; what it stood for there before is no longer there."""
        book = self._books[zone]
        inside = Inside(pieces=pieces, entered_at=format_time(at), work_order=work_order)
        book.take_tag_in(tag, inside, at, self._journal)
        self._tell(book, at=at, source=source, because=(because,))

    def tag_stayed(
        self,
        zone: str,
        tag: str,
        pieces: int,
        *,
        work_order: str | None,
        since: datetime,
        gone_at: datetime,
        at: datetime,
        source: Source,
        because: str,
    ) -> None:
        """A tag that was silent, and taken to have left at `gone_at`, shows to have been in the zone since `since`."""
        book = self._books[zone]
        inside = Inside(pieces=pieces, entered_at=format_time(since), work_order=work_order, way_in=Sign.SILENT)
        book.take_tag_back(tag, inside, gone_at, self._journal)
        self._tell(book, at=at, source=source, because=(because,))

    def tag_stands_for(
        self, zone: str, tag: str, pieces: int, *, work_order: str | None, at: datetime, source: Source
    ) -> None:
        """What a tag that is in the zone stands for became known, or known better: it stood for that since it came in.

        So what a person counted meanwhile still holds.
        """
        book = self._books[zone]
        book.know_tag(tag, pieces, work_order, self._journal)
        self._tell(book, at=at, source=source, because=())

    def tag_leaves(
        self,
        zone: str,
        tag: str,
        *,
        at: datetime,
        source: Source,
        because: str,
        sign: Sign = Sign.READ,
        unseen_pieces: int = 1,
    ) -> None:
        """A tag is no longer in the zone; where nobody saw it come in, it stood for `unseen_pieces`."""
        book = self._books[zone]
        book.let_tag_out(tag, at, sign=sign, unseen_pieces=unseen_pieces, journal=self._journal)
        self._tell(book, at=at, source=source, because=(because,))

    def pieces_counted(
        self, ref: PointRef, pieces: int, *, since: datetime, at: datetime, source: Source, because: str
    ) -> None:
        """A counter counted pieces: they enter or leave the zones that it bounds."""
        doubt = self._doubts.get(ref)
        if doubt is not None and doubt.at == at:
            del self._doubts[ref]
        else:
            doubt = None
        self._returned.pop(ref.device, None)
        for book in self._counted.get(ref, ()):
            self._move(book, book.bounds.sign(ref), Move(pieces, min(since, at), at), doubt)
            self._tell(book, at=at, source=source, because=(because,))

    def doubt_count(self, ref: PointRef, *, below: int, above: int, at: datetime) -> None:
        """Of the pieces that a counter counts next, up to `at`, there may be fewer by `below`, or more by `above`."""
        if ref in self._counted:
            self._doubts[ref] = Move(0, at, at, below, above)

    def question_count(self, ref: PointRef, *, least: int, most: int, at: datetime, because: str) -> None:
        """A question was asked about pieces of a counter, of which none was counted."""
        for book in self._counted.get(ref, ()):
            self._move(book, book.bounds.sign(ref), Move(0, at, at), Move(0, at, at, -least, most))
            self._tell(book, at=at, source=self._system, because=(because,))

    def _move(self, book: Book, sign: int, pieces: Move, doubt: Move | None) -> None:
        less, more = (doubt.below, doubt.above) if doubt is not None else (0, 0)
        if sign < 0:
            less, more = more, less
        move = pieces._replace(change=sign * pieces.change, below=abs(sign) * less, above=abs(sign) * more)
        if move.change or less or more:
            book.move(move, self._journal)
            came_in, went_out = max(0, move.change), max(0, -move.change)
            book.flow.pass_by(self._journal.moment.now, came_in=came_in, went_out=went_out)

    def lose_device(self, device: str, at: datetime) -> None:
        """A device does not answer: what passes its bounds is not seen."""
        self._silent.setdefault(device, self._awaited.pop(device, None) or at)
        for book in self._bounded.get(device, ()):
            self._tell(book, at=at, source=self._system, because=())

    def find_device(self, device: str) -> None:
        """A device answers again: its counters tell what they counted meanwhile."""
        self._awaited.pop(device, None)
        since = self._silent.pop(device, None)
        if since is not None:
            self._returned[device] = since, self._journal.moment.now

    def note_gap(self, device: str, begin: datetime, end: datetime, because: str) -> None:
        """Nobody observed the device: tags may have passed its read points unseen."""
        for book in self._bounded.get(device, ()):
            zone, seconds = book.bounds.zone, (end - begin).total_seconds()
            if any(ref.device == device for ref in book.bounds.counters_in):
                book.gap = device
            enters, leaves = (any(ref.device == device for ref in refs) for refs in (zone.enter, zone.leave))
            if enters or leaves:
                came_in, went_out = book.unseen_tags(seconds)
                book.tags.note_gap(
                    format_time(end), came_in=came_in if enters else 0, went_out=went_out if leaves else 0
                )
            self._tell(book, at=begin, source=self._system, because=(because,))

    def take_stocks(self, stocks: Mapping[str, StockTake], at: datetime) -> None:
        """The latest stock-take of each zone, as the collector knows it."""
        for name, stock in stocks.items():
            book = self._books.get(name)
            if book is None or book.past is None or stock.id == book.asked.stock:
                continue
            taken = replace(stock, at=min(stock.at, at))  # the collector's clock may be ahead of ours
            last = book.stock
            if last is not None and (taken.id == last.id or (taken.at, taken.id) <= (last.at, last.id)):
                continue
            if book.take_stock(taken):
                joined = self._joined(book, self._journal.moment.now)
                self._tell_now(book, joined, at=taken.at, source=self._system, because=(taken.id,))
                continue
            book.asked.stock = taken.id
            self._ask(book, at=at, note=about_old_stock(book, taken), because=(taken.id,))
            book.save(self._journal)

    def pass_time(self, now: datetime) -> None:
        """Let time rules act: what is short for too long, sources that stay apart, the end of an hour."""
        if self._looked_at <= now < self._looked_at + LOOK:
            return
        looked_at, self._looked_at = self._looked_at, now
        for device in [device for device, (_, back_at) in self._returned.items() if now - back_at >= TOLD_BY]:
            del self._returned[device]
        for book in self._books.values():
            book.hold(now)
            self._settle(book, now)
            self._look_for_drift(book, now)
            if hour_of(now) != hour_of(looked_at):
                book.forget(now, self._journal)
                book.save_hours(looked_at, self._journal)
                kept_s = book.bounds.zone.close_after_s or GAP_KEPT_S
                book.tags.forget_gaps(format_time(now - timedelta(seconds=kept_s)))
                self._weigh(book, now)
                book.save(self._journal)

    def _settle(self, book: Book, now: datetime) -> None:
        """Pieces that were short, and that nobody reported in time, do not come any more."""
        level = book.level
        inputs = {ref.device for ref in book.bounds.counters_in}
        grace = max([GRACE, *(self._late[device] for device in inputs if device in self._late)])
        if level.short_at is None or now < level.short_at + grace or inputs & self._silent.keys():
            self._tell(book, at=self._doubted_since(book, now), source=self._system, because=())
            return
        book.level = level.settled()
        missing = book.level.missing
        because: tuple[str, ...] = ()
        if level.deficit and missing > 2 * book.asked.deficit:
            because = (self._ask(book, at=now, note=about_deficit(book, level.deficit), because=()),)
            book.asked.deficit = missing
        self._tell(book, at=now, source=self._system, because=because)
        book.save(self._journal)

    def _doubted_since(self, book: Book, now: datetime) -> datetime:
        """Doubt that grows while a device is silent is about the time since then: what passed then is told later."""
        return min((since for device, since in self._silent.items() if device in book.bounds.devices), default=now)

    def _look_for_drift(self, book: Book, now: datetime) -> None:
        joined = self._joined(book, now)
        is_apart = joined.apart > 0
        if book.turned_at is None or is_apart is not book.is_apart:
            book.is_apart, book.turned_at = is_apart, now
            return
        since = now - book.turned_at
        if is_apart and since >= DRIFT and not book.asked.apart:
            book.asked.apart = True
            self._ask(book, at=now, note=about_drift(book, joined, since), because=())
            book.save(self._journal)
        elif not is_apart and since >= CALM:
            book.asked.apart = False

    def _weigh(self, book: Book, now: datetime) -> None:
        """Little's law, once an hour."""
        balance = book.flow.balance()
        if balance is None:
            return
        if balance.difference <= MOST_DIFFERENCE / 2:
            book.asked.balance = False
        if balance.difference <= MOST_DIFFERENCE or book.asked.balance:
            return
        book.asked.balance = True
        self._ask(book, at=now, note=about_balance(balance), because=())

    def _joined(self, book: Book, now: datetime) -> Joined:
        unseen_in = unseen_out = tags_in = tags_out = 0
        for device, seconds in self._silences(book, now):
            unseen_in += self._unseen_pieces(book, device, book.bounds.counters_in, seconds)
            unseen_out += self._unseen_pieces(book, device, book.bounds.counters_out, seconds)
            if device in self._silent:  # later the gap of a reader is declared, and noted with the tags
                came_in, went_out = book.unseen_tags(seconds)
                tags_in += came_in * any(ref.device == device for ref in book.bounds.zone.enter)
                tags_out += went_out * any(ref.device == device for ref in book.bounds.zone.leave)
        return book.joined(unseen_in=unseen_in, unseen_out=unseen_out, tags_in=tags_in, tags_out=tags_out)

    def _silences(self, book: Book, now: datetime) -> Iterator[tuple[str, float]]:
        """Devices at the bounds of which nobody knows what passed, and for how many seconds."""
        for device, since in self._silent.items():
            if device in book.bounds.devices:
                yield device, ahead((now - since).total_seconds())
        for device, (since, back_at) in self._returned.items():
            if device in book.bounds.devices:
                yield device, (back_at - since).total_seconds()

    def _unseen_pieces(self, book: Book, device: str, ends: Iterable[PointRef], seconds: float) -> int:
        pieces = 0
        for ref in ends:
            if ref.device == device:
                reach = reach_of(self._settings[ref], seconds)
                usual = book.flow.unseen(seconds)
                pieces += reach if reach is not None else max(1, book.count) if usual is None else usual
        return pieces

    def _tell(self, book: Book, *, at: datetime, source: Source, because: tuple[str, ...]) -> None:
        """Tell the count and its error where they changed, and keep what is known of the zone."""
        joined = self._joined(book, self._journal.moment.now)
        count, error = joined.estimate.pieces, joined.estimate.error
        is_surer = error <= book.error - max(1, book.error // 10) and not self._awaited.keys() & book.bounds.devices
        if count != book.count or error > book.error or is_surer:
            self._tell_now(book, joined, at=at, source=source, because=because)
        elif because:
            book.save(self._journal)

    def _tell_now(self, book: Book, joined: Joined, *, at: datetime, source: Source, because: tuple[str, ...]) -> None:
        """Tell the count and its error, at the latest time of all that went into them.

        A piece of one device may arrive after a later piece of another, and the newest count must not stand before an
        older one.
        """
        book.hold(self._journal.moment.now)
        count, error = joined.estimate.pieces, joined.estimate.error
        book.told_at = at if book.told_at is None else max(at, book.told_at)
        by = count - book.count
        event = self._emit(book.name, count=count, by=by, error=error, at=book.told_at, source=source, because=because)
        is_corrected = book.stock is not None and book.stock.id in because
        if error or is_corrected or (book.bounds.has_counters and book.bounds.has_tags):
            self._journal.note_trail(event, **about_count(book, joined, silent=sorted(self._silent)))
        book.count, book.error = count, error
        book.save(self._journal)

    def _emit(
        self, zone: str, *, count: int, by: int, error: int, at: datetime, source: Source, because: tuple[str, ...]
    ) -> WipChanged:
        fields: dict[str, Any] = {"zone": zone, "count": count, "by": by, "error_estimate": error}
        return self._journal.emit(WipChanged, at=at, source=source, because=because, **fields)

    def _ask(self, book: Book, *, at: datetime, note: str, because: tuple[str, ...]) -> str:
        event = self._journal.emit(
            DataQuestioned,
            at=at,
            source=self._system,
            point=f"zone {book.name}",
            zone=book.name,
            note=note,
            cause=QuestionCause.WIP,
            because=because,
        )
        return event.id
