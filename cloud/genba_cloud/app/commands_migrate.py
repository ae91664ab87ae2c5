"""`genba cloud migrate`: bring a database to another revision of its form, or say what that would do."""

from __future__ import annotations

import argparse
from typing import Any

from genba_cloud.app.database import add_command, database_url


def add_to(commands: Any) -> None:
    """Add the command."""
    summary = "bring the database to the form of this version, or one step back (not while a collector runs)"
    parser = add_command(
        commands, "migrate", summary, _migrate, example="migrate --data ./data --dry-run\nmigrate --data ./data"
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--to", metavar="REVISION", help="go to this revision; default: the newest")
    way.add_argument("--back", action="store_true", help="go one revision back, before an older version is installed")
    parser.add_argument("--dry-run", action="store_true", help="print the SQL and change nothing")


def _migrate(arguments: argparse.Namespace) -> int:
    from genba_cloud.store.migrating import opened_for_migration  # Alembic: only this command needs it

    with opened_for_migration(arguments.data, database_url(arguments)) as database:
        plan = database.back() if arguments.back else database.forward(arguments.to)
        if not plan.steps:
            print(f"{database.name} has revision {plan.end}: nothing to do")
            return 0
        print(f"{database.name}: from revision {plan.begin or 'none'} {'back ' if plan.is_back else ''}to {plan.end}")
        for step in plan.steps:
            print(f"  {'undo ' if plan.is_back else ''}{step.revision}  {step.summary}")
        if arguments.dry_run:
            print(database.sql(plan))
            return 0
        copy = database.run(plan)
        if copy is not None:
            print(f"copied before to {copy}")
        print(f"done: revision {plan.end}")
    return 0
