"""Which blocks a poll group reads now: learns from the requests that the device refuses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from genba_edge.core.registers import MIN_GAP, Block, plan_blocks
from genba_edge.drivers.backoff import Backoff, backoff_of_point
from genba_shared.device_map.model import ModbusPoint, PollSettings


class PollPlan:
    """The blocks of one poll group.

    A refused block of several points is halved until what is really refused is found, so that one bad register costs
    only its own points, and a device that takes short requests only gets the longest that it takes; this is remembered.
    Where single points were refused the pieces between them are joined again, once.
    """

    def __init__(self, points: Iterable[ModbusPoint], settings: PollSettings) -> None:
        self._settings = settings
        self._blocks = list(plan_blocks(points, settings))
        self._busy: list[Block] = []
        self._busy_since: dict[int, float] = {}
        self._refused: dict[int, tuple[Backoff, float]] = {}
        self._stay_apart: set[str] = set()
        self._suspect: Block | None = None

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Every block, refused ones too."""
        return tuple(self._blocks)

    def due(self, *, now: float) -> tuple[Block, ...]:
        """The blocks to read in this poll: all that are answered, and at the end one refused block whose try is due.

        One at most, since a device that is silent where others refuse costs a time-out with each try. `now` is in
        loop seconds.
        """
        usual = [block for block in self._blocks if not self.is_refused(block) and block is not self._suspect]
        waiting = [block for block in self._blocks if self.is_refused(block) and self._retry_at(block) <= now]
        trial = sorted(waiting, key=self._retry_at)[:1]
        return (*usual, *(block for block in self._blocks if block is self._suspect), *trial)

    def put_off(self, block: Block, *, now: float) -> float:
        """The device was too busy for this block: it is worth another try before the next poll.

        Returns:
            For how many seconds it was too busy whenever it was asked.
        """
        self._busy.append(block)
        return now - self._busy_since.setdefault(id(block), now)

    @property
    def is_all_busy(self) -> bool:
        """Whether the device is too busy for every block that it does not refuse."""
        return all(id(block) in self._busy_since for block in self._blocks if not self.is_refused(block))

    @property
    def is_put_off(self) -> bool:
        """Whether the device was too busy for some of its blocks."""
        return bool(self._busy)

    def take_busy(self) -> tuple[Block, ...]:
        """The blocks that were put off since this was last asked, as far as they still are blocks of the plan."""
        busy, self._busy = self._busy, []
        known = {id(block) for block in self._blocks}
        return tuple(block for block in busy if id(block) in known)

    def is_refused(self, block: Block) -> bool:
        """Whether the device refused this block when it was last tried."""
        return id(block) in self._refused

    def suspect(self, block: Block) -> None:
        """No answer to this block: read it last from now on, so that the others have their chance before it."""
        self._suspect = block

    def is_guilty(self, block: Block) -> bool:
        """Whether the silence is the block's own fault, on a connection where others were answered before it.

        That is so if it was on trial, or if it got no answer the last time either.
        """
        return self.is_refused(block) or block is self._suspect

    def retry_all(self) -> None:
        """After a new connection every refused block is worth a try, and every busy one too."""
        self._busy_since.clear()
        self._refused = {block: (backoff, 0.0) for block, (backoff, _) in self._refused.items()}

    def accept(self, block: Block) -> None:
        """The device answered this block."""
        if block is self._suspect:
            self._suspect = None
        self._refused.pop(id(block), None)
        self._busy_since.pop(id(block), None)

    def split(self, block: Block) -> tuple[Block, ...]:
        """The device refused a block: its halves, to try now; none if it cannot be halved."""
        halves = self._halves(block)
        if halves:
            self._replace((block,), halves)
        return halves

    def halve(self, block: Block) -> tuple[Block, ...]:
        """The device is silent for a block: its halves, both on trial at once; none if it cannot be halved."""
        halves = self.split(block)
        self._refused.update((id(half), (backoff_of_point(), 0.0)) for half in halves)
        return halves

    def refuse(self, block: Block, *, now: float) -> None:
        """The device refused a block that cannot be split: leave it out for a while."""
        self._busy_since.pop(id(block), None)
        backoff, _ = self._refused.get(id(block)) or (backoff_of_point(), 0.0)
        self._refused[id(block)] = (backoff, now + backoff.next_s())
        if block is self._suspect:
            self._suspect = None

    def join(self, parts: Iterable[Block]) -> None:
        """Join those parts of a split block that were answered and stand side by side, unless that failed before."""
        good = [part for part in parts if not any(point.name in self._stay_apart for point in part.points)]
        points = [point for part in good for point in part.points]
        self._stay_apart.update(point.name for point in points)
        self._replace(tuple(good), plan_blocks(points, replace(self._settings, max_gap=min(0, self._settings.max_gap))))

    def _halves(self, block: Block) -> tuple[Block, ...]:
        parts = plan_blocks(block.points, replace(self._settings, max_gap=MIN_GAP))
        if len(parts) < 2:
            return ()
        middle = len(parts) // 2
        return tuple(
            half
            for some in (parts[:middle], parts[middle:])
            for half in plan_blocks((point for part in some for point in part.points), self._settings)
        )

    def _replace(self, old: tuple[Block, ...], new: tuple[Block, ...]) -> None:
        gone = {id(block) for block in old}
        for block in old:
            self._refused.pop(id(block), None)
            self._busy_since.pop(id(block), None)
            if block is self._suspect:
                self._suspect = None
        self._blocks = [block for block in self._blocks if id(block) not in gone] + list(new)
        self._blocks.sort(key=lambda block: (block.table, block.address))

    def _retry_at(self, block: Block) -> float:
        return self._refused[id(block)][1] if id(block) in self._refused else 0.0
