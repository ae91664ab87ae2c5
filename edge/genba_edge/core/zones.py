"""WIP per zone: pieces that entered and have not left, from tag passages or from a pair of counters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from genba_edge.core.journal import Journal, load
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import DeviceMap, Zone
from genba_shared.events import Result, Source, SourceType, WipChanged

_KEY = "zone/"
_STAY_KEY = "stay/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """A tag that is in a zone: pieces it stands for, since when, and of which work order."""

    pieces: int
    entered_at: str
    work_order: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneState:
    """What is in a zone. `counted` is pieces in minus pieces out of a counter pair; it may be negative for a moment.

    `tagged` is the pieces of the tags inside, whose stays are kept one by one. `told_at` is the time of the last event
    about the zone.
    """

    tagged: int = 0
    counted: int = 0
    error: int = 0
    told_at: str = ""

    @property
    def pieces(self) -> int:
        """Pieces in the zone, never below 0."""
        return self.tagged + max(0, self.counted)


class Zones:
    """The WIP of every zone of the map."""

    def __init__(self, device_map: DeviceMap, journal: Journal, saved: Mapping[str, str]) -> None:
        self._zones = device_map.zones
        self._journal = journal
        self._states: dict[str, ZoneState] = {name: ZoneState() for name in device_map.zones}
        self._gone: dict[str, ZoneState] = {}
        self._stays: dict[str, dict[str, Inside]] = {name: {} for name in device_map.zones}
        stays: dict[str, dict[str, Any]] = {}
        for key, inside in load(saved, _STAY_KEY).items():
            zone, _, tag = key.partition("/")
            stays.setdefault(zone, {})[tag] = inside
        for name, value in load(saved, _KEY).items():
            of_old = value.pop("tags", {})  # earlier versions kept all stays of a zone in one value
            tags = {tag: Inside(**inside) for tag, inside in {**of_old, **stays.get(name, {})}.items()}
            state = ZoneState(**{**value, "tagged": sum(inside.pieces for inside in tags.values())})
            (self._states if name in self._zones else self._gone)[name] = state
            self._stays[name] = tags
            for tag in of_old:
                self._save_stay(name, tag)
            if of_old:
                self._journal.save(_KEY + name, asdict(state))

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
            for tag in self._stays.pop(name):
                self._journal.forget(f"{_STAY_KEY}{name}/{tag}")
        self._gone.clear()

    def inside(self, zone: str, tag: str) -> Inside | None:
        """The tag's stay in the zone, if it is there."""
        return self._stays[zone].get(tag)

    def zones_of(self, tag: str) -> list[Zone]:
        """The zones that the tag is in."""
        return [zone for name, zone in self._zones.items() if tag in self._stays[name]]

    def tag_enters(
        self, zone: str, tag: str, pieces: int, *, work_order: str | None, at: datetime, source: Source, because: str
    ) -> None:
        """A tag with `pieces` pieces is in the zone from now on; what it stood for there before is no longer there."""
        inside = Inside(pieces=pieces, entered_at=format_time(at), work_order=work_order)
        self._put_stay(zone, tag, inside, at=at, source=source, because=because)

    def tag_leaves(self, zone: str, tag: str, *, at: datetime, source: Source, because: str) -> None:
        """A tag is no longer in the zone."""
        self._put_stay(zone, tag, None, at=at, source=source, because=because)

    def tag_stands_for(
        self, zone: str, tag: str, pieces: int, *, work_order: str | None, at: datetime, source: Source
    ) -> None:
        """A tag that is in the zone stands for other pieces from now on: it was bound there."""
        inside = self._stays[zone].get(tag)
        if inside is not None:
            changed = replace(inside, pieces=pieces, work_order=work_order)
            self._put_stay(zone, tag, changed, at=at, source=source)

    def stays(self) -> Iterator[tuple[Zone, str, Inside]]:
        """Every tag that is in a zone."""
        for name, zone in self._zones.items():
            for tag, inside in self._stays[name].items():
                yield zone, tag, inside

    def _put_stay(
        self, zone: str, tag: str, inside: Inside | None, *, at: datetime, source: Source, because: str | None = None
    ) -> None:
        state, before = self._states[zone], self._stays[zone].pop(tag, None)
        if inside is not None:
            self._stays[zone][tag] = inside
        if inside == before:
            return
        self._save_stay(zone, tag)
        change = (inside.pieces if inside else 0) - (before.pieces if before else 0)
        state = replace(state, tagged=state.tagged + change)
        self._put(zone, state, at=at, source=source, because=because)

    def _save_stay(self, zone: str, tag: str) -> None:
        inside = self._stays[zone].get(tag)
        key = f"{_STAY_KEY}{zone}/{tag}"
        if inside is None:
            self._journal.forget(key)
        else:
            self._journal.save(
                key, {"pieces": inside.pieces, "entered_at": inside.entered_at, "work_order": inside.work_order}
            )

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

    def dwell_s(self, zone: str, tag: str, at: datetime) -> float | None:
        """How long the tag has been in the zone at `at`; None when it is not there."""
        inside = self.inside(zone, tag)
        return (at - parse_time(inside.entered_at)).total_seconds() if inside else None

    def _put(self, zone: str, state: ZoneState, *, at: datetime, source: Source, because: str | None) -> None:
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
                because=() if because is None else (because,),
            )
