"""Who sees and does what, as a table written by hand: an entry that is missing means nothing and no."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from genba_cloud.core.facts.plan import OrderPlan
from genba_cloud.core.viewer import Act, Role, Scope, Sight, Subject, Viewer, may, read_scopes, sight, without_names

ADMIN = Viewer(who="admin", enterprise="acme", role=Role.ADMIN)
READER = Viewer(who="key", enterprise="acme", role=Role.MACHINE, scopes=frozenset({Scope.READ}))
WRITER = Viewer(who="key", enterprise="acme", role=Role.MACHINE, scopes=frozenset({Scope.ORDERS_WRITE}))
BOARD = Viewer(who="board", enterprise="acme", role=Role.BOARD)
OPERATOR = Viewer(who="u1", enterprise="acme", role=Role.OPERATOR)
SUPERVISOR = Viewer(who="u2", enterprise="acme", role=Role.SUPERVISOR)
MANAGER = Viewer(who="u3", enterprise="acme", role=Role.MANAGER)
NEWCOMER = Viewer(who="admin", enterprise="acme", role=Role.ADMIN, must_choose_password=True)

BOARD_SEES = {
    "orders": "without_names",
    "wip": "all",
    "stations": "all",
    "alerts": "without_names",
    "gateways": "without_names",
}

SUPERVISOR_SEES = {
    "orders": "all",
    "wip": "all",
    "stations": "all",
    "alerts": "all",
    "gateways": "all",
    "events": "all",
    "unassigned": "all",
    "tags": "all",
    "questions": "all",
    "tasks and problems": "all",
    "reports": "all",
}


@pytest.mark.requirement(
    "R83", part="people on the floor enter what their role allows and see neither customers nor cost"
)
@pytest.mark.parametrize("subject", Subject)
def test_sight_of_each_role(subject: Subject) -> None:
    assert sight(ADMIN, subject, enterprise="acme") is Sight.ALL
    assert sight(READER, subject, enterprise="acme") == ("nothing" if subject == "keys" else "all")
    assert sight(WRITER, subject, enterprise="acme") is Sight.NOTHING
    assert sight(BOARD, subject, enterprise="acme") == BOARD_SEES.get(subject, "nothing")
    assert sight(OPERATOR, subject, enterprise="acme") == BOARD_SEES.get(subject, "nothing")
    assert sight(SUPERVISOR, subject, enterprise="acme") == SUPERVISOR_SEES.get(subject, "nothing")
    assert sight(MANAGER, subject, enterprise="acme") == SUPERVISOR_SEES.get(subject, "nothing")
    assert sight(NEWCOMER, subject, enterprise="acme") is Sight.NOTHING


@pytest.mark.parametrize("subject", Subject)
@pytest.mark.parametrize("viewer", [ADMIN, READER, BOARD, OPERATOR, MANAGER], ids=lambda viewer: viewer.role)
def test_nobody_sees_another_enterprise(viewer: Viewer, subject: Subject) -> None:
    assert sight(viewer, subject, enterprise="other") is Sight.NOTHING


@pytest.mark.parametrize(
    ("act", "scope"),
    [
        (Act.UPSERT_ORDER, "orders:write"),
        (Act.DISPATCH, "dispatch:write"),
        (Act.APPEND_EVENTS, "events:write"),
        (Act.ANSWER, "answers:write"),
        (Act.ADMINISTER, None),
        (Act.WORK, "actions:write"),
        (Act.SUPERVISE, None),
        (Act.HOLD_ORDER, "orders:write"),
        (Act.CHANGE_ORDER, "orders:write"),
        (Act.MAKE_CODES, "orders:write"),
    ],
)
def test_acts_need_their_own_scope(act: Act, scope: str | None) -> None:
    for word in Scope:
        machine = Viewer(who="key", enterprise="acme", role=Role.MACHINE, scopes=frozenset({word}))
        assert may(machine, act, enterprise="acme") == (word == scope)
    assert may(ADMIN, act, enterprise="acme")
    assert not may(ADMIN, act, enterprise="other")
    assert not may(BOARD, act, enterprise="acme")
    assert not may(NEWCOMER, act, enterprise="acme")


def test_an_order_without_names_keeps_its_number_and_loses_its_customer() -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    plan = OrderPlan(order="A-1", system="erp", external_id="77", customer="Blue Shirt Co", promised=at, work_orders=())
    assert without_names(plan) == OrderPlan(
        order="A-1", system="", external_id="", customer="", promised=at, work_orders=()
    )


def test_scopes_are_read_from_words() -> None:
    assert read_scopes(["read", "orders:write"]) == {Scope.READ, Scope.ORDERS_WRITE}
    with pytest.raises(ValueError, match="'write' is not a scope: write some of read, orders:write"):
        read_scopes(["write"])
    with pytest.raises(ValueError, match="at least one scope"):
        read_scopes([])


PEOPLE_DO = {
    Role.OPERATOR: {"work", "take_stock"},
    Role.SUPERVISOR: {
        "work",
        "take_stock",
        "supervise",
        "hold_order",
        "make_codes",
        "answer",
        "respond",
        "dispatch",
    },
    Role.MANAGER: {
        "work",
        "take_stock",
        "supervise",
        "hold_order",
        "make_codes",
        "answer",
        "respond",
        "dispatch",
        "change_order",
        "upsert_order",
    },
}


@pytest.mark.parametrize("act", Act)
def test_acts_of_people(act: Act) -> None:
    for role, acts in PEOPLE_DO.items():
        person = Viewer(who="u1", enterprise="acme", role=role)
        assert may(person, act, enterprise="acme") == (act in acts), role
        assert not may(person, act, enterprise="other")
        newcomer = Viewer(who="u1", enterprise="acme", role=role, must_choose_password=True)
        assert not may(newcomer, act, enterprise="acme")


def test_people_are_who_signs_in() -> None:
    assert [one.is_person for one in (ADMIN, OPERATOR, SUPERVISOR, MANAGER)] == [True] * 4
    assert [one.is_person for one in (READER, WRITER, BOARD)] == [False] * 3
