"""Which intervals nobody observed: a device that was silent, a poll that came late, a gateway that was not running."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from genba_edge.core.journal import Journal, load
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import DeviceMap, PointRef
from genba_shared.events import DataGapSeen, GapCause, Source, SourceType

LATE_POLLS = 2  # a poll that comes this many periods after the one before leaves an interval unobserved
OnGap = Callable[[str, datetime, datetime, str], None]
_KEY = "heard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the world is read, in plant seconds: poll period and report delay by device."""

    poll_s: Mapping[str, float] = field(default_factory=dict)
    report_delay_s: Mapping[str, float] = field(default_factory=dict)


class Watch:
    """When each device was last heard of. `on_gap` is told every declared gap: device, begin, end, id of the event."""

    def __init__(
        self,
        device_map: DeviceMap,
        journal: Journal,
        pace: Pace,
        saved: Mapping[str, str],
        *,
        on_gap: OnGap = lambda *_: None,
    ) -> None:
        self._journal, self._on_gap = journal, on_gap
        self._devices = frozenset(device_map.devices)
        self._late = {device: timedelta(seconds=LATE_POLLS * period) for device, period in pace.poll_s.items()}
        self._delay = {device: timedelta(seconds=delay) for device, delay in pace.report_delay_s.items()}
        self._heard: dict[str, datetime] = {}
        self._sampled: dict[str, datetime] = {}
        self._followed: set[PointRef] = set()
        self._lost: set[str] = set()
        self._before_start: dict[str, datetime] = {
            device: at for device, at in heard_before(saved).items() if device in self._devices
        }

    def heard_at(self, device: str) -> datetime | None:
        """When the device was last heard of in this run; None before its first answer."""
        return self._heard.get(device)

    def not_yet_heard(self) -> Iterable[str]:
        """The devices that were heard of before this run, and not in it."""
        return self._before_start.keys()

    def observed_until(self, device: str) -> datetime | None:
        """Until when nothing of the device was missed; None: it was never heard of.

        A report that was on its way when the device was last heard of may be lost.
        """
        heard = self._heard.get(device, self._before_start.get(device))
        return None if heard is None else heard - self._delay.get(device, timedelta(0))

    def known_until(self, ref: PointRef, at: datetime) -> datetime | None:
        """Until when the point's value before `at` was known to hold; None where that was not watched.

        A device is heard of on arrival, but a change that it stamped before may still be on its way; samples are taken
        in the order of their stamps, so that everything stamped before the latest sample has been seen. The first
        reading after a connection is a snapshot: what happened before it was not seen. A polled point is known only by
        its own polls: other groups of the device may be read more often.
        """
        device = ref.device
        if device in self._late or ref not in self._followed:
            return None
        heard, sampled = self._heard.get(device), self._sampled.get(device)
        if heard is None or heard > at:
            return sampled if sampled is not None and sampled <= at else None
        return sampled if sampled is not None and heard < sampled <= at else heard

    def is_watched(self, ref: PointRef, at: datetime) -> bool:
        """Whether no gap lies between the point's last reading and one at `at`."""
        heard, late = self._heard.get(ref.device), self._late.get(ref.device)
        if heard is None or ref.device in self._lost or ref not in self._followed:
            return False
        return late is None or at - heard <= late

    def known_at_change(self, ref: PointRef, at: datetime, device: str) -> datetime | None:
        """As `known_until`, when `device` stamped a change at `at`: its samples come in the order of their stamps."""
        if ref.device == device and ref in self._followed and not self.is_polled(device):
            return at
        return self.known_until(ref, at)

    def is_polled(self, device: str) -> bool:
        """Whether every reading of the device is a sample of its own, also when nothing changed."""
        return device in self._late

    def note_bad(self, ref: PointRef) -> None:
        """The point cannot be read: from now until its next good sample nobody watches it."""
        self._followed.discard(ref)

    def note_sample(self, ref: PointRef, at: datetime) -> None:
        """A sample of the point with this stamp was taken."""
        self._followed.add(ref)
        latest = self._sampled.get(ref.device)
        if latest is None or at > latest:
            self._sampled[ref.device] = at

    def note_stamp(self, device: str, at: datetime) -> None:
        """Some point of the device was read, with this stamp."""
        latest = self._sampled.get(device)
        if latest is None or at > latest:
            self._sampled[device] = at

    def lose(self, device: str) -> None:
        """The device does not answer."""
        self._lost.add(device)

    def find(self, device: str, at: datetime) -> None:
        """The device answers (again): say what was not observed."""
        begin = self._heard.get(device) or self._before_start.pop(device, None)
        if begin is not None:  # a report that was on its way when the device was last heard of is lost, too
            begin -= self._delay.get(device, timedelta(0))
        cause = GapCause.CONNECTIVITY if device in self._heard else GapCause.GATEWAY
        self._lost.discard(device)
        self._followed = {ref for ref in self._followed if ref.device != device}
        if begin is not None and at > begin:
            self._say(device, begin, at, cause)
        self._heard[device] = at

    def hear(self, device: str, at: datetime) -> None:
        """The device answered at `at`."""
        heard, late = self._heard.get(device), self._late.get(device)
        if heard is not None and late is not None and at - heard > late and device not in self._lost:
            self._say(device, heard, at, GapCause.DEVICE)
        if heard is None or at > heard:
            self._heard[device] = at

    def lose_readings(self, device: str, at: datetime) -> None:
        """The device lost readings: what it was asked for since it was last heard of is not all there.

        Its points are followed anew: whether one of them changed in between is not known.
        """
        begin = self._heard.get(device, self._before_start.get(device))
        if begin is None:  # never heard of before: there is no interval that anybody relies on
            return
        self._followed = {ref for ref in self._followed if ref.device != device}
        self._say(device, min(begin - self._delay.get(device, timedelta(0)), at), at, GapCause.DEVICE)

    def begin_anew(self, known_until: Mapping[str, datetime], now: datetime) -> None:
        """What these devices said since then is not relied on, because a copy of this gateway may have told it."""
        for device, begin in known_until.items():
            if device in self._devices:
                self._say(device, min(begin, now), now, GapCause.RESTORE)

    def save(self) -> None:
        """Put into the journal when each device was last heard of."""
        known = {**self._before_start, **self._heard}
        self._journal.save(_KEY, {device: format_time(at) for device, at in known.items()})

    def _say(self, device: str, begin: datetime, end: datetime, cause: GapCause) -> None:
        event = self._journal.emit(
            DataGapSeen,
            at=end,
            source=Source(type=SourceType.SYSTEM, ref=self._journal.identity.gateway),
            begin=begin,
            end=end,
            cause=cause,
            subject=device,
        )
        self._on_gap(device, begin, end, event.id)


def heard_before(saved: Mapping[str, str]) -> dict[str, datetime]:
    """When each device was last heard of by the derivation that saved this."""
    return {device: parse_time(at) for device, at in load(saved, _KEY).get("", {}).items()}


def awaited(devices: Iterable[str], saved: Mapping[str, str]) -> dict[str, datetime | None]:
    """The devices that a derivation before this one knew of, and when it heard of them last, where that is known."""
    heard = heard_before(saved)
    return {device: heard.get(device) for device in devices} if _KEY in saved else {}


def without_heard(saved: Mapping[str, str], devices: Collection[str]) -> dict[str, str]:
    """The saved state without when these devices were last heard of: whoever takes it over watches them already."""
    heard = load(saved, _KEY).get("", {})
    kept = {device: at for device, at in heard.items() if device not in devices}
    return {**saved, _KEY: json.dumps(kept)}
