"""How far an account of the plant is from what truly happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmarks.tags.gateway import Account
from benchmarks.tags.plant import ZONES

SAMPLE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Shares of 1; `benchmarks.passages` says of what."""

    wip_error: float
    live_wip_error: float
    recovered: float
    invented: float


def score(said: Account, truth: Account) -> Score:
    """Compare an account with the truth."""
    hits = told = true = 0
    for tag, passages in truth.passed.items():
        gates = [gate for _, gate in passages]
        gates_said = [gate for gate, _ in groupby(gate for _, gate in said.passed.get(tag, ()))]
        hits += longest_common(gates, gates_said)
        told += len(gates_said)
        true += len(gates)
    return Score(
        wip_error=wip_error(said.wip, truth.wip),
        live_wip_error=wip_error(said.live, truth.wip),
        recovered=hits / true,
        invented=(told - hits) / true,
    )


def wip_error(
    said: Mapping[str, Sequence[tuple[float, int]]], truth: Mapping[str, Sequence[tuple[float, int]]]
) -> float:
    """Sum of the absolute differences in each zone at every sampled instant, by the sum of the true pieces."""
    begin_s = min(changes[0][0] for changes in truth.values())
    end_s = max(changes[-1][0] for changes in truth.values())
    instants = [begin_s + SAMPLE_S * number for number in range(int((end_s - begin_s) / SAMPLE_S))]
    difference = total = 0
    for zone in ZONES:
        there, claimed = _at(truth.get(zone, ()), instants), _at(said.get(zone, ()), instants)
        difference += sum(abs(one - other) for one, other in zip(there, claimed, strict=True))
        total += sum(there)
    return difference / total


def _at(changes: Sequence[tuple[float, int]], instants: Sequence[float]) -> list[int]:
    """The count in force at each instant; the changes are in the order of their times."""
    counts, count, position = [], 0, 0
    for instant in instants:
        while position < len(changes) and changes[position][0] <= instant:
            count = changes[position][1]
            position += 1
        counts.append(count)
    return counts


def longest_common(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the longest common subsequence: what stands in both in the same order."""
    best = [0] * (len(other) + 1)
    for item in one:
        before = 0
        for position, candidate in enumerate(other, start=1):
            kept = best[position]
            best[position] = before + 1 if candidate == item else max(best[position], best[position - 1])
            before = kept
    return best[-1]
