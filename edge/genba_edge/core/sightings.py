"""What the readers saw of each tag lately, and when that is a passage.

A cluster is ended when its reader was heard of for `depart_after` without a report of it. The passages of a tag come in
the order of their times, whichever readers saw them: one that is ended waits for an earlier one that is not, as long as
the reader of that one answers.

Ended clusters stay for one more `depart_after`, marked, so that a late report joins them instead of passing twice;
those with too few reads stay as long, but open: late reads may still make a passage of them.

Each tag and reader has one entry in a heap of times at which to look again, so that a report costs the same however
many tags are in view.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from genba_edge.core.journal import Journal, load
from genba_edge.core.passage import Cluster, Passage, Twin, twin_of
from genba_edge.core.reader_clock import Correction, ReaderClock
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import PresenceSettings, ReadPointRef, RfidReader

_KEY = "reads/"
_KEY_OF_OLD = "clusters/"
_CLOCK_KEY = "reader-clock/"


@dataclass(frozen=True, slots=True)
class Decided:
    """A cluster that ended: a passage, or, with a twin, the reads of a tag that another read point has."""

    passage: Passage
    twin: tuple[Twin, Cluster] | None = None


@dataclass(slots=True)
class _Reader:
    """What is known of one reader. `complete_until`: up to when all its reports have come; None: it does not answer."""

    presence: PresenceSettings
    clock: ReaderClock
    complete_until: datetime | None = None
    is_live: bool = False
    due: list[tuple[datetime, str]] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)

    @property
    def silence(self) -> timedelta:
        return timedelta(seconds=self.presence.depart_after_s)


class Sightings:
    """The clusters of all tags at all readers of the gateway."""

    def __init__(
        self,
        readers: Mapping[str, RfidReader],
        delay_s: Mapping[str, float],
        journal: Journal,
        saved: Mapping[str, str],
    ) -> None:
        self._journal = journal
        self._readers = {
            name: _Reader(presence=reader.presence, clock=ReaderClock(delay_s.get(name, 0.0)))
            for name, reader in readers.items()
        }
        self._presence = {name: reader.presence for name, reader in readers.items()}
        self._clusters: dict[str, list[Cluster]] = {}
        self._dirty: set[str] = set()
        self._outdated = [_KEY_OF_OLD + name for name in load(saved, _KEY_OF_OLD)]
        for name, settings in load(saved, _CLOCK_KEY).items():
            if name in self._readers:
                self._readers[name].clock.load(settings)
            else:
                journal.forget(_CLOCK_KEY + name)
        for cluster in _loaded(saved):
            if cluster.reader in self._readers:
                self._clusters.setdefault(cluster.tag, []).append(cluster)
                self._look_again(cluster.reader, cluster.tag, cluster.heard_at)
            if self._outdated or cluster.reader not in self._readers:
                self._dirty.add(cluster.tag)

    @property
    def has_unsaved(self) -> bool:
        """Whether reads arrived that no commit holds yet."""
        return bool(self._dirty)

    def find(self, reader: str) -> None:
        """The reader answers: from now on its reports are live."""
        self._readers[reader].is_live = True

    def lose(self, reader: str) -> None:
        """The reader does not answer: reports that come now were held back."""
        known = self._readers[reader]
        known.is_live, known.complete_until = False, None

    def is_live(self, reader: str) -> bool:
        """Whether the reader answers."""
        return self._readers[reader].is_live

    def add(self, cluster: Cluster) -> None:
        """One report of reads of one tag at one read point."""
        reader = self._readers[cluster.reader]
        if reader.is_live:
            reader.clock.note(cluster.last_seen, cluster.heard_at)
        else:
            cluster = replace(cluster, is_live=False)
        known = self._clusters.setdefault(cluster.tag, [])
        for number, present in enumerate(known):
            if present.place == cluster.place and present.is_near(cluster, reader.silence):
                known[number] = present.joined(cluster)
                break
        else:
            known.append(cluster)
        self._dirty.add(cluster.tag)
        if cluster.tag not in reader.waiting:
            self._look_again(cluster.reader, cluster.tag, cluster.heard_at)

    def seen_in(self, tag: str) -> datetime | None:
        """The latest arrival of reads of the tag that are still remembered."""
        return max((cluster.heard_at for cluster in self._clusters.get(tag, ())), default=None)

    def complete(self, reader: str, until: datetime) -> list[Decided]:
        """All reports of the reader up to `until` have come: what ended by that, in the order in which it happened."""
        known = self._readers[reader]
        known.complete_until, known.is_live = until, True
        ended: list[Decided] = []
        while known.due and known.due[0][0] < until:
            _, tag = heappop(known.due)
            known.waiting.discard(tag)
            ended += self._settle(tag)
            self._forget_old(tag, known, reader)
            heard = [cluster for cluster in self._clusters.get(tag, ()) if cluster.reader == reader]
            if heard:
                resting = {True: known.silence, False: timedelta(0)}
                soonest = min(cluster.heard_at + resting[_is_resting(cluster, known)] for cluster in heard)
                self._look_again(reader, tag, max(soonest, until - known.silence))
        return sorted(ended, key=lambda one: one.passage.last_seen)

    def save(self) -> None:
        """Put what changed into the journal."""
        for tag in self._dirty:
            clusters = self._clusters.get(tag)
            if clusters:
                self._journal.save(_KEY + tag, [_saved(cluster) for cluster in clusters])
            else:
                self._journal.forget(_KEY + tag)
        self._dirty.clear()
        for key in self._outdated:
            self._journal.forget(key)
        self._outdated.clear()
        for name, reader in self._readers.items():
            if reader.clock.is_changed:
                self._journal.save(_CLOCK_KEY + name, reader.clock.saved())

    def _look_again(self, reader: str, tag: str, heard_at: datetime) -> None:
        known = self._readers[reader]
        known.waiting.add(tag)
        heappush(known.due, (heard_at + known.silence, tag))

    def _settle(self, tag: str) -> Iterator[Decided]:
        """Decide what has ended of the tag, and nothing before what came earlier."""
        if not any(self._is_open(cluster) for cluster in self._clusters.get(tag, ())):
            return
        clusters = self._merged(tag)
        corrections = [self._correction(cluster) for cluster in clusters]
        ours = [cluster.by_our_clock(each.shift) for cluster, each in zip(clusters, corrections, strict=True)]
        order = sorted(range(len(clusters)), key=lambda number: (ours[number].last_seen, clusters[number].place))
        for number in order:
            cluster = clusters[number]
            if not self._is_open(cluster):
                continue
            if not self._has_ended(cluster) and not self._is_overtaken(cluster, clusters):
                return
            clusters[number] = replace(cluster, is_decided=True)
            self._dirty.add(tag)
            yield Decided(_passage(ours[number], corrections[number]), twin_of(ours[number], ours, self._presence))

    def _is_open(self, cluster: Cluster) -> bool:
        """Whether it has to be decided whether it is a passage."""
        return not _is_resting(cluster, self._readers[cluster.reader])

    def _has_ended(self, cluster: Cluster) -> bool:
        reader = self._readers[cluster.reader]
        return reader.complete_until is not None and reader.complete_until - cluster.heard_at > reader.silence

    def _is_overtaken(self, cluster: Cluster, clusters: Iterable[Cluster]) -> bool:
        """Whether nothing waits for it: its reader does not answer, and the tag has passed another one since."""
        return not self._readers[cluster.reader].is_live and any(
            other.reader != cluster.reader and not other.is_decided and self._has_ended(other) for other in clusters
        )

    def _merged(self, tag: str) -> list[Cluster]:
        """The tag's clusters, where reads on both sides of a jump of the reader's clock are joined again."""
        clusters = self._clusters.get(tag, [])
        if len({cluster.place for cluster in clusters}) == len(clusters):
            return clusters
        kept: list[Cluster] = []
        for cluster in sorted(clusters, key=lambda one: one.heard_at):
            shift, silence = self._correction(cluster).shift, self._readers[cluster.reader].silence
            for number, other in enumerate(kept):
                same_clock = other.moved(self._correction(other).shift - shift)
                if other.place == cluster.place and same_clock.is_near(cluster, silence):
                    kept[number] = same_clock.joined(cluster)
                    break
            else:
                kept.append(cluster)
        if len(kept) != len(clusters):
            self._clusters[tag] = clusters = kept
        return clusters

    def _correction(self, cluster: Cluster) -> Correction:
        clock = self._readers[cluster.reader].clock
        return clock.correction(cluster.last_seen, cluster.heard_at, is_live=cluster.is_live)

    def _forget_old(self, tag: str, known: _Reader, reader: str) -> None:
        """Drop clusters of this reader that nothing can join any more."""
        clusters = self._clusters.get(tag, [])
        until = known.complete_until
        kept = [
            cluster
            for cluster in clusters
            if cluster.reader != reader
            or until is None
            or until - cluster.heard_at <= 2 * known.silence
            or not _is_resting(cluster, known)
        ]
        if len(kept) != len(clusters):
            self._dirty.add(tag)
            if kept:
                self._clusters[tag] = kept
            else:
                del self._clusters[tag]


def _is_resting(cluster: Cluster, reader: _Reader) -> bool:
    """Whether nothing is to be decided about it: it is, or has too few reads."""
    return cluster.is_decided or cluster.reads < reader.presence.min_reads


def _passage(ours: Cluster, correction: Correction) -> Passage:
    return Passage(
        ref=ReadPointRef(ours.reader, ours.read_point),
        tag=ours.tag,
        antenna=ours.antenna,
        first_seen=ours.first_seen,
        last_seen=ours.last_seen,
        reads=ours.reads,
        rssi_dbm=ours.mean_rssi_dbm,
        shift=correction.shift,
        sure=correction.sure,
    )


def _saved(cluster: Cluster) -> list[object]:
    """Short, because hundreds are saved every second where many tags are in view; in the order of the fields."""
    times = (format_time(each) for each in (cluster.first_seen, cluster.last_seen, cluster.heard_at))
    signal = round(cluster.rssi_sum, 1), cluster.rssi_reads
    flags = int(cluster.is_live), int(cluster.is_decided)
    return [cluster.reader, cluster.read_point, cluster.antenna, *times, cluster.reads, *signal, *flags]


def _loaded(saved: Mapping[str, str]) -> Iterator[Cluster]:
    for tag, rows in load(saved, _KEY).items():
        for (
            reader,
            read_point,
            antenna,
            first_seen,
            last_seen,
            heard_at,
            reads,
            rssi_sum,
            rssi_reads,
            live,
            done,
        ) in rows:
            yield Cluster(
                reader=reader,
                read_point=read_point,
                tag=tag,
                antenna=antenna,
                first_seen=parse_time(first_seen),
                last_seen=parse_time(last_seen),
                heard_at=parse_time(heard_at),
                reads=reads,
                rssi_sum=rssi_sum,
                rssi_reads=rssi_reads,
                is_live=bool(live),
                is_decided=bool(done),
            )
    for reader, items in load(saved, _KEY_OF_OLD).items():
        yield from (_of_old(reader, item) for item in items)


def _of_old(reader: str, item: Mapping[str, Any]) -> Cluster:
    """As versions before 0.2 saved it: all clusters of a reader in one list."""
    return Cluster(
        reader=reader,
        read_point=item["read_point"],
        tag=item["tag"],
        antenna=item["antenna"],
        first_seen=parse_time(item["first_seen"]),
        last_seen=parse_time(item["last_seen"]),
        heard_at=parse_time(item.get("heard_at") or item["last_seen"]),
        reads=item["reads"],
        rssi_sum=item["rssi_sum"],
        rssi_reads=item["rssi_reads"],
        is_decided=item["emitted"],
    )
