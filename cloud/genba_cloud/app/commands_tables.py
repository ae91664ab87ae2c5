"""`genba cloud import` and `export`: orders and master data from and to spreadsheets and YAML."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from genba_cloud.api.importing import all_orders, imported_view, table_of, templates_of, yaml_of
from genba_cloud.app.control import Caller, caller_of, caller_with_key
from genba_cloud.app.database import add_command, database_url
from genba_cloud.core.master.kinds import MasterDocument, MasterKind, read_file
from genba_cloud.core.master.tables.documents import TABLE_KINDS
from genba_cloud.core.master.tables.files import Format, read_documents, read_orders, table_file
from genba_cloud.core.master.tables.orders import ORDERS, rows_of_orders
from genba_cloud.ledger import Ledger, Peers
from genba_cloud.ledger.imports import Imported, in_chunks, read_part
from genba_cloud.ledger.master import Book
from genba_cloud.store import PostgresStore, Store, open_reader, open_store
from genba_cloud.store.lock import is_held
from genba_shared.clock import ProductionClock
from genba_shared.errors import ConfigError, UsageError
from genba_shared.events import Source, SourceType
from genba_shared.point_list.table import PointListError

ORDERS_WORD: Final = "orders"
DOCUMENTS: Final = "documents"
TEMPLATES: Final = "templates"
KEY_VARIABLE: Final = "GENBA_KEY"
SOURCE: Final = Source(type=SourceType.IMPORT, ref="command")
NOT_ALL: Final = 1
"""Exit code where something was not taken."""
_PATIENCE_S: Final = 600.0
_YAML: Final = frozenset({".yaml", ".yml", ".json"})
_WORDS: Final = (ORDERS_WORD, *(str(kind) for kind in TABLE_KINDS), TEMPLATES, DOCUMENTS)
_IMPORTS: Final = """\
import orders orders.xlsx --data ./data
import orders orders.csv --zone Asia/Shanghai --url https://genba.example
import items items.xlsx
import templates my-garment.yaml
import documents factory.yaml"""
_EXPORTS: Final = """\
export orders orders.xlsx
export items items.csv --language zh
export documents factory.yaml
export templates routings.yaml"""


def add_to(commands: Any) -> None:
    """Add the commands."""
    taking = add_command(
        commands, "import", "take orders or master data from a spreadsheet or a YAML file", _import, example=_IMPORTS
    )
    taking.add_argument("what", choices=_WORDS, help="what the file holds")
    taking.add_argument("files", nargs="+", type=Path, metavar="FILE", help=".xlsx, .csv, or .yaml for master data")
    taking.add_argument("--zone", metavar="ZONE", help="of dates at sites without a calendar; default: this machine's")
    taking.add_argument("--encoding", help="of CSV, where it is not found out: gbk, shift_jis")
    giving = add_command(
        commands, "export", "write orders or master data to a spreadsheet or a YAML file", _export, example=_EXPORTS
    )
    giving.add_argument("what", choices=_WORDS, help="what to write")
    giving.add_argument("file", type=Path, metavar="FILE", help=".xlsx, .csv; .yaml for documents and templates")
    giving.add_argument("--language", choices=("en", "zh", "ja"), default="en", help="of the headings; default en")
    for parser in (taking, giving):
        parser.add_argument(
            "--url",
            metavar="URL",
            help=f"of a collector elsewhere, not that of DIR; its key is read from the variable {KEY_VARIABLE}",
        )


def _import(arguments: argparse.Namespace) -> int:
    zone = _zone_of(arguments.zone)
    taken = [_import_file(arguments, file, zone) for file in arguments.files]
    return max(taken)


def _import_file(arguments: argparse.Namespace, file: Path, zone: ZoneInfo) -> int:
    content = _content_of(file)
    if file.suffix.lower() in _YAML:
        found = _taken_documents(arguments, file, content)
    elif arguments.what in (TEMPLATES, DOCUMENTS):
        raise UsageError(f"{file}: {arguments.what} come as YAML (.yaml)")
    else:
        found = _taken_table(arguments, file, content, zone)
    return _tell(arguments.what, file, found)


def _taken_table(arguments: argparse.Namespace, file: Path, content: bytes, zone: ZoneInfo) -> dict[str, Any]:
    caller = _caller(arguments)
    if caller is not None:
        query = {"zone": zone.key} if arguments.what == ORDERS_WORD else {}
        if arguments.encoding:
            query["encoding"] = arguments.encoding
        return _sent(caller, f"/api/v1/import/{arguments.what}?{urlencode(query)}", content, "application/octet-stream")
    with closing(open_store(arguments.data, database_url(arguments))) as store:
        try:
            return dict(imported_view(asyncio.run(_put_table(store, arguments, file, content, zone))))
        except PointListError as exc:
            raise UsageError(str(exc)) from exc


async def _put_table(
    store: Store, arguments: argparse.Namespace, file: Path, content: bytes, zone: ZoneInfo
) -> Imported:
    async with _ledger_of(store) as ledger:
        if arguments.what == ORDERS_WORD:
            with ledger.reads.master() as rows:
                policy = Book(rows, ledger.models).policy()
            table, orders = read_orders(content, file.name, policy=policy, zone=zone, encoding=arguments.encoding)
            imported = read_part(table)
            for some in in_chunks(orders):
                imported = imported.with_more(await ledger.put_orders(table, some))
            return imported
        kind = MasterKind(arguments.what)
        table, found = read_documents(kind, content, file.name, encoding=arguments.encoding)
        imported = read_part(table)
        for part in in_chunks(found):
            imported = imported.with_more(await ledger.put_rows(table, part, source=SOURCE))
        return imported


def _taken_documents(arguments: argparse.Namespace, file: Path, content: bytes) -> dict[str, Any]:
    if arguments.what == ORDERS_WORD:
        raise UsageError(f"{file}: orders come as .xlsx or .csv")
    try:
        documents = read_file(content.decode("utf-8-sig"), file=str(file))
    except UnicodeDecodeError as exc:
        raise ConfigError.of_file(file, f"the file is not UTF-8 text (byte {exc.start}).", "Save it as UTF-8.") from exc
    _check_kinds(arguments.what, documents, file)
    caller = _caller(arguments)
    if caller is not None:
        path = f"/api/v1/import/documents?file={quote(file.name)}"
        return _sent(caller, path, content, "application/yaml")
    with closing(open_store(arguments.data, database_url(arguments))) as store:
        return dict(imported_view(asyncio.run(_put_documents(store, documents))))


async def _put_documents(store: Store, documents: Sequence[MasterDocument]) -> Imported:
    async with _ledger_of(store) as ledger:
        imported = Imported(rows=len(documents))
        for part in in_chunks(documents):
            imported = imported.with_more(await ledger.put_documents(part, source=SOURCE))
        return imported


def _check_kinds(what: str, documents: Sequence[MasterDocument], file: Path) -> None:
    if what == DOCUMENTS:
        return
    wanted = MasterKind.ROUTINGS if what == TEMPLATES else MasterKind(what)
    other = next((one for one in documents if one.kind is not wanted), None)
    if other is not None:
        raise UsageError(
            f"{file} holds {other.kind} ({other.id}) beside {what}: import it as {DOCUMENTS}, which takes all kinds"
        )


def _tell(what: str, file: Path, found: dict[str, Any]) -> int:
    problems = found["problems"]
    counts = " ".join(f"{word}={found[word]}" for word in ("rows", "created", "changed", "unchanged"))
    print(f"imported {what} file={file.name} {counts} problems={len(problems)}")
    if found["unused"]:
        print(f"  columns that were not read: {', '.join(found['unused'])}")
    for one in problems:
        where = f"row {one['row']}" if one["row"] else one["column"]
        column = f" column {one['letter']} ({one['column']})" if one["letter"] else ""
        sheet = f"sheet '{one['sheet']}' " if one["sheet"] and one["row"] else ""
        print(f"  {sheet}{where}{column}: {one['message']} {one['instead']}".rstrip(), file=sys.stderr)
    return NOT_ALL if problems else 0


def _export(arguments: argparse.Namespace) -> int:
    suffix = arguments.file.suffix.lower()
    is_yaml = arguments.what in (DOCUMENTS, TEMPLATES)
    if suffix not in (_YAML if is_yaml else {".csv", ".xlsx"}):
        raise UsageError(f"{arguments.file}: write {'.yaml' if is_yaml else '.xlsx or .csv'} at its end")
    file_format = None if is_yaml else Format(suffix[1:])
    caller = _caller(arguments)
    if caller is not None:
        query = "" if file_format is None else f"?format={file_format}&language={arguments.language}"
        content = caller.send("GET", f"/api/v1/export/{arguments.what}{query}")
    else:
        with closing(open_reader(arguments.data, database_url(arguments))) as store:
            content = _exported(store, arguments, file_format)
    arguments.file.write_bytes(content)
    print(f"exported {arguments.what} file={arguments.file} bytes={len(content)}")
    return 0


def _exported(store: Store, arguments: argparse.Namespace, file_format: Format | None) -> bytes:
    reads = store.reads()
    if file_format is None:
        return templates_of(reads) if arguments.what == TEMPLATES else yaml_of(reads)
    if arguments.what == ORDERS_WORD:
        return table_file(ORDERS, rows_of_orders(all_orders(reads)), file_format, language=arguments.language)
    return table_of(reads, MasterKind(arguments.what), file_format, language=arguments.language)


def _caller(arguments: argparse.Namespace) -> Caller | None:
    """How to reach the collector that holds the data; None: nobody does, so that the store is opened here."""
    if arguments.url:
        key = os.environ.get(KEY_VARIABLE, "")
        if not key:
            raise UsageError(f"put a key with the scopes that are needed into the environment variable {KEY_VARIABLE}")
        return replace(caller_with_key(arguments.url, key), timeout_s=_PATIENCE_S)
    is_asked = database_url(arguments) is None and is_held(arguments.data)
    return replace(caller_of(arguments.data), timeout_s=_PATIENCE_S) if is_asked else None


def _sent(caller: Caller, path: str, content: bytes, media_type: str) -> dict[str, Any]:
    found: dict[str, Any] = caller.json("POST", path, content, media_type=media_type)
    return found


def _ledger_of(store: Store) -> Ledger:
    """The ledger of a store that we opened; beside other processes they hear of what we commit."""
    peers = Peers("import") if isinstance(store, PostgresStore) else None
    return Ledger(store, now=ProductionClock.from_environment().now, peers=peers)


def _content_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as exc:
        raise UsageError(f"{file} cannot be read: {exc.strerror or exc}") from exc


def _zone_of(name: str | None) -> ZoneInfo:
    if name is None:
        return _machine_zone()
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise UsageError(f"--zone {name}: write a time zone such as Asia/Shanghai or Asia/Tokyo") from exc


def _machine_zone() -> ZoneInfo:
    """The zone that this machine is set to; UTC where it does not say."""
    named = os.environ.get("TZ", "") or str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    try:
        return ZoneInfo(named.lstrip(":")) if named else ZoneInfo("UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
