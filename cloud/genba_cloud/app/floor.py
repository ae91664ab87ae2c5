"""The pages of the floor, put together: scans, problems, labels."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request

from genba_cloud.api import Desk, Guard
from genba_cloud.api.floor_doing import FloorDesk
from genba_cloud.api.floor_reads import VisibleFloor
from genba_cloud.core.facts import OrderPlan
from genba_cloud.core.viewer import Act, Subject, Viewer
from genba_cloud.ledger import Ledger
from genba_cloud.ledger.codes import CodesMade
from genba_cloud.web import LabelParts, ScanParts, create_label_pages, create_scan_pages
from genba_cloud.web.rows import Shown


def floor_pages(
    ledger: Ledger, desk: Desk, *, shown: Callable[[Request], Shown], public_url: str, gs1_prefix: str
) -> list[APIRouter]:
    """All of them."""

    def plan_of(order: str) -> OrderPlan | None:
        record = desk.reads.get_order(order)
        return record.plan if record else None

    async def make(order: str, who: str) -> CodesMade | None:
        return await ledger.floor.make_codes(order, by=who)

    def desk_of(viewer: Viewer) -> FloorDesk:
        return FloorDesk(desk=desk, ledger=ledger, viewer=viewer)

    def floor_of(viewer: Viewer) -> VisibleFloor:
        return VisibleFloor(desk, viewer)

    scans = ScanParts(guard=Guard(people=True, sees=Subject.ORDERS, does=Act.WORK), desk_of=desk_of, shown=shown)
    labels = LabelParts(
        guard=Guard(people=True, does=Act.MAKE_CODES),
        floor_of=floor_of,
        plan_of=plan_of,
        make=make,
        shown=shown,
        public_url=public_url,
        gs1_prefix=gs1_prefix,
    )
    return [create_scan_pages(scans), create_label_pages(labels)]
