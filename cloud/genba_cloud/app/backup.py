"""A backup is a folder: database, accounts, keys, archives, and a list of what is in it with hashes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from genba_cloud.app.database import ACCOUNTS_FILE, held
from genba_cloud.ledger import Verified, archive, verify
from genba_cloud.ledger.archive import FOLDER as ARCHIVES
from genba_cloud.ledger.signing import sync_folder
from genba_cloud.store import DEFAULT_ENTERPRISE, open_reader
from genba_cloud.store.backup import (
    BackupError,
    check_dump,
    copy_sqlite,
    dump_postgres,
    is_empty_postgres,
    load_postgres,
    note_archives_postgres,
    note_archives_sqlite,
    put_postgres_back,
    require_whole_view,
    set_postgres_aside,
    sqlite_problem,
    users_of_postgres,
)
from genba_cloud.store.proofs import ArchiveRow
from genba_cloud.store.sqlite import FILE
from genba_shared.clock import format_time, to_milliseconds
from genba_shared.errors import GenbaError, UsageError
from genba_shared.version import VERSION

MANIFEST: Final = "backup.json"
DUMP: Final = "genba.dump"
FORMAT: Final = 1
_DATABASES: Final = (FILE, ACCOUNTS_FILE)
_NOT_KEPT: Final = ("lock", "control.json", "broker", ARCHIVES)
"""The broker's folder holds its port and nothing of value; archives are copied from where the database says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """What was written. `found` is what `verify` says of the copy; None for a dump, which only a server can read.

    `missing` names archives that could not be copied.
    """

    folder: Path
    files: int
    found: Verified | None
    missing: tuple[str, ...]


def back_up(data_dir: Path, url: str | None, target: Path) -> BackedUp:
    """Copy everything that a collector needs, beside a running one, and look at the copy before it gets its name.

    Raises:
        UsageError: the target is there already, or there is nothing to copy.
        BackupError: the copy cannot be made, or is not sound.
    """
    if target.exists():
        raise UsageError(f"{target} is there already: nothing is overwritten; name a new folder")
    if url is not None:
        require_whole_view(url)
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    with closing(open_reader(data_dir, url)) as store:
        part.mkdir(parents=True, mode=0o700)
        with store.transaction(DEFAULT_ENTERPRISE) as transaction:
            events = transaction.last_link().last
        _copy_databases(data_dir, url, part)
        with store.transaction(DEFAULT_ENTERPRISE) as transaction:  # after the copy: at least those that it knows
            archives = transaction.proofs.archives()
    for source in _others(data_dir):
        _copy(source, part / source.relative_to(data_dir))
    missing = tuple(_copy_archives(archives, part / ARCHIVES))
    files = {str(file.relative_to(part)): _hash_of(file) for file in _files(part)}
    manifest = {
        "format": FORMAT,
        "genba": VERSION,
        "made_at": format_time(to_milliseconds(datetime.now(UTC))),
        "database": "sqlite" if url is None else "postgresql",
        "events_at_least": events,
        "files": files,
        "archives": [{name: getattr(row, name) for name in ("first", "last", "file", "sha256")} for row in archives],
    }
    (part / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    _sync(part)
    found = _looked_at(part, url)
    part.rename(target)
    sync_folder(target.parent)
    return BackedUp(folder=target, files=len(files), found=found, missing=missing)


def _copy_databases(data_dir: Path, url: str | None, part: Path) -> None:
    if url is None:
        copy_sqlite(data_dir / FILE, part / FILE)
    else:
        dump_postgres(url, part / DUMP)
    if (data_dir / ACCOUNTS_FILE).exists():
        copy_sqlite(data_dir / ACCOUNTS_FILE, part / ACCOUNTS_FILE)


def _copy_archives(archives: Iterable[ArchiveRow], folder: Path) -> Iterator[str]:
    """Copy archives, each looked at before; what is said of those that cannot be copied."""
    for row in archives:
        try:
            archive.require(row)
        except archive.ArchiveError as exc:
            yield str(exc)
        else:
            _copy(Path(row.file), folder / Path(row.file).name)


def _looked_at(folder: Path, url: str | None) -> Verified | None:
    """Read what was written, as it will be read one day."""
    check_files(folder)
    if (folder / ACCOUNTS_FILE).exists():
        _require_sound(folder / ACCOUNTS_FILE)
    if url is not None:
        check_dump(folder / DUMP)
        return None
    _require_sound(folder / FILE)
    return verified(folder, None)


def _require_sound(file: Path) -> None:
    problem = sqlite_problem(file)
    if problem is not None:
        raise BackupError(f"{file} is not sound: {problem}")


def verified(data_dir: Path, url: str | None) -> Verified:
    """What `verify` says of a folder or database."""
    with closing(open_reader(data_dir, url)) as store:
        return verify(store)


def check_files(folder: Path) -> Mapping[str, Any]:
    """The manifest of a backup, every file of which is as it was written.

    Raises:
        UsageError: it is no backup of ours.
        BackupError: a file is missing or another one.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        files: dict[str, str] = manifest["files"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise UsageError(f"{folder} is no backup: {MANIFEST} is missing or cannot be read") from exc
    if manifest.get("format") != FORMAT:
        raise UsageError(f"{folder} is a backup of form {manifest.get('format')}, this version reads {FORMAT}")
    for name, expected in files.items():
        file = (folder / name).resolve()
        if not file.is_relative_to(folder.resolve()):
            raise BackupError(f"{folder}: {name} lies outside of the backup")
        if not file.is_file():
            raise BackupError(f"{folder}: {name} is missing")
        if _hash_of(file) != expected:
            raise BackupError(f"{folder}: {name} is not what was written")
    return manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put back, and where what was there before is now.

    `found` is what `verify` says of it; None: the backup is of an older version, and `older` says what to do.
    """

    found: Verified | None
    aside: tuple[str, ...]
    older: str = ""


def restore(backup: Path, data_dir: Path, url: str | None, *, replaces: bool) -> Restored:
    """Put a backup into an empty place; where it `replaces` what is there, that is set aside and not deleted.

    Raises:
        UsageError: a collector is using the place, or it is not empty.
        BackupError: the backup is damaged; nothing was changed.
    """
    manifest = check_files(backup)
    wanted = "sqlite" if url is None else "postgresql"
    if manifest["database"] != wanted:
        raise UsageError(f"{backup} is of {manifest['database']}, and this is {wanted}: give --db, or leave it out")
    names = {Path(name).parts[0] for name in manifest["files"]} - {DUMP}
    with held(data_dir):
        there = sorted(name for name in {*names, *_leftovers(data_dir)} if (data_dir / name).exists())
        is_used = url is not None and not is_empty_postgres(url)
        if (there or is_used) and not replaces:
            what = ", ".join(there) or "the database has tables"
            raise UsageError(f"{data_dir} is not empty ({what}): restore elsewhere, or set it aside with --replace")
        if url is not None and (users := users_of_postgres(url)):
            raise UsageError(f"the database is in use ({users} connections): stop collectors and workers first")
        mark = f"{datetime.now(UTC):%Y%m%d_%H%M%S_%f}"
        aside = [] if url is None else _load(url, backup / DUMP, mark if is_used else None)
        aside += _set_aside(data_dir, there, mark)
        for name in manifest["files"]:
            if name != DUMP:
                _copy(backup / name, data_dir / name)
        _note_archives(manifest, data_dir, url)
        _sync(data_dir)
    try:
        return Restored(found=verified(data_dir, url), aside=tuple(aside))
    except UsageError as exc:  # everything is back; only this version cannot look at it yet
        return Restored(found=None, aside=tuple(aside), older=str(exc))


def _note_archives(manifest: Mapping[str, Any], data_dir: Path, url: str | None) -> None:
    """Archives of the backup are read from where they were put; one that it does not hold, from where it was."""
    here = {row["file"]: f"{ARCHIVES}/{Path(row['file']).name}" for row in manifest["archives"]}
    moved = {old: str((data_dir / new).resolve()) for old, new in here.items() if new in manifest["files"]}
    if not moved:
        return
    if url is None:
        note_archives_sqlite(data_dir / FILE, moved)
    else:
        note_archives_postgres(url, DEFAULT_ENTERPRISE, moved)


def _load(url: str, dump: Path, mark: str | None) -> list[str]:
    """Put a dump into a database, and what is there (if there is a `mark`) aside; all of it, or nothing is changed."""
    if mark is None:
        load_postgres(url, dump)
        return []
    schema = set_postgres_aside(url, mark)
    try:
        load_postgres(url, dump)
    except GenbaError:
        put_postgres_back(url, schema)
        raise
    return [f"schema {schema}"]


def _leftovers(data_dir: Path) -> Iterator[str]:
    """Files beside the databases that belong to the old ones: to a new one they would be poison."""
    for name in _DATABASES:
        for suffix in ("", "-wal", "-shm", "-journal"):
            if (data_dir / f"{name}{suffix}").exists():
                yield f"{name}{suffix}"


def _set_aside(data_dir: Path, names: list[str], mark: str) -> list[str]:
    if not names:
        return []
    folder = data_dir / f"replaced_{mark}"
    folder.mkdir(mode=0o700)
    for name in names:
        (data_dir / name).rename(folder / name)
    return [str(folder)]


def _others(data_dir: Path) -> Iterator[Path]:
    """Every other file of the data folder: keys, heads, certificates."""
    if not data_dir.is_dir():
        return
    for path in sorted(data_dir.iterdir()):
        is_database = path.name.startswith(_DATABASES)
        if path.name in _NOT_KEPT or is_database or path.name.startswith("replaced_") or path.suffix == ".part":
            continue
        yield from [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _copy(source: Path, target: Path) -> None:
    """With its rights: a key that only its owner could read stays so."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copy2(source, target)


def _hash_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    for file in _files(folder):
        with file.open("rb") as content:
            os.fsync(content.fileno())
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        sync_folder(path)
