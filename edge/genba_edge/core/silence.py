"""Which tags may have been silent in a zone for `close_after`: asked every second, whatever the number of tags."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import heappop, heappush

from genba_shared.device_map.model import Zone


class Silence:
    """Times at which to look whether a tag was heard of since."""

    def __init__(self) -> None:
        self._due: list[tuple[datetime, str, str]] = []

    def watch(self, zone: Zone, tag: str, heard_at: datetime) -> None:
        """The tag is in the zone and was heard of at `heard_at`: look again when it could have been silent too long."""
        if zone.close_after_s is not None:
            self.look_again(zone, tag, heard_at + timedelta(seconds=zone.close_after_s))

    def look_again(self, zone: Zone, tag: str, at: datetime) -> None:
        """Look at `at`, not before."""
        heappush(self._due, (at, zone.id, tag))

    def due(self, now: datetime) -> Iterator[tuple[str, str]]:
        """Zone and tag of those to look at now; each once."""
        found = []
        while self._due and self._due[0][0] <= now:
            _, zone, tag = heappop(self._due)
            found.append((zone, tag))
        yield from dict.fromkeys(found)
