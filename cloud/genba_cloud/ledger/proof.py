"""Prove that the log and the views are what they were: every leaf, every link, every view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from genba_cloud.core.facts import ViewKey
from genba_cloud.ledger.answers import empty_view
from genba_cloud.ledger.chain import canonical, leaf_of, link_hash
from genba_cloud.ledger.refold import fold_log
from genba_cloud.store.port import Link, LogRow, StoredView, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was looked at, and every difference found, in words; none: log, chain and views are sound."""

    events: int
    links: int
    views: int
    differences: tuple[str, ...]


def verify(transaction: Transaction) -> Verified:
    """Recompute every leaf, every link and every view, and name what differs. Writes nothing."""
    transaction.alone()
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
