"""Where no coverage leads: random changes to seeds, as a bad line, a bad memory and a bad day make them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)


def changed(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """One to eight changes."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randrange(len(made) + 1)
        length = chance.choice((1, 1, 2, 4, 16, 64))
        match chance.randrange(7):
            case 0 if at < len(made):
                made[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(made):
                made[at] = chance.choice(INTERESTING)
            case 2:
                made[at:at] = chance.randbytes(length)
            case 3:
                del made[at : at + length]
            case 4:
                made[at:at] = made[at : at + length]
            case 5:
                other = chance.choice(others)
                start = chance.randrange(len(other) + 1)
                made[at : at + length] = other[start : start + length]
            case _:
                made[at : at + length] = chance.randbytes(len(made[at : at + length]))
    return bytes(made)


def search(
    run: Callable[[bytes], None], seeds: Sequence[bytes], *, seconds: float, seed: int
) -> tuple[int, bytes | None]:
    """Run every seed, then changed ones until the time is up; how many, and the input that failed, if any."""
    chance = random.Random(seed)
    end_s = time.monotonic() + seconds
    count = 0
    for data in seeds:
        if time.monotonic() > end_s:
            break
        count += 1
        if not _holds(run, data):
            return count, data
    while time.monotonic() < end_s:
        data = changed(chance.choice(seeds), seeds, chance)
        count += 1
        if not _holds(run, data):
            return count, data
    return count, None


def _holds(run: Callable[[bytes], None], data: bytes) -> bool:
    try:
        run(data)
    except Exception:  # noqa: BLE001 - whatever it is, it is what we look for; `run` is called again to show it
        return False
    return True
