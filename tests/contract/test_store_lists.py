"""Lists of orders by name, and webhooks, on every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from genba_cloud.core.webhooks import DeliveryState, WebhookState
from genba_cloud.store import Store
from genba_cloud.store.read import ALL_ORDERS, OrderFilter, UnknownCursorError
from genba_cloud.store.webhooks import Delivery, Webhook, stopped
from tests.contract.stores import minute, order


def fill(store: Store) -> None:
    with store.transaction() as transaction:
        for number, promised in (("A-3", 10), ("A-1", 20), ("A-2", 20), ("A-4", 30)):
            transaction.put_order(order(number, promised=promised))


def listed(store: Store, where: OrderFilter = ALL_ORDERS, *, limit: int = 100) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = store.reads().order_keys(where=where, cursor=cursor, limit=limit)
        found += [key.order for key in page.items]
        cursor = page.next
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_orders_are_listed_by_promise_and_number_in_pages_of_any_size(store: Store, limit: int) -> None:
    fill(store)
    assert listed(store, limit=limit) == ["A-3", "A-1", "A-2", "A-4"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (OrderFilter(system="demo", external_id="X-A-2"), ["A-2"]),
        (OrderFilter(system="other"), []),
        (OrderFilter(customer="Blue Shirt Co"), ["A-3", "A-1", "A-2", "A-4"]),
        (OrderFilter(site="demo", promised_from=minute(20)), ["A-1", "A-2", "A-4"]),
        (OrderFilter(site="elsewhere"), []),
        (OrderFilter(promised_before=minute(20)), ["A-3"]),
        (OrderFilter(customer="' OR 1=1 --"), []),
    ],
)
def test_every_filter_that_is_set_must_match(store: Store, where: OrderFilter, expected: list[str]) -> None:
    fill(store)
    assert listed(store, where, limit=2) == expected


@pytest.mark.parametrize("cursor", ["nonsense", "~", "x~A-1", "1.5~A-1", "", "A-1"])
def test_a_cursor_that_no_page_gave_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(UnknownCursorError):
        store.reads().order_keys(cursor=cursor)


def test_the_order_of_a_work_order_is_found(store: Store) -> None:
    fill(store)
    assert store.reads().orders_of_work({"WO-A-1", "WO-A-4", "none"}) == {"WO-A-1": "A-1", "WO-A-4": "A-4"}


WEBHOOK = Webhook(
    id="wh1",
    url="https://example.com/x",
    kinds=("node_started",),
    note="",
    state=WebhookState.ACTIVE,
    made_by="admin",
    made_at=minute(0),
    secret=b"sealed",
    position=0,
)


def delivery(position: int) -> Delivery:
    return Delivery(
        webhook="wh1",
        position=position,
        kind="node_started",
        state=DeliveryState.WAITING,
        made_at=minute(position),
        due_at=minute(position),
    )


def test_webhooks_are_kept_changed_and_removed(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.webhooks.add(WEBHOOK)
        transaction.webhooks.put(stopped(WEBHOOK, "gone"))
    with store.reads().webhooks() as webhooks:
        assert webhooks.get("wh1") == replace(WEBHOOK, state=WebhookState.STOPPED, reason="gone")
        assert webhooks.all() == (stopped(WEBHOOK, "gone"),)
    with store.transaction() as transaction:
        assert [transaction.webhooks.remove("wh1") for _ in range(2)] == [True, False]


def test_deliveries_are_due_in_the_order_of_events_and_forgotten_when_they_are_done(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.webhooks.add(WEBHOOK)
        transaction.webhooks.queue(WEBHOOK, [delivery(one) for one in (3, 1, 2)], upto=9)
    with store.reads().webhooks() as webhooks:
        known = webhooks.get("wh1")
        assert known is not None
        assert (known.position, webhooks.waiting("wh1")) == (9, 3)
        assert [one.position for one in webhooks.due("wh1", now=minute(2), limit=5)] == [1, 2]
        assert [one.position for one in webhooks.deliveries("wh1", before=3, limit=5)] == [2, 1]
    done = replace(delivery(1), state=DeliveryState.DELIVERED, tries=1, due_at=None, tried_at=minute(5), status=204)
    with store.transaction() as transaction:
        transaction.webhooks.put_delivery(done)
    with store.transaction() as transaction:
        transaction.webhooks.forget(before=minute(5))
        assert transaction.webhooks.delivery("wh1", 1) == done
        transaction.webhooks.forget(before=minute(5) + timedelta(seconds=1))
        assert transaction.webhooks.delivery("wh1", 1) is None
        assert transaction.webhooks.waiting("wh1") == 2
