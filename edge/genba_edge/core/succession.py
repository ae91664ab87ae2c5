"""A derivation with a new map takes over from one with the old map, without a moment in which nobody looked."""

from __future__ import annotations

from collections.abc import Mapping

from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Identity, Moment
from genba_edge.core.map_change import MapChange
from genba_edge.core.observations import Sample
from genba_edge.core.present import DeviceStatus, Present
from genba_edge.core.watch import Pace, without_heard
from genba_shared.device_map.model import DeviceMap


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
    for device in same:
        told = present.retell(device)
        if present.devices[device].status is DeviceStatus.LOST:  # its readings do not hold any more
            deriver.recall(each for each in told if isinstance(each, Sample))
            told = tuple(each for each in told if not isinstance(each, Sample))
        deriver.retell(told, moment)
    return deriver
