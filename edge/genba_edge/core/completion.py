"""Whether a node is done: the conditions of its rule over what was seen, as a small algebra.

A condition is met by evidence with a time. `all` is met when all of its parts are, at the time of the last; `any` when
one is, at the time of the first. Nothing here remembers anything: the evidence stands in `Progress` and `Levels`.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from genba_edge.core.levels import Levels
from genba_edge.core.progress import Progress, Reached
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import (
    AllLeft,
    AllOf,
    AnyOf,
    Condition,
    Counted,
    Leaf,
    NodeRule,
    PiecesReach,
    PointIs,
    PointSign,
    StartRule,
    StationIs,
    TimeSinceStart,
    confirms,
    leaves_of,
)
from genba_shared.events import Basis, Result

BY_GOOD: Final = frozenset({Result.GOOD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One condition that is met: since when, by which events, and what was seen, for people."""

    condition: Leaf
    at: str
    because: tuple[str, ...] = ()
    saw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A condition that is met: when, and the parts that made it so."""

    at: str
    parts: tuple[Part, ...]

    @property
    def because(self) -> tuple[str, ...]:
        """The events of all parts, each once."""
        return tuple(dict.fromkeys(event for part in self.parts for event in part.because))

    @property
    def basis(self) -> Basis:
        """What the claim rests on: pieces before tags before bits, states and time."""
        if any(isinstance(part.condition, PiecesReach) for part in self.parts):
            return Basis.COUNT
        return Basis.TAGS if any(isinstance(part.condition, AllLeft) for part in self.parts) else Basis.STATE


def is_met(condition: Condition, show: Callable[[Leaf], Part | None]) -> Met | None:
    """When and by what the condition is met; None: it is not."""
    match condition:
        case AllOf(parts=parts):
            found = [is_met(part, show) for part in parts]
            met = [each for each in found if each is not None]
            if len(met) < len(found):
                return None
            return Met(at=max(each.at for each in met), parts=tuple(part for each in met for part in each.parts))
        case AnyOf(parts=parts):
            possible = [each for part in parts if (each := is_met(part, show)) is not None]
            return min(possible, key=lambda each: each.at, default=None)
        case PiecesReach() | AllLeft() | PointIs() | StationIs() | TimeSinceStart():
            shown = show(condition)
            return None if shown is None else Met(at=shown.at, parts=(shown,))
        case _:
            assert_never(condition)


def at_stations(condition: Condition) -> Condition | None:
    """What is left of the condition without tags: the part that the stations show. None: nothing that would do."""
    match condition:
        case AllOf(parts=parts) | AnyOf(parts=parts):
            kept = tuple(each for part in parts if (each := at_stations(part)) is not None)
            if isinstance(condition, AllOf) and not any(confirms(part) for part in kept):
                return None  # a pause or a bit that stays true is no reason to go on to other work
            if len(kept) < 2:
                return kept[0] if kept else None
            return replace(condition, parts=kept)
        case AllLeft():
            return None
        case PiecesReach() | PointIs() | StationIs() | TimeSinceStart():
            return condition
        case _:
            assert_never(condition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a condition is looked at with: the evidence, the quantity wanted, the tags bound to the work order, now."""

    progress: Progress
    quantity: int
    levels: Levels
    bound: Set[str]
    now: datetime

    def show(self, leaf: Leaf) -> Part | None:
        """The evidence that meets one condition; None: there is none."""
        match leaf:
            case PiecesReach():
                return self._pieces(leaf)
            case AllLeft():
                return self._tags(leaf)
            case PointIs():
                return self._bit(leaf)
            case StationIs():
                return self._stations(leaf)
            case TimeSinceStart():
                return self._time(leaf)
            case _:
                assert_never(leaf)

    def _pieces(self, leaf: PiecesReach) -> Part | None:
        reached, made = self.progress.reached.get(leaf.counted), self.progress.counted(leaf.counted)
        if reached is None or made < self.quantity:
            return None
        others = (part.because for part in self.progress.stations.values())
        because = tuple(dict.fromkeys(event for event in (*others, reached.because) if event))
        answered = f", {self.progress.answered:+} by answers" if self.progress.answered else ""
        return Part(condition=leaf, at=reached.at, because=because, saw=f"{made} of {self.quantity}{answered}")

    def _tags(self, leaf: AllLeft) -> Part | None:
        progress = self.progress
        if not progress.tags or self.bound - progress.tags.keys() or progress.left < self.quantity:
            return None
        left = list(progress.tags.values())
        return Part(
            condition=leaf,
            at=max(at for _, at, _ in left),
            because=tuple(event for _, _, event in left),
            saw=f"{len(left)} tags with {progress.left} pieces of {self.quantity}",
        )

    def _bit(self, leaf: PointIs) -> Part | None:
        seen = self.progress.seen.get(str(leaf))
        if seen is not None:
            return Part(condition=leaf, at=seen, saw=f"at {seen}")
        level = self.levels.bit(leaf.point) if leaf.sign is PointSign.TRUE else None
        if level is None or not (level.value and level.is_known) or not self.progress.is_worked_on:
            return None
        return Part(condition=leaf, at=level.since, saw=f"true since {level.since}")

    def _stations(self, leaf: StationIs) -> Part | None:
        at, because, saw = "", [], []
        for name, part in self.progress.stations.items():
            level = self.levels.state(name)
            if part.left_at:
                since, word = part.left_at, "other work"
            elif level is not None and level.state in leaf.states:
                since, word = max(level.since, part.since), str(level.state)
                because.append(level.because)
            else:
                return None
            at = max(at, since)
            saw.append(f"{name} {word} since {since}")
        return Part(condition=leaf, at=at, because=tuple(because), saw=", ".join(saw)) if at else None

    def _time(self, leaf: TimeSinceStart) -> Part | None:
        ripe = ripe_at(leaf, self.progress)
        if ripe is None or self.now < ripe:
            return None
        return Part(condition=leaf, at=format_time(ripe), saw=f"started at {self.progress.started_at}")


def begins(rule: NodeRule, station: str, levels: Levels) -> bool:
    """Whether the node starts at the moment when the station begins to work on it."""
    match rule.start_when:
        case StartRule():
            return rule.start_when is StartRule.DISPATCH
        case PointIs(point=point):
            level = levels.bit(point)
            return level is not None and level.value and level.is_known
        case StationIs(states=states):
            stands = levels.state(station)
            return stands is not None and stands.state in states
        case _:
            assert_never(rule.start_when)


def seen_at_leaving(condition: Condition, situation: Situation) -> dict[str, str]:
    """The bits that are true while the station still works on the node, and since when: later they speak of others."""
    seen = dict(situation.progress.seen)
    for leaf in leaves_of(condition):
        if isinstance(leaf, PointIs) and leaf.sign is PointSign.TRUE:
            shown = situation.show(leaf)
            if shown is not None:
                seen[str(leaf)] = shown.at
    return seen


def ripe_at(leaf: TimeSinceStart, progress: Progress) -> datetime | None:
    """When the time since the start will have passed; None: the node was not started."""
    return parse_time(progress.started_at) + timedelta(seconds=leaf.least_s) if progress.started_at else None


def pieces_until_release(condition: Condition, situation: Situation, result: Result) -> int | None:
    """Further pieces of a result after which the stations have done their part; None: no number of pieces does it."""
    stations, progress, quantity = at_stations(condition), situation.progress, situation.quantity
    if stations is None or result is Result.REWORK:
        return None
    missing = {
        quantity - progress.settled - progress.scrap,
        *([quantity - progress.settled] if result is Result.GOOD else []),
    }
    for pieces in sorted({max(0, number) for number in missing}):
        good = progress.good + (pieces if result is Result.GOOD else 0)
        made = replace(progress, good=good, scrap=progress.scrap + (pieces if result is Result.SCRAP else 0))
        reached = {
            str(counted): Reached(quantity=quantity, at="", because="")
            for counted in Counted
            if made.counted(counted) >= quantity
        }
        if is_met(stations, replace(situation, progress=replace(made, reached=reached)).show) is not None:
            return pieces
    return None


def bounded_results(rule: NodeRule) -> Set[Result]:
    """The results whose pieces reach a quantity that the rule names."""
    counted = {leaf.counted for leaf in leaves_of(rule.done_when.condition) if isinstance(leaf, PiecesReach)}
    if Counted.PROCESSED in counted:
        return {Result.GOOD, Result.SCRAP}
    return BY_GOOD if counted else frozenset()
