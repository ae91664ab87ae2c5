"""Sentences for people in English, Chinese and Japanese: the English stands where it is said, its code finds the rest.

``say("not-a-port", "'{word}' is not a port.", word=word)`` is a `str` in English, so that it can be logged, compared
and put into another text like any string; `render` gives it in another language. The translations stand in the
catalogue (`genba_shared.texts.catalogue`), one entry for each code. Values, keys and YAML are never translated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

__all__ = ["OTHER", "Count", "Language", "Text", "code_of", "language_of", "listed", "render", "say"]

OTHER: Final = "other"
"""The code of a sentence that has none of its own yet; it is shown in English."""


class Language(StrEnum):
    """A language that sentences are said in."""

    ENGLISH = "en"
    CHINESE = "zh"
    JAPANESE = "ja"


class Text(str):
    """A sentence or phrase: in English as a `str`, in another language by `render`.

    `code` is its stable name; `params` fill the places of its template and may be texts themselves.
    """

    __slots__ = ("code", "params")
    code: str
    params: Mapping[str, object]

    def __new__(cls, code: str, template: str, params: Mapping[str, object]) -> Text:
        """Made by `say`."""
        self = super().__new__(cls, template.format_map(params))
        self.code = code
        self.params = params
        return self

    def __reduce__(self) -> tuple[type[Text], tuple[str, str, Mapping[str, object]]]:
        """So that copies keep code and parameters; their English is a template without places."""
        return Text, (self.code, str(self).replace("{", "{{").replace("}", "}}"), self.params)


def say(code: str, template: str, /, **params: object) -> Text:
    """The text of `code`, with `template` in English.

    A place whose name begins with ``english_`` holds English prose; other languages leave it out.
    """
    return Text(code, template, params)


class Count(int):
    """A number of things, which English says in singular or plural: ``{points} {points:point|points}``."""

    def __format__(self, spec: str) -> str:
        one, bar, several = spec.partition("|")
        if not bar:
            return super().__format__(spec)
        return one if self == 1 else several


def listed(texts: Sequence[str]) -> str:
    """Several texts as one, with the comma of the language."""
    if len(texts) < 2:
        return texts[0] if texts else ""
    return say("list-of", "{first}, {rest}", first=texts[0], rest=listed(texts[1:]))


def code_of(text: str) -> str:
    """The stable name of a sentence: `OTHER` where it is a plain string."""
    return text.code if isinstance(text, Text) else OTHER


def render(text: str, language: Language) -> str:
    """The text in `language`; in English where it is a plain string or has no translation."""
    from genba_shared.texts.catalogue import template_of  # here, since a program that speaks English needs none of it
    from genba_shared.texts.setting import set_together

    if not isinstance(text, Text):
        return text
    template = template_of(text.code, language)
    if template is None:
        return str(text)
    rendered = {
        name: render(value, language) if isinstance(value, str) else value for name, value in text.params.items()
    }
    return set_together(template, rendered)


def language_of(environment: Mapping[str, str]) -> Language:
    """The language that a person's environment asks for: GENBA_LANG, else the locale; English where it is another.

    Source: POSIX.1-2017, 8.2: LC_ALL goes before LC_MESSAGES, and that before LANG.
    """
    for name in ("GENBA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        asked = environment.get(name, "")
        if asked:
            return next((language for language in Language if asked.lower().startswith(language)), Language.ENGLISH)
    return Language.ENGLISH
