"""`genba edge import-tags`: a point list of the PLC people (CSV, XLSX) to a device map."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from genba_shared.device_map.model import ModbusTable
from genba_shared.errors import UsageError
from genba_shared.point_list import Imported, ImportSettings, PointListError, Protocol, import_point_list
from genba_shared.topics import is_identifier


def add_import_tags_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge import-tags`."""
    parser.description = (
        "Print the device map of a point list: CSV or XLSX with columns for name, address and type, headed in English, "
        "Chinese or Japanese; exports of TIA Portal and KEPServerEX are known. A report goes to stderr."
    )
    parser.epilog = "Exit code 0: a map was printed, also where rows were skipped. 2: no row could be taken."
    parser.add_argument("file", type=Path, metavar="FILE", help="the point list")
    parser.add_argument(
        "--protocol", type=Protocol, choices=list(Protocol), help="what the device speaks (default: by its addresses)"
    )
    parser.add_argument("--device", default="device1", metavar="ID", help="id of the device (default: device1)")
    parser.add_argument("--host", default="", metavar="HOST", help="where it is: a host, or an OPC UA URL")
    parser.add_argument(
        "--table", type=ModbusTable, choices=list(ModbusTable), help="Modbus table of addresses that name none"
    )
    parser.add_argument(
        "--address-base",
        type=int,
        choices=(0, 1),
        default=0,
        help="whether plain Modbus numbers, such as 100, count from 0 (as on the wire, default) or from 1",
    )
    parser.add_argument("--encoding", metavar="NAME", help="of a CSV file: utf-8, gbk, shift_jis (default: found out)")


def run_import_tags(args: argparse.Namespace) -> int:
    """Print the map on stdout and the report on stderr.

    Raises:
        UsageError: nothing could be taken, or the file is no point list.
    """
    if not is_identifier(args.device):
        raise UsageError(f"--device {args.device}: an id has 1 to 40 of a-z, 0-9 and '-'")
    settings = ImportSettings(
        protocol=args.protocol,
        device=args.device,
        host=args.host,
        table=args.table,
        address_base=args.address_base,
        encoding=args.encoding,
    )
    try:
        imported = import_point_list(args.file, settings)
    except PointListError as exc:
        raise UsageError(str(exc)) from exc
    sys.stdout.write(imported.text)
    sys.stderr.writelines(f"{line}\n" for line in _report(args.file, imported))
    return 0


def _report(file: Path, imported: Imported) -> Iterator[str]:
    skipped = len(imported.problems)
    yield f"{file}: {imported.rows} rows, {imported.points} taken, {skipped} skipped"
    for problem in imported.problems:
        yield f"  skipped: {problem}"
    if imported.unused_headings:
        yield f"  columns that are not used: {', '.join(imported.unused_headings)}"
    if imported.sheets_without_list:
        yield f"  sheets without a list: {', '.join(imported.sheets_without_list)}"
