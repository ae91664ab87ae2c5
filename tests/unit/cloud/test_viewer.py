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
NEWCOMER = Viewer(who="admin", enterprise="acme", role=Role.ADMIN, must_choose_password=True)

BOARD_SEES = {
    "orders": "without_names",
    "wip": "all",
    "stations": "all",
    "alerts": "without_names",
    "gateways": "without_names",
}


@pytest.mark.parametrize("subject", Subject)
def test_sight_of_each_role(subject: Subject) -> None:
    assert sight(ADMIN, subject, enterprise="acme") is Sight.ALL
    assert sight(READER, subject, enterprise="acme") == ("nothing" if subject == "keys" else "all")
    assert sight(WRITER, subject, enterprise="acme") is Sight.NOTHING
    assert sight(BOARD, subject, enterprise="acme") == BOARD_SEES.get(subject, "nothing")
    assert sight(NEWCOMER, subject, enterprise="acme") is Sight.NOTHING


@pytest.mark.parametrize("subject", Subject)
@pytest.mark.parametrize("viewer", [ADMIN, READER, BOARD], ids=["admin", "reader", "board"])
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
