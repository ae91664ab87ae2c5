"""A derivation with a new map takes over from one with the old map, without a moment in which nobody looked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from genba_edge.core.counted_point import KEY, counted_until
from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Commit, Identity, Moment
from genba_edge.core.map_change import MapChange
from genba_edge.core.observations import Sample
from genba_edge.core.present import DeviceStatus, Present
from genba_edge.core.watch import Pace, without_heard
from genba_shared.device_map.model import DeviceMap


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEpoch:
    """A derivation in a new epoch, and what must be committed together with the beginning of that."""

    deriver: Deriver
    first: Commit


def succeed(
    device_map: DeviceMap,
    change: MapChange,
    present: Present,
    *,
    identity: Identity,
    next_seq: int,
    saved: Mapping[str, str],
    pace: Pace,
    moment: Moment,
) -> Deriver:
    """The derivation that goes on with `device_map`.

    Counters, work, open passages and stations continue from `saved`, the state of the old derivation's last commit.
    Devices whose settings did not change were watched all the time: they are told again as they are `present`, so that
    nothing is declared unobserved. The others connect anew, and what they did meanwhile is declared. Work that the new
    map sees otherwise changes at `moment`.
    """
    same = change.devices.same
    deriver = Deriver(
        device_map,
        identity=identity,
        next_seq=next_seq,
        saved=without_heard(saved, [device for device in same if present.retell(device)]),
        pace=pace,
        moment=moment,
    )
    _retell_all(deriver, same, present, moment)
    return deriver


def begin_anew(
    device_map: DeviceMap,
    present: Present,
    *,
    identity: Identity,
    saved: Mapping[str, str],
    pace: Pace,
    moment: Moment,
) -> NewEpoch:
    """The derivation that goes on in a new epoch, that of `identity`.

    Each counter takes its present reading as its start: a copy of this gateway may have counted what came since it was
    last saved, so that this is declared as a gap and never counted.
    """
    forgotten = frozenset(key for key in saved if key.startswith(KEY))
    kept = {key: value for key, value in saved.items() if key not in forgotten}
    deriver = Deriver(
        device_map,
        identity=identity,
        next_seq=1,
        saved=without_heard(kept, [device for device in device_map.devices if present.retell(device)]),
        pace=pace,
        moment=moment,
    )
    deriver.begin_anew(counted_until(saved), moment)
    _retell_all(deriver, device_map.devices, present, moment)
    first = deriver.take_checkpoint()
    return NewEpoch(deriver=deriver, first=replace(first, state={**dict.fromkeys(forgotten), **first.state}))


def _retell_all(deriver: Deriver, devices: Iterable[str], present: Present, moment: Moment) -> None:
    for device in devices:
        told = present.retell(device)
        if present.devices[device].status is DeviceStatus.LOST:  # its readings do not hold any more
            deriver.recall(each for each in told if isinstance(each, Sample))
            told = tuple(each for each in told if not isinstance(each, Sample))
        deriver.retell(told, moment)
