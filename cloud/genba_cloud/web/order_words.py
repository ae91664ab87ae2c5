"""How events, sources and what people wrote are said on the pages of orders and reports."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from genba_cloud.ledger.sealing import ERASED, UNREADABLE
from genba_cloud.web.rows import Shown
from genba_cloud.web.words import WORDS
from genba_shared.events import Event, Source

_PERSONAL: Final = {ERASED: "personal.erased", UNREADABLE: "personal.unreadable"}
_DAY_S: Final = 86_400


def said(text: str | None, shown: Shown) -> str:
    """What a person wrote; where it was erased or cannot be read, that is said instead."""
    if not text:
        return ""
    return shown.say(_PERSONAL[text]) if text in _PERSONAL else text


def kind_word(kind: str, shown: Shown) -> str:
    """What happened, in a few words; a kind that has none is named as it is."""
    key = f"kind.{kind}"
    return shown.say(key) if key in WORDS[shown.language] else kind.replace("_", " ")


def source_word(source: Source, shown: Shown) -> str:
    """Who says so: a machine or a person, and which."""
    return f"{shown.say(f'source.{source.type}')} {said(source.ref, shown)}"


def reason_of(event: Event, shown: Shown) -> str:
    """The reason that was given, if any."""
    return shown.say("order.reason", reason=said(event.reason, shown)) if event.reason else ""


def cause_words(cause: str | None, shown: Shown) -> str:
    """The cause of a problem or delay, or that nobody knows it yet."""
    return shown.say("order.cause", cause=said(cause, shown)) if cause else shown.say("order.no_cause")


def age_of(now: datetime, at: datetime, shown: Shown) -> str:
    """How old something is, in the largest unit that fits."""
    seconds = max(0, int((now - at).total_seconds()))
    if seconds < 60:
        amount = shown.say("age.seconds", count=seconds)
    elif seconds < 3600:
        amount = shown.say("age.minutes", count=seconds // 60)
    elif seconds < 2 * _DAY_S:
        amount = shown.say("age.hours", count=seconds // 3600)
    else:
        amount = shown.say("age.days", count=seconds // _DAY_S)
    return shown.say("order.age", age=amount)
