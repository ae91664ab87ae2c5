"""What is remembered of orders for lists: shown again only while nothing about them changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from genba_cloud.api.order_rows import KEPT_S, OrderRows, RowPage
from genba_cloud.api.visible import assessed
from genba_cloud.core.assess import DEFAULT_POLICY, AssessedOrder
from genba_cloud.core.facts import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.core.viewer import Sight
from genba_cloud.ledger import Appended
from genba_cloud.ledger.batches import Changed
from genba_cloud.store.read import ALL_ORDERS, LoggedEvent, OrderKey, OrderKeyPage, OrderRecord
from genba_shared.events import NodeStarted, OrderConfirmed, Source, SourceType

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PAGE = OrderKeyPage(items=(OrderKey("A-1", 1), OrderKey("A-2", 2)), next=None)
SOURCE = Source(type=SourceType.API, ref="test")


def order(number: str, *, now: datetime = NOW, customer: str = "Blue") -> AssessedOrder:
    node = NodePlan(
        node="CUT", quantity=1, planned_start=NOW, planned_finish=NOW + timedelta(hours=1), predecessors=(), label={}
    )
    work = WorkOrderPlan(work_order=f"W{number}", site="demo", item="shirt", quantity=1, nodes=(node,))
    plan = OrderPlan(
        order=number, system="erp", external_id=number, customer=customer, promised=NOW, work_orders=(work,)
    )
    record = OrderRecord(
        plan=plan, baseline_start=NOW, baseline_finish=NOW + timedelta(hours=1), facts={}, data_at=None
    )
    return assessed(record, now, DEFAULT_POLICY)


@dataclass
class Lists:
    """Rows over a store that notes what it was asked."""

    wall_s: float = 0.0
    asked: int = 0
    read: list[str] = field(default_factory=list)
    customer: str = "Blue"
    rows: OrderRows = field(init=False)

    def __post_init__(self) -> None:
        self.rows = OrderRows(clock=lambda: self.wall_s)

    def page(self) -> RowPage:
        def ask() -> OrderKeyPage:
            self.asked += 1
            return PAGE

        def read(numbers: Sequence[str]) -> list[AssessedOrder]:
            self.read += numbers
            return [order(number, customer=self.customer) for number in numbers]

        return self.rows.page(Sight.ALL, ALL_ORDERS, None, 50, ask=ask, read=read)

    def remembered(self) -> RowPage | None:
        return self.rows.remembered(Sight.ALL, ALL_ORDERS, None, 50)


def counted(*orders: str) -> Appended:
    event = NodeStarted(id="x", at=NOW, source=SOURCE, work_order="W", node="CUT")
    logged = LoggedEvent(position=1, received_at=NOW, event=event)
    return Appended(events=(logged,), changed=Changed(orders=frozenset(orders)))


def test_a_page_is_read_once_and_then_remembered() -> None:
    lists = Lists()
    assert lists.remembered() is None
    first = lists.page()
    assert lists.remembered() == first
    assert [row.order for row in first[0]] == ["A-1", "A-2"]
    assert (lists.asked, lists.read) == (1, ["A-1", "A-2"])


def test_only_the_order_that_changed_is_read_again() -> None:
    lists = Lists()
    lists.page()
    lists.rows.heard(counted("A-2"))
    assert lists.remembered() is None
    lists.page()
    assert lists.read == ["A-1", "A-2", "A-2"]


def test_nothing_is_remembered_that_was_read_before_a_change_and_came_after_it() -> None:
    lists = Lists()

    def ask() -> OrderKeyPage:
        lists.rows.heard(counted("A-2"))  # committed while the store is read
        return PAGE

    lists.rows.page(Sight.ALL, ALL_ORDERS, None, 50, ask=ask, read=lambda names: [order(name) for name in names])
    lists.page()
    assert lists.read == []  # what was read after the change is there

    def read(numbers: Sequence[str]) -> list[AssessedOrder]:
        lists.rows.heard(counted(*numbers))
        return [order(number) for number in numbers]

    lists.rows.forget()
    lists.rows.page(Sight.ALL, ALL_ORDERS, None, 50, ask=lambda: PAGE, read=read)
    lists.page()
    assert lists.read == ["A-1", "A-2"]


def test_a_new_order_or_promise_makes_every_page_be_asked_again() -> None:
    lists = Lists()
    lists.page()
    event = OrderConfirmed(id="y", at=NOW, source=SOURCE, order="A-3")
    logged = LoggedEvent(position=1, received_at=NOW, event=event)
    lists.rows.heard(Appended(events=(logged,), changed=Changed(orders=frozenset({"A-3"}))))
    assert lists.remembered() is None
    lists.page()
    assert (lists.asked, lists.read) == (2, ["A-1", "A-2"])


def test_what_another_process_tells_without_events_makes_pages_be_asked_again() -> None:
    lists = Lists()
    lists.page()
    lists.rows.heard(Appended(changed=Changed(orders=frozenset({"A-9"}))))
    assert lists.remembered() is None


def test_nothing_is_shown_that_is_too_old_unless_the_assessor_looked_at_it() -> None:
    lists = Lists()
    lists.page()
    lists.wall_s = KEPT_S - 1
    lists.rows.renew([order("A-1"), order("A-2")])
    lists.page()
    lists.wall_s = KEPT_S + 1
    lists.page()
    assert lists.read == ["A-1", "A-2"]
    lists.wall_s = 3 * KEPT_S
    lists.page()
    assert lists.read == ["A-1", "A-2", "A-1", "A-2"]


def test_the_assessor_renews_what_the_clock_changes_and_nothing_that_it_has_not_read_yet() -> None:
    lists = Lists()
    (before, _), _ = lists.page()
    late = order("A-1", now=NOW + timedelta(hours=9))
    lists.rows.renew([late])
    (row, _), _ = lists.page()
    assert (row.level, before.level) == (late.assessment.level, order("A-1").assessment.level)
    assert row.level != before.level
    stale = replace(late, plan=replace(late.plan, customer="Older"))
    lists.rows.renew([stale])
    assert lists.page()[0][0] == row


def test_who_may_not_see_names_is_never_shown_rows_that_hold_them() -> None:
    lists = Lists()
    lists.page()
    assert lists.rows.remembered(Sight.WITHOUT_NAMES, ALL_ORDERS, None, 50) is None
