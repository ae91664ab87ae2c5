"""Where each tag is on its way: the zone it was last known in, when it came there, and a sighting that is in doubt."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from genba_edge.core.journal import Journal, load
from genba_edge.core.passage import Passage
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import ReadPointRef

KEPT: Final = timedelta(days=2)
"""A tag that is in no zone and was not read for so long is forgotten."""
_KEY: Final = "tag/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """Where the tag was `until` it was bound anew or unbound: in this zone, `since` it passed a read point."""

    zone: str | None
    since: datetime | None
    until: datetime

    def covers(self, at: datetime) -> bool:
        """Whether a passage at `at` is one that nobody knew of when the tag was bound anew."""
        return at < self.until and (self.since is None or self.since < at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """What is known of one tag.

    `zone`: where it is on its way, also when its stay there was closed because it went silent (`closed`). `place` and
    `moved_at`: the read point that it passed last, and when. `seen_at`: its last read, passage or not. `doubt`: a
    sighting that does not go with the rest and is weak; the next passage decides whether it happened. `before`: its way
    with what it stood for until it was bound anew.
    """

    zone: str | None = None
    closed: bool = False
    place: ReadPointRef | None = None
    moved_at: datetime | None = None
    seen_at: datetime | None = None
    doubt: Passage | None = None
    before: Before | None = None


NOWHERE: Final = Whereabouts()


class AllWhereabouts:
    """Of every tag that is in one of the `zones`, or was read lately."""

    def __init__(self, journal: Journal, saved: Mapping[str, str], zones: Container[str]) -> None:
        self._journal = journal
        self._tags = {tag: _loaded(value) for tag, value in load(saved, _KEY).items()}
        for tag, known in self._tags.items():
            if known.zone is not None and known.zone not in zones:  # it left the map
                self.put(tag, replace(known, zone=None, closed=False))

    def of(self, tag: str) -> Whereabouts:
        """What is known of the tag."""
        return self._tags.get(tag, NOWHERE)

    def put(self, tag: str, whereabouts: Whereabouts) -> None:
        """Know this of the tag from now on."""
        self._tags[tag] = whereabouts
        self._journal.save(_KEY + tag, _saved(whereabouts))

    def see(self, tag: str, at: datetime) -> None:
        """The tag was read, whatever that means for its way."""
        known = self.of(tag)
        if known.seen_at is None or at > known.seen_at:
            self.put(tag, replace(known, seen_at=at))

    def forget_old(self, now: datetime) -> None:
        """Forget tags that are in no zone and were not read for long."""
        for tag in [tag for tag, known in self._tags.items() if _is_old(known, now)]:
            del self._tags[tag]
            self._journal.forget(_KEY + tag)

    def __iter__(self) -> Iterator[tuple[str, Whereabouts]]:
        return iter(self._tags.items())


def _is_old(known: Whereabouts, now: datetime) -> bool:
    if known.zone is not None and not known.closed:
        return False
    latest = max((at for at in (known.seen_at, known.moved_at) if at is not None), default=None)
    return latest is None or now - latest > KEPT


def _saved(known: Whereabouts) -> dict[str, Any]:
    """Without what is empty: one is saved for each passage."""
    values = {
        "zone": known.zone,
        "closed": known.closed or None,
        "place": None if known.place is None else [known.place.device, known.place.read_point],
        "moved_at": None if known.moved_at is None else format_time(known.moved_at),
        "seen_at": None if known.seen_at is None else format_time(known.seen_at),
        "doubt": None if known.doubt is None else _saved_passage(known.doubt),
        "before": None if known.before is None else _saved_before(known.before),
    }
    return {name: value for name, value in values.items() if value is not None}


def _loaded(value: Mapping[str, Any]) -> Whereabouts:
    times = {name: parse_time(value[name]) for name in ("moved_at", "seen_at") if name in value}
    return Whereabouts(
        zone=value.get("zone"),
        closed=value.get("closed", False),
        place=ReadPointRef(*value["place"]) if "place" in value else None,
        doubt=_loaded_passage(value["doubt"]) if "doubt" in value else None,
        before=_loaded_before(*value["before"]) if "before" in value else None,
        **times,
    )


def _saved_before(before: Before) -> list[str | None]:
    return [before.zone, None if before.since is None else format_time(before.since), format_time(before.until)]


def _loaded_before(zone: str | None, since: str | None, until: str) -> Before:
    return Before(zone=zone, since=None if since is None else parse_time(since), until=parse_time(until))


def _saved_passage(passage: Passage) -> dict[str, Any]:
    return {
        "ref": [passage.ref.device, passage.ref.read_point],
        "tag": passage.tag,
        "antenna": passage.antenna,
        "first_seen": format_time(passage.first_seen),
        "last_seen": format_time(passage.last_seen),
        "reads": passage.reads,
        "rssi_dbm": passage.rssi_dbm,
        "shift_s": passage.shift.total_seconds(),
        "sure": passage.sure,
    }


def _loaded_passage(value: Mapping[str, Any]) -> Passage:
    return Passage(
        ref=ReadPointRef(*value["ref"]),
        tag=value["tag"],
        antenna=value["antenna"],
        first_seen=parse_time(value["first_seen"]),
        last_seen=parse_time(value["last_seen"]),
        reads=value["reads"],
        rssi_dbm=value["rssi_dbm"],
        shift=timedelta(seconds=value["shift_s"]),
        sure=value["sure"],
    )
