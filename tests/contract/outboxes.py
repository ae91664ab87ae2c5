"""An outbox to be tried, its events, and a look at what its file holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from genba_edge.outbox import SqliteOutbox
from genba_edge.ports import Outbox
from genba_shared.events import Event, PiecesCounted, Result, Source, SourceType

GATEWAY = "line-1"
START = datetime(2026, 1, 5, 7, 0, 0, 125_000, tzinfo=UTC)


def counted(epoch: str, seq: int, work_order: str = "WO-裁") -> PiecesCounted:
    return PiecesCounted(
        id=f"{GATEWAY}:{epoch}:{seq}",
        at=START + timedelta(seconds=seq),
        source=Source(type=SourceType.PLC, ref="cutter1/good"),
        station="CUT-1",
        work_order=work_order,
        point="cutter1/good",
        result=Result.GOOD,
        delta=1,
        total=seq,
        counter_epoch=0,
        since=START,
    )


def events_for(outbox: Outbox, count: int) -> list[Event]:
    mark = outbox.mark()
    return [counted(mark.epoch, seq) for seq in range(mark.next_seq, mark.next_seq + count)]


Open = Callable[[], SqliteOutbox]


def kept(outbox: SqliteOutbox) -> list[int]:
    """The seqs of every row in the file, acknowledged or not."""
    tables = [*parts(outbox), "event"]
    return [seq for table in tables for (seq,) in outbox._connection.execute(f"SELECT seq FROM {table} ORDER BY seq")]


def parts(outbox: SqliteOutbox) -> list[str]:
    """The tables of history that were set apart, the oldest first."""
    names = outbox._connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'history_%'")
    return sorted((name for (name,) in names), key=lambda name: int(name.partition("_")[2]))
