"""What goes otherwise than planned in the scripted week: where, when and how. Everything else goes as planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from genba_cloud.core.alerts import PlanGiven
from genba_cloud.ledger.responses import Acknowledge, CloseTask, TaskAnswer
from genba_shared.events import (
    CountsAssigned,
    Event,
    EventVoided,
    MaterialCounted,
    MaterialIssued,
    MaterialPromised,
    MaterialReceived,
    NodeCompleted,
    NodeConfirmed,
    NodeHeld,
    NodeReopened,
    NodeResumed,
    NodeSkipped,
    OrderCancelled,
    OrderHeld,
    OrderResumed,
    ProblemExplained,
    ProblemReported,
    ProblemResolved,
    ProgressReported,
    QualityRecorded,
    QualityResult,
    Result,
    Source,
    SourceType,
)
from tests.golden.week.shop import at

Place = tuple[str, str]
"""Order and node."""

STARTS: Final[Mapping[Place, datetime]] = {
    ("W-02", "CUT"): at("Mon", "10:30"),
    ("W-18", "PACK"): at("Wed", "09:10"),
}
"""Nodes that begin so late."""
FINISHES: Final[Mapping[Place, datetime]] = {
    ("W-03", "CUT"): at("Mon", "11:00"),
    ("W-05", "SEW"): at("Mon", "16:30"),
    ("W-07", "SEW"): at("Tue", "11:30"),
    ("W-31", "SEW"): at("Wed", "15:00"),
    ("W-35", "SEW"): at("Wed", "15:20"),
    ("W-46", "SEW"): at("Sun", "13:50"),
}
"""Nodes that end so late."""
CLAIMED: Final[Mapping[Place, int]] = {("W-13", node): 37 for node in ("CUT", "SEW", "PACK")}
"""Nodes that make fewer pieces than planned."""
COUNTED: Final[Mapping[Place, int]] = {("W-09", "CUT"): 46, ("W-28", "CUT"): 20, ("W-13", "CUT"): 37}
"""Nodes of which the machine counts fewer pieces than it says in the end that it made, or than are planned."""
UNSAID: Final = frozenset({("W-08", "PACK"), ("W-22", "PACK"), ("W-16", "SEW"), ("W-50", "CUT"), ("W-50", "SEW")})
"""Nodes of which nobody says when they are over, as far as the script goes by itself."""
UNTOUCHED: Final = frozenset({("W-08", "PACK"), *(("W-50", node) for node in ("CUT", "SEW", "FINISH", "PACK"))})
"""Nodes on which nobody works."""
ARRIVES: Final[Mapping[Place, datetime]] = {("W-18", "SEW"): at("Wed", "09:00"), ("W-33", "SEW"): at("Wed", "15:30")}
"""What people said of these nodes lies on a phone without a network until then, and comes in the reverse order."""
ENTERED: Final[Mapping[Place, datetime]] = {("W-10", "PACK"): at("Tue", "18:00")}
"""Completions that somebody typed in so late."""
OUTAGE: Final = (at("Tue", "10:00"), at("Tue", "13:30"))
"""Suzhou's gateway has no network; what it saw comes afterwards."""
ZONE_COUNTS: Final = (("Tue", "08:30", 180), ("Tue", "13:40", 262), ("Tue", "14:30", 240), ("Tue", "15:10", 220))
"""Pieces that lie in front of the sewing lines."""


def event_id(*words: object) -> str:
    """The same id for the same words in every run."""
    return str(uuid5(NAMESPACE_URL, "/".join(str(word) for word in ("week", *words))))


def person(ref: str) -> Source:
    """Somebody with a phone."""
    return Source(type=SourceType.SCAN, ref=ref)


@dataclass(frozen=True, slots=True)
class _Said:
    """What all events that a person says at one place and time have in common."""

    when: datetime
    order: str
    node: str
    who: str

    def common(self, kind: str) -> dict[str, Any]:
        return {
            "id": event_id(kind, self.order, self.node, self.when.isoformat()),
            "at": self.when,
            "source": person(self.who),
        }

    def at_node(self, kind: str) -> dict[str, Any]:
        site = "N" if self.node == "FINISH" or (self.node == "PACK" and int(self.order[2:]) % 5 == 0) else "S"
        return self.common(kind) | {"work_order": f"{self.order}/{site}", "node": self.node}


def _said(day: str, clock: str, order: str, node: str, who: str) -> _Said:
    return _Said(at(day, clock), order, node, who)


def _confirmed(day: str, clock: str, order: str, node: str, who: str, pieces: int | None = None) -> Event:
    return NodeConfirmed(**_said(day, clock, order, node, who).at_node("confirmed"), pieces=pieces)


def _on_nodes() -> list[Event]:
    mistake = NodeCompleted(**_said("Mon", "13:10", "W-06", "SEW", "op-8").at_node("mistaken"), pieces=60)
    failed = QualityRecorded(
        **_said("Wed", "09:00", "W-22", "PACK", "qa-1").at_node("failed"),
        result=QualityResult.FAILED,
        pieces=5,
        defects=("loose_seam",),
    )
    return [
        mistake,
        EventVoided(
            **_said("Mon", "13:13", "W-06", "SEW", "op-8").at_node("voided"), target=mistake.id, reason="wrong_label"
        ),
        NodeHeld(**_said("Mon", "15:30", "W-07", "SEW", "sup-1").at_node("held"), reason="waiting_customer"),
        NodeResumed(**_said("Tue", "10:00", "W-07", "SEW", "sup-1").at_node("resumed")),
        NodeSkipped(**_said("Tue", "09:05", "W-08", "PACK", "sup-1").at_node("skipped"), reason="customer_packs"),
        _confirmed("Mon", "16:00", "W-09", "CUT", "sup-1", 60),
        ProgressReported(**_said("Tue", "10:45", "W-11", "SEW", "op-9").at_node("reported"), pieces=35),
        _confirmed("Tue", "11:30", "W-11", "SEW", "sup-1", 50),
        NodeReopened(**_said("Wed", "13:00", "W-29", "SEW", "sup-1").at_node("reopened"), reason="crooked_seam"),
        NodeCompleted(**_said("Wed", "15:00", "W-29", "SEW", "op-5").at_node("again"), pieces=50),
        _confirmed("Mon", "17:00", "W-13", "CUT", "sup-1"),
        _confirmed("Tue", "12:05", "W-13", "SEW", "sup-1"),
        _confirmed("Tue", "15:05", "W-13", "PACK", "sup-1"),
        NodeCompleted(
            **_said("Tue", "14:25", "W-16", "SEW", "op-6").at_node("late"), pieces=40, entered_at=at("Tue", "18:00")
        ),
        _confirmed("Wed", "11:00", "W-20", "PACK", "op-20"),
        _confirmed("Wed", "13:30", "W-20", "PACK", "op-5"),
        failed,
        QualityRecorded(
            **_said("Wed", "09:10", "W-22", "PACK", "qa-1").at_node("passed"), result=QualityResult.PASSED, pieces=35
        ),
        QualityRecorded(
            **_said("Wed", "10:30", "W-22", "PACK", "qa-1").at_node("passed"),
            result=QualityResult.PASSED,
            pieces=5,
            because=(failed.id,),
        ),
        NodeCompleted(**_said("Tue", "15:00", "W-24", "CUT", "op-2").at_node("too"), pieces=60),
        CountsAssigned(
            **_said("Tue", "17:10", "W-28", "CUT", "sup-1").at_node("assigned"),
            station="CUT-9",
            target="",
            result=Result.GOOD,
            pieces=20,
        ),
    ]


def _of_orders() -> list[Event]:
    return [
        OrderHeld(**_said("Wed", "10:00", "W-31", "", "sup-1").common("held"), order="W-31", reason="wrong_thread"),
        OrderResumed(**_said("Wed", "11:00", "W-31", "", "sup-1").common("resumed"), order="W-31"),
        OrderCancelled(**_said("Sun", "09:00", "W-50", "", "sup-1").common("gone"), order="W-50", reason="not_wanted"),
    ]


PROBLEMS: Final = {
    "explained late": event_id("problem", "W-03"),
    "never explained": event_id("problem", "W-04"),
    "explained at once": event_id("problem", "W-40"),
}
"""Problems by what the report calls them."""


def _problems() -> list[Event]:
    late, never, soon = PROBLEMS.values()
    sup = person("sup-1")

    def reported(name: str, day: str, clock: str, order: str, category: str, cause: str | None = None) -> Event:
        return ProblemReported(
            id=name,
            at=at(day, clock),
            source=person("op-4"),
            site="suzhou",
            order=order,
            work_order=f"{order}/S",
            node="CUT",
            category=category,
            cause=cause,
        )

    return [
        reported(late, "Mon", "09:00", "W-03", "machine"),
        ProblemExplained(
            id=event_id("explained", 3), at=at("Mon", "10:15"), source=sup, target=late, cause="tool_worn"
        ),
        ProblemResolved(id=event_id("resolved", 3), at=at("Mon", "10:30"), source=sup, target=late),
        reported(never, "Mon", "10:00", "W-04", "material"),
        reported(soon, "Wed", "13:20", "W-40", "machine", "setup_fault"),
        ProblemResolved(id=event_id("resolved", 40), at=at("Wed", "13:50"), source=sup, target=soon),
    ]


def _material() -> list[Event]:
    def common(word: str, day: str, clock: str) -> dict[str, Any]:
        return {
            "id": event_id(word, day, clock),
            "at": at(day, clock),
            "source": person("store-1"),
            "item": "denim",
            "uom": "m",
        }

    return [
        MaterialCounted(**common("counted", "Mon", "07:40"), amount=100.0),
        MaterialPromised(**common("promised", "Mon", "14:00"), amount=60.0, due=at("Tue", "10:00"), supplier="mill-1"),
        MaterialReceived(**common("received", "Tue", "09:30"), amount=150.0, supplier="mill-1"),
        MaterialIssued(**common("issued", "Tue", "12:50"), amount=120.0, work_order="W-25/S"),
        MaterialIssued(**common("issued", "Tue", "12:55"), amount=90.0, work_order="W-26/S"),
    ]


def said_by_people() -> list[Event]:
    """Everything that people say beyond the usual: corrections, holds, doubts, problems and material."""
    return [*_on_nodes(), *_of_orders(), *_problems(), *_material()]


@dataclass(frozen=True, slots=True)
class Answered:
    """Somebody acknowledges the alert of a late order, plans its oldest open task, or closes the planned one."""

    when: datetime
    order: str
    who: str
    answer: Acknowledge | TaskAnswer


ANSWERS: Final = (
    Answered(at("Mon", "09:05"), "W-02", "sup-1", Acknowledge()),
    Answered(
        at("Mon", "10:00"),
        "W-02",
        "sup-1",
        PlanGiven(
            cause="absent", plan="second cutter takes over at half past ten", owner="sup-1", due=at("Mon", "10:30")
        ),
    ),
    Answered(at("Mon", "11:00"), "W-02", "sup-1", CloseTask(effect="cutting began at half past ten")),
    Answered(
        at("Mon", "16:45"),
        "W-05",
        "sup-1",
        PlanGiven(cause="capacity", plan="Nantong finishes it first", owner="sup-2", due=at("Tue", "11:00")),
    ),
    Answered(at("Tue", "11:45"), "W-05", "sup-2", CloseTask(effect="five minutes were won")),
    Answered(
        at("Wed", "09:05"),
        "W-18",
        "sup-1",
        PlanGiven(cause="other", plan="phones are looked at each evening", owner="sup-1", due=at("Wed", "12:00")),
    ),
)
