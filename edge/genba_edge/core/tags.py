"""RFID tags: which reads are passages, which passages are believed, and what they say of where a tag is.

A passage that goes with where the tag was known to be is believed. One that does not (further on, or back) is believed
if it looks as passages usually look at that read point; a weak one stays in doubt until the next passage of the tag
shows from where it came. What the way between implies is told with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from genba_edge.core.bindings import Bindings, Rebound
from genba_edge.core.crossings import Crossings, Sight, sight_of
from genba_edge.core.journal import Journal
from genba_edge.core.nodes import Nodes
from genba_edge.core.observations import TagRead
from genba_edge.core.passage import Cluster, Passage
from genba_edge.core.route import Crossing, Route, Start, Step, Way
from genba_edge.core.sightings import Decided, Sightings
from genba_edge.core.silence import Silence
from genba_edge.core.usual import Usual
from genba_edge.core.whereabouts import AllWhereabouts, Before, Whereabouts
from genba_edge.core.zone_tags import Sign
from genba_edge.core.zones import Zones
from genba_shared.clock import format_time, parse_time, to_milliseconds
from genba_shared.device_map.model import DeviceMap, RfidReader, Zone
from genba_shared.dispatch_document import DispatchDocument, TagBinding
from genba_shared.events import Direction, TagPassed

LOOK_AGAIN: Final = timedelta(seconds=10)
"""While a reader that would have seen the tag leave does not answer."""
FORGET_EVERY: Final = timedelta(hours=1)


class Tags:
    """All RFID readers of the gateway. `delay_s`: by reader, how late a live report may come."""

    def __init__(
        self,
        device_map: DeviceMap,
        journal: Journal,
        nodes: Nodes,
        zones: Zones,
        bindings: Bindings,
        saved: Mapping[str, str],
        *,
        delay_s: Mapping[str, float],
    ) -> None:
        self._journal, self._zones, self._bindings = journal, zones, bindings
        self._all_zones = device_map.zones
        self._readers = {name: device for name, device in device_map.devices.items() if isinstance(device, RfidReader)}
        self._accept = {name: re.compile(reader.accept) for name, reader in self._readers.items()}
        margins_db = {name: reader.presence.move_margin_db for name, reader in self._readers.items()}
        self._sightings = Sightings(self._readers, delay_s, journal, saved)
        self._usual = Usual(margins_db, journal, saved)
        self._where = AllWhereabouts(journal, saved, device_map.zones)
        self._route = Route(device_map.zones)
        self._crossings = Crossings(device_map, journal, nodes, zones, bindings)
        self._silence = Silence()
        self._forgot_at: datetime | None = None
        for zone, tag, inside in zones.stays():
            self._silence.watch(zone, tag, parse_time(inside.entered_at))

    def read(self, read: TagRead) -> None:
        """One report of reads at an antenna. Strays, weak reads and antennas outside the map are passed over."""
        antenna = self._readers[read.device].antennas.get(read.antenna)
        if antenna is None or not self._accept[read.device].search(read.tag):
            return
        rssi_dbm, least_dbm = read.rssi_dbm, antenna.min_rssi_dbm
        if least_dbm is not None and rssi_dbm is not None and rssi_dbm < least_dbm:
            return
        self._sightings.add(
            Cluster(
                read.device,
                antenna.read_point,
                read.tag,
                read.antenna,
                to_milliseconds(read.first_seen),
                to_milliseconds(read.last_seen),
                to_milliseconds(read.seen_at),
                read.reads,
                0.0 if rssi_dbm is None else rssi_dbm * read.reads,
                0 if rssi_dbm is None else read.reads,
            )
        )

    def find(self, device: str) -> None:
        """The device answers (again)."""
        if device in self._readers:
            self._sightings.find(device)

    def lose(self, device: str) -> None:
        """The device does not answer."""
        if device in self._readers:
            self._sightings.lose(device)

    def close_silent(self, device: str, complete_until: datetime) -> Sequence[Decided]:
        """What ends at a reader whose reads are complete up to `complete_until`, for `take_passage`."""
        return self._sightings.complete(device, complete_until) if device in self._readers else ()

    def take_passage(self, decided: Decided) -> None:
        """Reads of a tag have ended: whether it passed, and what that does to zones and nodes."""
        passage = decided.passage
        known = self._where.of(passage.tag)
        if decided.twin is not None:
            self._where.see(passage.tag, passage.last_seen)
        elif known.moved_at is not None and passage.last_seen <= known.moved_at:
            self._take_late(passage, known)
        else:
            self._judge(passage, known)

    def take_document(self, document: DispatchDocument) -> None:
        """A new dispatch document says what tags stand for, and which work orders are still open."""
        for rebound in self._bindings.replace(document.tags, now=self._journal.moment.now):
            before, after = rebound.before, rebound.after
            is_other = before is not None and (after is None or after.work_order != before.work_order)
            if before is None or not is_other or self._came_since(rebound, before):
                self._stand_for(rebound)
            else:
                self._end_life(rebound, before, is_finished=before.work_order not in document.work_orders)

    def complete_waiting(self) -> None:
        """Bindings or quantities are new: completions that waited for them are looked at again."""
        self._crossings.complete_waiting()

    def pass_time(self, now: datetime) -> None:
        """Close the stays of tags that went silent."""
        for zone, tag in self._silence.due(now):
            self._close_if_silent(self._all_zones[zone], tag, now)
        if self._forgot_at is None or now - self._forgot_at >= FORGET_EVERY:
            self._forgot_at = now
            self._where.forget_old(now)

    @property
    def has_unsaved_reads(self) -> bool:
        """Whether reads arrived that no commit holds yet."""
        return self._sightings.has_unsaved

    def save_clusters(self) -> None:
        """Put changed clusters into the journal."""
        self._sightings.save()
        self._usual.save()

    # Which passages are believed.

    def _judge(self, passage: Passage, known: Whereabouts) -> None:
        facts: dict[str, Any] = {}
        way = self._way(passage, known)
        doubt, weaknesses = known.doubt, self._usual.weaknesses(passage)
        if doubt is not None and way.step is not Step.BESIDE:
            known = replace(known, doubt=None)
            if not weaknesses and self._is_confirmed(doubt, passage, known, way):
                self._move(doubt, self._way(doubt, known), known, {"confirmed_by": _told(passage)})
                known = self._where.of(passage.tag)
                way = self._way(passage, known)
            else:
                facts["taken_for_stray"] = _told(doubt)
        if _is_doubtful(way, weaknesses):
            self._where.put(passage.tag, replace(known, doubt=passage, seen_at=_later(known.seen_at, passage)))
            return
        if weaknesses:
            facts["weak"] = {"read": _told(passage), "usual": self._usual.usual_of(passage.ref)}
        self._move(passage, way, known, facts)
        if way.is_straight:
            self._usual.learn(passage)

    def _way(self, passage: Passage, known: Whereabouts) -> Way:
        here = self._here(passage.tag, known)
        is_bound = self._bindings.at(passage.tag, passage.last_seen) is not None
        way = self._route.way(here, passage.ref, Start.AT_BEGINNING if is_bound else Start.ANYWHERE)
        if here is None and known.place == passage.ref and way.crossings and not way.zones:
            return Way(Step.AGAIN)  # it lingers where it went out
        return way

    def _here(self, tag: str, known: Whereabouts) -> str | None:
        if known.zone is not None and known.zone in self._all_zones:
            return known.zone
        return next((zone.id for zone in self._zones.zones_of(tag)), None)

    def _is_confirmed(self, doubt: Passage, passage: Passage, known: Whereabouts, way: Way) -> bool:
        """Whether a passage goes with the sighting in doubt, and does not go without it."""
        if doubt.last_seen >= passage.last_seen or doubt.ref == passage.ref or way.step is Step.AGAIN:
            return False
        after = self._way(doubt, known).zones
        from_there = self._route.way(after[0] if after else None, passage.ref, Start.ANYWHERE)
        return from_there.is_straight and not way.is_straight

    # What a passage does.

    def _move(self, passage: Passage, way: Way, known: Whereabouts, facts: dict[str, Any]) -> None:
        """The tag went this way."""
        tag, sight, here = passage.tag, sight_of(passage), self._here(passage.tag, known)
        if passage.shift:
            facts["reader_clock"] = {"moved_by_s": round(passage.shift.total_seconds(), 3), "sure": passage.sure}
        if known.closed and here is not None and way.step is not Step.BESIDE:
            known = self._reopen(tag, known, sight)
        if way.step in (Step.AGAIN, Step.BESIDE):
            event = self._crossings.pass_by(sight, self._all_zones[here] if here is not None else None)
            self._crossings.explain(event, {"step": way.step, **facts})
            self._where.put(tag, replace(known, seen_at=_later(known.seen_at, passage)))
            return
        unseen = _unseen(sight, known)
        if not way.is_straight:
            facts |= {"step": way.step, "was_in": here, "since": _text(known.moved_at), "seen_at": str(passage.ref)}
        for crossing in self._with_what_is_left(tag, way):
            event = self._cross(crossing, unseen if crossing.implied else sight, known)
            self._crossings.explain(event, facts)
        stays = way.zones or tuple(zone.id for zone in self._zones.zones_of(tag))
        for name in way.zones:
            self._silence.watch(self._all_zones[name], tag, passage.last_seen)
        self._where.put(
            tag,
            Whereabouts(
                zone=stays[0] if stays else None,
                place=passage.ref,
                moved_at=passage.last_seen,
                seen_at=_later(known.seen_at, passage),
                doubt=known.doubt,
                before=known.before,
            ),
        )

    def _with_what_is_left(self, tag: str, way: Way) -> Sequence[Crossing]:
        """The way, and out of whatever other zone the tag is in: entering one zone, it is in no other."""
        if not way.zones:
            return way.crossings
        left = {crossing.zone.id for crossing in way.crossings if crossing.direction is Direction.LEAVE}
        others = [zone for zone in self._zones.zones_of(tag) if zone.id not in left and zone.id not in way.zones]
        return (*(Crossing(zone, Direction.LEAVE, None, implied=True) for zone in others), *way.crossings)

    def _cross(self, crossing: Crossing, sight: Sight, known: Whereabouts) -> TagPassed:
        if crossing.direction is Direction.ENTER:
            return self._crossings.enter(crossing, sight)
        dwell_s = self._zones.dwell_s(crossing.zone.id, sight.tag, sight.at)
        if dwell_s is None and known.moved_at is not None:
            dwell_s = (sight.at - known.moved_at).total_seconds()
        return self._crossings.leave(crossing, sight, most_dwell_s=dwell_s)

    def _take_late(self, passage: Passage, known: Whereabouts) -> None:
        """A passage that is told after the tag is known to be further on, or to stand for something else.

        In the latter case the tag went on its way with what it stood for then. The zones know already that this is out.
        """
        before = known.before
        if before is None or not before.covers(passage.last_seen):
            self._note_late(passage, known)
            return
        way = self._route.way(before.zone, passage.ref, Start.AT_BEGINNING)
        if not way.crossings or _is_doubtful(way, self._usual.weaknesses(passage)):
            self._note_late(passage, known)
            return
        sight = sight_of(passage)
        unseen = _unseen(sight, Whereabouts(moved_at=before.since))
        dwell_s = None if before.since is None else (passage.last_seen - before.since).total_seconds()
        for crossing in way.crossings:
            event = self._crossings.pass_before(crossing, unseen if crossing.implied else sight, most_dwell_s=dwell_s)
            self._crossings.explain(event, {"step": "late", "bound_anew_at": format_time(before.until)})
        zone = next(iter(way.zones), None)
        self._where.put(passage.tag, replace(known, before=replace(before, zone=zone, since=passage.last_seen)))

    def _note_late(self, passage: Passage, known: Whereabouts) -> None:
        """A report came so late that the tag is known to be further on: it is told, and moves nothing."""
        here = self._here(passage.tag, known)
        event = self._crossings.pass_by(sight_of(passage), self._all_zones[here] if here is not None else None)
        self._crossings.explain(event, {"step": "late", "known_at": _text(known.moved_at)})

    # Stays that end without being seen.

    def _reopen(self, tag: str, known: Whereabouts, sight: Sight) -> Whereabouts:
        """A tag whose stay was closed is seen again: it was there all the time."""
        zone = self._all_zones[str(known.zone)]
        back, unseen = Crossing(zone, Direction.ENTER, known.place, implied=True), _unseen(sight, known)
        since = known.moved_at or unseen.at
        silence = timedelta.max if zone.close_after_s is None else timedelta(seconds=zone.close_after_s)
        gone_at = since + min(silence, unseen.at - since)
        event = self._crossings.reopen(back, unseen, since=since, gone_at=gone_at)
        self._crossings.explain(event, {"step": "reopened", "silent_since": _text(known.seen_at)})
        self._silence.watch(zone, tag, sight.at)
        return replace(known, closed=False)

    def _close_if_silent(self, zone: Zone, tag: str, now: datetime) -> None:
        inside, known = self._zones.inside(zone.id, tag), self._where.of(tag)
        if inside is None or zone.close_after_s is None:
            return
        signs = (parse_time(inside.entered_at), known.seen_at, self._sightings.seen_in(tag))
        last_sign = max(sign for sign in signs if sign is not None)
        due = last_sign + timedelta(seconds=zone.close_after_s)
        if due > now:
            self._silence.look_again(zone, tag, due)
        elif not all(self._sightings.is_live(ref.device) for ref in zone.leave):
            self._silence.look_again(zone, tag, now + LOOK_AGAIN)
        elif known.doubt is not None and self._way(known.doubt, known).step is Step.NEXT:
            facts = {"confirmed_by": "silence", "close_after_s": zone.close_after_s}
            self._move(known.doubt, self._way(known.doubt, known), replace(known, doubt=None), facts)
        else:
            out = Crossing(zone, Direction.LEAVE, self._route.only_way_out(zone.id), implied=True)
            facts = {"step": "silent", "close_after_s": zone.close_after_s}
            self._close(tag, [out], known, at=due, last_sign=last_sign, facts=facts, sign=Sign.SILENT)
            self._where.put(tag, replace(known, zone=zone.id, closed=True, moved_at=_latest(known.moved_at, last_sign)))

    def _stand_for(self, rebound: Rebound) -> None:
        """A tag was bound while it is in a zone, or stands for another number of pieces."""
        for zone in self._zones.zones_of(rebound.tag):
            if rebound.after is not None:
                self._crossings.stand_for(zone, rebound.tag, rebound.after, at=self._journal.moment.now)

    def _came_since(self, rebound: Rebound, before: TagBinding) -> bool:
        """Whether the document came late: the tag has come in since it was bound, with what it stands for now."""
        zones = self._zones.zones_of(rebound.tag)
        stays = [inside for zone in zones if (inside := self._zones.inside(zone.id, rebound.tag)) is not None]
        came = bool(stays) and all(parse_time(inside.entered_at) > rebound.at for inside in stays)
        return came and rebound.after is not None and before.since < rebound.at

    def _end_life(self, rebound: Rebound, before: TagBinding, *, is_finished: bool) -> None:
        """The tag stands for something else or for nothing: whatever it stood for is no longer where it is.

        Where the work order is finished, its pieces went the rest of the way.
        """
        known = self._where.of(rebound.tag)
        reason = "finished" if is_finished else "unbound" if rebound.after is None else "bound anew"
        facts = {"step": reason, "work_order": before.work_order}
        doubt = known.doubt
        if doubt is not None and doubt.last_seen < rebound.at and (way := self._way(doubt, known)).step is Step.NEXT:
            self._move(doubt, way, replace(known, doubt=None), {"confirmed_by": reason})
            known = self._where.of(rebound.tag)
        here = self._here(rebound.tag, known)
        for zone in self._zones.zones_of(rebound.tag):
            inside = self._zones.inside(zone.id, rebound.tag)
            entered_at = rebound.at if inside is None else parse_time(inside.entered_at)
            at = max(rebound.at, entered_at)
            last_sign = min(max(entered_at, known.seen_at or entered_at), at)
            out = (Crossing(zone, Direction.LEAVE, None, implied=True),)
            ways = self._route.way_on(zone.id) if is_finished else out
            self._close(rebound.tag, ways, known, at=at, last_sign=last_sign, facts=facts, binding=before)
        if known.closed and is_finished and known.zone in self._all_zones:  # told to have left there already
            ways = self._route.way_on(known.zone)[1:]
            last_sign = known.seen_at or rebound.at
            self._close(rebound.tag, ways, known, at=rebound.at, last_sign=last_sign, facts=facts, binding=before)
        way_before = None if is_finished else Before(zone=here, since=known.moved_at, until=rebound.at)
        now = Whereabouts(moved_at=_latest(known.moved_at, rebound.at), seen_at=known.seen_at, before=way_before)
        self._where.put(rebound.tag, now)

    def _close(
        self,
        tag: str,
        crossings: Sequence[Crossing],
        known: Whereabouts,
        *,
        at: datetime,
        last_sign: datetime,
        facts: dict[str, Any],
        binding: TagBinding | None = None,
        sign: Sign = Sign.IMPLIED,
    ) -> None:
        for crossing in crossings:
            ref = known.place or crossing.zone.leave[0]
            sight = Sight(tag=tag, ref=ref, at=at, first_seen=last_sign, last_seen=last_sign)
            self._crossings.explain(self._crossings.close(crossing, sight, binding, sign=sign), facts)


def _is_doubtful(way: Way, weaknesses: int) -> bool:
    """Whether a weak sighting is too weak for what it would mean."""
    if way.step in (Step.AGAIN, Step.BESIDE):
        return False
    return weaknesses > (1 if way.is_straight else 0)


def _unseen(sight: Sight, known: Whereabouts) -> Sight:
    """A passage that nobody saw: after the last one that was seen, and before the tag came where it was seen."""
    at = sight.first_seen if known.moved_at is None else max(sight.first_seen, min(known.moved_at, sight.at))
    first_seen = at if known.moved_at is None else min(known.moved_at, at)
    return Sight(tag=sight.tag, ref=sight.ref, at=at, first_seen=first_seen, last_seen=at, sure=sight.sure)


def _later(known: datetime | None, passage: Passage) -> datetime:
    return _latest(known, passage.last_seen)


def _latest(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else max(known, at)


def _text(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)


def _told(passage: Passage) -> dict[str, Any]:
    """A passage for people who ask."""
    return {
        "read_point": str(passage.ref),
        "at": format_time(passage.last_seen),
        "reads": passage.reads,
        "rssi_dbm": None if passage.rssi_dbm is None else round(passage.rssi_dbm, 1),
    }
