"""Watches what the points of a map read, beside the derivation, and finds what is wrong in the map.

It never disturbs counting: it takes the same observations, decides nothing, and may be left out. A sample costs it a
look-up and a place in a list of bounded length; what the samples mean is worked out a few points at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from genba_edge.core.diagnosis.counter_rules import counter_signs, wrap_sign
from genba_edge.core.diagnosis.counter_trace import CounterTrace, Shape
from genba_edge.core.diagnosis.finding import Finding, FindingCode, Sign
from genba_edge.core.diagnosis.places import counter_traces, measure_traces, signal_traces, station_traces
from genba_edge.core.diagnosis.register_rules import MeasureTrace, counter_order_sign, register_signs
from genba_edge.core.diagnosis.signal_trace import SignalTrace
from genba_edge.core.observations import DeviceAlive, DeviceBack, DeviceLost, Observation, Sample
from genba_shared.device_map.model import DeviceMap, ModbusDevice, PointRef

__all__ = ["MapDoubts"]

LOOK: Final = timedelta(seconds=5)  # plant: how often anything is worked out
ROUND: Final = timedelta(seconds=10)  # plant: how often stations and findings are gone through
MOST_AT_ONCE: Final = 100  # counters that are worked out at one look
GONE: Final = timedelta(minutes=10)  # plant: a finding whose signs are away so long is gone
Trace = CounterTrace | SignalTrace | MeasureTrace
Note = Callable[[Sample], None]
_NONE: Final[Mapping[str, Note]] = {}


class MapDoubts:
    """What is doubtful in a map, from all that its devices say.

    Args:
        device_map: a checked map.
        speed: plant seconds in a second of the wall, in which polls are paced.
        heard: when each device was last heard of before the start, where that is known.
        former: the doubts of the map before; what they remember of points that are the same goes on.
    """

    def __init__(
        self,
        device_map: DeviceMap,
        *,
        speed: float = 1.0,
        heard: Mapping[str, datetime] | None = None,
        former: MapDoubts | None = None,
    ) -> None:
        self._map, self._speed = device_map, speed
        self._counters = counter_traces(device_map, speed)
        self._signals = signal_traces(device_map, speed)
        self._measures = measure_traces(device_map)
        self._findings: dict[str, Finding] = {}
        self._heard: dict[str, datetime] = dict(heard or {})
        self._outage_s: dict[str, float] = {}
        if former is not None:
            self._go_on_from(former)
        self._stations = station_traces(device_map, self._counters, self._signals)
        self._of_device: dict[str, list[CounterTrace]] = {}
        for ref, counter in self._counters.items():
            self._of_device.setdefault(ref.device, []).append(counter)
        self._signals_of: dict[str, list[SignalTrace]] = {}
        for ref, signal in self._signals.items():
            self._signals_of.setdefault(ref.device, []).append(signal)
        self._notes: dict[str, dict[str, Note]] = {}
        for traces in (self._measures, self._counters, self._signals):
            for ref, trace in traces.items():
                self._notes.setdefault(ref.device, {})[ref.point] = trace.note
        self._to_learn: Iterator[CounterTrace] = iter(())
        self._looked_at: datetime | None = None
        self._round_at: datetime | None = None
        self._signs: dict[PointRef, list[Sign]] = {}

    def _go_on_from(self, former: MapDoubts) -> None:
        """Keep what is remembered of points that mean the same in both maps."""
        self._counters |= {
            ref: each for ref, each in former._counters.items() if _is_same(each, self._counters.get(ref))
        }
        self._signals |= {ref: each for ref, each in former._signals.items() if _is_same(each, self._signals.get(ref))}
        self._measures |= {
            ref: each for ref, each in former._measures.items() if _is_same(each, self._measures.get(ref))
        }
        kept = {**self._counters, **self._signals, **self._measures}
        before = {**former._counters, **former._signals, **former._measures}
        for key, finding in former._findings.items():
            ref = finding.sign.ref
            if ref in kept and kept[ref] is before.get(ref):
                self._findings[key] = finding
        self._heard |= {device: at for device, at in former._heard.items() if device in self._map.devices}
        self._outage_s |= {device: span for device, span in former._outage_s.items() if device in self._map.devices}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong now, the oldest first."""
        return tuple(self._findings.values())

    def take(self, observations: Iterable[Observation]) -> None:
        """What a driver told together."""
        device, notes = "", _NONE
        for one in observations:
            if type(one) is Sample:
                if one.device != device:
                    device = one.device
                    notes = self._notes.get(device, _NONE)
                note = notes.get(one.point)
                if note is not None:
                    note(one)
            elif type(one) is DeviceAlive:
                self._heard[one.device] = one.at
            elif type(one) is DeviceBack:
                self._note_back(one)
            elif type(one) is DeviceLost:
                self._lose(one.device)

    def note_sampling(self, device: str, sampled_s: Mapping[str, float]) -> None:
        """How often a device samples points, in seconds on the wall, where that is more seldom than the map asks."""
        for point, wall_s in sampled_s.items():
            signal = self._signals.get(PointRef(device, point))
            if signal is not None:
                signal.note_period(wall_s, speed=self._speed)

    def look(self, now: datetime) -> None:
        """Work out what came since the last look; call it as often as you like."""
        if self._looked_at is not None and self._looked_at <= now < self._looked_at + LOOK:
            return
        self._looked_at = now
        for trace in self._learn(MOST_AT_ONCE):
            self._signs[trace.place.ref] = list(_signs_of(trace, now))
        if self._round_at is None or not self._round_at <= now < self._round_at + ROUND:
            self._round_at = now
            self._go_round(now)

    def _note_back(self, back: DeviceBack) -> None:
        heard = self._heard.get(back.device)
        if heard is not None:
            away_s = (back.at - heard).total_seconds()
            self._outage_s[back.device] = max(self._outage_s.get(back.device, 0.0), away_s)
        self._heard[back.device] = back.at

    def _lose(self, device: str) -> None:
        for signal in self._signals_of.get(device, ()):
            signal.lose()

    def _learn(self, most: int) -> list[CounterTrace]:
        """The counters that moved, as many as one look may take; each has its turn."""
        learnt: list[CounterTrace] = []
        for _ in range(2):
            for trace in self._to_learn:
                if trace.has_news:
                    trace.learn()
                    learnt.append(trace)
                    if len(learnt) == most:
                        return learnt
            self._to_learn = iter(self._counters.values())
            if learnt:
                break
        return learnt

    def _go_round(self, now: datetime) -> None:
        signs = list(self._all_signs(now))
        shifted = {sign.ref.device for sign in signs if sign.code is FindingCode.ADDRESS_ONE_OFF}
        for sign in signs:  # what else is strange at such a device follows from its addresses
            if sign.code is FindingCode.ADDRESS_ONE_OFF or sign.ref.device not in shifted:
                self._keep(sign, now)
        self._findings = {
            key: each
            for key, each in self._findings.items()
            if now - each.last_seen < GONE
            and (each.sign.code is FindingCode.ADDRESS_ONE_OFF or each.sign.ref.device not in shifted)
        }

    def _keep(self, sign: Sign, now: datetime) -> None:
        new = Finding(sign=sign, station=self._station_of(sign.ref), first_seen=sign.seen_at, last_seen=now)
        old = self._findings.get(new.key)
        self._findings[new.key] = new if old is None else replace(new, first_seen=old.first_seen)

    def _station_of(self, ref: PointRef) -> str | None:
        if ref in self._counters:
            return self._counters[ref].place.station
        return self._signals[ref].place.station if ref in self._signals else None

    def _all_signs(self, now: datetime) -> Iterator[Sign]:
        for device, counters in self._of_device.items():
            yield from self._signs_of_device(device, counters, now)
        for signal in self._signals.values():
            yield from signal.signs(now)
        for measure in self._measures.values():
            if (sign := measure.sign()) is not None:
                yield sign
        for station in self._stations.values():
            if (sign := station.look(now)) is not None:
                yield sign

    def _signs_of_device(self, device: str, counters: Sequence[CounterTrace], now: datetime) -> Iterator[Sign]:
        settings = self._map.devices[device]
        if isinstance(settings, ModbusDevice):
            yield from register_signs(settings, counters, self._signals_of.get(device, ()))
        outage_s = self._outage_s.get(device, 0.0)
        for trace in counters:
            if trace.is_beyond_limit:  # which time alone makes certain
                yield from _signs_of(trace, now)
            else:
                yield from self._signs.get(trace.place.ref, ())
            if outage_s and (sign := wrap_sign(trace, outage_s=outage_s)) is not None:
                yield sign


def _signs_of(trace: CounterTrace, now: datetime) -> Iterator[Sign]:
    if trace.shape is Shape.HIGH_WORD:
        return  # its device is judged as a whole
    order = counter_order_sign(trace)
    if order is not None:
        yield order
    else:
        yield from counter_signs(trace, now)


def _is_same(old: Trace, new: Trace | None) -> bool:
    return new is not None and old.place == new.place
