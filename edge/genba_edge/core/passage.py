"""Passages: from many RFID reads of one tag to one passage of a read point.

Reads are clustered per (tag, read point) by their own times, so that reports which a reader held back during an outage
give the same passages as live ones. A cluster becomes a passage when the tag stayed silent for `depart_after`, and no
report of it came for as long: a reader whose clock is behind ours is not silent. While
two read points see a tag at the same time, the one with the clearly higher mean RSSI has it; the reads of the other
are cross reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from genba_shared.device_map.model import PresenceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Reads of one tag at one read point that belong together. `rssi_sum` is over `rssi_reads` reads, in dBm.

    `first_seen`, `last_seen`: by the clock of the reader. `heard_at`: when the last report came, by our own.
    """

    tag: str
    read_point: str
    antenna: int
    first_seen: datetime
    last_seen: datetime
    reads: int
    rssi_sum: float = 0.0
    rssi_reads: int = 0
    emitted: bool = False
    heard_at: datetime | None = None

    @property
    def last_sign(self) -> datetime:
        """The later of the last read and its arrival: until then the tag was certainly not silent."""
        return self.last_seen if self.heard_at is None else max(self.last_seen, self.heard_at)

    @property
    def mean_rssi_dbm(self) -> float | None:
        """Mean signal strength; None where the reader gives none."""
        return self.rssi_sum / self.rssi_reads if self.rssi_reads else None

    def joined(self, other: Cluster) -> Cluster:
        """This cluster with the reads of another one of the same tag and read point."""
        return replace(
            self,
            antenna=other.antenna,
            first_seen=min(self.first_seen, other.first_seen),
            last_seen=max(self.last_seen, other.last_seen),
            reads=self.reads + other.reads,
            rssi_sum=self.rssi_sum + other.rssi_sum,
            rssi_reads=self.rssi_reads + other.rssi_reads,
            heard_at=max((one.heard_at for one in (self, other) if one.heard_at is not None), default=None),
        )

    def is_near(self, other: Cluster, silence: timedelta) -> bool:
        """Whether less than `silence` lies between the two, in either order."""
        return other.first_seen - self.last_seen <= silence and self.first_seen - other.last_seen <= silence


Clusters = Mapping[tuple[str, str], Cluster]


def take_reads(
    clusters: Clusters, reads: Cluster, presence: PresenceSettings
) -> tuple[dict[tuple[str, str], Cluster], tuple[Cluster, ...]]:
    """Add one report of reads of one tag at one read point.

    Returns:
        the new clusters, and the passages that this report ends (the tag was seen here before, longer than
        `depart_after` ago).
    """
    key = (reads.tag, reads.read_point)
    silence = timedelta(seconds=presence.depart_after_s)
    changed = dict(clusters)
    present = changed.get(key)
    if present is None:
        changed[key] = reads
        return changed, ()
    if present.is_near(reads, silence):
        changed[key] = present.joined(reads)
        return changed, ()
    if reads.last_seen < present.first_seen:  # an old report that came late: a passage of its own
        return changed, () if reads.reads < presence.min_reads else (reads,)
    ended = _passages(changed, [present], presence)
    changed[key] = reads
    return changed, ended


def close_silent(
    clusters: Clusters, now: datetime, presence: PresenceSettings
) -> tuple[dict[tuple[str, str], Cluster], tuple[Cluster, ...]]:
    """End the passages of tags that are silent since `depart_after` at `now` (the time up to which reads are complete).

    Ended clusters stay for one more `depart_after`, marked, so that a late report joins them instead of passing twice.
    Clusters with too few reads stay as long, but open: late reads may still make a passage of them.
    """
    silence = timedelta(seconds=presence.depart_after_s)
    silent = [cluster for cluster in clusters.values() if not cluster.emitted and now - cluster.last_sign > silence]
    ended = _passages(clusters, silent, presence)
    closed = {(cluster.tag, cluster.read_point) for cluster in silent if cluster.reads >= presence.min_reads}
    changed = {
        key: replace(cluster, emitted=True) if key in closed else cluster
        for key, cluster in clusters.items()
        if key in closed or now - cluster.last_sign <= 2 * silence
    }
    return changed, ended


def _passages(clusters: Clusters, ended: Iterable[Cluster], presence: PresenceSettings) -> tuple[Cluster, ...]:
    found = (
        cluster
        for cluster in ended
        if not cluster.emitted
        and cluster.reads >= presence.min_reads
        and not _is_cross_read(clusters, cluster, presence)
    )
    return tuple(sorted(found, key=lambda cluster: cluster.last_seen))


def _is_cross_read(clusters: Clusters, cluster: Cluster, presence: PresenceSettings) -> bool:
    mean = cluster.mean_rssi_dbm
    if mean is None:
        return False
    for other in clusters.values():
        overlaps = other.first_seen <= cluster.last_seen and cluster.first_seen <= other.last_seen
        if other.tag != cluster.tag or other.read_point == cluster.read_point or not overlaps:
            continue
        if other.mean_rssi_dbm is not None and other.mean_rssi_dbm >= mean + presence.move_margin_db:
            return True
    return False
