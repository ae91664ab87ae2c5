"""What the collector made of the week, as text: statuses at chosen instants, decisions in their order, and what stands.

Ids are replaced by what they stand for, times are those of the shop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from genba_cloud.core.assess import AssessedOrder, NodeAssessment
from genba_cloud.core.facts.response import AlertFacts, ProblemFacts, TaskFacts
from genba_cloud.core.status import Status
from genba_shared.events import (
    AlertAcknowledged,
    AlertClosed,
    AlertEscalated,
    AlertOpened,
    EpisodeClosed,
    EpisodeEscalated,
    EpisodeOpened,
    Event,
    ForecastIssued,
    LateUpdateFlagged,
    NoticeSent,
    ProblemExplained,
    TaskClosed,
    TaskOpened,
    TaskPlanned,
)
from tests.golden.week.happenings import PROBLEMS
from tests.golden.week.play import Lived
from tests.golden.week.shop import clock

SHORT = {
    Status.DONE: "done",
    Status.AWAITING_CONFIRMATION: "awaiting",
    Status.DELAYED: "delayed",
    Status.IN_PROGRESS: "running",
    Status.PENDING: "pending",
}


def report(lived: Lived) -> str:
    """The whole report."""
    lines = ["# A week of a garment shop", ""]
    for when, orders in lived.snapshots:
        lines += [f"## Orders on {clock(when)}", "", *_snapshot(orders), ""]
    names = _names(lived.log)
    lines += ["## Decisions and answers", "", *_decisions(lived.log, names), ""]
    lines += ["## Nodes that somebody should know more about", "", *_marked(lived), ""]
    lines += ["## Alerts", "", *_alerts(lived, names), "", "## Tasks", "", *_tasks(lived, names), ""]
    lines += ["## Problems", "", *_problems(lived), ""]
    return "\n".join(lines)


def _snapshot(orders: tuple[AssessedOrder, ...]) -> Iterator[str]:
    """Orders that have come in and on which something is still to be said; the rest as two numbers."""
    told = [one for one in orders if not one.assessment.finished and _is_begun(one)]
    finished = sum(one.assessment.finished for one in orders)
    yield f"{finished} finished, {len(orders) - finished - len(told)} not begun and not late, and:"
    yield from (_order(one) for one in told)


def _is_begun(order: AssessedOrder) -> bool:
    statuses = {node.status for nodes in order.assessment.nodes.values() for node in nodes}
    return statuses != {Status.PENDING}


def _order(order: AssessedOrder) -> str:
    seen = order.assessment
    nodes = " ".join(_node(node) for nodes in seen.nodes.values() for node in nodes)
    hold = " HOLD" if seen.on_hold else ""
    return (
        f"{order.plan.order} {seen.level:6} {seen.deviation.percent:>5} % of {_hours(seen.deviation.lead_s)}"
        f" ends {clock(seen.expected_finish):12} {nodes}{hold}"
    )


def _node(node: NodeAssessment) -> str:
    late = f" late +{_hours(node.late_s)}" if node.late_s is not None else ""
    hold = " HOLD" if node.facts.on_hold else ""
    return f"| {node.facts.node} {SHORT[node.status]} {node.facts.good}/{node.facts.quantity}{late}{hold}"


def _hours(seconds: int) -> str:
    sign = "-" if seconds < 0 else ""
    minutes, rest = divmod(abs(seconds), 60)
    return f"{sign}{minutes // 60}:{minutes % 60:02d}" + (f":{rest:02d}" if rest else "")


def _names(log: tuple[Event, ...]) -> Mapping[str, str]:
    """What ids of alerts, tasks and problems stand for."""
    names = {event_id: f"problem {name!r}" for name, event_id in PROBLEMS.items()}
    for event in log:
        match event:
            case EpisodeOpened(order=order):
                names[event.id] = f"lateness of {order}"
            case AlertOpened(alert=alert, subject=subject):
                known = names.get(subject.removeprefix("problem:"))
                names[event.id] = f"{alert} alert of {known or subject}"
            case TaskOpened(target=target, level=level):
                names[event.id] = f"task {level} for {names[target]}"
            case LateUpdateFlagged():
                names[event.id] = f"late update of {event.work_order}/{event.node}"
            case _:
                pass
    return names


def _decisions(log: tuple[Event, ...], names: Mapping[str, str]) -> Iterator[str]:
    """A row for each decision and answer; who was told of it stands behind it."""
    rows: list[list[str]] = []
    last: tuple[datetime, str, str] | None = None
    for event in log:
        if isinstance(event, NoticeSent):
            what = (event.at, event.target, event.notice)
            if what != last:
                rows.append([f"{clock(event.at):9} told of {names[event.target]}, {event.notice}: {event.recipient}"])
            else:
                rows[-1].append(event.recipient)
            last = what
            continue
        text = _decision(event, names)
        if text is not None:
            rows.append([f"{clock(event.at):9} {text}"])
            last = None
    return (", ".join(row) for row in rows)


def _decision(event: Event, names: Mapping[str, str]) -> str | None:
    match event:
        case EpisodeOpened(level=level, late_s=late, lead_s=lead):
            return f"opened lateness of {event.order}: {level}, {late} s of {lead} s"
        case EpisodeEscalated(level=level, late_s=late, lead_s=lead):
            return f"changed lateness of {event.order}: {level}, {late} s of {lead} s"
        case EpisodeClosed():
            return f"closed lateness of {event.order}: {event.reason}"
        case AlertOpened():
            note = f" ({event.note})" if event.note else ""
            return f"opened {names[event.id]}{note}"
        case AlertEscalated(target=target, recipient=recipient):
            return f"escalated {names[target]} to {recipient}: {event.reason}"
        case AlertClosed(target=target):
            return f"closed {names[target]}"
        case AlertAcknowledged(target=target):
            return f"{event.source.ref} acknowledged {names[target]}"
        case TaskOpened(recipient=recipient, due=due):
            return f"opened {names[event.id]}, {recipient}" + (f", due {clock(due)}" if due else "")
        case TaskPlanned(target=target, cause=cause, owner=owner, due=due):
            return f"{event.source.ref} planned {names[target]}: {cause}, {owner}, due {clock(due)}"
        case TaskClosed(target=target, effect=effect):
            return f"{event.source.ref} closed {names[target]}: {effect}"
        case ProblemExplained(target=target, cause=cause):
            return f"{event.source.ref} explained {names[target]}: {cause}"
        case LateUpdateFlagged(finished_at=finished, due=due, recipient=recipient):
            return f"flagged {names[event.id]}: over {clock(finished)}, due {clock(due)}, {recipient}"
        case ForecastIssued(p50=p50):
            return f"forecast of {event.order}: {clock(p50)}"
        case _:
            return None


def _marked(lived: Lived) -> Iterator[str]:
    for record in lived.records:
        for work in record.facts.values():
            for node in work.nodes:
                marks = [str(mark) for mark in node.marks if mark not in {"corroborated"}]
                short = max(0, (node.quantity or 0) - node.good)
                over = f"done {clock(node.completed_at)}" if node.completed_at else str(node.lifecycle)
                if marks or node.rework or node.scrap or (short and node.completed_at):
                    yield f"{work.work_order}/{node.node} {node.good}/{node.quantity} {over}: {', '.join(marks)}"


def _alerts(lived: Lived, names: Mapping[str, str]) -> Iterator[str]:
    for facts in (one.facts for one in lived.responses):
        if isinstance(facts, AlertFacts):
            level = f" {facts.opening_level}→{facts.level}" if facts.level else ""
            until = clock(facts.closed_at) if facts.closed_at else "open"
            cause = f", cause {facts.cause}" if facts.cause else ""
            told = f", {', '.join(facts.recipients)}" if facts.recipients else ""
            yield f"{names[facts.alert]}{level}: {clock(facts.opened_at)} to {until}{told}{cause}"


def _tasks(lived: Lived, names: Mapping[str, str]) -> Iterator[str]:
    for facts in (one.facts for one in lived.responses):
        if isinstance(facts, TaskFacts):
            owner = f", {facts.owner} until {clock(facts.plan_due)}" if facts.owner and facts.plan_due else ""
            until = f"closed {clock(facts.closed_at)}" if facts.closed_at else "open"
            yield f"{names[facts.task]} {clock(facts.opened_at)}: {facts.recipient}{owner}, {until}"


def _problems(lived: Lived) -> Iterator[str]:
    titles = {event_id: name for name, event_id in PROBLEMS.items()}
    for facts in (one.facts for one in lived.responses):
        if isinstance(facts, ProblemFacts):
            explained = f"{facts.cause} at {clock(facts.explained_at)}" if facts.explained_at else "no cause"
            until = f"resolved {clock(facts.resolved_at)}" if facts.resolved_at else "open"
            yield f"{titles[facts.problem]} ({facts.order}, {facts.category}) {clock(facts.at)}: {explained}, {until}"
