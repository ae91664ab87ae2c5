"""Keeps one bad point, tag or document from stopping the derivation of the others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from genba_edge.core.journal import Journal
from genba_shared.events import DataQuestioned, Source, SourceType


@dataclass(frozen=True, slots=True)
class Failure:
    """A bug of ours: what could not be derived (a point, a device, a tag, "dispatch", "time"), and the error."""

    what: str
    error: Exception


class Supervisor:
    """Leaves out what raises, questions it by an event, and tells it: each subject once until it works again."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._failing: set[str] = set()
        self._failures: list[Failure] = []

    @contextlib.contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Whatever the block raises ends with the block."""
        try:
            yield
        except Exception as exc:  # noqa: BLE001 (a bug: the shell logs it with its traceback)
            if what not in self._failing:
                self._failing.add(what)
                self._failures.append(Failure(what, exc))
                self._question(what, type(exc).__name__)
        else:
            self._failing.discard(what)

    def is_failing(self, what: str) -> bool:
        """Whether the subject raised when it was last derived."""
        return what in self._failing

    def take_failures(self) -> tuple[Failure, ...]:
        """What failed since the last call."""
        failures = tuple(self._failures)
        self._failures.clear()
        return failures

    def _question(self, what: str, error: str) -> None:
        self._journal.emit(
            DataQuestioned,
            at=self._journal.moment.now,
            source=Source(type=SourceType.SYSTEM, ref=self._journal.identity.gateway),
            point=what,
            note=f"could not be derived ({error}): pieces and passages from here on may be missing",
        )
