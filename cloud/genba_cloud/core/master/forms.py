"""The forms of values that master data has beside those of device maps: labels, lists of groups, dates, shares."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

import yaml

from genba_shared.device_map.kinds import text
from genba_shared.device_map.problems import Unusable, Wrong, shorten
from genba_shared.device_map.scalars import describe, number_of, text_of
from genba_shared.device_map.spec import Kind, ObjectSpec, Scope, Values, read_entries, read_object

LONGEST_NAME: Final = 100
LONGEST_TEXT: Final = 200
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")


def _no_longer_than(most: int) -> Callable[[str], str]:
    def check(word: str) -> str:
        if not word.strip() or len(word) > most:
            raise Wrong(f"a text of 1 to {most} characters is needed.", "Shorten it, or write something.")
        return " ".join(word.split())

    return check


NAME: Final = text("a name of 1 to 100 characters", "SHIRT-01", check=_no_longer_than(LONGEST_NAME))
"""A name of the factory's own, as on its papers: an item, a station, an order."""
TEXT: Final = text("a text of 1 to 200 characters", '"Cutting"', check=_no_longer_than(LONGEST_TEXT))
LONG_TEXT: Final = text("a text of 1 to 10,000 characters", '"Press the seam open."', check=_no_longer_than(10_000))


def _label_of(node: yaml.Node, scope: Scope) -> dict[str, str]:
    if isinstance(node, yaml.ScalarNode):
        return {"en": TEXT.read(node, scope)}
    read = named(TEXT, what="a text, or one for each language", example='{en: "Cutting", zh: "裁剪", ja: "裁断"}')
    found: dict[str, str] = read.read(node, scope)
    wrong = next((word for word in found if not _LANGUAGE.fullmatch(word)), None)
    if wrong is not None:
        raise Wrong(f"'{shorten(wrong)}' is not a language: en, zh and ja are some.", 'Write it like {en: "Cutting"}.')
    return found


LABEL: Final = Kind(allowed="a text, or one for each language", read=_label_of, show=None)


def named(kind: Kind, *, what: str, example: str) -> Kind:
    """A group whose keys are names of the person's own choice, each with a value of one kind."""

    def read(node: yaml.Node, scope: Scope) -> dict[str, Any]:
        taken: dict[str, Any] = {}
        broken = False
        for word, (_, value) in read_entries(node, scope, what=what, example=example).items():
            below = scope.below(word)
            try:
                taken[word] = kind.read(value, below)
            except Wrong as exc:
                below.findings.error(exc.node or value, below.path, exc.message, exc.fix)
                broken = True
            except Unusable:
                broken = True
        if broken:
            raise Unusable
        return taken

    return Kind(allowed=what, read=read, show=None)


def listed(kind: Kind, *, what: str, least: int = 0) -> Kind:
    """A list of values of one kind, with at least `least` of them."""

    def read(node: yaml.Node, scope: Scope) -> tuple[Any, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise Wrong(f"{describe(node)} stands here: a list of {what} is needed.", "Write it like [ … ].")
        if len(node.value) < least:
            raise Wrong(f"the list is empty: one or more {what} are needed.", "Write at least one.")
        taken: list[Any] = []
        broken = False
        for item in node.value:
            below = scope.below(_name_in_list(item, len(taken)))
            try:
                taken.append(kind.read(item, below))
            except Wrong as exc:
                below.findings.error(exc.node or item, below.path, exc.message, exc.fix)
                broken = True
            except Unusable:
                broken = True
        if broken:
            raise Unusable
        return tuple(taken)

    return Kind(allowed=f"a list of {what}", read=read, show=None)


def _name_in_list(item: yaml.Node, number: int) -> str:
    """People know what stands in a list by its first word (``nodes.cutting``), not by its number."""
    if isinstance(item, yaml.MappingNode) and item.value and isinstance(item.value[0][1], yaml.ScalarNode):
        return shorten(str(item.value[0][1].value))
    return str(number)


def built(spec: ObjectSpec, build: Callable[[Values], Any]) -> Kind:
    """A group that becomes an object; what is wrong in it has been reported."""
    return Kind(allowed=spec.name, read=lambda node, scope: build(read_object(node, spec, scope)), show=None)


def amount(low: float, high: float, example: str) -> Kind:
    """A number from `low` to `high`, both included."""
    allowed = f"a number from {low:g} to {high:g}"

    def read(node: yaml.Node, _scope: Scope) -> float:
        value = number_of(node, allowed=allowed, example=example)
        if not low <= value <= high:
            raise Wrong(f"{value:g} is out of range: {allowed} is allowed.", f"Write it like {example}.")
        return value

    return Kind(allowed=allowed, read=read, show=lambda value: f"{value:g}")


def parsed(parse: Callable[[str], Any], *, allowed: str, example: str) -> Kind:
    """A text that `parse` understands; it raises ValueError with what is wrong."""

    def read(node: yaml.Node, _scope: Scope) -> Any:
        written = text_of(node, allowed=allowed, example=example)
        try:
            return parse(written)
        except ValueError as exc:
            raise Wrong(f"{exc}: {allowed} is needed.", f"Write it like {example}.") from exc

    return Kind(allowed=allowed, read=read, show=str)


def date_of(written: str) -> date:
    """A date as ``2026-10-01``.

    Raises:
        ValueError: it is none.
    """
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise ValueError(f"'{shorten(written)}' is not a date") from None


DATE: Final = parsed(date_of, allowed="a date", example="2026-10-01")


def first_twice(names: list[str] | tuple[str, ...]) -> str | None:
    """The first name that stands there a second time."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def item_nodes(values: Values, key: str) -> list[yaml.Node]:
    """The nodes of the list under a key, so that what is wrong between them is told at its place."""
    node = values.place(key)
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


Told = Mapping[str, str]
"""A label: text by language code."""
