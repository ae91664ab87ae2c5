"""A person answers a question: checked against what is known, written as one new event. Nothing is ever edited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from genba_cloud.core.facts import Aggregate, Question, QuestionAnswer, QuestionKind, Refused, ViewKey
from genba_cloud.ledger.append import Stamp, append_own
from genba_cloud.ledger.archive import find_events
from genba_cloud.ledger.batches import Appended
from genba_cloud.ledger.shop_floor import unknown_node
from genba_cloud.store.port import Transaction
from genba_cloud.store.work import question_of
from genba_shared.clock import to_milliseconds
from genba_shared.events import CountsAssigned, Event, EventCorrected, Source

Owner = tuple[str, str]

_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerToGive:
    """What a person says: an `option` as the question writes it (``wrap:5``), else a number of `pieces`.

    With neither, it is as it was counted.
    `owner` (work order, node): whose pieces they are, where nobody knows or it is another's.
    """

    question: str
    option: str | None = None
    pieces: int | None = None
    owner: Owner | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswered:
    """The question as it stands now. `changed`: the answer is another one than before."""

    question: Question
    changed: bool
    appended: Appended = field(default_factory=Appended)


def answer_question(
    transaction: Transaction, given: AnswerToGive, source: Source, stamp: Stamp
) -> QuestionAnswered | Refused | None:
    """Write the answer; None where no such event is known. The same answer again changes nothing."""
    question = _question(transaction, given.question)
    if question is None:
        return _not_asked(transaction, given.question)
    pieces = _pieces(question, given)
    if isinstance(pieces, Refused):
        return pieces
    before = _owner(question)
    owner = given.owner or before
    refused = _cannot_have(transaction, question, given.owner, owner, pieces)
    if refused is not None:
        return refused
    if question.answer is not None and not question.is_open and _says(question.answer) == (pieces, owner):
        return QuestionAnswered(question=question, changed=False)
    event = _event(question, pieces, owner, given.note, source=source, stamp=stamp)
    appended = append_own(transaction, [event], stamp)
    now = _question(transaction, given.question)
    return QuestionAnswered(question=now or question, changed=True, appended=appended)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsToAssign:
    """Counts without an owner, by their questions, and the node that all of them belong to, each as it was counted."""

    questions: tuple[str, ...]
    owner: Owner
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsGiven:
    """How many counts were given to the node; what belonged to it already is not counted again."""

    given: int
    appended: Appended = field(default_factory=Appended)


def assign_counts(
    transaction: Transaction, wanted: CountsToAssign, source: Source, stamp: Stamp
) -> CountsGiven | Refused:
    """Give counts without an owner to a node: all or, when one is refused, none."""
    refused = unknown_node(transaction.planned([wanted.owner[0]]), *wanted.owner)
    if refused is not None:
        return refused
    found = _questions(transaction, wanted.questions)
    events: list[Event] = []
    for name in dict.fromkeys(wanted.questions):
        question = found.get(name)
        if question is None or question.kind is not QuestionKind.UNASSIGNED:
            return Refused(reason=f"{name} is no count without an owner", accepted="questions of the kind unassigned")
        if question.answer is None or question.is_open or _says(question.answer) != (question.counted, wanted.owner):
            event = _event(question, question.counted, wanted.owner, wanted.note, source=source, stamp=stamp)
            events.append(event)
    return CountsGiven(given=len(events), appended=append_own(transaction, events, stamp))


def _question(transaction: Transaction, name: str) -> Question | None:
    return _questions(transaction, [name]).get(name)


def _questions(transaction: Transaction, names: Iterable[str]) -> dict[str, Question]:
    views = transaction.views(ViewKey(Aggregate.QUESTION, name) for name in names)
    found = {key.id: question_of(key.id, view) for key, view in views.items()}
    return {name: question for name, question in found.items() if question is not None}


def _not_asked(transaction: Transaction, name: str) -> Refused | None:
    if not find_events(transaction, [name]):
        return None
    return Refused(reason=f"event {name} asks nothing", accepted="an event of the list of questions")


def _pieces(question: Question, given: AnswerToGive) -> int | Refused:
    possible = {str(option): option.pieces for option in question.options}
    if given.option is not None:
        if given.option not in possible:
            return Refused(
                reason=f"{given.option!r:.80} is not an option of this question",
                accepted=f"one of {', '.join(possible)}" if possible else "a number of pieces: this one has no options",
            )
        return possible[given.option]
    pieces = given.pieces if given.pieces is not None else question.counted
    if not given.note and not question.least <= pieces <= question.most:
        return Refused(
            reason=f"{pieces} pieces are not possible by what was read",
            accepted=f"{question.least} to {question.most} pieces, or another number with a note that says why",
        )
    return pieces


def _owner(question: Question) -> Owner | None:
    if question.work_order is None or question.node is None:
        return None
    return question.work_order, question.node


def _says(answer: QuestionAnswer) -> tuple[int, Owner | None]:
    is_owned = answer.work_order is not None and answer.node is not None
    return answer.pieces, (answer.work_order or "", answer.node or "") if is_owned else None


def _cannot_have(
    transaction: Transaction, question: Question, named: Owner | None, owner: Owner | None, pieces: int
) -> Refused | None:
    """Why these pieces cannot be the owner's; None where they can."""
    if named is not None and named != _owner(question):
        refused = unknown_node(transaction.planned([named[0]]), *named)
        if refused is not None:
            return refused
        if question.station is None:
            return Refused(reason="the event names no station, so that its pieces cannot be given to another node")
    if owner is None and pieces > 0:
        return Refused(
            reason="nobody knows whose pieces these are", accepted="work_order and node beside the number of pieces"
        )
    return None


def _event(
    question: Question, pieces: int, owner: Owner | None, note: str | None, *, source: Source, stamp: Stamp
) -> Event:
    at = _at(question, stamp.now)
    common: dict[str, Any] = {
        "id": stamp.next_id(),
        "at": at,
        "entered_at": at,
        "source": source,
        "station": question.station,
        "work_order": owner[0] if owner else None,
        "node": owner[1] if owner else None,
        "because": (question.question,),
        "target": question.question,
        "pieces": pieces,
        "note": note,
    }
    # A count that stays with its node is corrected; what was not counted, or for nobody, is given to one.
    stays = owner == _owner(question) and (question.kind is not QuestionKind.QUESTIONED or question.station is None)
    if owner is None or stays:
        return EventCorrected(**common)
    return CountsAssigned(**common, result=question.result)


def _at(question: Question, now: datetime) -> datetime:
    """Now, and after the answer before it: of several the latest counts, whatever a clock says."""
    at = to_milliseconds(now)
    return at if question.answer is None else max(at, question.answer.at + _MILLISECOND)
