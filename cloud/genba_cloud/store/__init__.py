"""The collector's database: event log, master data, views. The only place that knows SQL."""

from pathlib import Path

from genba_cloud.store.again import committed
from genba_cloud.store.errors import StoreAway, StoreClash
from genba_cloud.store.leases import ALIVE_S, LEASES_MOVED, Leases, Member, Standing
from genba_cloud.store.port import LeaseLost, Store, Transaction
from genba_cloud.store.postgres import PostgresReader, PostgresStore
from genba_cloud.store.read import Reads
from genba_cloud.store.sqlite import SqliteReader, SqliteStore
from genba_cloud.store.tables import DEFAULT_ENTERPRISE

__all__ = [
    "ALIVE_S",
    "DEFAULT_ENTERPRISE",
    "LEASES_MOVED",
    "LeaseLost",
    "Leases",
    "Member",
    "PostgresStore",
    "Reads",
    "SqliteStore",
    "Standing",
    "Store",
    "StoreAway",
    "StoreClash",
    "Transaction",
    "committed",
    "open_reader",
    "open_store",
]


def open_store(data_dir: Path, url: str | None = None) -> Store:
    """The store that `--db URL` names; without one, SQLite in the data folder.

    Raises:
        UsageError: the folder is in use, its schema is another one, or the URL is not understood.
    """
    return SqliteStore(data_dir) if url is None else PostgresStore(url)


def open_reader(data_dir: Path, url: str | None = None) -> Store:
    """The same store, only to read: works beside a running collector, and never writes.

    Raises:
        UsageError: there is no data, its schema is another one, or the URL is not understood.
    """
    return SqliteReader(data_dir) if url is None else PostgresReader(url)
