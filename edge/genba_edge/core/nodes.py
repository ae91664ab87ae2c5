"""Progress of the nodes that this gateway derives: started, pieces so far, completed; one claim for each."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from genba_edge.core.journal import Journal, load
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import DeviceMap, NodeRule
from genba_shared.events import Basis, Confidence, NodeCompleted, NodeStarted, Source

_KEY = "node/"


class WorkKey(NamedTuple):
    """One node of one work order. A named tuple: it is looked up for every piece, and a tuple's hash is made in C."""

    work_order: str
    node: str

    def __str__(self) -> str:
        return f"{self.node}/{self.work_order}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Good pieces so far (by count, or by tag that left), when the last of them was made, and what was claimed."""

    good: int = 0
    last_at: str = ""
    because: str = ""
    ambiguous: bool = False
    started: bool = False
    completed: bool = False
    tags: Mapping[str, tuple[int, str, str]] = field(default_factory=dict)  # tag → pieces, left at, event id


_NOT_BEGUN: Final = Progress()


class Nodes:
    """Progress of every open node, and the claims made from it."""

    def __init__(self, device_map: DeviceMap, journal: Journal, saved: Mapping[str, str]) -> None:
        self._rules = device_map.nodes
        self._journal = journal
        self._progress: dict[WorkKey, Progress] = {}
        self._quantities: dict[WorkKey, int] = {}
        for key, value in load(saved, _KEY).items():
            code, _, work_order = key.partition("/")
            tags = {tag: (int(pieces), str(at), str(event)) for tag, (pieces, at, event) in value["tags"].items()}
            self._progress[WorkKey(work_order, code)] = Progress(**{**value, "tags": tags})

    def set_quantities(self, quantities: Mapping[WorkKey, int]) -> None:
        """Take the quantities of the newest dispatch document; completed nodes that it does not name are forgotten."""
        self._quantities = dict(quantities)
        for key in [key for key, progress in self._progress.items() if progress.completed and key not in quantities]:
            del self._progress[key]
            self._journal.forget(_KEY + str(key))

    def quantity(self, key: WorkKey) -> int | None:
        """Pieces wanted; None where no dispatch document named the node yet."""
        return self._quantities.get(key)

    def is_completed(self, key: WorkKey) -> bool:
        """Whether this gateway has claimed the completion."""
        return self.progress(key).completed

    def progress(self, key: WorkKey) -> Progress:
        """What is known of the node; an unknown node has not begun."""
        return self._progress.get(key, _NOT_BEGUN)

    def start(self, key: WorkKey, *, at: datetime, station: str | None, source: Source, because: str) -> None:
        """Emit `node_started` once."""
        progress = self.progress(key)
        if progress.started or key.node not in self._rules:
            return
        self._put(key, replace(progress, started=True))
        self._journal.emit(
            NodeStarted,
            at=at,
            source=source,
            station=station,
            work_order=key.work_order,
            node=key.node,
            because=(because,),
        )

    def add_pieces(self, key: WorkKey, pieces: int, *, at: datetime, because: str, ambiguous: bool) -> None:
        """Good pieces were counted for the node (already emitted as event `because`)."""
        progress = self.progress(key)
        self._put(
            key,
            replace(
                progress,
                good=progress.good + pieces,
                last_at=format_time(at),
                because=because,
                ambiguous=progress.ambiguous or ambiguous,
            ),
        )

    def doubt(self, key: WorkKey) -> None:
        """No counter showed whether pieces were made for the node: its completion will be ambiguous."""
        progress = self.progress(key)
        if not progress.ambiguous:
            self._put(key, replace(progress, ambiguous=True))

    def add_tag(self, key: WorkKey, tag: str, pieces: int, *, at: datetime, because: str) -> None:
        """A tag of the work order left the zone that the node's completion names (event `because`)."""
        progress = self.progress(key)
        if tag not in progress.tags:
            self._put(key, replace(progress, tags={**progress.tags, tag: (pieces, format_time(at), because)}))

    def complete_counted(self, key: WorkKey, *, station: str | None, source: Source) -> bool:
        """Claim the completion if the good pieces reach the quantity. Returns whether it was claimed now."""
        progress, quantity = self.progress(key), self.quantity(key)
        if progress.completed or quantity is None or progress.good < quantity or not progress.last_at:
            return False
        self._claim(
            key,
            at=progress.last_at,
            pieces=progress.good,
            basis=Basis.COUNT,
            because=(progress.because,),
            station=station,
            source=source,
        )
        return True

    def complete_left(self, key: WorkKey, bound: Set[str], *, source: Source) -> bool:
        """Claim the completion if every bound tag has left and the pieces that left reach the quantity.

        Tags that left and were then taken off the work order, to be used again, have left with their pieces all the
        same.
        """
        progress, quantity = self.progress(key), self.quantity(key)
        if progress.completed or quantity is None or not progress.tags or bound - set(progress.tags):
            return False
        left = list(progress.tags.values())
        pieces = sum(count for count, _, _ in left)
        if pieces < quantity:
            return False
        because = tuple(event for _, _, event in left)
        self._claim(
            key,
            at=max(at for _, at, _ in left),
            pieces=pieces,
            basis=Basis.TAGS,
            because=because,
            station=None,
            source=source,
        )
        return True

    def rules(self) -> Mapping[str, NodeRule]:
        """The map's rules by node code."""
        return self._rules

    def open_keys(self) -> list[WorkKey]:
        """Nodes with progress that are not yet claimed."""
        return [key for key, progress in self._progress.items() if not progress.completed]

    def _claim(
        self,
        key: WorkKey,
        *,
        at: str,
        pieces: int,
        basis: Basis,
        because: tuple[str, ...],
        station: str | None,
        source: Source,
    ) -> None:
        progress = self.progress(key)
        self._journal.emit(
            NodeCompleted,
            at=parse_time(at),
            source=source,
            station=station,
            work_order=key.work_order,
            node=key.node,
            pieces=pieces,
            basis=basis,
            confidence=Confidence.AMBIGUOUS if progress.ambiguous else Confidence.CERTAIN,
            because=because,
        )
        self._put(key, replace(progress, completed=True))

    def _put(self, key: WorkKey, progress: Progress) -> None:
        self._progress[key] = progress
        values: dict[str, Any] = asdict(progress)
        self._journal.save(_KEY + str(key), values)
