"""What people have answered to an order's trouble: its cause, and who does what until when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from genba_cloud.core.assess import AssessedOrder, NodeAssessment
from genba_cloud.core.facts.response import AlertFacts, ProblemFacts, ResponseFacts, TaskFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Problems, alerts and tasks, and to which order each belongs (those of a work order to its order)."""

    problems: tuple[ProblemFacts, ...] = ()
    alerts: tuple[AlertFacts, ...] = ()
    tasks: tuple[TaskFacts, ...] = ()

    @classmethod
    def of(cls, responses: Iterable[ResponseFacts]) -> Trouble:
        """Sorted by kind, the oldest first."""
        every = list(responses)
        return cls(
            problems=tuple(sorted((one for one in every if isinstance(one, ProblemFacts)), key=lambda one: one.at)),
            alerts=tuple(sorted((one for one in every if isinstance(one, AlertFacts)), key=lambda one: one.opened_at)),
            tasks=tuple(sorted((one for one in every if isinstance(one, TaskFacts)), key=lambda one: one.opened_at)),
        )

    def by_order(self, owners: Mapping[str, str]) -> dict[str, Trouble]:
        """By order number; `owners` says to which order a work order belongs."""
        found: dict[str, list[ResponseFacts]] = {}
        every: tuple[ResponseFacts, ...] = (*self.problems, *self.alerts, *self.tasks)
        for one in every:
            number = one.order or owners.get(one.work_order or "")
            if number is not None:
                found.setdefault(number, []).append(one)
        return {number: Trouble.of(some) for number, some in found.items()}


NO_TROUBLE = Trouble()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to an order's trouble, as far as there is one. `recipient`: the role that has it without an owner."""

    cause: str | None = None
    action: str | None = None
    owner: str | None = None
    recipient: str | None = None
    due: datetime | None = None
    task: str | None = None
    is_open: bool = False


def answer_of(trouble: Trouble) -> Answer:
    """The answer that counts: that of the newest task, open ones before closed ones.

    Where no task names a cause, it is that of the newest alert that has one, else that of the newest problem.
    """
    tasks = sorted(trouble.tasks, key=lambda task: (task.is_open, task.opened_at))
    every: tuple[ResponseFacts, ...] = (*trouble.problems, *trouble.alerts, *tasks)
    causes = [one.cause for one in every if one.cause is not None]
    cause = causes[-1] if causes else None
    if not tasks:
        return Answer(cause=cause)
    task = tasks[-1]
    return Answer(
        cause=cause,
        action=task.plan,
        owner=task.owner,
        recipient=task.recipient,
        due=task.plan_due or task.due,
        task=task.task,
        is_open=task.is_open,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstNode:
    """The node that points to the cause of an order's lateness: the one that is furthest behind its own plan."""

    work_order: str
    node: str
    label: Mapping[str, str]
    late_s: int


def worst_node(order: AssessedOrder) -> WorstNode | None:
    """Of nodes that are equally late the first; None where none is late."""
    found: WorstNode | None = None
    for work_order, nodes in order.assessment.nodes.items():
        for node in nodes:
            late = _own_lateness(node, nodes)
            if late > 0 and (found is None or late > found.late_s):
                label = node.plan.label if node.plan else {}
                found = WorstNode(work_order=work_order, node=node.facts.node, label=label, late_s=late)
    return found


def _own_lateness(node: NodeAssessment, others: Iterable[NodeAssessment]) -> int:
    """How much later a node is than what came before it: lateness that it was handed is not its own."""
    if node.plan is None or node.deviation is None:
        return 0
    before = {code for code, _ in node.plan.needs_within(None)}
    handed = [other.deviation.late_s for other in others if other.facts.node in before and other.deviation is not None]
    return node.deviation.late_s - max([0, *handed])
