"""The journal of one step: events in order with their ids, and the state that must be committed together with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from genba_edge.core.dropping import Dropping
from genba_shared.clock import to_milliseconds
from genba_shared.events import ClockQuality, Event, EventId, Source

EventT = TypeVar("EventT", bound=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who stamps: the gateway, its epoch (32 hex), its site, and the boot it runs in."""

    gateway: str
    epoch: str
    site: str
    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When the core is called: plant time, the monotonic clock of this boot, and whether the clock is synchronised."""

    now: datetime
    mono_ms: int
    clock: ClockQuality = ClockQuality.GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What belongs in one durable transaction: events, and state (key → JSON text; None removes the key).

    `trails`: by event id, how it was decided, as JSON text; only of events whose fields do not say it all. `dropping`:
    what goes from the full store in the same transaction; one of the events declares it.
    """

    events: tuple[Event, ...]
    state: Mapping[str, str | None]
    trails: Mapping[str, str] = field(default_factory=dict)
    dropping: Dropping | None = None

    def then(self, later: Commit, *, dropping: Dropping | None) -> Commit:
        """This and what was made after it in one transaction, which also drops."""
        return Commit(
            events=self.events + later.events,
            state={**self.state, **later.state},
            trails={**self.trails, **later.trails},
            dropping=dropping,
        )


@dataclass(slots=True)
class Journal:
    """Collects what the parts of the core emit and save between two commits. `on_event` is told every event."""

    identity: Identity
    next_seq: int
    moment: Moment
    on_event: Callable[[Event], None] | None = None
    _events: list[Event] = field(default_factory=list)
    _state: dict[str, str | None] = field(default_factory=dict)
    _trails: dict[str, str] = field(default_factory=dict)
    _latest: dict[str, Callable[[], Any]] = field(default_factory=dict)
    _listeners: dict[type[Event], Callable[[Any], None]] = field(default_factory=dict)

    def listen(self, kind: type[EventT], act: Callable[[EventT], None]) -> None:
        """Call `act` with every event of a kind when it is made: for a part whose rules rest on what another tells."""
        self._listeners[kind] = act

    def emit(
        self, kind: type[EventT], *, at: datetime, source: Source, because: Iterable[str] = (), **fields: Any
    ) -> EventT:
        """Make the next event of this gateway and keep it for the commit."""
        stamped: dict[str, Any] = {
            name: to_milliseconds(value) if isinstance(value, datetime) else value for name, value in fields.items()
        }
        event = kind(
            id=str(EventId(self.identity.gateway, self.identity.epoch, self.next_seq)),
            at=to_milliseconds(at),
            seen_at=to_milliseconds(self.moment.now),
            clock=stamped.pop("clock", self.moment.clock),
            boot=self.identity.boot,
            mono_ms=self.moment.mono_ms,
            site=self.identity.site,
            source=source,
            because=tuple(because),
            **stamped,
        )
        self.next_seq += 1
        self._events.append(event)
        if self.on_event is not None:
            self.on_event(event)
        listener = self._listeners.get(kind)
        if listener is not None:
            listener(event)
        return event

    def note_trail(self, event: Event, **facts: Any) -> None:
        """Keep beside an event how it was decided, for people who ask: the rule, what it looked at, what it compared.

        For decisions whose reasons the event's own fields do not hold. `facts` are anything JSON can hold.
        """
        self._trails[event.id] = _json(facts)

    def save(self, key: str, value: Any) -> None:
        """Remember `value` (anything JSON can hold) under `key` with the next commit."""
        self._state[key] = _json(value)

    def save_latest(self, key: str, make: Callable[[], Any]) -> None:
        """As `save`, of what `make` gives when the commit is taken: for what changes many times between two commits."""
        self._latest[key] = make

    def forget(self, key: str) -> None:
        """Remove `key` with the next commit."""
        self._latest.pop(key, None)
        self._state[key] = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was emitted or saved since the last commit was taken."""
        return not self._events and not self._state and not self._latest

    def take(self) -> Commit:
        """What was collected; the journal is empty afterwards."""
        self._state.update((key, _json(make())) for key, make in self._latest.items())
        self._latest.clear()
        commit = Commit(events=tuple(self._events), state=dict(self._state), trails=dict(self._trails))
        self._events.clear()
        self._state.clear()
        self._trails.clear()
        return commit


class EventJournal(Journal):
    """A journal that keeps no state and no trails: for a derivation that nobody goes on from, which is quicker so."""

    __slots__ = ()

    def note_trail(self, event: Event, **facts: Any) -> None:
        """Nobody will ask."""

    def save(self, key: str, value: Any) -> None:
        """Nobody goes on from it."""

    def forget(self, key: str) -> None:
        """Nothing was kept."""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def load(saved: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """The saved values whose key starts with `prefix`, by the rest of the key."""
    return {key[len(prefix) :]: json.loads(text) for key, text in saved.items() if key.startswith(prefix)}
