"""A PostgreSQL server of the tests' own: a fresh cluster in a temporary folder, on 127.0.0.1 and a free port.

The server refuses to run as root: there it runs as a user without rights (`postgres` if there is one, else `nobody`).
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

START_S = 60.0
USER = "genba"
WATCHER = "watcher"
"""Reads everything, also past row-level security, and writes nothing: who makes backups."""
SURVIVES_KILLS = ("fsync = off",)
"""Where processes are killed and the machine goes on, the system keeps what was written: no disk is waited for."""
_DEBIAN = Path("/usr/lib/postgresql")
_SETTINGS = (
    "listen_addresses = '127.0.0.1'",
    "unix_socket_directories = ''",
    "max_connections = 60",
    "shared_buffers = '64MB'",
    "logging_collector = off",
)


def find_programs() -> Path | None:
    """The folder with `initdb` and `postgres`, of the newest version that is installed; None: there is none."""
    versions = sorted(_DEBIAN.glob("*/bin"), key=lambda path: float(path.parent.name)) if _DEBIAN.is_dir() else []
    if versions:
        return versions[-1]
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class PostgresServer:
    """Use it as ``with PostgresServer(programs) as server``; `database()` makes an empty database and names its URL.

    Commits are durable as in an installation (`fsync`, `synchronous_commit`) unless `settings` say otherwise.
    Databases belong to a user without special rights, so that the rules of row-level security hold.
    """

    def __init__(self, programs: Path, *, settings: Sequence[str] = ()) -> None:
        self._programs = programs
        self._settings = (*_SETTINGS, *settings)
        self._folder = Path(tempfile.mkdtemp(prefix="genba-postgres-"))
        self._data = self._folder / "data"
        self._user = _unprivileged_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self.port = _free_port()

    @property
    def pid(self) -> int | None:
        """Process id of the server; None while it is stopped."""
        return self._process.pid if self._process is not None else None

    def url(self, database: str = "postgres", *, user: str = "owner") -> str:
        """The URL of a database of this server."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def __enter__(self) -> Self:
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        command = [str(self._programs / "initdb"), "-D", str(self._data), "-U", "owner", "-A", "trust", "--no-sync"]
        try:
            subprocess.run([*command, "-E", "UTF8", "--locale=C"], check=True, capture_output=True, **self._identity())
            with (self._data / "postgresql.conf").open("a") as file:
                file.write("\n".join((*self._settings, f"port = {self.port}", "")))
            self.start()
            with psycopg.connect(self.url(), autocommit=True) as connection:
                for statement in (
                    f"CREATE ROLE {USER} LOGIN",
                    f"CREATE ROLE {WATCHER} LOGIN BYPASSRLS",
                    f"GRANT pg_read_all_data TO {WATCHER}",
                ):
                    connection.execute(statement)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, also after `stop` or `kill`, on the same port and with the same data."""
        assert self._process is None
        log = (self._folder / "log").open("ab")
        with contextlib.closing(log):
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self._data)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                **self._identity(),
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it; connections are broken off, what was committed stays."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it and every process of it at once, as a power cut would."""
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self._end(signal.SIGKILL)

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {USER}")
        return self.url(name, user=USER)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            process.wait(START_S / 3)
        except subprocess.TimeoutExpired:  # a session that hangs on its client holds a gentle stop up
            process.send_signal(signal.SIGQUIT)
            process.wait(START_S)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _identity(self) -> dict[str, object]:
        if self._user is None:
            return {}
        entry = pwd.getpwnam(self._user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}


def _unprivileged_user() -> str | None:
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
