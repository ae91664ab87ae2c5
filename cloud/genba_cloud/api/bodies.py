"""What clients send: checked here for form, by the core for sense. An unknown field is an error, never dropped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from genba_cloud.core.facts.plan import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.ledger import AnswerToGive, CountsToAssign
from genba_shared.clock import to_milliseconds

MOST_PIECES: Final = 10_000_000
LARGEST_NUMBER: Final = 2**63 - 1
"""The largest number of a row or position: databases hold no larger one."""


def _storable(text: str) -> str:
    if any(ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in text):
        raise ValueError("control characters are not allowed")
    return text


def _to_utc(at: datetime) -> datetime:
    """The same instant in UTC and in whole milliseconds."""
    try:
        return to_milliseconds(at.astimezone(UTC))
    except OverflowError as exc:
        raise ValueError("a time from 1970 to 2199") from exc


Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True), AfterValidator(_storable)]
Tag = Annotated[Name, AfterValidator(str.lower)]  # readers report an EPC in lower-case hex: one tag, one spelling
FreeText = Annotated[str, StringConstraints(max_length=200), AfterValidator(_storable)]
Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
Pieces = Annotated[int, Field(ge=1, le=MOST_PIECES, strict=True)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NodeBody(_Body):
    """One production step as planned. `quantity` is that of the work order where it is left out."""

    node: Name
    label: dict[Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")], FreeText] = Field(
        default_factory=dict, description='by language: {"en": "Cutting"}'
    )
    planned_start: Instant
    planned_finish: Instant
    predecessors: list[Name] = Field(default_factory=list, max_length=100)
    quantity: Pieces | None = None


class WorkOrderBody(_Body):
    """What one site makes of the order."""

    work_order: Name
    site: Name
    item: Name
    quantity: Pieces
    nodes: list[NodeBody] = Field(min_length=1, max_length=200)


class OrderBody(_Body):
    """A customer order. (`system`, `external_id`) is its identity: sent again, it is the same order."""

    order: Name
    system: Name
    external_id: Name
    customer: FreeText = ""
    promised: Instant
    work_orders: list[WorkOrderBody] = Field(min_length=1, max_length=200)

    def to_plan(self) -> OrderPlan:
        """The order as the core knows it."""
        return OrderPlan(
            order=self.order,
            system=self.system,
            external_id=self.external_id,
            customer=self.customer,
            promised=self.promised,
            work_orders=tuple(_work_order(work) for work in self.work_orders),
        )


class QueueRowBody(_Body):
    """A row for a station's queue."""

    work_order: Name
    node: Name
    quantity: Pieces


class QueueBody(_Body):
    """Rows for the end of a station's queue."""

    rows: list[QueueRowBody] = Field(min_length=1, max_length=1000)


class DispatchBody(_Body):
    """What a station shall work on from now on."""

    work_order: Name
    node: Name


class BindingBody(_Body):
    """From now on the tag stands for these pieces."""

    tag: Tag
    work_order: Name
    pieces: Pieces = 1


class TagsBody(_Body):
    """Tags to bind and to unbind; unbinding comes first."""

    bind: list[BindingBody] = Field(default_factory=list, max_length=1000)
    unbind: list[Tag] = Field(default_factory=list, max_length=1000)


class AnswerBody(_Body):
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


class AssignBody(_Body):
    """Counts without an owner that all belong to one node, each as it was counted."""

    questions: list[Name] = Field(min_length=1, max_length=1000)
    work_order: Name
    node: Name
    note: Annotated[FreeText | None, Field(min_length=1)] = None

    def to_wanted(self) -> CountsToAssign:
        """The same, as the ledger takes it."""
        owner = (self.work_order, self.node)
        return CountsToAssign(questions=tuple(self.questions), owner=owner, note=self.note)


class EventsBody(_Body):
    """A batch of events in the one JSON form, each with a UUID that the client made."""

    events: list[dict[str, Any]] = Field(min_length=1, max_length=1000)


class StockTakeBody(_Body):
    """What was counted in a zone; `at`: when, now where it is left out."""

    count: Annotated[int, Field(ge=0, le=MOST_PIECES, strict=True)]
    at: Instant | None = None


class KeyBody(_Body):
    """A machine key to make."""

    name: Name
    scopes: list[str] = Field(min_length=1, max_length=20, description="read, orders:write, …")


def _work_order(work: WorkOrderBody) -> WorkOrderPlan:
    return WorkOrderPlan(
        work_order=work.work_order,
        site=work.site,
        item=work.item,
        quantity=work.quantity,
        nodes=tuple(_node(node, work.quantity) for node in work.nodes),
    )


def _node(node: NodeBody, quantity: int) -> NodePlan:
    return NodePlan(
        node=node.node,
        quantity=node.quantity or quantity,
        planned_start=node.planned_start,
        planned_finish=node.planned_finish,
        predecessors=tuple(node.predecessors),
        label=dict(node.label),
    )


class SubjectBody(_Body):
    """Whose words are erased: an account, or kind and name of another source (``api:erp``)."""

    subject: Annotated[str, Field(min_length=1, max_length=200)]
