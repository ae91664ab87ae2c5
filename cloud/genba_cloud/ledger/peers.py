"""Several processes that write to one database: nobody writes without its lease, and everybody hears of all commits.

A commit is told on the database's channel, as names only: whoever shows them reads them anew. Episodes alone are read
back from the log, because the assessor follows them one by one.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from genba_cloud.core.facts import Refused
from genba_cloud.ledger.batches import NOTHING_CHANGED, Appended, Changed
from genba_cloud.store.port import LeaseLost, Transaction
from genba_cloud.store.read import EventFilter, Reads
from genba_shared.errors import ContractError
from genba_shared.events import EpisodeClosed, EpisodeEscalated, EpisodeOpened
from genba_shared.topics import PARTITIONS, partition_of

ASSESSOR: Final = "assessor"
"""The lease of the one process that decides on episodes."""

_MOST_BYTES: Final = 7000  # PostgreSQL takes 8000 at a time
_EPISODES: Final = (EpisodeOpened, EpisodeEscalated, EpisodeClosed)
_SETS: Final = tuple(field.name for field in fields(Changed) if field.name != "dispatch")


def partition_lease(partition: int) -> str:
    """The lease of a partition."""
    return f"partition-{partition:02d}"


ALL_LEASES: Final = frozenset({ASSESSOR, *(partition_lease(partition) for partition in range(PARTITIONS))})


class Peers:
    """This process among the others: what it holds, as of its last turn, and what it tells."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._tokens: Mapping[str, int] = {}
        self._checked_in: weakref.ref[Transaction] | None = None
        self._checked: set[tuple[str, int]] = set()

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that we hold."""
        return frozenset(number for number in range(PARTITIONS) if partition_lease(number) in self._tokens)

    def hold(self, tokens: Mapping[str, int]) -> None:
        """From now on we hold these leases, with their fencing tokens, and no others. From any thread."""
        self._tokens = dict(tokens)

    def token(self, lease: str) -> int | None:
        """The fencing token under which we hold the lease, as far as we know; None: we do not."""
        return self._tokens.get(lease)

    def serves(self, gateway: str) -> bool:
        """Whether we hold the gateway's partition, as far as we know."""
        return partition_lease(partition_of(gateway)) in self._tokens

    def check_gateway(self, transaction: Transaction, gateway: str) -> None:
        """Nobody else takes what this gateway sends, until the end of the transaction.

        Raises:
            LeaseLost: its partition is not ours.
        """
        self.check(transaction, partition_lease(partition_of(gateway)))

    def check(self, transaction: Transaction, lease: str) -> None:
        """Nobody else has the lease, until the end of the transaction.

        Raises:
            LeaseLost: it is not ours.
        """
        if self._checked_in is None or self._checked_in() is not transaction:
            self._checked_in, self._checked = weakref.ref(transaction), set()
        token = self._tokens.get(lease)
        if token is None or not ((lease, token) in self._checked or transaction.is_held(lease, token)):
            raise LeaseLost(f"{lease} is not held by {self.name}")
        self._checked.add((lease, token))  # it stays locked until the end of this transaction

    def announce(self, transaction: Transaction, result: object) -> None:
        """Tell the others what this transaction changed, once it is committed."""
        appended = appended_of(result)
        if appended is not None:
            for text in _told(self.name, appended):
                transaction.announce(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidings:
    """What another process committed. `episodes`: positions of the decisions in it, from the first to the last."""

    by: str
    changed: Changed
    episodes: tuple[int, int] | None = None

    @classmethod
    def read(cls, text: str) -> Tidings:
        """Read what `Peers.announce` wrote.

        Raises:
            ContractError: it is something else; another version may be running.
        """
        try:
            told = json.loads(text)
            names = {name: frozenset(map(str, told.get(name, ()))) for name in _SETS}
            episodes = tuple(map(int, told["episodes"])) if "episodes" in told else None
            return cls(by=str(told["by"]), changed=Changed(**names, dispatch=bool(told.get("dispatch"))),
                       episodes=(episodes[0], episodes[1]) if episodes else None)  # fmt: skip
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as exc:
            raise ContractError(f"tidings of another process are not understood: {text!r:.80}") from exc

    def with_episodes(self, reads: Reads, episodes: tuple[int, int]) -> Appended:
        """The commit in the form in which our own are told, with the decisions that it holds."""
        first, last = episodes
        kinds = EventFilter(kinds=[event.kind for event in _EPISODES])
        page = reads.events(after=first - 1, limit=last - first + 1, where=kinds)
        return Appended(changed=self.changed, events=tuple(row for row in page.items if row.position <= last))


def appended_of(result: object) -> Appended | None:
    """What a piece of work on the ledger appended or changed; None: nothing."""
    appended = result if isinstance(result, Appended) else getattr(result, "appended", None)
    if isinstance(result, Refused) or not isinstance(appended, Appended):
        return None
    return appended if appended.events or appended.changed != NOTHING_CHANGED else None


def _told(name: str, appended: Appended) -> Iterator[str]:
    episodes = [logged.position for logged in appended.events if isinstance(logged.event, _EPISODES)]
    head: dict[str, Any] = {"by": name}
    if appended.changed.dispatch:
        head["dispatch"] = True
    if episodes:
        head["episodes"] = [episodes[0], episodes[-1]]
    named = [(kind, one) for kind in _SETS for one in sorted(getattr(appended.changed, kind))]
    if not named and len(head) == 1:
        return
    for part in _parts(named):
        yield json.dumps(head | part, ensure_ascii=False, separators=(",", ":"))


def _parts(named: Iterable[tuple[str, str]]) -> Iterator[dict[str, list[str]]]:
    """The names by kind, in parts that are short enough; at least one part."""
    part: dict[str, list[str]] = {}
    size = 0
    for kind, name in named:
        grows = len(json.dumps(name, ensure_ascii=False).encode()) + len(kind) + 8
        if part and size + grows > _MOST_BYTES - 500:
            yield part
            part, size = {}, 0
        part.setdefault(kind, []).append(name)
        size += grows
    yield part
