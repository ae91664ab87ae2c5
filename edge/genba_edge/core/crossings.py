"""What it does that a tag enters or leaves a zone: the event, the zone's content, and the node that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from genba_edge.core.bindings import Bindings
from genba_edge.core.journal import Journal
from genba_edge.core.nodes import Nodes, WorkKey
from genba_edge.core.passage import Passage
from genba_edge.core.route import Crossing
from genba_edge.core.zone_tags import Sign
from genba_edge.core.zones import Zones
from genba_shared.device_map.model import DeviceMap, NodeRule, ReadPointRef, Zone
from genba_shared.dispatch_document import TagBinding
from genba_shared.events import ClockQuality, Direction, Source, SourceType, TagPassed

UNBOUND_PIECES = 1  # what a tag that stands for nothing known adds to a zone: never nothing, and marked by its passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What an event says of a tag beside the zone. `reads` 0: nobody saw it there.

    A passage that nobody saw lies between `first_seen` and `last_seen`; it is told at `at`.
    """

    tag: str
    ref: ReadPointRef
    at: datetime
    first_seen: datetime
    last_seen: datetime
    reads: int = 0
    antenna: int | None = None
    sure: bool = True


def sight_of(passage: Passage) -> Sight:
    """A passage that was seen."""
    return Sight(
        tag=passage.tag,
        ref=passage.ref,
        at=passage.last_seen,
        first_seen=passage.first_seen,
        last_seen=passage.last_seen,
        reads=passage.reads,
        antenna=passage.antenna,
        sure=passage.sure,
    )


class Crossings:
    """Tells that tags enter and leave zones, and does what follows."""

    def __init__(self, device_map: DeviceMap, journal: Journal, nodes: Nodes, zones: Zones, bindings: Bindings) -> None:
        self._journal, self._nodes, self._zones, self._bindings = journal, nodes, zones, bindings
        self._node_by_zone = {
            rule.done_when.all_left: rule for rule in device_map.nodes.values() if rule.done_when.all_left is not None
        }

    def enter(self, crossing: Crossing, sight: Sight) -> TagPassed:
        """The tag comes into the zone and is there, if it was seen coming; else it has left again already."""
        zone = crossing.zone
        event = self._emit(crossing, sight)
        if not crossing.implied:
            self._stay(zone, event)
        self._start(zone, event)
        return event

    def reopen(self, crossing: Crossing, sight: Sight, *, since: datetime, gone_at: datetime) -> TagPassed:
        """The tag's stay was closed at `gone_at`, and it was there all the time, since `since`."""
        event = self.enter(crossing, sight)
        self._zones.tag_stayed(
            crossing.zone.id,
            event.tag,
            _pieces(event),
            work_order=event.work_order,
            since=since,
            gone_at=gone_at,
            at=event.at,
            source=event.source,
            because=event.id,
        )
        return event

    def _stay(self, zone: Zone, event: TagPassed) -> None:
        """The tag is in the zone since this passage."""
        pieces = _pieces(event)
        inside = self._zones.inside(zone.id, event.tag)
        if inside is not None and (inside.pieces, inside.work_order) == (pieces, event.work_order):
            return
        self._zones.tag_enters(
            zone.id,
            event.tag,
            pieces,
            work_order=event.work_order,
            at=event.at,
            source=event.source,
            because=event.id,
        )

    def leave(self, crossing: Crossing, sight: Sight, *, most_dwell_s: float | None) -> TagPassed:
        """The tag goes out of the zone, which counts for the node if it may have been there for long enough.

        `most_dwell_s`: the longest that it can have been there; None: nobody knows since when it was there.
        """
        rule = self._rule_done(crossing.zone, most_dwell_s)
        event = self._emit(crossing, sight, node=rule.code if rule is not None else None)
        self._go(crossing.zone, event, Sign.IMPLIED if crossing.implied else Sign.READ)
        self._count(rule, event)
        return event

    def pass_before(self, crossing: Crossing, sight: Sight, *, most_dwell_s: float | None) -> TagPassed:
        """As `enter` and `leave`, of pieces that the tag does not stand for any more: no zone changes."""
        if crossing.direction is Direction.ENTER:
            event = self._emit(crossing, sight)
            self._start(crossing.zone, event)
            return event
        rule = self._rule_done(crossing.zone, most_dwell_s)
        event = self._emit(crossing, sight, node=rule.code if rule is not None else None)
        self._count(rule, event)
        return event

    def _rule_done(self, zone: Zone, most_dwell_s: float | None) -> NodeRule | None:
        """The node for which it counts that a tag leaves the zone after at most so long."""
        rule = self._node_by_zone.get(zone.id)
        counts = rule is not None and (most_dwell_s is None or most_dwell_s >= rule.done_when.min_dwell_s)
        return rule if counts else None

    def _start(self, zone: Zone, event: TagPassed) -> None:
        rule = self._node_by_zone.get(zone.id)
        if rule is not None and event.work_order is not None:
            key = WorkKey(event.work_order, rule.code)
            self._nodes.start(key, at=event.at, station=_station(rule), source=event.source, because=event.id)

    def _count(self, rule: NodeRule | None, event: TagPassed) -> None:
        """The tag has left for the node."""
        if rule is not None and event.work_order is not None and event.pieces is not None:
            key = WorkKey(event.work_order, rule.code)
            self._nodes.start(key, at=event.at, station=_station(rule), source=event.source, because=event.id)
            self._nodes.add_tag(key, event.tag, event.pieces, at=event.at, because=event.id)
            self._complete(key)

    def close(self, crossing: Crossing, sight: Sight, binding: TagBinding | None, *, sign: Sign) -> TagPassed:
        """The tag's stay ends, though nobody saw it leave: that is no evidence for a node. `sign`: how it is known."""
        event = self._emit(crossing, sight, binding=binding)
        if crossing.direction is Direction.LEAVE:
            self._go(crossing.zone, event, sign)
        return event

    def pass_by(self, sight: Sight, zone: Zone | None) -> TagPassed:
        """The tag was seen, which moves it nowhere. `zone`: where it is."""
        return self._tell(sight, direction=Direction.PASS, ref=sight.ref, zone=zone)

    def stand_for(self, zone: Zone, tag: str, binding: TagBinding, *, at: datetime) -> None:
        """A tag that is in the zone was bound there, or to another number of pieces."""
        source = Source(type=SourceType.SYSTEM, ref=self._journal.identity.gateway)
        self._zones.tag_stands_for(zone.id, tag, binding.pieces, work_order=binding.work_order, at=at, source=source)

    def complete_waiting(self) -> None:
        """Bindings or quantities are new: completions that waited for them are looked at again."""
        for rule in self._node_by_zone.values():
            for key in self._nodes.open_keys():
                if key.node == rule.code:
                    self._complete(key)

    def explain(self, event: TagPassed, facts: dict[str, Any]) -> None:
        """Keep beside the event how it was decided, where there is something to say."""
        if facts:
            self._journal.note_trail(event, **facts)

    def _go(self, zone: Zone, event: TagPassed, sign: Sign) -> None:
        """The tag is not in the zone any more."""
        self._zones.tag_leaves(
            zone.id,
            event.tag,
            at=event.at,
            source=event.source,
            because=event.id,
            sign=sign,
            unseen_pieces=_pieces(event),
        )

    def _complete(self, key: WorkKey) -> None:
        source = Source(type=SourceType.SYSTEM, ref=self._journal.identity.gateway)
        self._nodes.complete_left(key, self._bindings.tags_of(key.work_order), source=source)

    def _emit(
        self, crossing: Crossing, sight: Sight, *, node: str | None = None, binding: TagBinding | None = None
    ) -> TagPassed:
        return self._tell(
            sight,
            direction=crossing.direction,
            ref=crossing.ref or sight.ref,
            zone=crossing.zone,
            implied=crossing.implied,
            node=node,
            binding=binding,
        )

    def _tell(
        self,
        sight: Sight,
        *,
        direction: Direction,
        ref: ReadPointRef,
        zone: Zone | None,
        implied: bool = False,
        node: str | None = None,
        binding: TagBinding | None = None,
    ) -> TagPassed:
        binding = binding or self._bindings.at(sight.tag, sight.at)
        rule = self._node_by_zone.get(zone.id) if zone is not None else None
        return self._journal.emit(
            TagPassed,
            at=sight.at,
            source=Source(type=SourceType.RFID, ref=str(ref)),
            station=_station(rule) if rule is not None else None,
            work_order=binding.work_order if binding else None,
            node=node if binding else None,
            read_point=ref.read_point,
            reader=ref.device,
            antenna=sight.antenna,
            tag=sight.tag,
            direction=direction,
            zone=zone.id if zone is not None else None,
            first_seen=sight.first_seen,
            last_seen=sight.last_seen,
            reads=sight.reads,
            pieces=binding.pieces if binding else None,
            implied=implied,
            **({} if sight.sure else {"clock": ClockQuality.POOR}),
        )


def _pieces(event: TagPassed) -> int:
    """What the tag adds to a zone."""
    return event.pieces if event.pieces is not None else UNBOUND_PIECES


def _station(rule: NodeRule) -> str | None:
    return rule.stations[0] if len(rule.stations) == 1 else None
