"""What a PLC's job number does: it ends work at its stations, begins other work, and lets waiting pieces go on."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from genba_edge.core.counting import Counting
from genba_edge.core.jobs import JobChange
from genba_edge.core.observations import Value
from genba_edge.core.watch import Watch
from genba_edge.core.work import Work
from genba_shared.device_map.model import PointRef
from genba_shared.events import Source, SourceType

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class JobChanges:
    """The job numbers of all stations, as they are read.

    `not_before`: no work changes before this; set while a new map takes over, which may read the numbers otherwise.
    """

    def __init__(self, work: Work, counting: Counting, watch: Watch) -> None:
        self._work, self._counting, self._watch = work, counting, watch
        self.not_before: datetime | None = None

    def read(self, ref: PointRef, value: Value, *, at: datetime) -> None:
        """One reading of a job number."""
        waited = self._work.waits_for_jobs
        change = self._work.read_job(ref, value, at=at)
        if change is not None:
            self._change(ref, change)
        elif waited:
            self._keep(ref, in_doubt=False)

    def settle(self, now: datetime) -> None:
        """Take numbers that nobody knows and that have stood long enough."""
        for ref, change in self._work.ripe_jobs(now):
            self._change(ref, change)

    def drop(self) -> None:
        """Nobody will see whether a number that waits is to be believed: its pieces stay with the work, in doubt."""
        if self._work.waits_for_jobs:
            self._work.drop_waiting_jobs()
            for ref in self._work.job_points():
                self._keep(ref, in_doubt=True)

    def _keep(self, ref: PointRef, *, in_doubt: bool) -> None:
        for station in self._work.stations_of_job(ref):
            if not self._work.waits(station):
                self._counting.keep_job(station, in_doubt=in_doubt)

    def _change(self, ref: PointRef, change: JobChange) -> None:
        at = change.at if self.not_before is None else max(change.at, self.not_before)
        source = Source(type=SourceType.PLC, ref=str(ref))
        is_polled = self._watch.is_polled(ref.device)
        unsure_since = (change.known_until or _LONG_AGO) if is_polled else None
        for station in self._work.stations_of_job(ref):
            if self._work.is_job(station, change.text):
                self._counting.keep_job(station, in_doubt=False)
                continue
            self._counting.note_job(station, at)
            self._counting.change_job(
                station,
                lambda counter: self._watch.known_at_change(counter, change.at, ref.device),
                partial(self._work.set_job, station, change.text, at=at, source=source, unsure_since=unsure_since),
                doubt_since=change.known_until if is_polled else None,
            )
