"""What many tags cost that stand before a gate and are read all the time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.tags.gateway import device_map
from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, TagRead
from genba_edge.core.watch import Pace
from genba_shared.device_map import load_device_map

T0: Final = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
READS_PER_S: Final = 700
REPORTS_PER_S: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """CPU of one core in percent, and state saved, while so many tags are in view."""

    tags: int
    cpu_pct: float
    kb_per_s: float


def measure_view(*, tags: int, seconds: int) -> View:
    """`tags` tags stand before one gate, each read in its turn; the state is committed every second."""
    deriver = Deriver(
        load_device_map(Path("plant.yaml"), text=device_map()),
        identity=Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32),
        next_seq=1,
        saved={},
        pace=Pace(report_delay_s={"gate-a": 1.0}),
        moment=Moment(now=T0, mono_ms=0),
    )
    deriver.observe([DeviceBack(device="gate-a", at=T0)], Moment(now=T0, mono_ms=0))
    warm_up = tags // READS_PER_S + 1
    used_s, saved_bytes, turn = 0.0, 0, 0
    for report in range((warm_up + seconds) * REPORTS_PER_S):
        now = T0 + timedelta(seconds=(report + 1) / REPORTS_PER_S)
        reads = [_read((turn + number) % tags, now) for number in range(READS_PER_S // REPORTS_PER_S)]
        turn += len(reads)
        moment = Moment(now=now, mono_ms=0)
        begin_s = time.process_time()
        deriver.observe([*reads, DeviceAlive(device="gate-a", at=now)], moment)
        deriver.pass_time(moment)
        state = deriver.take_checkpoint().state if report % REPORTS_PER_S else {}
        if report >= warm_up * REPORTS_PER_S:
            used_s += time.process_time() - begin_s
            saved_bytes += sum(len(key) + len(value or "") for key, value in state.items())
    return View(tags=tags, cpu_pct=100 * used_s / seconds, kb_per_s=saved_bytes / seconds / 1000)


def _read(number: int, now: datetime) -> TagRead:
    at = now - timedelta(milliseconds=200)
    return TagRead(
        device="gate-a", antenna=1, tag=f"3034{number:08x}", first_seen=at, last_seen=at, seen_at=now, rssi_dbm=-55.0
    )
