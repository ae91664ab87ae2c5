"""Tables and files of master data and orders: what is good goes in, what is not is told row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from genba_cloud.core.facts import Refused
from genba_cloud.core.master.kinds import MasterDocument
from genba_cloud.core.master.tables.columns import ReadTable
from genba_cloud.core.master.tables.documents import RowsOfDocument
from genba_cloud.core.master.tables.orders import RowsOfOrder
from genba_cloud.ledger.append import Stamp
from genba_cloud.ledger.batches import Appended
from genba_cloud.ledger.master import Book, Models, Outcome, put_document, together
from genba_cloud.ledger.order_lines import take_order
from genba_cloud.store.port import Transaction
from genba_shared.errors import ConfigError, Problem
from genba_shared.events import Source
from genba_shared.point_list.table import RowProblem

T = TypeVar("T")

_COLUMNS: Final = ("routing", "site", "configuration")
CHUNK: Final = 50
"""Orders or documents that are put in at once: what gateways send does not wait for a whole table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a table or a file. `rows`: how many it had; the rest counts orders or documents."""

    rows: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    problems: tuple[RowProblem, ...] = ()
    file_problems: tuple[Problem, ...] = ()
    unused: tuple[str, ...] = ()
    appended: Appended = field(default_factory=Appended)

    def with_more(self, other: Imported) -> Imported:
        """Both; what was appended has been told by each."""
        return Imported(
            rows=self.rows + other.rows,
            created=self.created + other.created,
            changed=self.changed + other.changed,
            unchanged=self.unchanged + other.unchanged,
            problems=(*self.problems, *other.problems),
            file_problems=(*self.file_problems, *other.file_problems),
            unused=(*self.unused, *other.unused),
        )

    @property
    def taken(self) -> int:
        """How many were taken, or were there already."""
        return self.created + self.changed + self.unchanged


def read_part(table: ReadTable) -> Imported:
    """What reading alone tells of a table."""
    return Imported(rows=table.total, problems=table.problems, unused=table.unused)


def in_chunks(parts: Sequence[T]) -> Iterator[Sequence[T]]:
    """The parts, some at a time."""
    return (parts[start : start + CHUNK] for start in range(0, len(parts), CHUNK))


def put_orders(
    transaction: Transaction, table: ReadTable, orders: Iterable[RowsOfOrder], stamp: Stamp, models: Models
) -> Imported:
    """Take orders; one that is refused stops no other."""
    book = Book(transaction.master, models)
    outcomes: list[Outcome] = []
    problems: list[RowProblem] = []
    appended: list[Appended] = []
    for one in orders:
        problems += one.problems
        if one.order is None:
            continue
        taken = take_order(transaction, one.order, stamp, book)
        if isinstance(taken, Refused):
            fix = f"Allowed: {taken.accepted}." if taken.accepted else ""
            problems.append(table.problem(one.rows[0], _column_of(taken), f"{taken.reason}.", fix))
            continue
        appended.append(taken.appended)
        changed = Outcome.CHANGED if taken.changed else Outcome.UNCHANGED
        outcomes.append(Outcome.CREATED if taken.created else changed)
    return _imported(outcomes, problems, appended)


def _column_of(refused: Refused) -> str:
    """The column that a refusal speaks of; none where it speaks of the whole order."""
    return next((word for word in _COLUMNS if f" {word} " in f" {refused.reason}"), "")


def put_rows(
    transaction: Transaction, table: ReadTable, found: Iterable[RowsOfDocument], source: Source, stamp: Stamp
) -> Imported:
    """Put in documents that rows of a table make; one that is refused stops no other."""
    outcomes: list[Outcome] = []
    problems: list[RowProblem] = []
    appended: list[Appended] = []
    for one in found:
        problems += one.problems
        if one.document is None:
            continue
        try:
            put = put_document(transaction, one.document, source, stamp)
        except ConfigError as exc:
            problems += [
                table.problem(one.rows[0], problem.path.rpartition(".")[2], str(problem.message), str(problem.fix))
                for problem in exc.problems
            ]
            continue
        if not isinstance(put, Refused):
            outcomes.append(put.outcome)
            appended.append(put.appended)
    return _imported(outcomes, problems, appended)


def put_documents(
    transaction: Transaction, documents: Iterable[MasterDocument], source: Source, stamp: Stamp
) -> Imported:
    """Put in the documents of a file; one that is refused stops no other."""
    outcomes: list[Outcome] = []
    problems: list[Problem] = []
    appended: list[Appended] = []
    for document in documents:
        try:
            put = put_document(transaction, document, source, stamp)
        except ConfigError as exc:
            problems += [
                Problem(
                    file=problem.file,
                    line=0,
                    column=0,
                    path=f"{document.id}.{problem.path}",
                    message=problem.message,
                    fix=problem.fix,
                )
                for problem in exc.problems
            ]
            continue
        if not isinstance(put, Refused):
            outcomes.append(put.outcome)
            appended.append(put.appended)
    imported = _imported(outcomes, (), appended)
    return Imported(
        created=imported.created,
        changed=imported.changed,
        unchanged=imported.unchanged,
        file_problems=tuple(problems),
        appended=imported.appended,
    )


def _imported(outcomes: Sequence[Outcome], problems: Sequence[RowProblem], appended: Sequence[Appended]) -> Imported:
    return Imported(
        created=outcomes.count(Outcome.CREATED),
        changed=outcomes.count(Outcome.CHANGED),
        unchanged=outcomes.count(Outcome.UNCHANGED),
        problems=tuple(problems),
        appended=together(appended),
    )
