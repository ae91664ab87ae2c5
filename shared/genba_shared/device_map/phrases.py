"""Sentences and phrases that many checks of a device map have in common."""

from __future__ import annotations

from collections.abc import Sequence

from genba_shared.texts import Text, say

__all__ = [
    "add",
    "any_of",
    "from_line",
    "from_line_of_file",
    "leave_out",
    "meant",
    "meant_word",
    "needs_form",
    "needs_group",
    "none_yet",
    "not_yet",
    "out_of_range",
    "write",
    "write_like",
    "write_one_of",
]


def write(snippet: str) -> Text:
    """The remedy: what to write, as it stands in the file."""
    return say("write", "Write {snippet}.", snippet=snippet)


def write_like(example: str) -> Text:
    """The remedy: an example of the form."""
    return say("write-like", "Write it like {example}.", example=example)


def write_one_of(word: str) -> Text:
    """The remedy where a name is not known: take a known one, or make it known."""
    return say("write-one-of", "Write one of these, or add '{word}' there.", word=word)


def add(snippet: str) -> Text:
    """The remedy: a setting to add."""
    return say("add", "Add {snippet}.", snippet=snippet)


def meant(snippet: str) -> Text:
    """The remedy: what was probably meant, as it stands in the file."""
    return say("meant", "Did you mean {snippet}?", snippet=snippet)


def meant_word(word: str) -> Text:
    """The remedy: the known word that was probably meant."""
    return say("meant-word", "Did you mean '{word}'?", word=word)


def leave_out(key: str) -> Text:
    """The remedy: a key to delete."""
    return say("leave-out", "Leave `{key}` out.", key=key)


def not_yet() -> Text:
    """The remedy for a setting of the contract that this version does not read."""
    return say("leave-out-for-now", "Leave it out for now.")


def any_of(words: Sequence[str]) -> str:
    """``ms, s or min``."""
    if len(words) < 2:
        return words[0] if words else ""
    return say("any-of", "{first} or {last}", first=", ".join(words[:-1]), last=words[-1])


def one_of(words: Sequence[str]) -> str:
    """``one of up, down``, or the only word."""
    return say("one-of", "one of {words}", words=", ".join(words)) if len(words) > 1 else words[0]


def none_yet() -> Text:
    """What a list of names says where there is none."""
    return say("none", "none")


def from_line(line: int) -> Text:
    """Where a setting comes from: a line of the file."""
    return say("origin-line", "line {line}", line=line)


def from_line_of_file(file: str, line: int) -> Text:
    """Where a setting comes from, in a map of several files."""
    return say("origin-line-of-file", "{file} line {line}", file=file, line=line)


def needs_form(found: str, allowed: str) -> Text:
    """A list, a group or nothing stands where something else is needed."""
    return say("wrong-form", "{found} stands here: {allowed} is needed.", found=found, allowed=allowed)


def needs_group(found: str, owner: str) -> Text:
    """A word or a list stands where settings are needed."""
    return say("not-a-group", "{found} stands here: {owner} is a group of settings.", found=found, owner=owner)


def out_of_range(written: str, low: object, high: object) -> Text:
    """A number beyond its bounds."""
    return say(
        "out-of-range", "{written} is out of range: {low} to {high} is allowed.", written=written, low=low, high=high
    )
