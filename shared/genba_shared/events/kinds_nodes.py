"""Kinds of events with which people, and systems in their name, say how a node stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from genba_shared.events.model import Event, Result


class QualityResult(StrEnum):
    """What an inspection found."""

    PASSED = "passed"
    FAILED = "failed"
    CONDITIONAL = "conditional"
    """Accepted with a deviation that the note names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfirmed(Event):
    """A person says that the node is done, with `pieces` good pieces (None: those that are known)."""

    kind: ClassVar[str] = "node_confirmed"
    code: ClassVar[int] = 26
    required: ClassVar[frozenset[str]] = frozenset({"work_order", "node"})

    pieces: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRejected(Event):
    """A person says that the completions claimed up to `at` do not hold: the work goes on. `reason` is a code."""

    kind: ClassVar[str] = "node_rejected"
    code: ClassVar[int] = 27
    required: ClassVar[frozenset[str]] = frozenset({"work_order", "node", "reason"})

    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSkipped(Event):
    """The node is left out of this work order, for `reason`."""

    kind: ClassVar[str] = "node_skipped"
    code: ClassVar[int] = 28
    required: ClassVar[frozenset[str]] = frozenset({"work_order", "node", "reason"})

    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHeld(Event):
    """Work on the node stops on purpose, for `reason`. Its delay goes on."""

    kind: ClassVar[str] = "node_held"
    code: ClassVar[int] = 29
    required: ClassVar[frozenset[str]] = frozenset({"work_order", "node", "reason"})

    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResumed(Event):
    """A held node may be worked on again."""

    kind: ClassVar[str] = "node_resumed"
    code: ClassVar[int] = 30
    required: ClassVar[frozenset[str]] = frozenset({"work_order", "node"})

    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReopened(Event):
    """A node that was done, or skipped, is open again from `at` on, for `reason`; successors keep their facts."""

    kind: ClassVar[str] = "node_reopened"
    code: ClassVar[int] = 31
    required: ClassVar[frozenset[str]] = frozenset({"work_order", "node", "reason"})

    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCompleted(Event):
    """A sub-step of the node is done."""

    kind: ClassVar[str] = "step_completed"
    code: ClassVar[int] = 32
    required: ClassVar[frozenset[str]] = frozenset({"work_order", "node"})

    step: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeScanned(Event):
    """A person scanned the code of an order or a node; what was done about it is events of their own."""

    kind: ClassVar[str] = "code_scanned"
    code: ClassVar[int] = 33

    code_id: str
    order: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRecorded(Event):
    """An inspection of `pieces` pieces; `defects` are codes, each as often as it was found.

    `disposition` says what becomes of pieces that failed: ``rework`` (the usual) or ``scrap``. An inspection of pieces
    that failed before names that one in `because`.
    """

    kind: ClassVar[str] = "quality_recorded"
    code: ClassVar[int] = 34
    required: ClassVar[frozenset[str]] = frozenset({"work_order", "node"})

    result: QualityResult
    pieces: int
    defects: tuple[str, ...] = ()
    note: str | None = None
    disposition: Result | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaAttached(Event):
    """A picture, video or document belongs to the node or the order; `media` is the SHA-256 of its bytes, in hex."""

    kind: ClassVar[str] = "media_attached"
    code: ClassVar[int] = 35

    media: str
    media_type: str
    order: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventVoided(Event):
    """A person takes the event `target` back, for `reason`: it no longer counts. Final; it may come before its target.

    A counter's `total` stands: only what the event gave to a node is taken away. `order` is that of the target, where
    it speaks of an order as a whole.
    """

    kind: ClassVar[str] = "event_voided"
    code: ClassVar[int] = 36
    required: ClassVar[frozenset[str]] = frozenset({"reason"})

    target: str
    note: str | None = None
    order: str | None = None
