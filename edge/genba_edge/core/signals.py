"""Bits and station states that node rules ask about: whose work they speak of, and what follows from a change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from genba_edge.core.levels import Levels
from genba_edge.core.nodes import Nodes, WorkKey
from genba_edge.core.observations import Sample
from genba_edge.core.work import Work
from genba_shared.device_map.model import (
    DeviceMap,
    NodeRule,
    PointIs,
    PointRef,
    PointSign,
    StationIs,
    leaves_of,
)
from genba_shared.events import Source, SourceType, StationStateChanged


class _Change(NamedTuple):
    key: WorkKey
    at: datetime
    source: Source


def asked_points(device_map: DeviceMap) -> frozenset[PointRef]:
    """The bits that some node rule asks about."""
    return frozenset(leaf.point for rule in device_map.nodes.values() for leaf in _bits(rule))


def asked_stations(device_map: DeviceMap) -> frozenset[str]:
    """The stations whose state some node rule asks about."""
    rules = device_map.nodes.values()
    return frozenset(station for rule in rules if _asks_states(rule) for station in rule.stations)


class Signals:
    """What bits and states do to nodes.

    Changes act at the end of a look: the pieces that were read together with them are counted by then.
    """

    def __init__(self, device_map: DeviceMap, nodes: Nodes, work: Work, levels: Levels) -> None:
        self._nodes, self._work, self._levels = nodes, work, levels
        self._by_point: dict[PointRef, list[tuple[NodeRule, tuple[PointIs, ...], tuple[str, ...]]]] = {}
        self._by_station: dict[str, list[NodeRule]] = {}
        for rule in device_map.nodes.values():
            for ref in {leaf.point for leaf in _bits(rule)}:
                same = tuple(name for name in rule.stations if device_map.stations[name].device == ref.device)
                leaves = tuple(leaf for leaf in _bits(rule) if leaf.point == ref)
                self._by_point.setdefault(ref, []).append((rule, leaves, same or rule.stations))
            if _asks_states(rule):
                for station in rule.stations:
                    self._by_station.setdefault(station, []).append(rule)
        self._seen_by: dict[str, set[str]] = {}  # by device: the asked stations whose state it shows
        for name in levels.stations:
            shown_by = device_map.stations[name].state
            for ref in shown_by.points if shown_by is not None else ():
                self._seen_by.setdefault(ref.device, set()).add(name)
        self._read_at: dict[PointRef, datetime] = {}
        self._changes: list[_Change] = []

    def take(self, ref: PointRef, sample: Sample) -> None:
        """One reading of a bit."""
        if not isinstance(sample.value, bool):
            return
        was_known = (level := self._levels.bit(ref)) is not None and level.is_known
        moved = self._levels.set_bit(ref, value=sample.value, at=sample.at)
        before, self._read_at[ref] = self._read_at.get(ref), sample.at
        if moved is None and was_known:
            return
        source = Source(type=SourceType.PLC, ref=str(ref))
        for rule, leaves, stations in self._by_point[ref]:
            for station in stations:
                self._tell(rule, leaves, station, moved=moved, at=sample.at, before=before, source=source)

    def _tell(
        self,
        rule: NodeRule,
        leaves: tuple[PointIs, ...],
        station: str,
        *,
        moved: bool | None,
        at: datetime,
        before: datetime | None,
        source: Source,
    ) -> None:
        """A bit moved, or is known again: tell it to the work that it speaks of."""
        in_doubt = before is not None and self._work.changed_within(station, before, at)
        key = self._work.owner_at(station, at)
        if in_doubt and before is not None:  # a machine says that an order is done before it shows the next one
            key = self._work.owner_after(station, before)
        if key is not None and key.node == rule.code:
            self._show(key, rule, leaves, station, moved=moved, at=at, source=source, in_doubt=in_doubt)
        for each in dict.fromkeys((key, self._work.owner(station))):  # for the work of now the bit stands as it stands
            if each is not None and each.node == rule.code:
                self._changes.append(_Change(each, at, source))

    def _show(
        self,
        key: WorkKey,
        rule: NodeRule,
        leaves: tuple[PointIs, ...],
        station: str,
        *,
        moved: bool | None,
        at: datetime,
        source: Source,
        in_doubt: bool,
    ) -> None:
        level = self._levels.bit(leaves[0].point)
        for leaf in leaves:
            edge = {PointSign.RISES: True, PointSign.FALLS: False}.get(leaf.sign)
            if edge is not None and moved is edge:
                self._nodes.see(key, leaf, at=at)
                if in_doubt:
                    self._nodes.doubt(key, f"{leaf} was read together with a change of work")
            elif leaf == rule.start_when and level is not None and level.value:
                self._nodes.start(key, at=at, station=station, source=source)

    def hear_state(self, event: StationStateChanged) -> None:
        """A station is in another state: it counts since it holds, its work goes on when that is known."""
        station = event.station or ""
        if station not in self._by_station:
            return
        self._levels.set_state(station, event.state, since=event.since, because=event.id)
        key, opened_at = self._work.owner(station), self._work.opened_at(station)
        for rule in self._by_station[station]:
            if key is None or key.node != rule.code:
                continue
            if isinstance(rule.start_when, StationIs) and event.state in rule.start_when.states:
                begin = max(event.since, opened_at or event.since)
                self._nodes.start(key, at=begin, station=station, source=event.source, because=event.id)
            self._changes.append(_Change(key, event.at, event.source))

    def lose_device(self, device: str) -> None:
        """The device is silent, or was not heard of since the gateway started."""
        self._levels.lose(device)
        self._levels.hide_states(self._seen_by.get(device, ()))

    def find_device(self, device: str) -> None:
        """The device answers; what nobody saw meanwhile is already told."""
        self._levels.show_states(self._seen_by.get(device, ()))

    def end_look(self) -> None:
        """Everything that was read together is told: look at the rules that it concerns."""
        while self._changes:
            changes, self._changes = self._changes, []
            for key, at, source in changes:
                self._nodes.settle(key, source=source, at=at)


def _bits(rule: NodeRule) -> Iterator[PointIs]:
    if isinstance(rule.start_when, PointIs):
        yield rule.start_when
    yield from (leaf for leaf in leaves_of(rule.done_when.condition) if isinstance(leaf, PointIs))


def _asks_states(rule: NodeRule) -> bool:
    if isinstance(rule.start_when, StationIs):
        return True
    return any(isinstance(leaf, StationIs) for leaf in leaves_of(rule.done_when.condition))
