"""One order: when it will be ready and why, its plan against what happened, and what that rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from genba_cloud.api.order_reads import OrderPast
from genba_cloud.core.assess import AssessedOrder, NodeAssessment
from genba_cloud.core.facts.plan import WorkOrderPlan
from genba_cloud.core.facts.response import AlertFacts, ProblemFacts, TaskFacts
from genba_cloud.core.viewer import Viewer
from genba_cloud.store.read import LoggedEvent
from genba_cloud.web.gantt import NodeBars, Scale, bars_of, ends_of, scale_of
from genba_cloud.web.navigation import navigation_of
from genba_cloud.web.order_words import age_of, cause_words, kind_word, reason_of, said, source_word
from genba_cloud.web.orders import order_link
from genba_cloud.web.render import board_words, page
from genba_cloud.web.rows import NodeCell, Shown, When, cell_of


class OrderSource(Protocol):
    """What the page reads, already cut down to what its viewer may see."""

    def order(self, number: str) -> AssessedOrder | None:
        """The order by its number."""

    def past(self, order: AssessedOrder, *, before: int | None) -> OrderPast | None:
        """What happened to it; None where the viewer may not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A label of the scale: the time, and where a day begins, its date."""

    x: str
    clock: str
    day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """A node with its bars, its times and what they rest on; dashes where nothing is known."""

    cell: NodeCell
    bars: NodeBars
    planned: str
    actual: str
    expected: str
    amounts: tuple[str, ...]
    held: str
    evidence: tuple[str, ...]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkCard:
    """One work order with its chart."""

    work_order: str
    about: str
    rows: tuple[NodeRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Something that was told: when, what, by whom, and more about it."""

    at: When
    what: str
    who: str
    more: tuple[str, ...]


def create_order_page(
    *,
    guard: Callable[..., Any],
    source_of: Callable[[Viewer], OrderSource],
    shown_to: Callable[[Request], Shown],
) -> APIRouter:
    """The page; `guard` decides who may open it."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    allowed = Depends(guard)

    @router.get("/orders/{order:path}")
    def order_page(
        request: Request,
        order: str,
        viewer: Viewer = allowed,
        before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    ) -> HTMLResponse:
        shown, source = shown_to(request), source_of(viewer)
        found = source.order(order)
        navigation = navigation_of(viewer, shown, here="order", asked={} if before is None else {"before": str(before)})
        if found is None:
            return page("order_unknown.html", shown, status=404, order=order, **navigation)
        past = source.past(found, before=before)
        values = {**_head(found, shown), **_chart(found, past, shown), **_past(past, shown), **navigation}
        return page(
            "order.html",
            shown,
            link=order_link(order, shown),
            is_later=before is not None,
            **values,
            **board_words(shown),
        )

    return router


def _head(order: AssessedOrder, shown: Shown) -> dict[str, Any]:
    plan, assessment = order.plan, order.assessment
    expected = shown.when(assessment.expected_finish)
    key = "order.lead.finished" if assessment.finished else "order.lead.expected"
    key = "order.lead.cancelled" if assessment.cancelled else key
    return {
        "order": plan.order,
        "customer": plan.customer,
        "lead": shown.say(key, time=expected.text),
        "finished": assessment.finished,
        "promised": shown.when(plan.promised),
        "on_hold": assessment.on_hold,
        "late_for_promise": not assessment.cancelled and assessment.expected_finish > plan.promised,
        "baseline": _span(shown, *order.baseline),
        "expected": expected,
        "level": str(assessment.level),
        "level_word": shown.say(f"level.{assessment.level}"),
        "percent": f"{assessment.deviation.percent} %",
        "quantity": shown.say("order.pieces", count=sum(work.quantity for work in plan.work_orders)),
        "data": shown.when(order.data_at) if order.data_at else None,
        "age": age_of(shown.now, order.data_at, shown) if order.data_at else "",
    }


def _chart(order: AssessedOrder, past: OrderPast | None, shown: Shown) -> dict[str, Any]:
    nodes = order.assessment.nodes
    every = [node for group in nodes.values() for node in group]
    scale = scale_of(every, (*order.baseline, order.plan.promised, shown.now))
    ends = ends_of(nodes)
    evidence = {} if past is None else past.evidence
    cards = [
        _card(work, nodes[work.work_order], shown=shown, scale=scale, ends=ends, evidence=evidence)
        for work in order.plan.work_orders
    ]
    return {
        "cards": cards,
        "marks": _marks(scale, shown),
        "now_x": scale.x(shown.now),
        "promise_x": scale.x(order.plan.promised),
        "knows_evidence": past is not None,
    }


def _marks(scale: Scale, shown: Shown) -> list[Mark]:
    whens = [(tick, shown.when(tick.at)) for tick in scale.ticks(shown.zone)]
    return [
        Mark(x=tick.x, clock=when.clock, day=_date(when) if tick.is_day or number == 0 else "")
        for number, (tick, when) in enumerate(whens)
    ]


def _date(when: When) -> str:
    return when.text.removesuffix(when.clock).rstrip()


def _card(
    work: WorkOrderPlan,
    nodes: Sequence[NodeAssessment],
    *,
    shown: Shown,
    scale: Scale,
    ends: Mapping[tuple[str, str], datetime],
    evidence: Mapping[str, LoggedEvent],
) -> WorkCard:
    rows = []
    for node in nodes:
        bars = bars_of(node, shown.now, scale, ends, work.work_order)
        rows.append(_node_row(node, bars, evidence, shown))
    about = " · ".join((work.item, shown.say("order.pieces", count=work.quantity), work.site))
    return WorkCard(work_order=work.work_order, about=about, rows=tuple(rows))


def _node_row(node: NodeAssessment, bars: NodeBars, evidence: Mapping[str, LoggedEvent], shown: Shown) -> NodeRow:
    plan, facts, cell = node.plan, node.facts, cell_of(node, shown)
    over = facts.completed_at or facts.claimed_at
    planned = _span(shown, plan.planned_start if plan else None, plan.planned_finish if plan else None)
    actual = _span(shown, facts.started_at, over)
    expected = shown.when(node.expected_finish).text if node.expected_finish and facts.completed_at is None else "–"
    amounts = [f"{facts.good}/{facts.quantity}" if facts.quantity is not None else str(facts.good)]
    amounts += [
        shown.say(f"order.{name}", count=count)
        for name, count in (("scrap", facts.scrap), ("rework", facts.rework), ("short", facts.short))
        if count
    ]
    words = (
        cell.title,
        f"{shown.say('order.planned')} {planned}",
        f"{shown.say('order.actual')} {actual}",
        f"{shown.say('order.expected')} {expected}",
    )
    return NodeRow(
        cell=cell,
        bars=bars,
        planned=planned,
        actual=actual,
        expected=expected,
        amounts=tuple(amounts),
        held=shown.say("order.held") if facts.on_hold else "",
        evidence=tuple(_evidence(evidence[one], shown) for one in facts.evidence if one in evidence),
        summary="; ".join(words),
    )


def _span(shown: Shown, begin: datetime | None, end: datetime | None) -> str:
    """From when to when; a dash stands for what is not known."""
    if begin is None and end is None:
        return "–"
    if (
        begin is not None
        and end is not None
        and begin.astimezone(shown.zone).date() == end.astimezone(shown.zone).date()
    ):
        return f"{shown.when(begin).text} – {shown.when(end).clock}"
    return " – ".join(shown.when(at).text if at else "…" for at in (begin, end))


def _evidence(logged: LoggedEvent, shown: Shown) -> str:
    event = logged.event
    return f"{kind_word(event.kind, shown)} · {source_word(event.source, shown)} · {shown.when(event.at).text}"


def _past(past: OrderPast | None, shown: Shown) -> dict[str, Any]:
    if past is None:
        return {"knows_past": False, "problems": [], "delays": [], "history": [], "older": None}
    return {
        "knows_past": True,
        "problems": [_problem(problem, shown) for problem in past.problems],
        "delays": [*(_alert(alert, shown) for alert in past.alerts), *(_task(task, shown) for task in past.tasks)],
        "history": [_told(logged, shown) for logged in past.history],
        "older": past.older,
    }


def _problem(problem: ProblemFacts, shown: Shown) -> Told:
    state = (
        shown.say("order.problem.closed", time=shown.when(problem.resolved_at).text)
        if problem.resolved_at
        else shown.say("order.problem.open")
    )
    where = " · ".join(part for part in (problem.work_order, problem.node, problem.station) if part)
    more = [state, cause_words(problem.cause, shown), where, said(problem.note, shown)]
    return Told(at=shown.when(problem.at), what=problem.category, who=said(problem.by, shown), more=_given(more))


def _alert(alert: AlertFacts, shown: Shown) -> Told:
    state = (
        shown.say("order.alert.closed", time=shown.when(alert.closed_at).text)
        if alert.closed_at
        else shown.say("order.alert.open")
    )
    level = shown.say(f"level.{alert.level}") if alert.level in {"none", "yellow", "orange", "red"} else ""
    what = shown.say("kind.episode_opened") if alert.rule == "lateness" else alert.rule.replace("_", " ")
    more = [state, level, cause_words(alert.cause, shown) if alert.cause else "", said(alert.note, shown)]
    return Told(at=shown.when(alert.opened_at), what=what, who=", ".join(alert.recipients), more=_given(more))


def _task(task: TaskFacts, shown: Shown) -> Told:
    due = task.plan_due or task.due
    more = [
        shown.say("order.problem.open")
        if task.closed_at is None
        else shown.say("order.problem.closed", time=shown.when(task.closed_at).text),
        cause_words(task.cause, shown),
        shown.say("order.plan_text", plan=said(task.plan, shown)) if task.plan else "",
        shown.say("order.owner", owner=said(task.owner, shown)) if task.owner else "",
        shown.say("order.due", time=shown.when(due).text) if due else "",
        said(task.effect, shown),
    ]
    return Told(at=shown.when(task.opened_at), what=shown.say("order.task"), who=task.recipient, more=_given(more))


def _told(logged: LoggedEvent, shown: Shown) -> Told:
    event = logged.event
    where = " · ".join(part for part in (event.work_order, event.node, event.station) if part)
    more = [where, reason_of(event, shown), said(getattr(event, "note", None), shown)]
    return Told(
        at=shown.when(event.at),
        what=kind_word(event.kind, shown),
        who=source_word(event.source, shown),
        more=_given(more),
    )


def _given(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word)
