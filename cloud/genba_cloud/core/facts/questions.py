"""A question: what a gateway could not decide, with the answer that counts.

Its fold sees the event that asks and every answer that names it, in whatever order they come: the event is taken as it
is, and of several answers the one with the greatest (at, id) counts. An answer whose event has not come yet waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from genba_cloud.core.facts.counts import Seen, is_ambiguous
from genba_cloud.core.facts.station import NOBODYS, Attribution, Owner, is_named
from genba_cloud.core.facts.views import Question, QuestionAnswer, QuestionKind
from genba_shared.clock import format_time, parse_time
from genba_shared.events import (
    CountOption,
    CountsAssigned,
    DataQuestioned,
    Event,
    EventCorrected,
    PiecesCounted,
    Result,
)

_ASKING = (PiecesCounted, DataQuestioned)
_ANSWERING = (CountsAssigned, EventCorrected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The event that an answer is about. `counted` None: it counted nothing (`data_questioned`).

    `owner` is the one that the gateway named. `ambiguous`: the gateway itself says that another number is possible.
    """

    seen: Seen
    counted: int | None
    station: str | None
    owner: Owner | None
    point: str
    result: Result
    since: datetime | None
    least: int
    most: int
    options: tuple[str, ...]
    note: str | None
    ambiguous: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person says. `owner` None: a correction, the pieces stay with whom they were counted for.

    `result` is that of the pieces, None for a correction.
    """

    seen: Seen
    pieces: int
    by: str
    owner: Owner | None = None
    result: Result | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionFold:
    """`target` None: the event that was answered has not come yet."""

    target: Target | None = None
    answer: Answer | None = None


def asks(event: Event) -> bool:
    """Whether the event needs a person, as far as the event alone says.

    A count without a name on it may have an owner by dispatch: then it asks nothing, which `question_facts` knows.
    What has neither a station nor an owner only crossed the bound of a zone: nobody's work order can have it.
    """
    if not isinstance(event, _ASKING) or (event.station is None and event.work_order is None):
        return False
    if isinstance(event, DataQuestioned):
        return event.result is not None and (event.most is not None or bool(event.options))
    return is_ambiguous(event) or not is_named(event)


def target_of(event: Event) -> str | None:
    """The id of the event that this one answers; None where it answers none."""
    return event.target if isinstance(event, _ANSWERING) else None


def fold_question(state: QuestionFold, events: Iterable[Event]) -> QuestionFold:
    """The state after these events, in whatever order they come."""
    for event in events:
        match event:
            case PiecesCounted() | DataQuestioned():
                state = replace(state, target=_target(event))
            case CountsAssigned() | EventCorrected():
                state = replace(state, answer=_later(state.answer, _answer(event)))
            case _:
                pass
    return state


def question_facts(question: str, state: QuestionFold, attribution: Attribution = NOBODYS) -> Question | None:
    """What people are asked, None where the event asks nothing or has not come yet.

    Args:
        question: the id of the event that asks.
        state: the fold.
        attribution: to whom the station's dispatch gave the pieces, for a count without a name on it.
    """
    target = state.target
    kind = None if target is None else _kind(target, attribution)
    if target is None or kind is None:
        return None
    owner = owner_of(target, attribution)
    answer = state.answer
    # Where only the owner of a count is in doubt, its number is not, whatever may have been made besides.
    is_certain = kind is QuestionKind.AMBIGUOUS and not target.ambiguous
    return Question(
        question=question,
        kind=kind,
        at=target.seen.at,
        station=target.station,
        point=target.point,
        result=target.result,
        counted=target.counted or 0,
        least=target.counted or 0 if is_certain else target.least,
        most=target.counted or 0 if is_certain else target.most,
        options=tuple(one for text in target.options if (one := CountOption.parse(text)) is not None),
        since=target.since,
        work_order=owner[0] if owner else None,
        node=owner[1] if owner else None,
        note=target.note,
        answer=_answer_facts(answer, owner) if answer else None,
        is_open=answer is None or not _settles(answer, owner),
    )


def owner_of(target: Target, attribution: Attribution) -> Owner | None:
    """Whose pieces they are before any answer: the gateway's word, else that of dispatch; nobody's where none says."""
    return target.owner or attribution.owner


def _settles(answer: Answer, owner: Owner | None) -> bool:
    """Whether nothing is left to ask: pieces need an owner, and no pieces need none."""
    return answer.owner is not None or owner is not None or answer.pieces == 0


def _kind(target: Target, attribution: Attribution) -> QuestionKind | None:
    if target.station is None and target.owner is None:
        return None
    if target.counted is None:
        return QuestionKind.QUESTIONED
    if target.ambiguous or attribution.doubtful:
        return QuestionKind.AMBIGUOUS
    has_pieces = target.counted > 0 and owner_of(target, attribution) is None
    return QuestionKind.UNASSIGNED if has_pieces else None


def _answer_facts(answer: Answer, owner: Owner | None) -> QuestionAnswer:
    given = answer.owner or owner
    return QuestionAnswer(
        event=answer.seen.id,
        at=answer.seen.at,
        by=answer.by,
        pieces=answer.pieces,
        work_order=given[0] if given else None,
        node=given[1] if given else None,
        note=answer.note,
    )


def _target(event: PiecesCounted | DataQuestioned) -> Target:
    counted = event.delta if isinstance(event, PiecesCounted) else None
    possible = [option.pieces for text in event.options if (option := CountOption.parse(text)) is not None]
    possible += [] if counted is None else [counted]
    named = event.work_order is not None and event.node is not None
    return Target(
        seen=Seen.of(event),
        counted=counted,
        station=event.station,
        owner=(event.work_order, event.node) if named else None,  # type: ignore[arg-type]  # `named` says that both are there
        point=event.point,
        result=event.result or Result.GOOD,
        since=event.since,
        least=min(possible, default=0) if event.least is None else event.least,
        most=max(possible, default=0) if event.most is None else event.most,
        options=event.options,
        note=event.note if isinstance(event, DataQuestioned) else None,
        ambiguous=isinstance(event, PiecesCounted) and is_ambiguous(event),
    )


def _answer(event: CountsAssigned | EventCorrected) -> Answer:
    answer = Answer(seen=Seen.of(event), pieces=max(0, event.pieces), by=event.source.ref, note=event.note)
    if isinstance(event, EventCorrected):
        return answer
    return replace(answer, owner=(event.work_order or "", event.node or ""), result=event.result)


def _later(first: Answer | None, second: Answer) -> Answer:
    """The one with the greater (at, id)."""
    return second if first is None else max(first, second, key=lambda answer: tuple(answer.seen))


def question_to_json(state: QuestionFold) -> dict[str, Any]:
    """Canonical form: equal states give equal JSON."""
    target, answer = state.target, state.answer
    return {
        "target": _target_to_json(target) if target else None,
        "answer": _answer_to_json(answer) if answer else None,
    }


def question_from_json(obj: Mapping[str, Any]) -> QuestionFold:
    """Read the canonical form."""
    return QuestionFold(
        target=_target_from_json(obj["target"]) if obj["target"] else None,
        answer=_answer_from_json(obj["answer"]) if obj["answer"] else None,
    )


def _target_to_json(target: Target) -> dict[str, Any]:
    return {
        "seen": target.seen.to_json(),
        "counted": target.counted,
        "station": target.station,
        "owner": list(target.owner) if target.owner else None,
        "point": target.point,
        "result": str(target.result),
        "since": format_time(target.since) if target.since else None,
        "least": target.least,
        "most": target.most,
        "options": list(target.options),
        "note": target.note,
        "ambiguous": target.ambiguous,
    }


def _target_from_json(obj: Mapping[str, Any]) -> Target:
    return Target(
        seen=Seen.from_json(obj["seen"]),
        counted=obj["counted"],
        station=obj["station"],
        owner=_owner_from_json(obj["owner"]),
        point=obj["point"],
        result=Result(obj["result"]),
        since=parse_time(obj["since"]) if obj["since"] else None,
        least=obj["least"],
        most=obj["most"],
        options=tuple(obj["options"]),
        note=obj["note"],
        ambiguous=obj["ambiguous"],
    )


def _answer_to_json(answer: Answer) -> dict[str, Any]:
    return {
        "seen": answer.seen.to_json(),
        "pieces": answer.pieces,
        "by": answer.by,
        "owner": list(answer.owner) if answer.owner else None,
        "result": str(answer.result) if answer.result else None,
        "note": answer.note,
    }


def _answer_from_json(obj: Mapping[str, Any]) -> Answer:
    return Answer(
        seen=Seen.from_json(obj["seen"]),
        pieces=obj["pieces"],
        by=obj["by"],
        owner=_owner_from_json(obj["owner"]),
        result=Result(obj["result"]) if obj["result"] else None,
        note=obj["note"],
    )


def _owner_from_json(row: list[str] | None) -> Owner | None:
    return (row[0], row[1]) if row else None
