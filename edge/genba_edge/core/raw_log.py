"""The raw log: everything that drivers said and dispatch ordered, as lines of JSON, to be derived again later.

One line is one call of the derivation, with its moment. Times are microseconds before that moment, and a set of points
that was read unchanged is written once and named by its number from then on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, assert_never

from genba_edge.core.journal import Moment
from genba_edge.core.observations import (
    DeviceAlive,
    DeviceBack,
    DeviceLost,
    Observation,
    Quality,
    ReadingsLost,
    Sample,
    TagRead,
    Unchanged,
)
from genba_shared.dispatch_document import DispatchDocument
from genba_shared.errors import ContractError

FORMAT: Final = 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_SETS: Final = 1000  # a driver that never reads the same points twice must not fill the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class RawHeader:
    """The first line: who recorded, with which map, and the derivation's saved state at that time.

    `map_text`: the map without comments and secrets (empty: recorded by a version that did not keep it).
    """

    gateway: str
    map_sha256: str
    version: str
    boot: str
    speed: float
    state: Mapping[str, str]
    map_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBatch:
    """What a driver emitted together, and when the derivation took it."""

    moment: Moment
    observations: tuple[Observation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDispatch:
    """A dispatch document, and when the derivation took it."""

    moment: Moment
    document: DispatchDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMap:
    """From here on the gateway ran with another map."""

    map_sha256: str
    map_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMissing:
    """Batches that could not be written in time."""

    batches: int


RawEntry = RawHeader | RawBatch | RawDispatch | RawMap | RawMissing


class RawEncoder:
    """Writes the lines of one file."""

    def __init__(self) -> None:
        self._sets: dict[tuple[str, tuple[str, ...]], int] = {}

    def line(self, entry: RawEntry) -> str:
        """One entry as one line, without its line break."""
        return json.dumps(self._object(entry), ensure_ascii=True, separators=(",", ":"))

    def _object(self, entry: RawEntry) -> dict[str, Any]:
        match entry:
            case RawHeader():
                return {
                    "genba_raw": FORMAT,
                    "gateway": entry.gateway,
                    "map": entry.map_sha256,
                    "version": entry.version,
                    "boot": entry.boot,
                    "speed": entry.speed,
                    "state": dict(entry.state),
                    "text": entry.map_text,
                }
            case RawBatch(moment=moment, observations=observations):
                now = _micros(moment.now)
                items = [item for observation in observations for item in self._items(observation, now)]
                return {"n": now, "m": moment.mono_ms, "o": items}
            case RawDispatch(moment=moment, document=document):
                return {"n": _micros(moment.now), "m": moment.mono_ms, "d": document.to_json()}
            case RawMap():
                return {"map": entry.map_sha256, "text": entry.map_text}
            case RawMissing():
                return {"missing": entry.batches}
            case _:
                assert_never(entry)

    def _items(self, observation: Observation, now: int) -> list[list[Any]]:
        device = observation.device
        match observation:
            case Sample():
                item = ["s", device, observation.point, observation.value, now - _micros(observation.at)]
                is_plain = observation.quality is Quality.GOOD and not observation.status
                if observation.seen_at != observation.at or not is_plain:
                    item += [now - _micros(observation.seen_at), str(observation.quality)]
                if observation.status:
                    item.append(observation.status)
                return [item]
            case Unchanged():
                return self._unchanged(observation, now)
            case TagRead():
                times = (observation.first_seen, observation.last_seen, observation.seen_at)
                what = [observation.antenna, observation.tag, observation.reads, observation.rssi_dbm]
                return [["t", device, *what, *(now - _micros(at) for at in times)]]
            case ReadingsLost():
                return [["r", device, now - _micros(observation.at), observation.reason]]
            case DeviceAlive():
                return [["a", device, now - _micros(observation.at)]]
            case DeviceBack():
                return [["b", device, now - _micros(observation.at)]]
            case DeviceLost():
                return [["l", device, now - _micros(observation.at), observation.reason]]
            case _:
                assert_never(observation)

    def _unchanged(self, observation: Unchanged, now: int) -> list[list[Any]]:
        key = (observation.device, observation.points)
        items: list[list[Any]] = []
        if key not in self._sets:
            if len(self._sets) == _MOST_SETS:
                self._sets.clear()
            self._sets[key] = len(self._sets)
            items.append(["p", self._sets[key], observation.device, list(observation.points)])
        items.append(["u", self._sets[key], now - _micros(observation.at)])
        return items


class RawDecoder:
    """Reads the lines of one file, in their order."""

    def __init__(self) -> None:
        self._sets: dict[int, tuple[str, tuple[str, ...]]] = {}
        self._readers: dict[str, Callable[[list[Any], _Times], Observation | None]] = {
            "s": _sample,
            "u": self._unchanged,
            "a": lambda item, at: DeviceAlive(device=item[1], at=at[item[2]]),
            "t": _tag_read,
            "p": self._set,
            "r": lambda item, at: ReadingsLost(device=item[1], at=at[item[2]], reason=item[3]),
            "b": lambda item, at: DeviceBack(device=item[1], at=at[item[2]]),
            "l": lambda item, at: DeviceLost(device=item[1], at=at[item[2]], reason=item[3]),
        }

    def entry(self, line: str | bytes) -> RawEntry:
        """The entry that stands in a line.

        Raises:
            ContractError: not a line of a raw log, or of a version that is not known here.
        """
        try:
            return self._entry(json.loads(line if isinstance(line, str) else line.decode()))
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as exc:
            raise ContractError(f"not a line of a raw log ({type(exc).__name__}: {exc})") from exc

    def _entry(self, written: dict[str, Any]) -> RawEntry:
        if "o" in written:
            times, readers = _Times(int(written["n"])), self._readers
            found = [readers[item[0]](item, times) for item in written["o"]]
            moment = Moment(now=times[0], mono_ms=int(written["m"]))
            return RawBatch(moment=moment, observations=tuple([each for each in found if each is not None]))
        if "d" in written:
            return RawDispatch(moment=_moment(written), document=DispatchDocument.from_json(written["d"]))
        if "genba_raw" in written:
            if written["genba_raw"] != FORMAT:
                raise ContractError(f"raw log of format {written['genba_raw']}: this version of genba reads {FORMAT}")
            return RawHeader(
                gateway=written["gateway"],
                map_sha256=written["map"],
                version=written["version"],
                boot=written["boot"],
                speed=float(written["speed"]),
                state={str(key): str(value) for key, value in written["state"].items()},
                map_text=str(written.get("text", "")),
            )
        if "map" in written:
            return RawMap(map_sha256=written["map"], map_text=str(written.get("text", "")))
        return RawMissing(batches=int(written["missing"]))

    def _unchanged(self, item: list[Any], at: _Times) -> Unchanged:
        device, points = self._sets[item[1]]
        return Unchanged(device=device, points=points, at=at[item[2]])

    def _set(self, item: list[Any], _at: _Times) -> None:
        self._sets[item[1]] = (item[2], tuple(item[3]))


class _Times(dict[int, datetime]):
    """The moments of one line by how many microseconds before it they were: most of a line's readings share one."""

    def __init__(self, now: int) -> None:
        self._now = now

    def __missing__(self, ago: int) -> datetime:
        self[ago] = at = _time(self._now - ago)
        return at


def _sample(item: list[Any], at: _Times) -> Sample:
    moment = at[item[4]]
    if len(item) == 5:
        return Sample(item[1], item[2], item[3], moment, moment)
    status = item[7] if len(item) > 7 else ""
    return Sample(item[1], item[2], item[3], moment, at[item[5]], Quality(item[6]), status)


def _tag_read(item: list[Any], at: _Times) -> TagRead:
    _, device, antenna, tag, reads, rssi_dbm, first, last, seen = item
    return TagRead(
        device=device,
        antenna=antenna,
        tag=tag,
        reads=reads,
        rssi_dbm=rssi_dbm,
        first_seen=at[first],
        last_seen=at[last],
        seen_at=at[seen],
    )


def batch(observations: Sequence[Observation], moment: Moment) -> RawBatch:
    """The entry of what a driver emitted together."""
    return RawBatch(moment=moment, observations=tuple(observations))


def _moment(written: Mapping[str, Any]) -> Moment:
    return Moment(now=_time(int(written["n"])), mono_ms=int(written["m"]))


def _micros(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def _time(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
