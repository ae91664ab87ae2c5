"""Whether a message is really the gateway's whose name it carries, and what happens to one that is not."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from genba_cloud.ledger import Ledger
from genba_cloud.ledger.registry import Registration, Registry
from genba_cloud.store.port import Quarantined
from genba_cloud.store.read import Enrolment
from genba_shared.errors import UsageError
from genba_shared.mqtt import BrokerAddress
from genba_shared.signing import Sign

logger = logging.getLogger(__name__)

KEPT: Final = 1000
"""Refused envelopes that are quarantined at most until this process ends: one for each gateway and reason."""
TOLD_EVERY_S: Final = 60.0


class Refusal(StrEnum):
    """Why a message is not taken; the label of a metric, so the list is closed."""

    TOO_LONG = "too_long"
    UNREADABLE = "unreadable"
    TOPIC = "topic"
    """It came on another gateway's topic."""
    STRANGER = "stranger"
    """Nobody registered the gateway, and the broker can be reached from other machines."""
    NOT_ENROLLED = "not_enrolled"
    """It is registered and has no key yet."""
    REMOVED = "removed"
    SIGNATURE = "signature"
    """It is not signed with the key that the gateway has now."""
    ENTERPRISE = "enterprise"
    """It is registered for another enterprise."""
    UNSUPPORTED = "unsupported"
    """This machine lacks a library that it takes to read it."""


class Strangers(StrEnum):
    """What to do with gateways that nobody registered."""

    WELCOME = "welcome"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An envelope that is not taken and not accounted for: its gateway keeps what is in it."""

    gateway: str
    reason: Refusal
    row: Quarantined


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom this collector believes, and what it signs with (None: nothing)."""

    registry: Registry
    enterprise: str
    strangers: Strangers
    sign: Sign | None = field(default=None, repr=False)

    def objection(self, gateway: str, *, signature: bytes, covered: bytes) -> Refusal | None:
        """Why a message of the gateway is not to be believed; None: it is."""
        known: Registration = self.registry.of(gateway)
        if known.enrolment is Enrolment.REMOVED:
            return Refusal.REMOVED
        if known.enrolment is Enrolment.UNENROLLED:
            return Refusal.STRANGER if self.strangers is Strangers.REFUSED else None
        if known.enterprise != self.enterprise:
            return Refusal.ENTERPRISE
        if known.verify is None:
            return Refusal.NOT_ENROLLED
        return None if known.verify(signature, covered) else Refusal.SIGNATURE


class Refusals:
    """Counts what is refused, and bounds what of it is kept and said: whoever sends rubbish sends much of it."""

    def __init__(self, count: Callable[[str], None]) -> None:
        """`count` adds one to a metric, by reason."""
        self._count = count
        self._kept: set[tuple[str, Refusal]] = set()
        self._untold = 0
        self._told_at = 0.0

    def note(self, gateway: str, reason: Refusal, detail: str, *, now_s: float) -> bool:
        """One more; whether it is the first of this gateway for this reason. `now_s` is monotonic."""
        self._count(str(reason))
        is_first = (gateway, reason) not in self._kept and len(self._kept) < KEPT
        if is_first:
            self._kept.add((gateway, reason))
            logger.warning("refused gateway=%s reason=%s: %s", gateway, reason, detail)
            return True
        self._untold += 1
        if now_s - self._told_at >= TOLD_EVERY_S:
            logger.warning("refused again count=%d last_gateway=%s last_reason=%s", self._untold, gateway, reason)
            self._told_at, self._untold = now_s, 0
        return False


def trust_of(ledger: Ledger, *, broker: str, strangers: Strangers | None = None, sign: Sign | None = None) -> Trust:
    """The trust of a ledger's collector. `strangers` None: welcome where only this machine reaches the broker.

    Raises:
        UsageError: the broker's address is not understood.
    """
    usual = Strangers.WELCOME if is_local(broker) else Strangers.REFUSED
    return Trust(registry=ledger.registry, enterprise=ledger.enterprise, strangers=strangers or usual, sign=sign)


def is_local(broker: str) -> bool:
    """Whether the broker is on this machine.

    Raises:
        UsageError: its address is not understood.
    """
    return all(_is_here(node.host) for node in BrokerAddress.parse(broker).nodes)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_broker(broker: str) -> None:
    """A broker on another machine is reached over TLS only.

    Raises:
        UsageError: the broker is elsewhere and the address says mqtt://, or it is not understood.
    """
    for node in BrokerAddress.parse(broker).nodes:
        if not node.tls and not _is_here(node.host):
            raise UsageError(
                f"broker on {node.host}: what goes there must be encrypted. Write mqtts://{node.host}:8883?ca=FILE, "
                "use a broker on 127.0.0.1, or leave --broker out for the embedded one"
            )
