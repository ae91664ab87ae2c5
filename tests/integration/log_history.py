"""A short log with everything that proofs look at, and ways to tamper with it, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from genba_cloud.core.delivery import Reach
from genba_cloud.ledger import EnvelopeBatch, Ledger
from genba_cloud.ledger.heads import make_head, publish_heads
from genba_cloud.ledger.signing import HeadSigner
from genba_cloud.store import DEFAULT_ENTERPRISE, SqliteStore, Store, open_store
from genba_shared.cli import main
from genba_shared.events import Event, PiecesCounted, Result, Source, SourceType

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
COMMITS = ((1,), (2, 3, 4), (5,), (6, 7, 8), (9,))
"""Positions by commit; a head is signed after each."""


def counted(seq: int) -> Event:
    return PiecesCounted(
        id=f"gw:{EPOCH}:{seq}",
        at=START + timedelta(minutes=seq),
        source=Source(type=SourceType.PLC, ref="cutter1/good"),
        station="CUT-1",
        work_order="WO-1",
        node="CUT",
        point="cutter1/good",
        result=Result.GOOD,
        delta=1,
        total=seq,
        counter_epoch=1,
        since=START,
    )


def envelope(seqs: Sequence[int], *, acked: int = 0) -> EnvelopeBatch:
    reach = Reach(first=seqs[0], last=seqs[-1], prev=seqs[0] - 1, acked=acked)
    events = tuple(counted(seq) for seq in seqs)
    return EnvelopeBatch(gateway="gw", lane="facts", epoch=EPOCH, reach=reach, events=events)


async def command(*words: str) -> tuple[int, str, str]:
    """`genba cloud …` as a person types it, without a process of its own: exit code, stdout, stderr."""

    def run() -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["cloud", *words])
        return code, out.getvalue(), err.getvalue()

    return await asyncio.to_thread(run)


async def write_log(store: Store, data_dir: Path, commits: Sequence[Sequence[int]] = COMMITS) -> None:
    """Write the log, with a head after each commit."""
    signer = HeadSigner.of_folder(data_dir)
    async with Ledger(store, now=lambda: START) as ledger:
        for seqs in commits:
            await ledger.append(envelope(seqs))
            make_head(store, DEFAULT_ENTERPRISE, signer, now=START + timedelta(hours=seqs[-1]))
    publish_heads(store, DEFAULT_ENTERPRISE, data_dir)


async def folder_with_log(folder: Path) -> Path:
    """A new data folder of a collector with that log."""
    with contextlib.closing(SqliteStore(folder)) as store:
        await write_log(store, folder)
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database that somebody who owns it can change as they like."""

    data_dir: Path
    url: str | None = None

    def store(self) -> Store:
        return open_store(self.data_dir, self.url)

    def run(self, statement: str, *values: Any) -> list[Any]:
        """One statement in a transaction of its own, from outside of genba."""
        if self.url is None:
            connection = sqlite3.connect(self.data_dir / "genba.db")
            try:
                with connection:
                    return connection.execute(statement, values).fetchall()
            finally:
                connection.close()
        with psycopg.connect(self.url) as server:
            server.execute("SELECT set_config('genba.enterprise', %s, false)", (DEFAULT_ENTERPRISE,))
            cursor = server.execute(statement.replace("?", "%s"), values)
            return cursor.fetchall() if cursor.description else []

    def change_body(self, position: int, *, leaf: bool) -> None:
        """Another number of pieces at a position; with `leaf`, its hash as well."""
        [(body,)] = self.run("SELECT body FROM log WHERE position = ?", position)
        changed = bytes(body).replace(b'"delta":1', b'"delta":7')
        self.run("UPDATE log SET body = ? WHERE position = ?", changed, position)
        if leaf:
            self.run("UPDATE log SET leaf = ? WHERE position = ?", hashlib.sha256(changed).digest(), position)

    def shift(self, first: int, by: int) -> None:
        """Give the rows from a position on other positions; by way of numbers that no row has."""
        self.run("UPDATE log SET position = position + 1000000 WHERE position >= ?", first)
        self.run("UPDATE log SET position = position - 1000000 + ? WHERE position >= 1000000", by)

    def copy_row(self, position: int, to: int) -> None:
        """Put a copy of a row at a free position."""
        columns = "id, kind, at, gateway, order_id, work_order, station, zone, tag, received_at, body, leaf"
        self.run(
            f"INSERT INTO log (enterprise, position, {columns}) "
            f"SELECT enterprise, ?, {columns} FROM log WHERE position = ?",
            to,
            position,
        )

    def swap(self, one: int, other: int) -> None:
        """Two rows change places."""
        for old, new in ((one, 1_000_000), (other, one), (1_000_000, other)):
            self.run("UPDATE log SET position = ? WHERE position = ?", new, old)

    def relink(self) -> None:
        """Recompute every leaf and the whole chain, as somebody would who knows how it is made."""
        rows = self.run("SELECT position, body FROM log ORDER BY position")
        for position, body in rows:
            self.run("UPDATE log SET leaf = ? WHERE position = ?", hashlib.sha256(bytes(body)).digest(), position)
        leaves = {position: hashlib.sha256(bytes(body)).digest() for position, body in rows}
        previous = b""
        for number, first, last in self.run("SELECT number, first, last FROM link ORDER BY number"):
            digest = hashlib.sha256(previous + first.to_bytes(8, "big") + last.to_bytes(8, "big"))
            for position in range(first, last + 1):
                digest.update(leaves[position])
            previous = digest.digest()
            self.run("UPDATE link SET hash = ? WHERE number = ?", previous, number)

    def cut(self, first: int) -> None:
        """Cut the tail, rows and links."""
        self.run("DELETE FROM log WHERE position >= ?", first)
        self.run("DELETE FROM link WHERE last >= ?", first)

    def copy_sqlite(self, to: Path) -> Database:
        """The same log in another folder."""
        shutil.copytree(self.data_dir, to)
        return Database(data_dir=to)
