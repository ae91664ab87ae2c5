"""Machine keys that were found before, so that a request need not ask the database who sent it.

Only where no other process can revoke a key: beside an SQLite file, which one process holds. Revoking forgets them all.
"""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from genba_cloud.store.accounts import MachineKey

MOST: Final = 1000


class KeyMemory:
    """Keys by the hash of their text. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[bytes, MachineKey] = {}
        self.generation = 0
        """Grows with every revocation: what was read from the database before one is not remembered after it."""

    def recall(self, text: str) -> MachineKey | None:
        """The key, where it was found before and none was revoked since."""
        return self._keys.get(_hash(text))

    def remember(self, text: str, key: MachineKey, *, generation: int) -> None:
        """Keep a key that was found; `generation` as it was before the database was asked."""
        with self._lock:
            if generation == self.generation:
                if len(self._keys) >= MOST:
                    self._keys.clear()
                self._keys[_hash(text)] = key

    def forget(self) -> None:
        """A key was revoked."""
        with self._lock:
            self.generation += 1
            self._keys.clear()


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
