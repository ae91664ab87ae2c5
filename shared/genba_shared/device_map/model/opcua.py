"""An OPC UA server and its points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from genba_shared.device_map.model.points import Point, TimeSource
from genba_shared.secret import Secret


class ReadMode(StrEnum):
    """Whether an OPC UA point is subscribed to or read in a poll."""

    SUBSCRIBE = "subscribe"
    READ = "read"


class SecurityPolicy(StrEnum):
    """How an OPC UA connection is signed and encrypted. Source: OPC 10000-7, 6.6 (security policies)."""

    NONE = "none"
    BASIC256SHA256 = "Basic256Sha256"
    AES128_SHA256 = "Aes128_Sha256_RsaOaep"
    AES256_SHA256 = "Aes256_Sha256_RsaPss"


class SecurityMode(StrEnum):
    """Whether messages are only signed, or also unreadable on their way."""

    SIGN = "Sign"
    SIGN_AND_ENCRYPT = "SignAndEncrypt"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySettings:
    """How a connection is protected.

    `server_fingerprint` is ``sha256:`` and 64 hex digits; empty: the first certificate that is seen is pinned.
    """

    policy: SecurityPolicy = SecurityPolicy.BASIC256SHA256
    mode: SecurityMode = SecurityMode.SIGN_AND_ENCRYPT
    user: str = ""
    password: Secret | None = None
    server_fingerprint: str = ""


class OpcUaProfile(StrEnum):
    """Which information model the machine follows; `packml` and `machinery` bring ready points."""

    AUTO = "auto"
    PACKML = "packml"
    MACHINERY = "machinery"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowseStep:
    """One step of a browse path: a browse name, its namespace by URI, or by `index` where `uri` is empty."""

    name: str
    uri: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAddress:
    """Where a node is: a node id, then browse steps from there; without either, the server's Objects folder."""

    node: str = ""
    steps: tuple[BrowseStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpcUaPoint(Point):
    """A variable of the server: by `node` (a node id with ``nsu=URI;`` or ``ns=``), or by `path` where `node` is empty.

    `element` picks one of an array, by place or by the ``Name`` or ``ID`` of a structure in it; `member` picks a member
    of a structure, with dots for members of members. `words` gives each text a number, for states told in words.
    `time`: None is what the device says.
    """

    node: str = ""
    path: NodeAddress | None = None
    element: int | str | None = None
    member: str = ""
    words: Mapping[str, int] = field(default_factory=dict)
    mode: ReadMode = ReadMode.SUBSCRIBE
    sampling_s: float = 0.2
    queue: int = 10
    time: TimeSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpcUaDevice:
    """An OPC UA server. `good_codes` and `uncertain_codes` are status codes that this server means so."""

    id: str
    url: str
    points: Mapping[str, OpcUaPoint]
    label: str = ""
    security: SecuritySettings = SecuritySettings()
    profile: OpcUaProfile = OpcUaProfile.AUTO
    root: NodeAddress = NodeAddress()
    time: TimeSource = TimeSource.SOURCE
    good_codes: tuple[int, ...] = ()
    uncertain_codes: tuple[int, ...] = ()
    reconnect_max_s: float = 2.5  # and the connection itself: read again within 3 s
    timeout_s: float = 4.0
