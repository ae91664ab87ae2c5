"""Planning an order: times worked out by hand, material, versions, links between lines and sites."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from genba_cloud.core.assess import Policy
from genba_cloud.core.facts import OrderPlan, Refused, WorkOrderPlan
from genba_cloud.core.facts.plan import Dependency, MaterialNeed, NodePlan, TeamMember
from genba_cloud.core.facts.plan_links import check_links
from genba_cloud.core.master.goods import Bom, BomLine, Instruction, Item
from genba_cloud.core.master.kinds import read_file
from genba_cloud.core.master.orders import LineLink, LineWanted, OrderWanted, PlanFrom
from genba_cloud.core.master.places import Site
from genba_cloud.core.master.planning import Shop, Versioned, plan_order
from genba_cloud.core.working_time import Calendar, Shift

DAY = (Shift.between("08:00", "17:00", breaks=[("12:00", "13:00")]),)
WEEK = Calendar(weekly=(*(DAY,) * 5, (), ()))  # Monday to Friday, 8 hours, UTC
NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)  # a Monday
ROUTING = """\
routing: shirt
nodes:
  - {node: order, label: Order, criterion: report, setup_s: 3600, piece_s: 0, plan: early}
  - {node: cut, label: Cut, criterion: quantity, setup_s: 1800, piece_s: 54, key: true, work_centre: cutting}
  - {node: sew, label: Sew, criterion: quantity, setup_s: 0, piece_s: 576, machines: 2, instructions: [collar]}
  - {node: ship, label: Ship, criterion: report, setup_s: 3600, piece_s: 0}
"""


def versioned(text: str = ROUTING, version: int = 3) -> Versioned:
    (document,) = read_file(text, file="routing.yaml")
    return Versioned(routing=document.model, version=version)


def shop(text: str = ROUTING, **more: object) -> Shop:
    usual = Shop(
        routings={"standard": versioned(text)},
        policy=Policy(usual_calendar=WEEK),
        known_routings=("standard",),
    )
    return replace(usual, **more)


FRIDAY = datetime(2026, 1, 16, 17, 0, tzinfo=UTC)
"""When the order is promised: at the end of work on Friday of the week after."""


def wanted(*lines: LineWanted, promised: datetime = FRIDAY, **more: object) -> OrderWanted:
    usual = OrderWanted(
        order="A-1",
        system="erp",
        external_id="1",
        customer="Blue",
        promised=promised,
        lines=lines or (LineWanted(line="1", item="SHIRT", quantity=100),),
    )
    return replace(usual, **more)  # type: ignore[arg-type]  # fields by their names


def plan(order: OrderWanted, at: Shop, now: datetime = NOW) -> OrderPlan:
    found = plan_order(order, at, now)
    assert isinstance(found, OrderPlan), found
    return found


def refused(order: OrderWanted, at: Shop) -> Refused:
    found = plan_order(order, at, NOW)
    assert isinstance(found, Refused)
    return found


def times(work: WorkOrderPlan) -> list[tuple[str, str, str]]:
    return [(one.node, f"{one.planned_start:%d %H:%M}", f"{one.planned_finish:%d %H:%M}") for one in work.nodes]


def test_an_order_is_planned_early_where_it_begins_and_back_from_its_promise_where_it_is_made() -> None:
    """Cut takes 30 min + 100 × 54 s = 2 h, sew 100 × 576 s ÷ 2 = 8 h, ship 1 h."""
    (work,) = plan(wanted(), shop()).work_orders
    assert times(work) == [
        ("order", "05 08:00", "05 09:00"),
        ("cut", "15 14:00", "15 16:00"),
        ("sew", "15 16:00", "16 16:00"),
        ("ship", "16 16:00", "16 17:00"),
    ]
    assert [node.predecessors for node in work.nodes] == [(), ("order",), ("cut",), ("sew",)]


def test_an_order_that_would_begin_in_the_past_is_planned_from_now() -> None:
    (work,) = plan(wanted(promised=datetime(2026, 1, 6, 9, tzinfo=UTC)), shop()).work_orders
    assert times(work) == [
        ("order", "05 08:00", "05 09:00"),
        ("cut", "05 09:00", "05 11:00"),
        ("sew", "05 11:00", "06 11:00"),
        ("ship", "06 11:00", "06 12:00"),
    ]


def test_an_order_may_be_planned_as_early_as_possible() -> None:
    (work,) = plan(wanted(plan=PlanFrom.NOW), shop()).work_orders
    assert times(work)[-1] == ("ship", "06 11:00", "06 12:00")


def test_work_begins_when_somebody_works() -> None:
    saturday = datetime(2026, 1, 10, 11, 0, tzinfo=UTC)
    (work,) = plan(wanted(plan=PlanFrom.NOW, promised=datetime(2026, 2, 1, tzinfo=UTC)), shop(), saturday).work_orders
    assert times(work)[0] == ("order", "12 08:00", "12 09:00")


def test_a_transfer_quantity_lets_nodes_overlap() -> None:
    """Sew begins when 50 are cut: 30 min + 50 × 54 s = 75 min later; it takes 8 h and the last 50 need 4 h."""
    text = ROUTING.replace("instructions: [collar]", "after: [{node: cut, transfer: 50}]")
    (work,) = plan(wanted(plan=PlanFrom.NOW), shop(text)).work_orders
    assert times(work)[1:3] == [("cut", "05 09:00", "05 11:00"), ("sew", "05 10:15", "06 10:15")]
    assert work.nodes[2].predecessors == ()
    assert work.nodes[2].dependencies == (Dependency(node="cut", transfer_quantity=50),)
    (late,) = plan(wanted(), shop(text)).work_orders
    assert times(late)[1:] == [
        ("cut", "15 14:45", "15 16:45"),
        ("sew", "15 16:00", "16 16:00"),
        ("ship", "16 16:00", "16 17:00"),
    ]


def test_a_slow_predecessor_keeps_a_fast_successor_waiting_for_its_last_batch() -> None:
    """Cut takes 100 × 360 s = 10 h, pack 100 × 36 s = 1 h: its last 20 take 12 minutes after cutting ends."""
    text = """\
routing: r
nodes:
  - {node: cut, label: Cut, criterion: quantity, setup_s: 0, piece_s: 360}
  - {node: pack, label: Pack, criterion: quantity, setup_s: 0, piece_s: 36, after: [{node: cut, transfer: 20}]}
"""
    (work,) = plan(wanted(plan=PlanFrom.NOW), shop(text)).work_orders
    assert times(work) == [("cut", "05 08:00", "06 10:00"), ("pack", "05 10:00", "06 10:12")]


def test_a_lag_passes_in_working_time() -> None:
    text = ROUTING.replace("instructions: [collar]", "after: [{node: cut, lag_s: 28800}]")
    (work,) = plan(wanted(plan=PlanFrom.NOW), shop(text)).work_orders
    assert times(work)[1:3] == [("cut", "05 09:00", "05 11:00"), ("sew", "06 11:00", "07 11:00")]
    assert work.nodes[2].dependencies == (Dependency(node="cut", lag_s=28_800),)


def test_what_is_frozen_is_the_template_in_its_version_with_what_it_says() -> None:
    order = plan(wanted(priority=5, team=(TeamMember(person="p1", role="owner"),)), shop())
    (work,) = order.work_orders
    assert (work.work_order, work.site, work.item, work.quantity) == ("A-1-1", "main", "SHIRT", 100)
    assert work.routing == "shirt@3"
    cut = work.nodes[1]
    assert (cut.setup_s, cut.piece_s, cut.key, cut.work_centre, cut.quantity) == (1800, 54, True, "cutting", 100)
    assert (order.priority, order.team) == (5, (TeamMember(person="p1", role="owner"),))


def test_material_is_the_bom_times_the_quantity_with_what_is_lost() -> None:
    bom = Bom(
        bom="SHIRT",
        lines=(
            BomLine(item="FABRIC", amount=1.6, uom="m", scrap_share=0.2, node="cut"),
            BomLine(item="BUTTON", amount=7, scrap_share=0.03),
            BomLine(item="THREAD", amount=0.05, uom="cone", node="nowhere"),
        ),
    )
    (work,) = plan(wanted(), shop(boms={"SHIRT": bom})).work_orders
    assert work.materials == (
        MaterialNeed(item="FABRIC", amount=200.0, uom="m", node="cut"),
        MaterialNeed(item="BUTTON", amount=722.0),  # 700 ÷ 0.97 = 721.6…, and buttons are whole
        MaterialNeed(item="THREAD", amount=5.0, uom="cone"),
    )


@pytest.mark.requirement("R19", part="instructions frozen by version in the order, and a sheet with codes")
@pytest.mark.requirement("R100", part="instructions and drawings are frozen in the order by their version")
def test_instructions_are_frozen_by_version_where_the_routing_or_they_themselves_say_so() -> None:
    def paper(name: str, **more: str) -> Instruction:
        return Instruction(instruction=name, label={}, text="…", **more)  # type: ignore[arg-type]  # item and node

    kept = (
        (paper("collar"), 4),
        (paper("drawing", item="SHIRT", node="cut"), 2),
        (paper("other-item", item="TROUSERS", node="cut"), 1),
        (paper("any-item", node="ship"), 7),
    )
    (work,) = plan(wanted(), shop(instructions=kept)).work_orders
    assert {node.node: node.instructions for node in work.nodes} == {
        "order": (), "cut": ("drawing@2",), "sew": ("collar@4",), "ship": ("any-item@7",),
    }  # fmt: skip


TWO_SITES = {"sew-shop": Site(site="sew-shop"), "cut-shop": Site(site="cut-shop", transport={"sew-shop": 14_400})}
PARTS = LineWanted(line="1", item="PANELS", quantity=100, site="cut-shop", routing="cut")
SHIRTS = LineWanted(
    line="2", item="SHIRT", quantity=100, site="sew-shop", routing="sew", after=(LineLink(line="1", transfer=50),)
)
CUT = "routing: cut\nnodes: [{node: cut, label: Cut, criterion: quantity, setup_s: 0, piece_s: 72}]\n"
SEW = "routing: sew\nnodes: [{node: sew, label: Sew, criterion: quantity, setup_s: 0, piece_s: 144}]\n"


def two_sites(**more: object) -> Shop:
    return shop(routings={"cut": versioned(CUT), "sew": versioned(SEW)}, sites=TWO_SITES, **more)


@pytest.mark.requirement("R67")
def test_a_line_waits_for_another_site_with_transfer_quantity_and_transport() -> None:
    """Half of the panels are cut in 1 h, are 4 working hours on the road, and sewing takes 4 h."""
    panels, shirts = plan(wanted(PARTS, SHIRTS, plan=PlanFrom.NOW), two_sites()).work_orders
    assert times(panels) == [("cut", "05 08:00", "05 10:00")]
    assert times(shirts) == [("sew", "05 14:00", "06 09:00")]
    assert shirts.nodes[0].dependencies == (
        Dependency(node="cut", work_order="A-1-1", transfer_quantity=50, lag_s=14_400),
    )
    late, _ = plan(wanted(PARTS, SHIRTS), two_sites()).work_orders
    assert times(late) == [("cut", "15 16:00", "16 09:00")]


def test_each_site_works_by_its_own_calendar() -> None:
    nights = Calendar(weekly=((Shift.between("20:00", "04:00"),),) * 7)
    policy = Policy(usual_calendar=WEEK, calendars={"cut-shop": nights})
    panels, _ = plan(wanted(PARTS, SHIRTS, plan=PlanFrom.NOW), two_sites(policy=policy)).work_orders
    assert times(panels) == [("cut", "05 20:00", "05 22:00")]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([replace(PARTS, routing="nonsense")], "routing nonsense is not known"),
        ([replace(PARTS, site="moon")], "site moon is not known"),
        ([replace(PARTS, site=None)], "nothing says at which site it is made"),
        ([PARTS, replace(PARTS, quantity=5)], "line 1 is there twice"),
        ([SHIRTS], "names line 1, which is not there"),
        ([PARTS, replace(SHIRTS, after=(LineLink(line="1", node="zz"),))], "zz is no node of A-1-1"),
        ([replace(PARTS, after=(LineLink(line="2"),)), SHIRTS], "in a circle: A-1-1/cut, A-1-2/sew"),
        ([replace(PARTS, item=None)], "what is made?"),
        ([replace(PARTS, configuration="none")], "configuration none is not known"),
        ([replace(PARTS, quantity=10_000_000)], "would take longer than ten years"),
    ],
    ids=["routing", "site", "no site", "twice", "no line", "no node", "circle", "no item", "configuration", "long"],
)
def test_what_cannot_be_planned_is_refused(lines: list[LineWanted], said: str) -> None:
    answer = refused(wanted(*lines), two_sites())
    assert said in answer.reason
    assert answer.accepted


def test_an_item_says_how_and_where_it_is_made_and_a_line_may_say_otherwise() -> None:
    items = {"PANELS": Item(item="PANELS", routing="cut", site="cut-shop")}
    bare = LineWanted(line="1", item="PANELS", quantity=1)
    (work,) = plan(wanted(bare), two_sites(items=items)).work_orders
    assert (work.site, work.routing) == ("cut-shop", "cut@3")
    (other,) = plan(wanted(replace(bare, site="sew-shop", routing="sew")), two_sites(items=items)).work_orders
    assert (other.site, other.routing) == ("sew-shop", "sew@3")


def node(name: str, *needs: Dependency, predecessors: tuple[str, ...] = ()) -> NodePlan:
    return NodePlan(
        node=name, quantity=1, planned_start=NOW, planned_finish=NOW, label={}, dependencies=needs,
        predecessors=predecessors,
    )  # fmt: skip


def order_of(**works: tuple[NodePlan, ...]) -> OrderPlan:
    return OrderPlan(
        order="A", system="s", external_id="1", customer="", promised=NOW,
        work_orders=tuple(
            WorkOrderPlan(work_order=name, site="a", item="i", quantity=1, nodes=nodes)
            for name, nodes in works.items()
        ),
    )  # fmt: skip


def test_links_over_work_orders_are_checked() -> None:
    cut, sew = node("cut"), node("sew", Dependency(node="cut", work_order="w1"))
    assert check_links(order_of(w1=(cut,), w2=(sew,))) is None
    circle = check_links(order_of(w1=(node("cut", Dependency(node="sew", work_order="w2")),), w2=(sew,)))
    assert circle is not None
    assert "w1/cut, w2/sew" in circle.reason
    missing = check_links(order_of(w2=(sew,)))
    assert missing is not None
    assert "follows cut of w1, which is not a node of this order" in missing.reason
    odd = check_links(order_of(w1=(cut, node("b", Dependency(node="cut", transfer_quantity=0)))))
    assert odd is not None
    assert "amount below 1" in odd.reason


def test_of_a_circle_only_its_own_nodes_are_named() -> None:
    circle = check_links(
        order_of(
            w=(
                node("a"),
                node("b", Dependency(node="c")),
                node("c", predecessors=("b", "a")),
                node("d", predecessors=("c",)),
            )
        )
    )
    assert circle is not None
    assert circle.reason == "nodes wait for one another in a circle: w/b, w/c"
