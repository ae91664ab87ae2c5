"""How long a store lasts when the collector takes nothing."""

from __future__ import annotations

from typing import Final

from genba_shared.device_map.model import DeviceMap

EVENTS_A_DAY: Final = 1_000  # of a station or zone in two shifts: a piece a minute, states, completions
EVENT_BYTES: Final = 110  # in the store (docs/decisions/0017)
_DAY_S: Final = 86_400.0
_FOR_ALL: Final = 0.9  # the rest is kept for what is never dropped


def lasts_s(device_map: DeviceMap) -> float | None:
    """For how many seconds the usual events of such a map have room; None: there is no limit but the disk."""
    if device_map.store.max_bytes is None:
        return None
    sources = max(1, len(device_map.stations) + len(device_map.zones))
    return device_map.store.max_bytes * _FOR_ALL / (sources * EVENTS_A_DAY * EVENT_BYTES) * _DAY_S
