"""What a gateway says of its own store: events that a full one dropped, and a damaged one that was lost."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from genba_edge.core.dropping import Dropping
from genba_edge.core.journal import Journal
from genba_shared.events import DataGapSeen, GapCause, Source, SourceType

STORE: Final = "(store)"
"""Subject of a gap in which everything was observed, and events of it were dropped; no id of the map looks like it."""


def declare_drops(journal: Journal, dropping: Dropping) -> None:
    """Say what is dropped, in an event that is committed together with it."""
    gateway, now = journal.identity.gateway, journal.moment.now
    journal.emit(
        DataGapSeen,
        at=now,
        source=Source(type=SourceType.SYSTEM, ref=gateway),
        begin=dropping.begin or now,
        end=dropping.end or now,
        cause=GapCause.FULL,
        subject=gateway if dropping.has_states else STORE,
        dropped=tuple(str(each) for each in dropping.ranges),
    )


def declare_lost_store(journal: Journal, since: datetime) -> None:
    """Say that the store began anew: what happened since the lost one was written last is not known.

    Counters take their first reading as their start, since nobody knows what they stood at.
    """
    gateway, now = journal.identity.gateway, journal.moment.now
    journal.emit(
        DataGapSeen,
        at=now,
        source=Source(type=SourceType.SYSTEM, ref=gateway),
        begin=min(since, now),
        end=now,
        cause=GapCause.RESTORE,
        subject=gateway,
    )
