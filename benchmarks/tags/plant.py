"""What truly happens: bundles with tags go through six gates. Shares nothing with the code that is measured."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

GATES: Final = 6
TAGS_PER_ORDER: Final = 10
ZONES: Final = tuple(f"zone-{number}" for number in range(1, GATES))
"""Zone k lies between gate k and gate k+1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A tag crosses gate `gate` (1..6): in its field from `begin_s` to `end_s`. `end_s` is when it is through."""

    tag: str
    gate: int
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """Everything that happens. `crossings` in time order; `finished_s`: when the last tag of an order is out."""

    pieces: dict[str, int]
    work_order: dict[str, str]
    crossings: Sequence[Crossing]
    finished_s: dict[str, float]


def make_plant(
    numbers: random.Random, *, tags: int, dwell_s: Callable[[random.Random], float], together: int, over_s: float
) -> Plant:
    """A plant in which `tags` tags go through all gates.

    Args:
        numbers: where chance comes from.
        tags: how many.
        dwell_s: how long a trolley stays in a zone.
        together: tags that go on one trolley, one after the other.
        over_s: in which the trolleys come in, evenly.
    """
    pieces: dict[str, int] = {}
    work_order: dict[str, str] = {}
    crossings: list[Crossing] = []
    finished_s: dict[str, float] = {}
    trolleys = [range(first, min(first + together, tags)) for first in range(0, tags, together)]
    for trolley in trolleys:
        at = over_s * trolley.start / tags + numbers.uniform(0, over_s * together / tags)
        names = [f"3034{number:08x}" for number in trolley]
        for name, number in zip(names, trolley, strict=True):
            pieces[name], work_order[name] = numbers.randint(1, 12), f"WO-{number // TAGS_PER_ORDER}"
        for gate in range(1, GATES + 1):
            for position, name in enumerate(names):
                begin_s = at + 1.5 * position + numbers.uniform(0, 1)
                crossing = Crossing(tag=name, gate=gate, begin_s=begin_s, end_s=begin_s + numbers.uniform(3, 4))
                crossings.append(crossing)
            at = max(crossing.end_s for crossing in crossings[-len(names) :]) + dwell_s(numbers)
        for name in names:
            order = work_order[name]
            finished_s[order] = max(finished_s.get(order, 0.0), crossings[-1].end_s)
    crossings.sort(key=lambda crossing: crossing.end_s)
    return Plant(pieces=pieces, work_order=work_order, crossings=crossings, finished_s=finished_s)
