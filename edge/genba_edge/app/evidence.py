"""Looks up in a state folder what an explanation needs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from genba_edge.core.explaining import Explanation, Known, explain, explain_work
from genba_edge.core.work_inputs import Inputs
from genba_edge.outbox import Archive, ArchivedMap, ArchivedRow
from genba_shared.device_map import DeviceMap, load_recorded_map
from genba_shared.errors import ConfigError, GenbaError
from genba_shared.events import (
    Event,
    EventId,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    StationStateChanged,
    TagPassed,
    WipChanged,
)

_MOST_LINKS: Final = 5_000  # events that are followed through `because`
_BESIDE: Final = ("data_gap_seen", "data_questioned")


class NotKnown(GenbaError):
    """The history holds nothing of what is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An explanation; or, of a node that is not complete, its inputs so far."""

    known: Known
    explanation: Explanation | None = None
    inputs: Inputs | None = None

    @property
    def adds_up(self) -> bool:
        """Whether the pieces of a completion are those of its inputs, as far as they should all be there."""
        inputs = None if self.explanation is None else self.explanation.inputs
        if inputs is None or not inputs.difference:
            return True
        return self.known.kept_since is not None and not inputs.has_beginning and inputs.difference > 0


def find(archive: Archive, asked: str) -> Found:
    """The explanation of an event by id or number, or of the completion of ``WORK_ORDER/NODE``.

    Raises:
        NotKnown: there is no such event in the history.
    """
    seq = _seq_of(archive, asked)
    if seq is None:
        work_order, _, node = asked.rpartition("/")
        return _find_work(archive, work_order, node)
    row = archive.row(seq)
    if row is None:
        raise NotKnown(_why_not_there(archive, seq))
    if row.event is None:
        raise NotKnown(f"the row of event #{seq} is damaged; its neighbours can be asked for")
    return _explained(archive, row, row.event)


def _seq_of(archive: Archive, asked: str) -> int | None:
    """The seq that is asked for; None: it is a work order with its node."""
    number = asked.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 19:
        return int(number)
    made = EventId.parse(asked)
    if made is None:
        if asked.count("/") == 0 or asked.startswith("/") or asked.endswith("/"):
            raise NotKnown(
                f"{asked!r} is no event of a gateway: write GATEWAY:EPOCH:NUMBER, NUMBER, or WORK_ORDER/NODE. "
                "Events with other ids were made by people or programs, and say by themselves why."
            )
        return None
    if made.gateway != archive.gateway:
        raise NotKnown(f"event {asked} is of gateway {made.gateway}; this is the state folder of {archive.gateway}")
    if made.epoch != archive.epoch:
        raise NotKnown(
            f"event {asked} is of another epoch: this outbox began anew as {archive.epoch}. What was before may be in "
            "a file outbox.db.damaged-… of the state folder; move it to a folder of its own, as outbox.db."
        )
    return made.seq


def _why_not_there(archive: Archive, seq: int) -> str:
    if seq >= archive.next_seq or seq < 1:
        return f"there is no event #{seq} yet: the next one is #{archive.next_seq}"
    if seq < archive.first_seq:
        return f"event #{seq} is no longer kept: the history begins with #{archive.first_seq}"
    return f"event #{seq} is not in the history: it was withdrawn, or its row is lost"


def _find_work(archive: Archive, work_order: str, node: str) -> Found:
    rows = archive.rows_with(*_work_texts(work_order, node), begin=archive.first_seq, end=archive.next_seq)
    of_node = [row for row in rows if row.event and (row.event.work_order, row.event.node) == (work_order, node)]
    claims = [row for row in of_node if isinstance(row.event, NodeCompleted)]
    if claims and claims[-1].event is not None:
        return _explained(archive, claims[-1], claims[-1].event)
    if not of_node:
        raise NotKnown(
            f"the history (since #{archive.first_seq}) holds nothing of node {node} of work order {work_order}"
        )
    known = _known(archive, of_node[-1].seq, _beside_work(archive, work_order), ())
    return Found(known=known, inputs=explain_work(work_order, node, known))


def _explained(archive: Archive, row: ArchivedRow, event: Event) -> Found:
    rows = _followed(archive, row)
    if isinstance(event, NodeCompleted):
        rows += _beside_work(archive, event.work_order or "")
    known = _known(archive, row.seq, rows, [each for each in _followed(archive, row) if each.event is not None])
    return Found(known=known, explanation=explain(event, known))


def _followed(archive: Archive, row: ArchivedRow) -> list[ArchivedRow]:
    """The row and everything that it follows from."""
    found: dict[int, ArchivedRow] = {row.seq: row}
    waiting = [row]
    while waiting and len(found) < _MOST_LINKS:
        event = waiting.pop().event
        for each in () if event is None else event.because:
            made = EventId.parse(each)
            if made is None or (made.gateway, made.epoch) != (archive.gateway, archive.epoch) or made.seq in found:
                continue
            earlier = archive.row(made.seq)
            if earlier is not None:
                found[made.seq] = earlier
                waiting.append(earlier)
    return list(found.values())


def _beside_work(archive: Archive, work_order: str) -> list[ArchivedRow]:
    """Everything that names the work order, and what may have disturbed it."""
    span = {"begin": archive.first_seq, "end": archive.next_seq}
    rows = archive.rows_with(_text("work_order", work_order), **span)
    tags = {row.event.tag for row in rows if isinstance(row.event, TagPassed)}
    rows += [each for row in rows if isinstance(row.event, NodeStarted) for each in _followed(archive, row)]
    rows += [row for kind in _BESIDE for row in archive.rows_with(_text("kind", kind), **span)]
    unbound = archive.rows_with(_text("kind", "tag_unbound"), **span)
    return rows + [row for row in unbound if getattr(row.event, "tag", None) in tags]


def _known(archive: Archive, seq: int, rows: Iterable[ArchivedRow], followed: Iterable[ArchivedRow]) -> Known:
    by_id = {row.event.id: row for row in rows if row.event is not None}
    before = {row.event.id: _before(archive, row) for row in followed if row.event is not None}
    in_force = archive.map_at(seq)
    device_map: DeviceMap | None = None
    notes: list[str] = []
    if in_force is not None:
        device_map, notes = _loaded(in_force, archive, first=_first_of_work(by_id.values(), seq))
    return Known(
        events={each: row.event for each, row in by_id.items() if row.event is not None},
        trails={each: row.trail for each, row in by_id.items() if row.trail is not None},
        before={each: event for each, event in before.items() if event is not None},
        kept_since=_kept_since(archive),
        device_map=device_map,
        map_sha256="" if in_force is None else in_force.sha256,
        map_notes=tuple(notes),
        zone=UTC if device_map is None else _zone(device_map),
    )


def _first_of_work(rows: Iterable[ArchivedRow], seq: int) -> int:
    """The first event that is told of; what may have disturbed the work reaches back as far as the history does."""
    return min((row.seq for row in rows if row.event is None or row.event.kind not in _BESIDE), default=seq)


def _loaded(kept: ArchivedMap, archive: Archive, *, first: int) -> tuple[DeviceMap | None, list[str]]:
    """The map, and what is to be said of it."""
    earlier = archive.map_at(first)
    notes = []
    if earlier is not None and earlier.since_seq != kept.since_seq:
        notes.append(f"another map was in force before #{kept.since_seq}: device map {earlier.sha256[:12]}")
    try:
        return load_recorded_map(kept.text, sha256=kept.sha256), notes
    except ConfigError as exc:
        return None, [f"it was kept ({kept.sha256[:12]}), and this version cannot read it: {exc.problems[0].message}"]


def _before(archive: Archive, row: ArchivedRow) -> Event | None:
    """The event of the same counter, station or zone before this one."""
    match row.event:
        case PiecesCounted(point=point):
            texts = (_text("kind", "pieces_counted"), _text("point", point))
        case StationStateChanged(station=str(station)):
            texts = (_text("kind", "station_state_changed"), _text("station", station))
        case WipChanged(zone=zone):
            texts = (_text("kind", "wip_changed"), _text("zone", zone))
        case _:
            return None
    found = archive.newest_with(*texts, before=row.seq)
    return None if found is None else found.event


def _kept_since(archive: Archive) -> tuple[int, datetime] | None:
    if archive.first_seq <= 1:
        return None
    for seq in range(archive.first_seq, min(archive.first_seq + 100, archive.next_seq)):
        row = archive.row(seq)
        if row is not None and row.event is not None:
            return archive.first_seq, row.event.at
    return None


def _zone(device_map: DeviceMap) -> tzinfo:
    return ZoneInfo(device_map.gateway.timezone)


def _work_texts(work_order: str, node: str) -> tuple[str, str]:
    return _text("work_order", work_order), _text("node", node)


def _text(name: str, value: str) -> str:
    """A field as it stands in a stored line."""
    told: Mapping[str, Any] = {name: value}
    line = json.dumps(told, ensure_ascii=False, separators=(",", ":"))[1:-1]
    return line if line.isascii() else line.encode("utf-8", errors="backslashreplace").decode()
