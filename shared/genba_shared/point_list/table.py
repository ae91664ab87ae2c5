"""A sheet of a point list as rows of cells, whatever file it came from; mistakes are told by sheet, row and column."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from genba_shared.errors import GenbaError

MAX_FILE_BYTES: Final = 20_000_000
MAX_ROWS: Final = 20_000
MAX_COLUMNS: Final = 200
MAX_CELL: Final = 2_000


class PointListError(GenbaError):
    """The file is no point list that can be read; the message says what would be."""


class CellKind(StrEnum):
    """What stands in a cell. A formula is never worked out; `NUMBER` has lost how it was written."""

    TEXT = "text"
    NUMBER = "number"
    FORMULA = "formula"
    ERROR = "error"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `text` is without surrounding blanks."""

    kind: CellKind
    text: str = ""


EMPTY: Final = Cell(CellKind.EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row. `number` counts from 1, as the spreadsheet shows it."""

    number: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One table. `name` is empty for a CSV file, which has only one."""

    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """Why a row was not taken, and what to write instead. `column` is the heading, `letter` its place."""

    sheet: str
    row: int
    column: str
    letter: str
    message: str
    fix: str

    def __str__(self) -> str:
        sheet = f"sheet '{self.sheet}' " if self.sheet else ""
        column = f" column {self.letter} ({self.column})" if self.letter else ""
        return f"{sheet}row {self.row}{column}: {self.message} {self.fix}".rstrip()


class RowRefused(Exception):
    """A row cannot be taken; caught where its place is known. Never leaves this package."""

    def __init__(self, role: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.role = role
        self.message = message
        self.fix = fix


def letter_of(column: int) -> str:
    """The spreadsheet's name of a column counted from 0.

    >>> letter_of(0), letter_of(27)
    ('A', 'AB')
    """
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def one_line(text: str) -> str:
    """Text without line breaks and without what cannot be printed; at most 200 characters."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= 200 else f"{line[:199]}…"
