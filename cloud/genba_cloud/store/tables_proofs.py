"""Tables of what proves the log and of who can read what people wrote: heads, archives, keys of subjects."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, String, Table

from genba_cloud.store.tables import METADATA, Instant

MERKLE_HEAD: Final = Table(
    "merkle_head",
    METADATA,
    Column("enterprise", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("peaks", LargeBinary, nullable=False),
    Column("key", String, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    PrimaryKeyConstraint("enterprise", "size"),
)
"""Signed heads. `peaks` are the roots of the full trees on the right edge, from which the next head goes on."""

ARCHIVE: Final = Table(
    "archive",
    METADATA,
    Column("enterprise", String, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("first_link", BigInteger, nullable=False),
    Column("last_link", BigInteger, nullable=False),
    Column("last_hash", LargeBinary, nullable=False),
    Column("peaks", LargeBinary, nullable=False),
    Column("until", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    Column("file", String, nullable=False),
    Column("sha256", String, nullable=False),
    PrimaryKeyConstraint("enterprise", "first"),
)
"""Files that hold positions `first` to `last`, which are no longer in the log. `file` is an absolute path.

`last_hash` is that of the last link, and `peaks` are those of the Merkle tree up to there: chain and heads go on from
them. `until` is when the newest of those of its events happened that a station's timeline needs."""

SUBJECT_KEY: Final = Table(
    "subject_key",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("enterprise", String, nullable=False),
    Column("key", String, nullable=False),
    Column("subject", LargeBinary),
    Column("wrapped", LargeBinary),
    Column("made_at", Instant, nullable=False),
    Column("erased_at", Instant),
)
"""Keys of people, wrapped by the installation's key. `subject` is a keyed hash of who it is; both go when it is erased,
and the row that is left says that it was."""
Index("subject_key_by_key", SUBJECT_KEY.c.enterprise, SUBJECT_KEY.c.key, unique=True)
Index("subject_key_by_subject", SUBJECT_KEY.c.enterprise, SUBJECT_KEY.c.subject)
