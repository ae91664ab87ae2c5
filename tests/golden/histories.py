"""Golden histories: `tests/golden/histories/<case>/` is what happened in a plant, and the events that follow from it.

A case is a folder with

* `map.yaml`: the device map,
* `samples.csv`: what happened, one line each (below),
* `dispatch.json` (any name that a `dispatch` line gives): dispatch documents,
* `events.jsonl`: the events, in the one JSON form; stamps that say nothing here (`seen_at`, `boot`, `mono_ms`, `site`)
  are left out, and ids are shortened to ``#seq``. Written by ``python -m tests.golden.regenerate``; then read the diff.

`samples.csv` has the columns ``at,what,subject,value,more``. `at` is seconds since the beginning, or empty: the same as
in the line before. Readings with the same time are told together, as a driver does. Between lines time passes second by
second. `what` is one of

======== ============== ===================== =============================================================
what     subject        value                 more
======== ============== ===================== =============================================================
sample   device/point   the value             ``quality=bad`` or ``uncertain``; ``seen=12.5`` (read at, seconds)
read     device/antenna the tag               ``rssi=-55 reads=3 first=10.2 last=10.6`` (`at` where left out)
alive    device                               the device answered
back     device                               the device answers (again)
lost     device                               the device does not answer
missed   device                               the device lost readings
dispatch file name                            a dispatch document arrives
checkpoint                                    the gateway commits open passages and when it heard of devices
kill                                          the gateway is killed, and starts again from its last commit
map      file name                            the gateway is killed, and starts again with another map
stop                                          the gateway is stopped
======== ============== ===================== =============================================================
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from genba_edge.app.pace import pace_of
from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Commit, Identity, Moment
from genba_edge.core.observations import (
    DeviceAlive,
    DeviceBack,
    DeviceLost,
    Observation,
    Quality,
    ReadingsLost,
    Sample,
    TagRead,
    Value,
)
from genba_shared.device_map import load_device_map
from genba_shared.dispatch_document import DispatchDocument
from genba_shared.events import Event, event_to_json

FOLDER: Final = Path(__file__).parent / "histories"
T0: Final = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
_EPOCH: Final = "e" * 32
_SAYS_NOTHING: Final = ("seen_at", "boot", "mono_ms", "site")
_COLUMNS: Final = ["at", "what", "subject", "value", "more"]
_TOLD: Final = frozenset({"sample", "read", "alive", "back", "lost", "missed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of `samples.csv`; `at` in seconds."""

    number: int
    at: float
    what: str
    subject: str
    value: str
    more: dict[str, str]


def cases() -> list[Path]:
    """The folders of all cases."""
    return sorted(folder for folder in FOLDER.iterdir() if folder.is_dir())


def events_of(case: Path) -> list[Event]:
    """What the gateway derives from a case's history; a bug in the derivation is raised."""
    gateway = _Gateway(case)
    for (at, _), lines in groupby(_lines(case / "samples.csv"), key=_together):
        gateway.pass_time_until(at)
        gateway.take(list(lines))
    return gateway.events


def told_of(case: Path) -> str:
    """The text of `events.jsonl`."""
    return "".join(f"{json.dumps(_short(event), ensure_ascii=False)}\n" for event in events_of(case))


class _Gateway:
    def __init__(self, case: Path) -> None:
        self._case = case
        self._saved: dict[str, str] = {}
        self._at = 0.0
        self.events: list[Event] = []
        self._start("map.yaml")

    def _start(self, map_name: str) -> None:
        path = self._case / map_name
        self._map = load_device_map(Path(map_name), text=path.read_text(encoding="utf-8"))
        self._map_name = map_name
        self._deriver = Deriver(
            self._map,
            identity=Identity(
                gateway=self._map.gateway.id, epoch=_EPOCH, site=self._map.gateway.site or "site", boot="b"
            ),
            next_seq=len(self.events) + 1,
            saved=self._saved,
            pace=pace_of(self._map, 1.0),
            moment=self._moment(),
        )

    def pass_time_until(self, at: float) -> None:
        while self._at + 1 < at:
            self._at += 1
            self._deriver.pass_time(self._moment())
            self._commit()
        self._at = at

    def take(self, lines: Sequence[Line]) -> None:
        if lines[0].what in _TOLD:
            self._deriver.observe([_observation(line) for line in lines], self._moment())
            self._commit()
            return
        for line in lines:
            self._do(line)

    def _do(self, line: Line) -> None:
        match line.what:
            case "dispatch":
                text = (self._case / line.subject).read_text(encoding="utf-8")
                self._deriver.take_dispatch(DispatchDocument.from_text(text), self._moment())
                self._commit()
            case "checkpoint":
                self._keep(self._deriver.take_checkpoint())
            case "kill":
                self._start(self._map_name)
            case "map":
                self._start(line.subject)
            case "stop":
                self._deriver.shut_down(self._moment())
                self._keep(self._deriver.take_checkpoint())
            case _:
                raise ValueError(f"{self._case.name}/samples.csv:{line.number}: '{line.what}' is not known")

    def _moment(self) -> Moment:
        return Moment(now=_time(self._at), mono_ms=0)

    def _commit(self) -> None:
        for failure in self._deriver.take_failures():
            raise failure.error
        commit = self._deriver.take_commit()
        if commit is not None:
            self._keep(commit)

    def _keep(self, commit: Commit) -> None:
        self.events.extend(commit.events)
        for key, value in commit.state.items():
            if value is None:
                self._saved.pop(key, None)
            else:
                self._saved[key] = value


def _lines(path: Path) -> Iterator[Line]:
    at = 0.0
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(line for line in file if not line.startswith("#"))
        if next(rows) != _COLUMNS:
            raise ValueError(f"{path}: the first line must be {','.join(_COLUMNS)}")
        for number, row in enumerate(rows, start=2):
            if not row:
                continue
            written, what, subject, value, more = (*row, "", "", "", "")[:5]
            at = float(written) if written else at
            told = dict(part.split("=", 1) for part in more.split())
            yield Line(number=number, at=at, what=what, subject=subject, value=value, more=told)


def _together(line: Line) -> tuple[float, bool]:
    return line.at, line.what in _TOLD


def _observation(line: Line) -> Observation:
    device, _, part = line.subject.partition("/")
    at, more = _time(line.at), line.more
    match line.what:
        case "sample":
            quality = Quality(more.get("quality", "good"))
            value = None if quality is Quality.BAD else _value(line.value)
            seen_at = _time(float(more["seen"])) if "seen" in more else at
            return Sample(device=device, point=part, value=value, at=at, seen_at=seen_at, quality=quality)
        case "read":
            return TagRead(
                device=device,
                antenna=int(part),
                tag=line.value,
                first_seen=_time(float(more.get("first", line.at))),
                last_seen=_time(float(more.get("last", line.at))),
                seen_at=at,
                reads=int(more.get("reads", "1")),
                rssi_dbm=float(more["rssi"]) if "rssi" in more else None,
            )
        case "alive":
            return DeviceAlive(device=device, at=at)
        case "back":
            return DeviceBack(device=device, at=at)
        case "lost":
            return DeviceLost(device=device, at=at, reason="no answer")
        case _:
            return ReadingsLost(device=device, at=at, reason="queue overflow")


def _value(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _time(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def _short(event: Event) -> dict[str, Any]:
    told = {name: value for name, value in event_to_json(event).items() if name not in _SAYS_NOTHING}
    prefix = event.id.rpartition(":")[0] + ":"
    told["id"] = event.id.replace(prefix, "#")
    if event.because:
        told["because"] = [name.replace(prefix, "#") for name in event.because]
    return told
