"""Where questions, problems, alerts and tasks stand: what makes the open ones quick to find among all others."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Table, and_, delete

from genba_cloud.core.facts import Aggregate, ViewKey
from genba_cloud.store.driver import put_many
from genba_cloud.store.port import StoredView
from genba_cloud.store.rows import chunks
from genba_cloud.store.tables import QUESTION
from genba_cloud.store.tables_told import RESPONSE
from genba_cloud.store.told import response_row
from genba_cloud.store.work import question_of, state_of


class Standing(StrEnum):
    """Of a question that is listed, and of what is said of an event that has not come yet (`waiting`)."""

    OPEN = "open"
    ANSWERED = "answered"
    WAITING = "waiting"


def put_standings(connection: Connection, enterprise: str, views: Mapping[ViewKey, StoredView]) -> None:
    """Note where everything stands whose views these are."""
    questions = {key.id: view for key, view in views.items() if key.aggregate is Aggregate.QUESTION}
    responses = {key.id: view for key, view in views.items() if key.aggregate is Aggregate.RESPONSE}
    _put(connection, enterprise, QUESTION, {name: standing_of(name, view) for name, view in questions.items()})
    _put(connection, enterprise, RESPONSE, {name: response_row(name, view) for name, view in responses.items()})


def _put(connection: Connection, enterprise: str, table: Table, rows: Mapping[str, Mapping[str, Any] | None]) -> None:
    """Rows by their ids; None: there is none any more."""
    values = ({"enterprise": enterprise, "id": name, **row} for name, row in sorted(rows.items()) if row is not None)
    put_many(connection, table, ("enterprise", "id"), values)
    for part in chunks(name for name, row in rows.items() if row is None):
        connection.execute(delete(table).where(and_(table.c.enterprise == enterprise, table.c.id.in_(part))))


def standing_of(question: str, view: StoredView) -> dict[str, Any] | None:
    """The columns of a question's row; None where its event asks nothing, so that it is not listed."""
    if view.state["target"] is None and not state_of(Aggregate.QUESTION, view).has_met(question):
        return {"standing": str(Standing.WAITING), "station": None, "at": None}
    found = question_of(question, view)
    if found is None:
        return None
    standing = Standing.OPEN if found.is_open else Standing.ANSWERED
    return {"standing": str(standing), "station": found.station, "at": found.at}
