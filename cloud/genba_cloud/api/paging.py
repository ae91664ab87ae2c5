"""Pages of lists that are at hand as a whole: in the words in which every list is paged, `cursor`, `limit`, `next`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Final, TypeVar

import orjson
from fastapi import Query

from genba_cloud.store.read import UnknownCursorError

LARGEST_PAGE: Final = 1000
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before")]
PageSize = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="how many at most")]

Key = tuple[str | int, ...]
T = TypeVar("T")


def page_of(
    items: Iterable[T], key: Callable[[T], Key], *, cursor: str | None, limit: int
) -> tuple[Sequence[T], str | None]:
    """A page of the items in the order of their keys, and the cursor of the next; keys are unique.

    What comes or goes in between is seen or not seen, and moves nothing else over the edge of a page.

    Raises:
        UnknownCursorError: the cursor is not one of this list.
    """
    ordered = sorted(((key(item), item) for item in items), key=lambda pair: pair[0])
    if cursor is not None:
        after = _read(cursor)
        try:
            ordered = [pair for pair in ordered if pair[0] > after]
        except TypeError as exc:
            raise UnknownCursorError("it is of another list") from exc
    page = ordered[:limit]
    following = orjson.dumps(page[-1][0]).decode() if len(ordered) > limit else None
    return [item for _, item in page], following


def _read(cursor: str) -> Key:
    try:
        key = orjson.loads(cursor)
    except ValueError as exc:
        raise UnknownCursorError("it is no cursor") from exc
    if not isinstance(key, list) or not key or not all(isinstance(part, str | int) for part in key):
        raise UnknownCursorError("it is no cursor")
    return tuple(key)
