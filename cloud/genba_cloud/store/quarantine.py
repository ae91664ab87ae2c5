"""What could not be taken, kept with its bytes until a person has looked at it; how much of it each gateway has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, PrimaryKeyConstraint, String, Table, delete, func, insert, select
from sqlalchemy import update as change

from genba_cloud.store.driver import put_many
from genba_cloud.store.read import Quarantined, QuarantineRecord
from genba_cloud.store.rows import chunks
from genba_cloud.store.tables import METADATA, QUARANTINE

USE: Final = Table(
    "quarantine_use",
    METADATA,
    Column("enterprise", String, nullable=False),
    Column("gateway", String, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    PrimaryKeyConstraint("enterprise", "gateway"),
)
"""Bytes that are kept for each gateway: adding them up at every row would cost more the more there are."""

GIVEN_UP: Final = Table(
    "quarantine_given_up",
    METADATA,
    Column("enterprise", String, nullable=False),
    Column("gateway", String, nullable=False),
    Column("epoch", String, nullable=False),
    Column("upto", BigInteger, nullable=False),
    PrimaryKeyConstraint("enterprise", "gateway", "epoch"),
)
"""The greatest seq of a gateway that was in quarantine and left it: it was answered, and the log may lack it."""


def keep(connection: Connection, enterprise: str, rows: Sequence[Quarantined]) -> None:
    """Keep these rows."""
    if not rows:
        return
    sizes: Counter[str] = Counter()
    for row in rows:
        sizes[row.gateway] += len(row.body)
    for gateway, size in sorted(sizes.items()):
        _add(connection, enterprise, gateway, size)
    values = [
        {
            "enterprise": enterprise,
            "gateway": row.gateway,
            "reason": row.reason,
            "received_at": row.received_at,
            "event_id": row.event_id,
            "body": row.body,
        }
        for row in rows
    ]
    connection.execute(insert(QUARANTINE), values)


def size_of(connection: Connection, enterprise: str, gateway: str) -> int:
    """Bytes that are kept for a gateway."""
    known = connection.scalar(select(USE.c.bytes).where(USE.c.enterprise == enterprise, USE.c.gateway == gateway))
    return int(known) if known is not None else _counted(connection, enterprise, gateway)


def find(connection: Connection, enterprise: str, numbers: Iterable[int]) -> dict[int, Quarantined]:
    """Those of the rows that are there, with their bytes."""
    found: dict[int, Quarantined] = {}
    for part in chunks(numbers):
        query = select(QUARANTINE).where(QUARANTINE.c.enterprise == enterprise, QUARANTINE.c.number.in_(part))
        for row in connection.execute(query).mappings():
            found[row["number"]] = Quarantined(
                gateway=row["gateway"],
                reason=row["reason"],
                received_at=row["received_at"],
                body=row["body"],
                event_id=row["event_id"],
            )
    return found


def forget(connection: Connection, enterprise: str, numbers: Iterable[int]) -> int:
    """Delete rows; how many there were."""
    gone = find(connection, enterprise, numbers)
    for row in gone.values():
        _add(connection, enterprise, row.gateway, -len(row.body))
    for part in chunks(gone):
        connection.execute(
            delete(QUARANTINE).where(QUARANTINE.c.enterprise == enterprise, QUARANTINE.c.number.in_(part))
        )
    return len(gone)


def note_given_up(connection: Connection, enterprise: str, gateway: str, epoch: str, upto: int) -> None:
    """What was kept of a gateway up to this seq is not any more."""
    if upto > given_up(connection, enterprise, gateway, epoch):
        row = {"enterprise": enterprise, "gateway": gateway, "epoch": epoch, "upto": upto}
        put_many(connection, GIVEN_UP, ("enterprise", "gateway", "epoch"), [row])


def given_up(connection: Connection, enterprise: str, gateway: str, epoch: str) -> int:
    """Up to which seq of a gateway something was in quarantine that is not any more; 0: nothing."""
    table = GIVEN_UP.c
    query = select(table.upto).where(table.enterprise == enterprise, table.gateway == gateway, table.epoch == epoch)
    return connection.scalar(query) or 0


def listed(
    connection: Connection, enterprise: str, *, gateway: str | None, before: int | None, limit: int
) -> tuple[QuarantineRecord, ...]:
    """Rows without their bytes, newest first; `before`: only those with a smaller number."""
    table = QUARANTINE.c
    query = select(
        table.number,
        table.gateway,
        table.reason,
        table.received_at,
        table.event_id,
        func.length(table.body).label("size"),
    ).where(table.enterprise == enterprise)
    if gateway is not None:
        query = query.where(table.gateway == gateway)
    if before is not None:
        query = query.where(table.number < before)
    rows = connection.execute(query.order_by(table.number.desc()).limit(limit)).mappings()
    return tuple(QuarantineRecord(**row) for row in rows)


def _add(connection: Connection, enterprise: str, gateway: str, size: int) -> None:
    where: list[Any] = [USE.c.enterprise == enterprise, USE.c.gateway == gateway]
    if connection.execute(change(USE).where(*where).values(bytes=USE.c.bytes + size)).rowcount == 0:
        there = _counted(connection, enterprise, gateway)  # rows of an older version were not counted
        connection.execute(insert(USE).values(enterprise=enterprise, gateway=gateway, bytes=there + size))


def _counted(connection: Connection, enterprise: str, gateway: str) -> int:
    query = select(func.coalesce(func.sum(func.length(QUARANTINE.c.body)), 0))
    return int(
        connection.scalar(query.where(QUARANTINE.c.enterprise == enterprise, QUARANTINE.c.gateway == gateway)) or 0
    )
