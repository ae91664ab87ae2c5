"""How passages usually look at each read point: by that, weak ones are told from good ones.

A tag that really passes a gate is read about as often and as strongly as the tags before it. A ghost (a reflection, a
pallet that is moved at the other end of the hall) is read a few times, weakly. What is usual is learned from passages
that came where they were expected: the mean of the first `MEMORY`, then a slowly moving mean. At a read point with
fewer than `KNOWN` of them, what is usual at the weakest of the others holds; where none is known, nothing is weak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from genba_edge.core.journal import Journal, load
from genba_edge.core.passage import Passage
from genba_shared.device_map.model import ReadPointRef

KNOWN: Final = 10
MEMORY: Final = 50
FEW: Final = 0.5
"""Fewer than this part of the usual reads is few."""
_KEY = "usual/"


@dataclass(slots=True)
class _Usual:
    passages: int = 0
    reads: float = 0.0
    with_rssi: int = 0
    rssi_dbm: float = 0.0


class Usual:
    """What is usual at each read point of the gateway. `margins_db`: by reader, how much weaker is weak."""

    def __init__(self, margins_db: Mapping[str, float], journal: Journal, saved: Mapping[str, str]) -> None:
        self._margins_db = margins_db
        self._journal = journal
        self._usual: dict[str, _Usual] = {}
        for place, values in load(saved, _KEY).items():
            if place.partition("/")[0] in margins_db:
                self._usual[place] = _Usual(**values)
            else:  # its reader left the map
                journal.forget(_KEY + place)
        self._changed: set[str] = set()

    def weaknesses(self, passage: Passage) -> int:
        """In how many respects the passage is weaker than usual: 0, 1 or 2 (few reads; a weak signal)."""
        usual = self._known_at(passage.ref)
        if usual is None:
            return 0
        few = passage.reads < FEW * usual.reads
        if passage.rssi_dbm is None or usual.with_rssi < KNOWN:
            return 2 * few
        return few + (passage.rssi_dbm < usual.rssi_dbm - self._margins_db[passage.ref.device])

    def learn(self, passage: Passage) -> None:
        """The passage came where it was expected."""
        place = str(passage.ref)
        usual = self._usual.setdefault(place, _Usual())
        usual.passages = min(usual.passages + 1, MEMORY)
        usual.reads += (passage.reads - usual.reads) / usual.passages
        if passage.rssi_dbm is not None:
            usual.with_rssi = min(usual.with_rssi + 1, MEMORY)
            usual.rssi_dbm += (passage.rssi_dbm - usual.rssi_dbm) / usual.with_rssi
        self._changed.add(place)

    def usual_of(self, ref: ReadPointRef) -> dict[str, float]:
        """For people who ask: the usual reads and signal strength."""
        usual = self._known_at(ref) or _Usual()
        return {"reads": round(usual.reads, 1), "rssi_dbm": round(usual.rssi_dbm, 1)}

    def save(self) -> None:
        """Put what changed into the journal."""
        for place in self._changed:
            self._journal.save(_KEY + place, asdict(self._usual[place]))
        self._changed.clear()

    def _known_at(self, ref: ReadPointRef) -> _Usual | None:
        usual = self._usual.get(str(ref))
        if usual is not None and usual.passages >= KNOWN:
            return usual
        known = [each for each in self._usual.values() if each.passages >= KNOWN]
        if not known:
            return None
        return _Usual(
            passages=KNOWN,
            reads=min(each.reads for each in known),
            with_rssi=min(each.with_rssi for each in known),
            rssi_dbm=min(each.rssi_dbm for each in known),
        )
