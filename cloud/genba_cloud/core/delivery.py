"""Which envelopes the collector takes: strictly in order, nothing twice, and what a restore lost is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from genba_cloud.core.facts.plan import is_in_time
from genba_cloud.core.names import LONGEST_NAME_BYTES, too_long_a_name
from genba_shared.events import (
    DataGapSeen,
    DataQuestioned,
    DispatchClosed,
    DispatchOpened,
    EnvironmentSummarised,
    Event,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    ProgressReported,
    StationChangedOver,
    StationStateChanged,
    TagPassed,
    WipChanged,
    made_by,
)

FROM_GATEWAYS: Final = frozenset(
    {
        DataGapSeen,
        DataQuestioned,
        DispatchClosed,
        DispatchOpened,
        EnvironmentSummarised,
        NodeCompleted,
        NodeStarted,
        PiecesCounted,
        ProgressReported,
        StationChangedOver,
        StationStateChanged,
        TagPassed,
        WipChanged,
    }
)
"""Kinds that a gateway may say. Orders, bindings and decisions come from people and from the collector itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What an envelope covers: seqs `first` to `last`; `prev`, `acked` and `run` as the header says (wire contract)."""

    first: int
    last: int
    prev: int
    acked: int
    run: str | None = None
    disputed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Everything up to `upto` is accounted for in a gateway's lane and epoch, and for this `run` of the gateway.

    A run is one start of the gateway. What was accounted for with one run need not be what another one holds: the two
    may be copies of one state folder. None: a gateway that names none.
    """

    upto: int = 0
    run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """Take the events above `known_upto`, and compare those from `first` to `known_upto` with what is here.

    Then everything up to `upto` is accounted for with the sender (the answer to it), and `standing` is what is kept.
    `lost` is the range of seqs that the collector once had and no longer has (a restored backup): it is declared.
    """

    first: int
    known_upto: int
    upto: int
    standing: Standing
    lost: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Take nothing; answer with `upto`, from where the sender goes on."""

    upto: int


def decide(standing: Standing, reach: Reach) -> Take | Answer:
    """What to do with an envelope.

    An envelope whose predecessor is not here yet is taken only where the gateway no longer holds that predecessor,
    because this collector itself acknowledged it before it was restored from a backup (`acked`). Otherwise taking it
    would make the gateway delete events that never arrived.

    Of another run than the one before, only the oldest envelope that it holds is taken (`prev` is not above `acked`):
    whatever it sends of seqs that are here is compared before it is accounted for, until it has caught up.
    """
    upto = standing.upto
    is_same_run = reach.run in (None, standing.run) and not reach.disputed
    if is_same_run and reach.last <= upto:
        return Answer(upto=upto)
    if not is_same_run and reach.prev > reach.acked:
        return Answer(upto=min(upto, reach.acked))
    if reach.prev > max(upto, reach.acked):
        return Answer(upto=upto)
    new_from = max(upto + 1, reach.first)
    was_restored = reach.acked > upto and new_from > upto + 1
    return Take(
        first=new_from if is_same_run else reach.first,
        known_upto=upto,
        upto=reach.last,
        standing=Standing(upto=reach.last, run=reach.run) if reach.last >= upto else standing,
        lost=(upto + 1, new_from - 1) if was_restored else None,
    )


def greet(standing: Standing, *, run: str | None, acked: int) -> tuple[int, int | None]:
    """The answer to a gateway's hello: up to where it is accounted for, and how far another run of it came.

    A run that the collector does not know yet has its own word for what was acknowledged to it.
    """
    if run in (None, standing.run):
        return standing.upto, None
    return min(standing.upto, acked), standing.upto


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """An event that cannot be taken, and why."""

    event: Event
    reason: str


def admit(
    events: Sequence[Event], *, gateway: str, epoch: str, first: int, last: int
) -> tuple[tuple[Event, ...], tuple[Rejected, ...]]:
    """Part the events of an envelope into those that may be taken and those that must not.

    An event must carry an id of this gateway and epoch with a seq from `first` to `last`, once, be of a kind that
    gateways may say, and have happened at a time that is one. Events below `first` are neither: the collector has them.
    """
    taken: dict[int, Event] = {}
    rejected: list[Rejected] = []
    for event in events:
        made = made_by(event.id)
        if made is None or (made.gateway, made.epoch) != (gateway, epoch) or made.seq > last:
            rejected.append(Rejected(event=event, reason=f"id {event.id} does not belong to this envelope"))
        elif made.seq < first:
            continue
        elif made.seq in taken:
            rejected.append(Rejected(event=event, reason=f"seq {made.seq} is in the envelope twice"))
        elif type(event) not in FROM_GATEWAYS:
            rejected.append(Rejected(event=event, reason=f"{event.kind} does not come from a gateway"))
        elif not is_in_time(event.at):
            rejected.append(Rejected(event=event, reason=f"at {event.at.year} is no time: 1970 to 2199"))
        elif (field := too_long_a_name(event)) is not None:
            rejected.append(Rejected(event=event, reason=f"{field} is longer than {LONGEST_NAME_BYTES} bytes"))
        else:
            taken[made.seq] = event
    return tuple(taken.values()), tuple(rejected)
