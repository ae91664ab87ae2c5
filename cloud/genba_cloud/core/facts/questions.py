"""A question: what a gateway could not decide, with the answer that counts; and whatever else people say of one event.

Its fold sees the event that asks and every answer that names it, in whatever order they come: the event is taken as it
is, and of several answers the one with the greatest (at, id) counts. An answer whose event has not come yet waits.

Any event can be taken back. What takes it back is kept here, too, under the id of that event, so that it may come
first; what follows from it elsewhere is said in `taken_back`. An answer that is taken back does not count, and a count
that is taken back has no pieces and asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
    EventVoided,
    PiecesCounted,
    Result,
)

_ASKING = (PiecesCounted, DataQuestioned)
_NAMING = (CountsAssigned, EventCorrected, EventVoided)


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
    """What a person says of the event `target`. `owner` None: a correction, the pieces stay with whom they are.

    `result` is that of the pieces, None for a correction.
    """

    seen: Seen
    target: str
    pieces: int
    by: str
    owner: Owner | None = None
    result: Result | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionFold:
    """`target` None: the event has not come yet, or (`is_met`) it is of a kind that has no pieces to ask for.

    `answers` are by their ids, `voids` pairs of what takes an event back and that event.
    """

    target: Target | None = None
    answers: Mapping[str, Answer] = field(default_factory=dict)
    voids: frozenset[tuple[str, str]] = frozenset()
    is_met: bool = False

    @property
    def answer(self) -> Answer | None:
        """The answer that counts: the latest of those about the event that was not taken back."""
        if not self.answers or self.target is None:
            return None
        name, voided = self.target.seen.id, self.voided
        about = (one for one in self.answers.values() if one.target == name and one.seen.id not in voided)
        return max(about, key=lambda answer: tuple(answer.seen), default=None)

    @property
    def voided(self) -> frozenset[str]:
        """The events that were taken back."""
        return frozenset(target for _, target in self.voids)

    @property
    def is_void(self) -> bool:
        """Whether the event that asks was taken back."""
        return bool(self.voids) and self.target is not None and self.target.seen.id in self.voided

    def has_met(self, name: str) -> bool:
        """Whether the event of that id, which the question is about, has come."""
        return self.is_met or self.target is not None or name in self.answers or name in {one for one, _ in self.voids}


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
    """The id of the event that this one answers or takes back; None where it says nothing of another."""
    return event.target if isinstance(event, _NAMING) else None


def fold_question(state: QuestionFold, events: Iterable[Event]) -> QuestionFold:
    """The state after these events, in whatever order they come."""
    for event in events:
        match event:
            case PiecesCounted() | DataQuestioned():
                state = replace(state, target=_target(event))
            case CountsAssigned() | EventCorrected():
                state = replace(state, answers={**state.answers, event.id: _answer(event)})
            case EventVoided():
                state = replace(state, voids=state.voids | {(event.id, event.target)})
            case _:
                state = replace(state, is_met=True)
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
        is_open=not state.is_void and (answer is None or not _settles(answer, owner)),
        is_void=state.is_void,
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
    pieces, by = max(0, event.pieces), event.source.ref
    answer = Answer(seen=Seen.of(event), target=event.target, pieces=pieces, by=by, note=event.note)
    if isinstance(event, EventCorrected):
        return answer
    return replace(answer, owner=(event.work_order or "", event.node or ""), result=event.result)


def question_to_json(state: QuestionFold) -> dict[str, Any]:
    """Canonical form: equal states give equal JSON."""
    target = state.target
    told: dict[str, Any] = {
        "target": _target_to_json(target) if target else None,
        "answers": [_answer_to_json(answer) for _, answer in sorted(state.answers.items())],
    }
    if state.voids:
        told["voids"] = [list(pair) for pair in sorted(state.voids)]
    return {**told, "met": True} if state.is_met else told


def question_from_json(obj: Mapping[str, Any]) -> QuestionFold:
    """Read the canonical form."""
    answers = (_answer_from_json(one) for one in obj["answers"])
    return QuestionFold(
        target=_target_from_json(obj["target"]) if obj["target"] else None,
        answers={answer.seen.id: answer for answer in answers},
        voids=frozenset((name, target) for name, target in obj.get("voids", ())),
        is_met=obj.get("met", False),
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
        "target": answer.target,
        "pieces": answer.pieces,
        "by": answer.by,
        "owner": list(answer.owner) if answer.owner else None,
        "result": str(answer.result) if answer.result else None,
        "note": answer.note,
    }


def _answer_from_json(obj: Mapping[str, Any]) -> Answer:
    return Answer(
        seen=Seen.from_json(obj["seen"]),
        target=obj["target"],
        pieces=obj["pieces"],
        by=obj["by"],
        owner=_owner_from_json(obj["owner"]),
        result=Result(obj["result"]) if obj["result"] else None,
        note=obj["note"],
    )


def _owner_from_json(row: list[str] | None) -> Owner | None:
    return (row[0], row[1]) if row else None
