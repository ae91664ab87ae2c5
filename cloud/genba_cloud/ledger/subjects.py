"""Everything that the log holds of one person, as the person may have it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from genba_cloud.core.personal import subject_of
from genba_cloud.ledger.sealing import Seals
from genba_cloud.store.proofs import Proofs, RawRow, event_of_row
from genba_cloud.store.read import LoggedEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def events_of_subject(rows: Iterable[RawRow], proofs: Proofs, seals: Seals, subject: str) -> Iterator[LoggedEvent]:
    """Every event that the subject wrote, with its words opened, in log order.

    `subject` is an account, or kind and name of another source (``api:erp``).
    """
    name = subject if ":" not in subject else subject.partition(":")[2]
    hints = [json.dumps(text, ensure_ascii=False)[1:-1].encode() for text in (subject, name)]
    hints += [key.encode() for key in seals.keys_of(proofs, subject)]
    for row in rows:
        if not any(hint in row.body for hint in hints):  # most of a log is of machines: it need not be read
            continue
        [event] = seals.opened(proofs, [event_of_row(row)])
        if subject_of(event) == subject:
            received_at = _EPOCH + timedelta(milliseconds=row.received_ms)
            yield LoggedEvent(position=row.position, received_at=received_at, event=event)
