"""Fills an outbox with a small limit until it is killed: ``python -m tests.contract.outbox_under_load DIR``.

It tells each commit when it was accepted: the next seq, what is acknowledged, and what was declared dropped so far.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

from genba_edge.core.declaring import declare_drops
from genba_edge.core.dropping import StoreLimits
from genba_edge.core.journal import Identity, Journal, Moment
from genba_edge.outbox import HistoryLimits, SqliteOutbox
from genba_shared.events import NodeCompleted, PiecesCounted, Result, Source, SourceType
from tests.contract.outboxes import GATEWAY, START

LIMIT = 30_000
PLC = Source(type=SourceType.PLC, ref="cutter1/good")


def main(folder: Path) -> None:
    limits = StoreLimits(most_bytes=LIMIT)
    outbox = SqliteOutbox(folder, gateway=GATEWAY, history=HistoryLimits(most_bytes=5_000), limits=limits)
    mark = outbox.mark()
    identity = Identity(gateway=GATEWAY, epoch=mark.epoch, site="a", boot="b")
    journal = Journal(identity, mark.next_seq, Moment(now=START, mono_ms=0))
    while True:
        seq = journal.next_seq
        at = START + timedelta(seconds=seq)
        for _ in range(1 + seq % 5):
            values = {"point": "plc/g", "result": Result.GOOD, "delta": 1, "total": seq, "counter_epoch": 0}
            journal.emit(PiecesCounted, at=at, source=PLC, station="CUT-1", since=at, **values)
        if seq % 7 == 0:
            journal.emit(NodeCompleted, at=at, source=PLC, work_order="WO-1", node="CUT", pieces=1)
        dropping = outbox.plan_drops() if outbox.must_drop() else None
        if dropping is not None:
            declare_drops(journal, dropping)
        commit = journal.take()
        outbox.append(commit.events, {"last": str(journal.next_seq - 1)}, dropping=dropping)
        if seq % 11 == 0:
            outbox.acknowledge(outbox.mark().acknowledged + 5 * (seq % 3))
        mark = outbox.mark()
        ranges = [] if dropping is None else [str(each) for each in dropping.ranges]
        print(json.dumps([mark.next_seq, mark.acknowledged, ranges]), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
