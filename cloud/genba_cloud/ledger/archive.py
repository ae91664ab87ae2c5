"""Old parts of the log in files: written, read back and proven before a row is deleted; read again with the log as one.

An archive is gzip of JSON lines, readable without this program: the first line says what it is, then come rows
(``p`` position, ``r`` received at in milliseconds since 1970, ``l`` SHA-256 of the body, ``b`` the body: the exact
canonical JSON of the event), each commit closed by its link of the chain (``n``, ``first``, ``last``, ``hash``), and
the last line counts them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from genba_cloud.core.facts.station import is_named
from genba_cloud.core.merkle import Edge
from genba_cloud.ledger.chain import leaf_of, link_hash
from genba_cloud.ledger.heads import LogDamagedError
from genba_cloud.ledger.signing import sync_folder
from genba_cloud.store.port import Link, LogRow, Transaction
from genba_cloud.store.proofs import ArchiveRow, Proofs, RawRow, event_of_row
from genba_cloud.store.reading import EPISODES
from genba_shared.errors import GenbaError
from genba_shared.events import (
    DataGapSeen,
    DispatchClosed,
    DispatchOpened,
    Event,
    PiecesCounted,
    StationChangedOver,
    StationStateChanged,
)
from genba_shared.version import VERSION

FOLDER: Final = "archive"
_FORMAT: Final = 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ABOUT: Final = "genba log archive: rows (p r l b), links (n first last hash), a last line; l = SHA-256 of b"


NOTHING_ARCHIVED: Final = ArchiveRow(
    first=0,
    last=0,
    first_link=0,
    last_link=0,
    last_hash=b"",
    peaks=(),
    until=_EPOCH,
    at=_EPOCH,
    file="",
    sha256="",
)


class ArchiveError(GenbaError):
    """An archive file is missing or damaged: what stood at its positions cannot be read until it is back.

    `public` says so without the folder, for whoever is not on the collector's machine.
    """

    def __init__(self, row: ArchiveRow, problem: str) -> None:
        said = f"{problem}: positions {row.first} to {row.last} cannot be read until it is back"
        super().__init__(f"archive {row.file} {said}")
        self.public = f"archive {Path(row.file).name} {said}"


@dataclass(slots=True, kw_only=True)
class _Needed:
    """Rows that stay in the log although they are archived, because folding and answering look for them there.

    Dispatch and counts without a name on them (a late event folds its station again), gaps, decisions, and of every
    station the newest state. `until` is when the newest happened of those that a station's timeline needs and that go.
    """

    kept: list[int] = field(default_factory=list)
    until: datetime = _EPOCH
    newest: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def look_at(self, position: int, event: Event) -> None:
        match event:
            case DispatchOpened() | DispatchClosed() | DataGapSeen():
                self.kept.append(position)
            case PiecesCounted() if not is_named(event):
                self.kept.append(position)
            case StationStateChanged() if event.station is not None:
                older = self.newest.get(event.station)
                if older is None or older[0] <= event.at:
                    self.newest[event.station] = (event.at, position)
                self.until = max(self.until, event.at)
            case StationChangedOver():
                self.until = max(self.until, event.at)
            case _ if event.kind in EPISODES:
                self.kept.append(position)
            case _:
                pass

    def positions(self) -> list[int]:
        """In order."""
        return sorted({*self.kept, *(position for _, position in self.newest.values())})


def archive(transaction: Transaction, enterprise: str, *, upto: int, folder: Path, now: datetime) -> ArchiveRow | None:
    """Write the log up to a position into a file, prove the file, then delete those rows; None: nothing to archive.

    It ends with a whole commit, and the newest commit always stays. The caller's transaction deletes the rows and
    notes the file together: whatever happens, a row is in the log or in a file that is noted.

    Raises:
        LogDamagedError: the log is not what was committed; nothing was deleted.
    """
    proofs = transaction.proofs
    start = (NOTHING_ARCHIVED, *proofs.archives())[-1]
    last = proofs.link_end_at(min(upto, transaction.last_link().first - 1))
    if last <= start.last:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / f"{enterprise}-{start.last + 1:012d}-{last:012d}.jsonl.gz").resolve()
    part = file.with_suffix(".part")
    edge, needed = Edge(start.last, start.peaks), _Needed()
    with part.open("wb") as raw:
        with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as out:
            _line(out, _about(enterprise, start, last))
            link = _write(out, proofs, start, last=last, edge=edge, needed=needed)
            _line(out, {"end": True, "last": link.last, "last_link": link.number})
        raw.flush()
        os.fsync(raw.fileno())
    row = ArchiveRow(
        first=start.last + 1,
        last=last,
        first_link=start.last_link + 1,
        last_link=link.number,
        last_hash=link.hash,
        peaks=edge.peaks,
        until=needed.until,
        at=now,
        file=str(file),
        sha256=_hash_of(part),
    )
    _prove(part, start, edge)
    part.rename(file)
    sync_folder(folder)
    proofs.add_archive(row)
    proofs.drop_log(row.first, last, kept=needed.positions())
    return row


def _about(enterprise: str, start: ArchiveRow, last: int) -> Mapping[str, Any]:
    about = {"archive": _FORMAT, "about": _ABOUT, "genba": VERSION, "enterprise": enterprise}
    return {**about, "first": start.last + 1, "last": last, "previous": start.last_hash.hex()}


def _write(out: gzip.GzipFile, proofs: Proofs, start: ArchiveRow, *, last: int, edge: Edge, needed: _Needed) -> Link:
    """Rows and links from behind `start` up to `last`, each commit proven as it is written; the last link."""
    rows = proofs.rows(after=start.last)
    previous = Link(number=start.last_link, first=0, last=start.last, hash=start.last_hash)
    for link in proofs.links(after=start.last_link):
        leaves: list[bytes] = []
        for position in range(link.first, link.last + 1):
            row = next(rows, None)
            if row is None or row.position != position or leaf_of(row.body) != row.leaf:
                raise LogDamagedError(f"position {position} is not what was committed")
            leaves.append(row.leaf)
            edge.add(row.leaf)
            needed.look_at(position, event_of_row(row))
            _line(out, {"p": position, "r": row.received_ms, "l": row.leaf.hex(), "b": row.body.decode()})
        hashed = link_hash(previous.hash, first=link.first, last=link.last, leaves=leaves)
        if hashed != link.hash or (link.number, link.first) != (previous.number + 1, previous.last + 1):
            raise LogDamagedError(f"link {link.number} is not what was committed")
        _line(out, {"n": link.number, "first": link.first, "last": link.last, "hash": link.hash.hex()})
        previous = link
        if link.last >= last:
            break
    return previous


def _prove(file: Path, start: ArchiveRow, edge: Edge) -> None:
    """Read back what was written: the same tree grows from it."""
    again = Edge(start.last, start.peaks)
    for obj in _objects(file):
        if "b" in obj:
            again.add(leaf_of(obj["b"].encode()))
    if (again.size, again.root()) != (edge.size, edge.root()):
        raise LogDamagedError(f"{file} does not hold what was written into it")


def require(row: ArchiveRow) -> None:
    """The file is there, and is what was written.

    Raises:
        ArchiveError: it is not; it says which positions cannot be read without it.
    """
    file = Path(row.file)
    if not file.is_file():
        raise ArchiveError(row, "is missing")
    if _hash_of(file) != row.sha256:
        raise ArchiveError(row, "is not what was written")


def rows_of(row: ArchiveRow) -> Iterator[RawRow]:
    """The rows of a file that was looked at by `require`."""
    for obj in _objects(Path(row.file)):
        if "b" in obj:
            leaf = bytes.fromhex(obj["l"])
            yield RawRow(position=obj["p"], received_ms=obj["r"], body=obj["b"].encode(), leaf=leaf)


def links_of(row: ArchiveRow) -> Iterator[Link]:
    """The links of a file that was looked at by `require`."""
    for obj in _objects(Path(row.file)):
        if "n" in obj:
            yield Link(number=obj["n"], first=obj["first"], last=obj["last"], hash=bytes.fromhex(obj["hash"]))


def whole_rows(proofs: Proofs) -> Iterator[RawRow]:
    """Archives and log as one stream.

    Raises:
        ArchiveError: an archive is missing or damaged.
    """
    for row in proofs.archives():
        require(row)
        yield from rows_of(row)
    yield from proofs.rows(after=proofs.archived_upto())


def whole_log(transaction: Transaction) -> Iterator[LogRow]:
    """Archives and log as one stream of events, as views are folded from.

    Raises:
        ArchiveError: an archive is missing or damaged.
    """
    archives = transaction.proofs.archives()
    for row in archives:
        require(row)
        for raw in rows_of(row):
            received_at = _EPOCH + timedelta(milliseconds=raw.received_ms)
            event = event_of_row(raw)
            yield LogRow(position=raw.position, received_at=received_at, event=event, body=raw.body, leaf=raw.leaf)
    upto = archives[-1].last if archives else 0
    yield from (logged for logged in transaction.log() if logged.position > upto)


def find_events(transaction: Transaction, ids: Iterable[str]) -> Mapping[str, Event]:
    """Those of the events that were ever logged. Looking through archives takes seconds: only for what the log has not.

    Raises:
        ArchiveError: an archive that may hold one is missing or damaged.
    """
    wanted = set(ids)
    found = dict(transaction.events_by_id(wanted))
    missing = {name: json.dumps(name, ensure_ascii=False).encode() for name in wanted - found.keys()}
    archives = transaction.proofs.archives() if missing else ()
    for row in archives:
        require(row)
        for raw in rows_of(row):
            if any(hint in raw.body for hint in missing.values()):
                event = event_of_row(raw)
                if event.id in missing:
                    found[event.id] = event
    return found


def _objects(file: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(file, "rb") as lines:
        for line in lines:
            yield json.loads(line)


def _line(out: gzip.GzipFile, obj: Mapping[str, Any]) -> None:
    out.write(json.dumps(obj, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def _hash_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
