"""Taking events back on a real store: whatever they were, whichever came first, views follow from the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

from genba_cloud.core.facts import Lifecycle, NodePlan, OrderPlan, StockTake, Tally, WorkOrderPlan
from genba_cloud.ledger import rebuild, verify
from genba_cloud.ledger.append import Stamp, append_own
from genba_cloud.ledger.orders import upsert_order
from genba_cloud.store import SqliteStore
from genba_cloud.store.read import QuestionFilter
from genba_cloud.store.told import ResponseFilter, ResponseKind
from genba_shared.events import (
    CountsAssigned,
    DispatchOpened,
    Event,
    EventCorrected,
    EventVoided,
    NodeCompleted,
    PiecesCounted,
    ProblemReported,
    ProgressReported,
    Result,
    Source,
    SourceType,
    StockCounted,
    TagBound,
    WipChanged,
    WorkOrderCancelled,
)

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
API = Source(type=SourceType.API, ref="mes")


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def stamp() -> Stamp:
    numbers = iter(range(10**6))
    return Stamp(now=minute(60), next_id=lambda: f"own-{next(numbers)}")


NODE = NodePlan(node="CUT", quantity=8, planned_start=START, planned_finish=minute(60), label={})
WORK = WorkOrderPlan(work_order="WO-1", site="demo", item="shirt", quantity=8, nodes=(NODE,))
ORDER = OrderPlan(order="A-1", system="demo", external_id="A-1", customer="x", promised=minute(90), work_orders=(WORK,))


def by_hand(kind: type[Event], number: int, **more: Any) -> Any:
    name = f"0190a000-0000-7000-8000-{number:012x}"
    return kind(id=name, at=minute(number), source=API, **more)


def of_node(kind: type[Event], number: int, **more: Any) -> Any:
    return by_hand(kind, number, work_order="WO-1", node="CUT", **more)


def counted(seq: int, pieces: int, **owner: Any) -> Event:
    return PiecesCounted(
        id=f"gw:{EPOCH}:{seq}",
        at=minute(seq),
        source=Source(type=SourceType.PLC, ref="cutter1/good"),
        station="S-1",
        point="cutter1/good",
        result=Result.GOOD,
        delta=pieces,
        total=pieces,
        counter_epoch=seq,
        since=START,
        **owner,
    )


def void(target: Event, number: int = 50) -> Event:
    event: Event = by_hand(EventVoided, number, target=target.id, reason="")
    return event


OWNED = {"work_order": "WO-1", "node": "CUT"}


class Shop:
    """A store with one order in it, that takes events one commit at a time."""

    def __init__(self, folder: Path, events: Sequence[Event]) -> None:
        self.store = SqliteStore(folder)
        with self.store.transaction() as transaction:
            upsert_order(transaction, ORDER, stamp())
        for event in events:
            with self.store.transaction() as transaction:
                append_own(transaction, [event], stamp())

    def close(self) -> None:
        """The views follow from the log, and a rebuild gives the same."""
        assert verify(self.store).differences == ()
        with self.store.transaction() as transaction:
            before = {key: (view.state, view.assigned) for key, view in transaction.all_views().items()}
        rebuild(self.store)
        with self.store.transaction() as transaction:
            after = {key: (view.state, view.assigned) for key, view in transaction.all_views().items()}
        assert {key: view for key, view in after.items() if before.get(key) != view} == {}
        self.store.close()

    def node(self) -> Any:
        record = self.store.reads().get_order("A-1")
        assert record is not None
        return record.facts["WO-1"].node("CUT")

    def unassigned(self) -> Tally:
        return next((row.pieces for row in self.store.reads().unassigned() if row.station == "S-1"), Tally())

    def open_questions(self) -> list[str]:
        page = self.store.reads().questions(where=QuestionFilter(is_open=True))
        return [question.question for question in page.items]


def shops(folder: Path, *events: Event) -> Iterator[Shop]:
    """A shop for every order in which the events can come; of four events for every third one."""
    arrivals = list(permutations(events))
    for number, arrival in enumerate(arrivals[:: 3 if len(events) > 3 else 1]):
        with closing(Shop(folder / str(number), arrival)) as shop:
            yield shop


def test_pieces_of_a_count_go_and_its_total_stands(tmp_path: Path) -> None:
    first, second = counted(1, 5, **OWNED), counted(2, 3, **OWNED)
    for shop in shops(tmp_path, first, second, void(second)):
        assert (shop.node().good, shop.node().started_at, shop.open_questions()) == (5, minute(1), [])


def test_a_node_of_which_every_count_was_taken_back_has_not_begun(tmp_path: Path) -> None:
    count = counted(1, 5, **OWNED)
    for shop in shops(tmp_path, count, void(count)):
        assert (shop.node().lifecycle, shop.node().good, shop.node().started_at) == (Lifecycle.PENDING, 0, None)


def test_the_start_is_that_of_the_first_count_that_stands(tmp_path: Path) -> None:
    first = counted(1, 5, **OWNED)
    for shop in shops(tmp_path, first, counted(3, 2, **OWNED), void(first)):
        assert (shop.node().good, shop.node().started_at) == (2, minute(3))


def test_a_count_of_nobody_that_is_taken_back_waits_for_no_owner(tmp_path: Path) -> None:
    count = counted(1, 5)
    for shop in shops(tmp_path, count, counted(2, 2), void(count)):
        assert shop.unassigned() == Tally(good=2)
        assert shop.open_questions() == [f"gw:{EPOCH}:2"]


def test_an_answer_that_is_taken_back_leaves_the_question_open_again(tmp_path: Path) -> None:
    count = counted(1, 5)
    given = of_node(CountsAssigned, 3, station="S-1", target=count.id, result=Result.GOOD, pieces=5)
    for shop in shops(tmp_path, count, given, void(given)):
        assert (shop.node().good, shop.unassigned(), shop.open_questions()) == (0, Tally(good=5), [count.id])


def test_the_answer_before_the_one_that_is_taken_back_counts_again(tmp_path: Path) -> None:
    count = counted(1, 5, **OWNED)
    first, second = (by_hand(EventCorrected, number, target=count.id, pieces=number) for number in (3, 4))
    for shop in shops(tmp_path, count, first, second, void(second)):
        assert shop.node().good == 3


def test_a_dispatch_that_is_taken_back_gives_no_pieces(tmp_path: Path) -> None:
    opened = of_node(DispatchOpened, 1, station="S-1")
    for shop in shops(tmp_path, opened, counted(2, 5), void(opened)):
        assert (shop.node().good, shop.unassigned()) == (0, Tally(good=5))


def test_a_claim_is_taken_back_and_nothing_else_with_it(tmp_path: Path) -> None:
    claim = of_node(NodeCompleted, 3, pieces=8)
    for shop in shops(tmp_path, counted(1, 8, **OWNED), claim, void(claim)):
        assert (shop.node().lifecycle, shop.node().good) == (Lifecycle.IN_PROGRESS, 8)


def test_a_report_is_corrected_and_the_correction_taken_back(tmp_path: Path) -> None:
    report = of_node(ProgressReported, 2, pieces=8)
    corrected = by_hand(EventCorrected, 4, target=report.id, pieces=6)
    for shop in shops(tmp_path, report, corrected):
        assert (shop.node().good, shop.node().lifecycle) == (6, Lifecycle.IN_PROGRESS)
    for shop in shops(tmp_path / "again", report, corrected, void(corrected)):
        assert (shop.node().good, shop.node().lifecycle) == (8, Lifecycle.DONE)


def test_what_takes_an_event_back_cannot_be_taken_back(tmp_path: Path) -> None:
    report = of_node(ProgressReported, 2, pieces=5)
    taken_back = void(report)
    for shop in shops(tmp_path, report, taken_back, void(taken_back, 51)):
        assert shop.node().good == 0


def test_a_stock_take_and_a_binding_leave_what_was_before(tmp_path: Path) -> None:
    seen = by_hand(WipChanged, 1, zone="packing", count=7, by=7)
    first, second = (by_hand(StockCounted, number, zone="packing", count=number) for number in (2, 3))
    for shop in shops(tmp_path, seen, first, second, void(second)):
        assert shop.store.reads().wip()[0].stock_take == StockTake(id=first.id, at=minute(2), count=2)
    bound, moved = (
        by_hand(TagBound, number, tag="aa", work_order=work, pieces=number)
        for number, work in ((2, "WO-1"), (3, "WO-2"))
    )
    for shop in shops(tmp_path / "tags", bound, moved, void(moved)):
        assert [(tag.work_order, tag.pieces) for tag in shop.store.reads().tags()] == [("WO-1", 2)]


def test_a_problem_that_is_taken_back_is_not_listed(tmp_path: Path) -> None:
    problem = of_node(ProblemReported, 1, category="material")
    other = of_node(ProblemReported, 2, category="machine")
    for shop in shops(tmp_path, problem, other, void(problem)):
        with shop.store.reads().told() as told:
            page = told.responses(where=ResponseFilter(kind=ResponseKind.PROBLEM))
        assert [response.id for response in page.items] == [other.id]


def test_a_work_order_that_was_cancelled_by_mistake_goes_on(tmp_path: Path) -> None:
    cancelled = by_hand(WorkOrderCancelled, 2, work_order="WO-1", order="A-1", reason="")
    for shop in shops(tmp_path, cancelled):
        assert [work.is_wanted() for work in shop.store.reads().work()] == [False]
    for shop in shops(tmp_path / "again", cancelled, void(cancelled)):
        assert [work.is_wanted() for work in shop.store.reads().work()] == [True]
