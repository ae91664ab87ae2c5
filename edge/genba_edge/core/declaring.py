"""What a gateway says of itself: events that a full store dropped, a store that was lost, a clock that was set."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from genba_edge.core.clock_watch import ClockStep
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


def declare_clock_step(journal: Journal, step: ClockStep) -> None:
    """Say that the clock was set: what is stamped with these times may have happened before it was, or after."""
    gateway = journal.identity.gateway
    journal.emit(
        DataGapSeen,
        at=journal.moment.now,
        source=Source(type=SourceType.SYSTEM, ref=gateway),
        begin=step.begin,
        end=step.end,
        cause=GapCause.CLOCK,
        subject=gateway,
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
