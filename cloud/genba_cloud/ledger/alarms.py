"""The alarm that two gateways share an identity: an event in the log, a note at the gateway, a line of the log file."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from genba_cloud.ledger.batches import EnvelopeBatch
from genba_cloud.store.port import Transaction
from genba_cloud.store.read import ALARM, Enrolment, GatewayRecord
from genba_shared.clock import format_time, to_milliseconds
from genba_shared.events import DataQuestioned, Event, QuestionCause, Source, SourceType

logger = logging.getLogger(__name__)

COLLECTOR: Final = Source(type=SourceType.SYSTEM, ref="collector")
_NAMES: Final = uuid.UUID("6f0f6a5e-3a3c-4f0e-9d43-1d5b7a3d2c11")  # of alarms: the same one has the same id


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityAlarm:
    """Two gateways, or two copies of one, speak under one name. `subject` tells one such finding from another.

    The one that must go on in a new epoch is that of `epoch` and `run`; every hello of it is told so.
    """

    gateway: str
    subject: str
    note: str
    epoch: str
    run: str | None


def fork_of(batch: EnvelopeBatch, *, other: str | None) -> IdentityAlarm:
    """Events that differ from those of another run under the same numbers."""
    runs = f"{batch.reach.run or 'unnamed'} and {other or 'unnamed'}"
    return IdentityAlarm(
        gateway=batch.gateway,
        subject=f"{batch.epoch} {runs}",
        epoch=batch.epoch,
        run=batch.reach.run,
        note=f"two gateways share the identity of {batch.gateway}: runs {runs} sent different events under the same "
        f"numbers of epoch {batch.epoch}; those that came second are in quarantine",
    )


def sound_alarm(
    transaction: Transaction, alarm: IdentityAlarm, *, now: datetime, pending: Collection[str] = ()
) -> list[Event]:
    """Note it at the gateway; the event to append, none where it was said before.

    `pending` are ids of events that are taken in this transaction, and are not in the log before it ends.
    """
    name = str(uuid.uuid5(_NAMES, f"{alarm.gateway} {alarm.subject}"))
    if name in pending or transaction.events_by_id([name]):
        return []
    logger.error("%s", alarm.note)
    at = to_milliseconds(now)
    record, sha256 = transaction.gateway(alarm.gateway) or (
        GatewayRecord(gateway=alarm.gateway, enrolment=Enrolment.UNENROLLED, online=False),
        "",
    )
    noted = {"at": format_time(at), "note": alarm.note, "epoch": alarm.epoch, "run": alarm.run}
    state = {**record.state, ALARM: noted}
    transaction.put_gateway(replace(record, state=state), dispatch_sha256=sha256)
    event = DataQuestioned(
        id=name, at=at, source=COLLECTOR, point=alarm.gateway, note=alarm.note, cause=QuestionCause.IDENTITY
    )
    return [event]
