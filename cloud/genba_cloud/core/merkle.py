"""The Merkle tree over the leaves of a log, as RFC 6962 section 2.1 builds it, held by its right edge alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 of 0x00 and the leaf: no leaf can be taken for a node (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of 0x01 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Edge:
    """The right edge of a growing tree: the roots of its full sub-trees, largest first, one per 1 bit of the size.

    That is all that is needed to add leaves and to know the root: at most 64 hashes, however long the log is.
    """

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Go on from an edge that was kept.

        Raises:
            ValueError: a tree of this size has another number of peaks.
        """
        if size < 0 or len(peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} peaks, not {len(peaks)}")
        self.size = size
        self._peaks = list(peaks)

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Roots of the full sub-trees, largest first."""
        return tuple(self._peaks)

    def add(self, leaf: bytes) -> None:
        """Add the next leaf."""
        node, size = leaf_hash(leaf), self.size
        while size & 1:
            node = node_hash(self._peaks.pop(), node)
            size >>= 1
        self._peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        if not self._peaks:
            return EMPTY_ROOT
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = node_hash(peak, node)
        return node


class Prover:
    """Grows a tree like an `Edge` and remembers what proves that one leaf is in it."""

    def __init__(self, index: int) -> None:
        """`index` of the leaf counts from 0."""
        self._index = index
        self._peaks: list[bytes] = []
        self._holder: int | None = None
        self._path: list[bytes] = []
        self.size = 0

    def add(self, leaf: bytes) -> None:
        """Add the next leaf."""
        node, size, is_mine = leaf_hash(leaf), self.size, self.size == self._index
        while size & 1:
            left = self._peaks.pop()
            if is_mine:
                self._path.append(left)
            elif self._holder == len(self._peaks):
                self._path.append(node)
                is_mine = True
            node = node_hash(left, node)
            size >>= 1
        if is_mine:
            self._holder = len(self._peaks)
        self._peaks.append(node)
        self.size += 1

    def path(self) -> tuple[bytes, ...]:
        """The audit path of the leaf in the tree as it is now, from the leaf to the root (RFC 6962, 2.1.1).

        Raises:
            ValueError: the leaf has not been added.
        """
        if self._holder is None:
            raise ValueError(f"the tree has {self.size} leaves, and none at {self._index}")
        path, last = list(self._path), len(self._peaks) - 1
        node, is_mine = self._peaks[last], self._holder == last
        for number in range(last - 1, -1, -1):
            peak = self._peaks[number]
            if is_mine:
                path.append(peak)
            elif self._holder == number:
                path.append(node)
                is_mine = True
            node = node_hash(peak, node)
        return tuple(path)


def root_by_path(leaf: bytes, *, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that the path leads to from the leaf; None where no tree of this size has such a path.

    Source: RFC 9162, 2.1.3.2 (verifying an inclusion proof).
    """
    if not 0 <= index < size:
        return None
    number, last, node = index, size - 1, leaf_hash(leaf)
    for other in path:
        if last == 0:
            return None
        if number & 1 or number == last:
            node = node_hash(other, node)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            node = node_hash(node, other)
        number, last = number >> 1, last >> 1
    return node if last == 0 else None
