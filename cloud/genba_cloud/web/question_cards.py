"""What the page of questions draws: each question as a card with its answers as buttons, all words worked out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from genba_cloud.core.facts.views import Question, QuestionKind
from genba_cloud.ledger import AnswerToGive, CountsToAssign
from genba_cloud.ledger.sealing import ERASED, UNREADABLE
from genba_cloud.web.rows import Shown, When
from genba_shared.events import CountMethod, Result
from genba_shared.events.json_form import is_text

Owner = tuple[str, str]

MOST_BUTTONS: Final = 6
"""More possible numbers than this are offered as the least, the counted and the most; any other can be typed."""
MOST_NEAR: Final = 4
MOST_OWNERS: Final = 60
ONE_STRETCH: Final = timedelta(minutes=30)
"""Counts without an owner with a longer pause between them are asked apart: they may be another work order's."""
LONGEST_RUN: Final = 500
MOST_PIECES: Final = 10_000_000
LONGEST_NOTE: Final = 200
LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One button: `name` and `value` are what the form sends, `says` is what it means, in one sentence."""

    name: str
    value: str
    text: str
    says: str
    is_given: bool = False
    needs_owner: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerItem:
    """A node of a work order that the pieces may be given to.

    `is_likely`: it has them now, or is the only one that the station works on.
    """

    value: str
    text: str
    is_likely: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One question, or several counts without an owner in a row: `questions` names them all.

    `owners` is empty where it is known for certain whose pieces they are.
    """

    question: str
    questions: tuple[str, ...]
    station: str
    point: str
    result: str
    owner: str
    asks: str
    span: str
    at: When
    read: str
    choices: tuple[Choice, ...]
    owners: tuple[OwnerItem, ...]
    counted: int
    is_open: bool
    answered: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Whose pieces they may be: `near` by station (what it works on and its queue), then every other open node."""

    near: Mapping[str, Sequence[Owner]]
    others: Sequence[Owner]

    def of(self, station: str | None) -> list[Owner]:
        """The possible owners at a station, the likeliest first."""
        near = list(self.near.get(station or "", ()))
        return list(dict.fromkeys([*near, *self.others]))[:MOST_OWNERS]


def cards_of(questions: Sequence[Question], shown: Shown, owners: Owners) -> list[Card]:
    """The cards of these questions, newest first; counts without an owner that follow one another are one card."""
    runs: list[list[Question]] = []
    of_counter: dict[tuple[str | None, str, Result], list[Question]] = {}
    for question in questions:
        counter = (question.station, question.point, question.result)
        may_join = question.is_open and question.kind is QuestionKind.UNASSIGNED
        run = of_counter.get(counter) if may_join else None
        if run is not None and _follows(question, run[-1]) and len(run) < LONGEST_RUN:
            run.append(question)
            continue
        runs.append([question])
        if may_join:
            of_counter[counter] = runs[-1]
    return [_card_of_run(run, shown, owners) for run in runs]


def _follows(older: Question, newer: Question) -> bool:
    """Whether two counts of one counter are of one stretch of work, by what is known of the newer one's beginning."""
    return (newer.since or newer.at) - older.at <= ONE_STRETCH


def _card_of_run(run: Sequence[Question], shown: Shown, owners: Owners) -> Card:
    newest, oldest = run[0], run[-1]
    counted = sum(one.counted for one in run)
    whole = (
        newest if len(run) == 1 else replace(newest, since=oldest.since, counted=counted, least=counted, most=counted)
    )
    return card_of(whole, shown, owners, questions=tuple(one.question for one in run))


def card_of(question: Question, shown: Shown, owners: Owners, *, questions: tuple[str, ...]) -> Card:
    """The card of a question."""
    asks_owner, now = wants_owner(question), (question.work_order, question.node)
    possible = _possible(question, owners.of(question.station)) if asks_owner else []
    near = _possible(question, owners.near.get(question.station or "", ()))[:MOST_NEAR] if asks_owner else []
    answer = question.answer
    return Card(
        question=question.question,
        questions=questions,
        station=question.station or question.point,
        point=question.point,
        result=shown.say(f"result.{question.result}"),
        owner=_owner_text(question.work_order, question.node) or shown.say("question.nobody"),
        asks=_asks(question, shown),
        span=_span(question, shown),
        at=shown.when(question.at),
        read=_personal(question.note or "", shown),
        choices=tuple(_choices(question, shown, near)),
        owners=tuple(
            OwnerItem(value=json.dumps(one), text=_owner_text(*one), is_likely=one == now or near == [one])
            for one in possible
        ),
        counted=question.counted,
        is_open=question.is_open,
        answered=_answered(question, shown),
        note=shown.say("question.note", note=_personal(answer.note, shown)) if answer and answer.note else "",
    )


def wants_owner(question: Question) -> bool:
    """Whether somebody must say whose pieces they are."""
    is_known = question.work_order is not None and question.node is not None
    return not is_known or _is_owner_in_doubt(question) or _may_be_anothers(question)


def _is_owner_in_doubt(question: Question) -> bool:
    """Whether the number is certain, and the work changed within the time that it spans."""
    is_certain = question.least == question.most == question.counted
    return question.kind is QuestionKind.AMBIGUOUS and is_certain and not question.options


def _may_be_anothers(question: Question) -> bool:
    """Whether the gateway gave the pieces away in doubt: none of them may be the work order's, whatever was counted."""
    return question.kind is QuestionKind.AMBIGUOUS and question.least == 0 < question.counted and not question.options


def _possible(question: Question, owners: Iterable[Owner]) -> list[Owner]:
    """These owners, and before them the one that the pieces were counted for."""
    now = [(question.work_order, question.node)] if question.work_order and question.node else []
    return list(dict.fromkeys([*now, *owners]))


def _asks(question: Question, shown: Shown) -> str:
    numbers = {"counted": question.counted, "least": question.least, "most": question.most}
    if _is_owner_in_doubt(question):
        return shown.say("question.owner_in_doubt", **numbers)
    return shown.say(f"question.{question.kind}", **numbers)


def _span(question: Question, shown: Shown) -> str:
    at = shown.when(question.at).text
    if question.since is None:
        return at
    return shown.say("question.span", since=shown.when(question.since).text, at=at)


def _personal(text: str, shown: Shown) -> str:
    """What somebody wrote, or in the page's language that it was erased or cannot be read."""
    words = {ERASED: "personal.erased", UNREADABLE: "personal.unreadable"}
    return shown.say(words[text]) if text in words else text


def _answered(question: Question, shown: Shown) -> str:
    answer = question.answer
    if answer is None:
        return ""
    pieces = shown.say("order.pieces", count=answer.pieces)
    owner = _owner_text(answer.work_order, answer.node)
    by = shown.say("question.by", by=_personal(answer.by, shown), time=shown.when(answer.at).text)
    return " · ".join(part for part in (pieces, owner, by) if part)


def _choices(question: Question, shown: Shown, near: Iterable[Owner]) -> Iterable[Choice]:
    if question.kind is QuestionKind.UNASSIGNED or _is_owner_in_doubt(question):
        return [_owner_choice(question, owner, shown) for owner in near]
    if question.options:
        return [
            _choice(question, shown, name="option", value=str(option), pieces=option.pieces, method=option.method)
            for option in question.options
        ]
    return [_choice(question, shown, name="pieces", value=str(pieces), pieces=pieces) for pieces in _numbers(question)]


def _numbers(question: Question) -> list[int]:
    if question.most - question.least < MOST_BUTTONS:
        return list(range(question.least, question.most + 1))
    counted = {question.counted} if question.least <= question.counted <= question.most else set()
    return sorted({question.least, question.most} | counted)


def _choice(
    question: Question, shown: Shown, *, name: str, value: str, pieces: int, method: CountMethod | None = None
) -> Choice:
    says = f"option.{method}" if method else "option.number" if pieces else "option.none"
    return Choice(
        name=name,
        value=value,
        text=shown.say("order.pieces", count=pieces),
        says=shown.say(says),
        is_given=question.answer is not None and question.answer.pieces == pieces,
        needs_owner=pieces > 0,
    )


def _owner_choice(question: Question, owner: Owner, shown: Shown) -> Choice:
    given = question.answer
    return Choice(
        name="owner",
        value=json.dumps(owner),
        text=_owner_text(*owner),
        says=shown.say("question.gives", count=question.counted),
        is_given=given is not None and (given.work_order, given.node) == owner,
        needs_owner=False,
    )


def _owner_text(work_order: str | None, node: str | None) -> str:
    return f"{work_order} · {node}" if work_order is not None and node is not None else ""


def answer_of_form(question: str, *, option: str, pieces: str, owner: str, note: str) -> AnswerToGive | None:
    """What a form of the page says; None where no form of ours says so."""
    given = _owner_of_form(owner)
    if (owner and given is None) or not (note.strip() == "" or _is_writable(note, LONGEST_NOTE)):
        return None
    if pieces and not (pieces.isascii() and pieces.isdigit() and len(pieces) <= len(str(MOST_PIECES))):
        return None
    number = int(pieces) if pieces and not option else None
    return AnswerToGive(question=question, option=option or None, pieces=number, owner=given, note=note.strip() or None)


def assignment_of_form(questions: Sequence[str], owner: str) -> CountsToAssign | None:
    """What the form of several counts says; None where no form of ours says so."""
    given = _owner_of_form(owner)
    if given is None or not 0 < len(questions) <= LONGEST_RUN:
        return None
    return CountsToAssign(questions=tuple(questions), owner=given)


def _owner_of_form(text: str) -> Owner | None:
    try:
        found = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    match found:
        case [str(work_order), str(node)] if _is_writable(work_order, LONGEST_NAME) and _is_writable(
            node, LONGEST_NAME
        ):
            return work_order, node
        case _:
            return None


def _is_writable(text: str, longest: int) -> bool:
    return is_text(text) and len(text) <= longest and not any(ord(letter) < 32 for letter in text)
