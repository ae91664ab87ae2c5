"""How the bits and stations that node rules ask about stand now, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from genba_edge.core.journal import Journal, load
from genba_shared.clock import format_time
from genba_shared.device_map.model import PointRef
from genba_shared.events import StationState

_BIT = "bit/"
_STATION = "seen-state/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A bit: its value since `since`. `is_known` is False while its device is silent."""

    value: bool
    since: str
    is_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLevel:
    """A station: its state since `since`, and the event that said so."""

    state: StationState
    since: str
    because: str


class Levels:
    """The bits and stations that some rule asks about; changes are remembered over a restart."""

    def __init__(
        self, points: Iterable[PointRef], stations: Iterable[str], journal: Journal, saved: Mapping[str, str]
    ) -> None:
        self._journal = journal
        self.points = frozenset(points)
        self.stations = frozenset(stations)
        self._bits: dict[PointRef, Level] = {}
        for name, (value, since) in load(saved, _BIT).items():
            device, _, point = name.partition("/")
            if PointRef(device, point) in self.points:
                self._bits[PointRef(device, point)] = Level(value=value, since=since, is_known=False)
        self._states = {
            station: StationLevel(state=StationState(state), since=since, because=because)
            for station, (state, since, because) in load(saved, _STATION).items()
            if station in self.stations
        }
        self._unseen: set[str] = set()  # nobody sees now whether these stations still do what was told last

    def bit(self, ref: PointRef) -> Level | None:
        """How a bit stands; None before its first reading."""
        return self._bits.get(ref)

    def state(self, station: str) -> StationLevel | None:
        """What a station does; None before that was first told, and while nobody sees it."""
        return None if station in self._unseen else self._states.get(station)

    def set_bit(self, ref: PointRef, *, value: bool, at: datetime) -> bool | None:
        """A reading of a bit. Returns whether it rose (True) or fell (False); None where it did neither."""
        before = self._bits.get(ref)
        if before is not None and before.value == value:
            if not before.is_known:
                self._bits[ref] = Level(value=value, since=before.since)
            return None
        self._bits[ref] = Level(value=value, since=format_time(at))
        self._journal.save(_BIT + str(ref), [value, format_time(at)])
        return None if before is None else value

    def lose(self, device: str) -> None:
        """The device is silent: whether its bits still stand as they did is not known."""
        for ref, level in self._bits.items():
            if ref.device == device and level.is_known:
                self._bits[ref] = Level(value=level.value, since=level.since, is_known=False)

    def hide_states(self, stations: Iterable[str]) -> None:
        """Nobody sees these stations: what was told last may hold no more."""
        self._unseen.update(stations)

    def show_states(self, stations: Iterable[str]) -> None:
        """They are seen again; if something was missed, that was told as another state."""
        self._unseen.difference_update(stations)

    def set_state(self, station: str, state: StationState, *, since: datetime, because: str) -> None:
        """The station is in another state."""
        self._unseen.discard(station)
        self._states[station] = StationLevel(state=state, since=format_time(since), because=because)
        self._journal.save(_STATION + station, [str(state), format_time(since), because])
