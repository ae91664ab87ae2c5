"""Routing templates: the nodes that an item goes through, each with its criterion and its expected duration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import yaml

from genba_cloud.core.facts.plan import Confirm, Criterion, Evidence, Scope, Step
from genba_cloud.core.master.forms import LABEL, NAME, amount, built, first_twice, item_nodes, listed
from genba_shared.device_map.kinds import NAME as CODE
from genba_shared.device_map.kinds import choice, flag, integer, one_or_more
from genba_shared.device_map.problems import did_you_mean
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Values, keys
from genba_shared.device_map.spec import Scope as Where

MOST_NODES: Final = 200
LONGEST_S: Final = 31_536_000
MOST_PIECES: Final = 10_000_000


class Placing(StrEnum):
    """Which end of the time until the promise a node is planned at."""

    EARLY = "early"
    """As soon as the order is there: confirming it, buying its material."""
    LATE = "late"
    """As late as the promise allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """What a node waits for: `transfer` good pieces (None: all) of another one, and `lag_s` working seconds then."""

    node: str
    transfer: int | None = None
    lag_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingNode:
    """A node of a template. Standard work is `setup_s` once and `piece_s` for each piece on one machine.

    `machines`: how many machines share a work order, as far as planning is concerned. `after` None: everything of the
    node that stands before it.
    """

    node: str
    label: Mapping[str, str]
    criterion: Criterion
    setup_s: int
    piece_s: float
    machines: int = 1
    after: tuple[After, ...] | None = None
    plan: Placing = Placing.LATE
    evidence: Evidence = Evidence.ANY
    confirm: Confirm = Confirm.AUTO
    scope: Scope = Scope.WORK_ORDER
    steps: tuple[Step, ...] = ()
    work_centre: str | None = None
    stations: tuple[str, ...] = ()
    key: bool = False
    visible_to: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()

    def duration_s(self, pieces: int) -> int:
        """Working seconds from its start until so many pieces are done; 0 pieces: nothing but the setup."""
        return self.setup_s + int(-(-self.piece_s * pieces // self.machines))

    def handover_s(self, pieces: int) -> int:
        """Working seconds for so many further pieces, once it is set up."""
        return self.duration_s(pieces) - self.setup_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """A template. `industry` is a word for people who choose among templates."""

    routing: str
    nodes: tuple[RoutingNode, ...]
    label: Mapping[str, str] = field(default_factory=dict)
    industry: str | None = None

    def node(self, code: str) -> RoutingNode | None:
        """The node of that name."""
        return next((node for node in self.nodes if node.node == code), None)

    def waits_for(self, code: str) -> tuple[After, ...]:
        """What the node waits for, with what is not written down: everything of the node before it."""
        for before, node in zip((None, *self.nodes), self.nodes, strict=False):
            if node.node == code:
                if node.after is not None:
                    return node.after
                return (After(node=before.node),) if before is not None else ()
        return ()


def routing_of(values: Values) -> Routing:
    """The template; its nodes have names of their own, and none waits for itself, however far around."""
    made: Routing = values.build(Routing)
    names = [node.node for node in made.nodes]
    places = dict(zip(names, item_nodes(values, "nodes"), strict=False))
    double = first_twice(names)
    if double is not None:
        _report(values, places[double], double, f"node '{double}' stands here twice.", "Give one another name.")
        return values.build(Routing)
    for node in made.nodes:
        for after in made.waits_for(node.node):
            if after.node not in names:
                fix = did_you_mean(after.node, names, f"Write one of {', '.join(names)}.")
                message = f"'{after.node}' is not a node of this routing."
                _report(values, places[node.node], f"{node.node}.after", message, fix)
    circle = _circle(made) if not values.broken else None
    if circle is not None:
        message = f"it waits for itself: {' → '.join(circle)}."
        _report(values, places[circle[0]], f"{circle[0]}.after", message, "Take one of these out of `after`.")
    return values.build(Routing)


def _report(values: Values, place: yaml.Node, path: str, message: str, fix: str) -> None:
    values.broken = True
    findings = values.scope.findings
    findings.error(place, f"nodes.{path}", message, fix)


def _circle(made: Routing) -> tuple[str, ...] | None:
    """Nodes that wait for one another in a circle, the first one again at the end."""
    done: set[str] = set()
    for first in made.nodes:
        way: list[str] = []
        found = _walk(made, first.node, way, done)
        if found is not None:
            return found
    return None


def _walk(made: Routing, code: str, way: list[str], done: set[str]) -> tuple[str, ...] | None:
    if code in way:
        return (*way[way.index(code) :], code)
    if code in done:
        return None
    way.append(code)
    for after in made.waits_for(code):
        found = _walk(made, after.node, way, done)
        if found is not None:
            return found
    way.pop()
    done.add(code)
    return None


def _after_of(kind: Kind) -> Kind:
    """A node's name alone means everything of it."""

    def read(node: yaml.Node, scope: Where) -> After:
        if isinstance(node, yaml.ScalarNode):
            return After(node=CODE.read(node, scope))
        made: After = kind.read(node, scope)
        return made

    return Kind(allowed="a node, or {node, transfer, lag_s}", read=read, show=None)


_AFTER: Final = ObjectSpec(
    name="what a node waits for",
    model=After,
    keys=keys(
        Key(name="node", kind=CODE, meaning="the other node", example="node: start", required=True),
        Key(
            name="transfer",
            kind=integer(1, MOST_PIECES, "20"),
            meaning="good pieces that must be there",
            example="transfer: 20",
        ),
        Key(
            name="lag_s",
            kind=integer(0, LONGEST_S, "3600"),
            meaning="working seconds that must pass then",
            example="lag_s: 3600",
        ),
    ),
)
_STEP: Final = ObjectSpec(
    name="a sub-step",
    model=Step,
    keys=keys(
        Key(name="step", kind=CODE, meaning="its id", example="step: process-check", required=True),
        Key(name="label", kind=LABEL, meaning="what people call it", example='label: {en: "Process check"}'),
    ),
)
_NODE: Final = ObjectSpec(
    name="a node",
    model=RoutingNode,
    keys=keys(
        Key(name="node", kind=CODE, meaning="its id", example="node: core", required=True),
        Key(name="label", kind=LABEL, meaning="its name", example='label: {en: "Sewing"}', required=True),
        Key(
            name="criterion",
            kind=choice(Criterion),
            meaning="what must be so for it to be complete",
            example="criterion: quantity",
            required=True,
        ),
        Key(
            name="setup_s",
            kind=integer(0, LONGEST_S, "900"),
            meaning="expected duration: working seconds before the first piece",
            example="setup_s: 900",
            required=True,
        ),
        Key(
            name="piece_s",
            kind=amount(0, LONGEST_S, "45"),
            meaning="expected duration: working seconds of one machine for each piece",
            example="piece_s: 45",
            required=True,
        ),
        Key(
            name="machines",
            kind=integer(1, 1000, "8"),
            meaning="how many machines share a work order",
            example="machines: 8",
        ),
        Key(
            name="after",
            kind=listed(_after_of(built(_AFTER, lambda values: values.build(After))), what="nodes"),
            meaning="what it waits for",
            example="after: [{node: start, transfer: 20}]",
            default_text="everything of the node before it",
        ),
        Key(name="plan", kind=choice(Placing), meaning="planned early or late", example="plan: early"),
        Key(name="evidence", kind=choice(Evidence), meaning="who must say so", example="evidence: machine"),
        Key(name="confirm", kind=choice(Confirm), meaning="whether it is confirmed", example="confirm: required"),
        Key(name="scope", kind=choice(Scope), meaning="what it is done once for", example="scope: order"),
        Key(
            name="steps",
            kind=listed(built(_STEP, lambda values: values.build(Step)), what="sub-steps"),
            meaning="its sub-steps",
            example='steps: [{step: process-check, label: "Process check"}]',
        ),
        Key(name="work_centre", kind=CODE, meaning="where it runs", example="work_centre: sewing"),
        Key(
            name="stations",
            kind=one_or_more(NAME, "stations"),
            meaning="on which stations it may run",
            example="stations: [SEW-1, SEW-2]",
        ),
        Key(name="key", kind=flag(), meaning="counts for visibility", example="key: true"),
        Key(
            name="visible_to",
            kind=one_or_more(CODE, "roles"),
            meaning="roles outside of the factory that may see it",
            example="visible_to: [customer]",
        ),
        Key(
            name="instructions",
            kind=one_or_more(CODE, "instructions"),
            meaning="what people read there",
            example="instructions: [sew-collar]",
        ),
    ),
)


def node_of(values: Values) -> RoutingNode:
    """The node; its criterion can be met."""
    made: RoutingNode = values.build(RoutingNode)
    double = first_twice([step.step for step in made.steps])
    if double is not None:
        values.error("steps", f"sub-step '{double}' stands here twice.", "Delete one of the two.")
    if made.criterion is Criterion.STEPS and not made.steps:
        values.error("criterion", "criterion `steps` needs sub-steps.", "Add `steps`, or write criterion: report.")
    if made.after is not None and any(after.node == made.node for after in made.after):
        values.error("after", "a node cannot wait for itself.", "Take it out of `after`.")
    return values.build(RoutingNode)


ROUTING: Final = ObjectSpec(
    name="a routing",
    model=Routing,
    keys=keys(
        Key(name="routing", kind=CODE, meaning="its id", example="routing: garment", required=True),
        Key(name="label", kind=LABEL, meaning="its name", example='label: {en: "Garment"}'),
        Key(name="industry", kind=CODE, meaning="for people who choose", example="industry: garment"),
        Key(
            name="nodes",
            kind=listed(built(_NODE, node_of), what="nodes", least=1),
            meaning="its nodes in order",
            example="nodes: [{node: core, label: Sewing, criterion: quantity, setup_s: 900, piece_s: 45}]",
            required=True,
        ),
    ),
)
