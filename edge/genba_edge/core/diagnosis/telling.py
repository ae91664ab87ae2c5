"""What is doubtful in the map becomes events: each finding once, and again only after it was gone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from genba_edge.core.diagnosis.finding import Finding
from genba_edge.core.journal import Journal, load
from genba_shared.device_map.model import DeviceMap, PointRef
from genba_shared.events import DataQuestioned, QuestionCause, Source, SourceType

_KEY: Final = "doubt/"
FORGOTTEN: Final = timedelta(hours=24)  # plant: a finding of an earlier run that is not found again is gone


class ToldDoubts:
    """Which findings were told, across restarts; with the point's settings then, since a corrected one is another."""

    def __init__(self, device_map: DeviceMap, journal: Journal, saved: Mapping[str, str]) -> None:
        self._map, self._journal = device_map, journal
        self._told: dict[str, str] = load(saved, _KEY)
        self._found: set[str] = set()
        self._since: datetime | None = None

    def tell(self, findings: Iterable[Finding]) -> None:
        """Emit those that were not told yet, and forget those that are gone."""
        now, found = self._journal.moment.now, {each.key: each for each in findings}
        self._since = self._since or now
        for key, finding in found.items():
            settings = self._settings_of(finding.sign.ref)
            if self._told.get(key) != settings:
                self._tell(finding)
                self._told[key] = settings
                self._journal.save(_KEY + key, settings)
        gone = self._found - found.keys()
        if now - self._since >= FORGOTTEN:
            gone |= self._told.keys() - found.keys()
        for key in sorted(gone & self._told.keys()):
            del self._told[key]
            self._journal.forget(_KEY + key)
        self._found = set(found)

    def _tell(self, finding: Finding) -> None:
        sign = finding.sign
        event = self._journal.emit(
            DataQuestioned,
            at=self._journal.moment.now,
            source=Source(type=SourceType.SYSTEM, ref=self._journal.identity.gateway),
            station=finding.station,
            point=str(sign.ref),
            note=finding.note,
            cause=QuestionCause.MAP,
        )
        self._journal.note_trail(
            event,
            rule=str(sign.code),
            evidence=str(sign.what),
            sureness=str(sign.sureness),
            write=sign.write,
            at=sign.path,
        )

    def _settings_of(self, ref: PointRef) -> str:
        """What the map says of the point and of how its device is read, as a short text."""
        device = self._map.devices.get(ref.device)
        point = None if device is None else device.points.get(ref.point)
        ways = [getattr(device, name, None) for name in ("workarounds", "poll")]
        return hashlib.sha256(repr((point, ways)).encode()).hexdigest()[:16]
