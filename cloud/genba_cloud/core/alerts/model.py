"""What the rules of alerts look at, what they find, and with what they write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from genba_cloud.core.assess import AssessedOrder, Policy
from genba_cloud.core.facts.material import StockFacts
from genba_cloud.core.facts.plan import OrderPlan
from genba_cloud.core.facts.response import AlertFacts, ProblemFacts, TaskFacts
from genba_cloud.core.facts.views import WorkOrderFacts, ZoneFacts
from genba_cloud.core.policy import OPERATOR, SitePolicy
from genba_shared.clock import to_milliseconds
from genba_shared.events import Event, NoticeSent, Source, SourceType

SOURCE: Final = Source(type=SourceType.SYSTEM, ref="alerts")
OWNER: Final = "owner"
"""The role of an order's team that answers for its updates."""


class Rule(StrEnum):
    """Why something needs an answer, beside an order's lateness."""

    SILENT_SOURCE = "silent_source"
    MISSING_UPDATE = "missing_update"
    NO_NEWS = "no_news"
    PROBLEM = "problem"
    PROBLEM_OVERDUE = "problem_overdue"
    WIP_LIMIT = "wip_limit"
    SHORTAGE = "shortage"
    BOTTLENECK = "bottleneck"


class Why(StrEnum):
    """Why an alert goes to somebody else, too."""

    CAUSE_MISSING = "cause_missing"
    UNANSWERED = "unanswered"
    UPDATE_MISSING = "update_missing"


class Strength(StrEnum):
    """How sure a rule is: what opens an alert is more than what keeps one open, so that noise rings no bell."""

    OPENS = "opens"
    STAYS = "stays"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """From `due` on, the alert goes to `recipient`, too."""

    due: datetime
    recipient: str
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class LateUpdate:
    """A node was finished at `finished_at` as far as can be seen, and should have been entered by `due`."""

    finished_at: datetime
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule, about one subject: that alert should be open. `told` are roles or people, the first of them first."""

    rule: Rule
    subject: str
    told: tuple[str, ...]
    strength: Strength = Strength.OPENS
    rungs: tuple[Rung, ...] = ()
    order: str | None = None
    site: str | None = None
    station: str | None = None
    work_order: str | None = None
    node: str | None = None
    note: str | None = None
    update: LateUpdate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSeen:
    """A gateway as it is known now. `silent_s`: since when nothing was heard of it; None: it was never heard.

    `told_s`: how often it tells that it is there. `known_until`: up to when all that it saw has arrived. `lost` are
    devices that do not answer it, with since when.
    """

    gateway: str
    silent_s: int | None
    known_until: datetime
    told_s: int = 0
    site: str = ""
    nodes: frozenset[str] = frozenset()
    lost: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CentreLoad:
    """Standard work that waits at a work centre for each of its machines, in seconds."""

    work_centre: str
    waiting_s: int
    site: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSeen:
    """An order with its assessment, and the facts of its work orders by id."""

    order: AssessedOrder
    works: Mapping[str, WorkOrderFacts]

    @property
    def plan(self) -> OrderPlan:
        """What was ordered."""
        return self.order.plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that the rules look at. `alerts` and `tasks` are those that are open, also of lateness.

    `closed` are alerts that a person closed lately: they rest.
    """

    now: datetime
    policy: Policy
    orders: tuple[OrderSeen, ...] = ()
    problems: tuple[ProblemFacts, ...] = ()
    alerts: tuple[AlertFacts, ...] = ()
    tasks: tuple[TaskFacts, ...] = ()
    closed: tuple[AlertFacts, ...] = ()
    sources: tuple[SourceSeen, ...] = ()
    zones: tuple[ZoneFacts, ...] = ()
    stock: Mapping[str, tuple[StockFacts, ...]] = field(default_factory=dict)
    loads: tuple[CentreLoad, ...] = ()

    def rules_of(self, site: str | None) -> SitePolicy:
        """What a site holds its people to."""
        return self.policy.of_site(site or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pen:
    """With what decisions are written: the time of a decision, and ids for the events."""

    now: datetime
    next_id: Callable[[], str]

    @property
    def at(self) -> datetime:
        """The time that stands in an event."""
        return to_milliseconds(self.now)

    def notices(self, notice: str, target: str, recipients: tuple[str, ...], *, order: str | None) -> list[Event]:
        """Each recipient is told once."""
        return [
            NoticeSent(
                id=self.next_id(),
                at=self.at,
                source=SOURCE,
                notice=notice,
                target=target,
                recipient=recipient,
                order=order,
            )
            for recipient in dict.fromkeys(recipients)
        ]


def team_of(plan: OrderPlan | None) -> tuple[str, ...]:
    """The people of an order, whom every alert about it reaches."""
    return tuple(dict.fromkeys(member.person for member in plan.team)) if plan else ()


def owner_of(plan: OrderPlan) -> str:
    """Who answers for the order's updates: its owner, where it has one; else whoever works on it."""
    return next((member.person for member in plan.team if member.role == OWNER), OPERATOR)
