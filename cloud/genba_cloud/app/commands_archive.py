"""`genba cloud archive`: move old parts of the log into files that `rebuild` and `verify` read with the log."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from genba_cloud.app.database import add_command, opened_beside
from genba_cloud.app.head_keeper import HeadKeeper
from genba_cloud.ledger.archive import FOLDER, archive
from genba_cloud.ledger.signing import HeadSigner
from genba_cloud.store import DEFAULT_ENTERPRISE
from genba_shared.errors import UsageError


def add_to(commands: Any) -> None:
    """Add the command."""
    words = "move old events into a compressed file (SQLite: not while a collector runs)"
    parser = add_command(
        commands, "archive", words, _archive, example="archive --before 2026-01-01 --data ./data --to /archive"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--before", type=_date, metavar="DATE", help="what was received before this day (UTC)")
    what.add_argument("--upto", type=int, metavar="POSITION", help="what stands up to this position")
    parser.add_argument("--to", type=Path, metavar="DIR", help=f"where files are kept; default: {FOLDER} in the data")


def _date(text: str) -> datetime:
    return datetime.combine(datetime.strptime(text, "%Y-%m-%d").date(), time(), tzinfo=UTC)  # noqa: DTZ007 (a day)


def _archive(arguments: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    folder = (arguments.to or arguments.data / FOLDER).expanduser()
    with opened_beside(arguments) as store:
        signer = HeadSigner.of_folder(arguments.data)
        # What goes out of the database is signed before: the files can be held against a head for ever.
        HeadKeeper(store=store, data_dir=arguments.data, signer=signer, now=lambda: now).make()
        with store.transaction(DEFAULT_ENTERPRISE) as transaction:
            wanted = arguments.upto
            upto = transaction.proofs.last_before(arguments.before) if wanted is None else wanted
            row = archive(transaction, DEFAULT_ENTERPRISE, upto=upto, folder=folder, now=now)
    if row is None:
        raise UsageError("nothing to archive: whole commits go, and the newest one always stays")
    print(f"archived first={row.first} last={row.last} file={row.file}")
    print("  keep the file where it is: `verify` and `rebuild` read it; `backup` copies it")
    return 0
