"""What clients send about work on the floor: checked here for form, by the core for sense."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from genba_cloud.api.body_forms import MOST_PIECES, FreeText, Instant, Name
from genba_cloud.core.actions import (
    HIGHEST_PRIORITY,
    MaterialWish,
    Movement,
    NodeAction,
    NodeWish,
    OrderAction,
    OrderWish,
    ProblemWish,
)
from genba_cloud.core.viewer import ACCOUNT_NAME
from genba_shared.events import QualityResult


def _with_words(text: str) -> str:
    if not text.strip():
        raise ValueError("write some words, or leave it out")
    return text


Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
"""A reason, a cause or a defect as a code (`wrong_scan`), so that it can be counted; words belong into the note."""
Note = Annotated[FreeText, AfterValidator(_with_words)]
PiecesOrNone = Annotated[int, Field(ge=0, le=MOST_PIECES, strict=True)] | None
Media = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Doing(_Body):
    pieces: PiecesOrNone = Field(default=None, description="report: all good pieces so far; never added up here")
    reason: Code | None = None
    note: Note | None = None
    step: Name | None = None
    result: QualityResult | None = None
    defects: list[Code] = Field(default_factory=list, max_length=100)
    found_at: Name | None = Field(default=None, description="rework: the node where it was found out")
    station: Name | None = None
    at: Instant | None = Field(default=None, description="when it happened; now where it is left out")

    def to_wish(self, action: NodeAction) -> NodeWish:
        """The same, as the core knows it."""
        return NodeWish(
            action=action,
            pieces=self.pieces,
            reason=self.reason,
            note=self.note,
            step=self.step,
            result=self.result,
            defects=tuple(self.defects),
            found_at=self.found_at,
            station=self.station,
            at=self.at,
        )


class NodeActionBody(_Doing):
    """Something that is done with a node."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"action": "complete", "pieces": 8}, {"action": "hold", "reason": "no_material"}]
        },
    )
    action: NodeAction


class ScanBody(_Doing):
    """What is done with a scan. `action` left out: what comes next. `work_order` and `node`: of an order's label."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{}, {"action": "report", "pieces": 5, "station": "SEW-1"}]}
    )
    action: NodeAction | None = None
    work_order: Name | None = None
    node: Name | None = None

    @model_validator(mode="after")
    def _both(self) -> ScanBody:
        if self.node is not None and self.work_order is None:
            raise ValueError("write work_order beside node")
        return self


class OrderActionBody(_Body):
    """Something that is done with an order as a whole."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"action": "hold", "reason": "customer_asks"}]}
    )
    action: OrderAction
    reason: Code | None = None
    note: Note | None = None
    priority: Annotated[int, Field(ge=-HIGHEST_PRIORITY, le=HIGHEST_PRIORITY, strict=True)] | None = None

    def to_wish(self) -> OrderWish:
        """The same, as the core knows it."""
        return OrderWish(action=self.action, reason=self.reason, note=self.note, priority=self.priority)


class UndoBody(_Body):
    """What is taken back: `undo` as the answer to the action gave it. After 10 seconds a reason is needed."""

    undo: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22,4500}$")]
    reason: Code | None = None


class ProblemBody(_Body):
    """Somebody is in trouble: `category` at once, `cause` now or soon; order, work order or station says where."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"category": "material", "work_order": "WO-1001", "node": "CUT"}]},
    )
    category: Code
    cause: Code | None = None
    order: Name | None = None
    work_order: Name | None = None
    node: Name | None = None
    station: Name | None = None
    media: list[Media] = Field(default_factory=list, max_length=10, description="SHA-256 of pictures, in hex")
    note: Note | None = None

    def to_wish(self) -> ProblemWish:
        """The same, as the core knows it."""
        values: dict[str, Any] = self.model_dump(exclude={"media"})
        return ProblemWish(**values, media=tuple(self.media))


class ExplainBody(_Body):
    """Why there is a problem."""

    cause: Code
    note: Note | None = None


class ResolveBody(_Body):
    """A problem is over."""

    note: Note | None = None


class MaterialBody(_Body):
    """So much of an item was received, issued or counted."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"item": "cloth-blue", "amount": 12.5, "uom": "m"}]}
    )
    item: Name
    amount: Annotated[float, Field(allow_inf_nan=False)]
    uom: Name | None = None
    work_order: Name | None = None
    node: Name | None = None
    lot: Name | None = None
    supplier: Name | None = None
    reason: Code | None = None
    at: Instant | None = None

    def to_wish(self, movement: Movement) -> MaterialWish:
        """The same, as the core knows it."""
        values: dict[str, Any] = self.model_dump()
        return MaterialWish(movement=movement, **values)


class CodesBody(_Body):
    """The order whose labels are wanted."""

    order: Name


class UserBody(_Body):
    """An account for a person."""

    name: Annotated[str, StringConstraints(pattern=f"^{ACCOUNT_NAME.pattern}$")]
    role: Annotated[str, StringConstraints(max_length=20)]
