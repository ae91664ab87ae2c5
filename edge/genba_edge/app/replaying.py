"""What a replay is made of: the log's own map, those that are compared, and how readings of one become the other's."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from genba_edge.app.pace import pace_of
from genba_edge.app.raw_file import later_maps, read_raw
from genba_edge.core.raw_log import RawHeader, RawMap
from genba_edge.core.replay import RecordedReplay, Replay
from genba_edge.core.rereading import Rereading
from genba_edge.core.watch import Pace
from genba_shared.device_map import DeviceMap, load_recorded_map
from genba_shared.errors import ConfigError, UsageError
from genba_shared.version import VERSION


@dataclass(slots=True, kw_only=True)
class Run:
    """The derivations of one replay: that of the new map first, then that of what it is compared with, if anything.

    `against`: the map of the second one; several, where the gateway went on with another map while it recorded.
    """

    header: RawHeader
    replays: list[Replay]
    against: list[DeviceMap] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    rereadings: list[Rereading] = field(default_factory=list)

    def notes(self) -> list[str]:
        """What whoever reads the difference must know."""
        found = [*self.said, *(note for rereading in self.rereadings for note in rereading.notes)]
        return list(dict.fromkeys(found))


def prepare(raw: Path, new: DeviceMap, *, against: DeviceMap | None) -> Run:
    """What is needed to replay a log with `new`, and with `against` or else with the map that was recorded.

    Raises:
        UsageError: not a raw log.
    """
    header = next(read_raw(raw))
    if not isinstance(header, RawHeader):
        raise UsageError(f"{raw} is not a raw log")
    recorded, said = _recorded(header)
    maps = _Maps(header.speed)
    run = Run(header=header, replays=[_replay(new, header, recorded, maps)], said=said)
    if against is not None:
        run.against.append(against)
        run.replays.append(_replay(against, header, recorded, maps))
    elif recorded is not None:
        later = later_maps(raw)
        if not later and recorded.sha256 == new.sha256:
            run.said.append("this is the map that was recorded: there is nothing to compare it with")
        else:
            run.against += [recorded, *(found[0] for each in later if (found := maps(each)) is not None)]
            pace = pace_of(recorded, header.speed)
            own = RecordedReplay(recorded, header, pace, maps=maps) if later else Replay(recorded, header, pace)
            run.replays.append(own)
    if recorded is not None and header.version != VERSION:
        run.said.append(f"recorded by genba {header.version}; compared is what this version makes of either map")
    run.rereadings = [each.rereading for each in run.replays if each.rereading is not None]
    return run


@dataclass(frozen=True, slots=True)
class _Maps:
    """Reads the maps that a log holds behind its first."""

    speed: float

    def __call__(self, entry: RawMap) -> tuple[DeviceMap, Pace] | None:
        if not entry.map_text:
            return None
        try:
            device_map = load_recorded_map(entry.map_text, sha256=entry.map_sha256)
        except ConfigError:
            return None
        return device_map, pace_of(device_map, self.speed)


def _recorded(header: RawHeader) -> tuple[DeviceMap | None, list[str]]:
    """The map that the log begins with, and what is to be said where there is none."""
    if not header.map_text:
        return None, [
            f"the log does not hold the map it was recorded with ({header.map_sha256[:12]}): name it --against"
        ]
    try:
        return load_recorded_map(header.map_text, sha256=header.map_sha256), []
    except ConfigError as exc:
        return None, [
            f"the recorded map ({header.map_sha256[:12]}) is none for this version: {exc.problems[0].message}"
        ]


def _replay(device_map: DeviceMap, header: RawHeader, recorded: DeviceMap | None, maps: _Maps) -> Replay:
    pace = pace_of(device_map, header.speed)
    if recorded is None:
        return Replay(device_map, header, pace)
    was = pace_of(recorded, header.speed)  # the log has readings as often as they were read
    pace = Pace(
        poll_s={**pace.poll_s, **{name: s for name, s in was.poll_s.items() if name in pace.poll_s}},
        report_delay_s={
            **pace.report_delay_s,
            **{name: s for name, s in was.report_delay_s.items() if name in pace.report_delay_s},
        },
    )
    return Replay(device_map, header, pace, rereading=Rereading(recorded, device_map), maps=maps)
