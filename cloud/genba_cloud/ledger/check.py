"""Rebuild all views from the log, and prove that the log and the views are what they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from genba_cloud.core.facts import (
    FOLDS,
    NOBODYS,
    QUESTION,
    STATION,
    Aggregate,
    Attribution,
    ViewKey,
    fold_and_attribute,
    members_of,
    owned_by,
)
from genba_cloud.ledger.answers import effect_of, empty_view
from genba_cloud.ledger.chain import canonical, leaf_of, link_hash
from genba_cloud.store.port import Link, LogRow, StoredView, Transaction
from genba_cloud.store.work import answered_with, assigned_with, attribution_to_json, dealt_with
from genba_shared.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was looked at, and every difference found, in words; none: log, chain and views are sound."""

    events: int
    links: int
    views: int
    differences: tuple[str, ...]


def fold_log(transaction: Transaction) -> dict[ViewKey, StoredView]:
    """Every view, folded from the whole log. `position` is that of the newest event folded into it."""
    positions: dict[str, int] = {}
    events: list[Event] = []
    for row in transaction.log():
        positions[row.event.id] = row.position
        events.append(row.event)
    views: dict[ViewKey, StoredView] = {}
    told: dict[str, Attribution] = {}
    for key, members in members_of(events).items():
        fold = FOLDS[key.aggregate]
        if key.aggregate is Aggregate.STATION:
            state, attributed = fold_and_attribute(fold.empty, members)
            told |= attributed
        else:
            state = fold.fold(fold.empty, members)
        newest = max(positions[event.id] for event in members)
        views[key] = StoredView(state=fold.to_json(state), position=newest)
    return _with_answers(_with_assigned(views), told)


def _with_assigned(views: dict[ViewKey, StoredView]) -> dict[ViewKey, StoredView]:
    out = dict(views)
    for key in sorted(views):
        if key.aggregate is not Aggregate.STATION:
            continue
        station = STATION.from_json(views[key].state)
        for work_order in sorted({owner for owner, _ in station.owned}):
            work = ViewKey(Aggregate.WORK_ORDER, work_order)
            view = out.get(work, empty_view(Aggregate.WORK_ORDER))
            assigned = assigned_with(view.assigned, key.id, owned_by(station, work_order))
            position = max(view.position, views[key].position)
            out[work] = StoredView(state=view.state, assigned=assigned, position=position)
    return out


def _with_answers(views: dict[ViewKey, StoredView], told: Mapping[str, Attribution]) -> dict[ViewKey, StoredView]:
    out = dict(views)
    for key in sorted(key for key in views if key.aggregate is Aggregate.QUESTION):
        view = views[key]
        attribution = told.get(key.id, NOBODYS)
        out[key] = replace(view, assigned=attribution_to_json(attribution))
        effect = effect_of(QUESTION.from_json(view.state), attribution)
        for work_order, changes in effect.works.items():
            work = ViewKey(Aggregate.WORK_ORDER, work_order)
            there = out.get(work, empty_view(Aggregate.WORK_ORDER))
            assigned = answered_with(there.assigned, key.id, changes)
            out[work] = replace(there, assigned=assigned, position=max(there.position, view.position))
        if effect.station is not None and effect.dealt_with:
            station = ViewKey(Aggregate.STATION, effect.station)
            there = out[station]
            settled = dealt_with(there.assigned, effect.result, effect.dealt_with)
            out[station] = replace(there, assigned=settled, position=max(there.position, view.position))
    return out


def rebuild(transaction: Transaction) -> int:
    """Fold every view again from the log; the number of views. Decisions are events: none is taken again."""
    views = fold_log(transaction)
    transaction.clear_views()
    transaction.put_views(views)
    transaction.note_views_current()
    return len(views)


def rebuild_old(transaction: Transaction) -> bool:
    """Fold every view again where an older version wrote them in another form; whether it had to."""
    if transaction.views_are_current():
        return False
    rebuild(transaction)
    return True


def verify(transaction: Transaction) -> Verified:
    """Recompute every leaf, every link and every view, and name what differs. Writes nothing."""
    differences = list(_log_differences(transaction))
    last = transaction.last_link()
    if not transaction.views_are_current():
        differences.append(
            "views: an older version of genba wrote them: run `genba cloud rebuild`, or start the collector"
        )
        return Verified(events=last.last, links=last.number, views=0, differences=tuple(differences))
    folded, stored = fold_log(transaction), transaction.all_views()
    for key in sorted({*folded, *stored}):
        mine, theirs = (views.get(key) for views in (folded, stored))
        if mine is None or theirs is None or (mine.state, mine.assigned) != (theirs.state, theirs.assigned):
            if _is_empty(key, mine) and _is_empty(key, theirs):
                continue
            differences.append(f"view {key.aggregate} {key.id}: what is stored does not follow from the log")
    return Verified(events=last.last, links=last.number, views=len(stored), differences=tuple(differences))


def _is_empty(key: ViewKey, view: StoredView | None) -> bool:
    empty = empty_view(key.aggregate)
    return view is None or (view.state, view.assigned) == (empty.state, empty.assigned)


def _log_differences(transaction: Transaction) -> Iterator[str]:
    rows = transaction.log()
    previous = Link(number=0, first=0, last=0, hash=b"")
    for link in transaction.links():
        if (link.number, link.first) != (previous.number + 1, previous.last + 1):
            yield f"link {link.number}: does not follow on link {previous.number}"
        leaves: list[bytes] = []
        for position in range(link.first, link.last + 1):
            row = next(rows, None)
            if row is None or row.position != position:
                yield f"event at position {position}: missing"
                return
            yield from _row_differences(row)
            leaves.append(leaf_of(row.body))
        if link_hash(previous.hash, first=link.first, last=link.last, leaves=leaves) != link.hash:
            yield f"link {link.number}: positions {link.first} to {link.last} are not what was committed"
        previous = link
    for row in rows:
        yield f"event at position {row.position}: no link covers it"


def _row_differences(row: LogRow) -> Iterator[str]:
    if leaf_of(row.body) != row.leaf:
        yield f"event at position {row.position}: its hash is another one"
    elif canonical(row.event) != row.body:
        yield f"event at position {row.position}: its text is not in canonical form"
