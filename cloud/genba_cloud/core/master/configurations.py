"""The order configurator: modules with options, rules between them, and what a choice makes of BOM and routing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from genba_cloud.core.facts.plan import Refused
from genba_cloud.core.master.forms import LABEL, NAME, TEXT, amount, built, first_twice, item_nodes, listed, named
from genba_cloud.core.master.goods import BOM, Bom, BomLine
from genba_cloud.core.master.routings import LONGEST_S, Routing
from genba_shared.device_map.kinds import NAME as CODE
from genba_shared.device_map.kinds import flag, integer, one_or_more
from genba_shared.device_map.problems import did_you_mean
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Values, keys


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreWork:
    """What an option adds to the standard work of a node."""

    node: str
    setup_s: int = 0
    piece_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One choice of a module: parameters, components and work that it adds; `routing` takes another template."""

    option: str
    label: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[BomLine, ...] = ()
    routing: str | None = None
    work: tuple[MoreWork, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """Something that is chosen: one option, or none where it is `optional`."""

    module: str
    options: tuple[Option, ...]
    label: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False

    def option(self, name: str) -> Option | None:
        """The option of that name."""
        return next((one for one in self.options if one.option == name), None)


Chosen = Mapping[str, tuple[str, ...]]
"""By module: one of these options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Where all of `when` is chosen, all of `requires` must be, and none of `excludes`. `message` says why."""

    rule: str
    when: Chosen
    requires: Chosen = field(default_factory=dict)
    excludes: Chosen = field(default_factory=dict)
    message: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What can be chosen about an item."""

    configuration: str
    item: str
    modules: tuple[Module, ...]
    rules: tuple[Rule, ...] = ()
    routing: str | None = None
    label: Mapping[str, str] = field(default_factory=dict)

    def module(self, name: str) -> Module | None:
        """The module of that name."""
        return next((one for one in self.modules if one.module == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What a valid choice is: the item, its components, template, parameters and the work that is added."""

    item: str
    routing: str | None
    parameters: Mapping[str, str]
    lines: tuple[BomLine, ...]
    work: tuple[MoreWork, ...]

    def on(self, routing: Routing) -> Routing:
        """The template with the work that the choice adds."""
        nodes = routing.nodes
        for more in self.work:
            nodes = tuple(
                replace(node, setup_s=node.setup_s + more.setup_s, piece_s=node.piece_s + more.piece_s)
                if node.node == more.node
                else node
                for node in nodes
            )
        return replace(routing, nodes=nodes)

    def bom(self, usual: Bom | None) -> Bom | None:
        """The item's own components with those of the choice; the same one for the same node is added up."""
        found: dict[tuple[str, str | None, str], BomLine] = {}
        for line in (*(usual.lines if usual else ()), *self.lines):
            key = (line.item, line.node, line.uom)
            there = found.get(key)
            found[key] = line if there is None else replace(there, amount=there.amount + line.amount)
        return Bom(bom=self.item, lines=tuple(found.values())) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidChoice:
    """A choice that cannot be made: for which module, which rule says so (None: the form), what would be allowed."""

    module: str
    reason: str
    accepted: str
    rule: str | None = None
    message: Mapping[str, str] = field(default_factory=dict)

    def refused(self) -> Refused:
        """As the rest of the collector says no."""
        reason = f"rule {self.rule}: {self.reason}" if self.rule else self.reason
        return Refused(reason=reason, accepted=self.accepted)


def resolve(configuration: Configuration, choices: Mapping[str, str]) -> Resolved | tuple[InvalidChoice, ...]:
    """What the choices make, or everything that is wrong with them."""
    wrong = tuple(_form_problems(configuration, choices)) or tuple(_broken_rules(configuration, choices))
    if wrong:
        return wrong
    chosen = [
        option
        for module in configuration.modules
        if module.module in choices and (option := module.option(choices[module.module])) is not None
    ]
    parameters = {module.module: choices[module.module] for module in configuration.modules if module.module in choices}
    for option in chosen:
        parameters.update(option.parameters)
    return Resolved(
        item=configuration.item,
        routing=next((option.routing for option in reversed(chosen) if option.routing), configuration.routing),
        parameters=parameters,
        lines=tuple(line for option in chosen for line in option.lines),
        work=tuple(more for option in chosen for more in option.work),
    )


def _form_problems(configuration: Configuration, choices: Mapping[str, str]) -> Iterator[InvalidChoice]:
    names = [module.module for module in configuration.modules]
    for name in choices:
        if name not in names:
            reason = f"'{name:.60}' is nothing to choose"
            yield InvalidChoice(module=name, reason=reason, accepted=f"one of {', '.join(names)}")
    for module in configuration.modules:
        words = ", ".join(option.option for option in module.options)
        word = choices.get(module.module)
        if word is None:
            if not module.optional:
                reason = f"nothing is chosen for {module.module}"
                yield InvalidChoice(module=module.module, reason=reason, accepted=f"one of {words}")
        elif module.option(word) is None:
            reason = f"'{word:.60}' is no option of {module.module}"
            yield InvalidChoice(module=module.module, reason=reason, accepted=f"{module.module}: one of {words}")


def _broken_rules(configuration: Configuration, choices: Mapping[str, str]) -> Iterator[InvalidChoice]:
    for rule in configuration.rules:
        if not all(choices.get(module) in options for module, options in rule.when.items()):
            continue
        condition = _said(rule.when)
        for module, options in rule.requires.items():
            if choices.get(module) not in options:
                reason = f"{condition} needs {module}: {' or '.join(options)}, not {choices.get(module, 'nothing')}"
                accepted = _said({module: options})
                yield InvalidChoice(
                    module=module, reason=reason, accepted=accepted, rule=rule.rule, message=rule.message
                )
        for module, options in rule.excludes.items():
            if choices.get(module) in options:
                other = [o.option for o in _options(configuration, module) if o.option not in options]
                reason = f"{condition} does not go with {module}: {choices[module]}"
                accepted = _said({module: tuple(other)}) if other else f"nothing for {module}"
                yield InvalidChoice(
                    module=module, reason=reason, accepted=accepted, rule=rule.rule, message=rule.message
                )


def _options(configuration: Configuration, module: str) -> tuple[Option, ...]:
    found = configuration.module(module)
    return found.options if found else ()


def _said(chosen: Chosen) -> str:
    return ", ".join(f"{module}: {' or '.join(options)}" for module, options in chosen.items())


def configuration_of(values: Values) -> Configuration:
    """The configuration; its rules speak of what can be chosen."""
    made: Configuration = values.build(Configuration)
    double = first_twice([module.module for module in made.modules])
    if double is not None:
        values.error("modules", f"module '{double}' stands here twice.", "Join the two.")
    places = item_nodes(values, "rules")
    for rule, place in zip(made.rules, places, strict=False):
        for part in (rule.when, rule.requires, rule.excludes):
            for module, options in part.items():
                wrong = _unknown(made, module, options)
                if wrong is not None:
                    values.broken = True
                    values.scope.findings.error(place, f"rules.{rule.rule}", *wrong)
    return values.build(Configuration)


def _unknown(made: Configuration, module: str, options: tuple[str, ...]) -> tuple[str, str] | None:
    found = made.module(module)
    if found is None:
        names = [one.module for one in made.modules]
        return f"'{module}' is not a module here.", did_you_mean(module, names, f"Write one of {', '.join(names)}.")
    words = [one.option for one in found.options]
    wrong = next((word for word in options if word not in words), None)
    if wrong is None:
        return None
    return f"'{wrong}' is no option of {module}.", did_you_mean(wrong, words, f"Write one of {', '.join(words)}.")


def _module_of(values: Values) -> Module:
    made: Module = values.build(Module)
    double = first_twice([option.option for option in made.options])
    if double is not None:
        values.error("options", f"option '{double}' stands here twice.", "Give one another name.")
    return values.build(Module)


def _rule_of(values: Values) -> Rule:
    if not values.broken and not {"requires", "excludes"} & values.taken.keys():
        values.error("when", "a rule requires or excludes something.", "Add requires: {…} or excludes: {…}.")
    return values.build(Rule)


_CHOSEN: Final = named(one_or_more(CODE, "options"), what="modules with options", example="{door: glass}")
_LINES: Final[Kind] = BOM.keys["lines"].kind
_WORK: Final = ObjectSpec(
    name="added work",
    model=MoreWork,
    keys=keys(
        Key(name="node", kind=CODE, meaning="the node of the routing", example="node: core", required=True),
        Key(name="setup_s", kind=integer(0, LONGEST_S, "600"), meaning="once", example="setup_s: 600"),
        Key(name="piece_s", kind=amount(0, LONGEST_S, "30"), meaning="for each piece", example="piece_s: 30"),
    ),
)
_OPTION: Final = ObjectSpec(
    name="an option",
    model=Option,
    keys=keys(
        Key(name="option", kind=CODE, meaning="its id", example="option: glass", required=True),
        Key(name="label", kind=LABEL, meaning="what people call it", example='label: {en: "Glass"}'),
        Key(
            name="parameters",
            kind=named(TEXT, what="names with texts", example='{width_mm: "800"}'),
            meaning="what the order says then",
            example='parameters: {width_mm: "800"}',
        ),
        Key(name="lines", kind=_LINES, meaning="components", example="lines: [{item: GLASS-800, amount: 1}]"),
        Key(name="routing", kind=CODE, meaning="another template", example="routing: sheet-metal"),
        Key(
            name="work",
            kind=listed(built(_WORK, lambda values: values.build(MoreWork)), what="nodes with work"),
            meaning="work that it adds",
            example="work: [{node: core, piece_s: 30}]",
        ),
    ),
)
_MODULE: Final = ObjectSpec(
    name="a module",
    model=Module,
    keys=keys(
        Key(name="module", kind=CODE, meaning="its id", example="module: door", required=True),
        Key(name="label", kind=LABEL, meaning="what people call it", example='label: {en: "Door"}'),
        Key(name="optional", kind=flag(), meaning="nothing may be chosen", example="optional: true"),
        Key(
            name="options",
            kind=listed(built(_OPTION, lambda values: values.build(Option)), what="options", least=1),
            meaning="what can be chosen",
            example="options: [{option: glass}]",
            required=True,
        ),
    ),
)
_RULE: Final = ObjectSpec(
    name="a rule",
    model=Rule,
    keys=keys(
        Key(name="rule", kind=CODE, meaning="its id", example="rule: glass-needs-steel", required=True),
        Key(name="when", kind=_CHOSEN, meaning="where this is chosen", example="when: {door: glass}", required=True),
        Key(name="requires", kind=_CHOSEN, meaning="this must be chosen", example="requires: {frame: steel}"),
        Key(name="excludes", kind=_CHOSEN, meaning="this must not be chosen", example="excludes: {size: w1200}"),
        Key(name="message", kind=LABEL, meaning="why", example='message: {en: "Glass is too heavy for wood."}'),
    ),
)
CONFIGURATION: Final = ObjectSpec(
    name="a configuration",
    model=Configuration,
    keys=keys(
        Key(name="configuration", kind=CODE, meaning="its id", example="configuration: cabinet", required=True),
        Key(name="item", kind=NAME, meaning="the item that is configured", example="item: CABINET", required=True),
        Key(name="label", kind=LABEL, meaning="what people call it", example='label: {en: "Cabinet"}'),
        Key(name="routing", kind=CODE, meaning="its usual template", example="routing: wood"),
        Key(
            name="modules",
            kind=listed(built(_MODULE, _module_of), what="modules", least=1),
            meaning="what is chosen",
            example="modules: [{module: door, options: [{option: glass}]}]",
            required=True,
        ),
        Key(
            name="rules",
            kind=listed(built(_RULE, _rule_of), what="rules"),
            meaning="what goes together",
            example="rules: [{rule: r1, when: {door: glass}, requires: {frame: steel}}]",
        ),
    ),
)
