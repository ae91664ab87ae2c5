"""Keeps one bad point, tag or document from stopping the derivation of the others."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType

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

    def alone(self, what: str) -> AbstractContextManager[None]:
        """Whatever the block raises ends with the block: a bug, which the shell logs with its traceback."""
        return _Alone(self, what)

    def note_success(self, what: str) -> None:
        """The subject was derived."""
        if self._failing:
            self._failing.discard(what)

    def note_failure(self, what: str, error: Exception) -> None:
        """The subject raised."""
        if what not in self._failing:
            self._failing.add(what)
            self._failures.append(Failure(what, error))
            self._question(what, type(error).__name__)

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


class _Alone(AbstractContextManager[None]):
    """Entered for every reading that means something, so it is no generator: those cost three times as much."""

    __slots__ = ("_supervisor", "_what")

    def __init__(self, supervisor: Supervisor, what: str) -> None:
        self._supervisor = supervisor
        self._what = what

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            self._supervisor.note_success(self._what)
            return False
        if not isinstance(error, Exception):
            return False
        self._supervisor.note_failure(self._what, error)
        return True
