"""The JSON of reports and figures."""

from __future__ import annotations

from typing_extensions import TypedDict

from genba_cloud.api.shapes import DeviationShape


class PartShape(TypedDict):
    """The same figure of one station, node, item or day."""

    name: str
    value: float | None
    counted: int


class FigureShape(TypedDict):
    """A key figure. `value` null: there is no data. A share is a fraction; `elements` fed the formula."""

    kpi: str
    value: float | None
    unit: str
    counted: int
    elements: dict[str, float]
    parts: list[PartShape]


class FiguresShape(TypedDict):
    """Key figures of what happened from `since` on and before `until`; `at` is when they were worked out."""

    since: str
    until: str
    at: str
    kpis: list[FigureShape]


class CountShape(TypedDict):
    """How many orders."""

    word: str
    orders: int


class DistributionShape(TypedDict):
    """Where the open orders stand: each of them once in each list."""

    open: int
    levels: list[CountShape]
    statuses: list[CountShape]
    nodes: list[CountShape]


class LateNodeShape(TypedDict):
    """The node that points to the cause: working seconds that it is late by itself."""

    work_order: str
    node: str
    label: dict[str, str]
    late_s: int


class AnswerShape(TypedDict):
    """What people answered to an order's trouble; `recipient` is the role that has it without an owner."""

    cause: str | None
    action: str | None
    owner: str | None
    recipient: str | None
    due: str | None
    task: str | None


class ChangeShape(TypedDict):
    """`count` events of a kind since the last meeting, the last of them at `at`."""

    kind: str
    count: int
    at: str


class MorningOrderShape(TypedDict):
    """An order that is talked about."""

    order: str
    customer: str
    level: str
    level_before: str | None
    deviation: DeviationShape
    status: str
    stands_at: str
    promised: str
    expected: str
    on_hold: bool
    changes: list[ChangeShape]
    late_node: LateNodeShape | None
    answer: AnswerShape


class FinishedShape(TypedDict):
    """An order that was finished since the last meeting."""

    order: str
    finished: str
    promised: str
    level: str


class ProblemShape(TypedDict):
    """A problem that is open."""

    problem: str
    category: str
    cause: str | None
    at: str
    by: str
    order: str | None
    work_order: str | None
    node: str | None
    station: str | None
    note: str | None


class TaskShape(TypedDict):
    """A task that is due, or has no plan yet."""

    task: str
    order: str | None
    level: str | None
    recipient: str
    owner: str | None
    cause: str | None
    action: str | None
    due: str | None
    opened: str


class MorningShape(TypedDict):
    """The morning meeting: red and orange first; `left_out` orders would have followed."""

    since: str
    at: str
    distribution: DistributionShape
    opened: list[str]
    finished: list[FinishedShape]
    nodes_completed: int
    orders: list[MorningOrderShape]
    left_out: int
    problems: list[ProblemShape]
    tasks: list[TaskShape]


class DelayedOrderShape(TypedDict):
    """An order that was late: its greatest level in the period, and how it stands now or stood at its end."""

    order: str
    customer: str
    worst_level: str
    level: str
    deviation: DeviationShape
    finished: bool
    late_node: LateNodeShape | None
    answer: AnswerShape


class CauseShape(TypedDict):
    """A cause, null where nobody knows it; `cumulative`: share of the lateness of it and of those before it."""

    cause: str | None
    orders: int
    late_s: int
    cumulative: float


class DayShape(TypedDict):
    """Nodes planned to finish on a local day, those of them that kept the plan, and nodes completed on it."""

    day: str
    planned: int
    kept: int
    completed: int


class EffectShape(TypedDict):
    """The order's deviation when the task had its plan (null: it was not late), and now or at its end."""

    task: str
    order: str
    cause: str | None
    action: str | None
    owner: str | None
    planned_at: str
    open: bool
    before: DeviationShape | None
    after: DeviationShape
    finished: bool
    said: str | None


class WeeklyShape(TypedDict):
    """The weekly review."""

    since: str
    until: str
    delayed: list[DelayedOrderShape]
    causes: list[CauseShape]
    days: list[DayShape]
    kpis: list[FigureShape]
    effects: list[EffectShape]
