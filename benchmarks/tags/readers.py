"""What readers make of the tags that pass: two ways to see the same plant, which have nothing in common but its truth.

`portals` is the hall of the specification: six reads a passage, and in 8 % of them a neighbour antenna hears the tag as
well, weakly, sometimes a little before or after. `rough_hall` differs in everything: signal strength by distance and
fading, reads by chance and fewer where a trolley brings many tags at once, ghost reads at gates far away, an antenna
that is dead for ten minutes, readers whose clocks are 12 s ahead and 25 s behind, and one that is not reached for five
minutes and holds its reports.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.tags.plant import GATES, Crossing, Plant

REPORT_S: Final = 1.0
CROSS_READS: Final = 0.08
READS: Final = 6
DEAD_S: Final = 600.0
READER_OF_GATE: Final = {gate: ("gate-a" if gate <= GATES // 2 else "gate-b") for gate in range(1, GATES + 1)}


@dataclass(frozen=True, slots=True)
class Read:
    """One read of a tag by the antenna of a gate."""

    at_s: float
    gate: int
    tag: str
    rssi_dbm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hall:
    """Reads in the order of their times, and how the readers tell them.

    `ahead_s`: by reader, how much its clock is ahead of ours. `away`: reader, from, to: not reached, reports held.
    """

    reads: Sequence[Read]
    ahead_s: dict[str, float]
    away: Sequence[tuple[str, float, float]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Reads of one tag by one antenna in one report; times by the reader's clock, `sent_s` by ours."""

    tag: str
    gate: int
    first_s: float
    last_s: float
    sent_s: float
    reads: int
    rssi_dbm: float


def portals(plant: Plant, numbers: random.Random, *, missed: float) -> Hall:
    """The hall of the specification. `missed`: share of passages that no reader of the gate sees (0..1)."""
    reads: list[Read] = []
    for crossing in plant.crossings:
        is_missed = numbers.random() < missed
        strength_dbm = numbers.gauss(-52, 2)
        if not is_missed:
            moments = sorted(numbers.uniform(crossing.begin_s, crossing.end_s) for _ in range(READS - 1))
            reads += [
                Read(at_s, crossing.gate, crossing.tag, numbers.gauss(strength_dbm, 2.5))
                for at_s in (*moments, crossing.end_s)
            ]
        if numbers.random() < CROSS_READS:
            neighbour = numbers.choice(_neighbours(crossing.gate))
            for _ in range(numbers.randint(1, 3)):
                at_s = numbers.uniform(crossing.begin_s - 2, crossing.end_s + 2)
                reads.append(Read(at_s, neighbour, crossing.tag, numbers.gauss(-65, 2)))
    return Hall(reads=_in_order(reads), ahead_s={"gate-a": 0.0, "gate-b": 0.0})


def rough_hall(plant: Plant, numbers: random.Random, *, missed: float) -> Hall:
    """Another hall with another noise. `missed`: as in `portals`, beside what the dead antenna misses."""
    ends_s = plant.crossings[-1].end_s
    dead = (numbers.randint(2, GATES - 1), 0.4 * ends_s, 0.4 * ends_s + DEAD_S)
    away_from = numbers.uniform(0.5, 0.6) * ends_s
    reads: list[Read] = []
    crowd = _crowd(plant)
    for crossing in plant.crossings:
        is_dead = crossing.gate == dead[0] and dead[1] <= crossing.end_s <= dead[2]
        if numbers.random() >= missed and not is_dead:
            reads += _by_distance(crossing, numbers, chance=1 / (1 + 0.15 * crowd[crossing.tag, crossing.gate]))
        if numbers.random() < CROSS_READS:
            gate = numbers.choice(_neighbours(crossing.gate))
            at_s = numbers.uniform(crossing.begin_s - 4, crossing.end_s + 4)
            for number in range(numbers.randint(1, 5)):
                reads.append(
                    Read(
                        at_s + 0.2 * number,
                        gate,
                        crossing.tag,
                        -66 + 4 * math.log10(numbers.uniform(0.01, 1)) + numbers.expovariate(0.4),
                    )
                )
    reads += _ghosts(plant, numbers)
    return Hall(
        reads=_in_order([read for read in reads if not (read.gate == dead[0] and dead[1] <= read.at_s <= dead[2])]),
        ahead_s={"gate-a": 12.0, "gate-b": -25.0},
        away=[("gate-b", away_from, away_from + 300)],
    )


def _by_distance(crossing: Crossing, numbers: random.Random, *, chance: float) -> Iterator[Read]:
    """A tag that goes by an antenna at 1 m/s: free-space loss by distance, and fading that cancels single reads."""
    middle_s = (crossing.begin_s + crossing.end_s) / 2
    aside_m, loss_db = numbers.uniform(0.8, 1.6), numbers.uniform(0, 4)
    seen = False
    for number in range(20):
        at_s = crossing.begin_s + (crossing.end_s - crossing.begin_s) * number / 19
        if numbers.random() > chance and (seen or number < 18):
            continue
        distance_m = math.hypot(at_s - middle_s, aside_m)
        fading_db = 20 * math.log10(max(0.05, math.hypot(1 + numbers.gauss(0, 0.35), numbers.gauss(0, 0.35))))
        rssi_dbm = -49 - loss_db - 40 * math.log10(max(1.0, distance_m)) + fading_db
        if rssi_dbm > -72:
            seen = True
            yield Read(at_s, crossing.gate, crossing.tag, rssi_dbm)


def _ghosts(plant: Plant, numbers: random.Random) -> Iterator[Read]:
    """Reflections: a tag that stands in a zone is read a few times by any gate, once in an hour and a half."""
    by_tag: dict[str, list[Crossing]] = defaultdict(list)
    for crossing in plant.crossings:
        by_tag[crossing.tag].append(crossing)
    for tag, crossings in by_tag.items():
        at_s = crossings[0].end_s
        while (at_s := at_s + numbers.expovariate(1 / 5400)) < crossings[-1].begin_s:
            if any(each.begin_s - 5 < at_s < each.end_s + 5 for each in crossings):
                continue
            gate = numbers.randint(1, GATES)
            for number in range(numbers.randint(1, 4)):
                yield Read(at_s + 0.3 * number, gate, tag, numbers.uniform(-70, -61))


def _crowd(plant: Plant) -> dict[tuple[str, int], int]:
    """How many other tags are in the field of the gate with each."""
    by_gate: dict[int, list[Crossing]] = defaultdict(list)
    for crossing in plant.crossings:
        by_gate[crossing.gate].append(crossing)
    crowd: dict[tuple[str, int], int] = {}
    for gate, crossings in by_gate.items():
        crossings.sort(key=lambda crossing: crossing.begin_s)
        first = 0
        for number, crossing in enumerate(crossings):
            while crossings[first].end_s < crossing.begin_s and first < number:
                first += 1
            crowd[crossing.tag, gate] = number - first
    return crowd


def reports(hall: Hall) -> Iterator[tuple[float, str, list[Told]]]:
    """What each reader sends, in the order in which it comes: `REPORT_S` after the first read that it tells.

    While a reader is away its reports wait, and come together when it is back.
    """
    pending: dict[str, list[tuple[float, str, list[Told]]]] = defaultdict(list)
    sent: list[tuple[float, str, list[Told]]] = []
    by_report: dict[tuple[int, str], list[Read]] = defaultdict(list)
    for read in hall.reads:
        by_report[int(read.at_s // REPORT_S), READER_OF_GATE[read.gate]].append(read)
    for (number, reader), reads in sorted(by_report.items()):
        sent_s = (number + 1) * REPORT_S + 0.05
        back_s = next((end for name, begin, end in hall.away if name == reader and begin <= sent_s < end), None)
        told = list(_told(reads, sent_s if back_s is None else back_s, hall.ahead_s[reader]))
        (sent if back_s is None else pending[reader]).append((sent_s if back_s is None else back_s, reader, told))
    for held in pending.values():
        sent += held
    yield from sorted(sent, key=lambda report: report[0])


def _told(reads: list[Read], sent_s: float, ahead_s: float) -> Iterator[Told]:
    by_tag: dict[tuple[str, int], list[Read]] = defaultdict(list)
    for read in reads:
        by_tag[read.tag, read.gate].append(read)
    for (tag, gate), same in by_tag.items():
        yield Told(
            tag=tag,
            gate=gate,
            first_s=min(read.at_s for read in same) + ahead_s,
            last_s=max(read.at_s for read in same) + ahead_s,
            sent_s=sent_s,
            reads=len(same),
            rssi_dbm=max(read.rssi_dbm for read in same),
        )


def _neighbours(gate: int) -> list[int]:
    return [other for other in (gate - 1, gate + 1) if 1 <= other <= GATES]


def _in_order(reads: list[Read]) -> list[Read]:
    return sorted((read for read in reads if read.at_s >= 0), key=lambda read: read.at_s)
