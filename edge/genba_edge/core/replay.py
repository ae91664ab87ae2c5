"""A raw log derived once more, with any map: what would have been counted and completed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never

from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Identity, Moment
from genba_edge.core.raw_log import RawBatch, RawDispatch, RawEntry, RawHeader, RawMap, RawMissing
from genba_edge.core.supervisor import Failure
from genba_edge.core.watch import Pace
from genba_shared.device_map.model import DeviceMap
from genba_shared.events import Confidence, Event, NodeCompleted, PiecesCounted, Result

TICK: Final = timedelta(seconds=1)  # plant: how often time rules are looked at where the log is silent
LONGEST_SILENCE: Final = timedelta(hours=1)  # beyond it every time rule has acted; the rest is skipped
_EPOCH: Final = "0" * 32
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


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
    """The derivation of a raw log; feed it the entries in their order, the header first."""

    def __init__(self, device_map: DeviceMap, header: RawHeader, pace: Pace) -> None:
        self._map, self._header, self._pace = device_map, header, pace
        self._deriver: Deriver | None = None
        self._now: datetime | None = None
        self._ticked_at = _LONG_AGO
        self.outcome = Outcome()

    def take(self, entry: RawEntry) -> None:
        """Derive one entry."""
        match entry:
            case RawBatch(moment=moment, observations=observations):
                deriver = self._at(moment)
                self.outcome.batches += 1
                self.outcome.observations += len(observations)
                deriver.observe([each for each in observations if each.device in self._map.devices], moment)
                self._keep(deriver)
            case RawDispatch(moment=moment, document=document):
                deriver = self._at(moment)
                deriver.take_dispatch(document, moment)
                self._keep(deriver)
            case RawMissing(batches=batches):
                self.outcome.missing += batches
            case RawHeader() | RawMap():
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
        gateway = self._map.gateway
        return Deriver(
            self._map,
            identity=Identity(gateway=gateway.id, epoch=_EPOCH, site=gateway.site, boot=self._header.boot),
            next_seq=1,
            saved=self._header.state,
            pace=self._pace,
            moment=moment,
        )

    def _keep(self, deriver: Deriver) -> None:
        commit = deriver.take_commit()
        if commit is not None:
            self.outcome.events.extend(commit.events)
        self.outcome.failures.extend(deriver.take_failures())


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One claim, as it is compared: which of a node's claims it is (`place`), when, of how many pieces, how sure."""

    work_order: str
    node: str
    place: int
    at: datetime
    pieces: int
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How the completions of one outcome differ from those of another; `changed`: other time, pieces or confidence."""

    added: tuple[Completion, ...]
    lost: tuple[Completion, ...]
    changed: tuple[tuple[Completion, Completion], ...]
    counts: tuple[tuple[str, Result, int, int], ...]
    """Station, result, pieces with the first map, pieces with the other; only where they differ."""

    @property
    def is_none(self) -> bool:
        """Whether the two are the same."""
        return not (self.added or self.lost or self.changed or self.counts)


def compare_outcomes(new: Outcome, old: Outcome) -> Difference:
    """What is different in `new` against `old`."""
    after, before = _by_place(new.completions()), _by_place(old.completions())
    both = [(before[key], after[key]) for key in after if key in before]
    pieces_after, pieces_before = new.counts(), old.counts()
    return Difference(
        added=tuple(after[key] for key in after if key not in before),
        lost=tuple(before[key] for key in before if key not in after),
        changed=tuple((was, now) for was, now in both if was != now),
        counts=tuple(
            (station, result, pieces_after[station, result], pieces_before[station, result])
            for station, result in sorted(pieces_after.keys() | pieces_before.keys())
            if pieces_after[station, result] != pieces_before[station, result]
        ),
    )


def derive_again(entries: Iterable[RawEntry], replays: Sequence[Replay]) -> Iterator[RawEntry]:
    """Feed a log to several derivations at once, entry by entry."""
    for entry in entries:
        for replay in replays:
            replay.take(entry)
        yield entry


def _by_place(claims: Iterable[NodeCompleted]) -> dict[tuple[str, str, int], Completion]:
    found: dict[tuple[str, str, int], Completion] = {}
    seen: Counter[tuple[str, str]] = Counter()
    for claim in claims:
        key = (claim.work_order or "", claim.node or "")
        found[*key, seen[key]] = Completion(
            work_order=key[0],
            node=key[1],
            place=seen[key],
            at=claim.at,
            pieces=claim.pieces,
            confidence=claim.confidence,
        )
        seen[key] += 1
    return found
