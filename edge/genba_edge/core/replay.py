"""A raw log derived once more, with any map: what would have been counted and completed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never

from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Commit, EventJournal, Identity, Journal, Moment
from genba_edge.core.map_change import compare
from genba_edge.core.present import Present
from genba_edge.core.raw_log import RawBatch, RawDispatch, RawEntry, RawHeader, RawMap, RawMissing
from genba_edge.core.rereading import Rereading
from genba_edge.core.succession import succeed
from genba_edge.core.supervisor import Failure
from genba_edge.core.watch import Pace
from genba_shared.device_map.model import DeviceMap
from genba_shared.events import Event, NodeCompleted, PiecesCounted, Result

TICK: Final = timedelta(seconds=1)  # plant: how often time rules are looked at where the log is silent
LONGEST_SILENCE: Final = timedelta(hours=1)  # beyond it every time rule has acted; the rest is skipped
_EPOCH: Final = "0" * 32
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

Recorded = Callable[[RawMap], tuple[DeviceMap, Pace] | None]
"""The map that was recorded from some entry on, and how fast it reads the devices; None: the log does not hold it."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of a replay, and how much was read."""

    events: list[Event] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    batches: int = 0
    observations: int = 0
    missing: int = 0
    begin: datetime | None = None
    end: datetime | None = None

    def counts(self) -> Counter[tuple[str, Result]]:
        """Pieces by station and result."""
        counted: Counter[tuple[str, Result]] = Counter()
        for event in self.events:
            if isinstance(event, PiecesCounted) and event.station is not None:
                counted[event.station, event.result] += event.delta
        return counted

    def completions(self) -> list[NodeCompleted]:
        """The claims, in their order."""
        return [event for event in self.events if isinstance(event, NodeCompleted)]


class Replay:
    """The derivation of a raw log with one map; feed it the entries in their order, the header first.

    Args:
        pace: how fast the devices were read when the log was written.
        rereading: how readings of the recorded map become those of this one; None: they are taken as they are.
        maps: gives the maps that were recorded later in the log.
    """

    def __init__(
        self,
        device_map: DeviceMap,
        header: RawHeader,
        pace: Pace,
        *,
        rereading: Rereading | None = None,
        maps: Recorded = lambda _entry: None,
    ) -> None:
        self._map, self._header, self._pace, self._rereading = device_map, header, pace, rereading
        self._maps = maps
        self._journal: type[Journal] = EventJournal
        self._deriver: Deriver | None = None
        self._now: datetime | None = None
        self._ticked_at = _LONG_AGO
        self.outcome = Outcome()

    @property
    def rereading(self) -> Rereading | None:
        """How readings of the recorded map become those of this one."""
        return self._rereading

    def take(self, entry: RawEntry) -> None:
        """Derive one entry."""
        match entry:
            case RawBatch(moment=moment, observations=observations):
                deriver = self._at(moment)
                self.outcome.batches += 1
                self.outcome.observations += len(observations)
                told = observations if self._rereading is None else self._rereading.reread(observations)
                devices = self._map.devices
                deriver.observe([each for each in told if each.device in devices], moment)
                self._keep(deriver)
            case RawDispatch(moment=moment, document=document):
                deriver = self._at(moment)
                deriver.take_dispatch(document, moment)
                self._keep(deriver)
            case RawMissing(batches=batches):
                self.outcome.missing += batches
            case RawMap():
                self._take_map(entry)
            case RawHeader():
                pass
            case _:
                assert_never(entry)

    def finish(self) -> Outcome:
        """Tell what is still joined."""
        if self._deriver is not None and self._now is not None:
            self._deriver.shut_down(Moment(now=self._now, mono_ms=0))
            self._keep(self._deriver)
        self.outcome.end = self._now
        return self.outcome

    def _take_map(self, entry: RawMap) -> None:
        """The gateway went on with another map; this derivation does not, and its readings are those of that one."""
        recorded = self._maps(entry)
        if recorded is not None and self._rereading is not None:
            self._rereading.switch(recorded[0])

    def _at(self, moment: Moment) -> Deriver:
        """The derivation, when time has come to `moment`."""
        if self._deriver is None or self._now is None:
            self.outcome.begin = self._now = self._ticked_at = moment.now
            self._deriver = self._start(moment)
            return self._deriver
        self._now = moment.now
        if moment.now < self._ticked_at:  # the clock was set back
            self._ticked_at = moment.now
        self._ticked_at = max(self._ticked_at, moment.now - LONGEST_SILENCE)
        while self._ticked_at + TICK <= moment.now:
            self._ticked_at += TICK
            self._deriver.pass_time(Moment(now=self._ticked_at, mono_ms=moment.mono_ms))
        return self._deriver

    def _start(self, moment: Moment) -> Deriver:
        return Deriver(
            self._map,
            identity=self._identity,
            next_seq=1,
            saved=self._header.state,
            pace=self._pace,
            moment=moment,
            journal=self._journal,
        )

    @property
    def _identity(self) -> Identity:
        gateway = self._map.gateway
        return Identity(gateway=gateway.id, epoch=_EPOCH, site=gateway.site, boot=self._header.boot)

    def _keep(self, deriver: Deriver) -> None:
        commit = deriver.take_commit()
        if commit is not None:
            self.outcome.events.extend(commit.events)
        self.outcome.failures.extend(deriver.take_failures())


class RecordedReplay(Replay):
    """As `Replay`, with the maps that the gateway itself had: it goes on with another one where the gateway did."""

    def __init__(self, device_map: DeviceMap, header: RawHeader, pace: Pace, *, maps: Recorded) -> None:
        super().__init__(device_map, header, pace, maps=maps)
        self._journal = Journal
        self._saved = dict(header.state)
        self._present: Present | None = None

    def take(self, entry: RawEntry) -> None:
        """Derive one entry, and remember what a map that comes later must know."""
        super().take(entry)
        if isinstance(entry, RawBatch):
            if self._present is None:
                self._present = Present(self._map.devices, now=entry.moment.now)
            self._present.take_all(entry.observations)

    def _keep(self, deriver: Deriver) -> None:
        self._save(deriver.take_commit())
        self.outcome.failures.extend(deriver.take_failures())

    def _save(self, commit: Commit | None) -> None:
        if commit is None:
            return
        self.outcome.events.extend(commit.events)
        for key, value in commit.state.items():
            if value is None:
                self._saved.pop(key, None)
            else:
                self._saved[key] = value

    def _take_map(self, entry: RawMap) -> None:
        recorded = self._maps(entry)
        if recorded is None:
            return
        new, pace = recorded
        old, deriver, present = self._map, self._deriver, self._present
        self._map, self._pace = new, pace
        if deriver is None or present is None or self._now is None:
            return
        moment = Moment(now=self._now, mono_ms=0)
        deriver.shut_down(moment)
        self._save(deriver.take_checkpoint())
        change = compare(old, new)
        self._deriver = succeed(
            new,
            change,
            present,
            identity=self._identity,
            next_seq=len(self.outcome.events) + 1,
            saved=self._saved,
            pace=pace,
            moment=moment,
        )
        for device in (*change.devices.changed, *change.devices.added):
            present.expect(device, moment.now)
        for device in change.devices.removed:
            present.forget(device)


def derive_again(entries: Iterable[RawEntry], replays: Sequence[Replay]) -> Iterator[RawEntry]:
    """Feed a log to several derivations at once, entry by entry."""
    for entry in entries:
        for replay in replays:
            replay.take(entry)
        yield entry
