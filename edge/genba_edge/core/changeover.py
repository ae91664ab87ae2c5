"""How long a station's change-over took: from the last good piece of one work to the first good piece of the next.

That is the change-over of SMED (S. Shingo, A Revolution in Manufacturing: The SMED System, 1985): it ends with the
first good piece, not when somebody says that the machine is ready. It is told only where both pieces were seen when
they came. A piece that a gap hides, or that may belong to either work, leaves the change-over unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from genba_edge.core.counter import Step
from genba_edge.core.journal import Journal
from genba_edge.core.nodes import WorkKey
from genba_shared.device_map.model import PointRef
from genba_shared.events import Confidence, Result, Source, SourceType, StationChangedOver

TellPieces = Callable[[str, PointRef, Result, WorkKey | None, int, Step], None]
"""Told of pieces as soon as a counter shows them: station, counter, result, whose they are, how many, and the step."""


@dataclass(slots=True)
class _Last:
    """The last good piece of a station. `is_watched`: its counter has been watched ever since."""

    key: WorkKey
    at: datetime
    ref: PointRef
    is_watched: bool = True


class ChangeOvers:
    """The last good piece of every station."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._last: dict[str, _Last] = {}
        self._blind: dict[PointRef, datetime] = {}

    def go_on(self, station: str, ref: PointRef, key: WorkKey | None, step: Step) -> bool:
        """Take good pieces that only go on with what is known; False: `good_piece` must take them."""
        last = self._last.get(station)
        if last is None:
            return key is None
        if not last.is_watched or ref is not last.ref or step.confidence is not Confidence.CERTAIN:
            return False
        if key is not last.key and key != last.key:
            return False
        last.at = step.at
        return True

    def good_piece(
        self, station: str, ref: PointRef, key: WorkKey | None, step: Step, *, begins: datetime | None
    ) -> None:
        """Good pieces of `key`; `begins`: nothing before was observed."""
        last = self._last.get(station)
        if key is None or step.confidence is not Confidence.CERTAIN or self._is_hidden(ref, step, begins):
            if last is not None:
                del self._last[station]
            return
        if last is not None and last.key != key and last.at <= step.at:
            self._journal.emit(
                StationChangedOver,
                at=step.at,
                source=Source(type=SourceType.PLC, ref=str(ref)),
                station=station,
                work_order=key.work_order,
                node=key.node,
                begin=last.at,
                end=step.at,
                before_work_order=last.key.work_order,
                before_node=last.key.node,
            )
        self._last[station] = _Last(key, step.at, ref)

    def lose_sight(self, ref: PointRef, at: datetime) -> None:
        """The counter could not be read at `at`."""
        self._blind[ref] = at
        for last in self._last.values():
            last.is_watched = last.is_watched and last.ref != ref

    def lose_device(self, device: str, since: datetime) -> None:
        """The device was not observed since `since`: a piece that was taken to have come then may have come earlier."""
        for station, last in list(self._last.items()):
            if last.ref.device == device:
                last.is_watched = False
                if last.at > since:
                    del self._last[station]

    def set_back(self, now: datetime) -> None:
        """The clock was set back: how long a change-over took that was under way cannot be told."""
        self._blind = {ref: min(at, now) for ref, at in self._blind.items()}
        self._last = {station: last for station, last in self._last.items() if last.at <= now}

    def _is_hidden(self, ref: PointRef, step: Step, begins: datetime | None) -> bool:
        """Whether the pieces may have come while nobody looked."""
        blind = self._blind.get(ref)
        return (begins is not None and step.since < begins) or (blind is not None and step.since < blind)
