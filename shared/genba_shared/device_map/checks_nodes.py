"""What a node rule owes the rest of the map: counters, bits, states and zones that can tell what it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Protocol, assert_never

from genba_shared.device_map.model import (
    AllLeft,
    Counted,
    Leaf,
    NodeRule,
    PiecesReach,
    Point,
    PointIs,
    PointRef,
    PointType,
    StartRule,
    Station,
    StationIs,
    TimeSinceStart,
    WorkOrderSource,
    Zone,
    confirms,
    leaves_of,
)
from genba_shared.device_map.phrases import write
from genba_shared.events import Result
from genba_shared.texts import say

_NOT_AN_ORDER: Final = frozenset({PointType.BOOL, PointType.FLOAT32, PointType.FLOAT64})


class Parts(Protocol):
    """The parts of the map that were built; one that is missing is broken and has been reported."""

    @property
    def stations(self) -> Mapping[str, Station]: ...

    @property
    def zones(self) -> Mapping[str, Zone]: ...

    @property
    def nodes(self) -> Mapping[str, NodeRule]: ...

    def point(self, ref: PointRef) -> Point | None: ...

    def error(self, path: str, message: str, fix: str) -> None: ...


def check_node(parts: Parts, node: NodeRule) -> None:
    """Check one node rule against what it refers to."""
    path = f"nodes.{node.code}"
    _check_work_order(parts, node, f"{path}.work_order.from")
    condition = node.done_when.condition
    if not confirms(condition):
        parts.error(
            f"{path}.done_when",
            say(
                "rests-on-no-work",
                "pieces, tags or a bit that rises or falls have to complete the node: time, a state of its stations, "
                "or a bit that stays true would complete the next work order, too.",
            ),
            say("join-with-pieces", "Join it with another condition: {snippet}.", snippet=f"all: [{{…}}, {_GOOD}]"),
        )
    for leaf in leaves_of(condition):
        _check_leaf(parts, node, leaf)
    zones = {leaf.zone: leaf for leaf in leaves_of(condition) if isinstance(leaf, AllLeft)}
    if len(zones) > 1 or len({leaf for leaf in leaves_of(condition) if isinstance(leaf, AllLeft)}) > 1:
        parts.error(
            f"{path}.done_when",
            say("two-zones-of-a-node", "`all_left` stands here for more than one zone or dwell: a node has one."),
            say("name-last-zone", "Name the zone that the tags leave last."),
        )
    _check_start(parts, node, f"{path}.start_when")


_GOOD: Final = "{good: node.quantity}"


def _check_leaf(parts: Parts, node: NodeRule, leaf: Leaf) -> None:
    path = f"nodes.{node.code}.done_when"
    if not isinstance(leaf, AllLeft | TimeSinceStart) and node.work_order is WorkOrderSource.TAGS:
        parts.error(
            path,
            say(
                "station-work-of-tags",
                "`{condition}` is about what a station works on, and with {snippet} that is not known.",
                condition=leaf,
                snippet="work_order: {from: tags}",
            ),
            say(
                "write-dispatch-or-point",
                "Write {snippet}: tags bring their work order along all the same.",
                snippet="work_order: {from: dispatch}",
            ),
        )
        return
    match leaf:
        case PiecesReach():
            _check_pieces(parts, node, leaf)
        case AllLeft():
            _check_zone(parts, node, leaf)
        case PointIs():
            _check_point(parts, node, leaf, path)
        case StationIs():
            _check_state(parts, node, path)
        case TimeSinceStart():
            pass
        case _:
            assert_never(leaf)


def _known(parts: Parts, node: NodeRule) -> list[Station] | None:
    """The stations of the node; None where one of them is broken and has been reported."""
    known = [parts.stations[name] for name in node.stations if name in parts.stations]
    return known if len(known) == len(node.stations) else None


def _check_pieces(parts: Parts, node: NodeRule, leaf: PiecesReach) -> None:
    known, path = _known(parts, node), f"nodes.{node.code}"
    if known is None:
        return
    if not any(Result.GOOD in station.counts for station in known):
        parts.error(
            f"{path}.stations",
            say("node-never-done", "no station of this node counts good pieces, so that nothing would complete it."),
            say(
                "name-station-or-write",
                "Name a station with {snippet}, or write {other}.",
                snippet="counts: {good: …}",
                other="done_when: {all_left: ZONE}",
            ),
        )
    elif leaf.counted is Counted.PROCESSED and not any(Result.SCRAP in station.counts for station in known):
        parts.error(
            f"{path}.done_when",
            say("processed-without-scrap", "no station of this node counts scrap: `processed` is the same as `good`."),
            say("write-good-or-count", "Write {snippet}, or add `scrap` to the station's `counts`.", snippet=_GOOD),
        )


def _check_zone(parts: Parts, node: NodeRule, leaf: AllLeft) -> None:
    path, zone = f"nodes.{node.code}.done_when.all_left", parts.zones.get(leaf.zone)
    if zone is not None and not zone.leave:
        parts.error(
            path,
            say(
                "all-left-of-counts",
                "zone {zone} is bounded by counts: only tags can all have left.",
                zone=zone.id,
            ),
            say(
                "name-zone-or-write",
                "Name a zone with enter and leave, or write {other}.",
                other="done_when: {good: node.quantity}",
            ),
        )
    first = next(other for other in parts.nodes.values() if other.done_when.all_left == leaf.zone)
    if first.code != node.code:
        parts.error(
            path,
            say(
                "zone-of-two-nodes",
                "zone {zone} completes node {node} already: a zone completes one.",
                zone=leaf.zone,
                node=first.code,
            ),
            say("name-zone-of-node", "Name the zone of this node."),
        )


def _check_point(parts: Parts, node: NodeRule, leaf: PointIs, path: str) -> None:
    point = parts.point(leaf.point)
    if point is not None and point.type is not PointType.BOOL:
        parts.error(
            path,
            say(
                "condition-not-a-bit",
                "{point} is a {type}: `{key}` is about a bool, which is true or false.",
                point=leaf.point,
                type=point.type,
                key=leaf.sign,
            ),
            say("name-a-bit", "Name a point of type bool, such as one bit of a word."),
        )
    known = _known(parts, node)
    if known is None or _shares_a_job(node):
        return
    about = list(_speaks_for(leaf.point, known))
    if len(about) != 1:
        parts.error(
            path,
            say(
                "bit-of-many-stations",
                "{point} has to speak for one station of the node, and could speak for {stations}.",
                point=leaf.point,
                stations=", ".join(about) or say("no-station", "none"),
            ),
            say("one-station-on-device", "Let the node have one station on the device of the point."),
        )


def _shares_a_job(node: NodeRule) -> bool:
    """Whether all stations of the node work on the same order at any time, by one job number."""
    return bool(node.stations) and node.work_order is WorkOrderSource.POINT and node.otherwise is None


def _speaks_for(ref: PointRef, stations: list[Station]) -> Iterator[str]:
    """The stations that a point may speak for: those of its device, or all where none is of it."""
    same = [station.id for station in stations if station.device == ref.device]
    yield from same or [station.id for station in stations]


def _check_state(parts: Parts, node: NodeRule, path: str) -> None:
    known = _known(parts, node)
    if known is None:
        return
    without = [station.id for station in known if station.state is None]
    if without or not known:
        parts.error(
            path,
            say(
                "condition-without-state",
                "`state` is about the stations of the node, and of {stations} the state is not known.",
                stations=", ".join(without) or say("no-station", "none"),
            ),
            say("add-state", "Add {snippet} to the station.", snippet="state: {from: COUNTER, idle_after: 3min}"),
        )


def _check_start(parts: Parts, node: NodeRule, path: str) -> None:
    match node.start_when:
        case StartRule.FIRST_PIECE:
            pass
        case StartRule.FIRST_TAG:
            if node.done_when.all_left is None:
                parts.error(
                    path,
                    say("first-tag-without-zone", "`first_tag` needs a zone: `all_left` names it."),
                    write("start_when: first_piece"),
                )
        case StartRule.DISPATCH | PointIs() | StationIs() if node.work_order is WorkOrderSource.TAGS:
            parts.error(
                path,
                say("start-of-tags", "with {snippet} tags start the node.", snippet="work_order: {from: tags}"),
                write("start_when: first_tag"),
            )
        case StartRule.DISPATCH:
            pass
        case PointIs():
            _check_point(parts, node, node.start_when, path)
        case StationIs():
            _check_state(parts, node, path)
        case _:
            assert_never(node.start_when)


def _check_work_order(parts: Parts, node: NodeRule, path: str) -> None:
    ref = node.work_order_point
    point = None if node.work_order is not WorkOrderSource.POINT or ref is None else parts.point(ref)
    if point is None:
        return
    if point.counter is not None or point.type in _NOT_AN_ORDER:
        what: str = point.type
        if point.counter is not None:
            what = say("counter-as-type", "counter")
        parts.error(
            path,
            say(
                "not-an-order-number",
                "{point} is a {type}: an order number is a string or a whole number.",
                point=ref,
                type=what,
            ),
            say("name-another-point", "Name another point."),
        )
