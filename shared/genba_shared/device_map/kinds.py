"""The forms that a value can take, as rows of the tables use them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Any, Final, TypeVar

import yaml

from genba_shared.device_map.problems import Unusable, Wrong, did_you_mean, nearest, shorten
from genba_shared.device_map.scalars import boolean_of, describe, integer_of, number_of, scalar_text, text_of
from genba_shared.device_map.spec import Kind, ObjectSpec, Scope, Values, read_entries, read_object
from genba_shared.device_map.units import Quantity
from genba_shared.topics import is_identifier

T = TypeVar("T")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


def text(allowed: str, example: str, *, check: Callable[[str], Any] = str) -> Kind:
    """A text, in quotes or one plain word; `check` turns it into the value and may raise `Wrong`."""
    return Kind(
        allowed=allowed,
        read=lambda node, _scope: check(text_of(node, allowed=allowed, example=example)),
        show=lambda value: f'"{value}"',
    )


def _identifier_of(word: str) -> str:
    if not is_identifier(word):
        offered = re.sub(r"[^a-z0-9-]+", "-", word.lower()).strip("-")[:40]
        raise Wrong(
            f"'{shorten(word)}' is not an id: 1 to 40 of a-z, 0-9 and '-', starting with a letter or digit.",
            f"Did you mean '{offered}'?" if offered else "Write it like cutter1; free text goes into `label`.",
        )
    return word


def _name_of(word: str) -> str:
    if not _NAME.fullmatch(word):
        offered = re.sub(r"[^A-Za-z0-9_-]+", "-", word).strip("-_")[:40]
        raise Wrong(
            f"'{shorten(word)}' is not a name: 1 to 40 of A-Z, a-z, 0-9, '-' and '_', starting with a letter or digit.",
            f"Did you mean '{offered}'?" if offered else "Write it like CUT-1; free text goes into `label`.",
        )
    return word


def name_of_key(node: yaml.Node, scope: Scope, word: str) -> str:
    """Check the name of a station, zone, node or point, which stands as a key.

    Raises:
        Unusable: not a name; it has been reported.
    """
    try:
        return _name_of(word)
    except Wrong as exc:
        scope.findings.error(node, scope.path, exc.message, exc.fix)
        raise Unusable from exc


IDENTIFIER: Final = text("an id of a-z, 0-9 and '-'", "cutter1", check=_identifier_of)
NAME: Final = text("a name of letters, digits, '-' and '_'", "sewing-in", check=_name_of)
LABEL: Final = text("a text", '"Cutter 1"')


def choice(enumeration: type[StrEnum], *, without: Collection[StrEnum] = ()) -> Kind:
    """One of a closed list of words; `without` are members that do not fit here."""
    words = [str(member) for member in enumeration if member not in without]
    allowed = f"one of {', '.join(words)}" if len(words) > 1 else words[0]

    def read(node: yaml.Node, _scope: Scope) -> StrEnum:
        word = scalar_text(node, allowed=allowed, example=words[0])
        if word not in words:
            raise Wrong(f"'{shorten(word)}' is not {allowed}.", did_you_mean(word, words, f"Write {words[0]}."))
        return enumeration(word)

    return Kind(allowed=allowed, read=read)


def flag() -> Kind:
    """True or false."""
    return Kind(
        allowed="true or false",
        read=lambda node, _scope: boolean_of(node),
        show=lambda value: str(value).lower(),
    )


def integer(low: int, high: int, example: str) -> Kind:
    """A whole number from `low` to `high`."""
    allowed = f"a whole number from {low} to {high}"
    return Kind(
        allowed=allowed,
        read=lambda node, _scope: integer_of(node, low=low, high=high, allowed=allowed, example=example),
    )


def number(low: float, high: float, example: str) -> Kind:
    """A number from `low` to `high`, but not 0."""
    allowed = f"a number from {low:g} to {high:g}, not 0"

    def read(node: yaml.Node, _scope: Scope) -> float:
        value = number_of(node, allowed=allowed, example=example)
        if not low <= value <= high or value == 0:
            raise Wrong(f"{value:g} is out of range: {allowed}.", f"Write it like {example}.")
        return value

    return Kind(allowed=allowed, read=read, show=lambda value: f"{value:g}")


def quantity(unit: Quantity, low: str, high: str, example: str) -> Kind:
    """A number with a unit, from `low` to `high` (as they are written)."""
    least, most = unit.parse(low), unit.parse(high)
    allowed = f"{unit.what} from {low} to {high}"

    def read(node: yaml.Node, _scope: Scope) -> float:
        written = scalar_text(node, allowed=allowed, example=example)
        value = unit.parse(written)
        if not least <= value <= most:
            raise Wrong(f"{written} is out of range: {low} to {high} is allowed.", f"Write it like {example}.")
        return value

    return Kind(allowed=allowed, read=read, show=unit.show)


def group(spec: ObjectSpec, build: Callable[[Values], Any]) -> Kind:
    """A group of settings within a group."""
    return Kind(allowed=f"{spec.name}: {{{', '.join(spec.keys)}}}", read=_building(spec, build), show=None, group=spec)


def optional_group(spec: ObjectSpec, build: Callable[[Values], Any]) -> Kind:
    """A group whose absence means something else than its defaults (a point without `counter`)."""
    return Kind(allowed=f"{spec.name}: {{{', '.join(spec.keys)}}}", read=_building(spec, build), show=None)


def _building(spec: ObjectSpec, build: Callable[[Values], Any]) -> Callable[[yaml.Node, Scope], Any]:
    def read(node: yaml.Node, scope: Scope) -> Any:
        values = read_object(node, spec, scope)
        if not scope.complete:
            return None
        return build(values)

    return read


def one_or_more(kind: Kind, what: str) -> Kind:
    """One value, or a list of them; always read as a tuple."""

    def read(node: yaml.Node, scope: Scope) -> tuple[Any, ...]:
        if not isinstance(node, yaml.SequenceNode):
            return (kind.read(node, scope),)
        if not node.value:
            raise Wrong(f"the list is empty: one or more {what} are needed.", "Write one, or leave the key out.")
        taken: list[Any] = []
        broken = False
        for item in node.value:
            try:
                value = kind.read(item, scope)
                if value in taken:
                    raise Wrong(f"{describe(item)} stands here twice.", "Delete one of the two.")
                taken.append(value)
            except Wrong as exc:
                scope.findings.error(exc.node or item, scope.path, exc.message, exc.fix)
                broken = True
        if broken:
            raise Unusable
        return tuple(taken)

    def show(values: tuple[Any, ...]) -> str:
        return ", ".join((kind.show or str)(value) for value in values)

    return Kind(allowed=f"{kind.allowed}, or a list of them", read=read, show=show)


def by_number(kind: Kind, *, low: int, high: int, what: str, example: str) -> Kind:
    """A mapping with whole numbers as keys: antennas, labels."""

    def read(node: yaml.Node, scope: Scope) -> dict[int, Any]:
        taken: dict[int, Any] = {}
        broken = False
        for word, (key_node, value_node) in read_entries(node, scope, what=what, example=example).items():
            below = scope.below(word)
            try:
                at = key_node
                number = integer_of(key_node, low=low, high=high, allowed=f"a number from {low} to {high}", example="1")
                at = value_node
                taken[number] = kind.read(value_node, below)
            except Wrong as exc:
                scope.findings.error(exc.node or at, below.path, exc.message, exc.fix)
                broken = True
            except Unusable:
                broken = True
        if broken:
            raise Unusable
        return taken

    def show(values: dict[int, Any]) -> str:
        return ", ".join(f"{number}: {value}" for number, value in values.items())

    return Kind(allowed=what, read=read, show=show if kind.show is not None else None)


def raw(allowed: str) -> Kind:
    """The node itself, which its builder reads when it knows the keys around it; a single word is explained."""

    def read(node: yaml.Node, scope: Scope) -> yaml.Node:
        if isinstance(node, yaml.ScalarNode):
            line = node.start_mark.line + 1 if node.start_mark else 0
            scope.explain("", str(node.value), f"line {line}")
        return node

    return Kind(allowed=allowed, read=read, show=None)


def only_word(word: str, *, later: tuple[str, ...] = (), fix: str = "") -> Kind:
    """The one word that this version takes; `later` are words of the contract that it does not take yet."""

    def read(node: yaml.Node, _scope: Scope) -> str:
        written = scalar_text(node, allowed=word, example=word)
        if written in later:
            raise Wrong(f"'{written}' is not supported by this version yet: {word} is.", fix or f"Write {word}.")
        if written != word:
            near = nearest(written, [word])
            raise Wrong(f"'{shorten(written)}' is not {word}.", f"Did you mean {word}?" if near else f"Write {word}.")
        return written

    return Kind(allowed=word, read=read)
