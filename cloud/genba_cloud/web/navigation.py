"""What stands on top of the pages of the office: where one is, where one may go, and this page in other languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from genba_cloud.core.viewer import Role, Viewer
from genba_cloud.web.rows import Shown

_PAGES: Final = {"board": "/board", "orders": "/orders"}
_REPORTS: Final = {"morning": "/reports/morning", "weekly": "/reports/weekly", "kpis": "/kpis"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A page that the viewer may open."""

    word: str
    link: str
    is_here: bool


def navigation_of(viewer: Viewer, shown: Shown, *, here: str, asked: Mapping[str, str]) -> dict[str, Any]:
    """What the template `office.html` needs. `asked`: what this page was asked for, kept when the language changes."""
    pages = _PAGES if viewer.role is Role.BOARD else {**_PAGES, **_REPORTS}
    places = [
        Place(word=shown.say(f"nav.{name}"), link=f"{path}?lang={shown.language}", is_here=name == here)
        for name, path in pages.items()
    ]
    return {"places": places, "asked": f"{urlencode(dict(asked))}&" if asked else ""}
