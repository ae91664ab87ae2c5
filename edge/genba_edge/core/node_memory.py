"""The progress of every node that is remembered: kept with each commit, and bounded in number."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from genba_edge.core.journal import Journal, load
from genba_edge.core.progress import NOTHING, Progress, WorkKey, from_json, to_json

_KEY: Final = "node/"


class NodeMemory:
    """Progress by node and work order."""

    def __init__(self, journal: Journal, saved: Mapping[str, str]) -> None:
        self._journal = journal
        self._progress: dict[WorkKey, Progress] = {}
        for key, value in load(saved, _KEY).items():
            code, _, work_order = key.partition("/")
            self._progress[WorkKey(work_order, code)] = from_json(value)

    def __iter__(self) -> Iterator[tuple[WorkKey, Progress]]:
        """What is remembered now; it may be changed meanwhile."""
        return iter(list(self._progress.items()))

    def of(self, key: WorkKey) -> Progress:
        """What is known of the node; an unknown node has not begun."""
        return self._progress.get(key, NOTHING)

    def put(self, key: WorkKey, progress: Progress) -> None:
        """Remember this of the node, with the next commit."""
        self._progress[key] = progress
        self._journal.save_latest(f"{_KEY}{key.node}/{key.work_order}", lambda: to_json(self._progress[key]))

    def change(self, key: WorkKey, progress: Progress) -> bool:
        """As `put`, where it is something else than before. Returns whether it is."""
        before = self.of(key)
        if progress is before or progress == before:
            return False
        self.put(key, progress)
        return True

    def bound(self, named: Collection[WorkKey], kind: Callable[[Progress], bool], most: int) -> list[WorkKey]:
        """Forget the oldest nodes of a kind that nobody names, beyond `most`. Returns them."""
        unnamed = [key for key, progress in self._progress.items() if key not in named and kind(progress)]
        unnamed.sort(key=lambda key: self._progress[key].touched_at)
        forgotten = unnamed[: max(0, len(unnamed) - most)]
        for key in forgotten:
            del self._progress[key]
            self._journal.forget(_KEY + str(key))
        return forgotten
