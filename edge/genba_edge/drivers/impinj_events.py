"""Events of the Impinj IoT device interface: the same over HTTP and over MQTT.

An event is a JSON object with `eventType`, `timestamp` (when the reader queued it) and a field named after its type.
A tag's EPC comes as base64url; as hex (`epcHex`) and with the time of the read (`lastSeenTime`) only if the reader is
set so.

Source: Impinj IoT Device Interface, data stream events.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from genba_edge.drivers.json_values import MISSING, BadValue, Digits, dig, epc_of, number_of, time_of, whole_of
from genba_shared.device_map.model import EpcEncoding

MAX_PORT: Final = 255
_TAG: Final = "tagInventoryEvent"


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSeen:
    """A tag was read. `queued_at`: when the reader queued the event; `at`: when it read the tag."""

    tag: str
    antenna: int
    rssi_dbm: float | None
    at: datetime
    queued_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AntennaChanged:
    """An antenna was connected or disconnected."""

    antenna: int
    connected: bool


@dataclass(frozen=True, slots=True)
class InventoryChanged:
    """The reader reads (`running`), or does not (`idle`); other words are of its own."""

    status: str


class Overflowed:
    """The reader lost events, because nobody took them fast enough."""


class Other:
    """An event that says nothing about tags."""


Event = TagSeen | AntennaChanged | InventoryChanged | Overflowed | Other


def read_event(document: object) -> Event:
    """What one event says.

    Raises:
        BadValue: it is no event, or lacks what its type needs.
    """
    kind = dig(document, "eventType")
    if not isinstance(kind, str) or isinstance(kind, Digits):
        raise BadValue("an event has no eventType")
    match kind:
        case "tagInventory":
            return _tag_seen(document)
        case "antennaConnected" | "antennaDisconnected":
            port = whole_of(dig(document, f"{kind}Event.antennaPort"), least=1, most=MAX_PORT)
            return AntennaChanged(antenna=port, connected=kind == "antennaConnected")
        case "inventoryStatus":
            return InventoryChanged(str(dig(document, "inventoryStatusEvent.inventoryStatus")))
        case "overflow":
            return Overflowed()
        case _:
            return Other()


def _tag_seen(document: object) -> TagSeen:
    in_hex, encoded = dig(document, f"{_TAG}.epcHex"), dig(document, f"{_TAG}.epc")
    if in_hex is MISSING and encoded is MISSING:
        raise BadValue("a tagInventory event has no epc")
    rssi, seen = dig(document, f"{_TAG}.peakRssiCdbm"), dig(document, f"{_TAG}.lastSeenTime")
    queued_at = time_of(dig(document, "timestamp"))
    return TagSeen(
        tag=epc_of(encoded, EpcEncoding.BASE64) if in_hex is MISSING else epc_of(in_hex, EpcEncoding.HEX),
        antenna=whole_of(dig(document, f"{_TAG}.antennaPort"), least=1, most=MAX_PORT),
        rssi_dbm=None if rssi is MISSING else number_of(rssi) / 100,
        at=queued_at if seen is MISSING else time_of(seen),
        queued_at=queued_at,
    )
