"""A station's state from points whose values carry labels: a state word, an alarm bit, a lamp, an operation mode.

Of several points, the first in the map's order that says something else than *running* has it; the station runs when
one says so and no other objects. A value without a label says nothing: an alarm bit needs a label for 1 only. So
``[alarm, state]`` is down while the alarm stands, whatever the state word says, and ``[mode, state]`` is in set-up
while the machine executes in its set-up mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from genba_edge.core.cadence import Finding
from genba_edge.core.observations import Value
from genba_shared.device_map.model import DeviceMap, PointRef, StateRule
from genba_shared.events import StationState

_STATES = frozenset(StationState)


@dataclass(slots=True, kw_only=True)
class Labelled:
    """The state points of one station. `read` holds what each said last; a point that cannot be read says None."""

    station: str
    points: tuple[PointRef, ...]
    labels: Mapping[PointRef, Mapping[int, StationState]]
    read: dict[PointRef, Value] = field(default_factory=dict)

    @classmethod
    def of(cls, station: str, rule: StateRule, device_map: DeviceMap) -> Self:
        """The points that the map names for the station."""
        written = {ref: device_map.devices[ref.device].points[ref.point].labels for ref in rule.points}
        labels = {
            ref: {value: StationState(label) for value, label in words.items() if label in _STATES}
            for ref, words in written.items()
        }
        return cls(station=station, points=rule.points, labels=labels)

    def take(self, ref: PointRef, value: Value, at: datetime) -> Finding | None:
        """A reading of one of the points, None where it is bad; gives None while too little was read to say more."""
        self.read[ref] = value
        state = self._state()
        if state is None:
            return None
        said: dict[str, Any] = {str(each): self.read[each] for each in self.points if each in self.read}
        return Finding(state=state, since=at, at=at, trail={"rule": "labels of state points", "read": said})

    def lose_sight(self, ref: PointRef) -> None:
        """What the point said holds no more."""
        self.read.pop(ref, None)

    def decided_by(self, latest: PointRef) -> PointRef:
        """The point that has the state; `latest` where none has it alone."""
        for ref in self.points:
            if ref in self.read and self._says(ref) not in (None, StationState.RUNNING):
                return ref
        return latest

    def _state(self) -> StationState | None:
        """None: not all of the points that might object were read since their device was found."""
        runs = False
        for ref in self.points:
            if ref not in self.read:
                return None
            if self.read[ref] is None:
                return StationState.UNKNOWN
            said = self._says(ref)
            if said is StationState.RUNNING:
                runs = True
            elif said is not None:
                return said
        return StationState.RUNNING if runs else StationState.UNKNOWN

    def _says(self, ref: PointRef) -> StationState | None:
        value = self.read[ref]
        return self.labels[ref].get(int(value)) if isinstance(value, int | bool) else None
