"""WIP per zone: pieces that entered and have not left, from tag passages or from a pair of counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from genba_edge.core.cadence import ZoneLevel
from genba_edge.core.journal import Journal, load
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import DeviceMap, ReadPointRef, Zone
from genba_shared.events import Result, Source, SourceType, WipChanged

_KEY = "zone/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """A tag that is in a zone: pieces it stands for, since when, and of which work order."""

    pieces: int
    entered_at: str
    work_order: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneState:
    """What is in a zone. `counted` is pieces in minus pieces out of a counter pair; it may be negative for a moment.

    `told_at` is the time of the last event about the zone.
    """

    tags: Mapping[str, Inside] = field(default_factory=dict)
    counted: int = 0
    error: int = 0
    told_at: str = ""

    @property
    def pieces(self) -> int:
        """Pieces in the zone, never below 0."""
        return sum(inside.pieces for inside in self.tags.values()) + max(0, self.counted)


class Zones:
    """The WIP of every zone of the map."""

    def __init__(self, device_map: DeviceMap, journal: Journal, saved: Mapping[str, str]) -> None:
        self._zones = device_map.zones
        self._journal = journal
        self._states: dict[str, ZoneState] = {name: ZoneState() for name in device_map.zones}
        self._gone: dict[str, ZoneState] = {}
        for name, value in load(saved, _KEY).items():
            tags = {tag: Inside(**inside) for tag, inside in value["tags"].items()}
            states = self._states if name in self._zones else self._gone
            states[name] = ZoneState(**{**value, "tags": tags})

    def fit_to_map(self, at: datetime) -> None:
        """Zones that left the map hold nothing any more, and are not remembered."""
        for name, state in self._gone.items():
            if state.pieces:
                self._journal.emit(
                    WipChanged,
                    at=max(at, parse_time(state.told_at)) if state.told_at else at,
                    source=Source(type=SourceType.SYSTEM, ref=self._journal.identity.gateway),
                    zone=name,
                    count=0,
                    by=-state.pieces,
                    error_estimate=0,
                )
            self._journal.forget(_KEY + name)
        self._gone.clear()

    def entered_by(self, ref: ReadPointRef) -> list[Zone]:
        """Zones that a passage of this read point enters."""
        return [zone for zone in self._zones.values() if ref in zone.enter]

    def left_by(self, ref: ReadPointRef) -> list[Zone]:
        """Zones that a passage of this read point leaves."""
        return [zone for zone in self._zones.values() if ref in zone.leave]

    def inside(self, zone: str, tag: str) -> Inside | None:
        """The tag's stay in the zone, if it is there."""
        return self._states[zone].tags.get(tag)

    def zones_of(self, tag: str) -> list[Zone]:
        """The zones that the tag is in."""
        return [self._zones[name] for name, state in self._states.items() if tag in state.tags]

    def tag_enters(
        self, zone: str, tag: str, pieces: int, *, work_order: str | None, at: datetime, source: Source, because: str
    ) -> None:
        """A tag with `pieces` pieces is in the zone from now on; what it stood for there before is no longer there."""
        state = self._states[zone]
        tags = {**state.tags, tag: Inside(pieces=pieces, entered_at=format_time(at), work_order=work_order)}
        self._put(zone, replace(state, tags=tags), at=at, source=source, because=because)

    def tag_leaves(self, zone: str, tag: str, *, at: datetime, source: Source, because: str) -> None:
        """A tag is no longer in the zone."""
        state = self._states[zone]
        tags = {name: inside for name, inside in state.tags.items() if name != tag}
        self._put(zone, replace(state, tags=tags), at=at, source=source, because=because)

    def pieces_counted(
        self, station: str, result: Result, pieces: int, *, at: datetime, source: Source, because: str
    ) -> None:
        """Pieces were counted at a station: they enter or leave the zones that its counter bounds."""
        for zone in self._zones.values():
            change = sum(pieces for end in zone.pieces_in if (end.station, end.result) == (station, result))
            change -= sum(pieces for end in zone.pieces_out if (end.station, end.result) == (station, result))
            if change:
                state = self._states[zone.id]
                self._put(
                    zone.id, replace(state, counted=state.counted + change), at=at, source=source, because=because
                )

    def level(self, zone: str) -> ZoneLevel:
        """How many pieces are in the zone, how far that may be wrong, and since when it is so."""
        state = self._states[zone]
        since = parse_time(state.told_at) if state.told_at else None
        return ZoneLevel(pieces=state.pieces, error=state.error + max(0, -state.counted), since=since)

    def dwell_s(self, zone: str, tag: str, at: datetime) -> float | None:
        """How long the tag has been in the zone at `at`; None when it is not there."""
        inside = self.inside(zone, tag)
        return (at - parse_time(inside.entered_at)).total_seconds() if inside else None

    def _put(self, zone: str, state: ZoneState, *, at: datetime, source: Source, because: str) -> None:
        """Keep the new state and tell the new count.

        The count is told at the latest time of all that went into it: a piece of one device may arrive after a later
        piece of another, and the newest count must not stand before an older one.
        """
        by = state.pieces - self._states[zone].pieces
        told_at = max(at, parse_time(state.told_at)) if state.told_at else at
        state = replace(state, told_at=format_time(told_at))
        self._states[zone] = state
        values: dict[str, Any] = asdict(state)
        self._journal.save(_KEY + zone, values)
        if by:
            self._journal.emit(
                WipChanged,
                at=told_at,
                source=source,
                zone=zone,
                count=state.pieces,
                by=by,
                error_estimate=state.error + max(0, -state.counted),
                because=(because,),
            )
