"""Shapes of answers about master data. Times are RFC 3339 in UTC."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict


class MasterShape(TypedDict):
    """A document in one version. `body` is what was put in; `built_in`: it came with the product."""

    id: str
    version: int
    valid_from: str
    built_in: bool
    body: dict[str, Any]


class MasterPageShape(TypedDict):
    """Documents by id; `next` is the cursor of the page after this one."""

    items: list[MasterShape]
    next: str | None


class MasterPutShape(TypedDict):
    """What became of a document: created, changed or unchanged."""

    id: str
    version: int
    outcome: str


class ComponentShape(TypedDict):
    """A component: `amount` for each piece; `total` for all of them with what is lost, where a quantity was given."""

    item: str
    amount: float
    uom: str
    scrap_share: float
    node: str | None
    total: NotRequired[float]


class WorkShape(TypedDict):
    """Standard work of a node."""

    node: str
    setup_s: int
    piece_s: float


class ResolvedShape(TypedDict):
    """What a choice of options makes."""

    item: str
    routing: str
    parameters: dict[str, str]
    bom: list[ComponentShape]
    nodes: list[WorkShape]


class RowProblemShape(TypedDict):
    """Why a row was not taken, and what to write instead."""

    sheet: str
    row: int
    column: str
    letter: str
    message: str
    instead: str


class ImportedShape(TypedDict):
    """What became of the rows of a table: how many there were, how many documents or orders they made."""

    rows: int
    created: int
    changed: int
    unchanged: int
    problems: list[RowProblemShape]
    unused: list[str]
