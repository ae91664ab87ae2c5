"""Reading the log as it really stands in the database, and keeping heads, archives and keys of subjects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, delete, exists, func, insert, select, type_coerce, update
from sqlalchemy.types import NullType

from genba_cloud.store import quarantine
from genba_cloud.store.port import Link, LogRow
from genba_cloud.store.rows import event_of, log_values
from genba_cloud.store.tables import CLIENT_EVENT, LINK, LOG, QUARANTINE, RECEIVED_RANGE, Instant
from genba_cloud.store.tables_proofs import ARCHIVE, MERKLE_HEAD, SUBJECT_KEY
from genba_shared.events import Event

_PIECE: Final = 1000
_INDEXED: Final = ("id", "kind", "at", "gateway", "order_id", "work_order", "station", "zone", "tag")
_INSTANT: Final = Instant()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """A row of the log exactly as it stands there, whatever somebody may have written into it.

    `columns` are those that the log is searched by; they follow from the body. None: nobody kept them (an archive).
    """

    position: int
    received_ms: int
    body: bytes
    leaf: bytes
    columns: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRow:
    """A signed head as it is kept."""

    size: int
    at: datetime
    root: bytes
    peaks: tuple[bytes, ...]
    key: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRow:
    """An archive file that holds the positions `first` to `last`, and the links that cover exactly these."""

    first: int
    last: int
    first_link: int
    last_link: int
    last_hash: bytes
    peaks: tuple[bytes, ...]
    until: datetime
    at: datetime
    file: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectKeyRow:
    """A subject's key as it is kept; `subject` and `wrapped` are None once it is erased."""

    key: str
    subject: bytes | None
    wrapped: bytes | None
    made_at: datetime
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """How far a gateway was answered in one epoch of the facts lane."""

    gateway: str
    epoch: str
    upto: int


class Proofs:
    """What proofs need of the database, in the transaction (or snapshot) of `connection`."""

    def __init__(self, connection: Connection, enterprise: str) -> None:
        self._connection = connection
        self._enterprise = enterprise

    def rows(self, *, after: int | None = None, upto: int | None = None) -> Iterator[RawRow]:
        """The log in order, read piece by piece; all of it, or what stands behind a position, or up to one."""
        names = ("position", "received_at", *_INDEXED, "body", "leaf")
        # No type of ours may read it: what does not fit the column must be told, not stop the proof.
        query = select(*(type_coerce(LOG.c[name], NullType()).label(name) for name in names))
        query = query.where(LOG.c.enterprise == self._enterprise).order_by(LOG.c.position)
        if after is not None:
            query = query.where(LOG.c.position > after)
        if upto is not None:
            query = query.where(LOG.c.position <= upto)
        for row in self._stream(query):
            yield RawRow(
                position=_number(row["position"]),
                received_ms=_number(row["received_at"]),
                body=_bytes(row["body"]),
                leaf=_bytes(row["leaf"]),
                columns={name: row[name] for name in _INDEXED},
            )

    def links(self, *, after: int | None = None) -> Iterator[Link]:
        """The chain in order; all of it, or what stands behind a link."""
        names = ("number", "first", "last", "hash")
        query = select(*(type_coerce(LINK.c[name], NullType()).label(name) for name in names))
        query = query.where(LINK.c.enterprise == self._enterprise).order_by(LINK.c.number)
        if after is not None:
            query = query.where(LINK.c.number > after)
        for row in self._stream(query):
            first, last = _number(row["first"]), _number(row["last"])
            yield Link(number=_number(row["number"]), first=first, last=last, hash=_bytes(row["hash"]))

    def leaves(self, *, after: int) -> Iterator[tuple[int, bytes]]:
        """Positions and leaves of the log behind a position, in order."""
        query = select(LOG.c.position, LOG.c.leaf).where(LOG.c.enterprise == self._enterprise, LOG.c.position > after)
        for row in self._stream(query.order_by(LOG.c.position)):
            yield row["position"], row["leaf"]

    def row_of(self, event_id: str) -> tuple[int, bytes] | None:
        """Position and body of an event; None where the log does not hold it."""
        query = select(LOG.c.position, LOG.c.body).where(LOG.c.enterprise == self._enterprise, LOG.c.id == event_id)
        row = self._connection.execute(query.order_by(LOG.c.position).limit(1)).first()
        return None if row is None else (row.position, row.body)

    def link_end_at(self, position: int) -> int:
        """The last position, not above this one, at which a commit ended; 0 where there is none."""
        newest = select(func.max(LINK.c.last)).where(LINK.c.enterprise == self._enterprise, LINK.c.last <= position)
        return self._connection.scalar(newest) or 0

    def last_before(self, received_at: datetime) -> int:
        """The position behind which everything was received at this instant or later; 0 where all of it was."""
        late = select(func.min(LOG.c.position)).where(
            LOG.c.enterprise == self._enterprise, LOG.c.received_at >= received_at
        )
        first_late: int | None = self._connection.scalar(late)
        if first_late is not None:
            return first_late - 1
        newest = select(func.max(LOG.c.position)).where(LOG.c.enterprise == self._enterprise)
        return self._connection.scalar(newest) or 0

    def drop_log(self, first: int, last: int, *, kept: Sequence[int]) -> None:
        """Delete the rows from `first` to `last`, but for those that are needed where they are, and their links."""
        borders = [first - 1, *kept, last + 1]
        for low, high in pairwise(borders):
            if high - low > 1:
                is_between = (LOG.c.position > low) & (LOG.c.position < high)
                self._connection.execute(delete(LOG).where(LOG.c.enterprise == self._enterprise, is_between))
        self._connection.execute(delete(LINK).where(LINK.c.enterprise == self._enterprise, LINK.c.last <= last))

    def answered(self) -> tuple[Answered, ...]:
        """How far each gateway was answered."""
        table = RECEIVED_RANGE.c
        query = select(table.gateway, table.epoch, table.upto)
        query = query.where(table.enterprise == self._enterprise, table.lane == "facts")
        found = self._connection.execute(query.order_by(table.gateway, table.epoch))
        return tuple(Answered(gateway=row.gateway, epoch=row.epoch, upto=row.upto) for row in found)

    def is_quarantined(self, gateway: str, names: Iterable[str]) -> bool:
        """Whether the quarantine holds one of these events, or an envelope of the gateway that nobody could read."""
        table = QUARANTINE.c
        is_one = table.event_id.is_(None) | table.event_id.in_(list(names))
        wanted = exists().where(table.enterprise == self._enterprise, table.gateway == gateway, is_one)
        return bool(self._connection.scalar(select(wanted)))

    def note_given_up(self, gateway: str, epoch: str, upto: int) -> None:
        """What was in quarantine of a gateway up to this seq was taken out of it."""
        quarantine.note_given_up(self._connection, self._enterprise, gateway, epoch, upto)

    def given_up(self, gateway: str, epoch: str) -> int:
        """Up to which seq of a gateway something was taken out of quarantine; 0: nothing."""
        return quarantine.given_up(self._connection, self._enterprise, gateway, epoch)

    def client_events_missing(self, *, most: int) -> tuple[str, ...]:
        """Ids that clients sent events with, and of which the log holds none."""
        there = exists().where(LOG.c.enterprise == CLIENT_EVENT.c.enterprise, LOG.c.id == CLIENT_EVENT.c.id)
        query = select(CLIENT_EVENT.c.id).where(CLIENT_EVENT.c.enterprise == self._enterprise, ~there)
        return tuple(self._connection.scalars(query.order_by(CLIENT_EVENT.c.id).limit(most)))

    def heads(self) -> Iterator[HeadRow]:
        """Every head, smallest first."""
        query = select(MERKLE_HEAD).where(MERKLE_HEAD.c.enterprise == self._enterprise).order_by(MERKLE_HEAD.c.size)
        for row in self._connection.execute(query):
            yield _head(row)

    def last_head(self) -> HeadRow | None:
        """The head of most events."""
        query = select(MERKLE_HEAD).where(MERKLE_HEAD.c.enterprise == self._enterprise)
        row = self._connection.execute(query.order_by(MERKLE_HEAD.c.size.desc()).limit(1)).first()
        return None if row is None else _head(row)

    def add_head(self, head: HeadRow) -> None:
        """Keep a head."""
        values = {"size": head.size, "at": head.at, "root": head.root, "peaks": b"".join(head.peaks)}
        values |= {"key": head.key, "signature": head.signature}
        self._connection.execute(insert(MERKLE_HEAD).values(enterprise=self._enterprise, **values))

    def archives(self) -> tuple[ArchiveRow, ...]:
        """Every archive, in the order of its positions."""
        query = select(ARCHIVE).where(ARCHIVE.c.enterprise == self._enterprise).order_by(ARCHIVE.c.first)
        return tuple(
            ArchiveRow(
                first=row.first,
                last=row.last,
                first_link=row.first_link,
                last_link=row.last_link,
                last_hash=row.last_hash,
                peaks=_peaks(row.peaks),
                until=row.until,
                at=row.at,
                file=row.file,
                sha256=row.sha256,
            )
            for row in self._connection.execute(query)
        )

    def archived_upto(self) -> int:
        """The last position that only an archive holds; 0: the log is whole."""
        newest = select(func.max(ARCHIVE.c.last)).where(ARCHIVE.c.enterprise == self._enterprise)
        return self._connection.scalar(newest) or 0

    def archived_until(self) -> datetime | None:
        """When the newest of those events happened that a station's timeline needs and that are archived."""
        newest = select(func.max(ARCHIVE.c.until)).where(ARCHIVE.c.enterprise == self._enterprise)
        until: datetime | None = self._connection.scalar(newest)
        return until

    def add_archive(self, row: ArchiveRow) -> None:
        """Note an archive."""
        values = {name: getattr(row, name) for name in ArchiveRow.__slots__} | {"peaks": b"".join(row.peaks)}
        self._connection.execute(insert(ARCHIVE).values(enterprise=self._enterprise, **values))

    def subject_keys(self, subject: bytes) -> tuple[SubjectKeyRow, ...]:
        """The keys of a subject that are not erased, newest first."""
        query = self._keys().where(SUBJECT_KEY.c.subject == subject).order_by(SUBJECT_KEY.c.number.desc())
        return tuple(_subject_key(row) for row in self._connection.execute(query))

    def subject_key(self, key: str) -> SubjectKeyRow | None:
        """A key by its id."""
        row = self._connection.execute(self._keys().where(SUBJECT_KEY.c.key == key)).first()
        return None if row is None else _subject_key(row)

    def add_subject_key(self, row: SubjectKeyRow) -> None:
        """Keep a new key."""
        values = {"key": row.key, "subject": row.subject, "wrapped": row.wrapped, "made_at": row.made_at}
        self._connection.execute(insert(SUBJECT_KEY).values(enterprise=self._enterprise, **values))

    def erase_subject_keys(self, subject: bytes, *, at: datetime) -> tuple[str, ...]:
        """Forget the keys of a subject and whose they were; their ids."""
        names = tuple(row.key for row in self.subject_keys(subject))
        if self._connection.dialect.name == "sqlite":  # else the bytes would lie on in a page that is free
            self._connection.exec_driver_sql("PRAGMA secure_delete=ON")
        gone = update(SUBJECT_KEY).where(SUBJECT_KEY.c.enterprise == self._enterprise, SUBJECT_KEY.c.subject == subject)
        self._connection.execute(gone.values(subject=None, wrapped=None, erased_at=at))
        return names

    def _stream(self, query: Any) -> Iterator[RowMapping]:
        """The rows piece by piece; who stops in between leaves no cursor open."""
        with self._connection.execute(query.execution_options(yield_per=_PIECE)) as found:
            yield from found.mappings()

    def _keys(self) -> Any:
        return select(SUBJECT_KEY).where(SUBJECT_KEY.c.enterprise == self._enterprise)


def event_of_row(row: RawRow) -> Event:
    """The event of a row.

    Raises:
        ValueError: its body is no JSON object: anything may have been written into it.
        ContractError: it describes no event.
    """
    if not row.body.startswith(b"{"):
        raise ValueError("not a JSON object")
    return event_of(row.body)


def wrong_columns(row: RawRow, event: Event) -> tuple[str, ...]:
    """Names of those columns that do not say what the event says."""
    if row.columns is None:
        return ()
    stored = LogRow(position=row.position, received_at=event.at, event=event, body=row.body, leaf=row.leaf)
    said = log_values("", stored)
    said["at"] = _INSTANT.process_bind_param(event.at, None)  # type: ignore[arg-type]  # it looks at no dialect
    return tuple(name for name in _INDEXED if row.columns[name] != said[name])


def _bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def _number(value: Any) -> int:
    """SQLite keeps a text in a column of numbers: it is no position, and -1 is none either."""
    return value if isinstance(value, int) else -1


def _head(row: Any) -> HeadRow:
    return HeadRow(
        size=row.size, at=row.at, root=row.root, peaks=_peaks(row.peaks), key=row.key, signature=row.signature
    )


def _peaks(joined: bytes) -> tuple[bytes, ...]:
    return tuple(joined[start : start + 32] for start in range(0, len(joined), 32))


def _subject_key(row: Any) -> SubjectKeyRow:
    return SubjectKeyRow(
        key=row.key, subject=row.subject, wrapped=row.wrapped, made_at=row.made_at, erased_at=row.erased_at
    )
