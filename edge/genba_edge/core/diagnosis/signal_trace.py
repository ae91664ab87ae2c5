"""States, buttons and job numbers: how long their values stay, whether they have labels, whether they stand still."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from genba_edge.core.diagnosis.finding import FindingCode, Sign, Sureness
from genba_edge.core.observations import Quality, Sample
from genba_shared.device_map.model import ModbusDevice, ModbusPoint, OpcUaPoint, Point, PointRef
from genba_shared.device_map.units import DURATION
from genba_shared.events import StationState
from genba_shared.texts import say

__all__ = ["SignalPlace", "SignalTrace"]

LEAST_PULSES: Final = 8
PULSES_KEPT: Final = 12
SHORT: Final = 1.5  # periods: a pulse that ends sooner was seen in one poll
SHORT_SHARE: Final = 0.75
MOST_VALUES: Final = 16  # that are remembered of one point
LEAST_VISITS: Final = 3
HELD_S: Final = 30.0  # plant: a value that stays so long is no passing one
LEAST_JOBS: Final = 20
ALWAYS_S: Final = 10.0  # plant: a job number that changes more often is none, where the period is not known
LEAST_PERIOD_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalPlace:
    """Where a state, a button or a job number stands in the map; `period_s` (plant) is `wall_s` on the wall.

    `node`: the one whose job number it is. `device`: of a polled one, for its poll groups.
    """

    ref: PointRef
    point: Point
    station: str | None
    node: str | None
    period_s: float | None
    wall_s: float | None
    device: ModbusDevice | None


class SignalTrace:
    """The memory of one signal, of bounded size. Signals change seldom, so that every change is worked on at once."""

    def __init__(self, place: SignalPlace) -> None:
        self.place = place
        self._period_s, self._wall_s = place.period_s, place.wall_s
        self.value: object = None
        self.since: datetime | None = None
        self._seen: set[object] = set()
        self.returns = 0
        """How often it came back to a value that it had before; what counts never does."""
        self._begun: datetime | None = None
        self._short: deque[bool] = deque(maxlen=PULSES_KEPT)
        self._unlabelled: dict[int, int] = {}
        self._restless = 0

    def note(self, sample: Sample) -> None:
        """Take a sample."""
        if sample.quality is Quality.BAD or sample.value is None:
            self.lose()
            return
        if self.since is not None and sample.value == self.value:
            return
        if self.since is not None:
            self._note_rest((sample.at - self.since).total_seconds())
        was_on = self._is_on() if self.since is not None else None
        self.value, self.since = sample.value, sample.at
        self._note_pulse(was_on, at=sample.at)
        self.returns += sample.value in self._seen
        if len(self._seen) < MOST_VALUES:
            self._seen.add(sample.value)
        number = self._number()
        if self.is_strange and number is not None:
            self._note_unlabelled(number)

    def note_period(self, wall_s: float, *, speed: float) -> None:
        """The device samples it more slowly than the map asks."""
        if self._wall_s != wall_s:
            self._wall_s, self._period_s = wall_s, wall_s * speed
            self._short.clear()

    def lose(self) -> None:
        """The point is not read: how long its value stayed is not known."""
        self.since = self._begun = None

    @property
    def label(self) -> str | None:
        """What the map calls its value; None: nothing, or it is not read."""
        number = self._number()
        return None if number is None or self.since is None else self.place.point.labels.get(number)

    @property
    def is_strange(self) -> bool:
        """Whether it reads a value that no label names, or did when it was read last."""
        number = self._number()
        return bool(self.place.point.labels) and number is not None and number not in self.place.point.labels

    def signs(self, now: datetime) -> Iterator[Sign]:
        """Every sign of it."""
        if self.place.node is not None:
            if self._restless >= LEAST_JOBS:
                yield self._job_sign(now)
            return
        if (sign := self._pulse_sign(now)) is not None:
            yield sign
        if (sign := self._label_sign(now)) is not None:
            yield sign

    def _number(self) -> int | None:
        return int(self.value) if isinstance(self.value, int) else None

    def _note_unlabelled(self, value: int) -> None:
        if value in self._unlabelled or len(self._unlabelled) < MOST_VALUES:
            self._unlabelled[value] = self._unlabelled.get(value, 0) + 1

    def _is_on(self) -> bool:
        """Whether a bit is true, or a state runs: what a machine does for a moment only, and what must not be missed.

        Other states may pass in a moment: PackML's `Starting` lasts as long as the machine likes.
        """
        return self.label == StationState.RUNNING if self.place.point.labels else self.value is True

    def _note_pulse(self, was_on: bool | None, *, at: datetime) -> None:  # noqa: FBT001 - what it was, None: not known
        is_on = self._is_on()
        if is_on and was_on is False:
            self._begun = at
        elif was_on and not is_on and self._begun is not None and self._period_s is not None:
            stayed_s = (at - self._begun).total_seconds()
            self._short.append(stayed_s <= SHORT * self._period_s)

    def _note_rest(self, stayed_s: float) -> None:
        period_s = self._period_s
        is_short = stayed_s <= (ALWAYS_S if period_s is None else SHORT * period_s)
        self._restless = self._restless + 1 if is_short else 0

    # What is told -----------------------------------------------------------------------------------------------------

    def _sign(self, code: FindingCode, what: str, fix: str, *, at: datetime, path: str, write: str) -> Sign:
        return Sign(
            code=code,
            ref=self.place.ref,
            what=what,
            fix=fix,
            path=path,
            write=write,
            sureness=Sureness.CERTAIN,
            seen_at=at,
        )

    @property
    def _path(self) -> str:
        return f"devices.{self.place.ref.device}.points.{self.place.ref.point}"

    def _pulse_sign(self, now: datetime) -> Sign | None:
        short, pulses = sum(self._short), len(self._short)
        if pulses < LEAST_PULSES or short < SHORT_SHARE * pulses:
            return None
        wall_s = self._wall_s or 0.0
        what = say(
            "finding-short-pulse",
            "{point} was on {pulses} times, {short} of them in one reading only, with {period} from one to the next: "
            "pulses that fall between two readings are missed.",
            point=self.place.ref,
            pulses=pulses,
            short=short,
            period=DURATION.show(round(wall_s, 3)),
        )
        fix = say("finding-read-faster", "Read it at least twice in each pulse, or let the PLC hold it longer.")
        path, write = self._faster(wall_s)
        at = self.since or now
        return self._sign(FindingCode.PULSE_TOO_SHORT, what, fix, at=at, path=path, write=write)

    def _faster(self, wall_s: float) -> tuple[str, str]:
        """Where a shorter period is written: a poll group that is fast enough, the group's period, the sampling."""
        point, device = self.place.point, self.place.device
        shorter_s = max(LEAST_PERIOD_S, round(wall_s / 4, 3))
        if isinstance(point, ModbusPoint) and device is not None:
            groups = device.poll.groups
            faster = [name for name, period_s in groups.items() if period_s <= wall_s / 4]
            if faster:
                return self._path, f"group: {max(faster, key=lambda name: groups[name])}"
            return f"devices.{self.place.ref.device}.poll", f"{point.group}: {DURATION.show(shorter_s)}"
        if isinstance(point, OpcUaPoint) and shorter_s < point.sampling_s:  # else the server gives no more
            return self._path, f"sampling: {DURATION.show(shorter_s)}"
        return self._path, ""

    def _label_sign(self, now: datetime) -> Sign | None:
        labels = self.place.point.labels
        held_s = 0.0 if self.since is None else (now - self.since).total_seconds()
        seen = [
            value
            for value, visits in self._unlabelled.items()
            if visits >= LEAST_VISITS or (value == self._number() and held_s >= HELD_S)
        ]
        if not seen:
            return None
        what = say(
            "finding-no-label",
            "{point} reads {values}, for which there is no label; labels are for {known}.",
            point=self.place.ref,
            values=", ".join(map(str, seen)),
            known=", ".join(map(str, labels)),
        )
        fix = say("finding-add-label", "Add what the PLC means by it; until then its station is unknown:")
        every = {**labels, **dict.fromkeys(seen, str(StationState.UNKNOWN))}
        write = f"labels: {{{', '.join(f'{value}: {label}' for value, label in every.items())}}}"
        at = self.since or now
        return self._sign(FindingCode.VALUE_WITHOUT_LABEL, what, fix, at=at, path=self._path, write=write)

    def _job_sign(self, now: datetime) -> Sign:
        what = say(
            "finding-restless-job",
            "{point} is the job number of node {node}, and its last {changes} readings were all different.",
            point=self.place.ref,
            node=self.place.node,
            changes=self._restless,
        )
        fix = say("finding-name-job", "Name the point that holds the order number; dispatch can say it meanwhile:")
        path, write = f"nodes.{self.place.node}", "work_order: {from: dispatch}"
        return self._sign(FindingCode.JOB_NOT_STEADY, what, fix, at=self.since or now, path=path, write=write)
