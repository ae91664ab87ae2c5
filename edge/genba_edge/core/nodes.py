"""Progress of the nodes that this gateway derives: started, evidence so far, completed; one claim for each.

The rule of a node (`completion`) is looked at whenever something that it asks for has changed. A claimed node is
claimed again only after a dispatch document wanted more pieces of it than the claim was for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from datetime import datetime
from typing import Final

from genba_edge.core.claims import Claim, claim_of, tell_claim
from genba_edge.core.completion import (
    BY_GOOD,
    Met,
    Situation,
    at_stations,
    begins,
    bounded_results,
    is_met,
    pieces_until_release,
    ripe_at,
    seen_at_leaving,
)
from genba_edge.core.journal import Journal
from genba_edge.core.levels import Levels
from genba_edge.core.node_memory import NodeMemory
from genba_edge.core.progress import (
    Progress,
    StationPart,
    WorkKey,
    as_claimed,
    as_memory,
    with_doubt,
    with_pieces,
    with_quantity,
)
from genba_shared.clock import format_time
from genba_shared.device_map.model import (
    CompletionRule,
    Condition,
    DeviceMap,
    NodeRule,
    PiecesReach,
    PointIs,
    StartRule,
    TimeSinceStart,
    leaves_of,
)
from genba_shared.events import (
    NodeStarted,
    ProgressReported,
    Result,
    Source,
    SourceType,
)

__all__ = ["Claim", "Nodes", "Progress", "WorkKey"]

MOST_CLAIMED: Final = 10_000  # claimed nodes that no document names any more, so that none is claimed twice
MOST_UNNAMED: Final = 500  # nodes that no document names, with the pieces counted for them


class Nodes:
    """Progress of every open node, and the claims made from it."""

    def __init__(
        self, device_map: DeviceMap, journal: Journal, saved: Mapping[str, str], levels: Levels | None = None
    ) -> None:
        self._rules = device_map.nodes
        self._journal = journal
        self._levels = levels or Levels((), (), journal, {})
        self._counting = {
            rule.code: any(Result.GOOD in device_map.stations[station].counts for station in rule.stations)
            for rule in device_map.nodes.values()
        }
        self._by_pieces = {code for code, rule in self._rules.items() if rule.done_when == CompletionRule()}
        self._bounded = {code: bounded_results(rule) for code, rule in self._rules.items()}
        self._memory = NodeMemory(journal, saved)
        self._quantities: dict[WorkKey, int] = {}
        self._bound: Callable[[str], Set[str]] = lambda _work_order: frozenset()
        self._gather: Callable[[WorkKey], None] = lambda _key: None
        self._changed: Callable[[WorkKey | None], None] = lambda _key: None
        self._claimed: list[Callable[[Claim], None]] = []
        self._released: list[Callable[[WorkKey, datetime], None]] = []
        self._ripening: dict[WorkKey, datetime] = {}
        for key, _ in self._memory:
            self._note_ripening(key)

    def know_bindings(self, tags_of: Callable[[str], Set[str]]) -> None:
        """`tags_of` says which tags are bound to a work order."""
        self._bound = tags_of

    def gather_by(self, gather: Callable[[WorkKey], None]) -> None:
        """`gather` emits the pieces of a node that are counted and not yet told, so that a claim knows of them."""
        self._gather = gather

    def when_claimed(self, act: Callable[[Claim], None]) -> None:
        """Call `act` after every new claim."""
        self._claimed.append(act)

    def when_changed(self, act: Callable[[WorkKey | None], None]) -> None:
        """Call `act` when anything but the number of its pieces changes at a node; None: at any of them."""
        self._changed = act

    def when_released(self, act: Callable[[WorkKey, datetime], None]) -> None:
        """Call `act` when the stations have done their part of a node, at the claim at the latest."""
        self._released.append(act)

    def set_quantities(self, quantities: Mapping[WorkKey, int], answered: Mapping[WorkKey, int]) -> None:
        """Take the pieces that the newest document wants, and those that answers of people add or take away."""
        self._quantities = dict(quantities)
        self._changed(None)
        now = self._journal.moment.now
        unseen = ((key, self.progress(key)) for key in answered.keys() & quantities.keys())
        for key, progress in dict((*self._memory, *unseen)).items():
            quantity, pieces = quantities.get(key), answered.get(key, 0)
            if quantity is not None:
                changed = self._memory.change(key, with_quantity(progress, quantity, answered=pieces, at=now))
                if changed and progress.completed:
                    self._note_ripening(key)
            elif progress.completed:
                self._memory.change(key, as_memory(progress))
            elif progress.answered:
                self._memory.put(key, replace(progress, answered=0))
        kinds: tuple[tuple[Callable[[Progress], bool], int], ...] = (
            (lambda progress: progress.completed, MOST_CLAIMED),
            (lambda progress: not progress.completed and not progress.is_worked_on, MOST_UNNAMED),
        )
        for kind, most in kinds:
            for key in self._memory.bound(quantities.keys(), kind, most):
                self._ripening.pop(key, None)

    def start_answered(self, at: datetime) -> None:
        """A node with pieces has begun, also where people's answers brought the first of them."""
        for key in self.open_keys():
            if self.progress(key).answered > 0:
                self.start(key, at=at, station=None, source=self._system())

    def quantity(self, key: WorkKey) -> int | None:
        """Pieces wanted; None where no dispatch document named the node yet."""
        return self._quantities.get(key)

    def keys_of(self, code: str) -> list[WorkKey]:
        """The work orders of which a dispatch document wants this node."""
        return [key for key in self._quantities if key.node == code]

    def is_completed(self, key: WorkKey) -> bool:
        """Whether this gateway has claimed the completion."""
        return self.progress(key).completed

    def is_over(self, key: WorkKey) -> bool:
        """Whether no station has anything left to do for the node: it is claimed, or only tags are awaited."""
        progress = self.progress(key)
        return progress.completed or progress.released

    def progress(self, key: WorkKey) -> Progress:
        """What is known of the node; an unknown node has not begun."""
        return self._memory.of(key)

    def rules(self) -> Mapping[str, NodeRule]:
        """The map's rules by node code."""
        return self._rules

    def open_keys(self) -> list[WorkKey]:
        """Nodes with progress that are not yet claimed."""
        return [key for key, progress in self._memory if not progress.completed]

    def room(self, key: WorkKey, result: Result, *, good: int, scrap: int) -> int | None:
        """Further pieces after which the stations go on to other work; None: no number of pieces makes them.

        Args:
            key: the node.
            result: what the pieces will be.
            good: good pieces of the node that are counted and not yet added.
            scrap: the same of scrap.
        """
        quantity = self._quantities.get(key)
        if quantity is None:
            return None
        progress = self.progress(key)
        if result not in self._bounded.get(key.node, BY_GOOD):
            return None
        if key.node in self._by_pieces:
            return max(0, quantity - progress.settled - good)
        if progress.completed or progress.released:
            return 0
        waiting = replace(progress, good=progress.good + good, scrap=progress.scrap + scrap)
        return pieces_until_release(self._condition(key), self._situation(key, quantity, of=waiting), result)

    def wanted(self, key: WorkKey, *, good: int, scrap: int) -> tuple[int, int] | None:
        """Good pieces, and pieces altogether, that an unclaimed node still wants; None: no quantity is known."""
        quantity, progress = self._quantities.get(key), self.progress(key)
        if quantity is None or progress.completed:
            return None
        missing = quantity - progress.settled - good
        return missing, missing - progress.scrap - scrap

    def work_on(self, key: WorkKey, station: str, *, at: datetime, source: Source, because: str) -> None:
        """A station works on the node from `at` on (already told as event `because`)."""
        progress = self.progress(key)
        part = progress.stations.get(station, StationPart(since=format_time(at)))
        parts = {**progress.stations, station: replace(part, left_at="")}
        self._put(key, replace(progress, stations=parts))
        rule = self._rules.get(key.node)
        if rule is not None and begins(rule, station, self._levels):
            self.start(key, at=at, station=station, source=source, because=because)

    def leave(self, key: WorkKey, station: str, *, at: datetime, source: Source, because: str) -> None:
        """A station works on other work from `at` on; what is done of the node so far is reported."""
        progress = self.progress(key)
        part = progress.stations.get(station, StationPart(since=format_time(at)))
        seen = progress.seen
        if not progress.completed:
            seen = seen_at_leaving(self._condition(key), self._situation(key, 0))
        parts = {**progress.stations, station: replace(part, left_at=format_time(at))}
        progress = replace(progress, stations=parts, seen=seen)
        self._put(key, as_claimed(progress) if progress.completed and not progress.is_worked_on else progress)
        self.settle(key, source=source)
        self._report(key, at=at, source=source, because=because)

    def start(self, key: WorkKey, *, at: datetime, station: str | None, source: Source, because: str = "") -> None:
        """Emit `node_started` once."""
        progress = self.progress(key)
        if progress.started or key.node not in self._rules:
            return
        self._put(key, replace(progress, started=True, started_at=format_time(at)))
        self._note_ripening(key)
        event = self._journal.emit(
            NodeStarted,
            at=at,
            source=source,
            station=station,
            work_order=key.work_order,
            node=key.node,
            because=(because,) if because else (),
        )
        rule = self._rules[key.node].start_when
        if not isinstance(rule, StartRule):
            self._journal.note_trail(event, rule=f"start_when: {rule}")

    def add_pieces(
        self,
        key: WorkKey,
        pieces: int,
        *,
        at: datetime,
        because: str,
        ambiguous: bool,
        station: str | None = None,
        result: Result = Result.GOOD,
    ) -> None:
        """Pieces were counted for the node (already emitted as event `because`)."""
        progress = with_pieces(
            self.progress(key),
            result,
            pieces,
            at=at,
            because=because,
            station=station,
            quantity=self._quantities.get(key),
        )
        self._memory.put(key, with_doubt(progress, "") if ambiguous else progress)

    def doubt(self, key: WorkKey, why: str = "") -> None:
        """Whether all its pieces were made for the node is not certain: its completion will be ambiguous."""
        self._memory.change(key, with_doubt(self.progress(key), why))

    def see(self, key: WorkKey, leaf: PointIs, *, at: datetime) -> None:
        """A bit rose or fell while the node was worked on."""
        progress = self.progress(key)
        if not progress.completed and str(leaf) not in progress.seen:
            self._put(key, replace(progress, seen={**progress.seen, str(leaf): format_time(at)}))

    def add_tag(self, key: WorkKey, tag: str, pieces: int, *, at: datetime, because: str) -> None:
        """A tag of the work order left the zone that the node's completion names (event `because`)."""
        progress = self.progress(key)
        if tag not in progress.tags and not progress.completed:
            self._put(key, replace(progress, tags={**progress.tags, tag: (pieces, format_time(at), because)}))

    def complete_left(self, key: WorkKey, bound: Set[str], *, source: Source) -> bool:
        """A tag left: claim the completion if the rule is met. `bound` are the tags of the work order now.

        Tags that left and were then taken off the work order, to be used again, have left with their pieces all the
        same.
        """
        return self.settle(key, source=source, bound=bound)

    def pass_time(self, now: datetime) -> None:
        """Claim what only waited for time to pass."""
        if self._ripening:
            for key in [key for key, ripe in self._ripening.items() if ripe <= now]:
                ripe = self._ripening.pop(key)
                self._note_ripening(key, after=ripe)
                self.settle(key, source=self._system(), at=ripe)

    def settle(
        self,
        key: WorkKey,
        *,
        source: Source,
        station: str | None = None,
        at: datetime | None = None,
        bound: Set[str] | None = None,
    ) -> bool:
        """Look at the rule of the node: claim it, or let its stations go. Returns whether it was claimed now.

        `at` is when its stations go on to other work if they do; now, where it is left out.
        """
        if self.progress(key).completed or key not in self._quantities:
            return False
        self._gather(key)
        quantity, progress = self._quantities[key], self.progress(key)
        if progress.completed:
            return False
        situation = self._situation(key, quantity, bound)
        met = is_met(self._condition(key), situation.show)
        if met is not None:
            self._claim(key, met, situation, station=station, source=source)
            self._release(key, at)
            return True
        stations = at_stations(self._condition(key))
        if stations is not None and not progress.released and is_met(stations, situation.show) is not None:
            self._put(key, replace(progress, released=True))
            self._release(key, at)
        return False

    def _release(self, key: WorkKey, at: datetime | None) -> None:
        for act in self._released:
            act(key, at or self._journal.moment.now)

    def _situation(
        self, key: WorkKey, quantity: int, bound: Set[str] | None = None, *, of: Progress | None = None
    ) -> Situation:
        return Situation(
            progress=of or self.progress(key),
            quantity=quantity,
            levels=self._levels,
            bound=self._bound(key.work_order) if bound is None else bound,
            now=self._journal.moment.now,
        )

    def _condition(self, key: WorkKey) -> Condition:
        rule = self._rules.get(key.node)
        return _GOOD if rule is None else rule.done_when.condition

    def _claim(self, key: WorkKey, met: Met, situation: Situation, *, station: str | None, source: Source) -> None:
        is_counted = self._counting.get(key.node, False)
        facts = claim_of(self._condition(key), met, situation, is_counted=is_counted)
        claim = tell_claim(self._journal, key, met, facts, situation.progress, station=station, source=source)
        self._put(key, replace(situation.progress, completed=True, released=True, claimed_for=situation.quantity))
        self._ripening.pop(key, None)
        for act in self._claimed:
            act(claim)

    def _report(self, key: WorkKey, *, at: datetime, source: Source, because: str) -> None:
        """Tell how far a node has come that its last station left unfinished."""
        progress = self.progress(key)
        pieces = progress.told_good
        done = pieces != progress.reported and not progress.completed and not progress.released
        if not done or progress.is_worked_on or key.node not in self._rules:
            return
        self._put(key, replace(progress, reported=pieces))
        self._journal.emit(
            ProgressReported,
            at=at,
            source=source,
            work_order=key.work_order,
            node=key.node,
            pieces=pieces,
            quantity=self._quantities.get(key),
            because=tuple(name for name in (progress.because, because) if name),
        )

    def _note_ripening(self, key: WorkKey, *, after: datetime | None = None) -> None:
        """When time alone may next complete the node."""
        progress, rule = self.progress(key), self._rules.get(key.node)
        if rule is None or progress.completed:
            return
        leaves = (leaf for leaf in leaves_of(rule.done_when.condition) if isinstance(leaf, TimeSinceStart))
        times = (ripe for leaf in leaves if (ripe := ripe_at(leaf, progress)) is not None)
        ripe = min((time for time in times if after is None or time > after), default=None)
        if ripe is not None:
            self._ripening[key] = ripe

    def _put(self, key: WorkKey, progress: Progress) -> None:
        self._memory.put(key, progress)
        self._changed(key)

    def _system(self) -> Source:
        return Source(type=SourceType.SYSTEM, ref=self._journal.identity.gateway)


_GOOD: Final = PiecesReach()
