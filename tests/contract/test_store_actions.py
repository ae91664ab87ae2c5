"""Several people do the same at once, on both databases: it is done once, and the others are told so."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from genba_cloud.core.actions import (
    Actor,
    MaterialWish,
    Movement,
    NodeAction,
    NodeWish,
    OrderAction,
    OrderWish,
    ProblemWish,
    Rank,
)
from genba_cloud.core.facts import Refused
from genba_cloud.ledger.actions import (
    ActionDone,
    NodeRequest,
    Once,
    OrderRequest,
    Outcome,
    UndoRequest,
    act_on_node,
    act_on_order,
    undo,
)
from genba_cloud.ledger.actions_more import (
    MaterialRequest,
    ProblemAnswer,
    ProblemRequest,
    answer_problem,
    move_material,
    report_problem,
)
from genba_cloud.ledger.append import Stamp
from genba_cloud.ledger.codes import make_codes, revoke_code
from genba_cloud.ledger.ids import OrderedIds
from genba_cloud.ledger.orders import upsert_order
from genba_cloud.ledger.sealing import InstallationKey, Seals
from genba_cloud.store import DEFAULT_ENTERPRISE, Store, committed
from genba_cloud.store.port import Transaction
from genba_shared.events import Source, SourceType
from tests.contract.stores import minute, order

WRITERS = 4
SEALS = Seals(installation=InstallationKey(bytes(32)))
_ids = OrderedIds()
_minutes = itertools.count(1)


def stamp() -> Stamp:
    return Stamp(now=minute(100) + timedelta(seconds=next(_minutes)), next_id=_ids.next, seals=SEALS)


def person(name: str, rank: Rank = Rank.OPERATOR) -> Actor:
    """Names that are names: they are sealed in the log."""
    return Actor(who=name, rank=rank, is_person=True, source=Source(type=SourceType.PERSON, ref=name))


@pytest.fixture
def shop(store: Store) -> Store:
    committed(store, DEFAULT_ENTERPRISE, lambda transaction: upsert_order(transaction, order("A-1").plan, stamp()))
    return store


def together(store: Store, *works: object) -> list[ActionDone]:
    """Every work in a thread and a transaction of its own, all begun at the same moment."""
    barrier = threading.Barrier(len(works), timeout=60)

    def run(work: object) -> object:
        barrier.wait()
        return committed(store, DEFAULT_ENTERPRISE, work)  # type: ignore[arg-type]  # each is what it takes

    with ThreadPoolExecutor(len(works)) as pool:
        results = list(pool.map(run, works))
    assert all(isinstance(one, ActionDone) for one in results), results
    return [one for one in results if isinstance(one, ActionDone)]


def complete(who: str, key: str | None = None) -> object:
    once = Once(key=key, request="r") if key else None
    wanted = NodeRequest(
        work_order="WO-A-1", node="CUT", wish=NodeWish(action=NodeAction.COMPLETE), actor=person(who), once=once
    )
    return lambda transaction: act_on_node(transaction, wanted, stamp())


def test_a_node_is_completed_once_by_whoever_is_first(shop: Store) -> None:
    results = together(shop, *(complete(f"worker {number}") for number in range(WRITERS)))
    assert sorted(one.outcome for one in results) == [Outcome.ALREADY] * (WRITERS - 1) + [Outcome.DONE]


def test_a_request_that_comes_twice_at_once_is_done_once(shop: Store) -> None:
    wish = ProblemWish(category="machine", station="CUT-1")
    wanted = ProblemRequest(wish=wish, actor=person("li wei"), once=Once(key="k", request="r"))

    def report(transaction: Transaction) -> ActionDone | Refused:
        return report_problem(transaction, wanted, stamp())

    results = together(shop, *[report] * WRITERS)
    assert sorted(one.outcome for one in results) == [Outcome.DONE] + [Outcome.REPEATED] * (WRITERS - 1)
    assert len({one.events[0].id for one in results}) == 1
    assert {one.events[0].source.ref for one in results} == {"li wei"}


def test_what_is_taken_back_by_two_is_taken_back_once(shop: Store) -> None:
    (done,) = together(shop, complete("li wei"))
    wanted = UndoRequest(undo=done.undo or "", reason="wrong_scan", actor=person("sue", Rank.SUPERVISOR))

    def take_back(transaction: Transaction) -> ActionDone | Refused | None:
        return undo(transaction, wanted, stamp())

    results = together(shop, *[take_back] * 2)
    assert sorted(one.outcome for one in results) == [Outcome.ALREADY, Outcome.DONE]
    again = together(shop, complete("li wei"))
    assert [one.outcome for one in again] == [Outcome.DONE]


def test_who_may_take_back_at_once_is_known_although_names_are_sealed(shop: Store) -> None:
    (done,) = together(shop, complete("li wei"))
    for name, outcome in (("chen min", "higher_rank"), ("li wei", "done")):
        wanted = UndoRequest(undo=done.undo or "", reason="wrong_scan", actor=person(name))
        with shop.transaction() as transaction:
            result = undo(transaction, wanted, stamp())
        assert str(getattr(result, "why", getattr(result, "outcome", None))) == outcome


def test_an_order_a_problem_material_and_labels(shop: Store) -> None:
    sue = person("sue", Rank.MANAGER)
    with shop.transaction() as transaction:
        hold = OrderRequest(order="A-1", wish=OrderWish(action=OrderAction.HOLD, reason="customer"), actor=sue)
        assert isinstance(act_on_order(transaction, hold, stamp()), ActionDone)
    with shop.transaction() as transaction:
        urgent = OrderRequest(order="A-1", wish=OrderWish(action=OrderAction.PRIORITISE, priority=3), actor=sue)
        assert isinstance(act_on_order(transaction, urgent, stamp()), ActionDone)
    with shop.transaction() as transaction:
        stored = transaction.order("A-1")
        assert stored is not None
        assert stored.plan.priority == 3
        wish = MaterialWish(movement=Movement.RECEIVED, item="cloth", amount=2.5)
        assert isinstance(move_material(transaction, MaterialRequest(wish=wish, actor=sue), stamp()), ActionDone)
    with shop.transaction() as transaction:
        problem = ProblemWish(category="machine", station="CUT-1")
        reported = report_problem(transaction, ProblemRequest(wish=problem, actor=sue), stamp())
        assert isinstance(reported, ActionDone)
    with shop.transaction() as transaction:
        why = ProblemAnswer(problem=reported.events[0].id, cause="breakdown", note=None, actor=sue)
        assert isinstance(answer_problem(transaction, why, stamp()), ActionDone)
    with shop.transaction() as transaction:
        made = make_codes(transaction, "A-1", by="sue", stamp=stamp())
        assert made is not None
        assert (made.new, len(made.codes)) == (3, 3)
        revoked = revoke_code(transaction, made.codes[0].id, by="sue", stamp=stamp())
        assert revoked is not None
        again = make_codes(transaction, "A-1", by="sue", stamp=stamp())
        assert again is not None
        assert (again.new, again.codes[1:]) == (1, made.codes[1:])
