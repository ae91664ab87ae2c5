"""Compares what a ledger holds with what gateways said: every event once, in order, and views as undisturbed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genba_cloud.ledger.chain import canonical
from genba_cloud.store import Store
from genba_shared.events import Event, EventId

Views = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One row of the log, as it is judged: the id of its event and its bytes."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is wrong. `lost`: events that gateways said and the log does not hold, or not as they were said; `twice`:
    events that it holds too often, or that nobody said; `disordered`: events before one with a smaller seq.
    """

    events: int
    lost: int
    twice: int
    disordered: int
    view_diffs: int
    examples: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether everything is as it must be, and there was something to judge."""
        return self.events > 0 and not (self.lost or self.twice or self.disordered or self.view_diffs)


def judge(log: Sequence[Logged], expected: Iterable[Event], *, views: Views, undisturbed: Views) -> Judgement:
    """Compare log and views with what was said and what follows from it."""
    said = Counter(canonical(event) for event in expected)
    held = Counter(row.body for row in log)
    lost, twice = said - held, held - said
    wrong_views = sorted(key for key in {*views, *undisturbed} if views.get(key) != undisturbed.get(key))
    examples = [f"lost {body.decode()[:200]}" for body in list(lost)[:5]]
    examples += [f"twice {body.decode()[:200]}" for body in list(twice)[:5]]
    examples += [f"view {key}" for key in wrong_views[:5]]
    return Judgement(
        events=sum(said.values()),
        lost=lost.total(),
        twice=twice.total(),
        disordered=_disordered(log),
        view_diffs=len(wrong_views),
        examples=tuple(examples),
    )


def _disordered(log: Sequence[Logged]) -> int:
    newest: dict[tuple[str, str], int] = {}
    count = 0
    for row in log:
        made = EventId.parse(row.id)
        if made is None:
            continue
        stream = (made.gateway, made.epoch)
        count += made.seq < newest.get(stream, 0)
        newest[stream] = max(made.seq, newest.get(stream, 0))
    return count


def read_log(store: Store) -> list[Logged]:
    """The whole log of a store, in order."""
    with store.transaction() as transaction:
        return [Logged(id=row.event.id, body=bytes(row.body)) for row in transaction.log()]


def read_views(store: Store) -> Views:
    """Every facts view of a store, by kind and id, without the position, which tells of arrival."""
    with store.transaction() as transaction:
        found = {
            f"{key.aggregate} {key.id}": {"state": view.state, "assigned": view.assigned}
            for key, view in transaction.all_views().items()
        }
    views: Views = json.loads(json.dumps(found))
    return views


def write_views(views: Views, path: Path) -> None:
    """Keep them for another process."""
    path.write_text(json.dumps(views))
