"""Words and colours of the pages: three languages with the same keys, and text that can be read."""

from __future__ import annotations

import re
import string
from datetime import datetime
from pathlib import Path

import pytest

import genba_cloud.web
from genba_cloud.core.deviation import Level
from genba_cloud.core.facts.views import Mark
from genba_cloud.core.status import Status
from genba_cloud.web.words import AREAS, WORDS, Language, choose_language, date_and_time

WEB = Path(genba_cloud.web.__file__).parent
LEVEL_INK = {"none": "#A9B6C3", "yellow": "#FFE58A", "orange": "#FF9E2C", "red": "#FF4D6A"}


def test_every_language_has_the_same_keys_and_placeholders() -> None:
    source = WORDS[Language.ZH]
    for language, words in WORDS.items():
        assert set(words) == set(source), language
        for key, text in words.items():
            assert placeholders(text) == placeholders(source[key]), (language, key)


def test_a_word_stands_in_one_module() -> None:
    """Of two under one key the page would show whichever module is read last."""
    keys = [key for area in AREAS for key in area.EN]
    assert [key for key in keys if keys.count(key) > 1] == []


def test_every_status_level_and_mark_has_a_word() -> None:
    wanted = {f"status.{status}" for status in Status} | {f"level.{level}" for level in Level}
    wanted |= {f"mark.{mark}" for mark in Mark}
    assert wanted <= set(WORDS[Language.ZH])


def test_templates_hold_no_words_of_their_own() -> None:
    for template in (WEB / "templates").glob("*.html"):
        markup = re.sub(r"{% block body_class %}.*?{% endblock %}", "", template.read_text())
        text = re.sub(r"<pre>.*?</pre>|<code>.*?</code>|{{.*?}}|{%.*?%}|<[^>]*>", " ", markup, flags=re.S)
        assert set(text.split()) <= {"genba", "·", "/", "(", ")"}, template.name


def test_nothing_on_the_pages_is_loaded_from_another_host() -> None:
    for path in WEB.rglob("*"):
        if path.suffix in {".html", ".css", ".js", ".svg"}:
            hosts = set(re.findall(r"(?:https?:)?//([a-z0-9.-]+\.[a-z]{2,})", path.read_text()))
            assert hosts <= {"www.w3.org"}, path.name  # the name of the SVG namespace is not fetched


@pytest.mark.parametrize(
    ("asked", "accept", "language"),
    [
        ("ja", "zh-CN", "ja"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "fr-FR,ja;q=0.5,en;q=0.8", "en"),
        (None, "ja;q=0,de", "en"),
        ("fr", "", "en"),
        (None, "zh;q=oops", "en"),
    ],
)
def test_language_of_a_page(asked: str | None, accept: str, language: str) -> None:
    assert choose_language(asked, accept) == language


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Mon 5 Jan 07:05"), ("zh", "1月5日 周一 07:05"), ("ja", "1月5日(月) 07:05")],
)
def test_dates_are_written_as_people_write_them(language: str, text: str) -> None:
    at = datetime(2026, 1, 5, 7, 5)  # noqa: DTZ001 (a local time)
    assert date_and_time(Language(language), at, this_year=2026) == text
    assert "2026" in date_and_time(Language(language), at, this_year=2027)


@pytest.mark.parametrize("ground", ["#0B1016", "#16202B", "#1C2835", "#2A0F16"])
def test_text_can_be_read_on_every_background(ground: str) -> None:
    for ink in ("#E6EDF3", "#A9B6C3", *LEVEL_INK.values()):
        assert contrast(ink, ground) >= 4.5, ink


@pytest.mark.parametrize("mark", ["#8793A1", "#FFD23F", "#2FBF8F", "#FF5C4D", "#58A6FF", "#5C6B7A"])
def test_marks_and_borders_stand_out_from_the_board(mark: str) -> None:
    assert contrast(mark, "#0B1016") >= 3.0


@pytest.mark.parametrize("colour", ["#FFD23F", "#2FBF8F", "#FF5C4D", "#58A6FF"])
def test_signs_inside_the_status_discs_stand_out(colour: str) -> None:
    assert contrast("#0B1016", colour) >= 4.5


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2, 1.4.3."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
