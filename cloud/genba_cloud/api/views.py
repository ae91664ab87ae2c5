"""JSON of what is read. Nothing is decided here: what a viewer may not see was left out before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from genba_cloud.api.shapes import (
    DeviationShape,
    EnvironmentShape,
    GatewayShape,
    NodeShape,
    OrderShape,
    QuestionAnswerShape,
    QuestionShape,
    StationShape,
    TagShape,
    TallyShape,
    UnassignedShape,
    WorkOrderShape,
    ZoneShape,
)
from genba_cloud.api.shapes_identity import KeyShape
from genba_cloud.core.assess import AssessedOrder, NodeAssessment
from genba_cloud.core.deviation import Deviation
from genba_cloud.core.facts.plan import WorkOrderPlan
from genba_cloud.core.facts.views import (
    Question,
    QuestionAnswer,
    StationFacts,
    Surroundings,
    TagBinding,
    Tally,
    ZoneFacts,
)
from genba_cloud.store.accounts import MachineKey
from genba_cloud.store.read import GatewayRecord, LoggedEvent, Unassigned
from genba_shared.clock import format_time
from genba_shared.events import event_to_json


def order_view(seen: AssessedOrder) -> OrderShape:
    """An order with all its nodes."""
    plan, assessment = seen.plan, seen.assessment
    return {
        "order": plan.order,
        "customer": plan.customer,
        "promised": format_time(plan.promised),
        "baseline": {"start": format_time(seen.baseline[0]), "finish": format_time(seen.baseline[1])},
        "expected_finish": format_time(assessment.expected_finish),
        "finished": assessment.finished,
        "level": str(assessment.level),
        "deviation": _deviation(assessment.deviation),
        "data_at": _time(seen.data_at),
        "work_orders": [_work_order(work, assessment.nodes[work.work_order]) for work in plan.work_orders],
    }


def late_mark(late_s: int) -> str:
    """Lateness in words of the API: ``late +1h05m`` (working time, whole minutes)."""
    hours, minutes = divmod(late_s // 60, 60)
    return f"late +{hours}h{minutes:02d}m" if hours else f"late +{minutes}m"


def zone_view(zone: ZoneFacts) -> ZoneShape:
    """Pieces in a zone."""
    stock = zone.stock_take
    return {
        "zone": zone.zone,
        "count": zone.count,
        "error_estimate": zone.error_estimate,
        "at": format_time(zone.at),
        "stock_take": {"count": stock.count, "at": format_time(stock.at), "event": stock.id} if stock else None,
    }


def station_view(station: StationFacts) -> StationShape:
    """What a station does."""
    dispatch = station.dispatch
    return {
        "station": station.station,
        "state": str(station.state),
        "since": _time(station.since),
        "work_order": dispatch.work_order if dispatch else None,
        "node": dispatch.node if dispatch else None,
        "unassigned": _tally(station.unassigned),
    }


def unassigned_view(item: Unassigned) -> UnassignedShape:
    """Pieces without an owner."""
    return {
        "station": item.station,
        "work_order": item.work_order,
        "node": item.node,
        "pieces": _tally(item.pieces),
        "data_at": _time(item.data_at),
    }


def question_view(question: Question) -> QuestionShape:
    """What a gateway could not decide."""
    return {
        "id": question.question,
        "kind": str(question.kind),
        "open": question.is_open,
        "station": question.station,
        "work_order": question.work_order,
        "node": question.node,
        "point": question.point,
        "result": str(question.result),
        "since": _time(question.since),
        "at": format_time(question.at),
        "counted": question.counted,
        "least": question.least,
        "most": question.most,
        "options": [
            {"option": str(option), "method": str(option.method), "pieces": option.pieces}
            for option in question.options
        ],
        "note": question.note,
        "answer": _answer(question.answer) if question.answer else None,
    }


def tag_view(binding: TagBinding) -> TagShape:
    """What a tag stands for."""
    return {
        "tag": binding.tag,
        "work_order": binding.work_order,
        "pieces": binding.pieces,
        "since": format_time(binding.since),
    }


def gateway_view(gateway: GatewayRecord) -> GatewayShape:
    """A gateway as last heard."""
    return {
        "gateway": gateway.gateway,
        "online": gateway.online,
        "enrolment": str(gateway.enrolment),
        "epoch": gateway.epoch,
        "next_seq": gateway.next_seq,
        "upto": gateway.upto,
        "outbox_depth": gateway.outbox_depth,
        "dispatch_version": gateway.dispatch_version,
        "seen_at": _time(gateway.seen_at),
        "alarm": gateway.alarm,
        "devices": {name: dict(device) for name, device in gateway.devices.items()},
    }


def event_view(logged: LoggedEvent) -> dict[str, Any]:
    """An event of the log in the one JSON form, with where and when the collector took it."""
    return {
        **event_to_json(logged.event),
        "position": logged.position,
        "received_at": format_time(logged.received_at),
    }


def key_view(key: MachineKey) -> KeyShape:
    """A machine key without its secret."""
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": format_time(datetime.fromtimestamp(key.created_at, UTC)),
        "revoked": key.revoked_at is not None,
    }


def _answer(answer: QuestionAnswer) -> QuestionAnswerShape:
    return {
        "event": answer.event,
        "at": format_time(answer.at),
        "by": answer.by,
        "pieces": answer.pieces,
        "work_order": answer.work_order,
        "node": answer.node,
        "note": answer.note,
    }


def _work_order(plan: WorkOrderPlan, nodes: tuple[NodeAssessment, ...]) -> WorkOrderShape:
    return {
        "work_order": plan.work_order,
        "site": plan.site,
        "item": plan.item,
        "quantity": plan.quantity,
        "nodes": [_node(node) for node in nodes],
    }


def _node(node: NodeAssessment) -> NodeShape:
    plan, facts = node.plan, node.facts
    marks = [str(mark) for mark in facts.marks]
    if node.late_s is not None:
        marks.append(late_mark(node.late_s))
    return {
        "node": facts.node,
        "label": dict(plan.label) if plan else {},
        "status": str(node.status),
        "lifecycle": str(facts.lifecycle),
        "quantity": facts.quantity,
        "good": facts.good,
        "scrap": facts.scrap,
        "rework": facts.rework,
        "planned_start": _time(plan.planned_start) if plan else None,
        "planned_finish": _time(plan.planned_finish) if plan else None,
        "started_at": _time(facts.started_at),
        "completed_at": _time(facts.completed_at),
        "claimed_at": _time(facts.claimed_at),
        "claimed_pieces": facts.claimed_pieces,
        "confidence": str(facts.confidence) if facts.confidence else None,
        "marks": marks,
        "late_s": node.late_s,
        "deviation": _deviation(node.deviation) if node.deviation else None,
        "evidence": list(facts.evidence),
        "expected_finish": _time(node.expected_finish),
        "environment": [_environment(one) for one in facts.environment],
    }


def _environment(one: Surroundings) -> EnvironmentShape:
    return {
        "station": one.station,
        "point": one.point,
        "from": format_time(one.begin),
        "to": format_time(one.end),
        "min": one.least,
        "mean": one.mean,
        "max": one.most,
        "samples": one.samples,
        "uom": one.uom,
    }


def _deviation(deviation: Deviation) -> DeviationShape:
    return {"late_s": deviation.late_s, "lead_s": deviation.lead_s, "percent": deviation.percent}


def _tally(tally: Tally) -> TallyShape:
    return {"good": tally.good, "scrap": tally.scrap, "rework": tally.rework}


def _time(at: datetime | None) -> str | None:
    return format_time(at) if at else None
