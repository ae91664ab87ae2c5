"""Write the draft of the next revision: ``python -m genba_cloud.store.migrations "what it changes"`` in a checkout.

It compares a database of the newest revision with the tables of the code. What the comparison cannot see (rows that
must follow, new tables that PostgreSQL must isolate) is added by hand; ``docs/stores.md`` says what.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from genba_cloud.store.migrate import Migrations
from genba_cloud.store.migrating import opened_for_migration
from genba_cloud.store.sqlite import FILE


def main() -> None:
    """Read the command line, write the file; Alembic prints its name."""
    parser = argparse.ArgumentParser(prog="python -m genba_cloud.store.migrations")
    parser.add_argument("summary", help="what the revision changes, in a few words")
    summary: str = parser.parse_args().summary
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FILE).touch()
        with opened_for_migration(Path(folder), None) as database:
            database.run(database.forward())
            with database.engine.begin() as connection:
                Migrations().draft(connection, summary)


if __name__ == "__main__":
    main()
