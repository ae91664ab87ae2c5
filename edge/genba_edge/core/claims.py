"""What a claim says: how many pieces, how certain, and the trail of how it was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from genba_edge.core.completion import Met, Situation
from genba_edge.core.journal import Journal
from genba_edge.core.progress import Progress, WorkKey
from genba_shared.clock import parse_time
from genba_shared.device_map.model import Condition
from genba_shared.events import Basis, Confidence, NodeCompleted, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A node was just claimed: who worked on it, from when to when (None: it still does)."""

    key: WorkKey
    event: NodeCompleted
    started_at: datetime | None
    stations: Mapping[str, tuple[datetime | None, datetime | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimFacts:
    """The good pieces that a claim names, whether they are certain, and what is kept beside it for people."""

    pieces: int
    confidence: Confidence
    trail: Mapping[str, Any]


def claim_of(condition: Condition, met: Met, situation: Situation, *, is_counted: bool) -> ClaimFacts:
    """The claim of a node whose rule is met; `is_counted`: some station of the node counts good pieces.

    Where counters and tags have both seen the whole node, they are compared and never added: if they differ, the claim
    is ambiguous and names the pieces of its basis.
    """
    progress, quantity = situation.progress, situation.quantity
    pieces, how = _pieces(met, situation, is_counted=is_counted)
    compared = _compared(situation) if is_counted else None
    differ = compared is not None and compared["counted"] != compared["tags"]
    trail: dict[str, Any] = {
        "rule": f"done_when: {condition}",
        "parts": [
            {"condition": str(part.condition), "at": part.at, "saw": part.saw, "because": list(part.because)}
            for part in met.parts
        ],
        "quantity": quantity,
        "pieces": how,
        "counted_good": progress.good if progress.answered else 0,
        "answered": progress.answered,
        "good_by_station": {name: part.good for name, part in progress.stations.items() if part.good},
        "compared": compared,
        "differ": differ,
        "doubts": list(progress.doubts),
    }
    return ClaimFacts(
        pieces=pieces,
        confidence=Confidence.AMBIGUOUS if progress.ambiguous or differ else Confidence.CERTAIN,
        trail={name: value for name, value in trail.items() if value},
    )


def _pieces(met: Met, situation: Situation, *, is_counted: bool) -> tuple[int, str]:
    """How many good pieces the claim names, and how that is known."""
    counted = "counted, and corrected by people's answers" if situation.progress.answered else "counted"
    match met.basis:
        case Basis.COUNT:
            return situation.progress.told_good, counted
        case Basis.TAGS:
            return situation.progress.left, "of the tags that left"
        case Basis.STATE if is_counted:
            return situation.progress.told_good, counted
        case Basis.STATE:
            return situation.quantity, "the quantity: nothing counts the pieces of this node"


def _compared(situation: Situation) -> dict[str, int] | None:
    """Pieces by count and by tags, where the tags have seen the whole node; None: there is nothing to compare."""
    progress = situation.progress
    if not progress.tags or situation.bound - progress.tags.keys() or progress.left < situation.quantity:
        return None
    return {"counted": progress.told_good, "tags": progress.left}


def tell_claim(
    journal: Journal,
    key: WorkKey,
    met: Met,
    facts: ClaimFacts,
    progress: Progress,
    *,
    station: str | None,
    source: Source,
) -> Claim:
    """Emit `node_completed`, with its trail."""
    event = journal.emit(
        NodeCompleted,
        at=parse_time(met.at),
        source=source,
        station=station,
        work_order=key.work_order,
        node=key.node,
        pieces=facts.pieces,
        basis=met.basis,
        confidence=facts.confidence,
        because=met.because,
    )
    journal.note_trail(event, **facts.trail)
    return Claim(
        key=key,
        event=event,
        started_at=_time(progress.started_at),
        stations={name: (_time(part.since), _time(part.left_at)) for name, part in progress.stations.items()},
    )


def _time(text: str) -> datetime | None:
    return parse_time(text) if text else None
