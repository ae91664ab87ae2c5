"""What a customer wants, before it is planned: an order with lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from genba_cloud.core.facts.plan import TeamMember

DEFAULT_ROUTING = "standard"
DEFAULT_SITE = "main"


class PlanFrom(StrEnum):
    """From which end an order is planned."""

    PROMISE = "promise"
    """Backward from the promise, as late as it allows; forward from now where that would begin in the past."""
    NOW = "now"
    """Forward from now, as early as possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLink:
    """What a line needs of another line of the same order, which may be made at another site.

    `node` of that line (None: its last one) hands over `transfer` good pieces (None: all) to `to` of this line (None:
    its first node that is planned late). `transport_s`: working seconds on the way; None: as the sites say.
    """

    line: str
    node: str | None = None
    to: str | None = None
    transfer: int | None = None
    transport_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineWanted:
    """One line of an order: it becomes one work order.

    `routing`: a template, or one version of it (``garment@2``). `configuration` with `choices` says what `item` and
    `routing` leave open. What is None is taken from the item, then from the site that is usual.
    """

    line: str
    quantity: int
    item: str | None = None
    routing: str | None = None
    site: str | None = None
    due: datetime | None = None
    work_order: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    configuration: str | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    after: tuple[LineLink, ...] = ()

    def work_order_of(self, order: str) -> str:
        """The id of its work order."""
        return self.work_order or f"{order}-{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWanted:
    """An order whose work orders are to be planned."""

    order: str
    system: str
    external_id: str
    customer: str
    promised: datetime
    lines: tuple[LineWanted, ...]
    priority: int = 0
    team: tuple[TeamMember, ...] = ()
    plan: PlanFrom = PlanFrom.PROMISE
