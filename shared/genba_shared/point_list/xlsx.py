"""XLSX workbooks to sheets and back. The only place that knows openpyxl; formulas are seen, never worked out."""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, time, timedelta
from typing import Any, Final
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from genba_shared.point_list.files import check_unpacked_size
from genba_shared.point_list.table import (
    EMPTY,
    MAX_CELL,
    MAX_COLUMNS,
    MAX_ROWS,
    Cell,
    CellKind,
    PointListError,
    Row,
    Sheet,
    one_line,
)

MAX_UNPACKED_BYTES: Final = 200_000_000
MAX_SHEETS: Final = 50
_DAMAGED: Final = (
    InvalidFileException,
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What zipfile and openpyxl raise for a workbook that is damaged, encrypted or made by hand, as fuzzing found."""


def read_xlsx(content: bytes) -> tuple[Sheet, ...]:
    """Every visible sheet of a workbook.

    Raises:
        PointListError: it is damaged or too large.
    """
    check_unpacked_size(content, most=MAX_UNPACKED_BYTES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of parts that we do not read: styles, filters, print areas
            return _sheets_of(content)
    except _DAMAGED as exc:
        raise PointListError(f"the workbook cannot be read: {str(exc) or type(exc).__name__}") from exc


def _sheets_of(content: bytes) -> tuple[Sheet, ...]:
    workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
    try:
        visible = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
        if len(visible) > MAX_SHEETS:
            raise PointListError(f"the workbook has more than {MAX_SHEETS} sheets: keep only the lists in it")
        return tuple(Sheet(name=one_line(sheet.title), rows=tuple(_rows(sheet))) for sheet in visible)
    finally:
        workbook.close()


def _rows(sheet: Any) -> Iterator[Row]:
    sheet.reset_dimensions()  # what the file says of its own size is not trusted
    filled = 0
    for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS), start=1):
        taken = tuple(_cell(cell) for cell in cells)
        if all(cell.kind is CellKind.EMPTY for cell in taken):
            continue
        filled += 1
        if filled > MAX_ROWS:
            raise PointListError(f"sheet '{sheet.title}' has more than {MAX_ROWS:,} rows: split it")
        yield Row(number=number, cells=taken)


def _cell(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return EMPTY
    if cell.data_type == "f":
        return Cell(CellKind.FORMULA, one_line(str(value)))
    if cell.data_type == "e":
        return Cell(CellKind.ERROR, one_line(str(value)))
    if isinstance(value, bool | date | time | timedelta):
        return Cell(CellKind.TEXT, one_line(str(value)))
    if isinstance(value, int):  # maybe one that no float can hold
        return Cell(CellKind.NUMBER, str(value))
    if isinstance(value, float):
        return Cell(CellKind.NUMBER, str(int(value)) if value.is_integer() else repr(value))
    text = one_line(str(value)[:MAX_CELL])
    return Cell(CellKind.TEXT, text) if text else EMPTY


def xlsx_of(title: str, rows: Sequence[Sequence[str | int | float | None]]) -> bytes:
    """A workbook with one sheet. Texts stay texts, also where they look like a formula or a number."""
    workbook = openpyxl.Workbook()
    sheet: Any = workbook.active
    sheet.title = title
    for number, values in enumerate(rows, start=1):
        for column, value in enumerate(values, start=1):
            if value is None:
                continue
            cell: Any = sheet.cell(row=number, column=column)
            if isinstance(value, str):
                cell.data_type, cell._value = "s", value  # noqa: SLF001 (`value` would take =… for a formula)
                cell.number_format = "@"
            else:
                cell.value = value
    sheet.freeze_panes = "A2"
    packed = io.BytesIO()
    workbook.save(packed)
    return packed.getvalue()
