"""The pages of the office, put together: orders, reports and figures."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request

from genba_cloud.api import Desk, Guard
from genba_cloud.api.order_reads import OrderReads
from genba_cloud.api.report_reads import ReportReads
from genba_cloud.core.viewer import Subject, Viewer
from genba_cloud.web.figures import create_figure_page
from genba_cloud.web.order_page import create_order_page
from genba_cloud.web.orders import create_order_list
from genba_cloud.web.reports import create_report_pages
from genba_cloud.web.rows import Shown


def office_pages(desk: Desk, shown_to: Callable[[Request], Shown]) -> list[APIRouter]:
    """Every page; each is drawn from what its viewer may see."""

    def orders_of(viewer: Viewer) -> OrderReads:
        return OrderReads(desk, viewer)

    def reports_of(viewer: Viewer) -> ReportReads:
        return ReportReads(desk, viewer)

    guard, review = Guard(sees=Subject.ORDERS), Guard(sees=Subject.REPORTS)
    return [
        create_order_list(guard=guard, source_of=orders_of, shown_to=shown_to),
        create_order_page(guard=guard, source_of=orders_of, shown_to=shown_to),
        create_report_pages(guard=review, source_of=reports_of, shown_to=shown_to),
        create_figure_page(guard=review, source_of=reports_of, shown_to=shown_to),
    ]
