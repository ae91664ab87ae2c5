"""The watch for mistakes in the map, beside the derivation: a fault in it is logged once, and counting goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Final

from genba_edge.core.diagnosis import Finding, FindingCode, MapDoubts
from genba_edge.core.journal import load
from genba_edge.core.present import Present
from genba_edge.core.raw_log import RawBatch, RawHeader
from genba_edge.ports import Meter, Observation
from genba_shared.clock import parse_time
from genba_shared.device_map import DeviceMap

_OF_REGISTERS: Final = frozenset({FindingCode.BYTE_ORDER, FindingCode.ADDRESS_ONE_OFF})

logger = logging.getLogger(__name__)


class MapWatch:
    """Feeds `MapDoubts`, and ends it where it raises.

    `saved`: the state of the last commit, for when each device was last heard of.
    """

    def __init__(self, device_map: DeviceMap, *, speed: float, saved: Mapping[str, str]) -> None:
        self._speed = speed
        told: Mapping[str, str] = load(saved, "heard").get("", {})
        heard = {device: parse_time(at) for device, at in told.items() if device in device_map.devices}
        self._doubts: MapDoubts | None = MapDoubts(device_map, speed=speed, heard=heard)
        self._logged: set[str] = set()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong in the map now."""
        return () if self._doubts is None else self._doubts.findings

    def take(self, observations: Sequence[Observation]) -> None:
        """What a driver told together."""
        if self._doubts is not None:
            with self._apart():
                self._doubts.take(observations)

    def look(self, now: datetime, meters: Mapping[str, Meter]) -> tuple[Finding, ...]:
        """Work out what came; what is wrong now. New findings are logged."""
        if self._doubts is not None:
            with self._apart():
                for device, meter in meters.items():
                    if meter.sampled_s:
                        self._doubts.note_sampling(device, meter.sampled_s)
                self._doubts.look(now)
        findings = self.findings
        if self._logged or findings:
            self._log(findings)
        return findings

    def go_on(self, device_map: DeviceMap, present: Present, same: Iterable[str]) -> None:
        """Another map: what is remembered of points that it does not change is kept."""
        if self._doubts is not None:
            with self._apart():
                self._doubts = MapDoubts(device_map, speed=self._speed, former=self._doubts)
                for device in same:
                    self._doubts.take(present.retell(device))

    def _log(self, findings: Iterable[Finding]) -> None:
        now = {each.key: each for each in findings}
        for key in now.keys() - self._logged:
            logger.warning("map doubtful point=%s finding=%s", now[key].sign.ref, now[key].note)
        for key in self._logged - now.keys():
            logger.info("map no longer doubtful finding=%s", key)
        self._logged = set(now)

    def _apart(self) -> AbstractContextManager[None]:
        """Whatever the block raises is a bug of ours, and the end of the watch alone."""
        return _Apart(self)

    def give_up(self, error: Exception) -> None:
        """Watch no more."""
        logger.error("the map is not watched for mistakes any more, all else goes on", exc_info=error)
        self._doubts = None


class _Apart(AbstractContextManager[None]):
    """Ends the watch where the block raises."""

    def __init__(self, watch: MapWatch) -> None:
        self._watch = watch

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._watch.give_up(error)
        return True


class MapReview:
    """What a raw log says about a map: every finding, also one that was gone before the log ended.

    The log holds values, joined from registers as the map said that it was recorded with: about another map's
    registers it says nothing.
    """

    def __init__(self, device_map: DeviceMap, header: RawHeader) -> None:
        self._doubts = MapDoubts(device_map, speed=header.speed)
        self._is_recorded = header.map_sha256 == device_map.sha256
        self._found: dict[str, Finding] = {}

    def take(self, batch: RawBatch) -> None:
        """What a driver told together."""
        self._doubts.take(batch.observations)
        self._doubts.look(batch.moment.now)
        for finding in self._doubts.findings:
            self._found[finding.key] = finding

    @property
    def findings(self) -> list[Finding]:
        """As each was seen last, in the order in which they were found."""
        found = sorted(self._found.values(), key=lambda finding: finding.first_seen)
        return [each for each in found if self._is_recorded or each.sign.code not in _OF_REGISTERS]
