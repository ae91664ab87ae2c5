"""Files of tables to what they say, and what is kept to files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from genba_cloud.core.assess import Policy
from genba_cloud.core.master.kinds import MasterKind
from genba_cloud.core.master.tables.columns import ReadTable, TableForm, Value, guarded, read_table, score, written
from genba_cloud.core.master.tables.documents import RowsOfDocument, documents_of, form_of
from genba_cloud.core.master.tables.orders import ORDERS, Places, RowsOfOrder, end_of_local_day, orders_of
from genba_cloud.core.working_time import ALWAYS_WORKING, sub
from genba_shared.point_list.files import sheets_of


class Format(StrEnum):
    """How a table is written."""

    CSV = "csv"
    XLSX = "xlsx"


def read_orders(
    content: bytes, name: str, *, policy: Policy, zone: ZoneInfo, encoding: str | None = None
) -> tuple[ReadTable, tuple[RowsOfOrder, ...]]:
    """The orders of a CSV or XLSX file. `zone`: of dates at sites that have no calendar.

    Raises:
        PointListError: the file is no such table.
    """
    table = read_table(sheets_of(content, name, encoding=encoding, score=score(ORDERS)), ORDERS)
    return table, tuple(orders_of(table, places_of(policy, zone)))


def read_documents(
    kind: MasterKind, content: bytes, name: str, *, encoding: str | None = None
) -> tuple[ReadTable, tuple[RowsOfDocument, ...]]:
    """The documents of a CSV or XLSX file of one kind.

    Raises:
        PointListError: the file is no such table.
    """
    form = form_of(kind)
    table = read_table(sheets_of(content, name, encoding=encoding, score=score(form)), form)
    return table, tuple(documents_of(kind, table))


def places_of(policy: Policy, zone: ZoneInfo) -> Places:
    """What dates mean at the sites of a policy."""

    def zone_of(site: str | None) -> ZoneInfo:
        calendar = policy.calendar_of(site or "")
        return zone if calendar == ALWAYS_WORKING else ZoneInfo(calendar.zone)

    def end_of_day(day: date, site: str | None) -> datetime:
        """When work ends on that date; where nobody works then, the end of the date."""
        local = zone_of(site)
        last = end_of_local_day(day, local)
        calendar = policy.calendar_of(site or "")
        if calendar == ALWAYS_WORKING:
            return last
        second = timedelta(seconds=1)
        ended = sub(calendar, last + second, 1) + second
        begun = end_of_local_day(day - timedelta(days=1), local) + second
        return min(ended.astimezone(UTC), last) if ended > begun else last

    return Places(zone_of=zone_of, end_of_day=end_of_day)


def table_file(form: TableForm, rows: Iterable[Mapping[str, Value]], file_format: Format, *, language: str) -> bytes:
    """A file that holds these rows; read again, it says the same."""
    values = written(form, list(rows), language)
    if file_format is Format.XLSX:
        from genba_shared.point_list.xlsx import xlsx_of  # it takes a while to import, and few runs need it

        return xlsx_of(form.name, values)
    return _csv_of(values)


def _csv_of(rows: Sequence[Sequence[Value]]) -> bytes:
    """UTF-8 with the mark by which spreadsheet programs know it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([guarded(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")
