"""From values to HTML: templates with automatic escaping, and the languages of a page."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from genba_cloud.core.deviation import Level
from genba_cloud.core.status import Status
from genba_cloud.web.rows import Shown
from genba_cloud.web.words import NAMES, WORDS, choose_language
from genba_shared.clock import format_time

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
_SCRIPT_WORDS: Final = (
    "live.live",
    "live.reconnecting",
    "live.offline",
    "stale.band",
    "gateway.age",
    "age.seconds",
    "age.minutes",
    "age.hours",
)
_environment: Final = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def shown_to(request: Request, *, now: datetime, zone: tzinfo | None) -> Shown:
    """How to say things to the sender of a request: ``?lang=`` first, then its Accept-Language."""
    language = choose_language(request.query_params.get("lang"), request.headers.get("accept-language", ""))
    return Shown(language=language, zone=zone, now=now)


def page(template: str, shown: Shown, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page. It is never stored by a browser or proxy: it may hold what the next person may not see."""
    text = _environment.get_template(template).render(
        shown=shown, language_names=NAMES, version=static_version(), **values
    )
    return HTMLResponse(
        text, status_code=status, headers={"Cache-Control": "no-store", "Content-Language": shown.language}
    )


def board_words(shown: Shown) -> dict[str, Any]:
    """What the board's template needs beside its rows."""
    soon = shown.now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return {
        "statuses": [str(status) for status in Status],
        "levels": [str(level) for level in Level],
        "script_words": {key: WORDS[shown.language][key] for key in _SCRIPT_WORDS},
        "zone_name": shown.now.astimezone(shown.zone).tzname() or "UTC",
        "example": {
            "start": format_time(soon),
            "middle": format_time(soon + timedelta(hours=2)),
            "finish": format_time(soon + timedelta(hours=6)),
            "promised": format_time(soon + timedelta(days=1)),
        },
    }


@cache
def static_version() -> str:
    """Changes when any static file does, so that browsers may keep them."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
