"""Who takes which partitions: a fair share for every worker, handed over to newcomers and taken over from the dead.

Every worker decides for itself, from what the database says, one after the other. A decision names moves only: the
database gives every move a new fencing token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What a worker does in its turn: take partitions that nobody alive holds, hand over its own to others."""

    take: tuple[int, ...] = ()
    hand_over: Mapping[int, str]


def moves_of(me: str, *, alive: Collection[str], holders: Mapping[int, str | None]) -> Moves:
    """What `me` does now. Once every worker has had a turn after the last change of `alive`, nobody moves any more.

    Args:
        me: one of `alive`.
        alive: the workers that were heard lately.
        holders: by partition, who holds it; None, or a worker that is not alive: nobody.
    """
    held = Counter(holder for holder in holders.values() if holder is not None and holder in alive)
    shares = shares_of(alive, held=held, partitions=len(holders))
    mine = sorted(partition for partition, holder in holders.items() if holder == me)
    free = sorted(partition for partition, holder in holders.items() if holder not in alive)
    missing = max(0, shares[me] - len(mine))
    return Moves(take=tuple(free[:missing]), hand_over=_handed_over(mine[shares[me] :], shares, held=held))


def shares_of(alive: Collection[str], *, held: Mapping[str, int], partitions: int) -> dict[str, int]:
    """How many partitions each worker should hold; they differ by at most one.

    Where they do not come out even, those that hold most already have one more: so fewest partitions move.
    """
    least, more = divmod(partitions, len(alive))
    ranked = sorted(alive, key=lambda worker: (-held.get(worker, 0), worker))
    return {worker: least + (rank < more) for rank, worker in enumerate(ranked)}


def _handed_over(excess: Collection[int], shares: Mapping[str, int], *, held: Mapping[str, int]) -> dict[int, str]:
    """Give away what is too much, to those who lack most."""
    lacking = {worker: share - held.get(worker, 0) for worker, share in shares.items()}
    given: dict[int, str] = {}
    for partition in excess:
        worker = max(sorted(lacking), key=lambda name: lacking[name])
        if lacking[worker] <= 0:
            break
        lacking[worker] -= 1
        given[partition] = worker
    return given
