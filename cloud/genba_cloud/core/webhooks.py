"""Webhooks, decided: what is told, in which form, signed how, and when it is tried again.

Form: CloudEvents 1.0.2, structured mode, JSON. Signature: Standard Webhooks 1.0.0 (HMAC-SHA256, ``v1``).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

MEDIA_TYPE: Final = "application/cloudevents+json"
SECRET_MARK: Final = "whsec_"  # noqa: S105 (the mark in front of a secret, as Standard Webhooks has it)
SECRET_BYTES: Final = 32
TRIES: Final = (5, 30, 120, 600, 1800, 7200, 21600, 43200)
"""Seconds to wait after the first, second, … try; after as many tries and one more a delivery is given up."""
LONGEST_WAIT_S: Final = 86_400
OVERLAP: Final = timedelta(hours=24)
"""How long an old secret signs beside the new one."""


class WebhookState(StrEnum):
    """Whether events are sent."""

    ACTIVE = "active"
    PAUSED = "paused"
    """Nothing is sent, and what happens meanwhile is sent later."""
    STOPPED = "stopped"
    """The receiver is gone, or whoever made it may not see events any more; `reason` says which."""


class DeliveryState(StrEnum):
    """What became of one event for one webhook."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Targets(StrEnum):
    """Which addresses webhooks may be sent to."""

    PUBLIC = "public"
    LOOPBACK_TOO = "loopback_too"
    """For trying things out on one machine, also without TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a receiver answered: `status`, or with none `error`. `retry_after_s`: how long it wants to be left alone."""

    status: int | None = None
    error: str | None = None
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What follows from a reply: the delivery's state, when it is due again, how long the webhook waits, or stops."""

    state: DeliveryState
    due_in_s: float | None = None
    wait_s: float | None = None
    stops: str | None = None


def outcome_of(reply: Reply, *, tries: int, chance: float) -> Outcome:
    """What to do after the `tries`-th try (from 1). `chance`, 0 to 1, spreads those that failed together.

    2xx: delivered. 410: the webhook stops. Anything else is tried again, not before the receiver's Retry-After.
    """
    if reply.status is not None and 200 <= reply.status < 300:
        return Outcome(state=DeliveryState.DELIVERED)
    if reply.status == 410:
        return Outcome(state=DeliveryState.GIVEN_UP, stops="the receiver answered 410 Gone")
    wait_s = min(reply.retry_after_s, LONGEST_WAIT_S) if reply.retry_after_s is not None else None
    if tries > len(TRIES):
        return Outcome(state=DeliveryState.GIVEN_UP, wait_s=wait_s)
    due_in_s = TRIES[tries - 1] * (0.8 + 0.4 * chance)
    return Outcome(state=DeliveryState.WAITING, due_in_s=max(due_in_s, wait_s or 0), wait_s=wait_s)


def is_allowed(address: str, targets: Targets) -> bool:
    """Whether something may be sent to this IP address: not into the network that the collector stands in."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if targets is Targets.LOOPBACK_TOO and found.is_loopback:
        return True
    return _is_public(found)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def message_id(webhook: str, position: int) -> str:
    """The same for every try of one delivery, by which a receiver knows a repeat."""
    return f"msg_{webhook}_{position}"


def cloud_event(event: Mapping[str, Any], *, source: str) -> bytes:
    """The body for an event in its one JSON form (`event_view`)."""
    subject = event.get("order") or event.get("work_order") or event.get("station") or event.get("zone")
    body = {
        "specversion": "1.0",
        "id": event["id"],
        "source": source,
        "type": f"genba.{event['kind']}",
        "time": event["at"],
        **({"subject": subject} if subject else {}),
        "datacontenttype": "application/json",
        "data": dict(event),
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def headers_of(body: bytes, *, message: str, at: datetime, secrets: Iterable[bytes]) -> dict[str, str]:
    """The headers that go with a body: a signature for each secret that is valid, the newest first."""
    stamp = str(int(at.timestamp()))
    return {
        "content-type": MEDIA_TYPE,
        "webhook-id": message,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signature(body, message=message, stamp=stamp, secret=one) for one in secrets),
    }


def signature(body: bytes, *, message: str, stamp: str, secret: bytes) -> str:
    """One signature, as Standard Webhooks 1.0.0 has it: over id, time and body, joined by dots."""
    signed = hmac.digest(secret, f"{message}.{stamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


def secret_text(secret: bytes) -> str:
    """A secret as it is given to whoever made the webhook."""
    return SECRET_MARK + base64.b64encode(secret).decode()
