"""Answers about work on the floor: their shapes, and how they are made of what the core knows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from genba_cloud.api.floor_reads import NodeSeen, ScanSeen, VisibleFloor
from genba_cloud.core.actions import Missing, Preview
from genba_cloud.core.scan_codes import shown_code
from genba_cloud.ledger.actions import ActionDone
from genba_cloud.store.floor import ScanCode
from genba_shared.clock import format_time
from genba_shared.events import event_to_json


class RefusalShape(TypedDict):
    """Why not, as a word and as a sentence, and what would be accepted."""

    why: str
    detail: str
    accepted: str


class PreviewShape(TypedDict):
    """What an action would do. `allowed`: whether this viewer may do it; `needs`: what must be said beside it.

    One of: `becomes` (the state that it leads to), `already` (it is so since then), `refused`.
    """

    action: str
    allowed: bool
    needs: list[str]
    becomes: str | None
    already: str | None
    refused: RefusalShape | None


class MissingShape(TypedDict):
    """What is missing: of `subject` there are `done` of `needed`."""

    lack: str
    subject: str
    done: int
    needed: int


class StandingShape(TypedDict):
    """Where a node stands for whoever works on it. `state` is its lifecycle, `status` the displayed word."""

    work_order: str
    node: str
    label: dict[str, str]
    item: str
    state: str
    status: str | None
    on_hold: bool
    good: int
    quantity: int
    planned_start: str
    planned_finish: str
    expected_finish: str | None
    started_at: str | None
    done_at: str | None
    steps_done: list[str]
    steps: list[str]
    missing_before: list[MissingShape]
    missing_at_end: list[MissingShape]
    instructions: list[str]
    usual: str | None
    actions: list[PreviewShape]


class ScanShape(TypedDict):
    """What a label stands for. `usual` is what a scan would do now; `just_done`: this was scanned a moment ago."""

    code_id: str
    order: str
    work_order: str | None
    node: str | None
    customer: str
    promised: str
    level: str
    on_hold: bool
    cancelled: bool
    just_done: str | None
    nodes: list[StandingShape]


class ActionShape(TypedDict):
    """What was done. `outcome`: done, already (it was so since `at`) or repeated (the same request again).

    `undo` takes it back: send it to `/undo`. `node` is the node as it stands now, where it is about one.
    """

    outcome: str
    at: str
    events: list[dict[str, Any]]
    undo: str | None
    node: StandingShape | None


class CodeShape(TypedDict):
    """A label. `shown` is how a person reads it, `path` what its QR code opens."""

    id: str
    code: str
    shown: str
    path: str
    order: str
    work_order: str | None
    node: str | None
    made_at: str
    revoked_at: str | None


class CodesShape(TypedDict):
    """Labels of an order."""

    order: str
    items: list[CodeShape]


class ProblemWordsShape(TypedDict):
    """Kinds of problems, each with the codes of its causes."""

    categories: dict[str, list[str]]


class UserShape(TypedDict):
    """An account, without its password."""

    name: str
    role: str


class UsersShape(TypedDict):
    """All accounts."""

    items: list[UserShape]


def scan_view(seen: ScanSeen, floor: VisibleFloor) -> ScanShape:
    """What a label stands for."""
    first = seen.nodes[0].place.order_said
    return {
        "code_id": seen.code.id,
        "order": seen.code.order,
        "work_order": seen.code.work_order,
        "node": seen.code.node,
        "customer": seen.order.plan.customer,
        "promised": format_time(seen.order.plan.promised),
        "level": str(seen.order.assessment.level),
        "on_hold": first.held_since is not None,
        "cancelled": first.cancelled_at is not None,
        "just_done": _time(seen.just_done),
        "nodes": [standing_view(node, floor) for node in seen.nodes],
    }


def standing_view(seen: NodeSeen, floor: VisibleFloor) -> StandingShape:
    """Where a node stands."""
    place, plan = seen.place, seen.place.plan
    return {
        "work_order": place.work.work_order,
        "node": plan.node,
        "label": dict(plan.label),
        "item": place.work.item,
        "state": str(place.state),
        "status": str(seen.assessment.status) if seen.assessment else None,
        "on_hold": place.held_since is not None,
        "good": place.good,
        "quantity": plan.quantity,
        "planned_start": format_time(plan.planned_start),
        "planned_finish": format_time(plan.planned_finish),
        "expected_finish": _time(seen.assessment.expected_finish if seen.assessment else None),
        "started_at": _time(place.started_at),
        "done_at": _time(place.done_at),
        "steps_done": sorted(place.said.steps),
        "steps": [step.step for step in plan.steps],
        "missing_before": [_missing(one) for one in place.lacking],
        "missing_at_end": [_missing(one) for one in place.missing_at_end()] if place.done_at else [],
        "instructions": list(plan.instructions),
        "usual": str(seen.usual) if seen.usual else None,
        "actions": [_preview(one, floor) for one in seen.previews],
    }


def action_view(done: ActionDone, node: StandingShape | None = None) -> ActionShape:
    """What was done."""
    return {
        "outcome": str(done.outcome),
        "at": format_time(done.at),
        "events": [event_to_json(event) for event in done.events],
        "undo": done.undo,
        "node": node,
    }


def code_view(code: ScanCode) -> CodeShape:
    """A label."""
    return {
        "id": code.id,
        "code": code.code,
        "shown": shown_code(code.code),
        "path": f"/q/{code.code}",
        "order": code.order,
        "work_order": code.work_order,
        "node": code.node,
        "made_at": format_time(code.made_at),
        "revoked_at": _time(code.revoked_at),
    }


def _preview(one: Preview, floor: VisibleFloor) -> PreviewShape:
    refused: RefusalShape | None = None
    if one.refused is not None:
        refused = {"why": str(one.refused.why), "detail": one.refused.reason, "accepted": one.refused.accepted}
    return {
        "action": str(one.action),
        "allowed": floor.may_do(one.action),
        "needs": list(one.needs),
        "becomes": str(one.becomes) if one.becomes else None,
        "already": _time(one.already),
        "refused": refused,
    }


def _missing(one: Missing) -> MissingShape:
    return {"lack": str(one.lack), "subject": one.subject, "done": one.done, "needed": one.needed}


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
