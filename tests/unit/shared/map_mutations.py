"""Mistakes that people make in a map, made on purpose: each changes one place of a good map, and knows its line.

Every mutation is found in the text of the example itself, so that new examples are taken in without a change here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import yaml

NAMES_OF_PEOPLE: Final = frozenset(
    {"profiles", "points", "stations", "zones", "nodes", "antennas", "labels", "poll", "fields"}
)
"""Groups whose keys are the engineer's own words."""
REQUIRED: Final = frozenset({"at", "node", "host", "url", "protocol", "read_point", "id", "device", "site", "version"})
REFERENCES: Final = frozenset({"device", "use", "in", "out", "enter", "leave", "from", "all_left", "falls", "changes"})
UNIT: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:ms|s|min|h|d|/s|/min|/h|/d|dBm|dB|kB|MB|GB)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A wrong map. `lines`: where at least one error has to stand (counted from 1)."""

    kind: str
    text: str
    lines: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One `key: value` of the example. `owner` is the key above its group; `first`: it opens its group."""

    key: yaml.ScalarNode
    value: yaml.Node
    group: yaml.MappingNode
    owner: str
    in_profile: bool
    first: bool

    @property
    def name(self) -> str:
        return str(self.key.value)

    @property
    def line(self) -> int:
        return int(self.key.start_mark.line) + 1

    @property
    def is_setting(self) -> bool:
        """Whether the key is one of the map's words, and none of the engineer's own."""
        return self.owner not in NAMES_OF_PEOPLE

    @property
    def is_scalar(self) -> bool:
        return isinstance(self.value, yaml.ScalarNode) and self.value.start_mark.index != self.value.end_mark.index


def entries_of(text: str) -> list[Entry]:
    """Every entry of every group, in the order of the file."""
    return list(_walk(yaml.compose(text, Loader=yaml.SafeLoader), owner="", in_profile=False))


def _walk(node: yaml.Node | None, *, owner: str, in_profile: bool) -> Iterator[Entry]:
    if isinstance(node, yaml.MappingNode):
        # What a profile says, or a device that uses one, may stand in the other of the two.
        in_profile = in_profile or any(key.value == "use" for key, _ in node.value)
        for number, (key, value) in enumerate(node.value):
            yield Entry(key=key, value=value, group=node, owner=owner, in_profile=in_profile, first=number == 0)
            # What stands below a name of the engineer's own is a group of settings again.
            below = f"a {owner}" if owner in NAMES_OF_PEOPLE else str(key.value)
            yield from _walk(value, owner=below, in_profile=in_profile or below == "profiles")
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _walk(item, owner=f"one of {owner}", in_profile=in_profile)


def _edit(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _replaced(text: str, entry: Entry, new: str) -> str:
    return _edit(text, entry.value.start_mark.index, entry.value.end_mark.index, new)


def _in_flow(entry: Entry) -> bool:
    return bool(entry.group.flow_style)


Mutator = Callable[[str, Entry], tuple[str, int] | None]


def delete_required_key(text: str, entry: Entry) -> tuple[str, int] | None:
    if entry.name not in REQUIRED or not entry.is_setting or entry.in_profile or not entry.is_scalar:
        return None
    start, end = entry.key.start_mark.index, entry.value.end_mark.index
    if _in_flow(entry):
        comma = re.compile(r"\s*,\s*").match(text, end)
        return _edit(text, start, comma.end() if comma else end, ""), entry.group.start_mark.line + 1
    if entry.first:
        return None  # it may stand behind a dash
    line_end = text.index("\n", end) + 1
    return _edit(text, text.rindex("\n", 0, start) + 1, line_end, ""), entry.group.start_mark.line + 1


def misspell_key(text: str, entry: Entry) -> tuple[str, int] | None:
    if not entry.is_setting:
        return None
    end = entry.key.end_mark.index
    return _edit(text, end, end, "x"), entry.line


def write_group_for_value(text: str, entry: Entry) -> tuple[str, int] | None:
    return (_replaced(text, entry, "{nonsense: [1]}"), entry.line) if entry.is_scalar else None


def leave_value_out(text: str, entry: Entry) -> tuple[str, int] | None:
    return (_replaced(text, entry, ""), entry.line) if entry.is_scalar else None


def take_unit_away(text: str, entry: Entry) -> tuple[str, int] | None:
    if not entry.is_scalar or not UNIT.fullmatch(str(entry.value.value)):
        return None
    return _replaced(text, entry, re.sub(r"[^-0-9.].*", "", str(entry.value.value))), entry.line


def write_other_unit(text: str, entry: Entry) -> tuple[str, int] | None:
    if not entry.is_scalar or not UNIT.fullmatch(str(entry.value.value)):
        return None
    return _replaced(text, entry, f"{entry.value.value}x"), entry.line


def write_key_twice(text: str, entry: Entry) -> tuple[str, int] | None:
    if not entry.is_scalar:
        return None
    written = text[entry.key.start_mark.index : entry.value.end_mark.index]
    start = entry.key.start_mark.index
    if _in_flow(entry):
        return _edit(text, start, start, f"{written}, "), entry.line
    indent = " " * entry.key.start_mark.column
    return _edit(text, start, start, f"{written}\n{indent}"), entry.line + 1


def name_what_is_not_there(text: str, entry: Entry) -> tuple[str, int] | None:
    is_reference = (entry.name in REFERENCES and entry.is_setting) or entry.owner == "counts"
    if not is_reference or not entry.is_scalar or '"' in text[entry.value.start_mark.index :][:1]:
        return None
    return _edit(text, entry.value.end_mark.index, entry.value.end_mark.index, "-zz"), entry.line


def leave_range(text: str, entry: Entry) -> tuple[str, int] | None:
    is_number = isinstance(entry.value, yaml.ScalarNode) and re.fullmatch(r"[0-9]+", str(entry.value.value))
    if not is_number or entry.value.style or entry.owner == "labels":  # type: ignore[attr-defined]  # of scalars
        return None
    return _replaced(text, entry, "99999999999999999999"), entry.line


def indent_by_one(text: str, entry: Entry) -> tuple[str, int] | None:
    if _in_flow(entry) or entry.first:
        return None
    return _edit(text, entry.key.start_mark.index, entry.key.start_mark.index, " "), entry.line


def indent_with_tab(text: str, entry: Entry) -> tuple[str, int] | None:
    start = entry.key.start_mark.index
    if _in_flow(entry) or entry.key.start_mark.column == 0 or text[text.rindex("\n", 0, start) + 1 : start].strip():
        return None
    return _edit(text, text.rindex("\n", 0, start) + 1, start, "\t"), entry.line


def leave_quote_open(text: str, entry: Entry) -> tuple[str, int] | None:
    if not isinstance(entry.value, yaml.ScalarNode) or entry.value.style != '"':
        return None
    end = entry.value.end_mark.index
    return _edit(text, end - 1, end, ""), entry.line


def leave_bracket_open(text: str, entry: Entry) -> tuple[str, int] | None:
    if isinstance(entry.value, yaml.ScalarNode) or not entry.value.flow_style:  # type: ignore[attr-defined]  # of collections
        return None
    end = entry.value.end_mark.index
    return _edit(text, end - 1, end, ""), entry.line


def close_bracket_twice(text: str, entry: Entry) -> tuple[str, int] | None:
    if isinstance(entry.value, yaml.ScalarNode) or not entry.value.flow_style:  # type: ignore[attr-defined]  # of collections
        return None
    end = entry.value.end_mark.index
    return _edit(text, end, end, text[end - 1]), int(entry.value.end_mark.line) + 1


def forget_space_after_colon(text: str, entry: Entry) -> tuple[str, int] | None:
    if not entry.is_scalar or entry.value.start_mark.line != entry.key.start_mark.line:
        return None
    return _edit(text, entry.key.end_mark.index, entry.value.start_mark.index, ":"), entry.line


def write_full_width_colon(text: str, entry: Entry) -> tuple[str, int] | None:
    if not entry.is_scalar or entry.value.start_mark.line != entry.key.start_mark.line:
        return None
    return _edit(text, entry.key.end_mark.index, entry.value.start_mark.index, "\uff1a"), entry.line


def write_trap(trap: str) -> Mutator:
    def mutate(text: str, entry: Entry) -> tuple[str, int] | None:
        if not entry.is_scalar or (entry.name == "send" and trap == "off"):
            return None
        return _replaced(text, entry, trap), entry.line

    return mutate


def name_unknown_alias(text: str, entry: Entry) -> tuple[str, int] | None:
    return (_replaced(text, entry, "*nobody"), entry.line) if entry.is_scalar else None


def tag_value(text: str, entry: Entry) -> tuple[str, int] | None:
    if not entry.is_scalar or str(entry.value.tag).startswith("!"):
        return None
    start = entry.value.start_mark.index
    return _edit(text, start, start, "!!python/name:os.system "), entry.line


def write_secret_where_none_belongs(text: str, entry: Entry) -> tuple[str, int] | None:
    if not entry.is_scalar or "password" in entry.name:
        return None
    return _replaced(text, entry, "!secret cutter1_pw"), entry.line


def begin_another_document(text: str, entry: Entry) -> tuple[str, int] | None:
    if entry.key.start_mark.column != 0 or entry.line == 1 or _in_flow(entry) or entry.first:
        return None
    return _edit(text, entry.key.start_mark.index, entry.key.start_mark.index, "---\n"), entry.line


MUTATORS: Final[Mapping[str, Mutator]] = {
    "delete a required key": delete_required_key,
    "misspell a key": misspell_key,
    "write a group for a value": write_group_for_value,
    "leave a value out": leave_value_out,
    "take a unit away": take_unit_away,
    "write another unit": write_other_unit,
    "write a key twice": write_key_twice,
    "name what is not there": name_what_is_not_there,
    "leave the range": leave_range,
    "indent by one": indent_by_one,
    "indent with a tab": indent_with_tab,
    "leave a quote open": leave_quote_open,
    "leave a bracket open": leave_bracket_open,
    "close a bracket twice": close_bracket_twice,
    "forget the space after a colon": forget_space_after_colon,
    "write a full-width colon": write_full_width_colon,
    "the word no": write_trap("no"),
    "the word off": write_trap("off"),
    "an octal number": write_trap("012"),
    "base 60": write_trap("12:30"),
    "a hexadecimal number": write_trap("0x1F"),
    "no number": write_trap(".nan"),
    "an unknown alias": name_unknown_alias,
    "a tag": tag_value,
    "a secret where none belongs": write_secret_where_none_belongs,
    "another document": begin_another_document,
}


def mutations_of(text: str, kind: str) -> Iterator[Mutation]:
    """Every mutation of one kind that the map has a place for."""
    mutate = MUTATORS[kind]
    for entry in entries_of(text):
        changed = mutate(text, entry)
        if changed is not None:
            yield Mutation(kind=kind, text=changed[0], lines=frozenset({changed[1]}))
