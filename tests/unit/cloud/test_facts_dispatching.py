"""What a gateway is told: its own stations and nodes, and only what is still to be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from genba_cloud.core.facts.dispatching import Audience, Listed, Work, dispatch_document
from genba_cloud.core.facts.order import OrderFacts
from genba_cloud.core.facts.plan import NodePlan, WorkOrderPlan
from genba_cloud.core.facts.views import (
    Lifecycle,
    Mark,
    NodeFacts,
    OpenDispatch,
    StockTake,
    TagBinding,
    WorkOrderFacts,
)
from genba_shared.dispatch_document import DispatchDocument, DispatchRow, OpenRow
from genba_shared.dispatch_document import StockTake as Sent

START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
AUDIENCE = Audience(stations=["CUT-1"], zones=["sewing"], nodes=["CUT"])
ROW = Listed(station="CUT-1", work_order="WO-1", node="CUT", quantity=8)
OPENED = OpenDispatch(work_order="WO-1", node="CUT", since=START, quantity=5, explicit=True)
TAG = TagBinding(tag="aa", work_order="WO-1", pieces=5, since=START)


def work(cut: Lifecycle, sew: Lifecycle = Lifecycle.PENDING) -> dict[str, Work]:
    nodes = tuple(
        NodePlan(node=code, quantity=8, planned_start=START, planned_finish=START + timedelta(hours=1), label={})
        for code in ("CUT", "SEW")
    )
    facts = tuple(
        NodeFacts(node=code, lifecycle=lifecycle, quantity=8, good=0, scrap=0, rework=0)
        for code, lifecycle in (("CUT", cut), ("SEW", sew))
    )
    plan = WorkOrderPlan(work_order="WO-1", site="demo", item="shirt", quantity=8, nodes=nodes)
    return {"WO-1": Work(plan=plan, facts=WorkOrderFacts(work_order="WO-1", nodes=facts))}


def document(
    cut: Lifecycle,
    sew: Lifecycle = Lifecycle.PENDING,
    *,
    audience: Audience = AUDIENCE,
    opened: OpenDispatch = OPENED,
) -> DispatchDocument:
    return dispatch_document(
        audience, work=work(cut, sew), queue=[ROW], open_at={"CUT-1": opened, "SEW-1": OPENED}, tags=[TAG]
    )


def wanted(work: Work) -> tuple[bool, bool, bool]:
    return work.is_open(), work.is_wanted(), work.wants("CUT")


def test_what_is_held_keeps_its_place_but_is_not_worked_on() -> None:
    one = work(Lifecycle.IN_PROGRESS)["WO-1"]
    assert wanted(one) == (True, True, True)
    held = replace(one.facts.nodes[0], on_hold=True)
    assert wanted(replace(one, facts=replace(one.facts, nodes=(held, *one.facts.nodes[1:])))) == (True, True, False)
    assert wanted(replace(one, order=OrderFacts(order="A-1", on_hold=True))) == (True, False, False)


def test_what_is_cancelled_is_over() -> None:
    one = work(Lifecycle.IN_PROGRESS)["WO-1"]
    assert wanted(replace(one, facts=replace(one.facts, cancelled_at=START))) == (False, False, False)
    assert wanted(replace(one, order=OrderFacts(order="A-1", cancelled_at=START))) == (False, False, False)


def test_an_open_row_is_told_with_its_own_quantity() -> None:
    told = document(Lifecycle.IN_PROGRESS)
    assert told.stations.keys() == {"CUT-1"}
    assert told.stations["CUT-1"].next == (DispatchRow(work_order="WO-1", node="CUT", quantity=8),)
    assert told.stations["CUT-1"].open == OpenRow(work_order="WO-1", node="CUT", quantity=5, since=START)
    assert told.work_orders == {"WO-1": {"CUT": 8}}


def test_what_the_gateway_opened_by_itself_is_not_told_back() -> None:
    assert document(Lifecycle.IN_PROGRESS, opened=replace(OPENED, explicit=False)).stations["CUT-1"].open is None


def test_a_claimed_node_leaves_the_list_and_its_work_order_stays_while_it_is_open() -> None:
    for claimed in (Lifecycle.AWAITING_CONFIRMATION, Lifecycle.DONE):
        told = document(claimed)
        assert (told.stations["CUT-1"].next, told.stations["CUT-1"].open) == ((), None)
        assert told.work_orders == {"WO-1": {"CUT": 8}}
        assert [tag.tag for tag in told.tags] == ["aa"]


def test_a_node_that_was_claimed_below_its_quantity_keeps_its_row() -> None:
    known = work(Lifecycle.AWAITING_CONFIRMATION)["WO-1"]
    cut, sew = known.facts.nodes
    facts = replace(known.facts, nodes=(replace(cut, marks=(Mark.BELOW_QUANTITY,), claimed_pieces=6), sew))
    told = dispatch_document(AUDIENCE, work={"WO-1": replace(known, facts=facts)}, queue=[ROW], open_at={}, tags=[])
    assert told.stations["CUT-1"].next == (DispatchRow(work_order="WO-1", node="CUT", quantity=8),)


def test_a_finished_work_order_is_not_told() -> None:
    told = document(Lifecycle.DONE, Lifecycle.DONE)
    assert (told.work_orders, told.tags) == ({}, ())


def test_a_gateway_without_zones_is_not_told_tags() -> None:
    assert document(Lifecycle.PENDING, audience=replace(AUDIENCE, zones=[])).tags == ()


def test_a_gateway_is_told_only_the_nodes_that_it_derives() -> None:
    assert document(Lifecycle.PENDING, audience=replace(AUDIENCE, nodes=["PACK"])).work_orders == {}


def test_a_gateway_is_told_the_last_stock_take_of_its_zones_that_allow_it() -> None:
    stock = {name: StockTake(id=f"id of {name}", at=START, count=4) for name in ("sewing", "packing", "elsewhere")}
    audience = Audience(stations=[], zones=["sewing", "packing"], nodes=[], stocktakes=["sewing"])
    told = dispatch_document(audience, work={}, queue=[], open_at={}, tags=[], stock=stock)
    assert told.stock == {"sewing": Sent(id="id of sewing", at=START, count=4)}


def test_a_gateway_is_told_the_pieces_that_answers_added_to_or_took_from_its_nodes() -> None:
    works = work(Lifecycle.IN_PROGRESS)
    nodes = tuple(replace(node, answered=-2) for node in works["WO-1"].facts.nodes)
    answered = {"WO-1": replace(works["WO-1"], facts=WorkOrderFacts(work_order="WO-1", nodes=nodes))}
    told = dispatch_document(AUDIENCE, work=answered, queue=[ROW], open_at={}, tags=[])
    assert told.answered == {"WO-1": {"CUT": -2}}
    assert document(Lifecycle.IN_PROGRESS).answered == {}


def test_a_gateway_reads_the_answer_that_a_counter_of_32_bits_did_not_wrap() -> None:
    """Falling from 60 to 59 was taken for a wrap; a person says that nothing was made."""
    works = work(Lifecycle.IN_PROGRESS)
    nodes = tuple(replace(node, answered=-4_294_967_295) for node in works["WO-1"].facts.nodes)
    answered = {"WO-1": replace(works["WO-1"], facts=WorkOrderFacts(work_order="WO-1", nodes=nodes))}
    told = dispatch_document(AUDIENCE, work=answered, queue=[ROW], open_at={}, tags=[])
    assert DispatchDocument.from_text(told.to_text()).answered == {"WO-1": {"CUT": -4_294_967_295}}
