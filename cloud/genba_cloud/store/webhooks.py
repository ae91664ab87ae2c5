"""Reads and writes webhooks and their deliveries, in the transaction (or snapshot) of a connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from genba_cloud.core.webhooks import DeliveryState, WebhookState
from genba_cloud.store.tables_webhooks import DELIVERY, WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Who wants to be told. `kinds` empty: of everything. `secret` and `old_secret` as they are kept: wrapped."""

    id: str
    url: str
    kinds: tuple[str, ...]
    note: str
    state: WebhookState
    made_by: str
    made_at: datetime
    secret: bytes
    position: int
    reason: str | None = None
    old_secret: bytes | None = None
    old_until: datetime | None = None
    wait_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one webhook. `due_at` None: it is not tried any more."""

    webhook: str
    position: int
    kind: str
    state: DeliveryState
    made_at: datetime
    tries: int = 0
    due_at: datetime | None = None
    tried_at: datetime | None = None
    status: int | None = None
    error: str | None = None


class Webhooks:
    """The webhooks of one enterprise."""

    def __init__(self, connection: Connection, enterprise: str) -> None:
        self._connection = connection
        self._enterprise = enterprise

    def all(self) -> tuple[Webhook, ...]:
        """Every webhook, by id."""
        query = select(WEBHOOK).where(WEBHOOK.c.enterprise == self._enterprise).order_by(WEBHOOK.c.id)
        return tuple(_webhook(row) for row in self._connection.execute(query).mappings())

    def get(self, webhook: str) -> Webhook | None:
        """One of them."""
        query = select(WEBHOOK).where(*self._is(webhook))
        row = self._connection.execute(query).mappings().first()
        return None if row is None else _webhook(row)

    def add(self, webhook: Webhook) -> None:
        """A new one."""
        values = {"id": webhook.id, "enterprise": self._enterprise, **_fields(webhook)}
        self._connection.execute(insert(WEBHOOK).values(**values))

    def put(self, webhook: Webhook) -> None:
        """Write one that is there."""
        self._connection.execute(update(WEBHOOK).where(*self._is(webhook.id)).values(**_fields(webhook)))

    def remove(self, webhook: str) -> bool:
        """Delete one with its deliveries; whether there was one."""
        self._connection.execute(
            delete(DELIVERY).where(DELIVERY.c.enterprise == self._enterprise, DELIVERY.c.webhook == webhook)
        )
        return self._connection.execute(delete(WEBHOOK).where(*self._is(webhook))).rowcount == 1

    def queue(self, webhook: Webhook, deliveries: Sequence[Delivery], *, upto: int) -> None:
        """These events are to be sent, and everything up to a position was looked at."""
        if deliveries:
            self._connection.execute(
                insert(DELIVERY), [{"enterprise": self._enterprise, **_delivery_fields(one)} for one in deliveries]
            )
        self._connection.execute(update(WEBHOOK).where(*self._is(webhook.id)).values(position=upto))

    def waiting(self, webhook: str) -> int:
        """How many wait to be sent."""
        query = select(func.count()).select_from(DELIVERY).where(*self._deliveries(webhook))
        return self._connection.scalar(query.where(DELIVERY.c.state == str(DeliveryState.WAITING))) or 0

    def due(self, webhook: str, *, now: datetime, limit: int) -> tuple[Delivery, ...]:
        """Those that are to be sent now, oldest events first."""
        query = select(DELIVERY).where(
            *self._deliveries(webhook), DELIVERY.c.state == str(DeliveryState.WAITING), DELIVERY.c.due_at <= now
        )
        found = self._connection.execute(query.order_by(DELIVERY.c.position).limit(limit)).mappings()
        return tuple(_delivery(row) for row in found)

    def delivery(self, webhook: str, position: int) -> Delivery | None:
        """One delivery."""
        query = select(DELIVERY).where(*self._deliveries(webhook), DELIVERY.c.position == position)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else _delivery(row)

    def deliveries(self, webhook: str, *, before: int | None, limit: int) -> tuple[Delivery, ...]:
        """The newest first; `before`: only those of events before a position."""
        query = select(DELIVERY).where(*self._deliveries(webhook))
        if before is not None:
            query = query.where(DELIVERY.c.position < before)
        found = self._connection.execute(query.order_by(DELIVERY.c.position.desc()).limit(limit)).mappings()
        return tuple(_delivery(row) for row in found)

    def put_delivery(self, one: Delivery) -> None:
        """Write one that is there."""
        is_it = (*self._deliveries(one.webhook), DELIVERY.c.position == one.position)
        self._connection.execute(update(DELIVERY).where(*is_it).values(**_delivery_fields(one)))

    def forget(self, *, before: datetime) -> None:
        """Delete what was done with before a time."""
        self._connection.execute(
            delete(DELIVERY).where(
                DELIVERY.c.enterprise == self._enterprise,
                DELIVERY.c.state != str(DeliveryState.WAITING),
                DELIVERY.c.tried_at < before,
            )
        )

    def _is(self, webhook: str) -> tuple[Any, ...]:
        return WEBHOOK.c.enterprise == self._enterprise, WEBHOOK.c.id == webhook

    def _deliveries(self, webhook: str) -> tuple[Any, ...]:
        return DELIVERY.c.enterprise == self._enterprise, DELIVERY.c.webhook == webhook


def stopped(webhook: Webhook, reason: str) -> Webhook:
    """The webhook, to which nothing is sent any more."""
    return replace(webhook, state=WebhookState.STOPPED, reason=reason)


def _webhook(row: Any) -> Webhook:
    return Webhook(
        id=row["id"],
        url=row["url"],
        kinds=tuple(row["kinds"]),
        note=row["note"],
        state=WebhookState(row["state"]),
        reason=row["reason"],
        made_by=row["made_by"],
        made_at=row["made_at"],
        secret=row["secret"],
        old_secret=row["old_secret"],
        old_until=row["old_until"],
        position=row["position"],
        wait_until=row["wait_until"],
    )


def _fields(webhook: Webhook) -> dict[str, Any]:
    return {
        "url": webhook.url,
        "kinds": list(webhook.kinds),
        "note": webhook.note,
        "state": str(webhook.state),
        "reason": webhook.reason,
        "made_by": webhook.made_by,
        "made_at": webhook.made_at,
        "secret": webhook.secret,
        "old_secret": webhook.old_secret,
        "old_until": webhook.old_until,
        "position": webhook.position,
        "wait_until": webhook.wait_until,
    }


def _delivery(row: Any) -> Delivery:
    return Delivery(
        webhook=row["webhook"],
        position=row["position"],
        kind=row["kind"],
        state=DeliveryState(row["state"]),
        made_at=row["made_at"],
        tries=row["tries"],
        due_at=row["due_at"],
        tried_at=row["tried_at"],
        status=row["status"],
        error=row["error"],
    )


def _delivery_fields(one: Delivery) -> dict[str, Any]:
    return {
        "webhook": one.webhook,
        "position": one.position,
        "kind": one.kind,
        "state": str(one.state),
        "made_at": one.made_at,
        "tries": one.tries,
        "due_at": one.due_at,
        "tried_at": one.tried_at,
        "status": one.status,
        "error": one.error,
    }
