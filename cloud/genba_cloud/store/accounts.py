"""Accounts, sessions, machine keys and answers kept for repeated requests: who may speak to the collector.

Beside an SQLite log they are kept in a file of their own (``accounts.db`` in the data folder), which can be written
while the ledger is busy; in PostgreSQL beside the log. Nothing in them is a fact of production, and `rebuild` never
touches them. Secrets are stored as hashes only; times are wall time, in seconds since 1970.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from genba_cloud.core.viewer import Role, Scope
from genba_cloud.store.key_memory import KeyMemory

SESSION_IDLE_S: Final = 12 * 3600
SESSION_LONGEST_S: Final = 7 * 24 * 3600
ANSWER_KEPT_S: Final = 24 * 3600
_TOUCH_S: Final = 60
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # no 0/o, 1/l/i: it is read from a terminal and typed

TABLES: Final = sa.MetaData()
_accounts = sa.Table(
    "accounts",
    TABLES,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("must_choose", sa.Boolean, nullable=False),
    sa.Column("changed_at", sa.Float, nullable=False),
    sa.Column("role", sa.Text, nullable=False, server_default=str(Role.ADMIN)),
)
_sessions = sa.Table(
    "sessions",
    TABLES,
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, nullable=False, index=True),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("seen_at", sa.Float, nullable=False),
)
_keys = sa.Table(
    "keys",
    TABLES,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("revoked_at", sa.Float),
)
_secrets = sa.Table(
    "secrets", TABLES, sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False)
)
_answers = sa.Table(
    "answers",
    TABLES,
    sa.Column("who", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person's local account. `must_choose`: it still has the one-time password."""

    name: str
    password_hash: str
    must_choose: bool
    role: Role = Role.ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineKey:
    """A key of a machine, without its secret; `revoked_at` None while it works."""

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: float
    revoked_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """What was answered to a request with an idempotency key."""

    request_hash: str
    status: int
    body: str


class Accounts:
    """The accounts of one installation. Thread-safe; every method is one short transaction."""

    def __init__(
        self, engine: sa.Engine, *, wall: Callable[[], float] = time.time, memory: KeyMemory | None = None
    ) -> None:
        """Use an open database. `memory`: of the keys that were found before."""
        self._engine = engine
        self._memory = memory
        self._wall = wall
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def account(self, name: str) -> Account | None:
        """The account of that name."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(_accounts).where(_accounts.c.name == name)).one_or_none()
        return _account(row) if row else None

    def set_password(self, name: str, password_hash: str, *, must_choose: bool, role: Role | None = None) -> None:
        """Set (or make) an account's password and end all its sessions; `role` None: as it is, of a new one `admin`."""
        values: dict[str, Any] = {
            "password_hash": password_hash,
            "must_choose": must_choose,
            "changed_at": self._wall(),
        }
        if role is not None:
            values["role"] = str(role)
        with self._engine.begin() as connection:
            changed = connection.execute(_accounts.update().where(_accounts.c.name == name).values(**values))
            if changed.rowcount == 0:
                connection.execute(_accounts.insert().values(name=name, **values))
            connection.execute(_sessions.delete().where(_sessions.c.account == name))

    def remove_account(self, name: str) -> bool:
        """Let nobody sign in by that name any more, and end all its sessions; whether there was such an account."""
        with self._engine.begin() as connection:
            connection.execute(_sessions.delete().where(_sessions.c.account == name))
            return connection.execute(_accounts.delete().where(_accounts.c.name == name)).rowcount == 1

    def list_accounts(self) -> tuple[Account, ...]:
        """Every account, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_accounts).order_by(_accounts.c.name))
            return tuple(_account(row) for row in rows)

    def add_account(self, name: str, password_hash: str, role: Role = Role.ADMIN) -> bool:
        """Make an account with a one-time password; whether there was none of that name, and is one now."""
        values = {
            "password_hash": password_hash,
            "must_choose": True,
            "changed_at": self._wall(),
            "role": str(role),
        }
        with self._engine.begin() as connection:
            new = self._insert(_accounts).values(name=name, **values).on_conflict_do_nothing()
            return connection.execute(new.returning(_accounts.c.name)).first() is not None

    def open_session(self, account: str) -> str:
        """Begin a session and return its token, which is kept nowhere else; old sessions are cleared away."""
        token, now = secrets.token_urlsafe(32), self._wall()
        with self._engine.begin() as connection:
            connection.execute(_sessions.delete().where(_over(now)))
            connection.execute(
                _sessions.insert().values(token_hash=_hash(token), account=account, created_at=now, seen_at=now)
            )
        return token

    def session_account(self, token: str) -> Account | None:
        """The account of a session that has neither idled for 12 h nor lasted 7 days."""
        now, hashed = self._wall(), _hash(token)
        query = sa.select(_accounts, _sessions.c.seen_at).join(_sessions, _sessions.c.account == _accounts.c.name)
        with self._engine.connect() as connection:
            row = connection.execute(query.where(_sessions.c.token_hash == hashed, ~_over(now))).one_or_none()
        if row is None:
            return None
        if now - row.seen_at > _TOUCH_S:
            with self._engine.begin() as connection:
                connection.execute(_sessions.update().where(_sessions.c.token_hash == hashed).values(seen_at=now))
        return _account(row)

    def close_session(self, token: str) -> None:
        """End a session."""
        with self._engine.begin() as connection:
            connection.execute(_sessions.delete().where(_sessions.c.token_hash == _hash(token)))

    def create_key(self, name: str, scopes: frozenset[Scope]) -> str:
        """Make a machine key ``genba_<id>_<secret>`` and return it; only its hash is kept."""
        key_id = "".join(secrets.choice(_ALPHABET) for _ in range(10))
        secret = secrets.token_hex(24)
        with self._engine.begin() as connection:
            connection.execute(
                _keys.insert().values(
                    id=key_id,
                    name=name,
                    secret_hash=_hash(secret),
                    scopes=" ".join(sorted(scopes)),
                    created_at=self._wall(),
                )
            )
        return f"genba_{key_id}_{secret}"

    def recall_key(self, text: str) -> MachineKey | None:
        """The same as `find_key` without a look into the database, where that can be; None: it has to be asked."""
        return None if self._memory is None else self._memory.recall(text)

    def find_key(self, text: str) -> MachineKey | None:
        """The key that `text` is, None where it is none, has a wrong secret or was revoked."""
        generation = 0 if self._memory is None else self._memory.generation
        key = self._read_key(text)
        if key is not None and self._memory is not None:
            self._memory.remember(text, key, generation=generation)
        return key

    def _read_key(self, text: str) -> MachineKey | None:
        match text.split("_"):
            case ["genba", key_id, secret]:
                query = sa.select(_keys).where(_keys.c.id == key_id, _keys.c.revoked_at.is_(None))
                with self._engine.connect() as connection:
                    row = connection.execute(query).one_or_none()
                if row is not None and hmac.compare_digest(row.secret_hash, _hash(secret)):
                    return _key(row)
                return None
            case _:
                return None

    def list_keys(self) -> tuple[MachineKey, ...]:
        """Every key, oldest first."""
        with self._engine.connect() as connection:
            return tuple(_key(row) for row in connection.execute(sa.select(_keys).order_by(_keys.c.created_at)))

    def revoke_key(self, key_id: str) -> bool:
        """Make a key useless; False where there is no such working key."""
        found = _keys.update().where(_keys.c.id == key_id, _keys.c.revoked_at.is_(None))
        with self._engine.begin() as connection:
            is_revoked = connection.execute(found.values(revoked_at=self._wall())).rowcount == 1
        if self._memory is not None:
            self._memory.forget()
        return is_revoked

    def secret(self, name: str) -> bytes:
        """A secret of this installation (256 bits), made when it is first asked for."""
        wanted = sa.select(_secrets.c.value).where(_secrets.c.name == name)
        with self._engine.begin() as connection:
            value = connection.execute(wanted).scalar_one_or_none()
        if value is None:
            new = self._insert(_secrets).values(name=name, value=secrets.token_hex(32)).on_conflict_do_nothing()
            with self._engine.begin() as connection:
                connection.execute(new)  # somebody else may be doing the same: one of both values stays
                value = connection.execute(wanted).scalar_one()
        return bytes.fromhex(value)

    def renew_secret(self, name: str) -> None:
        """Forget a secret: whatever was signed with it is worth nothing from now on."""
        with self._engine.begin() as connection:
            connection.execute(_secrets.delete().where(_secrets.c.name == name))

    def kept_answer(self, who: str, key: str) -> KeptAnswer | None:
        """What `who` was answered to the request with this idempotency key in the last 24 h."""
        query = sa.select(_answers).where(
            _answers.c.who == who, _answers.c.key == key, _answers.c.at > self._wall() - ANSWER_KEPT_S
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return KeptAnswer(request_hash=row.request_hash, status=row.status, body=row.body) if row else None

    def forget_answers(self, who: str) -> None:
        """Forget what `who` was answered: it may hold what they wrote. Nothing of it stays in an SQLite file."""
        is_file = self._engine.dialect.name == "sqlite"
        with self._engine.begin() as connection:
            if is_file:
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            connection.execute(_answers.delete().where(_answers.c.who == who))
        if is_file:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def keep_answer(self, who: str, key: str, answer: KeptAnswer) -> None:
        """Remember an answer for 24 h; the first one stays."""
        now = self._wall()
        with self._engine.begin() as connection:
            connection.execute(_answers.delete().where(_answers.c.at <= now - ANSWER_KEPT_S))
            known = connection.execute(
                sa.select(_answers.c.at).where(_answers.c.who == who, _answers.c.key == key)
            ).one_or_none()
            if known is None:
                connection.execute(
                    _answers.insert().values(
                        who=who,
                        key=key,
                        request_hash=answer.request_hash,
                        status=answer.status,
                        body=answer.body,
                        at=now,
                    )
                )


def open_accounts(path: Path, *, wall: Callable[[], float] = time.time) -> Accounts:
    """Open (or make) the accounts database in a file that only its owner can read."""
    if not path.exists():
        path.touch(mode=0o600)
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 10})
    sa.event.listen(engine, "connect", _prepare)
    TABLES.create_all(engine)
    _add_roles(engine)
    return Accounts(engine, wall=wall, memory=KeyMemory())


def _add_roles(engine: sa.Engine) -> None:
    """Files of versions that knew administrators only: everybody in them is one."""
    if "role" not in {column["name"] for column in sa.inspect(engine).get_columns("accounts")}:
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE accounts ADD COLUMN role TEXT NOT NULL DEFAULT 'admin'")


def one_time_password() -> str:
    """A password that is read from a terminal once: 16 letters and digits in four groups, about 79 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def _prepare(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _over(now: float) -> sa.ColumnElement[bool]:
    return (_sessions.c.seen_at <= now - SESSION_IDLE_S) | (_sessions.c.created_at <= now - SESSION_LONGEST_S)


def _account(row: sa.Row[Any]) -> Account:
    role = Role(row.role)
    return Account(name=row.name, password_hash=row.password_hash, must_choose=row.must_choose, role=role)


def _key(row: sa.Row[Any]) -> MachineKey:
    scopes = frozenset(Scope(word) for word in row.scopes.split())
    return MachineKey(id=row.id, name=row.name, scopes=scopes, created_at=row.created_at, revoked_at=row.revoked_at)


def _hash(secret: str) -> str:
    # The secrets are random and long: one round of SHA-256 is enough, and it is asked on every request.
    return hashlib.sha256(secret.encode()).hexdigest()
