"""What RFID tags stand for: now, and for a while what they stood for before, because passages may arrive late."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from genba_edge.core.journal import Journal, load
from genba_shared.clock import format_time, parse_time
from genba_shared.dispatch_document import TagBinding

KEPT = timedelta(days=7)  # a reader that was away for longer gives its passages to what the tags stand for now
_KEY = "unbound/"
_NONE: Set[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A binding that held until `until`."""

    binding: TagBinding
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebound:
    """A tag stands for something else: `before` and `after` (None: nothing), since `at`."""

    tag: str
    before: TagBinding | None
    after: TagBinding | None
    at: datetime


class Bindings:
    """The bindings of the dispatch document that is in force, and of each tag the one before."""

    def __init__(self, journal: Journal, in_force: Iterable[TagBinding], saved: Mapping[str, str]) -> None:
        self._journal = journal
        self._now: dict[str, TagBinding] = {}
        self._tags: dict[str, set[str]] = {}
        self._take(in_force)
        self._before: dict[str, Ended] = {
            tag: Ended(
                binding=TagBinding(
                    tag=tag, work_order=value["work_order"], pieces=value["pieces"], since=parse_time(value["since"])
                ),
                until=parse_time(value["until"]),
            )
            for tag, value in load(saved, _KEY).items()
        }

    def replace(self, bindings: Iterable[TagBinding], *, now: datetime) -> list[Rebound]:
        """Other bindings are in force; what each tag stood for until now is remembered for `KEPT`.

        Returns:
            the tags that stand for another work order, for another number of pieces, or newly for something or nothing.
        """
        before = self._now
        self._take(bindings)
        changed: list[Rebound] = []
        for tag, binding in before.items():
            following = self._now.get(tag)
            if following is None or following.work_order != binding.work_order:
                until = now if following is None else min(following.since, now)  # the collector's clock may be ahead
                self._remember(binding, until=until)
                changed.append(Rebound(tag=tag, before=binding, after=following, at=until))
            elif following.pieces != binding.pieces:
                changed.append(Rebound(tag=tag, before=binding, after=following, at=now))
        changed += [
            Rebound(tag=tag, before=None, after=binding, at=binding.since)
            for tag, binding in self._now.items()
            if tag not in before
        ]
        for tag in [tag for tag, ended in self._before.items() if now - ended.until > KEPT]:
            del self._before[tag]
            self._journal.forget(_KEY + tag)
        return changed

    def at(self, tag: str, at: datetime) -> TagBinding | None:
        """What the tag stood for at `at`.

        A passage shortly before its tag was bound counts for that binding: people bind what has just come in.
        """
        before = self._before.get(tag)
        if before is not None and at < before.until:
            return before.binding
        return self._now.get(tag)

    def tags_of(self, work_order: str) -> Set[str]:
        """The tags that are bound to the work order now."""
        return self._tags.get(work_order, _NONE)

    def _take(self, bindings: Iterable[TagBinding]) -> None:
        self._now = {binding.tag: binding for binding in bindings}
        self._tags = {}
        for tag, binding in self._now.items():
            self._tags.setdefault(binding.work_order, set()).add(tag)

    def _remember(self, binding: TagBinding, *, until: datetime) -> None:
        self._before[binding.tag] = Ended(binding=binding, until=until)
        self._journal.save(
            _KEY + binding.tag,
            {
                "work_order": binding.work_order,
                "pieces": binding.pieces,
                "since": format_time(binding.since),
                "until": format_time(until),
            },
        )
