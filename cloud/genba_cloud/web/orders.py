"""The list of orders: looked for by what people know of an order, with every open order counted exactly once."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Protocol, TypeVar
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from genba_cloud.core.deviation import Level
from genba_cloud.core.order_list import (
    LONGEST_TEXT,
    Distribution,
    OrderLine,
    OrderListPage,
    OrderQuery,
    Sort,
    Stage,
    Standing,
)
from genba_cloud.core.status import Status
from genba_cloud.core.viewer import Role, Viewer
from genba_cloud.web.navigation import navigation_of
from genba_cloud.web.render import board_words, page
from genba_cloud.web.rows import Shown, When

Word = TypeVar("Word", bound=StrEnum)
Text = Annotated[str, Query(max_length=LONGEST_TEXT)]
_LONGEST_CURSOR: Final = 1000
_ALWAYS_CHOSEN: Final = frozenset({"state", "sort"})


class OrderListSource(Protocol):
    """What the page reads, already cut down to what its viewer may see."""

    def page(self, query: OrderQuery) -> OrderListPage:
        """A page of the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One choice of a filter."""

    value: str
    word: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One filter of the form."""

    name: str
    word: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many orders stand somewhere, and the link that shows them."""

    word: str
    count: int
    link: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRow:
    """One order of the list."""

    order: str
    link: str
    customer: str
    items: str
    quantity: str
    level: str
    level_word: str
    percent: str
    status: str
    status_word: str
    stage: str
    progress: str
    done: int
    nodes: int
    promised: When
    expected: When
    late_for_promise: bool
    data: str


def create_order_list(
    *,
    guard: Callable[..., Any],
    source_of: Callable[[Viewer], OrderListSource],
    shown_to: Callable[[Request], Shown],
) -> APIRouter:
    """The page; `guard` decides who may open it."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    allowed = Depends(guard)

    @router.get("/orders")
    def orders(
        request: Request,
        viewer: Viewer = allowed,
        text: Text = "",
        state: Text = "",
        status: Text = "",
        level: Text = "",
        stage: Text = "",
        site: Text = "",
        customer: Text = "",
        sort: Text = "",
        after: Annotated[str, Query(max_length=_LONGEST_CURSOR)] = "",
    ) -> HTMLResponse:
        shown = shown_to(request)
        query = OrderQuery(
            standing=word_of(Standing, state) or Standing.OPEN,
            status=word_of(Status, status),
            level=word_of(Level, level),
            stage=stage or None,
            site=site or None,
            customer=customer or None,
            text=text,
            sort=word_of(Sort, sort) or Sort.URGENCY,
            after=place_from(after),
        )
        found = source_of(viewer).page(query)
        return _page(shown, query, found, viewer)

    return router


def _page(shown: Shown, query: OrderQuery, found: OrderListPage, viewer: Viewer) -> HTMLResponse:
    asked = asked_for(query)
    following = found.next
    return page(
        "orders.html",
        shown,
        rows=[row_of(line, shown) for line in found.items],
        count=shown.say("orders.found", count=max(found.found, len(found.items))),
        filters=filters_of(query, found, shown),
        shares=shares_of(found.distribution, shown),
        total=shown.say("orders.sum", count=found.distribution.total),
        text=query.text,
        search=shown.say("orders.search_board" if viewer.role is Role.BOARD else "orders.search"),
        following=link_to({**asked, "after": place_to(following)}, shown) if following else "",
        first=link_to(asked, shown) if query.after else "",
        plain=link_to({}, shown),
        **navigation_of(viewer, shown, here="orders", asked=asked),
        **board_words(shown),
    )


def row_of(line: OrderLine, shown: Shown) -> ListRow:
    """The row of an order."""
    return ListRow(
        order=line.order,
        link=order_link(line.order, shown),
        customer=line.customer,
        items=", ".join(line.items),
        quantity=shown.say("order.pieces", count=line.quantity),
        level=str(line.level),
        level_word=shown.say(f"level.{line.level}"),
        percent=f"{line.deviation.percent} %",
        status=str(line.status),
        status_word=shown.say(f"status.{line.status}") + (f" · {shown.say('order.held')}" if line.on_hold else ""),
        stage=stage_word(line.stage, shown),
        progress=shown.say("orders.progress", done=line.done, nodes=line.nodes),
        done=line.done,
        nodes=line.nodes,
        promised=shown.when(line.promised),
        expected=shown.when(line.expected),
        late_for_promise=line.expected > line.promised,
        data=shown.say("order.data_at", time=shown.when(line.data_at).text)
        if line.data_at
        else shown.say("order.no_data"),
    )


def filters_of(query: OrderQuery, found: OrderListPage, shown: Shown) -> list[Filter]:
    """The form's filters; names of customers are there only where the viewer may know them."""
    values: dict[str, tuple[str, list[tuple[str, str]]]] = {
        "state": (str(query.standing), [(str(one), shown.say(f"orders.state.{one}")) for one in Standing]),
        "level": (str(query.level or ""), [(str(one), shown.say(f"level.{one}")) for one in Level]),
        "status": (str(query.status or ""), [(str(one), shown.say(f"status.{one}")) for one in Status]),
        "stage": (query.stage or "", [(one.node, stage_word(one, shown)) for one, _ in found.distribution.by_stage]),
        "site": (query.site or "", [(site, site) for site in found.sites]),
        "customer": (query.customer or "", [(name, name) for name in found.customers]),
        "sort": (str(query.sort), [(str(one), shown.say(f"orders.sort.{one}")) for one in Sort]),
    }
    anything = ("", shown.say("orders.any"))
    filters: list[Filter] = []
    for name, (current, known) in values.items():
        choices = known if name in _ALWAYS_CHOSEN else [anything, *known]
        if current not in {value for value, _ in choices}:
            choices = [*choices, (current, current)]
        chosen = tuple(Choice(value=value, word=word, chosen=value == current) for value, word in choices)
        if name != "customer" or known:
            filters.append(Filter(name=name, word=shown.say(f"orders.{name}"), choices=chosen))
    return filters


def shares_of(distribution: Distribution, shown: Shown) -> list[list[Share]]:
    """The open orders by level, by status and by where they stand: three rows that each sum to all of them."""
    levels = [
        Share(
            word=shown.say(f"level.{level}"),
            count=count,
            link=link_to({"level": str(level)}, shown),
            kind=f"level-{level}",
        )
        for level, count in reversed(list(distribution.by_level.items()))
    ]
    statuses = [
        Share(
            word=shown.say(f"status.{status}"),
            count=count,
            link=link_to({"status": str(status)}, shown),
            kind=f"status-{status}",
        )
        for status, count in distribution.by_status.items()
    ]
    stages = [
        Share(word=stage_word(stage, shown), count=count, link=link_to({"stage": stage.node}, shown), kind="stage")
        for stage, count in distribution.by_stage
    ]
    return [levels, statuses, stages]


def stage_word(stage: Stage, shown: Shown) -> str:
    """The node's name in the language of the page, else in English, else any, else its code."""
    label = stage.label
    return next((label[tag] for tag in (shown.language, "en", *label) if tag in label), stage.node)


def asked_for(query: OrderQuery) -> dict[str, str]:
    """The query as it stands in the address; what is usual is left out."""
    every = {
        "text": query.text,
        "state": "" if query.standing is Standing.OPEN else str(query.standing),
        "level": str(query.level or ""),
        "status": str(query.status or ""),
        "stage": query.stage or "",
        "site": query.site or "",
        "customer": query.customer or "",
        "sort": "" if query.sort is Sort.URGENCY else str(query.sort),
    }
    return {name: value for name, value in every.items() if value}


def link_to(asked: Mapping[str, str], shown: Shown) -> str:
    """The list with these filters."""
    return f"/orders?{urlencode({**asked, 'lang': str(shown.language)})}"


def order_link(order: str, shown: Shown) -> str:
    """The page of an order."""
    return f"/orders/{quote(order, safe='')}?lang={shown.language}"


def word_of(words: type[Word], text: str) -> Word | None:
    """The word of a closed choice; None for any other text."""
    return words(text) if text in set(words) else None


def place_to(place: tuple[int | str, ...]) -> str:
    """A place of the list as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def place_from(cursor: str) -> tuple[int | str, ...] | None:
    """The place that a cursor stands for; None for any other text: the list then begins at its beginning."""
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError:
        return None
    if not isinstance(place, list) or not place:
        return None
    numbers, name = place[:-1], place[-1]
    if not (isinstance(name, str) and all(type(one) is int for one in numbers)):
        return None
    return tuple(place)
