"""A work order's state: what its own events say about each of its nodes, and about it as a whole.

The fold only takes unions, earliest and latest, so it does not depend on order or repeats, and an event that comes
late is simply added. What people say is kept as it is: it is weighed with what machines saw (`progress`), and what was
taken back or corrected is known by the ids of the events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from genba_cloud.core.facts.counts import NOTHING_COUNTED, Counts, Marks, Seen, latest, marked
from genba_cloud.core.facts.views import Surroundings
from genba_cloud.core.personal import is_machine
from genba_shared.clock import format_time, parse_time
from genba_shared.events import (
    Basis,
    Confidence,
    Direction,
    EnvironmentSummarised,
    Event,
    EventCorrected,
    EventVoided,
    MaterialConsumed,
    MaterialIssued,
    NodeCompleted,
    NodeConfirmed,
    NodeHeld,
    NodeRejected,
    NodeReopened,
    NodeResumed,
    NodeSkipped,
    NodeStarted,
    PiecesCounted,
    ProgressReported,
    QualityRecorded,
    ReworkOrdered,
    ShipmentMoved,
    Source,
    SourceType,
    StepCompleted,
    TagPassed,
    WorkOrderCancelled,
    WorkOrderChanged,
    event_of_canonical,
    event_to_json,
)

Surrounded = Mapping[tuple[str, str], tuple[Seen, Surroundings]]
"""By station and point, the newest summary and the event that gave it."""

Passages = tuple[tuple[Seen, int], ...]
"""The first passages of a tag, with its pieces then."""

OF_WHOLE: Final = (WorkOrderCancelled, WorkOrderChanged, MaterialIssued, MaterialConsumed)
"""Kinds that are about a work order as a whole, whatever node they name."""
_NOT_OF_A_NODE: Final = frozenset((*OF_WHOLE, EventVoided, EventCorrected))

SAID: Final = (
    NodeConfirmed,
    NodeHeld,
    NodeRejected,
    NodeReopened,
    NodeResumed,
    NodeSkipped,
    ProgressReported,
    QualityRecorded,
    ReworkOrdered,
    ShipmentMoved,
    StepCompleted,
)
"""Kinds that somebody says of a node, and that are kept as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One `node_completed`, or what comes to the same; `source` is who claims it."""

    seen: Seen
    pieces: int
    basis: Basis
    confidence: Confidence
    source: Source


class Correction(NamedTuple):
    """Somebody says that the event `target` was about `pieces` pieces."""

    seen: Seen
    target: str
    pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """What was seen of one node. `tags` maps a tag that left to its first passages and its pieces then.

    `environment` maps station and point to the newest summary, `said` has what people say, by the events' ids.
    """

    counts: Counts = NOTHING_COUNTED
    tags: Mapping[str, Passages] = field(default_factory=dict)
    started: Marks = ()
    claims: Mapping[str, Claim] = field(default_factory=dict)
    data_at: datetime | None = None
    environment: Surrounded = field(default_factory=dict)
    said: Mapping[str, Event] = field(default_factory=dict)
    written: dict[str, Any] | None = field(default=None, init=False, compare=False, repr=False)
    """Its JSON form, once it was asked for: of a work order with many nodes a commit changes one or two."""


UNSEEN: Final = NodeState()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderState:
    """By node code, what was seen of it; and what was said of the work order as a whole, by the events' ids.

    `voided` are events that were taken back, `corrections` (by their ids) what people say of others' numbers.
    """

    nodes: Mapping[str, NodeState] = field(default_factory=dict)
    said: Mapping[str, Event] = field(default_factory=dict)
    voided: frozenset[str] = frozenset()
    corrections: Mapping[str, Correction] = field(default_factory=dict)

    def corrected(self) -> dict[str, int]:
        """By event, the pieces that the last correction gives it."""
        standing = (one for one in self.corrections.values() if one.seen.id not in self.voided)
        return {one.target: one.pieces for one in sorted(standing, key=lambda one: tuple(one.seen))}


def fold_work_order(state: WorkOrderState, events: Iterable[Event]) -> WorkOrderState:
    """The state after these events of the work order, in whatever order they come."""
    by_node: dict[str, list[Event]] = {}
    whole: list[Event] = []
    for event in events:
        if type(event) in _NOT_OF_A_NODE:
            whole.append(event)
        elif event.node is not None:
            by_node.setdefault(event.node, []).append(event)
    nodes = dict(state.nodes)
    for code, seen in by_node.items():
        before = nodes.get(code, UNSEEN)
        after = _fold_node(before, seen)
        if after is not before:
            nodes[code] = after
    return _fold_whole(replace(state, nodes=nodes), whole) if whole else replace(state, nodes=nodes)


def _fold_whole(state: WorkOrderState, events: Iterable[Event]) -> WorkOrderState:
    said, voided, corrections = dict(state.said), set(state.voided), dict(state.corrections)
    for event in events:
        match event:
            case EventVoided():
                voided.add(event.target)
            case EventCorrected():
                corrections[event.id] = Correction(Seen.of(event), event.target, max(0, event.pieces))
            case _:
                said[event.id] = event
    return replace(state, said=said, voided=frozenset(voided), corrections=corrections)


def _fold_node(node: NodeState, events: Iterable[Event]) -> NodeState:
    counts: list[PiecesCounted] = []
    changes: dict[str, Any] = {}
    data_at = node.data_at
    for event in events:
        if isinstance(event, PiecesCounted):
            counts.append(event)
        else:
            changed = _change(node, changes, event)
            if not changed:
                continue
            changes.update(changed)
        if data_at is None or event.at > data_at:
            data_at = event.at
    if counts:
        changes["counts"] = node.counts.adding_all(counts)
    return replace(node, **changes, data_at=data_at) if changes else node


def _change(node: NodeState, changes: Mapping[str, Any], event: Event) -> dict[str, Any]:
    """What the event changes of a node to which `changes` were made already; empty: nothing, it tells nothing new."""
    match event:
        case TagPassed(direction=Direction.LEAVE):
            tags: Mapping[str, Passages] = changes.get("tags", node.tags)
            return {"tags": {**tags, event.tag: _passed(tags.get(event.tag, ()), event)}}
        case NodeStarted():
            return {"started": marked(changes.get("started", node.started), Seen.of(event))}
        case NodeCompleted():
            return {"claims": {**changes.get("claims", node.claims), event.id: claim_of(event)}}
        case EnvironmentSummarised():
            known: Surrounded = changes.get("environment", node.environment)
            now = _surrounded(known, event)
            return {} if now is known else {"environment": now}
        case ProgressReported() if is_machine(event.source, event.id):
            return {}  # a gateway tells that work was set aside; its pieces are known by their counts
        case _ if isinstance(event, SAID):
            return {"said": {**changes.get("said", node.said), event.id: event}}
        case _:
            return {}


def claim_of(event: NodeCompleted) -> Claim:
    """What the event claims."""
    return Claim(
        seen=Seen.of(event),
        pieces=event.pieces,
        basis=event.basis,
        confidence=event.confidence,
        source=event.source,
    )


def _surrounded(environment: Surrounded, event: EnvironmentSummarised) -> Surrounded:
    where, seen = (event.station or "", event.point), Seen.of(event)
    known = environment.get(where)
    if known is not None and latest(known[0], seen) != seen:
        return environment
    summary = Surroundings(
        station=where[0],
        point=event.point,
        begin=event.begin,
        end=event.end,
        least=event.least,
        mean=event.mean,
        most=event.most,
        samples=event.samples,
        uom=event.uom,
    )
    return {**environment, where: (seen, summary)}


def _passed(known: Passages, event: TagPassed) -> Passages:
    pieces = dict(known) | {Seen.of(event): 1 if event.pieces is None else event.pieces}
    return tuple((seen, pieces[seen]) for seen in marked((), *pieces))


def work_order_to_json(state: WorkOrderState) -> dict[str, Any]:
    """Canonical form: equal states give equal JSON. What there is none of is left out."""
    told: dict[str, Any] = {"nodes": {code: _node_to_json(node) for code, node in sorted(state.nodes.items())}}
    if state.said:
        told["said"] = [event_to_json(event) for _, event in sorted(state.said.items())]
    if state.voided:
        told["voided"] = sorted(state.voided)
    if state.corrections:
        rows = sorted(state.corrections.values(), key=lambda one: one.seen.id)
        told["corrections"] = [[*one.seen.to_json(), one.target, one.pieces] for one in rows]
    return told


def work_order_from_json(obj: Mapping[str, Any]) -> WorkOrderState:
    """Read the canonical form."""
    rows = (
        Correction(Seen(parse_time(at), name), target, pieces)
        for at, name, target, pieces in obj.get("corrections", ())
    )
    return WorkOrderState(
        nodes={code: _node_from_json(node) for code, node in obj["nodes"].items()},
        said=_said_from_json(obj),
        voided=frozenset(obj.get("voided", ())),
        corrections={one.seen.id: one for one in rows},
    )


def _said_from_json(obj: Mapping[str, Any]) -> dict[str, Event]:
    events = (event_of_canonical(one) for one in obj.get("said", ()))
    return {event.id: event for event in events}


def _node_to_json(node: NodeState) -> dict[str, Any]:
    if node.written is None:
        object.__setattr__(node, "written", _write_node(node))
    return node.written or {}


def _write_node(node: NodeState) -> dict[str, Any]:
    environment = [
        [*seen.to_json(), *where, *_spans(one), one.least, one.mean, one.most, one.samples, one.uom]
        for where, (seen, one) in sorted(node.environment.items())
    ]
    told: dict[str, Any] = {"environment": environment} if environment else {}
    if node.said:
        told["said"] = [event_to_json(event) for _, event in sorted(node.said.items())]
    return told | {
        "counts": node.counts.to_json(),
        "tags": {
            tag: [[*seen.to_json(), pieces] for seen, pieces in passages] for tag, passages in sorted(node.tags.items())
        },
        "started": [mark.to_json() for mark in node.started],
        "claims": [_claim_to_json(claim) for claim in sorted(node.claims.values(), key=lambda claim: claim.seen.key())],
        "data_at": format_time(node.data_at) if node.data_at else None,
    }


def _claim_to_json(claim: Claim) -> list[Any]:
    source = claim.source
    told = (claim.pieces, str(claim.basis), str(claim.confidence), str(source.type), source.ref)
    return [*claim.seen.to_json(), *told]


def _claim_from_json(row: list[Any]) -> Claim:
    at, name, pieces, basis, confidence, kind, ref = row
    return Claim(
        seen=Seen(parse_time(at), name),
        pieces=pieces,
        basis=Basis(basis),
        confidence=Confidence(confidence),
        source=Source(type=SourceType(kind), ref=ref),
    )


def _node_from_json(obj: Mapping[str, Any]) -> NodeState:
    claims = (_claim_from_json(row) for row in obj["claims"])
    return NodeState(
        counts=Counts.from_json(obj["counts"]),
        tags={
            tag: tuple((Seen(parse_time(at), name), pieces) for at, name, pieces in passages)
            for tag, passages in obj["tags"].items()
        },
        started=tuple(Seen.from_json(mark) for mark in obj["started"]),
        claims={claim.seen.id: claim for claim in claims},
        data_at=parse_time(obj["data_at"]) if obj["data_at"] else None,
        environment=dict(_environment_from_json(row) for row in obj.get("environment", ())),
        said=_said_from_json(obj),
    )


def _spans(one: Surroundings) -> tuple[str, str]:
    return format_time(one.begin), format_time(one.end)


def _environment_from_json(row: list[Any]) -> tuple[tuple[str, str], tuple[Seen, Surroundings]]:
    at, name, station, point, begin, end, least, mean, most, samples, uom = row
    summary = Surroundings(
        station=station,
        point=point,
        begin=parse_time(begin),
        end=parse_time(end),
        least=least,
        mean=mean,
        most=most,
        samples=samples,
        uom=uom,
    )
    return (station, point), (Seen(parse_time(at), name), summary)
