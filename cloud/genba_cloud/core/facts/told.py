"""A view that keeps its few events as they are: what was told, less what was taken back, in the order of facts.

Orders, items, problems and alerts have few events, and almost every one of them matters to a person. So they are kept
whole: no order of arrival and no repeat can change what they come to, and one that is taken back is simply left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from genba_shared.events import Event, EventVoided, event_of_canonical, event_to_json, fact_key


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldFold:
    """Events by their ids, and the ids of those that were taken back (which may not have come yet)."""

    events: Mapping[str, Event] = field(default_factory=dict)
    voided: frozenset[str] = frozenset()

    def standing(self) -> list[Event]:
        """Those that stand, in the order of facts."""
        standing = [event for event in self.events.values() if event.id not in self.voided]
        return standing if len(standing) < 2 else sorted(standing, key=fact_key)


NOTHING_TOLD: Final = ToldFold()


def fold_told(state: ToldFold, events: Iterable[Event]) -> ToldFold:
    """The state after these events, in whatever order they come."""
    told, voided = dict(state.events), set(state.voided)
    for event in events:
        if isinstance(event, EventVoided):
            voided.add(event.target)
        else:
            told[event.id] = event
    return ToldFold(events=told, voided=frozenset(voided))


def told_to_json(state: ToldFold) -> dict[str, Any]:
    """Canonical form: equal states give equal JSON."""
    told: dict[str, Any] = {"events": [event_to_json(event) for _, event in sorted(state.events.items())]}
    return {**told, "voided": sorted(state.voided)} if state.voided else told


def told_from_json(obj: Mapping[str, Any]) -> ToldFold:
    """Read the canonical form."""
    events = (event_of_canonical(one) for one in obj["events"])
    return ToldFold(events={event.id: event for event in events}, voided=frozenset(obj.get("voided", ())))
