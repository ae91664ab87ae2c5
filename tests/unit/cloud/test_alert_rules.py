"""The rules of alerts, one by one: from when on they hold, who is told, and how they end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from genba_cloud.core.alerts import CentreLoad, SourceSeen
from genba_cloud.core.assess import Policy
from genba_cloud.core.facts import Lifecycle
from genba_cloud.core.facts.material import Promise, StockFacts
from genba_cloud.core.facts.plan import MaterialNeed
from genba_cloud.core.facts.views import ZoneFacts
from genba_cloud.core.policy import AlertLimits
from genba_shared.events import (
    AlertAcknowledged,
    AlertClosed,
    ProblemExplained,
    ProblemReported,
    ProblemResolved,
    Source,
    SourceType,
)
from tests.unit.cloud.alert_shop import MONDAY, Shop, at, node, plan, said, seen, with_site

PERSON = Source(type=SourceType.PERSON, ref="op-7")


def source(silent_s: int | None, told_s: int = 0, **more: object) -> SourceSeen:
    return SourceSeen(gateway="line-1", silent_s=silent_s, told_s=told_s, known_until=MONDAY, **more)  # type: ignore[arg-type]  # only fields that it has


@pytest.mark.parametrize(
    ("silent_s", "told_s", "is_alert"),
    [(59, 0, False), (60, 0, True), (179, 60, False), (180, 60, True), (None, 0, False)],
)
def test_a_source_is_silent_after_three_of_its_periods_and_not_before_a_minute(
    silent_s: int | None, told_s: int, is_alert: bool
) -> None:
    decided = said(Shop().look(MONDAY, sources=(source(silent_s, told_s),)))
    wanted = [
        ("alert_opened", "silent_source", "gateway:line-1", "plant_engineer"),
        ("notice_sent", "silent_source", "plant_engineer"),
    ]
    assert decided == (wanted if is_alert else [])


def test_a_source_that_comes_and_goes_tells_once_and_ends_when_it_was_heard_for_five_minutes() -> None:
    shop = Shop()
    decided = [
        (minute, kind)
        for minute in range(31)
        for kind, *_ in said(
            shop.look(at(minute / 60), sources=(source(200 if minute < 20 and minute % 4 == 0 else 0),))
        )
        if kind != "notice_sent"
    ]
    assert decided == [(0, "alert_opened"), (22, "alert_closed")]


def test_a_device_that_does_not_answer_is_silent_too_and_not_told_of_while_its_gateway_is() -> None:
    lost = {"cutter": MONDAY}
    shop = Shop()
    assert shop.look(at(1 / 120), sources=(source(0, lost=lost),)) == []
    first = said(shop.look(at(1 / 60), sources=(source(0, lost=lost),)))
    assert first[0] == ("alert_opened", "silent_source", "device:line-1/cutter", "plant_engineer")
    other = said(Shop().look(at(1), sources=(source(3600, lost=lost),)))
    assert [words[2] for words in other if words[0] == "alert_opened"] == ["gateway:line-1"]


def problem(**more: str) -> ProblemReported:
    return ProblemReported(
        id="p1", at=MONDAY, source=PERSON, category="machine", site="demo", work_order="WO-1", node="CUT", **more
    )


@pytest.mark.requirement("R13")
def test_a_problem_is_told_at_once_and_goes_to_management_without_a_cause_after_30_minutes() -> None:
    shop = Shop()
    shop.tell(problem())
    assert said(shop.look(MONDAY)) == [
        ("alert_opened", "problem", "problem:p1", "line_supervisor"),
        ("notice_sent", "problem", "line_supervisor"),
    ]
    assert shop.look(MONDAY + timedelta(seconds=1799)) == []
    assert said(shop.look(MONDAY + timedelta(seconds=1800))) == [
        ("alert_escalated", "cause_missing", "management"),
        ("notice_sent", "problem:cause_missing", "management"),
    ]
    shop.restart()
    assert shop.look(at(2)) == []


def test_a_problem_with_a_cause_goes_to_nobody_else_until_it_is_open_for_eight_hours() -> None:
    shop = Shop()
    shop.tell(problem(cause="breakdown"))
    shop.look(MONDAY)
    assert shop.look(MONDAY + timedelta(seconds=28_799)) == []
    assert said(shop.look(at(8))) == [
        ("alert_opened", "problem_overdue", "problem:p1", "line_supervisor"),
        ("notice_sent", "problem_overdue", "line_supervisor"),
        ("notice_sent", "problem_overdue", "management"),
    ]
    shop.tell(ProblemExplained(id="p2", at=at(8), source=PERSON, target="p1", cause="tool_worn"))
    shop.tell(ProblemResolved(id="p3", at=at(8), source=PERSON, target="p1"))
    assert said(shop.look(at(8))) == [("alert_closed",), ("alert_closed",)]


def zone(pieces: int) -> tuple[ZoneFacts, ...]:
    return (ZoneFacts(zone="sewing", count=pieces, error_estimate=0, at=MONDAY),)


LIMITED = with_site(Policy(), alerts=AlertLimits(wip={"sewing": 20}))


def test_a_zone_is_too_full_above_its_limit_and_again_in_order_at_nine_tenths_for_30_minutes() -> None:
    shop = Shop(policy=LIMITED)
    assert shop.look(MONDAY, zones=zone(20)) == []
    assert said(shop.look(MONDAY, zones=zone(21)))[0] == ("alert_opened", "wip_limit", "zone:sewing", "line_supervisor")
    assert shop.look(at(1), zones=zone(19)) == []
    assert shop.look(at(3), zones=zone(18)) == []
    assert shop.look(at(3.49), zones=zone(18)) == []
    assert said(shop.look(at(3.5), zones=zone(18))) == [("alert_closed",)]


def test_an_alert_that_nobody_acknowledges_goes_to_management_after_four_hours() -> None:
    shop = Shop(policy=LIMITED)
    shop.look(MONDAY, zones=zone(30))
    assert shop.look(at(3.99), zones=zone(30)) == []
    assert said(shop.look(at(4), zones=zone(30))) == [
        ("alert_escalated", "unanswered", "management"),
        ("notice_sent", "wip_limit:unanswered", "management"),
    ]
    assert shop.look(at(9), zones=zone(30)) == []


def test_an_acknowledged_alert_goes_to_nobody_else() -> None:
    shop = Shop(policy=LIMITED)
    opened = shop.look(MONDAY, zones=zone(30))[0]
    shop.tell(AlertAcknowledged(id="a1", at=at(1), source=PERSON, target=opened.id))
    assert shop.look(at(9), zones=zone(30)) == []


def test_an_alert_that_a_person_closed_rests_for_four_hours_and_opens_again_then() -> None:
    shop = Shop(policy=LIMITED)
    opened = shop.look(MONDAY, zones=zone(30))[0]
    shop.tell(AlertClosed(id="c1", at=at(1), source=PERSON, target=opened.id))
    assert shop.look(at(4.99), zones=zone(30)) == []
    shop.restart()
    assert [kind for kind, *_ in said(shop.look(at(5), zones=zone(30)))] == ["alert_opened", "notice_sent"]


@pytest.mark.requirement("R12")
def test_a_finished_node_that_nobody_entered_reminds_its_owner_after_two_hours_and_then_the_supervisor() -> None:
    order, shop = plan(team=[("op-3", "owner"), ("op-4", "planner")]), Shop()
    cut = node("CUT", Lifecycle.IN_PROGRESS, good=10, started_at=MONDAY, data_at=at(2))

    def look(hours: float) -> list[tuple[str, ...]]:
        return said(shop.look(at(hours), orders=(seen(order, at(hours), cut),)))

    assert look(3.99) == []
    assert look(4) == [
        ("alert_opened", "missing_update", "node:WO-1/CUT", "op-3"),
        ("notice_sent", "missing_update", "op-3"),
        ("notice_sent", "missing_update", "op-4"),
        ("late_update_flagged", "op-3"),
        ("notice_sent", "late_update", "op-3"),
    ]
    assert look(4.99) == []
    assert look(5) == [
        ("alert_escalated", "update_missing", "line_supervisor"),
        ("notice_sent", "missing_update:update_missing", "line_supervisor"),
        ("late_update_flagged", "line_supervisor"),
        ("notice_sent", "late_update", "line_supervisor"),
    ]
    assert look(9) == []


@pytest.mark.requirement("R12")
def test_the_start_of_what_needs_all_of_a_node_says_that_the_node_is_over() -> None:
    shop, order = Shop(), plan()
    sew = node("SEW", Lifecycle.IN_PROGRESS, started_at=at(2), data_at=at(3.9))
    cut = node("CUT", Lifecycle.IN_PROGRESS, good=4, started_at=MONDAY, data_at=at(3.9))
    assert shop.look(at(3.99), orders=(seen(order, at(3.99), cut, sew),)) == []
    opened = said(shop.look(at(4), orders=(seen(order, at(4), cut, sew),)))
    assert opened[0] == ("alert_opened", "missing_update", "node:WO-1/CUT", "operator")


def test_of_a_node_that_was_opened_again_nobody_owes_the_end_that_it_had_before() -> None:
    """Cut and sewn from at 10:00; at 11:00 somebody opens cutting again."""
    shop, order = Shop(), plan()
    cut = node("CUT", Lifecycle.IN_PROGRESS, good=10, started_at=MONDAY, data_at=at(3), reopened_at=at(3))
    sew = node("SEW", Lifecycle.IN_PROGRESS, started_at=at(2), data_at=at(2))
    asked = [words[:3] for words in said(shop.look(at(5.5), orders=(seen(order, at(5.5), cut, sew),)))]
    assert ("alert_opened", "missing_update", "node:WO-1/CUT") not in asked


@pytest.mark.requirement("R12")
def test_a_gateway_that_is_behind_is_not_held_against_people() -> None:
    order = plan()
    cut = node("CUT", Lifecycle.IN_PROGRESS, good=10, started_at=MONDAY, data_at=at(2))
    behind = SourceSeen(gateway="line-1", silent_s=0, known_until=at(3), nodes=frozenset({"CUT"}))
    shop = Shop()
    assert shop.look(at(8), orders=(seen(order, at(8), cut),), sources=(behind,)) == []
    caught_up = SourceSeen(gateway="line-1", silent_s=0, known_until=at(8), nodes=frozenset({"CUT"}))
    kinds = [kind for kind, *_ in said(shop.look(at(8), orders=(seen(order, at(8), cut),), sources=(caught_up,)))]
    assert "late_update_flagged" in kinds


def test_an_overdue_node_of_which_nothing_is_heard_for_two_hours_is_an_alert() -> None:
    order, shop = plan(), Shop()
    cut = node("CUT", Lifecycle.IN_PROGRESS, good=4, started_at=MONDAY, data_at=at(2.5))
    assert shop.look(at(4.49), orders=(seen(order, at(4.49), cut),)) == []
    decided = said(shop.look(at(4.5), orders=(seen(order, at(4.5), cut),)))
    assert decided == [
        ("alert_opened", "no_news", "node:WO-1/CUT", "operator"),
        ("notice_sent", "no_news", "operator"),
        ("notice_sent", "no_news", "line_supervisor"),
    ]


CLOTH = (MaterialNeed(item="cloth", amount=20.0, uom="m", node="CUT"),)


def stock(on_hand: float, *promises: Promise) -> dict[str, tuple[StockFacts, ...]]:
    return {
        "cloth": (StockFacts(item="cloth", uom="m", on_hand=on_hand, least=on_hand, most=on_hand, promises=promises),)
    }


@pytest.mark.requirement("R107")
def test_missing_material_is_an_alert_before_the_planned_start_and_says_how_much() -> None:
    order = plan(materials=CLOTH)
    early = at(-25)
    assert Shop().look(early, orders=(seen(order, early),), stock=stock(19.5)) == []
    now = at(-24)
    opened = Shop().look(now, orders=(seen(order, now),), stock=stock(19.5))
    assert said(opened)[0] == ("alert_opened", "shortage", "material:WO-1/cloth", "line_supervisor")
    assert getattr(opened[0], "note", None) == "cloth: 19.5 < 20 m"


def test_stock_goes_to_whoever_begins_first_and_the_next_one_is_short() -> None:
    first, now = plan(materials=CLOTH), at(-1)
    (work,) = first.work_orders
    later = tuple(replace(one, planned_start=one.planned_start + timedelta(hours=1)) for one in work.nodes)
    second = replace(first, order="A-2", work_orders=(replace(work, work_order="WO-2", nodes=later),))
    opened = Shop().look(now, orders=(seen(second, now), seen(first, now)), stock=stock(30.0))
    assert said(opened)[0] == ("alert_opened", "shortage", "material:WO-2/cloth", "line_supervisor")
    assert getattr(opened[0], "note", None) == "cloth: 10 < 20 m"
    assert len([event for event in opened if event.kind == "alert_opened"]) == 1


def test_enough_material_or_a_delivery_before_the_start_or_no_books_at_all_are_no_alert() -> None:
    order, now = plan(materials=CLOTH), at(-1)
    promise = Promise(event="m1", amount=10.0, open=10.0, due=at(-0.5))
    late = Promise(event="m1", amount=10.0, open=10.0, due=at(0.5))
    shops = [
        Shop().look(now, orders=(seen(order, now),), stock=books)
        for books in (stock(20.0), stock(10.0, promise), {}, stock(10.0, late))
    ]
    assert [bool(decided) for decided in shops] == [False, False, False, True]


@pytest.mark.requirement("R43", part="the bottleneck of now")
def test_the_work_centre_with_the_most_waiting_work_is_the_bottleneck_until_little_waits() -> None:
    shop = Shop()

    def look(hours: float, sewing_s: int, packing_s: int) -> list[tuple[str, ...]]:
        loads = (
            CentreLoad(work_centre="sewing", waiting_s=sewing_s),
            CentreLoad(work_centre="packing", waiting_s=packing_s),
        )
        return [one for one in said(shop.look(at(hours), loads=loads)) if one[0] != "notice_sent"]

    assert look(0, 28_799, 0) == []
    assert look(0, 28_800, 28_000) == [("alert_opened", "bottleneck", "work_centre:/sewing", "line_supervisor")]
    assert look(1, 27_000, 28_000) == []
    assert look(2, 21_599, 28_000) == []
    assert look(2.5, 21_599, 28_000) == [("alert_closed",)]


def test_where_all_work_centres_have_about_the_same_none_is_a_bottleneck() -> None:
    shop = Shop()
    loads = (
        CentreLoad(work_centre="sewing", waiting_s=90_000, stands_out=False),
        CentreLoad(work_centre="packing", waiting_s=88_000, stands_out=False),
    )
    assert said(shop.look(at(0), loads=loads)) == []
