"""What the page's forms send is believed only where a form of the page can have sent it."""

from __future__ import annotations

import pytest

from genba_cloud.ledger import AnswerToGive, CountsToAssign
from genba_cloud.web.question_cards import answer_of_form, assignment_of_form


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
