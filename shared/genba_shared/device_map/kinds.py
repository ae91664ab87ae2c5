"""The forms that a value can take, as rows of the tables use them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from genba_shared.device_map.phrases import meant, one_of, out_of_range, write, write_like
from genba_shared.device_map.problems import Unusable, Wrong, did_you_mean, nearest, shorten
from genba_shared.device_map.scalars import (
    FILE_TAG,
    SECRET_TAG,
    TRUE_OR_FALSE,
    boolean_of,
    describe,
    integer_of,
    number_of,
    raw_text,
    refuse_tag_on_a_group,
    scalar_text,
    text_of,
    twice,
)
from genba_shared.device_map.schema_parts import NAME_PATTERN, object_schema
from genba_shared.device_map.spec import Kind, ObjectSpec, Scope, Values, read_entries, read_object
from genba_shared.device_map.units import Quantity
from genba_shared.secret import Secret
from genba_shared.texts import Text, say
from genba_shared.topics import is_identifier

T = TypeVar("T")
_NAME: Final = re.compile(NAME_PATTERN)
IDENTIFIER_PATTERN: Final = "^[a-z0-9][a-z0-9-]{0,39}$"


def text(allowed: str, example: str, *, check: Callable[[str], Any] = str, pattern: str = "") -> Kind:
    """A text, in quotes or one plain word; `check` turns it into the value and may raise `Wrong`.

    `pattern` is what an editor can check of it: a regular expression of ECMA 262, anchored.
    """
    return Kind(
        allowed=allowed,
        read=lambda node, _scope: check(text_of(node, allowed=allowed, example=example)),
        show=lambda value: f'"{value}"',
        schema={"type": "string", **({"pattern": pattern} if pattern else {})},
    )


def _identifier_of(word: str) -> str:
    if not is_identifier(word):
        offered = re.sub(r"[^a-z0-9-]+", "-", word.lower()).strip("-")[:40]
        raise Wrong(
            say(
                "not-an-id",
                "'{word}' is not an id: 1 to 40 of a-z, 0-9 and '-', starting with a letter or digit.",
                word=shorten(word),
            ),
            meant(f"'{offered}'") if offered else _free_text("cutter1"),
        )
    return word


def _name_of(word: str) -> str:
    if not _NAME.fullmatch(word):
        offered = re.sub(r"[^A-Za-z0-9_-]+", "-", word).strip("-_")[:40]
        raise Wrong(
            say(
                "not-a-name",
                "'{word}' is not a name: 1 to 40 of A-Z, a-z, 0-9, '-' and '_', starting with a letter or digit.",
                word=shorten(word),
            ),
            meant(f"'{offered}'") if offered else _free_text("CUT-1"),
        )
    return word


def _free_text(example: str) -> Text:
    return say("free-text", "Write it like {example}; free text goes into `label`.", example=example)


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


IDENTIFIER: Final = text(
    say("an-id", "an id of a-z, 0-9 and '-'"), "cutter1", check=_identifier_of, pattern=IDENTIFIER_PATTERN
)
NAME: Final = text(
    say("a-name", "a name of letters, digits, '-' and '_'"), "sewing-in", check=_name_of, pattern=NAME_PATTERN
)
LABEL: Final = text(say("a-text", "a text"), '"Cutter 1"')


_A_SECRET: Final = say("a-secret", "a secret")


def secret_text(what: str = _A_SECRET, example: str = "!secret NAME") -> Kind:
    """A password or key: only ``!secret NAME``, never the text itself. Gives a `Secret`; explain shows ``(secret)``."""

    def read(node: yaml.Node, scope: Scope) -> Secret:
        refuse_tag_on_a_group(node)
        if not isinstance(node, yaml.ScalarNode) or node.tag != SECRET_TAG:
            raise Wrong(
                say(
                    "secret-in-map",
                    "{what} is never written in a map: !secret and its name are needed.",
                    what=what,
                ),
                write(f"{scope.path.rpartition('.')[2]}: {example}"),
            )
        return scope.around.secret(str(node.value), scope.findings)

    return Kind(allowed="!secret NAME", read=read, show=lambda _secret: "(secret)", schema={"type": "string"})


def file_path(what: str, example: str) -> Kind:
    """A file beside the map, written ``!file PATH``, that exists and can be read. Gives its `Path`."""

    def read(node: yaml.Node, scope: Scope) -> Path:
        refuse_tag_on_a_group(node)
        if not isinstance(node, yaml.ScalarNode) or node.tag != FILE_TAG or not node.value:
            raise Wrong(
                say(
                    "file-without-tag",
                    "{found} stands here: {what} is needed, written !file PATH.",
                    found=describe(node),
                    what=what,
                ),
                write(f"{scope.path.rpartition('.')[2]}: !file {example}"),
            )
        return scope.around.file(str(node.value))

    return Kind(allowed=say("a-file", "{what}: !file PATH", what=what), read=read, schema={"type": "string"})


def choice(enumeration: type[StrEnum], *, without: Collection[StrEnum] = ()) -> Kind:
    """One of a closed list of words; `without` are members that do not fit here."""
    words = [str(member) for member in enumeration if member not in without]
    allowed = one_of(words)

    def read(node: yaml.Node, _scope: Scope) -> StrEnum:
        word = raw_text(node, allowed=allowed, example=words[0])
        if word not in words:  # `off`, one of YAML's traps elsewhere, may be one of them
            raise Wrong(
                say("not-a-choice", "'{word}' is not {allowed}.", word=shorten(word), allowed=allowed),
                did_you_mean(word, words, write(words[0])),
            )
        return enumeration(word)

    numbers = [int(word) for word in words if word.isdecimal()]  # `version: 5` is a number to an editor
    return Kind(allowed=allowed, read=read, schema={"enum": [*words, *numbers]})


def flag() -> Kind:
    """True or false."""
    return Kind(
        allowed=TRUE_OR_FALSE,
        read=lambda node, _scope: boolean_of(node),
        show=lambda value: str(value).lower(),
        schema={"type": "boolean"},
    )


def integer(low: int, high: int, example: str) -> Kind:
    """A whole number from `low` to `high`."""
    allowed = say("a-whole-number", "a whole number from {low} to {high}", low=low, high=high)
    return Kind(
        allowed=allowed,
        read=lambda node, _scope: integer_of(node, low=low, high=high, allowed=allowed, example=example),
        schema={"type": "integer", "minimum": low, "maximum": high},
    )


def number(low: float, high: float, example: str) -> Kind:
    """A number from `low` to `high`, but not 0."""
    allowed = say("a-number-not-0", "a number from {low} to {high}, not 0", low=f"{low:g}", high=f"{high:g}")

    def read(node: yaml.Node, _scope: Scope) -> float:
        value = number_of(node, allowed=allowed, example=example)
        if not low <= value <= high or value == 0:
            raise Wrong(
                say("number-out-of-range", "{value} is out of range: {allowed}.", value=f"{value:g}", allowed=allowed),
                write_like(example),
            )
        return value

    schema = {"type": "number", "minimum": low, "maximum": high, "not": {"const": 0}}
    return Kind(allowed=allowed, read=read, show=lambda value: f"{value:g}", schema=schema)


def quantity(unit: Quantity, low: str, high: str, example: str) -> Kind:
    """A number with a unit, from `low` to `high` (as they are written)."""
    least, most = unit.parse(low), unit.parse(high)
    allowed = say("a-quantity", "{what} from {low} to {high}", what=unit.what, low=low, high=high)

    def read(node: yaml.Node, _scope: Scope) -> float:
        written = scalar_text(node, allowed=allowed, example=example)
        value = unit.parse(written)
        if not least <= value <= most:
            raise Wrong(out_of_range(written, low, high), write_like(example))
        return value

    return Kind(allowed=allowed, read=read, show=unit.show, schema={"type": "string", "pattern": unit.pattern})


def group(spec: ObjectSpec, build: Callable[[Values], Any]) -> Kind:
    """A group of settings within a group."""
    return dataclasses.replace(optional_group(spec, build), group=spec)


def optional_group(spec: ObjectSpec, build: Callable[[Values], Any]) -> Kind:
    """A group whose absence means something else than its defaults (a point without `counter`)."""
    return Kind(allowed=_settings_of(spec), read=_building(spec, build), show=None, schema=object_schema(spec))


def _settings_of(spec: ObjectSpec) -> Text:
    return say("settings-of", "{owner}: {{{keys}}}", owner=spec.name, keys=", ".join(spec.keys))


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
            raise Wrong(
                say("empty-list", "the list is empty: one or more {what} are needed.", what=what),
                say("write-one-or-none", "Write one, or leave the key out."),
            )
        taken: list[Any] = []
        broken = False
        for item in node.value:
            try:
                value = kind.read(item, scope)
                if value in taken:
                    raise Wrong(
                        say("twice-in-list", "{found} stands here twice.", found=describe(item)),
                        say("delete-one-of-two", "Delete one of the two."),
                    )
                taken.append(value)
            except Wrong as exc:
                scope.findings.error(exc.node or item, scope.path, exc.message, exc.fix)
                broken = True
        if broken:
            raise Unusable
        return tuple(taken)

    def show(values: tuple[Any, ...]) -> str:
        return ", ".join((kind.show or str)(value) for value in values)

    listed = {"type": "array", "items": kind.schema, "minItems": 1, "uniqueItems": True}
    return Kind(
        allowed=say("or-a-list", "{allowed}, or a list of them", allowed=kind.allowed),
        read=read,
        show=show,
        schema={"anyOf": [kind.schema, listed]},
    )


def by_number(kind: Kind, *, low: int, high: int, what: str, example: str) -> Kind:
    """A mapping with whole numbers as keys: antennas, labels."""

    allowed = say("a-number-from", "a number from {low} to {high}", low=low, high=high)

    def read(node: yaml.Node, scope: Scope) -> dict[int, Any]:
        taken: dict[int, Any] = {}
        keys: dict[int, yaml.Node] = {}
        broken = False
        for word, (key_node, value_node) in read_entries(node, scope, what=what, example=example).items():
            below = scope.below(word)
            try:
                at = key_node
                number = integer_of(key_node, low=low, high=high, allowed=allowed, example="1")
                if keys.setdefault(number, key_node) is not key_node:  # `1` and `+1` are two texts and one number
                    raise twice(str(number), keys[number])
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

    schema = {
        "type": "object",
        "propertyNames": {"pattern": "^-?[0-9]+$" if low < 0 else "^[0-9]+$"},
        "additionalProperties": kind.schema,
    }
    return Kind(allowed=what, read=read, show=show if kind.show is not None else None, schema=schema)


def raw(allowed: str, schema: Mapping[str, Any] | None = None) -> Kind:
    """The node itself, which its builder reads when it knows the keys around it; a single word is explained."""

    def read(node: yaml.Node, scope: Scope) -> yaml.Node:
        if isinstance(node, yaml.ScalarNode):
            scope.explain("", str(node.value), scope.findings.place_of(node))
        return node

    return Kind(allowed=allowed, read=read, show=None, schema=schema or {})


def only_word(word: str) -> Kind:
    """The one word that is taken."""

    def read(node: yaml.Node, _scope: Scope) -> str:
        written = scalar_text(node, allowed=word, example=word)
        if written != word:
            near = nearest(written, [word])
            raise Wrong(
                say("not-a-choice", "'{word}' is not {allowed}.", word=shorten(written), allowed=word),
                meant(word) if near else write(word),
            )
        return written

    return Kind(allowed=word, read=read, schema={"const": word})
