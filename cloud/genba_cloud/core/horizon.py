"""Until when what a gateway saw has arrived: later its stations may do anything, and nobody here knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from genba_shared.clock import parse_time


def known_until(*, online: bool, state: Mapping[str, Any], last_at: datetime | None, now: datetime) -> datetime:
    """The instant up to which a gateway's stations are known; an assessment, since it depends on now.

    While it is online with nothing waiting that is now: it tells every change at once. With events waiting it is the
    oldest of them. When it is offline it is its last word: the state that it published last, or its newest event.

    Args:
        online: whether its connection stands.
        state: what it published last; `at` and `outbox` are read, and anything else than a time is as if not there.
        last_at: when the newest of its events happened.
        now: the present.
    """
    outbox = state.get("outbox")
    oldest = _time(outbox.get("oldest")) if isinstance(outbox, Mapping) else None
    waiting = isinstance(outbox, Mapping) and bool(outbox.get("depth"))
    told_at = oldest if waiting and oldest is not None else _time(state.get("at"))
    if online and not waiting:
        return now
    words = [each for each in (told_at, last_at) if each is not None]
    return min(now, max(words)) if words else datetime.min.replace(tzinfo=now.tzinfo)


def _time(text: object) -> datetime | None:
    try:
        return parse_time(text) if isinstance(text, str) else None
    except ValueError:
        return None
