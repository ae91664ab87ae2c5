"""What an RFID gate reads when a bundle goes by: a burst of strong reads, weak ones next door, and strange tags."""

from __future__ import annotations

import random
from dataclasses import dataclass

from genba_sim.settings import ANTENNAS, ReadPoint

STRONG_DBM = (-57.0, -43.0)
WEAK_DBM = (-74.0, -65.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One read, `after_ms` after the bundle came into the field."""

    after_ms: int
    antenna: int
    rssi_dbm: float


def passage_reads(read_point: ReadPoint, numbers: random.Random, *, cross_reads: float) -> tuple[Read, ...]:
    """6 to 10 reads over 3 to 4 seconds around -50 dBm, in time order; the first and the last are strong.

    With the chance `cross_reads` (0..1) a neighbour antenna reads the tag one to three times, below -65 dBm.
    """
    antenna = ANTENNAS[read_point].number
    lasts_ms = numbers.randint(3000, 4000)
    within = sorted(numbers.sample(range(100, lasts_ms - 100), numbers.randint(4, 8)))
    reads = [
        Read(after_ms=after_ms, antenna=antenna, rssi_dbm=_near(-50.0, 2.5, STRONG_DBM, numbers))
        for after_ms in (0, *within, lasts_ms)
    ]
    if numbers.random() < cross_reads:
        neighbours = [each.number for each in ANTENNAS.values() if abs(each.number - antenna) == 1]
        neighbour = numbers.choice(neighbours)
        reads += [
            Read(
                after_ms=numbers.randrange(100, lasts_ms - 100),
                antenna=neighbour,
                rssi_dbm=_near(-69.0, 2.0, WEAK_DBM, numbers),
            )
            for _ in range(numbers.randint(1, 3))
        ]
    return tuple(sorted(reads, key=lambda read: read.after_ms))


def stray_reads(numbers: random.Random) -> tuple[Read, ...]:
    """One to four reads of a tag that is none of ours (a visitor's, a supplier's carton) at one antenna."""
    antenna = numbers.randint(1, len(ANTENNAS))
    return tuple(
        Read(after_ms=300 * number, antenna=antenna, rssi_dbm=_near(-55.0, 5.0, STRONG_DBM, numbers))
        for number in range(numbers.randint(1, 4))
    )


def stray_tag(numbers: random.Random) -> str:
    """EPC of a strange tag: 24 lower-case hex digits that do not start with 3034."""
    return f"e2801160{numbers.getrandbits(64):016x}"


def _near(mean: float, deviation: float, bounds: tuple[float, float], numbers: random.Random) -> float:
    return round(min(max(numbers.gauss(mean, deviation), bounds[0]), bounds[1]), 1)
