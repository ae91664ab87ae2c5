"""When what was derived is committed: at once after a quiet time, together while something is on its way.

The first event after a quiet time is what somebody waits for. Those that follow while its commit or its envelope is
under way would only queue up behind it: together they cost the card one commit, and the link one envelope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GROUP_S: Final = 0.2  # wall: how long what was derived may wait for company


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """Since when something waits to be committed (seconds of any monotonic clock); None: nothing does."""

    waiting_since: float | None = None

    def looked(self, *, has_work: bool, now_s: float) -> Grouping:
        """After a look at what was derived: whether there is anything to commit."""
        if not has_work:
            return _NOTHING
        return self if self.waiting_since is not None else Grouping(waiting_since=now_s)

    def due_in_s(self, *, is_under_way: bool, now_s: float) -> float | None:
        """In how many seconds to commit; 0: now; None: there is nothing. `is_under_way`: an envelope is."""
        if self.waiting_since is None:
            return None
        return max(0.0, self.waiting_since + GROUP_S - now_s) if is_under_way else 0.0


_NOTHING: Final = Grouping()
