"""Texts that know their translations: strings in English, sentences in Chinese and Japanese."""

from __future__ import annotations

import copy

import pytest

from genba_shared.errors import Problem
from genba_shared.texts import Count, Language, Text, code_of, language_of, listed, render, say
from genba_shared.texts.setting import set_together


def _no_unit() -> Text:
    return say(
        "no-unit",
        "{number} has no unit: {what} ends in {units}.",
        number="500",
        what=say("a-duration", "a duration"),
        units=say("any-of", "{first} or {last}", first="ms, s", last="min"),
    )


def test_a_text_is_its_english_sentence() -> None:
    assert _no_unit() == "500 has no unit: a duration ends in ms, s or min."
    assert f"{_no_unit()}" == "500 has no unit: a duration ends in ms, s or min."
    assert type(str(_no_unit())) is str


def test_a_text_is_rendered_with_the_texts_inside_of_it() -> None:
    assert render(_no_unit(), Language.ENGLISH) == "500 has no unit: a duration ends in ms, s or min."
    assert render(_no_unit(), Language.CHINESE) == "500 没有单位：时长以 ms, s 或 min 结尾。"
    assert render(_no_unit(), Language.JAPANESE) == "500 に単位がありません。時間の末尾は ms, s または min です。"


def test_a_plain_string_is_shown_as_it_is_and_has_the_code_other() -> None:
    assert render("the drum is {full}.", Language.CHINESE) == "the drum is {full}."
    assert code_of("the drum is full.") == "other"


def test_a_text_without_translation_is_shown_in_english() -> None:
    assert render(say("nobody-translated-this", "the {what} is full.", what="drum"), Language.JAPANESE) == (
        "the drum is full."
    )


def test_what_stands_in_the_file_is_never_taken_for_a_template() -> None:
    text = say("meant", "Did you mean {snippet}?", snippet="{holding: 0} {number} %s")
    assert text == "Did you mean {holding: 0} {number} %s?"
    assert render(text, Language.CHINESE) == "是不是想写 {holding: 0} {number} %s？"


def test_a_copy_keeps_its_code_and_its_translation() -> None:
    text = say("meant", "Did you mean {snippet}?", snippet="{holding: 0}")
    for other in (copy.copy(text), copy.deepcopy(text)):
        assert other == "Did you mean {holding: 0}?"
        assert (code_of(other), render(other, Language.JAPANESE)) == ("meant", "{holding: 0} のことですか？")


@pytest.mark.parametrize(
    ("number", "english"), [(0, "0 points read"), (1, "1 point read"), (2, "2 points read")], ids=["none", "one", "two"]
)
def test_english_has_singular_and_plural(number: int, english: str) -> None:
    assert say("not-in-the-catalogue", "{points} {points:point|points} read", points=Count(number)) == english


def test_a_list_of_texts_has_the_comma_of_its_language() -> None:
    three = listed([say("a-point", "a point"), say("a-zone-name", "a zone"), say("a-station-name", "a station")])
    assert three == "a point, a zone, a station"
    assert render(three, Language.CHINESE) == "点位，区域，工位"
    assert render(three, Language.JAPANESE) == "ポイント、ゾーン、ステーション"
    assert render(listed([say("a-point", "a point")]), Language.CHINESE) == "点位"
    assert listed([]) == ""


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("modbus", "需要 modbus 之一"),
        ("设备", "需要设备之一"),
        ("'x'", "需要 'x' 之一"),
        ("（无）", "需要（无）之一"),
        ("", "需要之一"),
    ],
    ids=["latin", "chinese", "quoted", "brackets", "empty"],
)
def test_a_space_stands_between_chinese_and_latin_only(value: str, sentence: str) -> None:
    assert set_together("需要 {word} 之一", {"word": value}) == sentence
    assert set_together("需要{word}之一", {"word": value}) == sentence


def test_quotes_of_the_template_touch_what_they_hold() -> None:
    assert set_together("工位 '{name}' 不在", {"name": "裁断 1"}) == "工位 '裁断 1' 不在"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, Language.ENGLISH),
        ({"LANG": "zh_CN.UTF-8"}, Language.CHINESE),
        ({"LANG": "ja_JP.UTF-8"}, Language.JAPANESE),
        ({"LANG": "de_DE.UTF-8"}, Language.ENGLISH),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C.UTF-8"}, Language.ENGLISH),
        ({"LANG": "C", "LC_MESSAGES": "zh_TW"}, Language.CHINESE),
        ({"LANG": "ja_JP.UTF-8", "GENBA_LANG": "en"}, Language.ENGLISH),
        ({"GENBA_LANG": "ZH"}, Language.CHINESE),
        ({"GENBA_LANG": "", "LC_ALL": "ja"}, Language.JAPANESE),
    ],
    ids=repr,
)
def test_the_language_is_that_of_genba_lang_or_of_the_locale(environment: dict[str, str], language: Language) -> None:
    assert language_of(environment) is language


def test_a_problem_shows_place_path_warning_and_code_in_its_first_line() -> None:
    problem = Problem(
        file="plant.yaml",
        line=3,
        column=7,
        path="devices.press1.timeout",
        message=_no_unit(),
        fix=say("meant", "Did you mean {snippet}?", snippet="500ms"),
        warning=True,
    )
    assert problem.code == "no-unit"
    assert str(problem) == (
        "plant.yaml:3:7  devices.press1.timeout  (warning)  [no-unit]\n"
        "  500 has no unit: a duration ends in ms, s or min.\n"
        "  Did you mean 500ms?"
    )
    assert problem.render(Language.JAPANESE) == (
        "plant.yaml:3:7  devices.press1.timeout  (警告)  [no-unit]\n"
        "  500 に単位がありません。時間の末尾は ms, s または min です。\n"
        "  500ms のことですか？"
    )


def test_a_problem_in_plain_english_shows_no_code() -> None:
    problem = Problem(file="plant.yaml", line=0, column=0, path="", message="is full.", fix="Empty it.")
    assert problem.code == "other"
    assert problem.render(Language.CHINESE) == "plant.yaml\n  is full.\n  Empty it."
