"""Where a question stands: what makes the open ones quick to find among all that there ever were."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from genba_cloud.core.facts import Aggregate
from genba_cloud.store.port import StoredView
from genba_cloud.store.work import question_of, state_of


class Standing(StrEnum):
    """Of a question that is listed, and of what is said of an event that has not come yet (`waiting`)."""

    OPEN = "open"
    ANSWERED = "answered"
    WAITING = "waiting"


def standing_of(question: str, view: StoredView) -> dict[str, Any] | None:
    """The columns of a question's row; None where its event asks nothing, so that it is not listed."""
    if view.state["target"] is None and not state_of(Aggregate.QUESTION, view).has_met(question):
        return {"standing": str(Standing.WAITING), "station": None, "at": None}
    found = question_of(question, view)
    if found is None:
        return None
    standing = Standing.OPEN if found.is_open else Standing.ANSWERED
    return {"standing": str(standing), "station": found.station, "at": found.at}
