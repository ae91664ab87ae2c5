"""JSON of reports and figures. Nothing is decided here."""

from __future__ import annotations

from datetime import datetime

from genba_cloud.api.report_reads import FigureSet
from genba_cloud.api.shapes import DeviationShape
from genba_cloud.api.shapes_reports import (
    AnswerShape,
    DelayedOrderShape,
    DistributionShape,
    EffectShape,
    FigureShape,
    FiguresShape,
    LateNodeShape,
    MorningOrderShape,
    MorningShape,
    ProblemShape,
    TaskShape,
    WeeklyShape,
)
from genba_cloud.core.deviation import Deviation
from genba_cloud.core.facts.response import ProblemFacts, TaskFacts
from genba_cloud.core.kpis import Figure
from genba_cloud.core.order_list import Distribution
from genba_cloud.core.reports import Answer, DelayedOrder, Effect, LateNode, MorningOrder, MorningReport, WeeklyReport
from genba_shared.clock import format_time


def figures_view(found: FigureSet) -> FiguresShape:
    """Key figures."""
    return {
        "since": format_time(found.period.begin),
        "until": format_time(found.period.end),
        "at": format_time(found.at),
        "kpis": [_figure(figure) for figure in found.figures],
    }


def morning_view(report: MorningReport) -> MorningShape:
    """The morning meeting."""
    return {
        "since": format_time(report.since),
        "at": format_time(report.at),
        "distribution": _distribution(report.distribution),
        "opened": list(report.opened),
        "finished": [
            {
                "order": line.order,
                "finished": format_time(line.expected),
                "promised": format_time(line.promised),
                "level": str(line.level),
            }
            for line in report.finished
        ],
        "nodes_completed": report.nodes_completed,
        "orders": [_morning_order(order) for order in report.orders],
        "left_out": report.left_out,
        "problems": [_problem(problem) for problem in report.problems],
        "tasks": [_task(task) for task in report.tasks],
    }


def weekly_view(report: WeeklyReport) -> WeeklyShape:
    """The weekly review."""
    return {
        "since": format_time(report.period.begin),
        "until": format_time(report.period.end),
        "delayed": [_delayed(order) for order in report.delayed],
        "causes": [
            {"cause": one.cause or None, "orders": one.orders, "late_s": one.late_s, "cumulative": one.cumulative}
            for one in report.causes
        ],
        "days": [
            {"day": f"{one.day:%Y-%m-%d}", "planned": one.planned, "kept": one.kept, "completed": one.completed}
            for one in report.days
        ],
        "kpis": [_figure(figure) for figure in report.figures],
        "effects": [_effect(effect) for effect in report.effects],
    }


def _figure(figure: Figure) -> FigureShape:
    return {
        "kpi": str(figure.kpi),
        "value": figure.value,
        "unit": str(figure.unit),
        "counted": figure.counted,
        "elements": dict(figure.elements),
        "parts": [{"name": part.name, "value": part.value, "counted": part.counted} for part in figure.parts],
    }


def _distribution(distribution: Distribution) -> DistributionShape:
    return {
        "open": distribution.total,
        "levels": [{"word": str(level), "orders": count} for level, count in distribution.by_level.items()],
        "statuses": [{"word": str(status), "orders": count} for status, count in distribution.by_status.items()],
        "nodes": [{"word": stage.node, "orders": count} for stage, count in distribution.by_stage],
    }


def _morning_order(order: MorningOrder) -> MorningOrderShape:
    line = order.line
    return {
        "order": line.order,
        "customer": line.customer,
        "level": str(line.level),
        "level_before": str(order.level_before) if order.level_before is not None else None,
        "deviation": _deviation(line.deviation),
        "status": str(line.status),
        "stands_at": line.stage.node,
        "promised": format_time(line.promised),
        "expected": format_time(line.expected),
        "on_hold": line.on_hold,
        "changes": [{"kind": one.kind, "count": one.count, "at": format_time(one.at)} for one in order.changes],
        "late_node": _late_node(order.node),
        "answer": _answer(order.answer),
    }


def _delayed(order: DelayedOrder) -> DelayedOrderShape:
    return {
        "order": order.order,
        "customer": order.customer,
        "worst_level": str(order.worst),
        "level": str(order.level),
        "deviation": _deviation(order.deviation),
        "finished": order.finished,
        "late_node": _late_node(order.node),
        "answer": _answer(order.answer),
    }


def _effect(effect: Effect) -> EffectShape:
    return {
        "task": effect.task,
        "order": effect.order,
        "cause": effect.cause,
        "action": effect.action,
        "owner": effect.owner,
        "planned_at": format_time(effect.planned_at),
        "open": effect.is_open,
        "before": _deviation(effect.before) if effect.before is not None else None,
        "after": _deviation(effect.after),
        "finished": effect.finished,
        "said": effect.said,
    }


def _late_node(node: LateNode | None) -> LateNodeShape | None:
    if node is None:
        return None
    return {"work_order": node.work_order, "node": node.node, "label": dict(node.label), "late_s": node.late_s}


def _answer(answer: Answer) -> AnswerShape:
    return {
        "cause": answer.cause,
        "action": answer.action,
        "owner": answer.owner,
        "recipient": answer.recipient,
        "due": _time(answer.due),
        "task": answer.task,
    }


def _problem(problem: ProblemFacts) -> ProblemShape:
    return {
        "problem": problem.problem,
        "category": problem.category,
        "cause": problem.cause,
        "at": format_time(problem.at),
        "by": problem.by,
        "order": problem.order,
        "work_order": problem.work_order,
        "node": problem.node,
        "station": problem.station,
        "note": problem.note,
    }


def _task(task: TaskFacts) -> TaskShape:
    return {
        "task": task.task,
        "order": task.order,
        "level": task.level,
        "recipient": task.recipient,
        "owner": task.owner,
        "cause": task.cause,
        "action": task.plan,
        "due": _time(task.plan_due or task.due),
        "opened": format_time(task.opened_at),
    }


def _deviation(deviation: Deviation) -> DeviationShape:
    return {"late_s": deviation.late_s, "lead_s": deviation.lead_s, "percent": deviation.percent}


def _time(at: datetime | None) -> str | None:
    return format_time(at) if at else None
