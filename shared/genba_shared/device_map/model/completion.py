"""What starts and what completes a node: conditions that `all` and `any` join."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from genba_shared.device_map.model.points import PointRef
from genba_shared.events import StationState


class StartRule(StrEnum):
    """What starts a node, where a word says it; the first piece starts it at the latest."""

    FIRST_PIECE = "first_piece"
    FIRST_TAG = "first_tag"
    DISPATCH = "dispatch"


class Counted(StrEnum):
    """Which pieces count: good ones, or all that went through (good and scrap)."""

    GOOD = "good"
    PROCESSED = "processed"


class PointSign(StrEnum):
    """How a bit speaks: while it is true, or at the moment when it becomes true or false."""

    TRUE = "point"
    RISES = "rises"
    FALLS = "falls"


@dataclass(frozen=True, slots=True, kw_only=True)
class PiecesReach:
    """The pieces that were counted at the node's stations reach the quantity of the node."""

    counted: Counted = Counted.GOOD

    def __str__(self) -> str:
        return f"{self.counted}: node.quantity"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllLeft:
    """All tags of the work order have left the zone, each after it was there for `min_dwell_s` (plant)."""

    zone: str
    min_dwell_s: float = 0.0

    def __str__(self) -> str:
        return f"all_left: {self.zone}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PointIs:
    """A bit is true, or has risen or fallen since the work began."""

    point: PointRef
    sign: PointSign

    def __str__(self) -> str:
        return f"{self.sign}: {self.point}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationIs:
    """Every station that works on the node is in one of these states, or has gone on to other work."""

    states: tuple[StationState, ...]

    def __str__(self) -> str:
        return f"state: {', '.join(self.states)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSinceStart:
    """So much plant time has passed since the node was started."""

    least_s: float

    def __str__(self) -> str:
        return f"min_time: {self.least_s:g}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """Every one of the conditions."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return f"all: [{'; '.join(map(str, self.parts))}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """One of the conditions."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return f"any: [{'; '.join(map(str, self.parts))}]"


Leaf = PiecesReach | AllLeft | PointIs | StationIs | TimeSinceStart
Condition = Leaf | AllOf | AnyOf


def leaves_of(condition: Condition) -> Iterator[Leaf]:
    """The conditions that nothing joins, in the order in which they are written."""
    match condition:
        case AllOf(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from leaves_of(part)
        case PiecesReach() | AllLeft() | PointIs() | StationIs() | TimeSinceStart():
            yield condition
        case _:
            assert_never(condition)


def confirms(condition: Condition) -> bool:
    """Whether every way to meet the condition needs something that only this work order's own work can show.

    Time passes, stations pause, and bits stay true whatever is worked on.
    """
    match condition:
        case AllOf(parts=parts):
            return any(confirms(part) for part in parts)
        case AnyOf(parts=parts):
            return all(confirms(part) for part in parts)
        case PiecesReach() | AllLeft():
            return True
        case PointIs(sign=sign):
            return sign is not PointSign.TRUE
        case StationIs() | TimeSinceStart():
            return False
        case _:
            assert_never(condition)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRule:
    """What completes a node; without anything else, its good pieces."""

    condition: Condition = PiecesReach()

    @property
    def all_left(self) -> str | None:
        """The zone that the tags of the work order have to leave; None: tags complete nothing."""
        return next((leaf.zone for leaf in leaves_of(self.condition) if isinstance(leaf, AllLeft)), None)

    @property
    def min_dwell_s(self) -> float:
        """How long a tag has to be in that zone to count."""
        return next((leaf.min_dwell_s for leaf in leaves_of(self.condition) if isinstance(leaf, AllLeft)), 0.0)
