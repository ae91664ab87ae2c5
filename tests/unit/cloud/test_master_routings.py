"""Routing templates: the seven standard nodes, what differs by industry, and what is refused with its line."""

from __future__ import annotations

import pytest

from genba_cloud.core.facts.plan import Criterion
from genba_cloud.core.master.kinds import MasterKind, read_file
from genba_cloud.core.master.routings import Routing, RoutingNode
from genba_cloud.ledger.templates import built_in_routings
from genba_shared.errors import ConfigError

A = "{node: a, label: A, criterion: report, setup_s: 0, piece_s: 0}"
INDUSTRIES = ("garment", "sheet-metal", "wood", "print-3d")


def template(name: str) -> Routing:
    found: Routing = built_in_routings()[name].model
    return found


def node(text: str, file: str = "mine.yaml") -> RoutingNode:
    (document,) = read_file(f"routing: mine\nnodes:\n  - {text}\n", file=file)
    found: RoutingNode = document.model.nodes[0]
    return found


def refused(text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        read_file(text, file="mine.yaml")
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.requirement("R1")
def test_an_order_of_the_default_template_has_the_seven_nodes_in_order_with_their_sub_steps() -> None:
    found = [(node.node, [step.step for step in node.steps]) for node in template("standard").nodes]
    assert found == [
        ("order", ["material-check", "process-check"]),
        ("material", ["main-purchase", "auxiliary-kitting"]),
        ("start", ["cutting-prep", "first-article"]),
        ("core", []),
        ("quality", ["mid-inspection", "final-inspection"]),
        ("pack", ["packing", "store-in"]),
        ("dispatch", []),
    ]


@pytest.mark.requirement("R2")
def test_industries_differ_in_their_core_operations_and_in_nothing_else() -> None:
    operations = {name: [step.step for step in template(name).nodes[3].steps] for name in INDUSTRIES}
    assert operations == {
        "garment": ["fusing", "sew-parts", "assemble", "buttons", "pressing"],
        "sheet-metal": ["laser-cut", "deburr", "bend", "weld", "coat"],
        "wood": ["panel-saw", "edge-band", "drill", "finish", "pre-assemble"],
        "print-3d": ["slice", "print", "remove", "cure", "finish"],
    }
    for name in INDUSTRIES:
        assert [one.node for one in template(name).nodes] == [one.node for one in template("standard").nodes]
        others = [one for one in template(name).nodes if one.node != "core"]
        assert others == [one for one in template("standard").nodes if one.node != "core"]


def test_every_label_of_the_templates_is_in_three_languages() -> None:
    labels = [
        (name, label)
        for name in built_in_routings()
        for node in template(name).nodes
        for label in (node.label, *(step.label for step in node.steps))
    ]
    assert [where for where, label in labels if set(label) != {"en", "zh", "ja"}] == []


def test_the_starter_has_two_nodes() -> None:
    assert [one.node for one in template("starter").nodes] == ["core", "dispatch"]


@pytest.mark.requirement("R3")
@pytest.mark.parametrize("missing", ["criterion", "setup_s", "piece_s"])
def test_a_node_without_criterion_or_duration_is_refused_with_file_and_line(missing: str) -> None:
    keys = {"criterion": "quantity", "setup_s": "900", "piece_s": "45"}
    written = "".join(f"    {key}: {value}\n" for key, value in keys.items() if key != missing)
    (problem,) = refused(
        f"routing: mine\nnodes:\n  - {{node: a, label: A, criterion: report, setup_s: 0, piece_s: 0}}\n"
        f"  - node: sew\n    label: Sewing\n{written}"
    )
    assert problem.startswith("mine.yaml:4:5  nodes.1")
    assert f"'{missing}' is missing" in problem


def test_what_a_node_says_is_read() -> None:
    found = node(
        "{node: sew, label: {en: Sewing, zh: 缝制}, criterion: quantity, setup_s: 900, piece_s: 45.5, machines: 4}"
    )
    assert (found.criterion, found.setup_s, found.piece_s, found.machines) == (Criterion.QUANTITY, 900, 45.5, 4)
    assert found.label == {"en": "Sewing", "zh": "缝制"}


def test_a_duration_is_the_setup_and_the_pieces_over_the_machines() -> None:
    found = node("{node: sew, label: Sewing, criterion: quantity, setup_s: 900, piece_s: 45, machines: 4}")
    assert [found.duration_s(pieces) for pieces in (0, 1, 4, 10)] == [900, 912, 945, 1013]


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        (f"- {A}\n  - {A}", "node 'a' stands here twice"),
        ("- {node: a, label: A, criterion: report, setup_s: 0, piece_s: 0, after: [zz]}", "'zz' is not a node"),
        (f"- {A[:-1]}, after: [b]}}\n  - {A.replace('node: a', 'node: b')}", "waits for itself: a → b → a"),
        ("- {node: a, label: A, criterion: steps, setup_s: 0, piece_s: 0}", "needs sub-steps"),
        ("- {node: a, label: A, criterion: quantty, setup_s: 0, piece_s: 0}", "Did you mean 'quantity'?"),
        ("- {node: a, label: A, criterion: report, setup_s: -1, piece_s: 0}", "out of range: 0 to"),
        ("- {node: a, label: A, criterion: report, setup_s: 0, piece_s: 0, after: [a]}", "cannot wait for itself"),
        ("- {node: a, label: {english: A}, criterion: report, setup_s: 0, piece_s: 0}", "'english' is not a language"),
    ],
    ids=["twice", "unknown", "circle", "no steps", "misspelt", "negative", "itself", "language"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(nodes: str, said: str) -> None:
    problems = refused(f"routing: mine\nnodes:\n  {nodes}\n")
    assert any(said in problem for problem in problems), problems


def test_a_file_holds_documents_of_several_kinds_in_the_order_in_which_they_can_be_put_in() -> None:
    text = (
        "stations: [{station: S1, work_centre: sew}]\nwork_centres: [{work_centre: sew, site: a}]\nsites: [{site: a}]"
    )
    assert [(one.kind, one.id) for one in read_file(text, file="f.yaml")] == [
        (MasterKind.SITES, "a"), (MasterKind.WORK_CENTRES, "sew"), (MasterKind.STATIONS, "S1"),
    ]  # fmt: skip


def test_all_problems_of_a_file_are_told_in_one_run() -> None:
    problems = refused("sites: [{site: a b}]\nstations: [{station: S1}]\nshops: []\n")
    assert [problem.split("  ")[0] for problem in problems] == ["mine.yaml:1:16", "mine.yaml:2:12", "mine.yaml:3:1"]
    assert "no kind of master data" in problems[2]


def test_an_empty_file_is_refused_in_words_that_speak_of_documents() -> None:
    (problem,) = refused("")
    assert problem == (
        "mine.yaml\n  the file holds no settings: a document is a list of `key: value` lines.\n"
        "  docs/master-data.md has documents to begin with."
    )
