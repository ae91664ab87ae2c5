"""Alerts, tasks and problems as one viewer sees them: who may not know names learns that there is one, not by whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeVar

from genba_cloud.api.problems import ApiProblem
from genba_cloud.core.deviation import Deviation, Level
from genba_cloud.core.facts.response import (
    LATENESS,
    AlertFacts,
    ProblemFacts,
    ResponseFacts,
    TaskFacts,
    response_facts,
)
from genba_cloud.core.facts.told import ToldFold
from genba_cloud.core.viewer import Act, Sight, Subject, Viewer, may, sight
from genba_cloud.ledger.responses import every_open
from genba_cloud.store.told import Response, ResponseFilter, ResponseKind
from genba_shared.events import EpisodeEscalated, EpisodeOpened

if TYPE_CHECKING:
    from genba_cloud.api.visible import Desk

T = TypeVar("T")

MOST_OPEN: Final = 1000
"""Open alerts that are shown at once, the most severe of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenAlert:
    """An alert. `changed_at` and `event` are of the newest level that was told, `deviation` was the order's then.

    `tasks` are those about it that are open.
    """

    facts: AlertFacts
    event: str
    changed_at: datetime
    deviation: Deviation | None = None
    customer: str = ""
    tasks: tuple[TaskFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPage:
    """A page of alerts, tasks or problems; `next` is the cursor of the page after this one, None at the end."""

    alerts: tuple[SeenAlert, ...] = ()
    tasks: tuple[TaskFacts, ...] = ()
    problems: tuple[ProblemFacts, ...] = ()
    next: str | None = None


class VisibleAlerts:
    """Every method is synchronous and raises ApiProblem 403 for what is hidden."""

    def __init__(self, desk: Desk, viewer: Viewer) -> None:
        self._desk = desk
        self._viewer = viewer

    def open_alerts(self) -> list[SeenAlert]:
        """All that are open: late orders first, the most severe before others, then the oldest first."""
        self._require(Subject.ALERTS)
        with self._desk.reads.told() as told:
            every = every_open(told, ResponseKind.ALERT)
        return sorted(self._seen(every), key=_place)[:MOST_OPEN]

    def alerts(self, *, is_open: bool | None, order: str | None, cursor: str | None, limit: int) -> SeenPage:
        """A page of alerts, the newest first."""
        self._require(Subject.ALERTS)
        where = ResponseFilter(kind=ResponseKind.ALERT, is_open=is_open, order=order)
        with self._desk.reads.told() as told:
            page = told.responses(where=where, cursor=cursor, limit=limit)
        return SeenPage(alerts=tuple(self._seen(page.items)), next=page.next)

    def alert(self, name: str) -> SeenAlert | None:
        """One of them."""
        self._require(Subject.ALERTS)
        with self._desk.reads.told() as told:
            found = told.responses_of([name]).get(name)
        if found is None or not isinstance(found.facts, AlertFacts):
            return None
        return self._seen([found])[0]

    def tasks(self, *, is_open: bool | None, order: str | None, cursor: str | None, limit: int) -> SeenPage:
        """A page of tasks, the newest first."""
        self._require(Subject.RESPONSES)
        where = ResponseFilter(kind=ResponseKind.TASK, is_open=is_open, order=order)
        with self._desk.reads.told() as told:
            page = told.responses(where=where, cursor=cursor, limit=limit)
        return SeenPage(tasks=_only(TaskFacts, self._opened(page.items)), next=page.next)

    def task(self, name: str) -> TaskFacts | None:
        """One of them."""
        self._require(Subject.RESPONSES)
        return next(iter(_only(TaskFacts, self._one(name))), None)

    def problems(self, *, is_open: bool | None, order: str | None, cursor: str | None, limit: int) -> SeenPage:
        """A page of problems, the newest first."""
        self._require(Subject.RESPONSES)
        where = ResponseFilter(kind=ResponseKind.PROBLEM, is_open=is_open, order=order)
        with self._desk.reads.told() as told:
            page = told.responses(where=where, cursor=cursor, limit=limit)
        return SeenPage(problems=_only(ProblemFacts, self._opened(page.items)), next=page.next)

    def problem(self, name: str) -> ProblemFacts | None:
        """One of them."""
        self._require(Subject.RESPONSES)
        return next(iter(_only(ProblemFacts, self._one(name))), None)

    def may_respond(self) -> bool:
        """Whether the viewer may answer."""
        return may(self._viewer, Act.RESPOND, enterprise=self._desk.enterprise)

    def _one(self, name: str) -> list[ResponseFacts]:
        with self._desk.reads.told() as told:
            found = told.responses_of([name]).get(name)
        return [] if found is None else self._opened([found])

    def _seen(self, found: Sequence[Response]) -> list[SeenAlert]:
        seen = sight(self._viewer, Subject.ALERTS, enterprise=self._desk.enterprise)
        if seen is not Sight.ALL:
            return [_outline(one) for one in found]
        alerts = [facts for facts in self._opened(found) if isinstance(facts, AlertFacts)]
        with self._desk.reads.told() as told:
            tasks = self._opened(every_open(told, ResponseKind.TASK)) if alerts else []
        numbers = sorted({alert.order for alert in alerts if alert.order is not None})
        customers = {one.plan.order: one.plan.customer for one in self._desk.reads.orders(numbers)}
        shown: list[SeenAlert] = []
        for alert, response in zip(alerts, found, strict=True):
            mine = tuple(task for task in tasks if isinstance(task, TaskFacts) and task.target == alert.alert)
            outline = _outline(response)
            shown.append(replace(outline, facts=alert, customer=customers.get(alert.order or "", ""), tasks=mine))
        return shown

    def _opened(self, found: Iterable[Response]) -> list[ResponseFacts]:
        """Their facts with what people wrote, as it may be read."""
        opened: list[ResponseFacts] = []
        with self._desk.reads.proofs() as proofs:
            for one in found:
                events = self._desk.seals.opened(proofs, one.fold.events.values())
                told = ToldFold(events={event.id: event for event in events}, voided=one.fold.voided)
                facts = response_facts(one.id, told)
                opened += [] if facts is None else [facts]
        return opened

    def _require(self, subject: Subject) -> None:
        if sight(self._viewer, subject, enterprise=self._desk.enterprise) is Sight.NOTHING:
            raise ApiProblem(403, f"this needs the right to read {subject}")


def _outline(response: Response) -> SeenAlert:
    """The alert without a word or name of anybody."""
    facts = response.facts
    if not isinstance(facts, AlertFacts):
        raise TypeError(f"{facts} is no alert")
    levels = [one for one in response.fold.standing() if isinstance(one, EpisodeOpened | EpisodeEscalated)]
    newest = levels[-1] if levels else None
    deviation = Deviation(late_s=newest.late_s, lead_s=newest.lead_s) if newest else None
    return SeenAlert(
        facts=replace(facts, note=None, cause=None, acknowledged_by=None, closed_by=None, told=()),
        event=newest.id if newest else facts.alert,
        changed_at=newest.at if newest else facts.opened_at,
        deviation=deviation,
    )


def _place(seen: SeenAlert) -> tuple[int, datetime, str]:
    facts = seen.facts
    rank = Level(facts.level).rank if facts.rule == LATENESS and facts.level else 0
    return (-rank, seen.changed_at, facts.alert)


def _only(kind: type[T], found: Iterable[ResponseFacts]) -> tuple[T, ...]:
    return tuple(one for one in found if isinstance(one, kind))
