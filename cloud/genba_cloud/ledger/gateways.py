"""What is known of gateways beside their events: last state, when heard, and which dispatch document they were sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from genba_cloud.ledger.alarms import IdentityAlarm, sound_alarm
from genba_cloud.ledger.append import Stamp, append_own
from genba_cloud.ledger.batches import Appended, Changed
from genba_cloud.store.port import Transaction
from genba_cloud.store.read import ALARM, Enrolment, GatewayRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySeen:
    """A state message. `seen_at` (wall time) is None for a retained one: it says nothing about now.

    `alarm`: what it shows to be wrong with the gateway's identity.
    """

    gateway: str
    state: Mapping[str, Any]
    seen_at: datetime | None
    enrolment: Enrolment = Enrolment.UNENROLLED
    alarm: IdentityAlarm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayKept:
    """The gateway as it is kept now, with what is accounted for in its epoch."""

    record: GatewayRecord
    appended: Appended = field(default_factory=Appended)


def see_gateway(transaction: Transaction, seen: GatewaySeen, stamp: Stamp) -> GatewayKept:
    """Keep a gateway's state. One that nobody registered is taken in as unenrolled.

    The last will only says that it is offline, in which epoch; what was known of its devices stays. The will of another
    epoch than the present one says nothing of the gateway as it is now.
    """
    appended = _changed(seen.gateway)
    if seen.alarm is not None:
        events = sound_alarm(transaction, seen.alarm, now=stamp.now)
        appended = replace(append_own(transaction, events, stamp), changed=appended.changed)
    known = transaction.gateway(seen.gateway)
    before, sha256 = known or (
        GatewayRecord(gateway=seen.gateway, enrolment=Enrolment.UNENROLLED, online=False),
        "",
    )
    is_online = seen.state.get("online") is True
    epoch = seen.state.get("epoch", before.epoch)
    if not is_online and before.epoch not in (None, epoch):
        return GatewayKept(record=before)
    alarm = {ALARM: before.state[ALARM]} if ALARM in before.state else {}
    said = {key: value for key, value in seen.state.items() if key != ALARM}
    record = replace(
        before,
        online=is_online,
        enrolment=seen.enrolment,
        epoch=epoch,
        seen_at=seen.seen_at or before.seen_at,
        state={**said, **alarm} if is_online else {**before.state, "online": False},
    )
    transaction.put_gateway(record, dispatch_sha256=sha256)
    return GatewayKept(record=_read_back(transaction, seen.gateway), appended=appended)


def publish_dispatch(transaction: Transaction, gateway: str, sha256: str) -> GatewayKept:
    """Give the gateway's next dispatch document its version: one more than before where its content is another one.

    Raises:
        LookupError: the gateway was never heard of.
    """
    known = transaction.gateway(gateway)
    if known is None:
        raise LookupError(f"gateway {gateway} is not known")
    record, published = known
    if published == sha256:
        return GatewayKept(record=record)
    record = replace(record, dispatch_published=record.dispatch_published + 1)
    transaction.put_gateway(record, dispatch_sha256=sha256)
    return GatewayKept(record=record, appended=_changed(gateway))


def _read_back(transaction: Transaction, gateway: str) -> GatewayRecord:
    kept = transaction.gateway(gateway)
    if kept is None:
        raise LookupError(f"gateway {gateway} is not known")
    return kept[0]


def _changed(gateway: str) -> Appended:
    return Appended(changed=Changed(gateways=frozenset({gateway})))
