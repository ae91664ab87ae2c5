"""What the benchmark of passages works out: that it runs, and that it can tell right from wrong."""

from __future__ import annotations

import random
import sys

import pytest

from benchmarks import passages
from benchmarks.passages import Case, figures_of, missed_goals, run
from benchmarks.tags.gateway import Account, true_account
from benchmarks.tags.plant import make_plant
from benchmarks.tags.readers import portals, reports
from benchmarks.tags.score import longest_common, score, wip_error


def account(*changes: tuple[float, int]) -> Account:
    said = Account()
    said.wip["zone-1"] = list(changes)
    return said


def test_wip_that_is_off_by_a_tenth_all_the_time_is_an_error_of_a_tenth() -> None:
    assert wip_error(account((0, 90)).wip, account((0, 100), (6000, 100)).wip) == 0.1


def test_too_many_in_one_zone_do_not_make_up_for_too_few_in_another() -> None:
    truth, said = account((0, 100), (6000, 100)), account((0, 110))
    truth.wip["zone-2"], said.wip["zone-2"] = [(0, 100)], [(0, 90)]
    assert wip_error(said.wip, truth.wip) == 0.1


def test_passages_count_as_recovered_only_in_their_order() -> None:
    assert longest_common([1, 2, 3, 4], [1, 3, 2, 4]) == 3
    assert longest_common([1, 2, 3], [5, 1, 2, 2, 3]) == 3


def test_the_truth_scores_without_fault() -> None:
    plant = make_plant(random.Random(1), tags=20, dwell_s=lambda numbers: 600.0, together=1, over_s=600)
    truth = true_account(plant)
    perfect = score(truth, truth)
    assert (perfect.wip_error, perfect.recovered, perfect.invented) == (0.0, 1.0, 0.0)


def test_as_many_passages_are_missed_as_wanted_and_readers_tell_every_read() -> None:
    plant = make_plant(random.Random(1), tags=500, dwell_s=lambda numbers: 600.0, together=1, over_s=6000)
    hall = portals(plant, random.Random(2), missed=0.1)
    seen = {(read.tag, read.gate) for read in hall.reads if read.rssi_dbm > -59}
    assert 0.08 < 1 - len(seen) / len(plant.crossings) < 0.12
    assert sum(each.reads for _, _, told in reports(hall) for each in told) == len(hall.reads)


def test_figures_are_those_of_the_worst_seed_and_say_which_goal_they_miss() -> None:
    good, bad = (run(Case(hall="", missed=0, seed=seed, tags=20)) for seed in (1, 2))
    figures = figures_of([good, bad])
    assert figures["wip_error_0"] == max(good.ours.wip_error, bad.ours.wip_error)
    assert missed_goals({"wip_error_5": 0.051, "other_wip_error_5": 0.099, "recovered": 0.9989}) == [
        "wip_error_5 0.0510 > 0.05",
        "recovered 0.99890 < 0.999",
    ]


@pytest.mark.requirement("R23", part="tags with repeats, strays and misses, in a short run of the benchmark")
def test_the_benchmark_runs_and_ends_with_its_figures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["passages", "--quick", "--jobs", "1"])
    passages.main()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("passages: wip_error_0=")
    figures = dict(figure.split("=") for figure in last.removeprefix("passages: ").split())
    assert float(figures["wip_error_0"]) < 0.01
    assert float(figures["recovered"]) > float(figures["naive_recovered"])
