"""What clients send about orders: work orders with nodes as they planned them, or lines that are planned here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from genba_cloud.api.body_forms import Body, FreeText, Instant, Name, Pieces
from genba_cloud.core.facts.plan import (
    Confirm,
    Criterion,
    Dependency,
    Evidence,
    MaterialNeed,
    NodePlan,
    OrderPlan,
    Scope,
    Step,
    TeamMember,
    WorkOrderPlan,
)
from genba_cloud.core.master.orders import LineLink, LineWanted, OrderWanted, PlanFrom

LONGEST_S = 31_536_000

Label = dict[Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")], FreeText]
Names = Annotated[list[Name], Field(max_length=100)]
Parameters = Annotated[dict[Name, FreeText], Field(max_length=100)]
Seconds = Annotated[int, Field(ge=0, le=LONGEST_S, strict=True)]


class DependencyBody(Body):
    """What a node needs: `transfer_quantity` good pieces (all, where it is left out) of another one, and `lag_s`."""

    node: Name
    work_order: Name | None = None
    transfer_quantity: Pieces | None = None
    lag_s: Seconds = 0


class StepBody(Body):
    """A sub-step of a node."""

    step: Name
    label: Label = Field(default_factory=dict)


class NodeBody(Body):
    """One production step as planned. `quantity` is that of the work order where it is left out."""

    node: Name
    label: Label = Field(default_factory=dict, description='by language: {"en": "Cutting"}')
    planned_start: Instant
    planned_finish: Instant
    predecessors: list[Name] = Field(default_factory=list, max_length=100)
    quantity: Pieces | None = None
    dependencies: list[DependencyBody] = Field(default_factory=list, max_length=100)
    criterion: Criterion = Criterion.QUANTITY
    evidence: Evidence = Evidence.ANY
    confirm: Confirm = Confirm.AUTO
    scope: Scope = Scope.WORK_ORDER
    steps: list[StepBody] = Field(default_factory=list, max_length=100)
    setup_s: Seconds | None = None
    piece_s: Annotated[float, Field(ge=0, le=LONGEST_S, allow_inf_nan=False)] | None = None
    work_centre: Name | None = None
    stations: Names = Field(default_factory=list)
    key: bool = False
    visible_to: Names = Field(default_factory=list)
    instructions: Names = Field(default_factory=list, description="with their versions: sew-collar@2")

    def to_plan(self, quantity: int) -> NodePlan:
        """The node as the core knows it."""
        return NodePlan(
            node=self.node,
            quantity=self.quantity or quantity,
            planned_start=self.planned_start,
            planned_finish=self.planned_finish,
            predecessors=tuple(self.predecessors),
            label=dict(self.label),
            dependencies=tuple(Dependency(**one.model_dump()) for one in self.dependencies),
            criterion=self.criterion,
            evidence=self.evidence,
            confirm=self.confirm,
            scope=self.scope,
            steps=tuple(Step(step=one.step, label=dict(one.label)) for one in self.steps),
            setup_s=self.setup_s,
            piece_s=self.piece_s,
            work_centre=self.work_centre,
            stations=tuple(self.stations),
            key=self.key,
            visible_to=tuple(self.visible_to),
            instructions=tuple(self.instructions),
        )


class MaterialBody(Body):
    """What a work order needs of an item, in all."""

    item: Name
    amount: Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)]
    uom: Name = "pcs"
    node: Name | None = None


class WorkOrderBody(Body):
    """What one site makes of the order."""

    work_order: Name
    site: Name
    item: Name
    quantity: Pieces
    nodes: list[NodeBody] = Field(min_length=1, max_length=200)
    routing: Name | None = Field(default=None, description="the template that it was made from: garment@2")
    parameters: Parameters = Field(default_factory=dict)
    materials: list[MaterialBody] = Field(default_factory=list, max_length=1000)

    def to_plan(self) -> WorkOrderPlan:
        """The work order as the core knows it."""
        return WorkOrderPlan(
            work_order=self.work_order,
            site=self.site,
            item=self.item,
            quantity=self.quantity,
            nodes=tuple(node.to_plan(self.quantity) for node in self.nodes),
            routing=self.routing,
            parameters=dict(self.parameters),
            materials=tuple(MaterialNeed(**one.model_dump()) for one in self.materials),
        )


class LineLinkBody(Body):
    """What a line needs of another line of the order: `transfer` good pieces of its `node`, before `to` begins."""

    line: Name
    node: Name | None = Field(default=None, description="of that line; its last one where it is left out")
    to: Name | None = Field(default=None, description="of this line; its first one that is not planned early")
    transfer: Pieces | None = Field(default=None, description="all, where it is left out")
    transport_s: Seconds | None = Field(default=None, description="on the way; as the sites say, where it is left out")


class LineBody(Body):
    """A line: so many pieces of an item. What is left out is taken from the item, then from what is usual."""

    line: Name | None = Field(default=None, description="1, 2, … where it is left out")
    item: Name | None = None
    quantity: Pieces
    routing: Name | None = Field(default=None, description="a template (garment), or a version of it (garment@2)")
    site: Name | None = None
    due: Instant | None = None
    work_order: Name | None = Field(default=None, description="ORDER-LINE where it is left out")
    parameters: Parameters = Field(default_factory=dict)
    configuration: Name | None = None
    choices: Parameters = Field(default_factory=dict)
    after: list[LineLinkBody] = Field(default_factory=list, max_length=100)

    @model_validator(mode="after")
    def _says_what(self) -> LineBody:
        if self.item is None and self.configuration is None:
            raise ValueError("write item, or configuration with choices")
        if self.choices and self.configuration is None:
            raise ValueError("choices belong to a configuration: write which")
        return self

    def to_wanted(self, number: int) -> LineWanted:
        """The line as the core knows it."""
        return LineWanted(
            line=self.line or str(number),
            item=self.item,
            quantity=self.quantity,
            routing=self.routing,
            site=self.site,
            due=self.due,
            work_order=self.work_order,
            parameters=dict(self.parameters),
            configuration=self.configuration,
            choices=dict(self.choices),
            after=tuple(LineLink(**one.model_dump()) for one in self.after),
        )


class TeamBody(Body):
    """Somebody of the order's team, as an opaque id."""

    person: Name
    role: Name


class OrderBody(Body):
    """A customer order. (`system`, `external_id`) is its identity: sent again, it is the same order.

    It has either `work_orders`, planned by whoever sends it, or `lines`, which are planned here and then frozen.
    """

    order: Name
    system: Name
    external_id: Name
    customer: FreeText = ""
    promised: Instant
    work_orders: list[WorkOrderBody] = Field(default_factory=list, max_length=200)
    lines: list[LineBody] = Field(default_factory=list, max_length=200)
    priority: Annotated[int, Field(ge=-1000, le=1000, strict=True)] = 0
    team: list[TeamBody] = Field(default_factory=list, max_length=100)
    plan: PlanFrom = Field(default=PlanFrom.PROMISE, description="from which end lines are planned")

    @model_validator(mode="after")
    def _one_form(self) -> OrderBody:
        if bool(self.work_orders) == bool(self.lines):
            raise ValueError("write either lines or work_orders, at least one")
        return self

    def to_plan(self) -> OrderPlan | OrderWanted:
        """The order as the core knows it: planned, or to be planned."""
        team = tuple(TeamMember(person=one.person, role=one.role) for one in self.team)
        if self.lines:
            return OrderWanted(
                order=self.order,
                system=self.system,
                external_id=self.external_id,
                customer=self.customer,
                promised=self.promised,
                lines=tuple(line.to_wanted(number) for number, line in enumerate(self.lines, start=1)),
                priority=self.priority,
                team=team,
                plan=self.plan,
            )
        return OrderPlan(
            order=self.order,
            system=self.system,
            external_id=self.external_id,
            customer=self.customer,
            promised=self.promised,
            work_orders=tuple(work.to_plan() for work in self.work_orders),
            priority=self.priority,
            team=team,
        )
