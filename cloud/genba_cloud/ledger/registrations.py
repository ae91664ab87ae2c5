"""Registering gateways: added, enrolled with a one-time code, renewed, removed. Each is one short transaction."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from genba_cloud.core.facts import Refused
from genba_cloud.store.pki import COLLECTOR_NAME
from genba_cloud.store.port import Transaction
from genba_cloud.store.read import ALARM, Enrolment, GatewayIdentity
from genba_shared.topics import is_identifier

CODE_VALID: Final = timedelta(hours=24)
_SECRET_BYTES: Final = 16
_NOBODYS: Final = bytes(32)
WRONG_CODE: Final = "the code is wrong, used or expired: `genba cloud gateway renew NAME` prints a new one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A code with which a gateway enrols once, until then. It is kept nowhere but here: only its hash is stored."""

    gateway: str
    secret: str = field(repr=False)
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A gateway has a key from now on. `issue` made its certificate, PEM."""

    identity: GatewayIdentity
    certificate: str


Issue = Callable[[str, bytes], tuple[str, datetime]]
"""Makes a certificate for a gateway's public key: PEM, and until when it is valid."""


def add_gateway(
    transaction: Transaction, gateway: str, *, enterprise: str, site: str | None, now: datetime
) -> Invitation | Refused:
    """Register a gateway; from now on nothing is taken under its name that is not signed with its key."""
    if not is_identifier(gateway):
        return Refused(reason=f"{gateway!r:.80} is no name of a gateway: 1 to 40 of a-z, 0-9 and '-'")
    if gateway == COLLECTOR_NAME:
        return Refused(reason=f"{gateway} is the name by which brokers know the collector: take another one")
    known = transaction.identities().get(gateway)
    if known is not None and known.removed_at is None:
        return Refused(
            reason=f"gateway {gateway} is registered already: `renew` prints a new code for it", conflict=True
        )
    identity = GatewayIdentity(gateway=gateway, enterprise=enterprise, site=site, added_at=now)
    return _invite(transaction, identity, now=now)


def renew_gateway(transaction: Transaction, gateway: str, *, now: datetime) -> Invitation | Refused:
    """A new code for a gateway, for a new card or machine; its present key works until the code is used."""
    known = transaction.identities().get(gateway)
    if known is None or known.removed_at is not None:
        return Refused(reason=f"gateway {gateway!r:.80} is not registered: `genba cloud gateway add` does that")
    return _invite(transaction, known, now=now)


def remove_gateway(transaction: Transaction, gateway: str, *, now: datetime) -> GatewayIdentity | Refused:
    """Nothing is taken under this name any more; the events that came before stay."""
    known = transaction.identities().get(gateway)
    if known is None or known.removed_at is not None:
        return Refused(reason=f"gateway {gateway!r:.80} is not registered: `genba cloud gateway list` shows which are")
    removed = replace(known, removed_at=now, public_key=None, code_hash=None, code_until=None)
    transaction.identities().put(removed)
    _mark(transaction, gateway, Enrolment.REMOVED)
    return removed


def enrol(
    transaction: Transaction, gateway: str, *, secret: str, public_key: bytes, now: datetime, issue: Issue
) -> Enrolled | None:
    """Take the gateway's key, if the code is right; the code is worth nothing afterwards. None: it is not right.

    The comparison takes the same time whatever is wrong. A key that the gateway had before is refused from now on.
    """
    known = transaction.identities().get(gateway)
    expected = known.code_hash if known is not None and known.code_hash is not None else _NOBODYS
    is_right = hmac.compare_digest(_hash(secret), expected)
    is_open = known is not None and known.code_until is not None and now < known.code_until
    if known is None or not is_right or not is_open or known.removed_at is not None:
        return None
    certificate, until = issue(gateway, public_key)
    identity = replace(
        known, public_key=public_key, enrolled_at=now, certificate_until=until, code_hash=None, code_until=None
    )
    transaction.identities().put(identity)
    _mark(transaction, gateway, Enrolment.REGISTERED, is_new_key=True)
    return Enrolled(identity=identity, certificate=certificate)


def reissue(transaction: Transaction, gateway: str, *, public_key: bytes, issue: Issue) -> Enrolled | None:
    """A new certificate for the key that the gateway has; None: it has not this key (any more)."""
    known = transaction.identities().get(gateway)
    if known is None or known.removed_at is not None or known.public_key != public_key:
        return None
    certificate, until = issue(gateway, public_key)
    identity = replace(known, certificate_until=until)
    transaction.identities().put(identity)
    return Enrolled(identity=identity, certificate=certificate)


def _invite(transaction: Transaction, identity: GatewayIdentity, *, now: datetime) -> Invitation:
    secret, until = secrets.token_hex(_SECRET_BYTES), now + CODE_VALID
    transaction.identities().put(replace(identity, code_hash=_hash(secret), code_until=until))
    _mark(transaction, identity.gateway, Enrolment.REGISTERED)
    return Invitation(gateway=identity.gateway, secret=secret, until=until)


def _mark(transaction: Transaction, gateway: str, enrolment: Enrolment, *, is_new_key: bool = False) -> None:
    """Show it where the gateway was heard before; with a new key the alarm about the old one is over."""
    known = transaction.gateway(gateway)
    if known is not None:
        record, sha256 = known
        state = {key: value for key, value in record.state.items() if key != ALARM or not is_new_key}
        transaction.put_gateway(replace(record, enrolment=enrolment, state=state), dispatch_sha256=sha256)


def _hash(secret: str) -> bytes:
    """128 random bits need no slow hash: there is nothing to guess."""
    return hashlib.sha256(secret.encode()).digest()
