"""A collector that was restored from an older backup says what it lost, and delivery goes on."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from genba_cloud.store import open_reader
from genba_cloud.store.sqlite import FILE
from genba_shared.events import DataGapSeen, Event, GapCause
from tests.chaos.gateway import GATEWAY, StreamGateway
from tests.chaos.programs import GENBA, Program
from tests.integration.mqtt_peers import free_port


def copy(file: Path, backup: Path) -> None:
    """A backup beside the running collector, by SQLite's own means."""
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)


def log_of(data: Path) -> Sequence[Event]:
    """What a collector holds, in order."""
    with closing(open_reader(data)) as store, store.transaction() as transaction:
        return [row.event for row in transaction.log()]


@pytest.mark.requirement("R90", part="a destroyed collector is restored from its backup and delivery goes on")
@pytest.mark.timeout(240)
async def test_after_a_restore_what_is_missing_is_declared_and_delivery_goes_on(tmp_path: Path) -> None:
    port, data, backup = free_port(), tmp_path / "collector", tmp_path / "backup.db"
    listen = ["--listen", f"127.0.0.1:{free_port()}", "--mqtt-port", str(port)]
    collector = Program("collector", [*GENBA, "cloud", "serve", "--data", str(data), *listen], folder=tmp_path)
    gateway = StreamGateway(tmp_path / "gateway", f"mqtt://127.0.0.1:{port}", events=300)
    collector.start()
    try:
        async with gateway.running():
            await gateway.deliver_upto(100)
            copy(data / FILE, backup)
            await gateway.deliver_upto(200)
            assert collector.end() == 0
            for file in data.glob(f"{FILE}*"):
                file.unlink()
            shutil.copy(backup, data / FILE)
            collector.start()
            await gateway.deliver_upto(300)
        assert collector.end() == 0
    finally:
        collector.kill()
    log = log_of(data)
    (gap,) = [event for event in log if isinstance(event, DataGapSeen) and event.cause is GapCause.RESTORE]
    assert gap.subject == GATEWAY
    assert gap.reason == f"facts {gateway.epoch} 101..200 were taken and lost again: restored from a backup"
    assert [event.id for event in log if event is not gap] == [
        f"{GATEWAY}:{gateway.epoch}:{seq}" for seq in (*range(1, 101), *range(201, 301))
    ]
