"""The faults of a campaign: which, where, when, how long. All of it follows from the seed and from nothing else."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

FIRST_AT_S: Final = 2.0
"""Everything runs and delivers before the first fault comes."""


class Means(StrEnum):
    """How something is broken."""

    KILL = "kill -9"
    STOP = "SIGSTOP"
    CUT = "cut"
    REFUSE = "refuse"
    FORGET = "forgotten connections"
    BLACK_HOLE = "black hole"
    BLACK_HOLE_OUT = "black hole outwards"
    BLACK_HOLE_IN = "black hole inwards"
    SWALLOW = "swallowed bytes"
    DRIBBLE = "dribble"
    DISK_FULL = "disk full"
    RESTART = "restart"
    CLOCK_FORWARD = "clock +1 h"
    CLOCK_BACK = "clock -1 h"


class Kind(StrEnum):
    """What can be broken."""

    GATEWAY = "gateway"
    GATEWAY_LINK = "link of gateway"
    BROKER = "broker"
    COLLECTOR = "collector"
    COLLECTOR_LINK = "link of collector"
    WORKER = "worker"
    WORKER_LINK = "link of worker"
    DATABASE = "database"
    DATABASE_LINK = "link of database"


_PROCESS: Final = (Means.KILL, Means.STOP, Means.CLOCK_FORWARD, Means.CLOCK_BACK)
_LINK: Final = (
    Means.CUT,
    Means.REFUSE,
    Means.FORGET,
    Means.BLACK_HOLE,
    Means.BLACK_HOLE_OUT,
    Means.BLACK_HOLE_IN,
    Means.SWALLOW,
    Means.DRIBBLE,
)
MEANS: Final[Mapping[Kind, Sequence[Means]]] = {
    Kind.GATEWAY: (*_PROCESS, Means.DISK_FULL),
    Kind.GATEWAY_LINK: _LINK,
    Kind.BROKER: (Means.KILL, Means.STOP),
    Kind.COLLECTOR: (*_PROCESS, Means.DISK_FULL),
    Kind.COLLECTOR_LINK: _LINK,
    Kind.WORKER: _PROCESS,
    Kind.WORKER_LINK: _LINK,
    Kind.DATABASE: (Means.KILL, Means.STOP, Means.RESTART),
    Kind.DATABASE_LINK: _LINK,
}
_USUAL_S: Final[Mapping[Means, tuple[float, float]]] = {
    Means.KILL: (0.1, 4.0),
    Means.STOP: (1.0, 8.0),
    Means.CUT: (0.1, 2.0),
    Means.REFUSE: (1.0, 8.0),
    Means.FORGET: (1.0, 8.0),
    Means.BLACK_HOLE: (2.0, 12.0),
    Means.BLACK_HOLE_OUT: (2.0, 12.0),
    Means.BLACK_HOLE_IN: (2.0, 12.0),
    Means.SWALLOW: (2.0, 12.0),
    Means.DRIBBLE: (2.0, 10.0),
    Means.DISK_FULL: (1.0, 8.0),
    Means.RESTART: (0.1, 4.0),
    Means.CLOCK_FORWARD: (1.0, 15.0),
    Means.CLOCK_BACK: (1.0, 15.0),
}
_LONG_S: Final = (20.0, 35.0)
"""Longer than the 15 s after which a silent connection is given up."""
_LONG_MEANS: Final = frozenset(
    {
        Means.STOP,
        Means.BLACK_HOLE,
        Means.BLACK_HOLE_OUT,
        Means.BLACK_HOLE_IN,
        Means.SWALLOW,
        Means.FORGET,
    }
)
_LONG_SHARE: Final = 0.15
_OVERLAPS: Final = 0.25
_WAY_IS_FREE_S: Final = (0.5, 4.0)
"""What every event must pass (one collector, its link, the database …) is whole for so long between two faults of it,
but for a quarter of them: were something on the way broken all the time, nothing would be under way to be lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that can be broken; `fate`: parts that share it are not broken at the same time.

    (A broker that is a child of the collector dies with it, and cannot be killed meanwhile.)
    """

    kind: Kind
    number: int = 0
    fate: str = ""

    @property
    def is_on_every_way(self) -> bool:
        """Whether there is only one of it, which every event must pass."""
        return self.number == 0

    def __str__(self) -> str:
        return f"{self.kind} {self.number}" if self.number else str(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """From `at_s` (seconds after the load began) on, for `lasts_s`, this part is broken by this means."""

    number: int
    at_s: float
    lasts_s: float
    part: Part
    means: Means

    @property
    def until_s(self) -> float:
        """When it is healed."""
        return self.at_s + self.lasts_s

    def __str__(self) -> str:
        return f"{self.number:3} {self.at_s:7.2f} s for {self.lasts_s:5.2f} s  {self.part}: {self.means}"


class Setup(StrEnum):
    """What a campaign runs against (`setups` builds it)."""

    EMBEDDED = "embedded"
    MOSQUITTO = "mosquitto"
    POSTGRES = "postgres"
    CLUSTER = "cluster"


WORKERS: Final = 4
NODES: Final = 3


def parts_of(setup: Setup, *, gateways: int) -> tuple[Part, ...]:
    """Everything that can be broken in a setup with so many gateways."""
    numbers = range(1, gateways + 1)
    at_the_edge = [Part(kind=kind, number=n) for kind in (Kind.GATEWAY, Kind.GATEWAY_LINK) for n in numbers]
    behind = [Part(kind=Kind.COLLECTOR), Part(kind=Kind.COLLECTOR_LINK), Part(kind=Kind.BROKER)]
    match setup:
        case Setup.EMBEDDED:
            own = [Part(kind=kind, fate="collector") for kind in (Kind.COLLECTOR, Kind.BROKER)]
        case Setup.MOSQUITTO:
            own = behind
        case Setup.POSTGRES:
            own = [*behind, Part(kind=Kind.DATABASE), Part(kind=Kind.DATABASE_LINK)]
        case Setup.CLUSTER:
            own = [Part(kind=Kind.BROKER, number=n) for n in range(1, NODES + 1)]
            of_workers = (Kind.WORKER, Kind.WORKER_LINK, Kind.DATABASE_LINK)
            own += [Part(kind=kind, number=n) for kind in of_workers for n in range(1, WORKERS + 1)]
            own.append(Part(kind=Kind.DATABASE))
        case _:
            assert_never(setup)
    return (*at_the_edge, *own)


def plan(
    seed: int, *, faults: int, parts: Sequence[Part], gap_s: float = 1.5, longest_s: float = 60.0
) -> tuple[Fault, ...]:
    """The faults of a seed. Each pair of a kind and a means comes once before any comes again, in random order.

    Args:
        seed: the same one gives the same faults.
        faults: how many.
        parts: what there is to break.
        gap_s: mean time between the begins of two faults; those of different parts overlap.
        longest_s: no fault lasts longer.
    """
    chance = random.Random(f"faults {seed}")
    by_kind: dict[Kind, list[Part]] = {}
    for part in parts:
        by_kind.setdefault(part.kind, []).append(part)
    pairs = [(kind, means) for kind in by_kind for means in MEANS[kind]]
    free_at: dict[str, float] = {}
    at_s, way_free_at, planned = FIRST_AT_S, 0.0, []
    for number in range(1, faults + 1):
        if (number - 1) % len(pairs) == 0:
            chance.shuffle(pairs)
        kind, means = pairs[(number - 1) % len(pairs)]
        part = chance.choice(by_kind[kind])
        lasts_s = min(longest_s, _duration_s(chance, means))
        fate = part.fate or str(part)
        begin_s = max(at_s, free_at.get(fate, 0.0))
        if part.is_on_every_way:
            overlaps = chance.random() < _OVERLAPS
            begin_s = max(begin_s, way_free_at - (lasts_s if overlaps else 0.0))
            way_free_at = max(way_free_at, begin_s + lasts_s + chance.uniform(*_WAY_IS_FREE_S))
        planned.append((round(begin_s, 3), round(lasts_s, 3), part, means))
        free_at[fate] = begin_s + lasts_s + 0.5
        at_s += chance.expovariate(1 / gap_s)
    planned.sort(key=lambda fault: fault[0])
    return tuple(
        Fault(number=number, at_s=at, lasts_s=lasts, part=part, means=means)
        for number, (at, lasts, part, means) in enumerate(planned, start=1)
    )


def _duration_s(chance: random.Random, means: Means) -> float:
    is_long = means in _LONG_MEANS and chance.random() < _LONG_SHARE
    low, high = _LONG_S if is_long else _USUAL_S[means]
    return chance.uniform(low, high)
