"""The machinery behind every group of settings: one table of keys for checking, defaults, explain and reference.

A group is an `ObjectSpec`: its keys, each with the `Kind` of its value, and the keys of the device-map contract that
this version does not read yet. `read_object` walks such a table over a mapping of the file. Adding a setting is one
line in a table (`tables.py`) and a field with its default in the model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import yaml

from genba_shared.device_map.phrases import needs_form, needs_group, not_yet, write, write_like
from genba_shared.device_map.problems import Findings, Setting, Unusable, Wrong, did_you_mean, nearest, shorten
from genba_shared.device_map.scalars import describe
from genba_shared.device_map.secrets import Surroundings
from genba_shared.device_map.yaml_tree import entries, join
from genba_shared.texts import say

Model = TypeVar("Model")

MISSING: Final = object()
MAPPING_TAG: Final = "tag:yaml.org,2002:map"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceNames:
    """What other parts of the map may refer to in a device. None: the device is broken, so any name is let pass."""

    points: frozenset[str] | None
    read_points: frozenset[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Every name in the map that can be referred to; collected before anything is built."""

    devices: Mapping[str, DeviceNames] = field(default_factory=dict)
    stations: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where in the map a value is read: `device` is what a bare point name belongs to, `inherited` stands in for keys.

    `of_device` are settings of the device that change how its points are read.
    `complete` is False for a profile that no device uses: it may leave anything out, and is not explained.
    """

    findings: Findings
    around: Surroundings
    names: Names = field(default_factory=Names)
    path: str = ""
    device: str = ""
    inherited: Mapping[str, Any] = field(default_factory=dict)
    of_device: Mapping[str, Any] = field(default_factory=dict)
    complete: bool = True

    def below(self, key: str) -> Scope:
        """The scope of what stands under `key`."""
        return dataclasses.replace(self, path=join(self.path, key), inherited={})

    def explain(self, key: str, value: str, origin: str) -> None:
        """Note a setting in force for `genba edge check --explain`."""
        if self.complete:
            self.findings.settings.append(
                Setting(path=join(self.path, key) if key else self.path, value=value, origin=origin)
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One form of value. `read` raises `Wrong` or, where it has reported by itself, `Unusable`.

    `schema` says the form in the words of JSON Schema, for editors; empty: whatever stands there is left to `check`.
    """

    allowed: str
    read: Callable[[yaml.Node, Scope], Any]
    show: Callable[[Any], str] | None = str
    group: ObjectSpec | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One setting: its name in the file, its kind, the model's field (`attribute`), and its line in the reference.

    `default_text` says in words what no value says; `derived`: the builder works it out and explains it. `not_yet`:
    the setting is checked and this version does not act on it; the text says what happens instead.
    """

    name: str
    kind: Kind
    meaning: str
    example: str
    attribute: str = ""
    required: bool = False
    default: Any = MISSING
    default_text: str = ""
    derived: bool = False
    not_yet: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSpec:
    """One group of settings. `name` is with its article; `later` maps keys not read yet to what to write until then.

    `free` stands for keys with names of the engineer's own choice; they are collected in its attribute. `replaced_by`
    says which later key stands where another one is required, so that one mistake gives one message. `elsewhere` says
    what to write instead of keys that people may expect here. `example` is the group as it is offered in messages,
    where its first two keys would not do. `rules` says in the words of JSON Schema what holds between the keys.
    """

    name: str
    keys: Mapping[str, Key]
    model: type | None = None
    later: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    replaced_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    free: Key | None = None
    example: str = ""
    rules: Mapping[str, Any] = field(default_factory=dict)

    def default_of(self, key: Key) -> Any:
        """The default in force where the key is left out; `MISSING` where there is none."""
        if key.default is not MISSING or self.model is None:
            return key.default
        for item in dataclasses.fields(self.model):
            if item.name == (key.attribute or key.name):
                if item.default is not dataclasses.MISSING:
                    return item.default
                if item.default_factory is not dataclasses.MISSING:
                    return item.default_factory()
        return MISSING


def keys(*listed: Key) -> dict[str, Key]:
    """The table of an `ObjectSpec`."""
    return {key.name: key for key in listed}


@dataclass(slots=True, kw_only=True)
class Values:
    """What was read of one group: attribute → value of the keys that were written and taken."""

    node: yaml.Node
    scope: Scope
    taken: dict[str, Any] = field(default_factory=dict)
    nodes: dict[str, yaml.Node] = field(default_factory=dict)
    broken: bool = False

    def build(self, model: Callable[..., Model], **more: Any) -> Model:
        """The object of the model.

        Raises:
            Unusable: something in the group is wrong; it has been reported.
        """
        if self.broken:
            raise Unusable
        return model(**{**self.taken, **more})

    def error(self, key: str, message: str, fix: str) -> None:
        """Report what is wrong with a setting in the light of the others."""
        self.broken = True
        self.scope.findings.error(self.place(key), join(self.scope.path, key), message, fix)

    def warn(self, key: str, message: str, fix: str) -> None:
        """Report what is worth a second look."""
        self.scope.findings.warn(self.place(key), join(self.scope.path, key), message, fix)

    def place(self, key: str) -> yaml.Node:
        """Where the setting stands, or where its group begins."""
        return self.nodes.get(key, self.node)


def read_object(node: yaml.Node, spec: ObjectSpec, scope: Scope) -> Values:
    """Read one group by its table; everything wrong in it is reported, and makes the result `broken`."""
    values = Values(node=node, scope=scope)
    if not isinstance(node, yaml.MappingNode):
        scope.findings.error(
            node,
            scope.path,
            needs_group(describe(node), spec.name),
            write(spec.example or _first_keys(spec)),
        )
        values.broken = True
        return values
    written = entries(node)
    values.broken = len(written) < len(node.value)
    misspelt = {meant_by(name, spec) for name in written}
    for name, key in spec.keys.items():
        if name in written:
            _read_key(key, written[name][1], values)
        elif written.keys() & set(spec.replaced_by.get(name, ())) or (key.required and name in misspelt):
            values.broken = True  # the key that stands there is told
        elif scope.complete:
            _fill(key, spec, values)
    for name, (key_node, value_node) in written.items():
        if name in spec.keys:
            continue
        if spec.free is not None and name not in spec.later and nearest(name, spec.keys) is None:
            _read_free(dataclasses.replace(spec.free, name=name), value_node, values)
        else:
            values.broken = True
            _report_unknown(name, key_node, spec, scope)
    return values


def meant_by(name: str, spec: ObjectSpec) -> str | None:
    """The setting that an unknown key was probably meant to be."""
    if name in spec.keys or name in spec.later or name in spec.elsewhere:
        return None
    return nearest(name, [*spec.keys, *spec.later])


def _first_keys(spec: ObjectSpec) -> str:
    return f"{{{', '.join(key.example for key in list(spec.keys.values())[:2])}}}"


def _read_key(key: Key, node: yaml.Node, values: Values) -> None:
    scope = values.scope.below(key.name)
    values.nodes[key.name] = node
    if scope.complete:
        scope.findings.places[scope.path] = node
    try:
        value = key.kind.read(node, scope)
    except Wrong as exc:
        scope.findings.error(exc.node or node, scope.path, exc.message, exc.fix)
        values.broken = True
    except Unusable:
        values.broken = True
    else:
        values.taken[key.attribute or key.name] = value
        _warn_of_no_effect(key, node, scope)
        if key.kind.show is not None and key.kind.group is None:
            origin = _not_acted_on(key, scope.findings.place_of(node))
            values.scope.explain(key.name, key.kind.show(value), origin)


def _warn_of_no_effect(key: Key, node: yaml.Node, scope: Scope) -> None:
    if key.not_yet:
        scope.findings.warn(
            node,
            scope.path,
            say(
                "no-effect-yet",
                "`{key}` is checked, and this version does not act on it yet: {instead}.",
                key=key.name,
                instead=key.not_yet,
            ),
            say("leave-in-or-out", "Leave it in for a later version, or take it out."),
        )


def _not_acted_on(key: Key, origin: str) -> str:
    return say("not-acted-on", "{origin}, not acted on yet", origin=origin) if key.not_yet else origin


def _read_free(key: Key, node: yaml.Node, values: Values) -> None:
    collected = values.taken.pop(key.attribute, {})
    _read_key(key, node, values)
    values.taken[key.attribute] = (
        {**collected, key.name: values.taken[key.attribute]} if key.attribute in values.taken else collected
    )


def _report_unknown(name: str, key_node: yaml.Node, spec: ObjectSpec, scope: Scope) -> None:
    known: str = ", ".join(spec.keys)
    if spec.free:
        known = say("and-own-groups", "{keys}, and groups of your own", keys=known)
    path = join(scope.path, shorten(name))
    if name in spec.later:
        scope.findings.error(
            key_node,
            path,
            say(
                "setting-not-supported",
                "'{key}' is not supported by this version yet: {owner} takes {known}.",
                key=name,
                owner=spec.name,
                known=known,
            ),
            spec.later[name] or not_yet(),
        )
        return
    scope.findings.error(
        key_node,
        path,
        say(
            "unknown-key",
            "'{key}' is not a setting of {owner}, which takes {known}.",
            key=shorten(name),
            owner=spec.name,
            known=known,
        ),
        spec.elsewhere.get(name)
        or did_you_mean(
            name,
            [*spec.keys, *spec.later],
            say("delete-or-look-up", "Delete it, or look it up in docs/device-map.md."),
        ),
    )


def _fill(key: Key, spec: ObjectSpec, values: Values) -> None:
    """Complete a group by a key that was left out: inherited, default, or missing."""
    attribute, scope = key.attribute or key.name, values.scope
    if attribute in scope.inherited:
        values.taken[attribute] = scope.inherited[attribute]
        if key.kind.show is not None:
            scope.explain(key.name, key.kind.show(values.taken[attribute]), say("origin-device", "as the device"))
        return
    if key.required:
        values.broken = True
        scope.findings.error(
            values.node,
            scope.path,
            say(
                "missing-key",
                "'{key}' is missing: {owner} needs it ({english_meaning}).",
                key=key.name,
                owner=spec.name,
                english_meaning=key.meaning,
            ),
            write(key.example),
        )
        return
    default = spec.default_of(key)
    if key.kind.group is not None and default is not None:
        empty = yaml.MappingNode(MAPPING_TAG, [], values.node.start_mark)
        values.taken[attribute] = key.kind.read(empty, scope.below(key.name))
        return
    if default is not MISSING and default not in (None, "", (), {}) and key.kind.show is not None:
        scope.explain(key.name, key.kind.show(default), _not_acted_on(key, say("origin-default", "default")))
    elif key.default_text and not key.derived:
        scope.explain(key.name, key.default_text, _not_acted_on(key, say("origin-default", "default")))


def read_entries(node: yaml.Node, scope: Scope, *, what: str, example: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """The entries of a mapping whose keys are free names (stations, points, labels).

    Raises:
        Unusable: not a mapping; it has been reported.
    """
    if not isinstance(node, yaml.MappingNode):
        scope.findings.error(node, scope.path, needs_form(describe(node), what), write_like(example))
        raise Unusable
    return entries(node)
