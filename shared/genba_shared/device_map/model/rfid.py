"""RFID readers, their antennas, and when reads become a passage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from genba_shared.device_map.model.points import Point
from genba_shared.secret import Secret

_NO_POINTS: Final[Mapping[str, Point]] = MappingProxyType({})


class InventorySession(StrEnum):
    """EPC Gen2 session: how long a tag that was read stays silent. In S0 a tag that stays is read again and again."""

    S0 = "s0"
    S1 = "s1"
    S2 = "s2"
    S3 = "s3"


@dataclass(frozen=True, slots=True)
class ReadPointRef:
    """``device/read-point`` of an RFID reader."""

    device: str
    read_point: str

    def __str__(self) -> str:
        return f"{self.device}/{self.read_point}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Antenna:
    """One antenna of a reader. Several antennas may share a read point."""

    read_point: str
    power_dbm: float | None = None
    min_rssi_dbm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceSettings:
    """`min_reads` at or above `min_rssi` make a passage; `depart_after_s` of silence ends one (plant time)."""

    min_reads: int = 2
    depart_after_s: float = 45.0
    move_margin_db: float = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RfidReader:
    """What every source of tag reads has, whatever it speaks.

    `accept`: regular expression on the EPC (lower-case hex); others are strays. `report_s`: how often the reader
    reports, or how late a read may come.
    """

    id: str
    antennas: Mapping[int, Antenna] = field(default_factory=dict)
    label: str = ""
    accept: str = ""
    presence: PresenceSettings = field(default_factory=PresenceSettings)
    report_s: float = 0.5
    reconnect_max_s: float = 2.5  # and the connection itself: read again within 3 s
    timeout_s: float = 5.0

    @property
    def points(self) -> Mapping[str, Point]:
        """Its variables by name: a reader has none, unless its protocol carries some."""
        return _NO_POINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class LlrpDevice(RfidReader):
    """An RFID reader that speaks LLRP. `mode`: the reader's own number of a mode; None leaves the choice to it."""

    host: str
    port: int = 5084
    session: InventorySession = InventorySession.S0
    mode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpinjDevice(RfidReader):
    """An Impinj reader with the IoT device interface over HTTP.

    `fingerprint` is the SHA-256 of its certificate as 64 hex digits; with `ca` the certificate is checked by that file,
    and with neither by the authorities that the system trusts. `alive_within_s`: it sends a line at least every 30 s.
    """

    url: str
    user: str = ""
    password: Secret | None = None
    ca: Path | None = None
    fingerprint: str = ""
    preset: str = ""
    alive_within_s: float = 60.0
