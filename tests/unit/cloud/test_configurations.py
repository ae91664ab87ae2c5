"""The order configurator: what a choice makes, and which rule says no."""

from __future__ import annotations

import pytest

from genba_cloud.core.master.configurations import Configuration, InvalidChoice, Resolved, resolve
from genba_cloud.core.master.goods import Bom, BomLine
from genba_cloud.core.master.kinds import read_file
from genba_cloud.ledger.templates import built_in_routings
from genba_shared.errors import ConfigError

CABINET = """\
configuration: cabinet
item: CABINET
routing: wood
modules:
  - module: width
    options:
      - {option: w800, parameters: {width_mm: "800"}, lines: [{item: BOARD, amount: 4}]}
      - {option: w1200, parameters: {width_mm: "1200"}, lines: [{item: BOARD, amount: 6}]}
  - module: door
    options:
      - {option: plain}
      - {option: glass, lines: [{item: GLASS, amount: 2}], work: [{node: core, setup_s: 600, piece_s: 300}]}
  - module: frame
    optional: true
    options:
      - {option: oak}
      - {option: steel, routing: sheet-metal}
rules:
  - rule: glass-needs-steel
    when: {door: glass}
    requires: {frame: steel}
    message: {en: "Glass is too heavy for wood.", zh: "玻璃对木框太重。"}
  - rule: steel-is-narrow
    when: {frame: steel}
    excludes: {width: [w1200]}
"""


def cabinet(text: str = CABINET) -> Configuration:
    (document,) = read_file(text, file="cabinet.yaml")
    found: Configuration = document.model
    return found


def resolved(**choices: str) -> Resolved:
    found = resolve(cabinet(), choices)
    assert isinstance(found, Resolved), found
    return found


def invalid(**choices: str) -> list[tuple[str | None, str, str]]:
    found = resolve(cabinet(), choices)
    assert not isinstance(found, Resolved)
    return [(one.rule, one.reason, one.accepted) for one in found]


def test_a_choice_makes_parameters_components_and_routing() -> None:
    found = resolved(width="w1200", door="plain")
    assert found.parameters == {"width": "w1200", "door": "plain", "width_mm": "1200"}
    assert (found.routing, found.lines) == ("wood", (BomLine(item="BOARD", amount=6),))
    steel = resolved(width="w800", door="glass", frame="steel")
    assert steel.routing == "sheet-metal"
    assert [(line.item, line.amount) for line in steel.lines] == [("BOARD", 4), ("GLASS", 2)]


def test_an_option_adds_work_to_a_node_of_the_routing() -> None:
    routing = built_in_routings()["sheet-metal"].model
    made = resolved(width="w800", door="glass", frame="steel").on(routing)
    before, after = routing.node("core"), made.node("core")
    assert (after.setup_s, after.piece_s) == (before.setup_s + 600, before.piece_s + 300)
    assert [node for node in made.nodes if node.node != "core"] == [n for n in routing.nodes if n.node != "core"]


def test_components_of_the_choice_come_beside_those_of_the_item() -> None:
    usual = Bom(bom="CABINET", lines=(BomLine(item="SCREW", amount=24), BomLine(item="BOARD", amount=1)))
    made = resolved(width="w800", door="plain").bom(usual)
    assert made is not None
    assert [(line.item, line.amount) for line in made.lines] == [("SCREW", 24), ("BOARD", 5)]


@pytest.mark.requirement("R92", part="options become bill of material, routing and nodes, without a quote")
def test_an_invalid_combination_is_refused_with_the_rule_named() -> None:
    assert invalid(width="w800", door="glass", frame="oak") == [
        ("glass-needs-steel", "door: glass needs frame: steel, not oak", "frame: steel")
    ]
    assert invalid(width="w800", door="glass") == [
        ("glass-needs-steel", "door: glass needs frame: steel, not nothing", "frame: steel")
    ]
    assert invalid(width="w1200", door="glass", frame="steel") == [
        ("steel-is-narrow", "frame: steel does not go with width: w1200", "width: w800")
    ]
    one = resolve(cabinet(), {"width": "w800", "door": "glass", "frame": "oak"})
    assert isinstance(one, tuple)
    assert one[0].refused().reason.startswith("rule glass-needs-steel: ")
    assert one[0].message["zh"] == "玻璃对木框太重。"


def test_every_broken_rule_is_told() -> None:
    assert [rule for rule, *_ in invalid(width="w1200", door="glass", frame="oak")] == ["glass-needs-steel"]
    both = CABINET.replace("{width: [w1200]}", "{door: glass}").replace(
        "requires: {frame: steel}", "requires: {width: w1200}"
    )
    found = resolve(cabinet(both), {"width": "w800", "door": "glass", "frame": "steel"})
    assert isinstance(found, tuple)
    assert [one.rule for one in found if isinstance(one, InvalidChoice)] == ["glass-needs-steel", "steel-is-narrow"]


def test_what_is_no_choice_is_refused_with_what_there_is() -> None:
    assert invalid(width="w900", colour="red") == [
        (None, "'colour' is nothing to choose", "one of width, door, frame"),
        (None, "'w900' is no option of width", "width: one of w800, w1200"),
        (None, "nothing is chosen for door", "one of plain, glass"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("when: {door: glass}", "when: {dor: glass}", "Did you mean 'door'?"),
        ("requires: {frame: steel}", "requires: {frame: steal}", "Did you mean 'steel'?"),
        ("    excludes: {width: [w1200]}\n", "", "a rule requires or excludes something"),
        ("- module: frame", "- module: door", "module 'door' stands here twice"),
        ("{option: oak}", "{option: steel}", "option 'steel' stands here twice"),
        ("amount: 4", "amount: 0", "is out of range"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(old: str, new: str, said: str) -> None:
    assert old in CABINET
    with pytest.raises(ConfigError) as raised:
        cabinet(CABINET.replace(old, new))
    assert said in str(raised.value)
