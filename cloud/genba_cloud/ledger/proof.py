"""Prove that the log and the views are what they were: every row, every link, every head, every view.

The log is read as a stream: memory does not grow with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from genba_cloud.core.facts import ViewKey
from genba_cloud.ledger import archive
from genba_cloud.ledger.answers import empty_view
from genba_cloud.ledger.heads import Head
from genba_cloud.ledger.log_walk import Evidence, Finding, Walk
from genba_cloud.ledger.refold import fold_log
from genba_cloud.ledger.signing import HeadVerifier
from genba_cloud.store.port import StoredView, Transaction
from genba_cloud.store.proofs import Proofs, RawRow

_MOST_MISSING = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was looked at, and every difference found, in words; none: log, chain, heads and views are sound.

    `first_bad` is the first position of the log that is not proven to be what was committed; None: all are.
    """

    events: int
    links: int
    views: int
    differences: tuple[str, ...]
    heads: int = 0
    first_bad: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """What the log is held against beside itself: heads that were kept elsewhere, and the key that signed heads."""

    heads: Sequence[Head] = ()
    verifier: HeadVerifier | None = None


NOTHING_ELSEWHERE = Anchors()


def verify(transaction: Transaction, enterprise: str, anchors: Anchors = NOTHING_ELSEWHERE) -> Verified:
    """Recompute every leaf, every link, every head and every view, and name what differs. Writes nothing."""
    transaction.alone()
    proofs = transaction.proofs
    heads = [Head.of_row(enterprise, row) for row in proofs.heads()]
    walk = Walk(Evidence(answered=proofs.answered(), heads=[*heads, *anchors.heads], verifier=anchors.verifier))
    findings = [*_findings(proofs, walk), *_lost(proofs, walk)]
    differences = [finding.words for finding in findings]
    positions = [finding.position for finding in findings if finding.position is not None]
    views = 0
    if positions:
        differences.append("views: not looked at, as the log that they follow from is not sound")
    else:
        views = _compare_views(transaction, differences.append)
    return Verified(
        events=walk.last,
        links=walk.links,
        views=views,
        heads=walk.heads,
        differences=tuple(differences),
        first_bad=min(positions, default=None),
    )


def _findings(proofs: Proofs, walk: Walk) -> Iterator[Finding]:
    """Archives and log as one stream. An archive that cannot be read is said, and what stands behind it is proven."""
    yield from walk.signatures()
    archives = proofs.archives()
    kept = _Kept(proofs.rows(upto=archives[-1].last) if archives else ())
    for row in archives:
        try:
            archive.require(row)
        except archive.ArchiveError as exc:
            yield from walk.past(row, str(exc))
        else:
            yield from walk.through(kept.compared(archive.rows_of(row)), archive.links_of(row))
            yield from kept.differing()
    if archives:
        yield from walk.through(proofs.rows(after=archives[-1].last), proofs.links(after=archives[-1].last_link))
    else:
        yield from walk.through(proofs.rows(), proofs.links())
    yield from walk.end()


class _Kept:
    """Rows that stayed in the log although they are archived: they must be what the archive says."""

    def __init__(self, rows: Iterable[RawRow]) -> None:
        self._rows = iter(rows)
        self._next = next(self._rows, None)
        self._found: list[Finding] = []

    def compared(self, rows: Iterable[RawRow]) -> Iterator[RawRow]:
        """The same rows, each compared with what stayed of it."""
        for row in rows:
            while self._next is not None and self._next.position < row.position:
                self._next = next(self._rows, None)
            mine = self._next
            if mine is not None and mine.position == row.position and (mine.body, mine.leaf) != (row.body, row.leaf):
                words = f"event at position {row.position}: the log keeps another one than the archive"
                self._found.append(Finding(row.position, words))
            yield row

    def differing(self) -> Iterator[Finding]:
        """What was found since the last call."""
        found, self._found = self._found, []
        yield from found


def _lost(proofs: Proofs, walk: Walk) -> Iterable[Finding]:
    """What the log must have held, by what was answered to gateways and clients."""
    end = walk.last + 1
    for answered, seen in walk.not_seen():
        missing = [f"{answered.gateway}:{answered.epoch}:{seq}" for seq in range(seen + 1, answered.upto + 1)][-1000:]
        was_given_up = proofs.given_up(answered.gateway, answered.epoch) > seen
        if not (was_given_up or proofs.is_quarantined(answered.gateway, missing)):
            yield Finding(
                end,
                f"gateway {answered.gateway}: answered up to {answered.upto} of epoch {answered.epoch}, the log holds "
                f"up to {seen} and the quarantine none of the rest: the end of the log is missing",
            )
    if proofs.archived_upto() == 0:
        for name in proofs.client_events_missing(most=_MOST_MISSING):
            yield Finding(end, f"event {name}: it was taken from a client, and the log does not hold it")


def _compare_views(transaction: Transaction, differs: Callable[[str], None]) -> int:
    if not transaction.views_are_current():
        differs("views: an older version of genba wrote them: run `genba cloud rebuild`, or start the collector")
        return 0
    folded, stored = fold_log(transaction), transaction.all_views()
    for key in sorted({*folded, *stored}):
        mine, theirs = (views.get(key) for views in (folded, stored))
        if mine is None or theirs is None or (mine.state, mine.assigned) != (theirs.state, theirs.assigned):
            if _is_empty(key, mine) and _is_empty(key, theirs):
                continue
            differs(f"view {key.aggregate} {key.id}: what is stored does not follow from the log")
    return len(stored)


def _is_empty(key: ViewKey, view: StoredView | None) -> bool:
    empty = empty_view(key.aggregate)
    return view is None or (view.state, view.assigned) == (empty.state, empty.assigned)
