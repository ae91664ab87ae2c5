"""What clients send: checked here for form, by the core for sense. An unknown field is an error, never dropped."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from genba_cloud.api.bodies_orders import OrderBody
from genba_cloud.api.body_forms import MOST_PIECES, Body, FreeText, Instant, Name, Pieces, Tag
from genba_cloud.ledger import AnswerToGive, CountsToAssign

__all__ = [
    "MOST_PIECES",
    "AnswerBody",
    "AssignBody",
    "DispatchBody",
    "EventsBody",
    "KeyBody",
    "OrderBody",
    "QueueBody",
    "StockTakeBody",
    "SubjectBody",
    "TagsBody",
]


class QueueRowBody(Body):
    """A row for a station's queue."""

    work_order: Name
    node: Name
    quantity: Pieces


class QueueBody(Body):
    """Rows for the end of a station's queue."""

    rows: list[QueueRowBody] = Field(min_length=1, max_length=1000)


class DispatchBody(Body):
    """What a station shall work on from now on."""

    work_order: Name
    node: Name


class BindingBody(Body):
    """From now on the tag stands for these pieces."""

    tag: Tag
    work_order: Name
    pieces: Pieces = 1


class TagsBody(Body):
    """Tags to bind and to unbind; unbinding comes first."""

    bind: list[BindingBody] = Field(default_factory=list, max_length=1000)
    unbind: list[Tag] = Field(default_factory=list, max_length=1000)


class AnswerBody(Body):
    """The answer to a question: one of its options, or a number of pieces.

    `work_order` and `node` say whose pieces they are: needed where nobody knows. A `note` is needed where the number is
    not possible by what was read.
    """

    option: Annotated[Name | None, Field(description="as the question lists it: wrap:5")] = None
    pieces: Annotated[int, Field(ge=0, le=MOST_PIECES, strict=True)] | None = None
    work_order: Name | None = None
    node: Name | None = None
    note: Annotated[FreeText | None, Field(min_length=1)] = None

    @model_validator(mode="after")
    def _one_answer(self) -> AnswerBody:
        if (self.option is None) == (self.pieces is None):
            raise ValueError("write either option or pieces")
        if (self.work_order is None) != (self.node is None):
            raise ValueError("write work_order and node together")
        return self

    def to_answer(self, question: str) -> AnswerToGive:
        """The answer as the ledger takes it."""
        owner = (self.work_order, self.node) if self.work_order is not None and self.node is not None else None
        return AnswerToGive(question=question, option=self.option, pieces=self.pieces, owner=owner, note=self.note)


class AssignBody(Body):
    """Counts without an owner that all belong to one node, each as it was counted."""

    questions: list[Name] = Field(min_length=1, max_length=1000)
    work_order: Name
    node: Name
    note: Annotated[FreeText | None, Field(min_length=1)] = None

    def to_wanted(self) -> CountsToAssign:
        """The same, as the ledger takes it."""
        owner = (self.work_order, self.node)
        return CountsToAssign(questions=tuple(self.questions), owner=owner, note=self.note)


class EventsBody(Body):
    """A batch of events in the one JSON form, each with a UUID that the client made."""

    events: list[dict[str, Any]] = Field(min_length=1, max_length=1000)


class StockTakeBody(Body):
    """What was counted in a zone; `at`: when, now where it is left out."""

    count: Annotated[int, Field(ge=0, le=MOST_PIECES, strict=True)]
    at: Instant | None = None


class KeyBody(Body):
    """A machine key to make."""

    name: Name
    scopes: list[str] = Field(min_length=1, max_length=20, description="read, orders:write, …")


class SubjectBody(Body):
    """Whose words are erased: an account, or kind and name of another source (``api:erp``)."""

    subject: Annotated[str, Field(min_length=1, max_length=200)]
