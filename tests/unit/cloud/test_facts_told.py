"""Orders as a whole, and stock: what their events come to, in whatever order they come, less what was taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from genba_cloud.core.facts.material import loss, losses, shelf_of, stock_facts
from genba_cloud.core.facts.order import OrderFacts, order_facts
from genba_cloud.core.facts.plan import MaterialNeed, NodePlan, WorkOrderPlan
from genba_cloud.core.facts.told import NOTHING_TOLD, fold_told
from genba_cloud.core.facts.views import Lifecycle, MaterialUse, NodeFacts, WorkOrderFacts
from genba_shared.events import (
    BaselineFrozen,
    Event,
    EventVoided,
    MaterialConsumed,
    MaterialCounted,
    MaterialIssued,
    MaterialPromised,
    MaterialReceived,
    OrderCancelled,
    OrderChanged,
    OrderConfirmed,
    OrderHeld,
    OrderResumed,
    PromiseSet,
    ShipmentMoved,
    ShipmentStatus,
    Source,
    SourceType,
)

START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def event(kind: type[Event], at: int, **more: Any) -> Any:
    name = f"{kind.__name__}-{at}"
    return kind(id=name, at=minute(at), source=Source(type=SourceType.PERSON, ref="op-1"), **more)


def of_order(kind: type[Event], at: int, **more: Any) -> Any:
    return event(kind, at, order="A-1", **more)


def voided(target: Event) -> Any:
    return event(EventVoided, 99, target=target.id, reason="wrong")


def order(*events: Event) -> OrderFacts:
    found = [order_facts("A-1", fold_told(NOTHING_TOLD, some)) for some in permutations(events)]
    assert all(one == found[0] for one in found)
    return found[0]


def test_an_order_keeps_every_promise_and_every_baseline() -> None:
    seen = order(
        of_order(OrderConfirmed, 1),
        of_order(PromiseSet, 1, promised=minute(600)),
        of_order(PromiseSet, 5, promised=minute(900)),
        of_order(BaselineFrozen, 1, start=minute(10), finish=minute(500)),
    )
    assert seen.confirmed_at == minute(1)
    assert seen.promises == ((minute(1), minute(600)), (minute(5), minute(900)))
    assert seen.baselines == ((minute(1), minute(10), minute(500)),)


def test_an_order_is_held_until_it_is_resumed() -> None:
    held = of_order(OrderHeld, 2, reason="credit")
    assert (order(held).on_hold, order(held).held_at, order(held).hold_reason) == (True, minute(2), "credit")
    assert not order(held, of_order(OrderResumed, 3)).on_hold
    assert order(of_order(OrderResumed, 1), held).on_hold
    assert not order(held, voided(held)).on_hold


def test_an_order_stays_cancelled_unless_that_is_taken_back() -> None:
    cancelled = of_order(OrderCancelled, 4, reason="customer")
    assert (order(cancelled).cancelled_at, order(cancelled).cancel_reason) == (minute(4), "customer")
    assert order(cancelled, of_order(OrderResumed, 9)).is_cancelled
    assert not order(cancelled, voided(cancelled)).is_cancelled


def test_changes_name_their_fields_once() -> None:
    seen = order(
        of_order(OrderChanged, 2, fields=("priority",)), of_order(OrderChanged, 3, fields=("team", "priority"))
    )
    assert (seen.changed_at, seen.changed_fields) == (minute(3), ("priority", "team"))


@pytest.mark.requirement("R68", part="a transport moves its node; its time lies in the plan")
def test_a_shipment_is_where_its_newest_news_says() -> None:
    seen = order(
        of_order(ShipmentMoved, 2, shipment="S-1", status=ShipmentStatus.PICKED_UP, carrier="ups", place="Hangzhou"),
        of_order(ShipmentMoved, 6, shipment="S-1", status=ShipmentStatus.UNDER_WAY, expected_at=minute(99)),
    )
    (shipment,) = seen.shipments
    assert (shipment.status, shipment.at, shipment.place) == ("under_way", minute(6), "Hangzhou")
    assert (shipment.carrier, shipment.expected_at) == ("ups", minute(99))


def material(kind: type[Event], at: int, amount: float, **more: Any) -> Any:
    return event(kind, at, item="cloth", amount=amount, uom="m", **more)


def stock(*events: Event) -> Any:
    """The stock of cloth in metres, from shelves by month."""
    found = []
    for some in permutations(events) if len(events) < 6 else [events, events[::-1]]:
        shelves: dict[str, list[Any]] = {}
        for one in list[Any](some):
            shelves.setdefault("void" if isinstance(one, EventVoided) else shelf_of(one), []).append(one)
        voids = shelves.pop("void", [])
        found.append(stock_facts("cloth", [fold_told(NOTHING_TOLD, [*told, *voids]) for told in shelves.values()]))
    assert all(one == found[0] for one in found)
    (facts,) = found[0]
    return facts


def test_stock_is_what_came_less_what_went_and_before_a_count_nobody_knows_the_rest() -> None:
    seen = stock(material(MaterialReceived, 1, 100.1), material(MaterialIssued, 2, 30.2, work_order="WO-1"))
    assert (seen.on_hand, seen.least, seen.most, seen.counted_at) == (69.9, 69.9, None, None)


def test_a_stock_take_says_what_is_there_and_the_next_one_shows_the_gap() -> None:
    first, second = material(MaterialCounted, 3, 60.0), material(MaterialCounted, 6, 48.0)
    issued = material(MaterialIssued, 5, 10.0, work_order="WO-1")
    before = material(MaterialReceived, 1, 100.0)
    assert (stock(before, first).on_hand, stock(before, first).gap) == (60.0, None)
    assert (stock(before, first, issued).on_hand, stock(before, first, issued).most) == (50.0, 50.0)
    seen = stock(before, first, issued, second)
    assert (seen.on_hand, seen.gap, seen.counted_at) == (48.0, -2.0, minute(6))
    assert stock(before, first, issued, second, voided(second)).on_hand == 50.0


def test_what_work_orders_used_beyond_what_they_were_issued_may_be_missing() -> None:
    counted = material(MaterialCounted, 1, 100.0)
    issued = material(MaterialIssued, 2, 10.0, work_order="WO-1")
    used = material(MaterialConsumed, 3, 13.0, work_order="WO-1")
    seen = stock(counted, issued, used, material(MaterialConsumed, 4, 5.0, work_order="WO-2"))
    assert (seen.on_hand, seen.least, seen.most) == (90.0, 82.0, 90.0)
    before = material(MaterialConsumed, 0, 7.0, work_order="WO-1")
    assert stock(counted, before).least == 100.0  # the count has seen that it was gone


def test_units_of_measure_are_never_added() -> None:
    rolls = event(MaterialReceived, 1, item="cloth", amount=3.0, uom="rolls")
    told = fold_told(NOTHING_TOLD, [rolls, material(MaterialReceived, 2, 100.0)])
    assert [(one.uom, one.on_hand) for one in stock_facts("cloth", [told])] == [("m", 100.0), ("rolls", 3.0)]


def test_receipts_fill_promises_the_earliest_first() -> None:
    late = material(MaterialPromised, 1, 50.0, due=minute(900), supplier="weaver")
    soon = material(MaterialPromised, 2, 30.0, due=minute(600), supplier="weaver")
    seen = stock(late, soon, material(MaterialReceived, 3, 40.0, supplier="weaver"))
    assert [(one.event, one.open) for one in seen.promises] == [(soon.id, 0.0), (late.id, 40.0)]
    other = stock(late, soon, material(MaterialReceived, 3, 40.0, supplier="dyer"))
    assert [one.open for one in other.promises] == [30.0, 50.0]
    named = stock(late, soon, material(MaterialReceived, 3, 40.0, because=(late.id,)))
    assert [one.open for one in named.promises] == [30.0, 10.0]


def test_a_month_is_a_shelf() -> None:
    assert shelf_of(material(MaterialReceived, 1, 1.0)) == "cloth@2026-01"


@pytest.mark.parametrize(
    ("needed", "good", "lost"), [(20.0, 10, 2.0), (20.0, 8, 6.0), (None, 10, None), (22.0, 10, 0.0)]
)
def test_loss_is_what_was_issued_beyond_the_bill_for_the_good_pieces(
    needed: float | None, good: int, lost: float | None
) -> None:
    use = MaterialUse(item="cloth", uom="m", issued=22.0, consumed=21.0)
    assert loss(use, needed=needed, pieces=10, good=good) == lost


@pytest.mark.requirement("R107")
def test_losses_of_a_work_order_are_against_the_bill_of_its_plan() -> None:
    def node(code: str, *predecessors: str) -> NodePlan:
        return NodePlan(
            node=code, quantity=10, planned_start=START, planned_finish=START, label={}, predecessors=predecessors
        )

    def made(code: str, good: int) -> NodeFacts:
        return NodeFacts(node=code, lifecycle=Lifecycle.DONE, quantity=10, good=good, scrap=0, rework=0)

    plan = WorkOrderPlan(
        work_order="WO-1",
        site="demo",
        item="shirt",
        quantity=10,
        nodes=(node("CUT"), node("SEW", "CUT")),
        materials=(MaterialNeed(item="cloth", amount=20.0, uom="m"),),
    )
    uses = (
        MaterialUse(item="cloth", uom="m", issued=22.0),
        MaterialUse(item="cloth", uom="rolls", issued=1.0),
        MaterialUse(item="thread", uom="m", issued=5.0),
    )
    facts = WorkOrderFacts(work_order="WO-1", nodes=(made("CUT", 10), made("SEW", 9)), materials=uses)
    assert [lost for _, lost in losses(plan, facts)] == [4.0, None, None]


def test_amounts_that_no_number_can_hold_are_the_greatest() -> None:
    seen = stock(material(MaterialReceived, 1, 1.7e308), material(MaterialReceived, 2, 1.7e308))
    assert seen.on_hand == 1.7976931348623157e308
