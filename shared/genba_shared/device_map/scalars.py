"""One YAML scalar at a time: text, whole number, number, true or false, without YAML 1.1's surprises.

A plain (unquoted) ``no``, ``010`` or ``12:30`` is a boolean, an octal and a base-60 number to YAML 1.1, and a word to
the person who wrote it. Such words are refused with what to write instead.

Source: YAML 1.1 type repository, bool, int and float.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import yaml

from genba_shared.device_map.phrases import meant, needs_form, out_of_range, write_like
from genba_shared.device_map.problems import Wrong, shorten
from genba_shared.texts import Text, say

__all__ = [
    "FILE_TAG",
    "SECRET_TAG",
    "TAGS",
    "TRUE_OR_FALSE",
    "Wrong",
    "boolean_of",
    "describe",
    "integer_of",
    "key_text",
    "number_of",
    "raw_text",
    "refuse_tag_on_a_group",
    "scalar_text",
    "text_of",
    "twice",
    "word_of",
]

_BOOLEAN_WORDS: Final = re.compile(r"(?i)yes|no|on|off")
_TRUE_OR_FALSE: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
_EMPTY: Final = re.compile(r"|~|null|Null|NULL")
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_NUMBER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?")
_LEADING_ZERO: Final = re.compile(r"[-+]?0o?[0-9_]+")
_BASE_60: Final = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_ODD_NUMBER: Final = re.compile(r"[-+]?(?:0x[0-9a-fA-F_]+|0b[01_]+|[0-9][0-9_]*_[0-9_.]*|\.[0-9]+|[0-9]+\.)")
_NO_NUMBER: Final = re.compile(r"(?i)[-+]?\.(?:inf|nan)")
MAX_DIGITS: Final = 25
TRUE_OR_FALSE: Final = say("true-or-false", "true or false")
SECRET_TAG: Final = "!secret"  # noqa: S105  # the tag, not a secret
FILE_TAG: Final = "!file"
TAGS: Final = {
    SECRET_TAG: "password: !secret cutter1_pw",
    FILE_TAG: "ca: !file certs/ca.pem",
}
"""The tags that a map takes, each with how it is written."""


def describe(node: yaml.Node) -> str:
    """How a message names what stands there: the text itself, or its form."""
    match node:
        case yaml.MappingNode():
            return say("found-group", "a group of settings")
        case yaml.SequenceNode():
            return say("found-list", "a list")
        case _ if is_empty(node):
            return say("found-nothing", "nothing")
        case _:
            return f"'{shorten(str(node.value))}'"


def word_of(node: yaml.Node) -> str:
    """The characters of a scalar, nothing for a list or group: the text of one that repeats others by aliases may
    be a million times as long as the file.
    """
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def is_plain(node: yaml.Node) -> bool:
    """Whether the scalar stands without quotes."""
    return isinstance(node, yaml.ScalarNode) and not node.style


def is_empty(node: yaml.Node) -> bool:
    """Whether nothing, ``~`` or ``null`` stands there."""
    return is_plain(node) and _EMPTY.fullmatch(str(node.value)) is not None


def refuse_tag_on_a_group(node: yaml.Node) -> None:
    """A tag of ours stands before one word.

    Raises:
        Wrong: it stands before a group or a list. Said in the same words wherever that is seen, it is told once.
    """
    if node.tag in TAGS and not isinstance(node, yaml.ScalarNode):
        raise Wrong(
            say("tag-on-a-group", "{tag} stands before a group or a list: one word is needed.", tag=node.tag),
            write_like(TAGS[node.tag]),
        )


def raw_text(node: yaml.Node, *, allowed: str, example: str) -> str:
    """The scalar's characters as written, traps included.

    Raises:
        Wrong: a list, a group or nothing stands there.
    """
    refuse_tag_on_a_group(node)
    if node.tag in TAGS:
        raise Wrong(
            say("tag-not-taken", "{tag} is not taken here: {allowed} is needed.", tag=node.tag, allowed=allowed),
            say("write-out-like", "Write it out, like {example}.", example=example),
        )
    if not isinstance(node, yaml.ScalarNode) or is_empty(node):
        raise Wrong(needs_form(describe(node), allowed), write_like(example))
    return str(node.value)


def scalar_text(node: yaml.Node, *, allowed: str, example: str) -> str:
    """The scalar's characters, where none of YAML's traps hides in them.

    Raises:
        Wrong: as `raw_text`, or the scalar would be read as something else than it looks like.
    """
    text = raw_text(node, allowed=allowed, example=example)
    if is_plain(node):
        _refuse_traps(text)
    return text


def text_of(node: yaml.Node, *, allowed: str, example: str) -> str:
    """A text: any word, or anything in quotes.

    Raises:
        Wrong: as `scalar_text`, or a number without quotes, or a control character.
    """
    text = scalar_text(node, allowed=allowed, example=example)
    if is_plain(node) and (_NUMBER.fullmatch(text) or _TRUE_OR_FALSE.fullmatch(text)):
        kind = say("a-number", "a number") if _NUMBER.fullmatch(text) else TRUE_OR_FALSE
        raise Wrong(
            say(
                "text-without-quotes",
                "{word} without quotes is {kind}: {allowed} is needed.",
                word=shorten(text),
                kind=kind,
                allowed=allowed,
            ),
            meant(f'"{shorten(text)}"'),
        )
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise Wrong(
            say(
                "control-character",
                "the text has a line break or another control character: {allowed} is needed.",
                allowed=allowed,
            ),
            say("write-in-one-line", "Write it in one line, without backslash escapes."),
        )
    return text


def key_text(node: yaml.Node) -> str:
    """A key: a word, or a whole number such as an antenna.

    Raises:
        Wrong: not a scalar, or one of YAML's traps.
    """
    text = scalar_text(node, allowed=say("a-key", "a key"), example="good")
    if text == "<<" and is_plain(node):
        raise Wrong(
            say("merge-key", "'<<' is YAML's merge key: a map does not take it."),
            say("write-a-profile", "Write a profile and `use:` it."),
        )
    return text


def twice(key: str, first: yaml.Node) -> Wrong:
    """What is said of a key that stands in a group a second time."""
    return Wrong(
        say(
            "duplicate-key",
            "'{key}' stands here twice, first in line {line}: a key may stand once.",
            key=shorten(key),
            line=first.start_mark.line + 1 if first.start_mark else 0,
        ),
        say("delete-or-join", "Delete one of the two, or join them."),
    )


def integer_of(node: yaml.Node, *, low: int, high: int, allowed: str, example: str) -> int:
    """A whole number in decimal digits.

    Raises:
        Wrong: something else, or out of range.
    """
    text = scalar_text(node, allowed=allowed, example=example)
    if not _INTEGER.fullmatch(text):
        raise Wrong(
            say(
                "not-a-whole-number",
                "'{word}' is not a whole number: {allowed} is needed.",
                word=shorten(text),
                allowed=allowed,
            ),
            write_like(example),
        )
    if not is_plain(node):
        raise Wrong(
            say(
                "number-in-quotes",
                '"{word}" in quotes is a text: {allowed} is needed.',
                word=shorten(text),
                allowed=allowed,
            ),
            say("take-quotes-away", "Take the quotes away."),
        )
    value = int(text) if len(text) <= MAX_DIGITS else high + 1
    if not low <= value <= high:
        raise Wrong(out_of_range(shorten(text), low, high), write_like(example))
    return value


def boolean_of(node: yaml.Node) -> bool:
    """``true`` or ``false``, as a plain word.

    Raises:
        Wrong: something else.
    """
    text = raw_text(node, allowed=TRUE_OR_FALSE, example="true")
    if not is_plain(node) or not _TRUE_OR_FALSE.fullmatch(text):
        raise Wrong(
            say("not-true-or-false", "'{word}' is not true or false.", word=shorten(text)),
            say("write-true-or-false", "Write true or false, without quotes."),
        )
    return text.lower() == "true"


def number_of(node: yaml.Node, *, allowed: str, example: str) -> float:
    """A number, whole or with a decimal point.

    Raises:
        Wrong: something else, or one with more than 25 characters.
    """
    text = scalar_text(node, allowed=allowed, example=example)
    if not _NUMBER.fullmatch(text) or not is_plain(node) or len(text) > MAX_DIGITS:
        raise Wrong(
            say("not-a-number", "'{word}' is not a number: {allowed} is needed.", word=shorten(text), allowed=allowed),
            write_like(example),
        )
    return float(text)


def _meant_or(snippet: str, other: str) -> Text:
    return say("meant-or", "Did you mean {snippet}, or {other}?", snippet=snippet, other=other)


def _refuse_traps(text: str) -> None:
    quoted = say("in-quotes", '"{word}" in quotes', word=shorten(text))
    if _BOOLEAN_WORDS.fullmatch(text):
        means = "true" if text.lower() in {"yes", "on"} else "false"
        raise Wrong(
            say(
                "yes-no-without-quotes",
                "'{word}' without quotes means {means} in YAML 1.1 and is not taken.",
                word=text,
                means=means,
            ),
            meant(quoted),
        )
    if _LEADING_ZERO.fullmatch(text):
        decimal = text.replace("_", "").replace("o", "").lstrip("+-0") or "0"
        raise Wrong(
            say(
                "leading-zero",
                "'{word}' starts with 0, which is octal in YAML 1.1, and is not taken.",
                word=shorten(text),
            ),
            _meant_or(shorten(decimal), quoted),
        )
    if _BASE_60.fullmatch(text):
        raise Wrong(
            say(
                "base-60",
                "'{word}' without quotes is a number in base 60 in YAML 1.1 and is not taken.",
                word=shorten(text),
            ),
            _meant_or(quoted, say("such-as-12h", "a duration such as 12h")),
        )
    if _ODD_NUMBER.fullmatch(text) or _NO_NUMBER.fullmatch(text):
        raise Wrong(
            say("odd-number", "'{word}' is a number written in an unusual way and is not taken.", word=shorten(text)),
            say("write-plain-digits", "Write plain decimal digits such as 12 or 0.5, or {quoted}.", quoted=quoted),
        )
