"""Sets of counted pieces as half-open intervals (low, high] of a counter's total: what makes repeats harmless."""

from __future__ import annotations

from collections.abc import Iterable

Interval = tuple[int, int]
Intervals = tuple[Interval, ...]


def united(parts: Iterable[Interval]) -> Intervals:
    """The union, in order, without overlaps; intervals that touch are joined and empty ones left out.

    >>> united([(5, 8), (0, 3), (3, 4), (7, 9)])
    ((0, 4), (5, 9))
    """
    out: list[Interval] = []
    for low, high in sorted(part for part in parts if part[0] < part[1]):
        if out and low <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return tuple(out)


def added(parts: Intervals, low: int, high: int) -> Intervals:
    """The union of a union and (low, high]; quick where that is at the end, as counters go.

    >>> added(((0, 4), (5, 9)), 9, 12)
    ((0, 4), (5, 12))
    """
    if low >= high:
        return parts
    if not parts or low > parts[-1][1]:
        return (*parts, (low, high))
    if low >= parts[-1][0]:
        return (*parts[:-1], (parts[-1][0], max(parts[-1][1], high)))
    return united([*parts, (low, high)])


def pieces_in(parts: Intervals) -> int:
    """How many pieces a union holds.

    >>> pieces_in(((0, 4), (5, 9)))
    8
    """
    return sum(high - low for low, high in parts)


def gaps_in(parts: Intervals) -> int:
    """How many pieces are missing between the first and the last piece of a union.

    >>> gaps_in(((0, 4), (5, 9)))
    1
    """
    return parts[-1][1] - parts[0][0] - pieces_in(parts) if parts else 0
