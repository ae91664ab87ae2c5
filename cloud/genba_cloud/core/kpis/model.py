"""What key figures are made of, and what they are worked out from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from genba_cloud.core.facts.plan import NodePlan
from genba_cloud.core.facts.views import Lifecycle, NodeFacts
from genba_cloud.core.working_time import Calendar

CUSTOMER_ASKED: Final = "customer_request"
"""The reason of a promise that was moved because the customer wanted so."""


class Kpi(StrEnum):
    """The figures, each with its section in the reference of figures."""

    LEAD_TIME = "lead_time"
    PROMISE_ATTAINMENT = "promise_attainment"
    ON_TIME = "on_time"
    COMPLETION_TREND = "completion_trend"
    WAITING = "waiting"
    OPERATION_TIME = "operation_time"
    CHANGEOVER = "changeover"
    VISIBILITY = "visibility"
    INVENTORY_DAYS = "inventory_days"
    ON_TIME_UPDATES = "on_time_updates"
    FIRST_PASS_YIELD = "first_pass_yield"  # noqa: S105 (not a password: quality is what passes at once)
    UTILISATION_EFFICIENCY = "utilisation_efficiency"
    AVAILABILITY = "availability"
    QUALITY_RATIO = "quality_ratio"
    ALLOCATION_RATIO = "allocation_ratio"
    THROUGHPUT_RATE = "throughput_rate"


class Unit(StrEnum):
    """What a figure is measured in. A share is a fraction: only screens show percent."""

    SECONDS = "s"
    SHARE = "share"
    DAYS = "d"
    PIECES_PER_HOUR = "pieces/h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `begin` on, and before `end`."""

    begin: datetime
    end: datetime

    def has(self, at: datetime | None) -> bool:
        """Whether it happened in the period."""
        return at is not None and self.begin <= at < self.end

    @property
    def days(self) -> float:
        """Its length in days of 24 hours."""
        return (self.end - self.begin) / timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The same figure of one station, node, item or day."""

    name: str
    value: float | None
    counted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A key figure. `value` None: there is no data, and no number stands for that.

    `counted`: of how many things. `elements` are what the formula was fed with, by the names of the reference.
    """

    kpi: Kpi
    unit: Unit
    value: float | None
    counted: int
    elements: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """At `at` the order was promised for `promised`; `reason` says why it was moved, where that is known."""

    at: datetime
    promised: datetime
    reason: str | None = None


def promise_that_counts(promises: Sequence[Promise]) -> datetime | None:
    """The first promise, which only a change that the customer asked for moves; None where nothing was promised."""
    counted: datetime | None = None
    for promise in promises:
        if counted is None or promise.reason == CUSTOMER_ASKED:
            counted = promise.promised
    return counted


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSeen:
    """A planned node with what is known of it.

    `ready_at`: when everything that it waited for was there; None where that is not known (nothing was waited for, or
    only a part of what a node before it makes).
    """

    work_order: str
    site: str
    calendar: Calendar
    plan: NodePlan
    facts: NodeFacts
    ready_at: datetime | None = None

    @property
    def worked_until(self) -> datetime | None:
        """When it was done by work; None where it is not done, or was left out."""
        is_done = self.facts.lifecycle is Lifecycle.DONE and not self.facts.is_skipped
        return self.facts.completed_at if is_done else None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSeen:
    """An order with what is known of it.

    `promised` is the promise that counts. `late_s`: working seconds between its first baseline's finish and its own,
    `tolerance_s` how many still count as on time. Of an order that is not finished there is neither.
    """

    order: str
    nodes: tuple[NodeSeen, ...]
    confirmed_at: datetime | None = None
    promised: datetime | None = None
    finished_at: datetime | None = None
    late_s: int | None = None
    tolerance_s: int = 0

    @property
    def begun_at(self) -> datetime | None:
        """When the first of its nodes was begun."""
        return min((node.facts.started_at for node in self.nodes if node.facts.started_at), default=None)


def finished_in(orders: Iterable[OrderSeen], period: Period) -> list[OrderSeen]:
    """Those of the orders that were finished in the period."""
    return [order for order in orders if period.has(order.finished_at)]


def mean(values: Sequence[float]) -> float | None:
    """The arithmetic mean; None of nothing."""
    return sum(values) / len(values) if values else None


def ratio(above: float, below: float) -> float | None:
    """The quotient; None where there is nothing to divide by."""
    return above / below if below else None


def parts_of(values: Mapping[str, Sequence[float]]) -> tuple[Part, ...]:
    """The mean by name, the greatest sum first: that is where the time goes."""
    ranked = sorted(values.items(), key=lambda one: (-sum(one[1]), one[0]))
    return tuple(Part(name=name, value=mean(every), counted=len(every)) for name, every in ranked)
