"""The job numbers that PLCs show: which of their readings are to be believed.

A PLC shows a job number while it writes the next one, an empty text between two orders, half of each. A number that the
dispatch document knows is taken at once; any other one, an empty one as well, only when it stays: at the next reading,
or, of a device that only tells changes, after `STAYS`. Until then the pieces wait; they go to the job that it turns out
to be. A number that never stands still (a clock that the map takes for one) is taken as it is after `GIVEN_UP`, so that
no piece waits for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from genba_edge.core.observations import Value
from genba_shared.device_map.model import PointRef
from genba_shared.events.json_form import is_text

STAYS: Final = timedelta(seconds=3)  # plant: how long a number that nobody knows has to stand to be taken
GIVEN_UP: Final = timedelta(seconds=60)  # of a point that is polled and not read again, or that never stands still
_MOST_CHARACTERS: Final = 100


class JobChange(NamedTuple):
    """The job number is `text` since `at`; `known_until`: the one before was last read then."""

    text: str
    at: datetime
    known_until: datetime | None


class _Waiting(NamedTuple):
    """A number that is not yet to be believed; `exact`: the device told when it began to show it.

    `restless_since`: when the first number was read that was not to be believed.
    """

    text: str
    at: datetime
    known_until: datetime | None
    exact: bool
    restless_since: datetime

    def may_hold(self, at: datetime) -> bool:
        """Whether a piece made at `at` may have been made for it."""
        return at > self.at if self.exact else self.known_until is None or at > self.known_until


class Jobs:
    """The job-number points of the gateway.

    Args:
        is_polled: whether a device is read again and again, or tells changes only.
        is_known: whether the dispatch document knows the number at the stations of the point.
    """

    def __init__(self, *, is_polled: Callable[[str], bool], is_known: Callable[[PointRef, str], bool]) -> None:
        self._is_polled, self._is_known = is_polled, is_known
        self._taken: dict[PointRef, str] = {}
        self._read_at: dict[PointRef, datetime] = {}
        self.waiting: dict[PointRef, _Waiting] = {}

    def taken(self) -> Iterable[tuple[PointRef, str]]:
        """The numbers that hold, in this run."""
        return self._taken.items()

    def hold(self, ref: PointRef, text: str, *, read_at: datetime) -> None:
        """The number that holds was read again."""
        self._taken[ref] = text
        self._read_at[ref] = read_at
        self.waiting.pop(ref, None)

    def read(self, ref: PointRef, text: str, *, at: datetime, read_at: datetime) -> JobChange | None:
        """Another number was read; returned once it is to be taken."""
        waiting = self.waiting.get(ref)
        if waiting is None or waiting.text != text:
            known_until = self._read_at.get(ref) if waiting is None else waiting.known_until
            since = at if waiting is None else waiting.restless_since
            waiting = self.waiting[ref] = _Waiting(text, at, known_until, not self._is_polled(ref.device), since)
            if at - since < GIVEN_UP and not (text and self._is_known(ref, text)):
                return None
        return self._take(ref, waiting, read_at)

    def ripe(self, now: datetime) -> list[tuple[PointRef, JobChange]]:
        """Numbers that have stood long enough at `now`."""
        found = []
        for ref, waiting in list(self.waiting.items()):
            stays = GIVEN_UP if self._is_polled(ref.device) else STAYS
            if now - waiting.at >= stays or (waiting.text and self._is_known(ref, waiting.text)):
                found.append((ref, self._take(ref, waiting, now)))
        return found

    def _take(self, ref: PointRef, waiting: _Waiting, read_at: datetime) -> JobChange:
        self.hold(ref, waiting.text, read_at=read_at)
        return JobChange(waiting.text, waiting.at, waiting.known_until)


def job_text(value: Value) -> str | None:
    """The job number as a text without blanks around it; a whole number 0 is none. None: it cannot be a number."""
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return ""
    text = str(value).strip(" \t\r\n\x00")
    return text if not text or (is_text(text) and len(text) <= _MOST_CHARACTERS) else None


def same_number(text: str, known: Iterable[str]) -> str | None:
    """The one known order number that differs in leading zeros only; None where there is none, or several."""
    if not (text.isascii() and text.isdigit()):
        return None
    bare = text.lstrip("0")
    found = {each for each in known if each.isascii() and each.isdigit() and each.lstrip("0") == bare}
    return found.pop() if len(found) == 1 and bare else None
