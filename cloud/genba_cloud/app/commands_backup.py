"""`genba cloud backup|restore`: copy everything that a collector needs, and put it back."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from genba_cloud.app.backup import back_up, restore
from genba_cloud.app.database import add_command, database_url
from genba_cloud.ledger import Verified


def add_to(commands: Any) -> None:
    """Add the commands."""
    backup = add_command(
        commands,
        "backup",
        "copy everything into a new folder, also while it runs",
        _backup,
        example="backup /backups/2026-03-01 --data ./data",
    )
    backup.add_argument("target", type=Path, metavar="FOLDER", help="is made; nothing is overwritten")
    put_back = add_command(
        commands,
        "restore",
        "put a backup back (not while a collector runs)",
        _restore,
        example="restore /backups/2026-03-01 --data ./new\nrestore /backups/2026-03-01 --data ./data --replace",
    )
    put_back.add_argument("backup", type=Path, metavar="FOLDER")
    put_back.add_argument("--replace", action="store_true", help="set aside what is there; it is not deleted")


def _backup(arguments: argparse.Namespace) -> int:
    done = back_up(arguments.data, database_url(arguments), arguments.target)
    for words in done.missing:
        print(f"not in the backup: {words}")
    print(f"backup={done.folder} files={done.files} {_told(done.found)}")
    return 1 if done.missing else _code(done.found)


def _restore(arguments: argparse.Namespace) -> int:
    done = restore(arguments.backup, arguments.data, database_url(arguments), replaces=arguments.replace)
    for place in done.aside:
        print(f"set aside: {place}")
    if done.older:
        print(f"restored, and not verified yet: {done.older}")
        return 0
    print(f"restored {_told(done.found)}")
    return _code(done.found)


def _told(found: Verified | None) -> str:
    if found is None:
        return "dump=readable"
    for difference in found.differences:
        print(difference)
    bad = "" if found.first_bad is None else f" first_bad={found.first_bad}"
    return f"events={found.events} differences={len(found.differences)}{bad}"


def _code(found: Verified | None) -> int:
    return 1 if found is not None and found.differences else 0
