"""Files that the plant writes as JSON lines: its truth, for whoever checks the product, and its plan, for the office.

Each line is flushed as soon as it is written, so that a reader that follows the file sees it at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from genba_shared.clock import format_time
from genba_shared.errors import UsageError
from genba_sim.happenings import Announced, Happening, NodeCompleted, PieceMade, PlantStopped, StateChanged, TagPassed
from genba_sim.orders import NODES, Order
from genba_sim.settings import ANTENNAS, Node

LABELS: Final[Mapping[Node, Mapping[str, str]]] = {
    Node.CUT: {"en": "Cutting", "zh": "裁剪", "ja": "裁断"},
    Node.SEW: {"en": "Sewing", "zh": "缝制", "ja": "縫製"},
    Node.INS: {"en": "Inspection", "zh": "检验", "ja": "検査"},
    Node.PACK: {"en": "Packing", "zh": "包装", "ja": "梱包"},
}


def truth_line(happening: Happening) -> dict[str, Any] | None:
    """What really happened, as an object of the truth file; None for what no product could be expected to derive."""
    match happening:
        case PieceMade():
            return {
                "truth": "piece",
                "at": format_time(happening.at),
                "station": happening.station,
                "work_order": happening.work_order,
                "node": happening.node,
                "result": happening.result,
            }
        case NodeCompleted():
            return {
                "truth": "node_completed",
                "at": format_time(happening.at),
                "work_order": happening.work_order,
                "node": happening.node,
                "pieces": happening.pieces,
            }
        case TagPassed():
            return _passage_line(happening)
        case StateChanged():
            return {
                "truth": "state",
                "at": format_time(happening.at),
                "station": happening.station,
                "state": happening.state,
            }
        case PlantStopped():
            return {"truth": "stopped", "at": format_time(happening.at), "wip": dict(happening.wip)}
        case _:
            return None


def _passage_line(passage: TagPassed) -> dict[str, Any]:
    antenna = ANTENNAS[passage.read_point]
    return {
        "truth": "tag_passed",
        "at": format_time(passage.at),
        "tag": passage.tag,
        "read_point": passage.read_point,
        "zone": antenna.zone,
        "direction": antenna.direction,
        "work_order": passage.work_order,
        "pieces": passage.pieces,
    }


def stall_line(begin: datetime, end: datetime) -> dict[str, Any]:
    """What happened between the two instants was shown by the servers at `end` only: this machine was too busy."""
    return {"truth": "stalled", "from": format_time(begin), "to": format_time(end)}


def plan_line(announced: Announced, *, site: str) -> dict[str, Any]:
    """An order at its announcement, as an object of the plan file.

    `order` is the body for ``POST /api/v1/orders``, `queue` one row per station with a counter, in routing order, and
    `tags` the bundles' tags, bound from now on. The packing bench needs no row: its work orders come from the tags.
    """
    work_order = announced.order.work_order
    queue = [
        {
            "station": work_order.family.station_of(node),
            "work_order": work_order.number,
            "node": node,
            "quantity": work_order.quantity,
        }
        for node in NODES
        if node is not Node.PACK
    ]
    tags = [
        {"tag": bundle.tag, "work_order": work_order.number, "pieces": bundle.pieces} for bundle in work_order.bundles
    ]
    return {
        "announced_at": format_time(announced.at),
        "order": _order_body(announced.order, site=site),
        "queue": queue,
        "tags": tags,
    }


def _order_body(order: Order, *, site: str) -> dict[str, Any]:
    work_order = order.work_order
    nodes = [
        {
            "node": node,
            "label": dict(LABELS[node]),
            "planned_start": format_time(order.plan[node].start),
            "planned_finish": format_time(order.plan[node].finish),
            "predecessors": [NODES[place - 1]] if place else [],
        }
        for place, node in enumerate(NODES)
    ]
    return {
        "order": order.number,
        "system": "demo",
        "external_id": order.number,
        "customer": order.customer,
        "promised": format_time(order.promised),
        "work_orders": [
            {
                "work_order": work_order.number,
                "site": site,
                "item": work_order.family.item,
                "quantity": work_order.quantity,
                "nodes": nodes,
            }
        ],
    }


class LinesFile:
    """A file of JSON lines that starts empty; use it as a context manager.

    Raises:
        UsageError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("w", encoding="utf-8")
        except OSError as exc:
            raise UsageError(f"{path} cannot be written: {exc.strerror}") from exc

    def __enter__(self) -> LinesFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, line: Mapping[str, Any]) -> None:
        """Append one object and flush it."""
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._file.flush()
