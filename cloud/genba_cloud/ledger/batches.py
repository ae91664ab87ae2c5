"""What goes into the ledger and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from genba_cloud.core.delivery import Reach
from genba_cloud.store.read import LoggedEvent
from genba_shared.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Part of an envelope that cannot be taken: one event (`seq`), or all of it (`seq` None)."""

    seq: int | None
    reason: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeBatch:
    """One envelope of a gateway, decoded. What stands in `broken` is quarantined and accounted for.

    `patient`: the gateway does not mind when the answer waits.
    """

    gateway: str
    lane: str
    epoch: str
    reach: Reach
    events: tuple[Event, ...]
    broken: tuple[Broken, ...] = ()
    patient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What a commit changed, by id. `dispatch`: something that a gateway's dispatch document may show.

    `responses` are problems, alerts and tasks, `items` those whose stock changed.
    `master`: kinds of master data.
    """

    work_orders: frozenset[str] = frozenset()
    orders: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()
    stations: frozenset[str] = frozenset()
    gateways: frozenset[str] = frozenset()
    questions: frozenset[str] = frozenset()
    dispatch: bool = False
    responses: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()
    master: frozenset[str] = frozenset()

    def with_more(self, other: Changed) -> Changed:
        """What both changed."""
        return Changed(
            work_orders=self.work_orders | other.work_orders,
            orders=self.orders | other.orders,
            zones=self.zones | other.zones,
            stations=self.stations | other.stations,
            gateways=self.gateways | other.gateways,
            questions=self.questions | other.questions,
            dispatch=self.dispatch or other.dispatch,
            responses=self.responses | other.responses,
            items=self.items | other.items,
            master=self.master | other.master,
        )


NOTHING_CHANGED = Changed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What one append did.

    `upto` answers an envelope: everything up to it is accounted for with its sender. `ahead`: how far the collector
    came with another run of the same gateway. `forked`: events of the sender differ from those of that one.
    `is_quarantine_full`: it holds what cannot be taken, and there is no room to keep that, so that nothing of it was
    taken. `duplicates` counts client-made events that were here already, `conflicts` are ids that were here with
    another content (which was not taken). `changed` of envelopes that were committed together is what they changed
    together.
    """

    events: tuple[LoggedEvent, ...] = ()
    upto: int | None = None
    is_quarantine_full: bool = False
    ahead: int | None = None
    forked: bool = False
    duplicates: int = 0
    conflicts: tuple[str, ...] = ()
    changed: Changed = field(default=NOTHING_CHANGED)

    @property
    def positions(self) -> tuple[int, ...]:
        """Positions that the log gave to the events."""
        return tuple(logged.position for logged in self.events)


def together(appended: Sequence[Appended]) -> Appended:
    """What envelopes that were taken as one did: all their events, and what they changed, which each of them names."""
    events = tuple(logged for one in appended for logged in one.events)
    changed = next((one.changed for one in appended if one.events), NOTHING_CHANGED)
    return Appended(events=events, changed=changed)
