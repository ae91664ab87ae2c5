"""Every word on the pages, in Chinese (the source of keys), Japanese and English; a test compares the three."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from genba_cloud.web import (
    words_alerts,
    words_board,
    words_floor,
    words_forecast,
    words_orders,
    words_questions,
    words_reports,
    words_scan,
    words_trouble,
)


class Language(StrEnum):
    """A language of the pages, by its BCP 47 tag."""

    ZH = "zh"
    JA = "ja"
    EN = "en"


NAMES: Final[Mapping[Language, str]] = {Language.ZH: "中文", Language.JA: "日本語", Language.EN: "English"}

AREAS: Final = (
    words_board,
    words_floor,
    words_questions,
    words_forecast,
    words_scan,
    words_trouble,
    words_alerts,
    words_orders,
    words_reports,
)

WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    Language.ZH: {key: text for area in AREAS for key, text in area.ZH.items()},
    Language.JA: {key: text for area in AREAS for key, text in area.JA.items()},
    Language.EN: {key: text for area in AREAS for key, text in area.EN.items()},
}

_WEEKDAYS: Final[Mapping[Language, Sequence[str]]] = {
    Language.ZH: ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
    Language.JA: ("月", "火", "水", "木", "金", "土", "日"),
    Language.EN: ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def say(language: Language, key: str, **values: object) -> str:
    """The words for `key`, with its placeholders filled in."""
    return WORDS[language][key].format(**values)


def choose_language(asked: str | None, accept: str) -> Language:
    """The language of a page: the one asked for, else the best of the Accept-Language header, else English."""
    if asked in set(Language):
        return Language(asked)
    wanted: list[tuple[float, int, Language]] = []
    for rank, part in enumerate(accept[:500].split(",")):
        tag, _, parameters = part.strip().partition(";")
        primary = tag.split("-")[0].strip().lower()
        if primary in set(Language):
            wanted.append((-_quality(parameters), rank, Language(primary)))
    return min(wanted)[2] if wanted and min(wanted)[0] < 0 else Language.EN


def date_and_time(language: Language, local: datetime, *, this_year: int) -> str:
    """Date with weekday and time of a local instant; the year only where it is another one."""
    day, weekday = local.day, _WEEKDAYS[language][local.weekday()]
    clock = f"{local:%H:%M}"
    match language:
        case Language.EN:
            year = "" if local.year == this_year else f" {local.year}"
            return f"{weekday} {day} {_MONTHS[local.month - 1]}{year} {clock}"
        case Language.ZH:
            year = "" if local.year == this_year else f"{local.year}年"
            return f"{year}{local.month}月{day}日 {weekday} {clock}"
        case Language.JA:
            year = "" if local.year == this_year else f"{local.year}年"
            return f"{year}{local.month}月{day}日({weekday}) {clock}"


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0
