"""Cards offer what is possible, and what their forms send is believed only where a form can have sent it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from genba_cloud.core.facts.views import Question, QuestionKind
from genba_cloud.ledger import AnswerToGive, CountsToAssign
from genba_cloud.web.question_cards import Card, Owners, answer_of_form, assignment_of_form, cards_of
from genba_cloud.web.rows import Shown
from genba_cloud.web.words import Language
from genba_shared.events import CountMethod, CountOption, Result

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SHOWN = Shown(language=Language.EN, zone=UTC, now=NOW)
OWNERS = Owners(near={"CUT-1": [("WO-1", "CUT")]}, others=[("WO-1", "CUT"), ("WO-2", "CUT")])
ASKED = Question(
    question="gw:0:1",
    kind=QuestionKind.QUESTIONED,
    at=NOW,
    station="CUT-1",
    point="cutter1/good",
    result=Result.GOOD,
    counted=0,
    least=2,
    most=4,
    work_order="WO-1",
    node="CUT",
)
NOBODYS = replace(ASKED, kind=QuestionKind.UNASSIGNED, counted=3, least=3, most=3, work_order=None, node=None)


def card(question: Question) -> Card:
    (only,) = cards_of([question], SHOWN, OWNERS)
    return only


def choices(question: Question) -> list[tuple[str, str]]:
    return [(choice.name, choice.value) for choice in card(question).choices]


def test_the_buttons_are_the_options_else_every_possible_number() -> None:
    options = (CountOption(CountMethod.WRAP, 4), CountOption(CountMethod.RESET, 2))
    assert choices(replace(ASKED, options=options)) == [("option", "wrap:4"), ("option", "reset:2")]
    assert choices(ASKED) == [("pieces", "2"), ("pieces", "3"), ("pieces", "4")]


def test_of_many_possible_numbers_the_bounds_and_the_counted_one_are_offered() -> None:
    many = replace(ASKED, least=1, most=900)
    assert choices(many) == [("pieces", "1"), ("pieces", "900")]
    assert choices(replace(many, counted=12)) == [("pieces", "1"), ("pieces", "12"), ("pieces", "900")]


def test_pieces_of_nobody_are_offered_to_what_the_station_works_on_and_then_to_everything() -> None:
    offered = card(NOBODYS)
    assert [choice.text for choice in offered.choices] == ["WO-1 · CUT"]
    assert [(owner.text, owner.is_likely) for owner in offered.owners] == [("WO-1 · CUT", True), ("WO-2 · CUT", False)]
    assert card(ASKED).owners == ()


def test_pieces_whose_owner_is_in_doubt_are_offered_to_the_one_they_were_counted_for_first() -> None:
    doubtful = replace(ASKED, kind=QuestionKind.AMBIGUOUS, work_order="WO-2", counted=6, least=6, most=6)
    offered = card(doubtful)
    assert "whose are they?" in offered.asks
    assert [(choice.name, choice.text) for choice in offered.choices] == [
        ("owner", "WO-2 · CUT"),
        ("owner", "WO-1 · CUT"),
    ]
    assert [owner.text for owner in offered.owners] == ["WO-2 · CUT", "WO-1 · CUT"]


def test_pieces_that_the_gateway_may_have_given_to_the_wrong_work_can_be_given_to_another() -> None:
    """All or none of them may be the work order's: one tap leaves them there, and another owner can be chosen."""
    doubtful = replace(ASKED, kind=QuestionKind.AMBIGUOUS, work_order="WO-2", counted=2, least=0, most=2)
    offered = card(doubtful)
    assert [(choice.name, choice.value) for choice in offered.choices] == [
        ("pieces", "0"),
        ("pieces", "1"),
        ("pieces", "2"),
    ]
    assert [(owner.text, owner.is_likely) for owner in offered.owners] == [("WO-2 · CUT", True), ("WO-1 · CUT", False)]
    by_counter = replace(doubtful, options=(CountOption(CountMethod.WRAP, 2), CountOption(CountMethod.RESET, 0)))
    assert card(by_counter).owners == ()


def test_counts_of_nobody_with_a_long_pause_between_them_are_asked_apart() -> None:
    newer = replace(NOBODYS, question="gw:0:3", at=NOW + timedelta(hours=2), since=NOW + timedelta(minutes=90))
    close = replace(NOBODYS, question="gw:0:2", at=NOW + timedelta(minutes=70), since=NOW)
    assert [one.questions for one in cards_of([newer, close, NOBODYS], SHOWN, OWNERS)] == [
        ("gw:0:3", "gw:0:2", "gw:0:1")
    ]
    late = replace(close, at=NOW + timedelta(minutes=59))
    assert [one.questions for one in cards_of([newer, late], SHOWN, OWNERS)] == [("gw:0:3",), ("gw:0:2",)]


def answer(*, option: str = "", pieces: str = "", owner: str = "", note: str = "") -> AnswerToGive | None:
    return answer_of_form("gw:0:1", option=option, pieces=pieces, owner=owner, note=note)


def test_a_button_with_an_option_and_a_chosen_owner_is_an_answer() -> None:
    given = answer(option="wrap:5", owner='["WO-1", "CUT"]', note=" 箱の中\u3000数え直し ")
    assert given == AnswerToGive(question="gw:0:1", option="wrap:5", owner=("WO-1", "CUT"), note="箱の中\u3000数え直し")


def test_a_typed_number_is_an_answer_and_a_lone_owner_means_as_counted() -> None:
    assert answer(pieces="12") == AnswerToGive(question="gw:0:1", pieces=12)
    assert answer(owner='["WO-1", "CUT"]') == AnswerToGive(question="gw:0:1", owner=("WO-1", "CUT"))


@pytest.mark.parametrize(
    "fields",
    [
        {"pieces": "-1"},
        {"pieces": "1.5"},
        {"pieces": "٣"},
        {"pieces": "123456789"},
        {"owner": "WO-1"},
        {"owner": '["WO-1"]'},
        {"owner": '["WO-1", 5]'},
        {"owner": '["\\ud800", "CUT"]'},
        {"owner": '["WO\\u0000", "CUT"]'},
        {"owner": "[" * 2000},
        {"note": "a\nb"},
        {"note": "x" * 201},
    ],
)
def test_what_no_form_of_the_page_sends_is_no_answer(fields: dict[str, str]) -> None:
    assert answer(**fields) is None


def test_several_counts_are_given_to_one_owner() -> None:
    wanted = CountsToAssign(questions=("gw:0:1", "gw:0:2"), owner=("WO-1", "CUT"))
    assert assignment_of_form(["gw:0:1", "gw:0:2"], '["WO-1", "CUT"]') == wanted
    assert assignment_of_form(["gw:0:1"], "") is None
    assert assignment_of_form([], '["WO-1", "CUT"]') is None
    assert assignment_of_form(["gw:0:1"] * 501, '["WO-1", "CUT"]') is None
