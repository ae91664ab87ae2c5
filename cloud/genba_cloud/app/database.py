"""Which database a command is about: ``--db URL``, ``GENBA_DB``, or SQLite in the data folder; and how it is opened."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, TypeVar

from genba_cloud.app.settings import DEFAULT_DATA
from genba_cloud.store import PostgresStore, Store, open_reader, open_store
from genba_cloud.store.accounts import Accounts, open_accounts
from genba_cloud.store.lock import DataLock, is_held

T = TypeVar("T")

DATABASE_VARIABLE: Final = "GENBA_DB"
ACCOUNTS_FILE: Final = "accounts.db"


def add_database_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--data DIR`` and ``--db URL``."""
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, metavar="DIR", help=f"default {DEFAULT_DATA}")
    parser.add_argument(
        "--db",
        metavar="URL",
        help="PostgreSQL, not SQLite in DIR: postgresql://USER@HOST:5432/DATABASE; with a password, put it into the "
        f"environment variable {DATABASE_VARIABLE}: everybody on the machine can see arguments",
    )


def add_command(
    commands: Any, name: str, summary: str, run: Callable[[argparse.Namespace], int], *, example: str
) -> argparse.ArgumentParser:
    """Add a command that works on a data folder or a database. `example` follows ``genba cloud``; one in each line."""
    lines = "".join(f"\n  genba cloud {line}" for line in example.splitlines())
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"example:{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_database_arguments(parser)
    parser.set_defaults(run_cloud=run)
    return parser


def database_url(arguments: argparse.Namespace) -> str | None:
    """The URL that was given, or that of the environment; None: SQLite in the data folder."""
    return arguments.db or os.environ.get(DATABASE_VARIABLE) or None


@contextmanager
def opened_store(arguments: argparse.Namespace) -> Iterator[Store]:
    """The store to write to. The data folder is held as well: no collector uses it meanwhile.

    Raises:
        UsageError: the folder is in use, the database does not answer, or its form is another one.
    """
    with opened(arguments.data, database_url(arguments)) as store:
        yield store


@contextmanager
def opened(data_dir: Path, url: str | None) -> Iterator[Store]:
    """The same, by folder and URL."""
    # SQLite's store takes the lock of the folder itself.
    with nullcontext() if url is None else held(data_dir), closing(open_store(data_dir, url)) as store:
        yield store


@contextmanager
def opened_reader(arguments: argparse.Namespace) -> Iterator[Store]:
    """The store only to read: works beside a running collector.

    Raises:
        UsageError: there is no data, or the database does not answer.
    """
    with closing(open_reader(arguments.data, database_url(arguments))) as store:
        yield store


@contextmanager
def opened_beside(arguments: argparse.Namespace) -> Iterator[Store]:
    """The store to write to, where there is one already; PostgreSQL also beside a running collector.

    Raises:
        UsageError: there is no data, a collector holds the SQLite file, or the database does not answer.
    """
    with opened_reader(arguments):
        pass  # nothing is made in a folder or a database that was named by mistake
    with closing(open_store(arguments.data, database_url(arguments))) as store:
        yield store


def in_store(arguments: argparse.Namespace, *, here: Callable[[Store], T], there: Callable[[], T]) -> T:
    """Do it in PostgreSQL, which several may use; in SQLite when no collector holds the folder, else through that one.

    Raises:
        UsageError: the database does not answer, or its form is another one.
    """
    url = database_url(arguments)
    if url is None and is_held(arguments.data):
        return there()
    with closing(open_store(arguments.data, url)) as store:
        return here(store)


def in_accounts(arguments: argparse.Namespace, *, here: Callable[[Accounts], T], there: Callable[[], T]) -> T:
    """The same with the accounts.

    Raises:
        UsageError: the database does not answer, or its form is another one.
    """
    url = database_url(arguments)
    if url is not None:
        with closing(open_store(arguments.data, url)) as store:
            return here(accounts_of(store, arguments.data))
    if is_held(arguments.data):
        return there()
    with held(arguments.data), closing(accounts_in(arguments.data)) as accounts:
        return here(accounts)


def accounts_of(store: Store, data_dir: Path) -> Accounts:
    """The accounts that belong to a store: beside the log in PostgreSQL, else in a file of the data folder."""
    return store.accounts() if isinstance(store, PostgresStore) else accounts_in(data_dir)


def accounts_in(data_dir: Path) -> Accounts:
    """The accounts of a data folder."""
    return open_accounts(data_dir / ACCOUNTS_FILE)


@contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """Hold a data folder: nobody else uses it meanwhile.

    Raises:
        UsageError: somebody does.
    """
    lock = DataLock(data_dir)
    try:
        yield
    finally:
        lock.release()
