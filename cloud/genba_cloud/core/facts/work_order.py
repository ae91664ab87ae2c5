"""A work order's state: what its own events say about each of its nodes.

The fold only takes unions, earliest and latest, so it does not depend on order or repeats, and an event that comes
late is simply added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from genba_cloud.core.facts.counts import NOTHING_COUNTED, Counts, Seen, earliest, latest
from genba_cloud.core.facts.views import Surroundings
from genba_shared.clock import format_time, parse_time
from genba_shared.events import (
    Basis,
    Confidence,
    Direction,
    EnvironmentSummarised,
    Event,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    TagPassed,
)

Surrounded = Mapping[tuple[str, str], tuple[Seen, Surroundings]]
"""By station and point, the newest summary and the event that gave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One `node_completed`."""

    seen: Seen
    pieces: int
    basis: Basis
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """What was seen of one node. `tags` maps a tag that left to its earliest passage and its pieces then.

    `environment` maps station and point to the newest summary.
    """

    counts: Counts = NOTHING_COUNTED
    tags: Mapping[str, tuple[Seen, int]] = field(default_factory=dict)
    started: Seen | None = None
    claims: Mapping[str, Claim] = field(default_factory=dict)
    data_at: datetime | None = None
    environment: Surrounded = field(default_factory=dict)
    written: dict[str, Any] | None = field(default=None, init=False, compare=False, repr=False)
    """Its JSON form, once it was asked for: of a work order with many nodes a commit changes one or two."""

    def tag_pieces(self) -> int:
        """Pieces whose tags have left."""
        return sum(pieces for _, pieces in self.tags.values())


UNSEEN: Final = NodeState()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderState:
    """By node code, what was seen of it."""

    nodes: Mapping[str, NodeState] = field(default_factory=dict)


def fold_work_order(state: WorkOrderState, events: Iterable[Event]) -> WorkOrderState:
    """The state after these events of the work order, in whatever order they come."""
    by_node: dict[str, list[Event]] = {}
    for event in events:
        if event.node is not None:
            by_node.setdefault(event.node, []).append(event)
    nodes = dict(state.nodes)
    for code, seen in by_node.items():
        before = nodes.get(code, UNSEEN)
        after = _fold_node(before, seen)
        if after is not before:
            nodes[code] = after
    return WorkOrderState(nodes=nodes)


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
            tags: Mapping[str, tuple[Seen, int]] = changes.get("tags", node.tags)
            return {"tags": {**tags, event.tag: _first_passage(tags.get(event.tag), event)}}
        case NodeStarted():
            return {"started": earliest(changes.get("started", node.started), Seen.of(event))}
        case NodeCompleted():
            claim = Claim(seen=Seen.of(event), pieces=event.pieces, basis=event.basis, confidence=event.confidence)
            return {"claims": {**changes.get("claims", node.claims), event.id: claim}}
        case EnvironmentSummarised():
            known: Surrounded = changes.get("environment", node.environment)
            now = _surrounded(known, event)
            return {} if now is known else {"environment": now}
        case _:
            return {}


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


def _first_passage(known: tuple[Seen, int] | None, event: TagPassed) -> tuple[Seen, int]:
    new = (Seen.of(event), 1 if event.pieces is None else event.pieces)
    return new if known is None else min(known, new, key=lambda passage: passage[0].key())


def work_order_to_json(state: WorkOrderState) -> dict[str, Any]:
    """Canonical form: equal states give equal JSON."""
    return {"nodes": {code: _node_to_json(node) for code, node in sorted(state.nodes.items())}}


def work_order_from_json(obj: Mapping[str, Any]) -> WorkOrderState:
    """Read the canonical form."""
    return WorkOrderState(nodes={code: _node_from_json(node) for code, node in obj["nodes"].items()})


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
    return told | {
        "counts": node.counts.to_json(),
        "tags": {tag: [*seen.to_json(), pieces] for tag, (seen, pieces) in sorted(node.tags.items())},
        "started": node.started.to_json() if node.started else None,
        "claims": [
            [*claim.seen.to_json(), claim.pieces, str(claim.basis), str(claim.confidence)]
            for claim in sorted(node.claims.values(), key=lambda claim: claim.seen.key())
        ],
        "data_at": format_time(node.data_at) if node.data_at else None,
    }


def _node_from_json(obj: Mapping[str, Any]) -> NodeState:
    claims = (
        Claim(seen=Seen(parse_time(at), name), pieces=pieces, basis=Basis(basis), confidence=Confidence(confidence))
        for at, name, pieces, basis, confidence in obj["claims"]
    )
    return NodeState(
        counts=Counts.from_json(obj["counts"]),
        tags={tag: (Seen(parse_time(at), name), pieces) for tag, (at, name, pieces) in obj["tags"].items()},
        started=Seen.from_json(obj["started"]) if obj["started"] else None,
        claims={claim.seen.id: claim for claim in claims},
        data_at=parse_time(obj["data_at"]) if obj["data_at"] else None,
        environment=dict(_environment_from_json(row) for row in obj.get("environment", ())),
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
