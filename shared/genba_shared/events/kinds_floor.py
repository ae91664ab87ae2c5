"""Kinds of events with which people on the floor say more of pieces than that they are good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from genba_shared.events.model import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ReworkOrdered(Event):
    """`pieces` pieces that were worked on at the node must be worked on there once more, for `reason`.

    `found_at` is the node where it was found out, where that is another one.
    """

    kind: ClassVar[str] = "rework_ordered"
    code: ClassVar[int] = 85
    required: ClassVar[frozenset[str]] = frozenset({"work_order", "node", "reason"})

    pieces: int
    found_at: str | None = None
    note: str | None = None
