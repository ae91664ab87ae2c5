"""Plant files: the packaged one, and what is said about a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from genba_shared.errors import ConfigError
from genba_sim.plant_file import load_plant, packaged_plant, parse_plant
from genba_sim.settings import Late, Node, PlantSettings, Span, Station


def problems_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        parse_plant(text, file="plant.yaml")
    return [str(problem) for problem in raised.value.problems]


def test_the_packaged_file_writes_out_all_defaults() -> None:
    assert parse_plant(packaged_plant()) == PlantSettings()


def test_an_empty_file_is_the_packaged_plant() -> None:
    assert parse_plant("# nothing changed\n") == PlantSettings()


def test_settings_are_read_with_their_units(tmp_path: Path) -> None:
    file = tmp_path / "plant.yaml"
    file.write_text(
        "site: kyoto\n"
        "orders: {every: 2min..1h, lot: 2..3, usual_lot: 2, customers: [京染]}\n"
        "plan: {allowance: 5%, late: [{first: 3, every: 4, by: 90min}]}\n"
        "families: {coat: {sewing: SEW-2, cycle: {CUT: 20s, SEW: 1.5min, INS: 30s, PACK: 10s}}}\n"
        "work: {set_up: 75s, rework: 2.5%}\n"
        "counters: {cutter: 65535}\n"
        "ports: {modbus: 5020}\n",
        encoding="utf-8",
    )
    plant = load_plant(file)
    assert plant.site == "kyoto"
    assert plant.orders.every_s == Span(120.0, 3600.0)
    assert plant.orders.lot == Span(2, 3)
    assert plant.orders.customers == ("京染",)
    assert plant.plan.allowance == pytest.approx(0.05)
    assert plant.plan.late == (Late(first=3, every=4, by_s=5400.0),)
    assert plant.families["coat"].sewn_at is Station.SEW_2
    assert plant.families["coat"].cycle_s[Node.SEW] == pytest.approx(90.0)
    assert plant.work.set_up_s == Span(75.0, 75.0)
    assert plant.work.rework == pytest.approx(0.025)
    assert plant.counters.cutter == 65_535
    assert plant.ports.modbus == 5020


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    assert problems_of("orders:\n  evry: 3s\n") == [
        "plant.yaml:2:3  orders.evry\n  'evry' is not a setting of a simulated plant.\n  Did you mean 'every'?"
    ]


def test_all_problems_are_reported_in_one_run_in_the_order_of_the_file() -> None:
    found = problems_of("orders: {lot: 0..3}\nwork: {set_up: 10s, rework: 4}\nports: 3\n")
    assert [text.split("\n")[0] for text in found] == [
        "plant.yaml:1:15  orders.lot",
        "plant.yaml:2:16  work.set_up",
        "plant.yaml:2:29  work.rework",
        "plant.yaml:3:8  ports",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("work: {unload: 15}", "'15' is not a duration."),
        ("work: {set_up: 90s..60s}", "90s..60s ends before it begins."),
        ("counters: {cutter: 65536}", "'65536' is not a whole number from 0 to 65535."),
        ("families: {shirt: {sewing: SEW-3}}", "'SEW-3' is not known."),
        ("gateway: Gate 1", "'Gate 1' cannot stand in a topic."),
        ("site: a\nsite: b", "'site' stands here twice"),
        ("version: 2", "'2' is not a whole number from 1 to 1."),
        ("- a\n- b", "a group of settings is expected here"),
        ("gate: {apart: 30s}", "30s is too short."),
        ("orders: [", "is not YAML"),
    ],
)
def test_a_wrong_value_is_named(text: str, said: str) -> None:
    assert any(said in problem for problem in problems_of(text))


def test_a_missing_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_plant(tmp_path / "none.yaml")
