"""Tells webhooks of events: notes in the database what is to be sent, sends it, and notes what came of it.

What is to be sent is noted before it is sent and together with how far the log was looked at: after a crash nothing is
left out, and at most what was on its way is sent twice, under the same webhook-id. Of several processes one sends: the
one that decides on episodes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from genba_cloud.api import Desk, Metrics
from genba_cloud.api.views import event_view
from genba_cloud.app.webhook_post import post
from genba_cloud.core.webhooks import (
    DeliveryState,
    Reply,
    Targets,
    WebhookState,
    cloud_event,
    headers_of,
    message_id,
    outcome_of,
)
from genba_cloud.ledger import Appended, Ledger
from genba_cloud.store.read import EventFilter
from genba_cloud.store.webhooks import Delivery, Webhook, Webhooks, stopped
from genba_shared.clock import to_milliseconds

logger = logging.getLogger(__name__)

PERIOD_S: Final = 1.0
PAGE: Final = 500
MOST_WAITING: Final = 1000
"""Deliveries that are noted ahead for one webhook; the rest waits in the log."""
AT_ONCE: Final = 8
KEPT: Final = timedelta(days=7)

IsKnown = Callable[[str], bool]
"""Whether who made a webhook (`made_by`) may still see events."""


def wall_now() -> datetime:
    """Wall time in whole milliseconds."""
    return to_milliseconds(datetime.now(UTC))


@dataclass(slots=True, kw_only=True)
class WebhookSender:
    """Run it beside the ledger; `heard` is a ledger listener."""

    ledger: Ledger
    desk: Desk
    is_known: IsKnown
    targets: Targets = Targets.PUBLIC
    metrics: Metrics | None = None
    period_s: float = PERIOD_S
    now: Callable[[], datetime] = wall_now
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _has_listeners: bool = False

    def heard(self, appended: Appended) -> None:
        """Something was committed: it may be to be sent. Where nobody listens, it costs nothing."""
        if appended.events and self._has_listeners:
            self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._wake.clear()
            is_more = self.ledger.decides_under is not None and await self.turn()
            if not is_more:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.period_s):
                        await self._wake.wait()

    async def turn(self) -> bool:
        """Note what is to be sent and send what is due; whether there may be more of it at once."""
        active = [one for one in await asyncio.to_thread(self._all) if one.state is WebhookState.ACTIVE]
        self._has_listeners = bool(active)  # a new one is noticed within a period
        is_more = False
        for start in range(0, len(active), AT_ONCE):
            done = await asyncio.gather(*(self._serve(webhook) for webhook in active[start : start + AT_ONCE]))
            is_more = is_more or any(done)
        return is_more

    async def _serve(self, webhook: Webhook) -> bool:
        if not await asyncio.to_thread(self.is_known, webhook.made_by):
            reason = "the key that made it was revoked"
            await self.ledger.change_webhooks(lambda webhooks: webhooks.put(stopped(webhook, reason)))
            logger.warning("webhook stopped webhook=%s reason=%s", webhook.id, reason)
            return False
        is_more = await self._note(webhook)
        now = self.now()
        if webhook.wait_until is not None and webhook.wait_until > now:
            return False
        due = await asyncio.to_thread(self._due, webhook.id, now)
        for delivery in due:
            if not await self._send(webhook, delivery):
                return False
        return is_more or bool(due)

    async def _note(self, webhook: Webhook) -> bool:
        """Note the next events for the webhook; whether there are more in the log."""
        found = await asyncio.to_thread(self._next_events, webhook)
        if found is None:
            return False
        deliveries, upto = found

        def queue(webhooks: Webhooks) -> None:
            known = webhooks.get(webhook.id)
            if known is not None and known.position == webhook.position:
                webhooks.queue(webhook, deliveries, upto=upto)
                webhooks.forget(before=self.now() - KEPT)

        await self.ledger.change_webhooks(queue)
        return True

    def _next_events(self, webhook: Webhook) -> tuple[Sequence[Delivery], int] | None:
        reads = self.desk.reads
        last = reads.last_position()
        with reads.webhooks() as webhooks:
            if last <= webhook.position or webhooks.waiting(webhook.id) >= MOST_WAITING:
                return None
        page = reads.events(after=webhook.position, limit=PAGE, where=EventFilter(kinds=webhook.kinds))
        upto = page.items[-1].position if page.next is not None and page.items else max(last, webhook.position)
        now = self.now()
        rows = [
            Delivery(
                webhook=webhook.id,
                position=logged.position,
                kind=logged.event.kind,
                state=DeliveryState.WAITING,
                made_at=now,
                due_at=now,
            )
            for logged in page.items
            if logged.position <= upto
        ]
        return rows, upto

    async def _send(self, webhook: Webhook, delivery: Delivery) -> bool:
        """Send one event; whether the webhook may be sent more just now."""
        message = await asyncio.to_thread(self._message, webhook, delivery)
        if isinstance(message, str):
            done = replace(delivery, state=DeliveryState.GIVEN_UP, due_at=None, tried_at=self.now(), error=message)
            await self.ledger.change_webhooks(lambda webhooks: webhooks.put_delivery(done))
            return True
        body, headers = message
        reply = await asyncio.to_thread(post, webhook.url, body, headers, self.targets)
        tries = delivery.tries + 1
        outcome = outcome_of(reply, tries=tries, chance=random.random())  # noqa: S311 (spreads tries, no secret)
        now = self.now()
        tried = replace(
            delivery,
            state=outcome.state,
            tries=tries,
            tried_at=now,
            status=reply.status,
            error=reply.error,
            due_at=None if outcome.due_in_s is None else now + timedelta(seconds=outcome.due_in_s),
        )

        def note(webhooks: Webhooks) -> None:
            known = webhooks.get(webhook.id)
            if known is None:
                return
            webhooks.put_delivery(tried)
            if outcome.stops is not None:
                webhooks.put(stopped(known, outcome.stops))
            elif outcome.wait_s is not None:
                webhooks.put(replace(known, wait_until=now + timedelta(seconds=outcome.wait_s)))

        await self.ledger.change_webhooks(note)
        self._tell(webhook, tried, reply)
        return outcome.state is DeliveryState.DELIVERED

    def _message(self, webhook: Webhook, delivery: Delivery) -> tuple[bytes, dict[str, str]] | str:
        """Body and headers; a text: why it cannot be sent any more."""
        reads, installation = self.desk.reads, self.desk.seals.installation
        page = self.desk.opened_page(reads.events(after=delivery.position - 1, limit=1))
        if not page.items or page.items[0].position != delivery.position:
            return "the event is archived"
        if installation is None:
            return "the key of the installation is missing"
        kept = [webhook.secret]
        if webhook.old_secret is not None and webhook.old_until is not None and webhook.old_until > self.now():
            kept.append(webhook.old_secret)
        secrets = [secret for one in kept if (secret := installation.unwrap(f"webhook {webhook.id}", one)) is not None]
        if not secrets:
            return "the secret was kept with the key of another installation"
        body = cloud_event(event_view(page.items[0]), source=f"/genba/{self.desk.enterprise}")
        message = message_id(webhook.id, delivery.position)
        return body, headers_of(body, message=message, at=self.now(), secrets=secrets)

    def _tell(self, webhook: Webhook, delivery: Delivery, reply: Reply) -> None:
        if self.metrics is not None:
            self.metrics.count("genba_webhook_tries_total", outcome=str(delivery.state))
        is_first_failure = delivery.tries == 1 and delivery.state is DeliveryState.WAITING
        if is_first_failure or delivery.state is DeliveryState.GIVEN_UP:
            logger.warning(
                "webhook not told webhook=%s position=%d state=%s status=%s error=%s",
                webhook.id, delivery.position, delivery.state, reply.status, reply.error,
            )  # fmt: skip

    def _all(self) -> Sequence[Webhook]:
        with self.desk.reads.webhooks() as webhooks:
            return webhooks.all()

    def _due(self, webhook: str, now: datetime) -> Sequence[Delivery]:
        with self.desk.reads.webhooks() as webhooks:
            return webhooks.due(webhook, now=now, limit=50)
