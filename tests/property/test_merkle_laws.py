"""The Merkle tree by its right edge, against the recursive definition of RFC 6962 written out naively."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genba_cloud.core.merkle import EMPTY_ROOT, Edge, Prover, root_by_path

SIZES = range(1, 71)


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def leaves(size: int) -> list[bytes]:
    return [sha(b"leaf", number.to_bytes(4, "big")) for number in range(size)]


def split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    half = 1
    while half * 2 < size:
        half *= 2
    return half


def naive_root(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1."""
    if len(entries) == 1:
        return sha(b"\x00", entries[0])
    half = split(len(entries))
    return sha(b"\x01", naive_root(entries[:half]), naive_root(entries[half:]))


def naive_path(index: int, entries: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1."""
    if len(entries) == 1:
        return []
    half = split(len(entries))
    if index < half:
        return [*naive_path(index, entries[:half]), naive_root(entries[half:])]
    return [*naive_path(index - half, entries[half:]), naive_root(entries[:half])]


@pytest.mark.parametrize("size", SIZES)
def test_the_root_is_that_of_the_definition(size: int) -> None:
    edge = Edge()
    for leaf in leaves(size):
        edge.add(leaf)
    assert (edge.size, edge.root()) == (size, naive_root(leaves(size)))


@pytest.mark.parametrize("size", SIZES)
def test_the_path_of_every_leaf_is_that_of_the_definition_and_leads_to_the_root(size: int) -> None:
    entries = leaves(size)
    root = naive_root(entries)
    for index in range(size):
        prover = Prover(index)
        for leaf in entries:
            prover.add(leaf)
        path = prover.path()
        assert list(path) == naive_path(index, entries)
        assert root_by_path(entries[index], index=index, size=size, path=path) == root


@given(st.integers(0, 300), st.integers(0, 300))
def test_an_edge_that_was_kept_goes_on_as_one_that_was_not(kept: int, more: int) -> None:
    entries = leaves(kept + more)
    whole, first = Edge(), Edge()
    for leaf in entries:
        whole.add(leaf)
    for leaf in entries[:kept]:
        first.add(leaf)
    second = Edge(first.size, first.peaks)
    for leaf in entries[kept:]:
        second.add(leaf)
    assert (second.size, second.peaks, second.root()) == (whole.size, whole.peaks, whole.root())


@given(st.data(), st.integers(2, 70))
def test_no_other_leaf_index_size_or_path_leads_to_the_root(data: st.DataObject, size: int) -> None:
    entries = leaves(size)
    root, index = naive_root(entries), data.draw(st.integers(0, size - 1))
    path = naive_path(index, entries)
    bit, node = data.draw(st.integers(0, 255)), data.draw(st.integers(0, len(path) - 1))
    turned = list(path)
    turned[node] = (int.from_bytes(turned[node], "big") ^ (1 << bit)).to_bytes(32, "big")
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index))
    wrong = [
        root_by_path(sha(b"another"), index=index, size=size, path=path),
        root_by_path(entries[index], index=other, size=size, path=path),
        root_by_path(entries[index], index=index, size=size, path=turned),
        root_by_path(entries[index], index=index, size=size, path=path[:-1]),
        root_by_path(entries[index], index=index, size=size, path=[*path, root]),
        root_by_path(entries[index], index=size, size=size, path=path),
    ]
    assert root not in wrong


def test_a_node_cannot_be_taken_for_a_leaf() -> None:
    entries = leaves(2)
    as_leaf = sha(b"\x00", entries[0]) + sha(b"\x00", entries[1])
    assert root_by_path(as_leaf, index=0, size=1, path=()) != naive_root(entries)


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Edge().root() == EMPTY_ROOT == hashlib.sha256(b"").digest()


def test_an_edge_with_the_wrong_number_of_peaks_is_refused() -> None:
    with pytest.raises(ValueError, match="a tree of 6 leaves has 2 peaks, not 1"):
        Edge(6, (b"x" * 32,))
