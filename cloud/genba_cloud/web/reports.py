"""The pages of the morning meeting and of the weekly review, made to be looked at together and to be printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from genba_cloud.api.reports import instant_of
from genba_cloud.core.deviation import Level
from genba_cloud.core.facts.response import ProblemFacts, TaskFacts
from genba_cloud.core.kpis import Period
from genba_cloud.core.order_list import Stage
from genba_cloud.core.reports import (
    Answer,
    CauseShare,
    DelayedOrder,
    Effect,
    LateNode,
    MorningOrder,
    MorningReport,
    WeeklyReport,
)
from genba_cloud.core.viewer import Viewer
from genba_cloud.web.figures import card_of, time_of
from genba_cloud.web.navigation import navigation_of
from genba_cloud.web.order_words import cause_words, kind_word, said
from genba_cloud.web.orders import ListRow, order_link, row_of, stage_word
from genba_cloud.web.render import board_words, page
from genba_cloud.web.rows import Shown
from genba_shared.clock import format_time

_WEEK: Final = timedelta(days=7)
_Time = Annotated[str | None, Query(max_length=40)]


class ReportSource(Protocol):
    """What the pages read, already cut down to what their viewer may see."""

    def now(self) -> datetime:
        """Plant time."""

    def period(self, begin: datetime | None, end: datetime | None) -> Period:
        """The period that is asked for."""

    def morning(self, since: datetime | None) -> MorningReport:
        """The morning meeting."""

    def weekly(self, period: Period) -> WeeklyReport:
        """The weekly review."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Cause, action, owner and due time in words; what is missing says so."""

    cause: str
    action: str
    owner: str
    due: str
    is_missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MorningRow:
    """One order of the meeting."""

    row: ListRow
    before: str
    changes: tuple[str, ...]
    node: str
    reply: Reply | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayedRow:
    """One delayed order of the review."""

    order: str
    link: str
    customer: str
    level: str
    level_word: str
    percent: str
    finished: bool
    node: str
    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseRow:
    """One bar of the Pareto chart: `width` is its share of the longest, in percent."""

    cause: str
    orders: int
    late: str
    cumulative: str
    width: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    """What one action changed."""

    order: str
    link: str
    cause: str
    action: str
    owner: str
    planned: str
    before: str
    after: str
    verdict: str
    is_better: bool


def create_report_pages(
    *,
    guard: Callable[..., Any],
    source_of: Callable[[Viewer], ReportSource],
    shown_to: Callable[[Request], Shown],
) -> APIRouter:
    """Both pages; `guard` decides who may open them."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    allowed = Depends(guard)

    @router.get("/reports/morning")
    def morning(request: Request, viewer: Viewer = allowed, since: _Time = None) -> HTMLResponse:
        shown, source = shown_to(request), source_of(viewer)
        report = source.morning(instant_of("since", since or None))
        asked = {"since": since} if since else {}
        return page(
            "morning.html",
            shown,
            **_morning(report, shown),
            **navigation_of(viewer, shown, here="morning", asked=asked),
            **board_words(shown),
        )

    @router.get("/reports/weekly")
    def weekly(request: Request, viewer: Viewer = allowed, to: _Time = None) -> HTMLResponse:
        shown, source = shown_to(request), source_of(viewer)
        period = source.period(None, instant_of("to", to or None))
        later = period.end + _WEEK if period.end + _WEEK <= source.now() else None
        return page(
            "weekly.html",
            shown,
            **_weekly(source.weekly(period), shown),
            earlier=_week_link(period.begin, shown),
            later=_week_link(later, shown) if later else (f"/reports/weekly?lang={shown.language}" if to else ""),
            **navigation_of(viewer, shown, here="weekly", asked={"to": to} if to else {}),
            **board_words(shown),
        )

    return router


def _morning(report: MorningReport, shown: Shown) -> dict[str, Any]:
    counts = report.distribution.by_level
    return {
        "since": shown.say("morning.since", time=shown.when(report.since).text),
        "counts": [(str(level), shown.say(f"level.{level}"), count) for level, count in reversed(list(counts.items()))],
        "open": report.distribution.total,
        "news": [
            shown.say("morning.opened", count=len(report.opened)),
            shown.say("morning.finished_count", count=len(report.finished)),
            shown.say("morning.nodes", count=report.nodes_completed),
        ],
        "rows": [_morning_row(order, shown) for order in report.orders],
        "left_out": shown.say("morning.left_out", count=report.left_out) if report.left_out else "",
        "problems": [_problem(problem, shown) for problem in report.problems],
        "tasks": [_task(task, shown) for task in report.tasks],
        "finished": [row_of(line, shown) for line in report.finished],
    }


def _morning_row(order: MorningOrder, shown: Shown) -> MorningRow:
    line, before = order.line, order.level_before
    needs_reply = line.level is not Level.NONE or order.answer.task is not None
    is_moved = before is not None and before is not line.level
    return MorningRow(
        row=row_of(line, shown),
        before=shown.say("morning.level_before", level=shown.say(f"level.{before}")) if is_moved else "",
        changes=tuple(
            f"{kind_word(change.kind, shown)}{f' ×{change.count}' if change.count > 1 else ''}"
            for change in order.changes
        ),
        node=_node(order.node, shown),
        reply=_reply(order.answer, shown) if needs_reply else None,
    )


def _weekly(report: WeeklyReport, shown: Shown) -> dict[str, Any]:
    longest = max((one.late_s for one in report.causes), default=0)
    return {
        "span": shown.say(
            "report.print", since=shown.when(report.period.begin).text, until=shown.when(report.period.end).text
        ),
        "delayed": [_delayed(order, shown) for order in report.delayed],
        "causes": [_cause(one, longest, shown) for one in report.causes],
        "days": report.days,
        "cards": [card_of(figure, shown) for figure in report.figures],
        "effects": [_effect(effect, shown) for effect in report.effects],
    }


def _delayed(order: DelayedOrder, shown: Shown) -> DelayedRow:
    return DelayedRow(
        order=order.order,
        link=order_link(order.order, shown),
        customer=order.customer,
        level=str(order.worst),
        level_word=shown.say(f"level.{order.worst}"),
        percent=f"{order.deviation.percent} %",
        finished=order.finished,
        node=_node(order.node, shown),
        reply=_reply(order.answer, shown),
    )


def _cause(share: CauseShare, longest: int, shown: Shown) -> CauseRow:
    return CauseRow(
        cause=said(share.cause, shown) or shown.say("report.no_cause"),
        orders=share.orders,
        late=time_of(share.late_s, shown),
        cumulative=f"{100 * share.cumulative:.0f} %",
        width=f"{100 * share.late_s / longest:.1f}%" if longest else "0%",
    )


def _effect(effect: Effect, shown: Shown) -> EffectRow:
    gained = effect.gained_tenths
    after = f"{effect.after.percent} %"
    return EffectRow(
        order=effect.order,
        link=order_link(effect.order, shown),
        cause=said(effect.cause, shown),
        action=said(effect.action, shown),
        owner=said(effect.owner, shown),
        planned=shown.when(effect.planned_at).text,
        before=f"{effect.before.percent} %" if effect.before is not None else shown.say("report.no_data"),
        after=f"{after} ({shown.say('weekly.finished')})" if effect.finished else after,
        verdict=_verdict(gained, shown),
        is_better=gained is not None and gained > 0,
    )


def _verdict(gained: int | None, shown: Shown) -> str:
    if gained is None:
        return ""
    if gained == 0:
        return shown.say("weekly.same")
    points = f"{abs(gained) // 10}.{abs(gained) % 10}"
    return shown.say("weekly.better" if gained > 0 else "weekly.worse", points=points)


def _reply(answer: Answer, shown: Shown) -> Reply:
    return Reply(
        cause=said(answer.cause, shown) or shown.say("report.no_cause"),
        action=said(answer.action, shown) or shown.say("report.no_action"),
        owner=said(answer.owner, shown) or answer.recipient or shown.say("report.no_owner"),
        due=shown.when(answer.due).text if answer.due else "–",
        is_missing=answer.cause is None or answer.action is None,
    )


def _node(node: LateNode | None, shown: Shown) -> str:
    if node is None:
        return "–"
    word = stage_word(Stage(node=node.node, label=node.label), shown)
    return f"{word} · {shown.say('report.own_late', time=time_of(node.late_s, shown))}"


def _problem(problem: ProblemFacts, shown: Shown) -> Mapping[str, str]:
    where = " · ".join(part for part in (problem.order, problem.work_order, problem.node, problem.station) if part)
    return {
        "at": shown.when(problem.at).text,
        "what": problem.category,
        "where": where,
        "more": " · ".join(part for part in (cause_words(problem.cause, shown), said(problem.note, shown)) if part),
        "who": said(problem.by, shown),
    }


def _task(task: TaskFacts, shown: Shown) -> Mapping[str, str]:
    due = task.plan_due or task.due
    return {
        "at": shown.when(due).text if due else "–",
        "what": said(task.plan, shown) or shown.say("report.no_action"),
        "where": " · ".join(part for part in (task.order, task.work_order, task.node) if part),
        "more": cause_words(task.cause, shown),
        "who": said(task.owner, shown) or task.recipient,
    }


def _week_link(end: datetime, shown: Shown) -> str:
    return f"/reports/weekly?to={format_time(end)}&lang={shown.language}"
