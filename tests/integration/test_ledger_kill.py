"""Kill -9 of the writing process: what it answered is there, nothing is there twice, and log and views agree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from genba_cloud.ledger import verify
from genba_cloud.store import SqliteStore

WRITER = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from genba_cloud.core.delivery import Reach
from genba_cloud.ledger import EnvelopeBatch, Ledger
from genba_cloud.store import SqliteStore
from genba_shared.events import PiecesCounted, Result, Source, SourceType

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="cutter1/good")

def counted(seq):
    return PiecesCounted(id=f"gw:{EPOCH}:{seq}", at=START + timedelta(seconds=seq), source=PLC, station="CUT-1",
        work_order="WO-1", node="CUT", point="cutter1/good", result=Result.GOOD, delta=1, total=seq, counter_epoch=1,
        since=START)

async def main():
    async with Ledger(SqliteStore(Path(sys.argv[1])), now=lambda: START) as ledger:
        for seq in range(1, 100_000):
            reach = Reach(first=seq, last=seq, prev=seq - 1, acked=seq - 1)
            batch = EnvelopeBatch(gateway="gw", lane="facts", epoch=EPOCH, reach=reach, events=(counted(seq),))
            print((await ledger.append(batch)).upto, flush=True)

asyncio.run(main())
"""


def test_what_was_answered_before_a_kill_is_there_after_it(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    for line in writer.stdout:
        if int(line) == 30:
            break
    writer.kill()
    rest = writer.stdout.read()
    writer.wait()
    writer.stdout.close()
    answered = max([30, *(int(line) for line in rest.splitlines())])
    store = SqliteStore(tmp_path)
    seqs = [int(row.event.id.rpartition(":")[2]) for row in store.reads().events().items]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= answered
    assert verify(store).differences == ()
    store.close()
