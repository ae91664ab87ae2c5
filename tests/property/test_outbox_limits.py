"""Whatever happens, and whatever the limits are: each seq is acknowledged, held, or named by a gap."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from genba_edge.core.declaring import declare_drops
from genba_edge.core.dropping import Dropped, StoreLimits
from genba_edge.core.journal import Identity, Journal, Moment
from genba_edge.outbox import HistoryLimits, SqliteOutbox
from genba_shared.device_map.model import StoredKind
from genba_shared.events import (
    DataGapSeen,
    EnvironmentSummarised,
    Event,
    NodeCompleted,
    PiecesCounted,
    Result,
    Source,
    SourceType,
    StationState,
    StationStateChanged,
)

T0 = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="cutter1/good")
CLASS_OF = {
    "environment_summarised": StoredKind.ENVIRONMENT,
    "station_state_changed": StoredKind.STATE,
    "pieces_counted": StoredKind.COUNT,
}
MOST = 12_000


@dataclass(kw_only=True)
class Line:
    """A gateway's store under a limit, and the collector at the other end."""

    outbox: SqliteOutbox
    journal: Journal
    keep: timedelta | None = None
    made: dict[int, Event] = field(default_factory=dict)
    received: dict[int, Event] = field(default_factory=dict)
    largest_commit: int = 0

    def make(self, kind: str, second: int) -> None:
        at = T0 + timedelta(seconds=second)
        self.journal.moment = Moment(now=at, mono_ms=second * 1000)
        common = {"at": at, "source": PLC, "station": "CUT-1"}
        match kind:
            case "environment":
                values = {"point": f"plc/t{second % 2}", "begin": at, "end": at, "least": 1.0, "mean": 2.0, "most": 3.0}
                self.journal.emit(EnvironmentSummarised, samples=3, **common, **values)
            case "state":
                self.journal.emit(StationStateChanged, state=StationState.RUNNING, since=at, **common)
            case "count":
                values = {"point": "plc/g", "result": Result.GOOD, "delta": 1, "total": second, "counter_epoch": 0}
                self.journal.emit(PiecesCounted, since=at, **common, **values)
            case _:
                self.journal.emit(NodeCompleted, work_order="WO-1", node="CUT", pieces=1, **common)

    def commit(self) -> None:
        """As the gateway commits."""
        before = self.outbox.mark()
        dropping = self.outbox.plan_drops() if self.outbox.must_drop() else None
        if dropping is not None:
            self.check_order(dropping.seqs)
            declare_drops(self.journal, dropping)
        commit = self.journal.take()
        self.made.update((int(event.id.rpartition(":")[2]), event) for event in commit.events)
        self.outbox.append(commit.events, {"last": "1"}, dropping=dropping)
        grown = self.outbox.mark().size - before.size
        self.largest_commit = max(self.largest_commit, grown)

    def check_order(self, seqs: frozenset[int]) -> None:
        """Dropped are classes of the order alone, and for lack of room a later one only when the earlier ones went."""
        held = dict(self.held())
        assert {self.made[seq].kind for seq in seqs} <= {*CLASS_OF, "data_gap_seen"}
        oldest_at = max(event.at for event in held.values()) - (self.keep or timedelta(days=9))
        young = {held[seq].kind for seq in seqs if held[seq].at >= oldest_at}
        order = list(StoredKind)
        latest = max((order.index(CLASS_OF[kind]) for kind in young & CLASS_OF.keys()), default=0)
        kept = {self.made[seq].kind for seq in held.keys() - seqs}
        assert not [kind for kind in kept & CLASS_OF.keys() if order.index(CLASS_OF[kind]) < latest]

    def held(self) -> list[tuple[int, Event]]:
        return [(int(event.id.rpartition(":")[2]), event) for event in self.outbox.pending(after=0, limit=100_000)]

    def acknowledge(self, count: int) -> None:
        taken = self.held()[:count]
        if taken:
            self.received.update(taken)
            self.outbox.acknowledge(taken[-1][0])


def declared(events: list[Event]) -> dict[str, list[Dropped]]:
    found: dict[str, list[Dropped]] = {}
    for event in events:
        for text in event.dropped if isinstance(event, DataGapSeen) else ():
            each = Dropped.parse(text)
            assert each is not None
            found.setdefault(each.kind, []).append(each)
    return found


STEP = st.one_of(
    st.lists(st.sampled_from(["environment", "state", "count", "completion"]), min_size=1, max_size=30),
    st.integers(1, 60),
)


@given(steps=st.lists(STEP, max_size=25), keep_s=st.sampled_from([None, 40]), rush=st.integers(0, 8))
@settings(deadline=None, max_examples=60)
def test_every_seq_is_acknowledged_held_or_declared_and_what_matters_is_never_dropped(
    steps: list[list[str] | int], keep_s: int | None, rush: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        limits = StoreLimits(most_bytes=MOST, keep=None if keep_s is None else timedelta(seconds=keep_s))
        outbox = SqliteOutbox(Path(folder), gateway="gw-1", history=HistoryLimits(most_bytes=3_000), limits=limits)
        identity = Identity(gateway="gw-1", epoch=outbox.mark().epoch, site="a", boot="b")
        line = Line(outbox=outbox, keep=limits.keep, journal=Journal(identity, 1, Moment(now=T0, mono_ms=0)))
        second = 0
        for step in [*[["environment", "state", "count", "completion"] * 6] * rush, *steps]:
            if isinstance(step, int):
                line.acknowledge(step)
                continue
            for kind in step:
                second += 1
                line.make(kind, second)
            line.commit()
            _check(line)
        line.acknowledge(100_000)
        _check(line)
        missing = line.made.keys() - line.received.keys()
        said = declared(list(line.received.values()))
        for kind in {event.kind for event in line.made.values()}:
            of_kind = {seq for seq in missing if line.made[seq].kind == kind}
            assert sum(each.count for each in said.get(kind, [])) == len(of_kind)
            assert all(any(each.first <= seq <= each.last for each in said[kind]) for seq in of_kind)
            assert all({each.first, each.last} <= of_kind for each in said.get(kind, []))
        assert {line.made[seq].kind for seq in missing} <= {*CLASS_OF, "data_gap_seen"}
        outbox.close()


def _check(line: Line) -> None:
    mark, held = line.outbox.mark(), dict(line.held())
    acknowledged = set(range(1, mark.acknowledged + 1))
    said = declared([*line.received.values(), *held.values()])
    gone = line.made.keys() - acknowledged - held.keys()
    assert all(any(each.first <= seq <= each.last for each in said[line.made[seq].kind]) for seq in gone)
    assert mark.depth == len(held)
    assert sum(isinstance(event, DataGapSeen) for event in held.values()) <= 1, "declarations are one"
    if any(event.kind in CLASS_OF for event in held.values()):
        assert mark.size <= MOST - MOST // 10 + line.largest_commit
