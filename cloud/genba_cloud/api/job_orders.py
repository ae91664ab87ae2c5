"""Job orders in, job responses out, with the names of B2MML (ISA-95, operations): for systems that speak it already.

A job order becomes an order with one work order, known by (sender, ID). Its segments are the nodes; without segments it
has a single one. What was made is told as job responses, from a position of the log on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from genba_cloud.api.body_forms import FreeText, Instant, Name
from genba_cloud.api.changes import Since, Wanted, told_orders
from genba_cloud.api.guard import Guard
from genba_cloud.api.idempotency import Idempotent
from genba_cloud.api.reading import Reading
from genba_cloud.api.writing import IdempotencyKey
from genba_cloud.core.assess import AssessedOrder, NodeAssessment
from genba_cloud.core.facts.plan import NodePlan, OrderPlan, Refused, WorkOrderPlan
from genba_cloud.core.facts.views import Lifecycle
from genba_cloud.core.viewer import Act, Subject, Viewer
from genba_cloud.ledger import Ledger
from genba_cloud.store.read import EVERYTHING
from genba_shared.clock import format_time

SINGLE: Final = "WORK"
"""The node of a job order that names no segments."""
PRODUCED: Final = "Produced"

router = APIRouter()


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class QuantityBody(_Part):
    """`QuantityString` is a whole number of pieces."""

    QuantityString: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,7}$")]
    UnitOfMeasure: Annotated[str, Field(max_length=20)] = "pcs"

    @property
    def pieces(self) -> int:
        """The number."""
        return int(self.QuantityString)


class MaterialRequirementBody(_Part):
    """What is to be made, and how much of it."""

    MaterialDefinitionID: Name
    MaterialUse: Literal["Produced"] = "Produced"
    Quantity: Annotated[list[QuantityBody], Field(min_length=1, max_length=1)]


class HierarchyScopeBody(_Part):
    """Where it is to be made: a site."""

    EquipmentID: Name
    EquipmentElementLevel: Literal["Site"] = "Site"


class SegmentDependencyBody(_Part):
    """The segment begins after another one has handed over everything."""

    SegmentID: Name
    DependencyType: Literal["AtEnd"] = "AtEnd"


class SegmentRequirementBody(_Part):
    """One step of the work, as planned."""

    ID: Name
    Description: FreeText = ""
    EarliestStartTime: Instant
    LatestEndTime: Instant
    SegmentDependency: Annotated[list[SegmentDependencyBody], Field(default_factory=list, max_length=100)]


class JobOrderBody(_Part):
    """Work to be done. `EndTime` is the promise; `Priority` 0 to 1000, more is more urgent."""

    ID: Name
    Description: FreeText = ""
    HierarchyScope: HierarchyScopeBody
    WorkType: Literal["Production"] = "Production"
    WorkMasterID: Name | None = None
    StartTime: Instant
    EndTime: Instant
    Priority: Annotated[int, Field(ge=0, le=1000, strict=True)] = 0
    MaterialRequirement: Annotated[list[MaterialRequirementBody], Field(min_length=1, max_length=1)]
    SegmentRequirement: Annotated[list[SegmentRequirementBody], Field(default_factory=list, max_length=200)]

    def to_plan(self, system: str) -> OrderPlan:
        """The order as the core knows it."""
        (made,) = self.MaterialRequirement
        quantity = made.Quantity[0].pieces
        work = WorkOrderPlan(
            work_order=self.ID,
            site=self.HierarchyScope.EquipmentID,
            item=made.MaterialDefinitionID,
            quantity=quantity,
            nodes=tuple(self._nodes(quantity)),
        )
        return OrderPlan(
            order=self.ID,
            system=system,
            external_id=self.ID,
            customer="",
            promised=self.EndTime,
            work_orders=(work,),
            priority=self.Priority,
        )

    def _nodes(self, quantity: int) -> list[NodePlan]:
        if not self.SegmentRequirement:
            return [
                NodePlan(
                    node=SINGLE,
                    quantity=quantity,
                    planned_start=self.StartTime,
                    planned_finish=self.EndTime,
                    predecessors=(),
                    label={},
                )
            ]
        return [
            NodePlan(
                node=one.ID,
                quantity=quantity,
                planned_start=one.EarliestStartTime,
                planned_finish=one.LatestEndTime,
                predecessors=tuple(dependency.SegmentID for dependency in one.SegmentDependency),
                label={"en": one.Description} if one.Description else {},
            )
            for one in self.SegmentRequirement
        ]


class SenderBody(_Part):
    """Which system sends: together with the ID of a job order it says which order that is."""

    LogicalID: Name


class JobOrdersBody(_Part):
    """Job orders of one sender, each known by its ID: sent again, it is the same."""

    Sender: SenderBody
    JobOrder: Annotated[list[JobOrderBody], Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _once(self) -> JobOrdersBody:
        names = [one.ID for one in self.JobOrder]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise ValueError(f"job order {double} is there twice")
        return self


class JobOrderTakenShape(TypedDict):
    """What became of a job order; `Reason` where it was refused."""

    ID: str
    Outcome: Literal["created", "changed", "unchanged", "refused"]
    Reason: str | None


class JobOrdersTakenShape(TypedDict):
    """What became of each, in the order in which they were sent: one that is refused stops no other."""

    JobOrder: list[JobOrderTakenShape]


class QuantityShape(TypedDict):
    """Pieces."""

    QuantityString: str
    UnitOfMeasure: str


class MaterialActualShape(TypedDict):
    """What was made of it: `MaterialUse` is Produced for good pieces, By-product Produced for scrap and rework."""

    MaterialDefinitionID: str
    MaterialUse: str
    Quantity: list[QuantityShape]


class SegmentResponseShape(TypedDict):
    """What was done of one step."""

    ID: str
    SegmentState: str
    ActualStartTime: str | None
    ActualEndTime: str | None
    MaterialActual: list[MaterialActualShape]


class JobResponseShape(TypedDict):
    """What was done of a job order, as it stands when this is answered."""

    ID: str
    JobOrderID: str
    WorkType: str
    JobState: str
    StartTime: str | None
    EndTime: str | None
    ExpectedEndTime: str
    MaterialActual: list[MaterialActualShape]
    SegmentResponse: list[SegmentResponseShape]


class JobResponsesShape(TypedDict):
    """Responses of job orders of which something was told since a position; give `next` back as `since`."""

    JobResponse: list[JobResponseShape]
    next: int
    more: bool


@router.post("/job-orders", summary="Send job orders (B2MML names)", response_model=JobOrdersTakenShape)
async def post_job_orders(
    request: Request,
    body: JobOrdersBody,
    viewer: Annotated[Viewer, Depends(Guard(does=Act.UPSERT_ORDER))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Each becomes an order of the sender's system with the same number, or changes it; all times need a zone."""
    once = Idempotent.of(request, viewer, idempotency_key, body, about="job-orders")
    kept = await once.kept()
    if kept is not None:
        return kept
    ledger: Ledger = request.app.state.ledger
    taken: list[JobOrderTakenShape] = []
    for one in body.JobOrder:
        done = await ledger.upsert_order(one.to_plan(body.Sender.LogicalID))
        if isinstance(done, Refused):
            taken.append({"ID": one.ID, "Outcome": "refused", "Reason": done.reason})
        else:
            outcome: Literal["created", "changed", "unchanged"] = (
                "created" if done.created else "changed" if done.changed else "unchanged"
            )
            taken.append({"ID": one.ID, "Outcome": outcome, "Reason": None})
    return await once.answered({"JobOrder": taken})


@router.get(
    "/job-responses",
    summary="What was done of job orders (B2MML names)",
    response_model=JobResponsesShape,
    dependencies=[Depends(Guard(sees=Subject.EVENTS))],
)
def job_responses(
    reads: Reading,
    since: Since = 0,
    limit: Wanted = 200,
    sender: Annotated[str | None, Query(max_length=100, description="of job orders that this system sent")] = None,
) -> Response:
    """Each order of which an event behind `since` speaks, once, as it stands now; at most `limit` events are read."""
    page = reads.from_log(since).events(after=since, limit=limit, where=EVERYTHING)
    orders = reads.orders(sorted(set(told_orders(reads, page).values())))
    following = page.items[-1].position if page.items else since
    answer: JobResponsesShape = {
        "JobResponse": [_response(one) for one in orders if sender is None or one.plan.system == sender],
        "next": following,
        "more": page.next is not None,
    }
    return JSONResponse(answer)


def _response(order: AssessedOrder) -> JobResponseShape:
    nodes = [node for work in order.plan.work_orders for node in order.assessment.nodes[work.work_order]]
    items = [work.item for work in order.plan.work_orders for _ in order.assessment.nodes[work.work_order]]
    planned = [node for node in nodes if node.plan is not None]
    followed = {code for node in planned if node.plan is not None for code in node.plan.predecessors}
    seen = list(zip(nodes, items, strict=True))
    last = [(node, item) for node, item in seen if node.plan is not None and node.plan.node not in followed]
    finish = max((node.facts.completed_at for node in planned if node.facts.completed_at), default=None)
    return {
        "ID": f"{order.plan.external_id}-response",
        "JobOrderID": order.plan.external_id,
        "WorkType": "Production",
        "JobState": _job_state(planned, order),
        "StartTime": _time(min((node.facts.started_at for node in planned if node.facts.started_at), default=None)),
        "EndTime": _time(finish) if order.assessment.finished else None,
        "ExpectedEndTime": format_time(order.assessment.expected_finish),
        "MaterialActual": [made for node, item in last for made in _made(node, item)],
        "SegmentResponse": [
            {
                "ID": node.facts.node,
                "SegmentState": _segment_state(node.facts.lifecycle),
                "ActualStartTime": _time(node.facts.started_at),
                "ActualEndTime": _time(node.facts.completed_at),
                "MaterialActual": _made(node, item),
            }
            for node, item in seen
        ],
    }


def _job_state(nodes: list[NodeAssessment], order: AssessedOrder) -> str:
    if order.assessment.finished:
        return "Completed"
    return "Ready" if all(node.facts.lifecycle is Lifecycle.PENDING for node in nodes) else "Running"


def _segment_state(lifecycle: Lifecycle) -> str:
    if lifecycle is Lifecycle.PENDING:
        return "Ready"
    return "Completed" if lifecycle is Lifecycle.DONE else "Running"


def _made(node: NodeAssessment, item: str) -> list[MaterialActualShape]:
    facts = node.facts
    sums = {PRODUCED: facts.good, "By-product Produced": facts.scrap + facts.rework}
    return [
        {
            "MaterialDefinitionID": item,
            "MaterialUse": use,
            "Quantity": [{"QuantityString": str(pieces), "UnitOfMeasure": "pcs"}],
        }
        for use, pieces in sums.items()
        if pieces or use == PRODUCED
    ]


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
