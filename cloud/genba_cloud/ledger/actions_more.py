"""Problems and material, written: the same way as what is done with nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from genba_cloud.core.actions import (
    Actor,
    Decision,
    Entry,
    MaterialWish,
    Problem,
    ProblemWish,
    decide_explain,
    decide_material,
    decide_report,
    decide_resolve,
    problem_of,
)
from genba_cloud.core.facts import Refused
from genba_cloud.ledger.actions import ActionDone, Once, written
from genba_cloud.ledger.append import Stamp
from genba_cloud.ledger.archive import find_events
from genba_cloud.ledger.shop_floor import unknown_node
from genba_cloud.store.port import Transaction
from genba_shared.events import ProblemReported


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRequest:
    """Report a problem."""

    wish: ProblemWish
    actor: Actor
    once: Once | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemAnswer:
    """Say why there is a problem (`cause`), or that it is over (`cause` None)."""

    problem: str
    cause: str | None
    note: str | None
    actor: Actor
    once: Once | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialRequest:
    """Say that material came, went or was counted."""

    wish: MaterialWish
    actor: Actor
    once: Once | None = None


def report_problem(transaction: Transaction, wanted: ProblemRequest, stamp: Stamp) -> ActionDone | Refused:
    """Take a problem."""
    transaction.alone()
    wish = wanted.wish
    if wish.work_order is not None:
        planned = transaction.planned([wish.work_order])
        work = planned.get(wish.work_order)
        refused = unknown_node(planned, wish.work_order, wish.node or (work.plan.nodes[0].node if work else ""))
        if refused is not None or work is None:
            return refused or Refused(reason=f"work order {wish.work_order} is not known")
        wish = replace(wish, order=work.order, site=work.plan.site)
    elif wish.order is not None and transaction.order(wish.order) is None:
        return Refused(reason=f"order {wish.order} is not known", accepted="the number of an order")
    return written(transaction, lambda entry: decide_report(wish, wanted.actor, entry), wanted.once, stamp)


def answer_problem(transaction: Transaction, wanted: ProblemAnswer, stamp: Stamp) -> ActionDone | Refused | None:
    """Explain a problem, or say that it is over; None: there is no such problem."""
    transaction.alone()
    problem = find_problem(transaction, wanted.problem)
    if problem is None:
        return None
    return written(transaction, _decision(problem, wanted), wanted.once, stamp)


def find_problem(transaction: Transaction, name: str) -> Problem | None:
    """A problem as it stands."""
    reported = find_events(transaction, [name]).get(name)
    if not isinstance(reported, ProblemReported):
        return None
    return problem_of(reported, transaction.floor.said_of_problem(name))


def move_material(transaction: Transaction, wanted: MaterialRequest, stamp: Stamp) -> ActionDone | Refused:
    """Write a movement of material."""
    transaction.alone()
    work, name = None, wanted.wish.work_order
    if name is not None:
        planned = transaction.planned([name]).get(name)
        if planned is None:
            return Refused(reason=f"work order {name} is not known", accepted="a work order of a posted order")
        work = planned.plan
    return written(
        transaction, lambda entry: decide_material(wanted.wish, work, wanted.actor, entry), wanted.once, stamp
    )


def _decision(problem: Problem, wanted: ProblemAnswer) -> Callable[[Entry], Decision]:
    cause = wanted.cause
    if cause is None:
        return lambda entry: decide_resolve(problem, wanted.note, wanted.actor, entry)
    return lambda entry: decide_explain(problem, cause, wanted.note, wanted.actor, entry)
