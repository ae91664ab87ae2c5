"""Compares what the collector says with what the plant knows: every difference is either declared or a failure.

Declared is only what an event of the product says by itself: an interval that nobody observed (`data_gap_seen`) excuses
the times of completions in it and the passages that happened in it; a count that is `ambiguous` excuses at most its own
pieces, and a completion that is, which waits for somebody to confirm it, its own time. Nothing else is excused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from genba_shared.clock import format_time, parse_time

Work = tuple[str, str]  # (work order, node)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Who sees a node: the devices behind it, and how far a completion's time may lie from the truth."""

    devices: frozenset[str]
    tolerance: timedelta
    by_tags: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """An interval that the product says was not observed."""

    device: str
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """What was produced, by one account: the plant's or the product's."""

    pieces: Mapping[tuple[str, str, str], int]  # (work order, node, result) → pieces
    completions: Mapping[Work, datetime]
    wip: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the product itself says it does not know."""

    gaps: Sequence[Gap] = ()
    ambiguous: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (node, result) → pieces in doubt
    lost_passages: Mapping[str, int] = field(default_factory=dict)  # zone → pieces whose passage fell into a gap
    lost_works: frozenset[Work] = frozenset()  # nodes with a passage that fell into a gap
    doubtful: frozenset[Work] = frozenset()  # nodes whose completion is told as ambiguous


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing on which the two accounts differ."""

    what: str
    truth: str
    product: str
    declared: bool

    def __str__(self) -> str:
        mark = "declared  " if self.declared else "UNDECLARED"
        return f"{mark} {self.what}: truth {self.truth}, product {self.product}"


def compare(
    truth: Production, product: Production, *, declared: Declared, seen: Mapping[str, Seen]
) -> list[Difference]:
    """Every difference between the two accounts, each with whether the product declared it."""
    return [
        *_pieces(truth, product, declared),
        *_completions(truth, product, declared, seen),
        *_wip(truth, product, declared),
    ]


def _pieces(truth: Production, product: Production, declared: Declared) -> Iterable[Difference]:
    for key in sorted(set(truth.pieces) | set(product.pieces)):
        work_order, node, result = key
        made, counted = truth.pieces.get(key, 0), product.pieces.get(key, 0)
        if made != counted:
            excused = abs(made - counted) <= declared.ambiguous.get((node, result), 0)
            excused = excused or (work_order, node) in declared.lost_works
            yield Difference(
                what=f"{result} pieces of {work_order} {node}",
                truth=str(made),
                product=str(counted),
                declared=excused,
            )


def _completions(
    truth: Production, product: Production, declared: Declared, seen: Mapping[str, Seen]
) -> Iterable[Difference]:
    for work in sorted(set(truth.completions) | set(product.completions)):
        happened, claimed = truth.completions.get(work), product.completions.get(work)
        rule = seen[work[1]]
        what = f"completion of {work[0]} {work[1]}"
        if happened is None or claimed is None:
            doubt = declared.ambiguous.get((work[1], "good"), 0) > 0 or work in declared.lost_works
            yield Difference(what=what, truth=_at(happened), product=_at(claimed), declared=doubt)
        elif abs(claimed - happened) > rule.tolerance:
            yield Difference(
                what=what,
                truth=_at(happened),
                product=_at(claimed),
                declared=work in declared.doubtful or _in_gap(happened, claimed, rule, declared),
            )


def _in_gap(happened: datetime, claimed: datetime, rule: Seen, declared: Declared) -> bool:
    """Whether one declared gap of a device behind the node explains the lateness: it covers the way between."""
    return any(
        gap.device in rule.devices
        and gap.begin - rule.tolerance <= happened <= gap.end + rule.tolerance
        and claimed <= gap.end + rule.tolerance
        for gap in declared.gaps
    )


def _wip(truth: Production, product: Production, declared: Declared) -> Iterable[Difference]:
    for zone in sorted(set(truth.wip) | set(product.wip)):
        there, said = truth.wip.get(zone, 0), product.wip.get(zone, 0)
        if there != said:
            excused = abs(there - said) <= declared.lost_passages.get(zone, 0)
            yield Difference(what=f"WIP of {zone}", truth=str(there), product=str(said), declared=excused)


def _at(at: datetime | None) -> str:
    return format_time(at) if at is not None else "none"


def read_truth(lines: Iterable[Mapping[str, Any]], *, tag_nodes: Mapping[str, str]) -> Production:
    """The plant's account. `tag_nodes`: zone → node whose pieces are those that left the zone."""
    pieces: Counter[tuple[str, str, str]] = Counter()
    completions: dict[Work, datetime] = {}
    wip: dict[str, int] = {}
    for line in lines:
        match line["truth"]:
            case "piece" if line["node"] not in tag_nodes.values():
                pieces[line["work_order"], line["node"], line["result"]] += 1
            case "tag_passed" if line["zone"] in tag_nodes and line["direction"] == "leave":
                pieces[line["work_order"], tag_nodes[line["zone"]], "good"] += line["pieces"]
            case "node_completed":
                completions[line["work_order"], line["node"]] = parse_time(line["at"])
            case "stopped":
                wip = {zone: int(count) for zone, count in line["wip"].items()}
    return Production(pieces=pieces, completions=completions, wip=wip)


def read_product(orders: Iterable[Mapping[str, Any]], wip: Iterable[Mapping[str, Any]]) -> Production:
    """The collector's account, from `GET /orders` and `GET /wip`."""
    pieces: dict[tuple[str, str, str], int] = {}
    completions: dict[Work, datetime] = {}
    for order in orders:
        for work_order in order["work_orders"]:
            for node in work_order["nodes"]:
                for result in ("good", "scrap", "rework"):
                    if node[result]:
                        pieces[work_order["work_order"], node["node"], result] = node[result]
                if node["claimed_at"] is not None:  # done, or waiting for somebody to confirm what was claimed
                    completions[work_order["work_order"], node["node"]] = parse_time(node["claimed_at"])
    return Production(pieces=pieces, completions=completions, wip={item["zone"]: item["count"] for item in wip})


def read_declared(
    events: Iterable[Mapping[str, Any]],
    truth: Iterable[Mapping[str, Any]],
    *,
    tag_nodes: Mapping[str, str],
    readers: frozenset[str],
    slack: timedelta,
) -> Declared:
    """What the product's events declare. `readers`: RFID readers; `slack`: how exact a gap's ends are for passages."""
    gaps: list[Gap] = []
    ambiguous: Counter[tuple[str, str]] = Counter()
    doubtful: set[Work] = set()
    for event in events:
        if event["kind"] == "data_gap_seen":
            gap = Gap(device=event["subject"], begin=parse_time(event["from"]), end=parse_time(event["to"]))
            gaps.append(gap)
        elif event["kind"] == "pieces_counted" and event.get("confidence") == "ambiguous" and event.get("node"):
            width = event.get("most", event["delta"]) - event.get("least", 0)
            ambiguous[event["node"], event["result"]] += width
        elif event["kind"] == "node_completed" and event.get("confidence") == "ambiguous":
            doubtful.add((event["work_order"], event["node"]))
    unseen = [gap for gap in gaps if gap.device in readers]
    lost: Counter[str] = Counter()
    works: set[Work] = set()
    for line in truth:
        if line["truth"] != "tag_passed":
            continue
        at = parse_time(line["at"])
        if any(gap.begin - slack <= at <= gap.end + slack for gap in unseen):
            lost[line["zone"]] += line["pieces"]
            if line["zone"] in tag_nodes:
                works.add((line["work_order"], tag_nodes[line["zone"]]))
    return Declared(
        gaps=gaps,
        ambiguous=ambiguous,
        lost_passages=lost,
        lost_works=frozenset(works),
        doubtful=frozenset(doubtful),
    )
