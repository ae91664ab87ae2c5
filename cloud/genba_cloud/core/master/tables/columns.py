"""Which column of a table says what, by its heading in English, Chinese or Japanese."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from genba_shared.point_list.headings import HEADING_ROWS, folded
from genba_shared.point_list.table import Cell, CellKind, PointListError, Row, RowProblem, Sheet, letter_of

LANGUAGES: Final = ("en", "zh", "ja")
Value = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: what it says (`role`), its headings by language, and other words that people write for it.

    `is_open`: there is one such column for each name that stands behind a colon (``label:en``, ``parameter:size``);
    its roles are ``label:en`` and the like.
    """

    role: str
    titles: tuple[str, str, str]
    words: str = ""
    is_open: bool = False

    def title(self, language: str) -> str:
        """The heading in a language."""
        return self.titles[LANGUAGES.index(language)] if language in LANGUAGES else self.titles[0]

    def spellings(self) -> frozenset[str]:
        """Everything that people may write, folded."""
        return frozenset(folded(word) for word in (self.role, *self.titles, *self.words.split()))


@dataclass(frozen=True, slots=True, kw_only=True)
class TableForm:
    """One kind of table. `needed`: columns without which a row of headings is none."""

    name: str
    columns: tuple[Column, ...]
    needed: tuple[str, ...]

    def column(self, role: str) -> Column:
        """The column of a role, also of one name of an open column."""
        stem = role.partition(":")[0]
        return next(column for column in self.columns if column.role == stem)

    def title(self, role: str, language: str) -> str:
        """The heading of a role."""
        _, colon, name = role.partition(":")
        return f"{self.column(role).title(language)}{colon}{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row: the text of its cells by role, without those that are empty."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """Where a column stands, and how it is headed there."""

    role: str
    index: int
    title: str


class CellRefused(Exception):
    """A cell cannot be taken; caught where its place is known. Never leaves this package."""

    def __init__(self, role: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.role = role
        self.message = message
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTable:
    """What a sheet holds. `problems` are of rows that were not taken; `unused`: headings that nobody reads here."""

    sheet: str
    headings: tuple[Heading, ...]
    rows: tuple[TableRow, ...]
    problems: tuple[RowProblem, ...]
    unused: tuple[str, ...] = field(default=())
    total: int = 0

    def problem(self, row: int, role: str, message: str, fix: str) -> RowProblem:
        """Something wrong in a row, at the column of `role` where there is one."""
        heading = next((one for one in self.headings if one.role == role), None)
        heading = heading or next((one for one in self.headings if one.role.partition(":")[0] == role), None)
        return RowProblem(
            sheet=self.sheet,
            row=row,
            column=heading.title if heading else role,
            letter=letter_of(heading.index) if heading else "",
            message=message,
            fix=fix,
        )


def score(form: TableForm) -> ScoreOf:
    """How well the headings of rows are understood."""
    return ScoreOf(form)


@dataclass(frozen=True, slots=True)
class ScoreOf:
    """See `score`."""

    form: TableForm

    def __call__(self, rows: Sequence[Row]) -> int:
        """The number of headings that are known in the best of the first rows."""
        return max((len(_headings(row, self.form)[0]) for row in rows[:HEADING_ROWS]), default=0)


def read_table(sheets: Sequence[Sheet], form: TableForm) -> ReadTable:
    """The rows of the sheet whose headings are those of the table.

    Raises:
        PointListError: no sheet has the headings that are needed.
    """
    found = max(
        ((len(_headings(row, form)[0]), -number, sheet, row) for number, sheet, row in _candidates(sheets, form)),
        key=lambda each: each[:2],
        default=None,
    )
    if found is None:
        needed = ", ".join(" / ".join(form.column(role).titles) for role in form.needed)
        raise PointListError(
            f"there is no row of headings among the first {HEADING_ROWS} rows of any sheet: columns headed {needed} "
            "are needed"
        )
    _, _, sheet, heading_row = found
    headings, unused = _headings(heading_row, form)
    is_csv = not sheet.name
    table = ReadTable(sheet=sheet.name, headings=tuple(headings), rows=(), problems=(), unused=tuple(unused))
    rows: list[TableRow] = []
    problems: list[RowProblem] = []
    total = 0
    for row in sheet.rows:
        if row.number <= heading_row.number:
            continue
        total += 1
        try:
            rows.append(TableRow(number=row.number, cells=dict(_cells(row, headings, is_csv=is_csv))))
        except CellRefused as exc:
            problems.append(table.problem(row.number, exc.role, exc.message, exc.fix))
    return ReadTable(
        sheet=sheet.name,
        headings=tuple(headings),
        rows=tuple(row for row in rows if row.cells),
        problems=tuple(problems),
        unused=tuple(unused),
        total=total,
    )


def written(form: TableForm, rows: Sequence[Mapping[str, Value]], language: str) -> list[list[Value]]:
    """The table with its row of headings; columns in which nothing stands are left out, but for those needed."""
    roles = _roles_in(form, rows)
    return [[form.title(role, language) for role in roles], *([row.get(role) for role in roles] for row in rows)]


def guarded(value: Value) -> str:
    """A value as a CSV cell; an apostrophe stands before what a spreadsheet program would take for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "'") else text


def _roles_in(form: TableForm, rows: Iterable[Mapping[str, Value]]) -> list[str]:
    used = {role for row in rows for role, value in row.items() if value is not None}
    roles: list[str] = []
    for column in form.columns:
        if column.is_open:
            roles += sorted(role for role in used if role.partition(":")[0] == column.role)
        elif column.role in used or column.role in form.needed:
            roles.append(column.role)
    return roles


def _candidates(sheets: Sequence[Sheet], form: TableForm) -> Iterator[tuple[int, Sheet, Row]]:
    number = 0
    for sheet in sheets:
        for row in sheet.rows[:HEADING_ROWS]:
            number += 1
            roles = {one.role for one in _headings(row, form)[0]}
            if roles.issuperset(form.needed):
                yield number, sheet, row


def _headings(row: Row, form: TableForm) -> tuple[list[Heading], list[str]]:
    spellings = {word: column.role for column in form.columns if not column.is_open for word in column.spellings()}
    opened = {word: column.role for column in form.columns if column.is_open for word in column.spellings()}
    found: list[Heading] = []
    unused: list[str] = []
    for index, cell in enumerate(row.cells):
        role = _role_of(cell, spellings, opened)
        if role is None or any(one.role == role for one in found):
            if cell.text:
                unused.append(cell.text)
        else:
            found.append(Heading(role=role, index=index, title=cell.text))
    return found, unused


def _role_of(cell: Cell, spellings: Mapping[str, str], opened: Mapping[str, str]) -> str | None:
    if cell.kind is not CellKind.TEXT:
        return None
    stem, colon, name = unicodedata.normalize("NFKC", cell.text.removeprefix("'")).partition(":")
    if colon and name.strip() and folded(stem) in opened:
        return f"{opened[folded(stem)]}:{name.strip()}"
    return spellings.get(folded(cell.text))


def _cells(row: Row, headings: Iterable[Heading], *, is_csv: bool) -> Iterator[tuple[str, str]]:
    for heading in headings:
        cell = row.cells[heading.index] if heading.index < len(row.cells) else None
        match cell:
            case None | Cell(kind=CellKind.EMPTY):
                continue
            case Cell(kind=CellKind.FORMULA):
                raise CellRefused(
                    heading.role, "a formula stands here: formulas are not worked out.", "Paste its value."
                )
            case Cell(kind=CellKind.ERROR, text=text):
                raise CellRefused(heading.role, f"'{text}' is an error of the spreadsheet.", "Correct it.")
            case Cell(text=text):
                yield heading.role, text.removeprefix("'") if is_csv else text


_WHOLE: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,12}(?:\.0+)?")
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?(?:[eE][-+]?[0-9]{1,3})?")


def whole_of(cells: Mapping[str, str], role: str, *, low: int, high: int) -> int | None:
    """A whole number in a cell; None where it is empty.

    Raises:
        CellRefused: something else stands there.
    """
    text = cells.get(role)
    if text is None:
        return None
    plain = unicodedata.normalize("NFKC", text).replace(" ", "")
    sign, digits = (-1, plain[1:]) if plain.startswith("-") and low < 0 else (1, plain)
    if not _WHOLE.fullmatch(digits) or not low <= sign * (value := int(digits.replace(",", "").split(".")[0])) <= high:
        raise CellRefused(role, f"'{text}' is not a whole number from {low} to {high:,}.", "Write it like 120.")
    return sign * value


def number_of(cells: Mapping[str, str], role: str) -> float | None:
    """A number in a cell; None where it is empty.

    Raises:
        CellRefused: something else stands there.
    """
    text = cells.get(role)
    if text is None:
        return None
    plain = unicodedata.normalize("NFKC", text).replace(" ", "")
    if not _NUMBER.fullmatch(plain):
        raise CellRefused(role, f"'{text}' is not a number.", "Write it like 1.6.")
    return float(plain)


def opened(cells: Mapping[str, str], stem: str) -> dict[str, str]:
    """By name, the cells of an open column."""
    return {role.partition(":")[2]: text for role, text in cells.items() if role.startswith(f"{stem}:")}


def listed_of(cells: Mapping[str, str], role: str) -> list[str]:
    """The words of a cell that holds several, with ``;`` between them."""
    text = unicodedata.normalize("NFKC", cells.get(role, ""))
    return [word for part in re.split("[;、]", text) if (word := part.strip())]
