"""Passages of RFID tags: what they do to zones, and which nodes they complete."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime

from genba_edge.core.bindings import Bindings
from genba_edge.core.journal import Journal, load
from genba_edge.core.nodes import Nodes, WorkKey
from genba_edge.core.observations import TagRead
from genba_edge.core.passage import Cluster, close_silent, take_reads
from genba_edge.core.zone_tags import Sign
from genba_edge.core.zones import Zones
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import DeviceMap, NodeRule, ReadPointRef, RfidReader, Zone
from genba_shared.dispatch_document import TagBinding
from genba_shared.events import Direction, Source, SourceType, TagPassed

UNBOUND_PIECES = 1  # what a tag that stands for nothing known adds to a zone: never nothing, and marked by its passage
_KEY = "clusters/"


class Tags:
    """All RFID readers of the gateway."""

    def __init__(
        self,
        device_map: DeviceMap,
        journal: Journal,
        nodes: Nodes,
        zones: Zones,
        bindings: Bindings,
        saved: Mapping[str, str],
    ) -> None:
        self._journal, self._nodes, self._zones, self._bindings = journal, nodes, zones, bindings
        self._readers = {name: device for name, device in device_map.devices.items() if isinstance(device, RfidReader)}
        self._accept = {name: re.compile(reader.accept) for name, reader in self._readers.items()}
        self._clusters: dict[str, dict[tuple[str, str], Cluster]] = {name: {} for name in self._readers}
        self._dirty: set[str] = set()
        self._node_by_zone = {
            rule.done_when.all_left: rule for rule in device_map.nodes.values() if rule.done_when.all_left is not None
        }
        for name, clusters in load(saved, _KEY).items():
            if name in self._readers:
                self._clusters[name] = {(item["tag"], item["read_point"]): _cluster(item) for item in clusters}

    def read(self, read: TagRead) -> tuple[Cluster, ...]:
        """One report of reads at an antenna; the passages that it ends, for `take_passage`.

        Strays, weak reads and antennas outside the map are passed over.
        """
        reader = self._readers[read.device]
        antenna = reader.antennas.get(read.antenna)
        if antenna is None or not self._accept[read.device].search(read.tag):
            return ()
        too_weak = (
            antenna.min_rssi_dbm is not None and read.rssi_dbm is not None and read.rssi_dbm < antenna.min_rssi_dbm
        )
        if too_weak:
            return ()
        reads = Cluster(
            tag=read.tag,
            read_point=antenna.read_point,
            antenna=read.antenna,
            first_seen=read.first_seen,
            last_seen=read.last_seen,
            reads=read.reads,
            rssi_sum=(read.rssi_dbm or 0.0) * read.reads,
            rssi_reads=read.reads if read.rssi_dbm is not None else 0,
            heard_at=read.seen_at,
        )
        clusters, ended = take_reads(self._clusters[read.device], reads, reader.presence)
        self._clusters[read.device] = clusters
        self._dirty.add(read.device)
        return ended

    def close_silent(self, device: str, complete_until: datetime) -> tuple[Cluster, ...]:
        """The passages that end at a reader whose reads are complete up to `complete_until`, for `take_passage`."""
        reader = self._readers.get(device)
        if reader is None or not self._clusters[device]:
            return ()
        clusters, ended = close_silent(self._clusters[device], complete_until, reader.presence)
        if ended or len(clusters) != len(self._clusters[device]):
            self._dirty.add(device)
        self._clusters[device] = clusters
        return ended

    def note_bindings(self, bindings: Iterable[TagBinding]) -> None:
        """A new dispatch document says what tags stand for."""
        self._bindings.replace(bindings, now=self._journal.moment.now)

    def complete_waiting(self) -> None:
        """Bindings or quantities are new: completions that waited for them are looked at again."""
        for rule in self._node_by_zone.values():
            for key in self._nodes.open_keys():
                if key.node == rule.code:
                    self._complete(key)

    @property
    def has_unsaved_reads(self) -> bool:
        """Whether reads arrived that no commit holds yet."""
        return bool(self._dirty)

    def save_clusters(self) -> None:
        """Put changed clusters into the journal."""
        for device in self._dirty:
            self._journal.save(_KEY + device, [_saved(cluster) for cluster in self._clusters[device].values()])
        self._dirty.clear()

    def take_passage(self, device: str, cluster: Cluster) -> None:
        """A tag passed a read point: what that does to zones and nodes."""
        ref = ReadPointRef(device, cluster.read_point)
        entered, left = self._zones.entered_by(ref), self._zones.left_by(ref)
        for zone in left:
            self._leave(device, cluster, zone, implied=False)
        for other in self._zones.zones_of(cluster.tag):
            if entered and other not in entered:  # a tag is in one place: entering here implies that it left there
                self._leave(device, cluster, other, implied=True)
        for zone in entered:
            self._enter(device, cluster, zone)
        if not entered and not left:
            self._emit(device, cluster, None, Direction.PASS)

    def _enter(self, device: str, cluster: Cluster, zone: Zone) -> None:
        event = self._emit(device, cluster, zone, Direction.ENTER)
        inside = self._zones.inside(zone.id, cluster.tag)
        pieces = event.pieces if event.pieces is not None else UNBOUND_PIECES
        if inside is not None and (inside.pieces, inside.work_order) == (pieces, event.work_order):
            return
        self._zones.tag_enters(
            zone.id,
            cluster.tag,
            pieces,
            work_order=event.work_order,
            at=cluster.last_seen,
            source=event.source,
            because=event.id,
        )
        rule = self._node_by_zone.get(zone.id)
        if rule is not None and event.work_order is not None:
            key = WorkKey(event.work_order, rule.code)
            self._nodes.start(key, at=cluster.last_seen, station=_station(rule), source=event.source, because=event.id)

    def _leave(self, device: str, cluster: Cluster, zone: Zone, *, implied: bool) -> None:
        if self._zones.inside(zone.id, cluster.tag) is None:
            self._emit(device, cluster, zone, Direction.ENTER, implied=True)  # it must have come in: no reader saw it
        rule = self._node_by_zone.get(zone.id)
        dwell_s = self._zones.dwell_s(zone.id, cluster.tag, cluster.last_seen)
        counts = rule is not None and (dwell_s is None or dwell_s >= rule.done_when.min_dwell_s)
        event = self._emit(
            device,
            cluster,
            zone,
            Direction.LEAVE,
            implied=implied,
            node=rule.code if rule is not None and counts else None,
        )
        self._zones.tag_leaves(
            zone.id,
            cluster.tag,
            at=cluster.last_seen,
            source=event.source,
            because=event.id,
            sign=Sign.IMPLIED if implied else Sign.READ,
            unseen_pieces=event.pieces if event.pieces is not None else UNBOUND_PIECES,
        )
        if rule is None or not counts or event.work_order is None or event.pieces is None:
            return
        key = WorkKey(event.work_order, rule.code)
        self._nodes.start(key, at=cluster.last_seen, station=_station(rule), source=event.source, because=event.id)
        self._nodes.add_tag(key, cluster.tag, event.pieces, at=cluster.last_seen, because=event.id)
        self._complete(key)

    def _complete(self, key: WorkKey) -> None:
        source = Source(type=SourceType.SYSTEM, ref=self._journal.identity.gateway)
        self._nodes.complete_left(key, self._bindings.tags_of(key.work_order), source=source)

    def _emit(
        self,
        device: str,
        cluster: Cluster,
        zone: Zone | None,
        direction: Direction,
        *,
        implied: bool = False,
        node: str | None = None,
    ) -> TagPassed:
        binding = self._bindings.at(cluster.tag, cluster.last_seen)
        rule = self._node_by_zone.get(zone.id) if zone is not None else None
        return self._journal.emit(
            TagPassed,
            at=cluster.last_seen,
            source=Source(type=SourceType.RFID, ref=f"{device}/{cluster.read_point}"),
            station=_station(rule) if rule is not None else None,
            work_order=binding.work_order if binding else None,
            node=node if binding else None,
            read_point=cluster.read_point,
            reader=device,
            antenna=cluster.antenna,
            tag=cluster.tag,
            direction=direction,
            zone=zone.id if zone else None,
            first_seen=cluster.first_seen,
            last_seen=cluster.last_seen,
            reads=cluster.reads,
            pieces=binding.pieces if binding else None,
            implied=implied,
        )


def _station(rule: NodeRule) -> str | None:
    return rule.stations[0] if len(rule.stations) == 1 else None


def _saved(cluster: Cluster) -> dict[str, object]:
    return {
        **asdict(cluster),
        "first_seen": format_time(cluster.first_seen),
        "last_seen": format_time(cluster.last_seen),
        "heard_at": None if cluster.heard_at is None else format_time(cluster.heard_at),
    }


def _cluster(item: Mapping[str, object]) -> Cluster:
    times = {
        name: parse_time(str(item[name]))
        for name in ("first_seen", "last_seen", "heard_at")
        if item.get(name) is not None  # `heard_at` is younger than the other two
    }
    return Cluster(**{**item, **times})  # type: ignore[arg-type]  # written by _saved from the same fields
