"""One walk over log and chain, row by row, that finds what is not as it was committed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from genba_cloud.core.merkle import Edge
from genba_cloud.ledger.chain import canonical, leaf_of, link_hash
from genba_cloud.ledger.heads import Head
from genba_cloud.ledger.signing import HeadVerifier
from genba_cloud.store.port import Link
from genba_cloud.store.proofs import Answered, ArchiveRow, RawRow, event_of_row, wrong_columns
from genba_shared.errors import ContractError
from genba_shared.events import Event, EventId

MOST_FINDINGS: Final = 1000
_MOST_IN_ORDER: Final = 100_000
_LARGEST: Final = 2**63

Epoch = tuple[str, str]


class Finding(NamedTuple):
    """What is wrong, and the first position that it makes doubtful; None where it is no position of the log."""

    position: int | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the log is held against. Where `verifier` is None, heads are compared by their roots alone."""

    answered: Sequence[Answered] = ()
    heads: Sequence[Head] = ()
    verifier: HeadVerifier | None = None


class _Made(NamedTuple):
    """Where an event of a gateway stands, for finding out which of a commit changed places."""

    position: int
    epoch: Epoch
    seq: int


class Walk:
    """Use it once: `signatures`, then the parts of the log in order by `through` or `past`, then `end`."""

    def __init__(self, evidence: Evidence) -> None:
        self._answered = {(one.gateway, one.epoch): one for one in evidence.answered}
        self._greatest: dict[Epoch, int] = {}
        self._heads = sorted(evidence.heads, key=lambda head: head.size)
        self._verifier = evidence.verifier
        self._edge = Edge()
        self._previous = Link(number=0, first=0, last=0, hash=b"")
        self._proven_upto = 0
        self._bad: list[int] = []
        self.last = 0
        self.links = 0
        self.heads = 0

    def through(self, rows: Iterable[RawRow], links: Iterable[Link]) -> Iterator[Finding]:
        """Everything that is wrong, in the order of the log; at most `MOST_FINDINGS`."""
        yield from self._noted(self._findings(_Rows(rows), links))

    def past(self, row: ArchiveRow, words: str) -> Iterator[Finding]:
        """Go on behind an archive that cannot be read. What follows is proven by its last link and its tree's peaks.

        That these are right shows with the next head: it is signed over them, too.
        """
        yield from self._noted([Finding(row.first, words)])
        self._previous = Link(number=row.last_link, first=row.first, last=row.last, hash=row.last_hash)
        self._edge = Edge(row.last, row.peaks)
        self._heads = [head for head in self._heads if head.size > row.last]
        self.last = self._proven_upto = row.last
        self.links = row.last_link

    def end(self) -> Iterator[Finding]:
        """What stands behind the last link, and what should stand there."""
        for head in self._heads:
            signed = f"head at position {head.size}, signed {_time(head)}"
            yield Finding(self.last + 1, f"{signed}: the log ends at position {self.last}")

    def signatures(self) -> Iterator[Finding]:
        """Heads that nobody with the key signed."""
        for head in self._heads:
            if self._verifier is not None and not head.is_signed_by(self._verifier):
                yield Finding(None, f"head at position {head.size}: not signed with the key {self._verifier.name}")

    def _noted(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        for number, finding in enumerate(findings):
            if number == MOST_FINDINGS:
                yield Finding(None, f"more than {MOST_FINDINGS} differences: the others are not listed")
                return
            if finding.position is not None:
                self._bad.append(finding.position)
            yield finding

    def not_seen(self) -> Iterator[tuple[Answered, int]]:
        """Gateways that were answered further than the log goes, and how far it goes."""
        for epoch, answered in self._answered.items():
            seen = self._greatest.get(epoch, 0)
            if seen < answered.upto:
                yield answered, seen

    def _findings(self, rows: _Rows, links: Iterable[Link]) -> Iterator[Finding]:
        for link in links:
            self.links += 1
            yield from self._link(self._previous, link, rows)
            yield from self._heads_so_far()
            self._previous = link
        left: list[Finding] = []
        for row, _ in self._checked(rows, _LARGEST, left):
            yield Finding(row.position, f"event at position {row.position}: no link covers it")
            yield from _emptied(left)
        yield from self._heads_so_far()

    def _link(self, previous: Link, link: Link, rows: _Rows) -> Iterator[Finding]:
        expected = self.last + 1
        found: list[Finding] = []
        if not _follows(previous, link, expected):
            yield Finding(expected, f"link {link.number}: does not follow on link {previous.number}")
            for _ in self._checked(rows, link.last, found):
                yield from _emptied(found)
            return
        order: list[_Made] = []
        leaves = self._leaves(rows, link.last, found, order)
        hashed = link_hash(previous.hash, first=link.first, last=link.last, leaves=leaves)
        if self.last < link.last:
            found.append(Finding(self.last + 1, f"event at position {self.last + 1}: missing"))
            self.last = link.last
        yield from found
        if hashed != link.hash and not found:
            at = _first_out_of_order(order) or link.first
            words = f"link {link.number}: positions {link.first} to {link.last} are not what was committed"
            yield Finding(at, words if at == link.first else f"{words}, from position {at} on")

    def _leaves(self, rows: _Rows, last: int, found: list[Finding], order: list[_Made]) -> Iterator[bytes]:
        for row, event in self._checked(rows, last, found):
            made = EventId.parse(event.id) if event else None
            if made is not None and len(order) < _MOST_IN_ORDER:
                order.append(_Made(row.position, (made.gateway, made.epoch), made.seq))
            yield leaf_of(row.body)

    def _checked(self, rows: _Rows, last: int, found: list[Finding]) -> Iterator[tuple[RawRow, Event | None]]:
        """The rows up to a position, each looked at by itself; what is wrong with them is added to `found`."""
        for row in rows.upto(last):
            if row.position <= self.last:
                found.append(
                    Finding(self.last + 1, f"a row at position {row.position}: that is no position of the log")
                )
                continue
            if row.position > self.last + 1:
                found.append(Finding(self.last + 1, f"event at position {self.last + 1}: missing"))
            elif self._edge.size == self.last:
                self._edge.add(leaf_of(row.body))
            self.last = row.position
            event, words = _looked_at(row)
            if words is not None:
                found.append(Finding(row.position, f"event at position {row.position}: {words}"))
            elif event is not None:
                found += self._seen(row.position, event)
            yield row, event

    def _seen(self, position: int, event: Event) -> Iterator[Finding]:
        made = EventId.parse(event.id)
        if made is None:
            return
        epoch = (made.gateway, made.epoch)
        self._greatest[epoch] = max(self._greatest.get(epoch, 0), made.seq)
        answered = self._answered.get(epoch)
        if answered is not None and made.seq > answered.upto:
            yield Finding(
                position,
                f"event at position {position}: gateway {made.gateway} was answered up to {answered.upto} only, "
                f"and this is its {made.seq}",
            )

    def _heads_so_far(self) -> Iterator[Finding]:
        """Compare the heads up to here; a difference that a bad row explains already is not told again."""
        while self._heads and self._heads[0].size <= self.last:
            head = self._heads.pop(0)
            is_same = head.size == self._edge.size and head.root == self._edge.root()
            self.heads += 1
            if is_same:
                self._proven_upto = head.size
            elif not any(self._proven_upto < position <= head.size for position in self._bad):
                first = self._proven_upto + 1
                yield Finding(first, f"positions {first} to {head.size} are not what was signed {_time(head)}")


class _Rows:
    """The rows of a log, taken piece by piece."""

    def __init__(self, rows: Iterable[RawRow]) -> None:
        self._rows = iter(rows)
        self._next = next(self._rows, None)

    def upto(self, last: int) -> Iterator[RawRow]:
        """Those up to a position that were not taken yet."""
        while self._next is not None and self._next.position <= last:
            row, self._next = self._next, next(self._rows, None)
            yield row


def _follows(previous: Link, link: Link, expected: int) -> bool:
    return (link.number, link.first) == (previous.number + 1, expected) and expected <= link.last < _LARGEST


def _looked_at(row: RawRow) -> tuple[Event | None, str | None]:
    """The event of a row, and what is wrong with the row by itself."""
    if leaf_of(row.body) != row.leaf:
        return None, "its hash is another one"
    try:
        event = event_of_row(row)
    except (ValueError, ContractError, RecursionError):
        return None, "its text is no event"
    if canonical(event) != row.body:
        return event, "its text is not in canonical form"
    wrong = wrong_columns(row, event)
    return event, f"column {', '.join(wrong)} does not say what the event says" if wrong else None


def _first_out_of_order(order: Sequence[_Made]) -> int | None:
    """The first position whose event, by the gateway's own numbering, belongs elsewhere in the same commit."""
    wrong: list[int] = []
    for epoch in {made.epoch for made in order}:
        mine = [made for made in order if made.epoch == epoch]
        numbers = sorted(made.seq for made in mine)
        wrong += [made.position for made, seq in zip(mine, numbers, strict=True) if made.seq != seq]
    return min(wrong, default=None)


def _emptied(found: list[Finding]) -> tuple[Finding, ...]:
    out = tuple(found)
    found.clear()
    return out


def _time(head: Head) -> str:
    return f"{head.at:%Y-%m-%d %H:%M} UTC"
