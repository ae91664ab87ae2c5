"""Rows to objects and back; the queries that both writing and reading need."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, TypeVar

import orjson
from sqlalchemy import Connection, RowMapping, Select, select

from genba_cloud.core.facts import NodePlan, WorkOrderPlan
from genba_cloud.core.facts.plan_details import node_details, node_of, order_details, order_of, work_order_of
from genba_cloud.store.driver import plain_time
from genba_cloud.store.port import DamagedRowError, LogRow, StoredOrder, StoredView
from genba_cloud.store.read import ALARM, Enrolment, GatewayRecord
from genba_cloud.store.tables import CUSTOMER_ORDER, GATEWAY, NODE, RECEIVED_RANGE, WORK_ORDER
from genba_shared.errors import ContractError
from genba_shared.events import Event, event_from_own_json, event_of_canonical, made_by

T = TypeVar("T")

CHUNK: Final = 500
"""Values per IN clause, well below every database's limit of bound variables."""


def chunks(values: Iterable[T]) -> Iterable[Sequence[T]]:
    """The values in pieces that fit into one statement."""
    every = list(values)
    return (every[start : start + CHUNK] for start in range(0, len(every), CHUNK))


def event_of(body: bytes) -> Event:
    """The event that was logged with this canonical JSON. It was checked when it came; sealed texts are longer."""
    return event_from_own_json(json.loads(body))


def logged_event(position: int, body: bytes, leaf: bytes) -> Event:
    """The event of a row of the log. Bytes with the hash that they were written with are only read, not checked.

    Raises:
        DamagedRowError: they are no event any more.
    """
    try:
        return event_of_canonical(orjson.loads(body)) if sha256(body).digest() == leaf else event_of(body)
    except (ValueError, TypeError, LookupError, AttributeError, ContractError) as exc:
        raise DamagedRowError(position, str(exc)) from exc


def log_values(enterprise: str, row: LogRow) -> dict[str, Any]:
    """The columns of a log row; the aggregate columns are taken from the event's fields of that name."""
    event = row.event
    made = made_by(event.id)
    return {
        "enterprise": enterprise,
        "position": row.position,
        "id": event.id,
        "kind": event.kind,
        "at": event.at,
        "gateway": made.gateway if made else None,
        "order_id": getattr(event, "order", None),
        "work_order": event.work_order,
        "station": event.station,
        "zone": getattr(event, "zone", None),
        "tag": getattr(event, "tag", None),
        "received_at": row.received_at,
        "body": row.body,
        "leaf": row.leaf,
    }


def log_parameters(enterprise: str, rows: Iterable[LogRow]) -> list[tuple[Any, ...]]:
    """The same of many rows as the driver takes them, in the order of the table."""
    found: list[tuple[Any, ...]] = []
    for row in rows:
        event = row.event
        made = made_by(event.id)
        found.append(
            (
                enterprise,
                row.position,
                event.id,
                event.kind,
                plain_time(event.at),
                made.gateway if made else None,
                getattr(event, "order", None),
                event.work_order,
                event.station,
                getattr(event, "zone", None),
                getattr(event, "tag", None),
                plain_time(row.received_at),
                row.body,
                row.leaf,
            )
        )
    return found


def stored_view(row: RowMapping) -> StoredView:
    """A row of the views table."""
    return StoredView(state=row["state"], assigned=row["assigned"], position=row["position"])


def orders_of(connection: Connection, enterprise: str, rows: Sequence[RowMapping]) -> list[StoredOrder]:
    """The orders of these rows of the order table, in their order, with all of their work orders and nodes."""
    work: dict[str, list[WorkOrderPlan]] = {}
    for order, plan in plans(connection, enterprise, order_ids=[row["id"] for row in rows]):
        work.setdefault(order, []).append(plan)
    return [_stored_order(row, tuple(work.get(row["id"], ()))) for row in rows]


def order_rows(enterprise: str) -> Select[Any]:
    """All rows of the order table of the enterprise."""
    return select(CUSTOMER_ORDER).where(CUSTOMER_ORDER.c.enterprise == enterprise)


def plans(
    connection: Connection,
    enterprise: str,
    *,
    order_ids: Iterable[str] | None = None,
    work_orders: Iterable[str] | None = None,
) -> Iterable[tuple[str, WorkOrderPlan]]:
    """(order, plan) of the work orders of these orders, or of these work orders, or of all."""
    wanted = select(WORK_ORDER).where(WORK_ORDER.c.enterprise == enterprise).order_by(WORK_ORDER.c.ordinal)
    if order_ids is None and work_orders is None:
        yield from _plans(connection, enterprise, wanted)
    for part in chunks(order_ids or ()):
        yield from _plans(connection, enterprise, wanted.where(WORK_ORDER.c.order_id.in_(part)))
    for part in chunks(work_orders or ()):
        yield from _plans(connection, enterprise, wanted.where(WORK_ORDER.c.id.in_(part)))


def _plans(connection: Connection, enterprise: str, wanted: Select[Any]) -> Iterable[tuple[str, WorkOrderPlan]]:
    rows = connection.execute(wanted).mappings().all()
    nodes: dict[str, list[NodePlan]] = {}
    for part in chunks(row["id"] for row in rows):
        query = select(NODE).where(NODE.c.enterprise == enterprise, NODE.c.work_order.in_(part))
        for node in connection.execute(query.order_by(NODE.c.ordinal)).mappings():
            nodes.setdefault(node["work_order"], []).append(_node_plan(node))
    for row in rows:
        yield (
            row["order_id"],
            work_order_of(
                row["details"] or {},
                work_order=row["id"],
                site=row["site"],
                item=row["item"],
                quantity=row["quantity"],
                nodes=tuple(nodes.get(row["id"], ())),
            ),
        )


def _node_plan(row: RowMapping) -> NodePlan:
    return node_of(
        row["details"] or {},
        node=row["node"],
        quantity=row["quantity"],
        planned_start=row["planned_start"],
        planned_finish=row["planned_finish"],
        predecessors=tuple(row["predecessors"]),
        label=row["label"],
    )


def _stored_order(row: RowMapping, work_orders: tuple[WorkOrderPlan, ...]) -> StoredOrder:
    plan = order_of(
        row["details"] or {},
        order=row["id"],
        system=row["system"],
        external_id=row["external_id"],
        customer=row["customer"],
        promised=row["promised"],
        work_orders=work_orders,
    )
    return StoredOrder(plan=plan, baseline_start=row["baseline_start"], baseline_finish=row["baseline_finish"])


def gateway_rows(enterprise: str) -> Select[Any]:
    """Every gateway with what is accounted for in its current epoch of the facts lane."""
    current = (
        (RECEIVED_RANGE.c.enterprise == GATEWAY.c.enterprise)
        & (RECEIVED_RANGE.c.gateway == GATEWAY.c.id)
        & (RECEIVED_RANGE.c.lane == "facts")
        & (RECEIVED_RANGE.c.epoch == GATEWAY.c.epoch)
    )
    joined = GATEWAY.outerjoin(RECEIVED_RANGE, current)
    columns = select(GATEWAY, RECEIVED_RANGE.c.upto, RECEIVED_RANGE.c.last_at, RECEIVED_RANGE.c.run).select_from(joined)
    return columns.where(GATEWAY.c.enterprise == enterprise).order_by(GATEWAY.c.id)


def gateway_record(row: RowMapping) -> GatewayRecord:
    """A row of `gateway_rows`. `state` was checked when it arrived."""
    state: Mapping[str, Any] = row["state"]
    return GatewayRecord(
        gateway=row["id"],
        enrolment=Enrolment(row["enrolment"]),
        online=row["online"],
        epoch=row["epoch"],
        next_seq=state.get("next_seq", {}).get("facts"),
        upto=row["upto"] or 0,
        outbox_depth=state.get("outbox", {}).get("depth"),
        dispatch_version=state.get("dispatch_version"),
        dispatch_published=row["dispatch_version"],
        seen_at=row["seen_at"],
        stations=tuple(state.get("stations", ())),
        zones=tuple(state.get("zones", ())),
        nodes=tuple(state.get("nodes", ())),
        stocktakes=tuple(state.get("stocktakes", ())),
        last_at=row["last_at"],
        run=row["run"],
        alarm=(state.get(ALARM) or {}).get("note"),
        devices=state.get("devices", {}),
        state=state,
    )


def order_fields(stored: StoredOrder) -> dict[str, Any]:
    """The columns of an order's row, but for its number."""
    plan = stored.plan
    return {
        "system": plan.system,
        "external_id": plan.external_id,
        "customer": plan.customer,
        "promised": plan.promised,
        "baseline_start": stored.baseline_start,
        "baseline_finish": stored.baseline_finish,
        "details": order_details(plan) or None,
    }


def node_values(work: WorkOrderPlan) -> list[dict[str, Any]]:
    """The rows of a work order's nodes."""
    return [
        {
            "work_order": work.work_order,
            "node": node.node,
            "ordinal": number,
            "quantity": node.quantity,
            "planned_start": node.planned_start,
            "planned_finish": node.planned_finish,
            "predecessors": list(node.predecessors),
            "label": dict(node.label),
            "details": node_details(node) or None,
        }
        for number, node in enumerate(work.nodes)
    ]


def gateway_fields(record: GatewayRecord, dispatch_sha256: str) -> dict[str, Any]:
    """The columns of a gateway's row, but for its name."""
    return {
        "enrolment": str(record.enrolment),
        "online": record.online,
        "epoch": record.epoch,
        "seen_at": record.seen_at,
        "state": dict(record.state),
        "dispatch_version": record.dispatch_published,
        "dispatch_sha256": dispatch_sha256,
    }
