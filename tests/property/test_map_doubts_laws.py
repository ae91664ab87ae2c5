"""A healthy plant raises no finding, whatever it does; a mistake in its map is found, by name and with its line."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from genba_edge.core.diagnosis import Finding, MapDoubts
from genba_shared.device_map import load_device_map
from tests.property.watched_plants import Machine, Wiring, any_wiring, usual_machine

HEALTHY_SEEDS: Final = range(24)
PLANTED_SEEDS: Final = range(3)
OTHER_WORDS: Final = {"ABCD": "CDAB", "CDAB": "ABCD", "BADC": "DCBA", "DCBA": "BADC"}


def found_in(wiring: Wiring, *, hours: float) -> list[Finding]:
    """Every finding that a gateway with this map would have told, and as it was told last."""
    doubts = MapDoubts(load_device_map(Path("plant.yaml"), text=wiring.map_text()))
    found: dict[str, Finding] = {}
    for at, told in wiring.observed(hours):
        doubts.take(told)
        doubts.look(at)
        found.update((finding.key, finding) for finding in doubts.findings)
    return list(found.values())


def standing_in(wiring: Wiring, *, hours: float) -> dict[str, str]:
    """What is still held to be wrong at the end: code and point, and the line to write."""
    doubts = MapDoubts(load_device_map(Path("plant.yaml"), text=wiring.map_text()))
    for at, told in wiring.observed(hours):
        doubts.take(told)
        doubts.look(at)
    return {finding.key: finding.sign.write for finding in doubts.findings}


@pytest.mark.parametrize("seed", HEALTHY_SEEDS)
def test_a_healthy_plant_raises_no_finding(seed: int) -> None:
    assert [finding.note for finding in found_in(any_wiring(seed), hours=3)] == []


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A mistake, and what is to be found within so many hours. `write`: what the line begins with."""

    plant: Callable[[Wiring], None]
    key: str
    write: str
    hours: float
    machine: Callable[[Machine], Machine] = lambda machine: machine
    order: str | None = None


def _turn_words(wiring: Wiring) -> None:
    for name in ("good", "scrap", "temp"):
        wiring.points[name].order = OTHER_WORDS[wiring.plant.order]


def _swap_bytes(wiring: Wiring) -> None:
    wiring.points["good"].order = "BADC"


def _shift(by: int) -> Callable[[Wiring], None]:
    def plant(wiring: Wiring) -> None:
        for point in wiring.points.values():
            point.shift = by if point.type != "bool" else 0

    return plant


def _freeze(wiring: Wiring) -> None:
    wiring.plant.frozen = True


def _write(name: str, more: str) -> Callable[[Wiring], None]:
    def plant(wiring: Wiring) -> None:
        wiring.points[name].more = more

    return plant


def _read_elsewhere(name: str, address: int) -> Callable[[Wiring], None]:
    def plant(wiring: Wiring) -> None:
        wiring.points[name] = replace(wiring.points[name], address=address)
        wiring.points[name].order = "ABCD"

    return plant


def _stay_away(wiring: Wiring) -> None:
    _write("good", "counter: {limit: 999}")(wiring)
    wiring.outages = [(2 * 3600.0, 4 * 3600.0)]


def _by_hand(wiring: Wiring) -> None:
    wiring.points["good"].more = "counter: {reset_by: {point: button}}"


MISTAKES: Final = {
    "words turned": Mistake(plant=_turn_words, key="byte-order/cell/good", write="byte_order: ", hours=1),
    "words of a measured value turned": Mistake(
        plant=_turn_words, key="byte-order/cell/temp", write="byte_order: ", hours=0.2
    ),
    "bytes swapped": Mistake(
        plant=_swap_bytes,
        key="byte-order/cell/good",
        write="byte_order: ABCD",
        hours=2,
        order="ABCD",
        machine=lambda machine: replace(machine, interval_s=8.0, reset_every=0),
    ),
    "addresses one too low": Mistake(
        plant=_shift(-1),
        key="address-one-off/cell/scrap",
        write="workarounds: {address_base: 0}",
        hours=5,
        order="ABCD",
    ),
    "addresses one too high": Mistake(
        plant=_shift(1), key="address-one-off/cell/good", write="at: {holding: 100}", hours=2, order="ABCD"
    ),
    "counter that never moves": Mistake(plant=_freeze, key="counter-frozen/cell/good", write="", hours=8),
    "limit too small": Mistake(
        plant=_write("good", "counter: {limit: 5000}"),
        key="limit-too-small/cell/good",
        write="limit: 4294967295",
        hours=0.2,
        machine=lambda machine: replace(machine, start=60_000, reset_every=0),
    ),
    "counts down": Mistake(
        plant=_write("good", "counter: {}"),
        key="direction-reversed/cell/good",
        write="direction: down",
        hours=2,
        machine=lambda machine: replace(machine, counts_down=True),
    ),
    "does not count down": Mistake(
        plant=_write("good", "counter: {direction: down}"),
        key="direction-reversed/cell/good",
        write="direction: up",
        hours=2,
    ),
    "a pressure counted": Mistake(plant=_read_elsewhere("good", 110), key="not-a-counter/cell/good", write="", hours=2),
    "max_rate too low": Mistake(
        plant=_write("good", "counter: {max_rate: 20/h}"),
        key="max-rate-too-low/cell/good",
        write="max_rate: ",
        hours=1,
        machine=lambda machine: replace(machine, per_piece=12, reset_every=0),
    ),
    "max_rate far too high": Mistake(
        plant=_write("good", "counter: {max_rate: 2000/s}"),
        key="max-rate-too-high/cell/good",
        write="max_rate: ",
        hours=6,
        machine=lambda machine: replace(machine, per_piece=1, interval_s=8.0),
    ),
    "an uptime as job number": Mistake(
        plant=_read_elsewhere("job", 112),
        key="job-not-steady/cell/job",
        write="work_order: {from: dispatch}",
        hours=0.2,
    ),
    "a state without label": Mistake(
        plant=_write("state", "labels: {0: idle, 1: running}"),
        key="value-without-label/cell/state",
        write="labels: {0: idle, 1: running, 2: unknown}",
        hours=12,
    ),
    "a button pressed for a moment": Mistake(
        plant=_by_hand,
        key="pulse-too-short/cell/button",
        write="fast: 500ms",
        hours=8,
        machine=lambda machine: replace(machine, reset_every=40, press_s=(1.0, 1.9)),
    ),
    "an outage longer than a wrap": Mistake(
        plant=_stay_away,
        key="wrap-within-outage/cell/good",
        write="",
        hours=5,
        machine=lambda machine: replace(machine, limit=999, start=0, interval_s=3.0, per_piece=1, reset_every=0),
    ),
}


@pytest.mark.parametrize("seed", PLANTED_SEEDS)
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_map_is_found_in_time_with_the_line_to_write(name: str, seed: int) -> None:
    mistake = MISTAKES[name]
    chance = random.Random(seed)
    wiring = any_wiring(seed, machine=mistake.machine(usual_machine(chance)), order=mistake.order)
    mistake.plant(wiring)
    found = standing_in(wiring, hours=mistake.hours)
    assert mistake.key in found
    assert found[mistake.key].startswith(mistake.write)


def test_a_mistake_is_named_once_and_what_follows_from_it_is_not() -> None:
    wiring = any_wiring(1, machine=usual_machine(random.Random(1)), order="ABCD")
    _shift(-1)(wiring)
    assert list(standing_in(wiring, hours=5)) == ["address-one-off/cell/scrap"]


def test_the_line_to_write_makes_a_turned_counter_right() -> None:
    wiring = any_wiring(2, machine=usual_machine(random.Random(2)), order="CDAB")
    wiring.points["good"].order = "ABCD"
    found = standing_in(wiring, hours=1)
    assert found == {"byte-order/cell/good": "byte_order: CDAB"}
    wiring.points["good"].order = found["byte-order/cell/good"].removeprefix("byte_order: ")
    assert standing_in(wiring, hours=1) == {}  # the plant goes on, and so does its map
