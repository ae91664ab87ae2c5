"""The counter benchmark on a small plant: nothing is off that is not declared, and declaring is no way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.counters import GOALS, Outcome, Run, figures_of, measure, naive_errors
from benchmarks.counting.plant import REGISTERS, RESETS, Naive, map_text
from genba_shared.device_map import load_device_map


@pytest.fixture(scope="module")
def campaign() -> tuple[list[Outcome], dict[str, float]]:
    return measure(pieces=1500, seeds=1)


def test_small_campaign_has_no_error_that_is_not_declared(campaign: tuple[list[Outcome], dict[str, float]]) -> None:
    _, figures = campaign
    assert figures["undeclared_error"] == 0
    assert figures["mean_width"] <= GOALS["mean_width"]


def test_small_campaign_declares_little_and_is_off_by_less(campaign: tuple[list[Outcome], dict[str, float]]) -> None:
    outcomes, figures = campaign
    assert all(outcome.machine.made == 1500 for outcome in outcomes)
    assert all(outcome.told.most - outcome.told.least <= 3 * (RESETS + 10) for outcome in outcomes)
    assert figures["off"] <= 2 * len(outcomes)
    assert figures["ambiguous_share"] < 0.15  # 1 of 20 resets is made in flight; 1500 pieces show too few to say more


def test_naive_rules_are_off_by_far_more(campaign: tuple[list[Outcome], dict[str, float]]) -> None:
    outcomes, _ = campaign
    assert min(naive_errors(outcomes).values()) > 1000


def test_naive_rules_count_plain_steps_and_a_wrap_as_they_say() -> None:
    naive = Naive(100)
    for position in (90, 95, 5, 7):
        naive.read(position)
    assert naive.totals == {"delta": 7, "modulo": 17, "drop": 12}


def test_a_loss_that_nobody_declared_is_found() -> None:
    run = Run(load_device_map(Path("counters.yaml"), text=map_text()), seed=1, pieces=1500)
    run.go()
    told, made = run.outcomes[0].told, run.outcomes[0].machine.made
    told.least -= 60
    told.most -= 60
    told.compare(made)
    assert figures_of(run.outcomes[:1])["undeclared_error"] >= 20
    assert len(run.outcomes) == len(REGISTERS)
