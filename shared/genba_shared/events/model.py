"""The common part of every production event, and the closed choices its fields are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final, NamedTuple

from genba_shared.errors import ContractError

JSON_NAME: Final = "json"  # key of a dataclass field's metadata: its JSON name, where Python reserves that word


class SourceType(StrEnum):
    """Who or what says so."""

    PLC = "plc"
    RFID = "rfid"
    VISION = "vision"
    SENSOR = "sensor"
    SCAN = "scan"
    PERSON = "person"
    SUPPLIER = "supplier"
    CARRIER = "carrier"
    PARTNER = "partner"
    API = "api"
    IMPORT = "import"
    SYSTEM = "system"


class ClockQuality(StrEnum):
    """Whether the gateway's clock was synchronised when it stamped the event."""

    GOOD = "good"
    POOR = "poor"


class Result(StrEnum):
    """What the counted pieces are."""

    GOOD = "good"
    SCRAP = "scrap"
    REWORK = "rework"


class CountMethod(StrEnum):
    """Which explanation of a counter step the count rests on."""

    NORMAL = "normal"
    WRAP = "wrap"
    RESET = "reset"
    RESTORE = "restore"
    MANUAL = "manual"


class Confidence(StrEnum):
    """Whether a number stands (`certain`), or is one of several and somebody should look (`ambiguous`).

    An ambiguous count has `least` and `most`, and mostly `options`. A certain one may have bounds, too: they hold what
    is unlikely but not excluded, pieces that are on no counter. Whoever needs what is guaranteed uses the bounds
    wherever they stand; whoever asks people asks of ambiguous counts alone.
    """

    CERTAIN = "certain"
    AMBIGUOUS = "ambiguous"


class Direction(StrEnum):
    """What a passage does to the WIP of its zone."""

    ENTER = "enter"
    LEAVE = "leave"
    PASS = "pass"  # noqa: S105 (not a password: the word of the contract)


class StationState(StrEnum):
    """What a station does; silence is `unknown`, never `idle`."""

    RUNNING = "running"
    IDLE = "idle"
    SETUP = "setup"
    DOWN = "down"
    BLOCKED = "blocked"
    OFF = "off"
    UNKNOWN = "unknown"


class GapCause(StrEnum):
    """Why an interval was not observed. `gateway`: the gateway itself was not running."""

    CONNECTIVITY = "connectivity"
    DEVICE = "device"
    CLOCK = "clock"
    FULL = "full"
    RESTORE = "restore"
    GATEWAY = "gateway"


class Basis(StrEnum):
    """What a completion claim rests on."""

    COUNT = "count"
    TAGS = "tags"
    STATE = "state"


class QuestionCause(StrEnum):
    """Why a reading is questioned."""

    OTHER = "other"
    STEP = "step"  # no explanation of a counter's step fits
    IMPOSSIBLE = "impossible"  # a value that the counter cannot have
    SATURATED = "saturated"  # the counter stands at its limit: pieces vanish there
    MEANING = "meaning"  # the device map gives the counter another meaning
    WIP = "wip"  # what is in a zone does not fit what came and went
    MAP = "map"  # the readings do not fit what the device map says of the point
    IDENTITY = "identity"  # two gateways, or two copies of one, speak under one name


class CountOption(NamedTuple):
    """One possible explanation of a counter's step, and the pieces that it stands for; written ``wrap:5``."""

    method: CountMethod
    pieces: int

    def __str__(self) -> str:
        return f"{self.method}:{self.pieces}"

    @classmethod
    def parse(cls, text: str) -> CountOption | None:
        """Read ``wrap:5``; None for any other form."""
        word, _, number = text.partition(":")
        if word not in set(CountMethod) or not (number.isascii() and number.isdigit()) or len(number) > 19:
            return None
        return cls(CountMethod(word), int(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who says so: the kind of source, and which one (``cutter1/parts``, an opaque person id, a system name)."""

    type: SourceType
    ref: str


@dataclass(frozen=True, slots=True, order=True)
class EventId:
    """Identity of an event that a gateway made: ``gateway:epoch:seq``; seq counts from 1 within an epoch."""

    gateway: str
    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.gateway}:{self.epoch}:{self.seq}"

    @classmethod
    def parse(cls, text: str) -> EventId | None:
        """Read ``gateway:epoch:seq``; None for any other form (a client-made UUID)."""
        parts = text.split(":")
        if len(parts) != 3 or not (parts[2].isascii() and parts[2].isdigit()) or len(parts[2]) > 19:
            return None
        return cls(parts[0], parts[1], int(parts[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every production event says.

    `id` is ``gateway:epoch:seq`` or a client-made UUID. `at` is when it happened, `seen_at` when the gateway read it,
    `entered_at` when a person typed it (all aware UTC, whole milliseconds). `mono_ms` is the gateway's monotonic clock
    within `boot`. `because` names the events it was derived from.
    """

    kind: ClassVar[str]
    code: ClassVar[int]  # number of the kind on the wire; never used twice
    required: ClassVar[frozenset[str]] = frozenset()  # common fields that this kind cannot do without

    id: str
    at: datetime
    source: Source
    seen_at: datetime | None = None
    entered_at: datetime | None = None
    clock: ClockQuality = ClockQuality.GOOD
    boot: str | None = None
    mono_ms: int | None = None
    site: str | None = None
    station: str | None = None
    work_order: str | None = None
    node: str | None = None
    lot: str | None = None
    unit: str | None = None
    reason: str | None = None
    because: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.required:
            if getattr(self, name) is None:
                raise ContractError(f"{self.kind}: {name} is missing")
