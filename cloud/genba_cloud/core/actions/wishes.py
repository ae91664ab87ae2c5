"""What people ask for on the floor, who asks, and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from genba_cloud.core.facts.plan import Refused
from genba_shared.events import Event, QualityResult, Source


class NodeAction(StrEnum):
    """What can be done with a node of a work order."""

    START = "start"
    REPORT = "report"
    """So many good pieces so far, in all."""
    STEP = "step"
    COMPLETE = "complete"
    CONFIRM = "confirm"
    REJECT = "reject"
    HOLD = "hold"
    RESUME = "resume"
    SKIP = "skip"
    REOPEN = "reopen"
    QUALITY = "quality"
    REWORK = "rework"


class OrderAction(StrEnum):
    """What can be done with an order as a whole."""

    HOLD = "hold"
    RESUME = "resume"
    CANCEL = "cancel"
    PRIORITISE = "prioritise"


class Rank(IntEnum):
    """Who may take back what; a higher rank may do all that a lower one may."""

    OPERATOR = 1
    SUPERVISOR = 2
    MANAGER = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks. `who` is the opaque id that stands in the events' source."""

    who: str
    rank: Rank
    is_person: bool
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """When something is entered, and ids for the events that it makes."""

    now: datetime
    next_id: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeWish:
    """What somebody wants to do with a node. `at`: when it happened, now where it is left out."""

    action: NodeAction
    pieces: int | None = None
    reason: str | None = None
    note: str | None = None
    step: str | None = None
    result: QualityResult | None = None
    defects: tuple[str, ...] = ()
    found_at: str | None = None
    station: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWish:
    """What somebody wants to do with an order."""

    action: OrderAction
    reason: str | None = None
    note: str | None = None
    priority: int | None = None


class Why(StrEnum):
    """Why something cannot be done; the pages say it in the reader's language."""

    ON_HOLD = "on_hold"
    ORDER_ON_HOLD = "order_on_hold"
    ORDER_CANCELLED = "order_cancelled"
    NOT_STARTED = "not_started"
    NOT_COMPLETE = "not_complete"
    IS_COMPLETE = "is_complete"
    IS_DONE = "is_done"
    IS_SKIPPED = "is_skipped"
    NOT_ON_HOLD = "not_on_hold"
    IS_OPEN = "is_open"
    REASON_MISSING = "reason_missing"
    PIECES_MISSING = "pieces_missing"
    PIECES_IMPOSSIBLE = "pieces_impossible"
    FEWER_THAN_BEFORE = "fewer_than_before"
    STEP_UNKNOWN = "step_unknown"
    RESULT_MISSING = "result_missing"
    NODE_UNKNOWN = "node_unknown"
    TIME_IMPOSSIBLE = "time_impossible"
    SECOND_PERSON = "second_person"
    PERSON_NEEDED = "person_needed"
    HIGHER_RANK = "higher_rank"
    SEVERAL_NODES = "several_nodes"
    NOTHING_TO_DO = "nothing_to_do"
    CAUSE_MISSING = "cause_missing"
    SHIPPED = "shipped"
    NOT_TO_BE_UNDONE = "not_to_be_undone"
    UNKNOWN_WORD = "unknown_word"
    AMOUNT_IMPOSSIBLE = "amount_impossible"
    OTHER_REQUEST = "other_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRefused(Refused):
    """A refusal with the reason as a word, and what belongs into the sentence about it."""

    why: Why
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_of_rank(self) -> bool:
        """Whether somebody else could do it."""
        return self.why is Why.HIGHER_RANK


@dataclass(frozen=True, slots=True, kw_only=True)
class Already:
    """It is so already, since `at`: nothing was done."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The events that say it; never empty."""

    events: tuple[Event, ...]


Decision = Decided | Already | ActionRefused


def clash(why: Why, reason: str, accepted: str = "", **values: object) -> ActionRefused:
    """It clashes with how things stand."""
    return ActionRefused(why=why, reason=reason, accepted=accepted, conflict=True, values=values)


def malformed(why: Why, reason: str, accepted: str = "", **values: object) -> ActionRefused:
    """Something is missing in what was asked, or no such thing exists."""
    return ActionRefused(why=why, reason=reason, accepted=accepted, values=values)
