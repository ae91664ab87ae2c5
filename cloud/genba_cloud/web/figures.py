"""The page of key figures, and how figures are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Protocol, assert_never

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from genba_cloud.api.report_reads import FigureSet
from genba_cloud.core.kpis import Figure, Kpi, Period, Unit
from genba_cloud.core.viewer import Viewer
from genba_cloud.web.navigation import navigation_of
from genba_cloud.web.render import board_words, page
from genba_cloud.web.rows import Shown

_CHOICES: Final = {1: "kpis.day", 7: "kpis.week", 28: "kpis.month"}
_MOST_PARTS: Final = 12
_GUTTER: Final = 100.0


class FigureSource(Protocol):
    """What the page reads, already cut down to what its viewer may see."""

    def now(self) -> datetime:
        """Plant time."""

    def kpis(self, period: Period) -> FigureSet:
        """Every figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One part of a figure; `width` is that of its bar, in percent."""

    name: str
    value: str
    counted: str
    width: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureCard:
    """One figure in words."""

    kpi: str
    name: str
    about: str
    value: str
    has_data: bool
    counted: str
    elements: tuple[tuple[str, str], ...]
    parts: tuple[PartRow, ...]


def create_figure_page(
    *,
    guard: Callable[..., Any],
    source_of: Callable[[Viewer], FigureSource],
    shown_to: Callable[[Request], Shown],
) -> APIRouter:
    """The page; `guard` decides who may open it."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    allowed = Depends(guard)

    @router.get("/kpis")
    def kpis(
        request: Request, viewer: Viewer = allowed, days: Annotated[str, Query(max_length=3)] = "7"
    ) -> HTMLResponse:
        shown, source = shown_to(request), source_of(viewer)
        chosen = next((count for count in _CHOICES if str(count) == days), 7)
        now = source.now()
        found = source.kpis(Period(begin=now - timedelta(days=chosen), end=now))
        return page(
            "kpis.html",
            shown,
            cards=[card_of(figure, shown) for figure in found.figures],
            span=shown.say(
                "report.print", since=shown.when(found.period.begin).text, until=shown.when(found.period.end).text
            ),
            choices=[(count, shown.say(word), count == chosen) for count, word in _CHOICES.items()],
            **navigation_of(viewer, shown, here="kpis", asked={"days": str(chosen)}),
            **board_words(shown),
        )

    return router


def card_of(figure: Figure, shown: Shown) -> FigureCard:
    """A figure in words; without data it says so."""
    greatest = max((part.value for part in figure.parts if part.value is not None), default=0.0)
    return FigureCard(
        kpi=str(figure.kpi),
        name=shown.say(f"kpi.{figure.kpi}"),
        about=shown.say(f"kpi.{figure.kpi}.is"),
        value=value_of(figure.value, figure.unit, shown),
        has_data=figure.value is not None,
        counted=shown.say("kpis.counted", count=figure.counted) if figure.value is not None else "",
        elements=tuple(
            (name.removesuffix("_s"), _element(name, value, shown)) for name, value in figure.elements.items()
        ),
        parts=tuple(
            PartRow(
                name=part.name,
                value=_part(figure.kpi, part.value, figure.unit, shown),
                counted=str(part.counted),
                width=f"{_GUTTER * part.value / greatest:.1f}%" if part.value and greatest > 0 else "0%",
            )
            for part in figure.parts[:_MOST_PARTS]
        ),
    )


def value_of(value: float | None, unit: Unit, shown: Shown) -> str:
    """A value with its unit; "no data" where there is none."""
    if value is None:
        return shown.say("report.no_data")
    match unit:
        case Unit.SECONDS:
            return time_of(value, shown)
        case Unit.SHARE:
            return f"{100 * value:.1f} %"
        case Unit.DAYS:
            return shown.say("unit.days", count=f"{value:.1f}")
        case Unit.PIECES_PER_HOUR:
            return shown.say("unit.pieces_per_hour", count=f"{value:.1f}")
        case _:
            assert_never(unit)


def time_of(seconds: float, shown: Shown) -> str:
    """A length of time in the unit that people would say."""
    size = abs(seconds)
    if size < 120:
        return shown.say("unit.seconds", count=f"{seconds:.0f}")
    if size < 7200:
        return shown.say("unit.minutes", count=f"{seconds / 60:.0f}")
    if size < 172_800:
        return shown.say("unit.hours", count=f"{seconds / 3600:.1f}")
    return shown.say("unit.days", count=f"{seconds / 86_400:.1f}")


def _part(kpi: Kpi, value: float | None, unit: Unit, shown: Shown) -> str:
    if kpi is Kpi.VISIBILITY and value is not None:
        return "✓" if value else "✗"
    return value_of(value, unit, shown)


def _element(name: str, value: float, shown: Shown) -> str:
    return time_of(value, shown) if name.endswith("_s") else f"{value:g}"
