"""Machine keys that were found before, so that a request need not ask the database who sent it.

Revoking a key forgets them all at once. Where other processes revoke keys as well (PostgreSQL), what was found is
believed for a second: a key that another process revoked works for so long. One process alone may believe it for ever.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from genba_cloud.store.accounts import MachineKey

MOST: Final = 1000
BESIDE_OTHERS_S: Final = 1.0
"""How long a key is believed where other processes may revoke it."""


class KeyMemory:
    """Keys by the hash of their text. Thread-safe."""

    def __init__(self, *, kept_s: float = float("inf"), clock: Callable[[], float] = time.monotonic) -> None:
        """Empty. `kept_s`: for how long what was found is believed."""
        self._lock = threading.Lock()
        self._clock = clock
        self._kept_s = kept_s
        self._keys: dict[bytes, tuple[MachineKey, float]] = {}
        self.generation = 0
        """Grows with every revocation: what was read from the database before one is not remembered after it."""

    def recall(self, text: str) -> MachineKey | None:
        """The key, where it was found not too long ago and none was revoked since."""
        kept = self._keys.get(_hash(text))
        return kept[0] if kept is not None and self._clock() - kept[1] < self._kept_s else None

    def remember(self, text: str, key: MachineKey, *, generation: int) -> None:
        """Keep a key that was found; `generation` as it was before the database was asked."""
        with self._lock:
            if generation == self.generation:
                if len(self._keys) >= MOST:
                    self._keys.clear()
                self._keys[_hash(text)] = (key, self._clock())

    def forget(self) -> None:
        """A key was revoked."""
        with self._lock:
            self.generation += 1
            self._keys.clear()


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
