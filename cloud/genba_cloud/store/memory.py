"""What a process remembers of an enterprise's views and plans between two commits, so that it need not read them again.

Only what was committed is remembered, and every value is immutable: a transaction that is rolled back leaves no trace.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Final, Generic, TypeVar

from genba_cloud.core.facts import ViewKey
from genba_cloud.store.port import PlannedWork, StoredView

VIEWS: Final = 5_000
"""Views that are remembered: some ten kilobytes each, with all that was worked out from them."""
PLANS: Final = 5_000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The values that were used last, at most `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The value; None where it is not remembered."""
        value = self._values.pop(key, None)
        if value is not None:
            self._values[key] = value  # now it is the newest
        return value

    def keep(self, values: Mapping[K, V]) -> None:
        """Remember these, and forget what was not used for longest."""
        for key, value in values.items():
            self._values.pop(key, None)
            self._values[key] = value
        while len(self._values) > self._most:
            self._values.pop(next(iter(self._values)), None)

    def forget(self) -> None:
        """Forget everything."""
        self._values.clear()


class Memory:
    """Of one enterprise. A plan never changes once it is there; a view is the one of its `position`."""

    def __init__(self) -> None:
        self.views: Recent[ViewKey, StoredView] = Recent(VIEWS)
        self.plans: Recent[str, PlannedWork] = Recent(PLANS)
