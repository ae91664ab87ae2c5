"""What the scan page draws: plain values with all words worked out, so that templates decide nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from genba_cloud.api.floor_reads import NodeSeen, ScanSeen, VisibleFloor
from genba_cloud.core.actions import Missing, NodeAction, NodePlace, Preview, State, next_places
from genba_cloud.core.facts import NodePlan
from genba_cloud.core.status import Status
from genba_cloud.web.rows import Shown, When

REASONS: Final[Mapping[NodeAction, tuple[str, ...]]] = {
    NodeAction.HOLD: ("no_material", "machine_down", "no_drawing", "waiting_quality", "other"),
    NodeAction.REJECT: ("count_wrong", "not_finished", "quality_fault", "other"),
    NodeAction.SKIP: ("not_needed", "done_elsewhere", "other"),
    NodeAction.REOPEN: ("quality_fault", "wrong_scan", "count_wrong", "other"),
    NodeAction.REWORK: ("wrong_size", "surface_fault", "work_fault", "other"),
    NodeAction.COMPLETE: ("scrap", "material_short", "counted_more", "other"),
}
"""Reasons that the page offers; the API takes any code."""
UNDO_REASONS: Final = ("wrong_scan", "wrong_pieces", "other")
_WITH_PIECES: Final = frozenset({NodeAction.COMPLETE, NodeAction.REPORT, NodeAction.QUALITY, NodeAction.REWORK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One entry of a list: its code, and its word."""

    code: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One action that is offered. `pieces` is what its field says first, None where it has no such field."""

    action: str
    word: str
    pieces: int | None = None
    pieces_word: str = ""
    reasons: tuple[Choice, ...] = ()
    steps: tuple[Choice, ...] = ()
    results: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A node as whoever scanned it sees it. `main` are the actions for which there is a large button."""

    work_order: str
    node: str
    label: str
    item: str
    status: str
    status_word: str
    amount: str
    planned: When
    when: str
    on_hold: bool
    missing: tuple[str, ...]
    instructions: tuple[str, ...]
    quantity: int
    pieces: int | None
    main: tuple[Deed, ...]
    short_reasons: tuple[Choice, ...]
    more: tuple[Deed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A node in the list of an order's label."""

    work_order: str
    node: str
    label: str
    status: str
    status_word: str
    amount: str


def focus_of(seen: ScanSeen) -> NodeSeen | None:
    """The node that the page is about: the only one, or the next one of an order's label where that is clear."""
    if len(seen.nodes) == 1:
        return seen.nodes[0]
    following = next_places([one.place for one in seen.nodes])
    if len(following) != 1:
        return None
    return next(one for one in seen.nodes if one.place is following[0])


def card_of(seen: NodeSeen, floor: VisibleFloor, shown: Shown) -> Card:
    """The node in full."""
    place, plan = seen.place, seen.place.plan
    status, word = _status(seen, shown)
    offered = {one.action: one for one in seen.previews if one.becomes is not None and floor.may_do(one.action)}
    main = [one for one in _main(seen) if one in offered]
    return Card(
        work_order=place.work.work_order,
        node=plan.node,
        label=label_of(seen, shown),
        item=place.work.item,
        status=status,
        status_word=word,
        amount=shown.say("scan.of", done=_done(seen), total=plan.quantity),
        planned=shown.when(plan.planned_finish),
        when=_when(seen, shown),
        on_hold=place.held_since is not None,
        missing=tuple(_missing(one, place, shown) for one in _lacks(seen)),
        instructions=plan.instructions,
        quantity=plan.quantity,
        pieces=max(plan.quantity, place.good) if NodeAction.COMPLETE in main else None,
        main=tuple(_deed(offered[one], seen, shown) for one in main),
        short_reasons=_choices(REASONS[NodeAction.COMPLETE], "reason", shown),
        more=tuple(_deed(one, seen, shown) for action, one in offered.items() if action not in main),
    )


def entry_of(seen: NodeSeen, shown: Shown) -> Entry:
    """The node as one line."""
    status, word = _status(seen, shown)
    return Entry(
        work_order=seen.place.work.work_order,
        node=seen.place.plan.node,
        label=label_of(seen, shown),
        status=status,
        status_word=word,
        amount=f"{_done(seen)} / {seen.place.plan.quantity}",
    )


def label_of(seen: NodeSeen, shown: Shown) -> str:
    """The node's name in the reader's language, else in English, else its code."""
    return _label(seen.place.plan, shown)


def _label(plan: NodePlan, shown: Shown) -> str:
    return next((plan.label[tag] for tag in (shown.language, "en", *plan.label) if tag in plan.label), plan.node)


def _choices(codes: tuple[str, ...], group: str, shown: Shown) -> tuple[Choice, ...]:
    return tuple(Choice(code=code, word=shown.say(f"{group}.{code}")) for code in codes)


def _main(seen: NodeSeen) -> tuple[NodeAction, ...]:
    """Large buttons: what comes next; and at work, to complete and to report so far."""
    if seen.usual is NodeAction.COMPLETE:
        return NodeAction.COMPLETE, NodeAction.REPORT
    return () if seen.usual is None else (seen.usual,)


def _deed(one: Preview, seen: NodeSeen, shown: Shown) -> Deed:
    plan = seen.place.plan
    words = {NodeAction.QUALITY: "scan.inspected", NodeAction.REWORK: "scan.again"}
    left = tuple(step for step in plan.steps if step.step not in seen.place.said.steps)
    return Deed(
        action=str(one.action),
        word=shown.say(f"action.{one.action}"),
        pieces=(1 if one.action is NodeAction.REWORK else plan.quantity) if one.action in _WITH_PIECES else None,
        pieces_word=shown.say(words.get(one.action, "scan.pieces")),
        reasons=_choices(REASONS.get(one.action, ()), "reason", shown),
        steps=tuple(
            Choice(code=step.step, word=step.label.get(shown.language) or step.label.get("en") or step.step)
            for step in (left if one.action is NodeAction.STEP else ())
        ),
        results=_choices(("passed", "failed", "conditional"), "result", shown)
        if one.action is NodeAction.QUALITY
        else (),
    )


def _status(seen: NodeSeen, shown: Shown) -> tuple[str, str]:
    """Class and word: late is said of what is not complete; skipped is drawn as done."""
    state = seen.place.state
    is_open = state in {State.PENDING, State.IN_PROGRESS}
    if is_open and seen.assessment is not None and seen.assessment.status is Status.DELAYED:
        return str(Status.DELAYED), shown.say("status.delayed")
    return ("done" if state is State.SKIPPED else str(state)), shown.say(f"state.{state}")


def _done(seen: NodeSeen) -> int:
    return max(seen.place.made, seen.place.good)


def _lacks(seen: NodeSeen) -> tuple[Missing, ...]:
    place = seen.place
    if place.state in {State.PENDING, State.IN_PROGRESS}:
        return place.lacking
    return place.missing_at_end() if place.state is State.AWAITING_CONFIRMATION else ()


def _missing(one: Missing, place: NodePlace, shown: Shown) -> str:
    other = place.work.node(one.subject)
    subject = _label(other, shown) if other else one.subject
    return shown.say(f"lack.{one.lack}", subject=subject, done=one.done, needed=one.needed)


def _when(seen: NodeSeen, shown: Shown) -> str:
    place, assessment = seen.place, seen.assessment
    if place.state in {State.DONE, State.AWAITING_CONFIRMATION} and place.done_at is not None:
        return shown.say("scan.done_at", time=shown.when(place.done_at).text)
    if assessment is not None and assessment.expected_finish is not None:
        return shown.say("scan.expected", time=shown.when(assessment.expected_finish).text)
    return ""
