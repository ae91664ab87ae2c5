"""Pages of lists that are at hand as a whole."""

from __future__ import annotations

import pytest

from genba_cloud.api.paging import page_of
from genba_cloud.store.read import UnknownCursorError


def pages(items: list[str], limit: int) -> list[list[str]]:
    found, cursor = [], None
    while True:
        page, cursor = page_of(items, lambda item: (item,), cursor=cursor, limit=limit)
        found.append(list(page))
        if cursor is None:
            return found


def test_pages_hold_everything_once_in_order() -> None:
    assert pages(["c", "a", "e", "b", "d"], 2) == [["a", "b"], ["c", "d"], ["e"]]
    assert pages(["b", "a"], 2) == [["a", "b"]]
    assert pages([], 2) == [[]]


def test_what_goes_in_between_moves_nothing_over_the_edge() -> None:
    _, cursor = page_of(["a", "b", "c"], lambda item: (item,), cursor=None, limit=2)
    page, following = page_of(["a", "c", "d"], lambda item: (item,), cursor=cursor, limit=2)
    assert (list(page), following) == (["c", "d"], None)


@pytest.mark.parametrize("cursor", ["nonsense", "{}", "[]", "[1]", '[["a"]]', "[null]"])
def test_a_cursor_of_something_else_is_refused(cursor: str) -> None:
    with pytest.raises(UnknownCursorError):
        page_of(["a", "b"], lambda item: (item,), cursor=cursor, limit=1)
