"""What the forms of the scan page send, read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Form

from genba_cloud.core.actions import NodeAction, NodeWish
from genba_shared.events import QualityResult

_CODE: Final = re.compile(r"[a-z][a-z0-9_]{1,39}")
LONGEST_NUMBER: Final = 8
Short = Annotated[str, Form(max_length=100)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeedForm:
    """A form of the scan page. `key` was made with the page: a button that is pressed twice does its work once."""

    action: NodeAction | None
    wish: NodeWish
    work_order: str | None
    node: str | None
    key: str


def deed_form(
    action: Short = "",
    pieces: Annotated[str, Form(max_length=LONGEST_NUMBER)] = "",
    reason: Short = "",
    step: Short = "",
    result: Annotated[str, Form(max_length=20)] = "",
    note: Annotated[str, Form(max_length=200)] = "",
    work_order: Short = "",
    node: Short = "",
    key: Annotated[str, Form(max_length=64)] = "",
) -> DeedForm:
    """A dependency: the form of a request. What is no number or no known word counts as not given."""
    wanted = NodeAction(action) if action in set(NodeAction) else None
    wish = NodeWish(
        action=wanted or NodeAction.START,
        pieces=int(pieces) if pieces.isascii() and pieces.isdigit() else None,
        reason=code_of(reason),
        note=note.strip() or None,
        step=step or None,
        result=QualityResult(result) if result in set(QualityResult) else None,
    )
    return DeedForm(action=wanted, wish=wish, work_order=work_order or None, node=node or None, key=key)


def code_of(text: str) -> str | None:
    """A reason's code; None where there is none."""
    return text if _CODE.fullmatch(text) else None
