"""Passages: from many RFID reads of one tag to one passage of a read point.

Reads are clustered per (tag, read point) by the times of their reader, so that reports which a reader held back during
an outage give the same passages as live ones. A cluster with too few reads is no passage. Of two read points that see a
tag together only one has it:

* *cross read*: the other hears the tag clearly stronger (`move_margin`), and this one heard it only while the other
  did, or a little before and after. Where a reader gives no signal strength, three times as many reads decide.
* *ping-pong*: both hear it about equally, in turns. The tag has not moved: the one that heard it first has it.

Two read points that hear it one after the other are two passages, though the first may still hear a little of the tag
when the second already does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from genba_shared.device_map.model import PresenceSettings, ReadPointRef

NEAR: Final = 0.25
"""Part of `depart_after` that a cross read may lie before or after the reads of the read point that has the tag."""
MANY_READS: Final = 3
"""Without signal strengths: so many times as many reads have the tag."""


@dataclass(slots=True)
class Cluster:
    """Reads of one tag at one read point that belong together. `rssi_sum` is over `rssi_reads` reads, in dBm.

    Never changed once it is made; not declared frozen, because one is made for each report (as `Sample`).

    `first_seen`, `last_seen`: by the clock of the reader. `heard_at`: when the last report came, by our own.
    `is_live`: its last report was made just then, not held back. `is_decided`: whether it is a passage has been said.
    """

    reader: str
    read_point: str
    tag: str
    antenna: int
    first_seen: datetime
    last_seen: datetime
    heard_at: datetime
    reads: int
    rssi_sum: float = 0.0
    rssi_reads: int = 0
    is_live: bool = True
    is_decided: bool = False

    @property
    def place(self) -> tuple[str, str]:
        """Reader and read point."""
        return self.reader, self.read_point

    @property
    def mean_rssi_dbm(self) -> float | None:
        """Mean signal strength; None where the reader gives none."""
        return self.rssi_sum / self.rssi_reads if self.rssi_reads else None

    def joined(self, later: Cluster) -> Cluster:
        """This cluster with the reads of another one of the same tag and read point that was heard after it."""
        return Cluster(
            self.reader,
            self.read_point,
            self.tag,
            later.antenna,
            min(self.first_seen, later.first_seen),
            max(self.last_seen, later.last_seen),
            max(self.heard_at, later.heard_at),
            self.reads + later.reads,
            self.rssi_sum + later.rssi_sum,
            self.rssi_reads + later.rssi_reads,
            later.is_live,
            self.is_decided or later.is_decided,
        )

    def is_near(self, other: Cluster, silence: timedelta) -> bool:
        """Whether at most `silence` lies between the two, in either order."""
        return other.first_seen - self.last_seen <= silence and self.first_seen - other.last_seen <= silence

    def moved(self, shift: timedelta) -> Cluster:
        """The same reads by another clock."""
        if not shift:
            return self
        return replace(self, first_seen=self.first_seen + shift, last_seen=self.last_seen + shift)

    def by_our_clock(self, shift: timedelta) -> Cluster:
        """The same reads by our clock, by which nothing was read after it was heard of."""
        moved = self.moved(shift)
        if moved.last_seen <= self.heard_at:
            return moved
        return replace(moved, first_seen=min(moved.first_seen, self.heard_at), last_seen=self.heard_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A tag passed a read point. Times are by our clock: the reader's, moved by `shift`; `sure`: its clock is known."""

    ref: ReadPointRef
    tag: str
    antenna: int | None
    first_seen: datetime
    last_seen: datetime
    reads: int
    rssi_dbm: float | None = None
    shift: timedelta = timedelta(0)
    sure: bool = True


class Twin(StrEnum):
    """Why the reads at a read point are no passage of their own: another read point has the tag."""

    CROSS_READ = "cross_read"
    PING_PONG = "ping_pong"


def twin_of(
    cluster: Cluster, others: Iterable[Cluster], presence: Mapping[str, PresenceSettings]
) -> tuple[Twin, Cluster] | None:
    """The read point that has the tag instead of the one of `cluster`, and why; None: it is a passage of its own.

    Args:
        cluster: the reads in question; all times by one clock.
        others: clusters of the same tag.
        presence: the settings of each reader.
    """
    rivals = [other for other in others if other.reads >= presence[other.reader].min_reads]
    stronger = _stronger(cluster, rivals, presence[cluster.reader])
    if stronger is not None:
        return Twin.CROSS_READ, stronger
    for other in rivals:
        # One that is a cross read itself takes nothing: of three read points each could lose to the next.
        if (
            _is_rival(other, cluster)
            and _are_equal(cluster, other, presence[cluster.reader])
            and _alternate(cluster, other)
            and _is_first(other, cluster)
            and _stronger(other, [cluster, *rivals], presence[other.reader]) is None
        ):
            return Twin.PING_PONG, other
    return None


def _stronger(cluster: Cluster, others: Iterable[Cluster], presence: PresenceSettings) -> Cluster | None:
    """The read point of which the reads are cross reads."""
    near = timedelta(seconds=presence.depart_after_s * NEAR)
    for other in others:
        is_during = other.first_seen - near <= cluster.first_seen and cluster.last_seen <= other.last_seen + near
        if is_during and _is_rival(other, cluster) and _outweighs(other, cluster, presence):
            return other
    return None


def _is_rival(other: Cluster, cluster: Cluster) -> bool:
    return other.tag == cluster.tag and other.place != cluster.place


def _outweighs(one: Cluster, other: Cluster, presence: PresenceSettings) -> bool:
    mean, mean_of_other = one.mean_rssi_dbm, other.mean_rssi_dbm
    if mean is None or mean_of_other is None:
        return one.reads >= MANY_READS * other.reads
    return mean >= mean_of_other + presence.move_margin_db and mean > mean_of_other


def _are_equal(one: Cluster, other: Cluster, presence: PresenceSettings) -> bool:
    return not _outweighs(one, other, presence) and not _outweighs(other, one, presence)


def _alternate(one: Cluster, other: Cluster) -> bool:
    """Whether two read points hear the tag together for at least half of the time of one of them."""
    together = min(one.last_seen, other.last_seen) - max(one.first_seen, other.first_seen)
    shorter = min(one.last_seen - one.first_seen, other.last_seen - other.first_seen)
    return together >= timedelta(0) and 2 * together >= shorter


def _is_first(one: Cluster, other: Cluster) -> bool:
    return (one.first_seen, -(one.mean_rssi_dbm or 0.0), one.place) < (
        other.first_seen,
        -(other.mean_rssi_dbm or 0.0),
        other.place,
    )
