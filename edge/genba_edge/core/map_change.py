"""What is different between two device maps, as far as a running gateway is concerned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from genba_shared.device_map.model import DeviceMap


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Names of one part of the map: new, gone, with other settings, and as before."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    same: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MapChange:
    """What a new map changes. `refusals`: why a running gateway cannot take it, in sentences."""

    devices: Entries
    stations: Entries
    zones: Entries
    nodes: Entries
    refusals: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """One line for each entry that is not as before, for people."""
        parts = {"device": self.devices, "station": self.stations, "zone": self.zones, "node": self.nodes}
        for part, entries in parts.items():
            yield from (f"{part} {name}: new" for name in entries.added)
            yield from (f"{part} {name}: {_CHANGED[part]}" for name in entries.changed)
            yield from (f"{part} {name}: removed" for name in entries.removed)


_CHANGED = {
    "device": "changed, connects anew",
    "station": "changed",
    "zone": "changed",
    "node": "changed",
}


def compare(old: DeviceMap, new: DeviceMap) -> MapChange:
    """What `new` changes in a gateway that runs with `old`."""
    return MapChange(
        devices=_entries(old.devices, new.devices),
        stations=_entries(old.stations, new.stations),
        zones=_entries(old.zones, new.zones),
        nodes=_entries(old.nodes, new.nodes),
        refusals=tuple(_refusals(old, new)),
    )


def _entries(old: Mapping[str, object], new: Mapping[str, object]) -> Entries:
    return Entries(
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        changed=tuple(name for name in new if name in old and new[name] != old[name]),
        same=tuple(name for name in new if name in old and new[name] == old[name]),
    )


def _refusals(old: DeviceMap, new: DeviceMap) -> Iterator[str]:
    if new.gateway.id != old.gateway.id:
        yield (
            f"gateway.id is '{new.gateway.id}' and the running gateway is '{old.gateway.id}': "
            "another gateway needs its own process and state folder."
        )
    for path, before, after in (
        ("gateway.site", old.gateway.site, new.gateway.site),
        ("store", old.store, new.store),
        ("collector", old.collector, new.collector),
    ):
        if before != after:
            yield f"{path} is different: it is read at the start only. Restart the gateway to change it."
