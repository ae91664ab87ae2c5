"""A file of a point list to its sheets: CSV in the encodings and with the delimiters that are met, or XLSX."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from genba_shared.point_list.headings import score
from genba_shared.point_list.table import (
    EMPTY,
    MAX_CELL,
    MAX_COLUMNS,
    MAX_FILE_BYTES,
    MAX_ROWS,
    Cell,
    CellKind,
    PointListError,
    Row,
    Sheet,
    one_line,
)

DELIMITERS: Final = (",", ";", "\t", "|")
_SAMPLE: Final = 64
"""Rows that the choice of encoding and delimiter looks at."""


Score = Callable[[Sequence[Row]], int]
"""How well the headings of these rows are understood: the more, the likelier the file was read as it was written."""


def read_sheets(path: Path, *, encoding: str | None = None) -> tuple[Sheet, ...]:
    """All tables of the file.

    Raises:
        PointListError: it cannot be read, is too large, or is another kind of file.
    """
    return sheets_of(_content_of(path), path.name, encoding=encoding, score=score)


def sheets_of(content: bytes, name: str, *, encoding: str | None = None, score: Score) -> tuple[Sheet, ...]:
    """All tables of what a file called `name` holds; `score` knows the headings that are looked for.

    Raises:
        PointListError: it is another kind of file, or too large.
    """
    if content.startswith(b"PK\x03\x04"):
        from genba_shared.point_list.xlsx import read_xlsx

        return read_xlsx(content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise PointListError(f"{name} is a workbook of the old kind (.xls): save it as .xlsx or CSV")
    if content.lstrip()[:5].lower() in {b"<?xml", b"<html"}:
        raise PointListError(f"{name} is XML: export the list as .xlsx or CSV")
    return (_read_csv(content, name, encoding, score),)


def _content_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as exc:
        raise PointListError(f"{path} cannot be read: {exc.strerror or exc}") from exc
    if len(content) > MAX_FILE_BYTES:
        raise PointListError(f"{path} is larger than {MAX_FILE_BYTES:,} bytes: keep only the list of points in it")
    if not content.strip():
        raise PointListError(f"{path} is empty")
    return content


def _read_csv(content: bytes, name: str, encoding: str | None, score: Score) -> Sheet:
    tried = [(text, delimiter) for text in _texts_of(content, encoding) for delimiter in DELIMITERS]
    if not tried:
        raise PointListError(f"{name} is no text in UTF-8, UTF-16, GBK or Shift-JIS: name its encoding with --encoding")
    # The right reading is the one in which the most headings are known; the first of equals, so UTF-8 goes first.
    text, delimiter = max(tried, key=lambda each: score(list(_rows(each[0], each[1], most=_SAMPLE))))
    return Sheet(name="", rows=tuple(_rows(text, delimiter, most=MAX_ROWS + 1)))


def _texts_of(content: bytes, encoding: str | None) -> Iterator[str]:
    """The content as text, in every encoding that it may be in."""
    if encoding is not None:
        names = [encoding]
    elif content.startswith(b"\xef\xbb\xbf"):
        names = ["utf-8-sig"]
    elif content.startswith((b"\xff\xfe", b"\xfe\xff")):
        names = ["utf-16"]
    else:
        names = ["utf-8", "gb18030", "cp932"]
    for name in names:
        try:
            yield content.decode(name)
        except UnicodeError:
            continue
        except (LookupError, ValueError) as exc:
            raise PointListError(f"'{encoding}' is no encoding: utf-8, gbk and shift_jis are some") from exc
        if name.startswith("utf-"):
            return


def _rows(text: str, delimiter: str, *, most: int) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for number, cells in enumerate(reader, start=1):
            if number > most:
                break
            if number > MAX_ROWS:
                raise PointListError(f"the list has more than {MAX_ROWS:,} rows: split it")
            if any(cell.strip() for cell in cells):
                yield Row(number=number, cells=tuple(_cell(cell) for cell in cells[:MAX_COLUMNS]))
    except csv.Error as exc:
        raise PointListError(f"the file is no CSV at line {reader.line_num}: {exc}") from exc


def _cell(written: str) -> Cell:
    text = one_line(written[:MAX_CELL])
    if not text:
        return EMPTY
    return Cell(CellKind.FORMULA if text.startswith("=") else CellKind.TEXT, text)


def check_unpacked_size(content: bytes, *, most: int) -> None:
    """Refuse a packed file that would fill the memory.

    Raises:
        PointListError: it is damaged, or larger than `most` bytes when unpacked.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, OverflowError) as exc:
        raise PointListError(f"the workbook is damaged: {exc}") from exc
    if unpacked > most:
        raise PointListError(f"the workbook is larger than {most:,} bytes unpacked: keep only the list in it")
