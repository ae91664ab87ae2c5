"""From findings to decisions: alerts open, go on to others, and end; each of that is told once.

What was decided before is read from the open alerts, so that nothing is decided twice over a restart. Since when an
alert has been calm is not kept: after a restart it ends later than it might, never earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from genba_cloud.core.alerts import floor
from genba_cloud.core.alerts.lateness import escalated, on_lateness
from genba_cloud.core.alerts.model import SOURCE, Finding, Pen, Rule, Rung, Situation, Strength, Why, team_of
from genba_cloud.core.alerts.updates import flag, updates
from genba_cloud.core.facts.response import LATENESS, AlertFacts
from genba_cloud.core.policy import ServiceRules
from genba_shared.events import AlertClosed, AlertOpened, Event

Key = tuple[str, str]
Calm = Mapping[str, datetime]
"""By open alert, since when nothing holds it open."""

NEVER_CALM: Final[Calm] = {}
_AT_ONCE: Final = frozenset({Rule.PROBLEM, Rule.PROBLEM_OVERDUE, Rule.MISSING_UPDATE, Rule.NO_NEWS})
"""Alerts that end with the one word that was missing: that is no noise."""
_GOES_ON_BY_ITSELF: Final = frozenset({Rule.PROBLEM, Rule.MISSING_UPDATE})
"""Alerts with a ladder of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Events to write down, and since when alerts are calm."""

    events: tuple[Event, ...]
    calm: Calm


def findings(situation: Situation) -> list[Finding]:
    """Every alert that should be open now."""
    return list(
        chain(
            floor.silent_sources(situation),
            updates(situation),
            floor.problems(situation),
            floor.full_zones(situation),
            floor.shortages(situation),
            floor.bottlenecks(situation),
        )
    )


def decide(situation: Situation, calm: Calm, pen: Pen) -> Decided:
    """What is to be written down of a situation."""
    found = {(str(one.rule), one.subject): one for one in findings(situation)}
    teams = {seen.plan.order: team_of(seen.plan) for seen in situation.orders}
    decided: list[Event] = []
    still_calm: dict[str, datetime] = {}
    for alert in situation.alerts:
        if alert.rule == LATENESS:
            decided += on_lateness(situation, alert, pen)
            continue
        finding = found.pop((alert.rule, alert.subject), None)
        if finding is not None:
            decided += _go_on(situation, alert, finding, pen)
            continue
        since = calm.get(alert.alert, situation.now)
        if situation.now - since >= timedelta(seconds=_calm_s(alert.rule, situation.rules_of(alert.site).service)):
            decided.append(
                AlertClosed(id=pen.next_id(), at=pen.at, source=SOURCE, target=alert.alert, order=alert.order)
            )
        else:
            still_calm[alert.alert] = since
    resting = _resting(situation)
    for key, finding in found.items():
        if finding.strength is Strength.OPENS and key not in resting:
            decided += _open(finding, pen, teams.get(finding.order or "", ()))
    return Decided(events=tuple(decided), calm=still_calm)


def _calm_s(rule: str, service: ServiceRules) -> int:
    if rule in _AT_ONCE:
        return 0
    return service.source_calm_s if rule == Rule.SILENT_SOURCE else service.calm_s


def _resting(situation: Situation) -> set[Key]:
    resting: set[Key] = set()
    for alert in situation.closed:
        rest = timedelta(seconds=situation.rules_of(alert.site).service.rest_s)
        if alert.closed_by is not None and alert.closed_at is not None and situation.now < alert.closed_at + rest:
            resting.add((alert.rule, alert.subject))
    return resting


def _open(finding: Finding, pen: Pen, team: tuple[str, ...]) -> list[Event]:
    opened = AlertOpened(
        id=pen.next_id(),
        at=pen.at,
        source=SOURCE,
        site=finding.site,
        station=finding.station,
        work_order=finding.work_order,
        node=finding.node,
        alert=str(finding.rule),
        subject=finding.subject,
        recipient=finding.told[0],
        order=finding.order,
        note=finding.note,
    )
    told = pen.notices(str(finding.rule), opened.id, (*finding.told, *team), order=finding.order)
    return [opened, *told, *_flagged(finding, finding.told[0], opened.id, pen)]


def _go_on(situation: Situation, alert: AlertFacts, finding: Finding, pen: Pen) -> Iterable[Event]:
    """The alert goes to those whose turn it is, each once."""
    rungs = [*finding.rungs]
    service = situation.rules_of(alert.site).service
    if alert.acknowledged_at is None and finding.rule not in _GOES_ON_BY_ITSELF:
        due = alert.opened_at + timedelta(seconds=service.answer_within_s)
        rungs += [Rung(due=due, recipient=role, why=Why.UNANSWERED) for role in service.escalates_to]
    told = set(alert.recipients)
    for rung in rungs:
        if rung.due <= situation.now and rung.recipient not in told:
            told.add(rung.recipient)
            yield escalated(alert, rung, pen)
            yield from pen.notices(f"{alert.rule}:{rung.why}", alert.alert, (rung.recipient,), order=alert.order)
            yield from _flagged(finding, rung.recipient, alert.alert, pen)


def _flagged(finding: Finding, recipient: str, because: str, pen: Pen) -> list[Event]:
    if finding.update is None or finding.work_order is None or finding.node is None:
        return []
    node = (finding.work_order, finding.node)
    return flag(finding.update, recipient, (because,), pen, order=finding.order, node=node, site=finding.site)
