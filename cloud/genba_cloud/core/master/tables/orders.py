"""Tables of orders: each row a line of an order; rows to orders, and orders to rows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from genba_cloud.core.facts.plan import Dependency, OrderPlan, TeamMember, WorkOrderPlan
from genba_cloud.core.master.orders import LineLink, LineWanted, OrderWanted
from genba_cloud.core.master.tables.columns import (
    CellRefused,
    Column,
    ReadTable,
    TableForm,
    TableRow,
    Value,
    listed_of,
    opened,
    whole_of,
)
from genba_shared.clock import format_time, to_milliseconds
from genba_shared.point_list.table import RowProblem

MOST_PIECES: Final = 10_000_000
SPREADSHEET: Final = "spreadsheet"
"""The system that an order comes from whose row names none."""
LONGEST: Final = 100

ORDERS: Final = TableForm(
    name="orders",
    needed=("order", "quantity", "promised"),
    columns=(
        Column(
            role="order",
            titles=("Order", "订单号", "受注番号"),
            words="orderno ordernumber po pono 订单 订单编号 單號 注文番号 製番 オーダー",
        ),
        Column(role="line", titles=("Line", "行号", "明細番号"), words="lineno position 序号 行 明細"),
        Column(role="customer", titles=("Customer", "客户", "得意先"), words="client buyer 客户名称 客戶 顧客 顧客名"),
        Column(
            role="item",
            titles=("Item", "品号", "品目"),
            words="product sku itemno style 物料 产品 产品编号 款号 料号 品番 製品 商品",
        ),
        Column(role="quantity", titles=("Quantity", "数量", "数量"), words="qty pieces pcs 件数 订单数量 個数 受注数"),
        Column(
            role="promised",
            titles=("Promised", "交期", "納期"),
            words="promise duedate delivery deliverydate 交货日期 交货期 承诺交期 納品日 希望納期",
        ),
        Column(role="due", titles=("Line due", "行交期", "明細納期"), words="linedue 行交货日期"),
        Column(role="routing", titles=("Routing", "工艺路线", "工程表"), words="route template 工艺 工艺模板 工程"),
        Column(role="site", titles=("Site", "工厂", "工場"), words="plant factory 厂区 拠点"),
        Column(role="priority", titles=("Priority", "优先级", "優先度"), words="urgency 优先"),
        Column(role="team", titles=("Team", "团队", "担当"), words="owner 负责人 担当者"),
        Column(role="configuration", titles=("Configuration", "配置", "構成"), words="config 选配"),
        Column(role="choice", titles=("Choice", "选项", "選択"), is_open=True),
        Column(role="parameter", titles=("Parameter", "参数", "パラメータ"), words="param 属性", is_open=True),
        Column(role="after", titles=("After", "前置行", "先行明細"), words="predecessor 前置"),
        Column(role="work_order", titles=("Work order", "工单号", "作業指示番号"), words="workorder wo 工单 作業指示"),
        Column(role="system", titles=("System", "来源系统", "システム"), words="source 系统"),
        Column(role="external_id", titles=("External id", "外部编号", "外部番号"), words="externalid 外部单号"),
    ),
)
_LINK: Final = re.compile(
    r"(?P<line>[^.>*+;]{1,100})(?:\.(?P<node>[A-Za-z0-9_-]+))?(?:>(?P<to>[A-Za-z0-9_-]+))?"
    r"(?:\*(?P<transfer>[0-9]{1,8}))?(?:\+(?P<transport>[0-9]{1,8})s?)?"
)
_DATE: Final = re.compile(
    r"(?P<year>[12][0-9]{3})\s*[-/.年]\s*(?P<month>[0-9]{1,2})\s*[-/.月]\s*(?P<day>[0-9]{1,2})\s*日?"
    r"(?:[T\s]+(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?P<part>\.[0-9]{1,6})?)?)?"
    r"\s*(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})?"
)
EndOfDay = Callable[[date, str | None], datetime]
"""The last working instant of a date, at a site or the usual one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What dates mean: the zone of a site (None: the usual one) and when its working day ends."""

    zone_of: Callable[[str | None], ZoneInfo]
    end_of_day: EndOfDay


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsOfOrder:
    """An order that rows make. `problems`: rows of it that were left out."""

    rows: tuple[int, ...]
    order: OrderWanted | None
    problems: tuple[RowProblem, ...] = ()


def orders_of(table: ReadTable, places: Places) -> Iterator[RowsOfOrder]:
    """The orders of a table: rows with the same system and external id are lines of one."""
    groups: dict[tuple[str, str], list[TableRow]] = {}
    for row in table.rows:
        number = row.cells.get("order", "")
        if not number:
            problem = table.problem(row.number, "order", "the row names no order.", "Write its number.")
            yield RowsOfOrder(rows=(row.number,), order=None, problems=(problem,))
            continue
        key = (row.cells.get("system", SPREADSHEET), row.cells.get("external_id", number))
        groups.setdefault(key, []).append(row)
    for key, rows in groups.items():
        yield _order_of(key, rows, table, places)


def _order_of(key: tuple[str, str], rows: list[TableRow], table: ReadTable, places: Places) -> RowsOfOrder:
    heads: list[tuple[TableRow, OrderWanted]] = []
    lines: list[LineWanted] = []
    problems: list[RowProblem] = []
    for row in rows:
        try:
            head = _head_of(key, row.cells, places, heads[0][1] if heads else None)
            line = _line_of(row.cells, places, number=len(heads) + 1)
            if any(one.line == line.line for one in lines):
                raise CellRefused("line", f"line {line.line} of order {head.order} is there twice.", "Number them.")
        except CellRefused as exc:
            problems.append(table.problem(row.number, exc.role, exc.message, exc.fix))
            continue
        heads.append((row, head))
        lines.append(line)
    numbers = tuple(row.number for row in rows)
    if not heads:
        return RowsOfOrder(rows=numbers, order=None, problems=tuple(problems))
    first = heads[0][1]
    order = OrderWanted(
        order=first.order,
        system=first.system,
        external_id=first.external_id,
        customer=first.customer,
        promised=first.promised,
        lines=tuple(lines),
        priority=first.priority,
        team=first.team,
    )
    return RowsOfOrder(rows=numbers, order=order, problems=tuple(problems))


def _head_of(key: tuple[str, str], cells: Mapping[str, str], places: Places, first: OrderWanted | None) -> OrderWanted:
    """What a row says of its order; what it leaves out is as the first row says."""
    promised = _instant(cells, "promised", places)
    if promised is None and first is None:
        raise CellRefused("promised", "the order has no date.", "Write it like 2026-12-01.")
    head = OrderWanted(
        order=_word(cells, "order"),
        system=key[0],
        external_id=key[1],
        customer=_free(cells, "customer") or (first.customer if first else ""),
        promised=promised or (first.promised if first else datetime.max.replace(tzinfo=UTC)),
        lines=(),
        priority=_or(whole_of(cells, "priority", low=-1000, high=1000), first.priority if first else 0),
        team=tuple(_team(cells)) or (first.team if first else ()),
    )
    for role in ("order", "customer", "promised", "priority", "team"):
        if first is not None and getattr(head, role) != getattr(first, role):
            raise CellRefused(
                role, f"order {head.order} has another {role} in an earlier row.", "Write the same, or leave it empty."
            )
    return head


def _line_of(cells: Mapping[str, str], places: Places, *, number: int) -> LineWanted:
    quantity = whole_of(cells, "quantity", low=1, high=MOST_PIECES)
    if quantity is None:
        raise CellRefused("quantity", "the row has no quantity.", "Write whole pieces, like 120.")
    configuration = cells.get("configuration")
    if configuration is None and "item" not in cells:
        raise CellRefused("item", "the row names no item.", "Write what is made.")
    return LineWanted(
        line=_word(cells, "line") if "line" in cells else str(number),
        item=_word(cells, "item") if "item" in cells else None,
        quantity=quantity,
        routing=cells.get("routing"),
        site=cells.get("site"),
        due=_instant(cells, "due", places),
        work_order=_word(cells, "work_order") if "work_order" in cells else None,
        parameters=opened(cells, "parameter"),
        configuration=configuration,
        choices=opened(cells, "choice") if configuration else {},
        after=tuple(_link(word) for word in listed_of(cells, "after")),
    )


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def _word(cells: Mapping[str, str], role: str) -> str:
    text = cells[role]
    if len(text) > LONGEST:
        raise CellRefused(role, f"'{text[:40]}…' is longer than {LONGEST} characters.", "Shorten it.")
    return text


def _free(cells: Mapping[str, str], role: str) -> str:
    return cells.get(role, "")[:200]


def _team(cells: Mapping[str, str]) -> Iterator[TeamMember]:
    for word in listed_of(cells, "team"):
        role, equals, person = word.partition("=")
        if not equals:
            role, person = "owner", role
        if not role.strip() or not person.strip():
            raise CellRefused("team", f"'{word}' names nobody.", "Write it like owner=li; planner=sato.")
        yield TeamMember(person=person.strip(), role=role.strip())


def _link(word: str) -> LineLink:
    found = _LINK.fullmatch(word)
    if found is None:
        raise CellRefused(
            "after",
            f"'{word}' is not a line that comes before.",
            "Write its line, or LINE.NODE>NODE*PIECES+SECONDS, like 1.pack>core*50+14400.",
        )
    transfer, transport = found["transfer"], found["transport"]
    return LineLink(
        line=found["line"].strip(),
        node=found["node"],
        to=found["to"],
        transfer=int(transfer) or None if transfer else None,
        transport_s=int(transport) if transport else None,
    )


def _instant(cells: Mapping[str, str], role: str, places: Places) -> datetime | None:
    text = cells.get(role)
    if text is None:
        return None
    found = _DATE.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        raise CellRefused(role, f"'{text}' is not a date.", "Write it like 2026-12-01 or 2026-12-01 17:00.")
    site = cells.get("site")
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        clock = _clock(found)
        # A date cell of a spreadsheet is midnight: what is meant is the day, and a day ends when work does.
        if clock is None or (clock == time() and found["offset"] is None):
            return to_milliseconds(places.end_of_day(day, site))
        zone = _offset(found["offset"]) or places.zone_of(site)
        return to_milliseconds(datetime.combine(day, clock, tzinfo=zone).astimezone(UTC))
    except (ValueError, OverflowError) as exc:
        raise CellRefused(role, f"'{text}' is not a date: {exc}.", "Write it like 2026-12-01.") from exc


def _clock(found: re.Match[str]) -> time | None:
    if found["hour"] is None:
        return None
    part = int(float(found["part"] or 0) * 1_000_000 + 0.5)
    return time(int(found["hour"]), int(found["minute"]), int(found["second"] or 0), min(part, 999_999))


def _offset(written: str | None) -> tzinfo | None:
    if written is None:
        return None
    return datetime.fromisoformat(f"2000-01-01T00:00:00{'+00:00' if written == 'Z' else written}").tzinfo


def rows_of_orders(plans: Iterable[OrderPlan]) -> Iterator[dict[str, Value]]:
    """The rows of a table that say what these orders say: what was ordered, not what became of it."""
    for plan in plans:
        works = _line_names(plan)
        for work in plan.work_orders:
            line = works[work.work_order]
            yield {
                "order": plan.order,
                "line": line,
                "customer": plan.customer or None,
                "item": work.item,
                "quantity": work.quantity,
                "promised": format_time(plan.promised),
                "due": format_time(work.due) if work.due is not None else None,
                "routing": work.routing,
                "site": work.site,
                "priority": plan.priority or None,
                "team": "; ".join(f"{one.role}={one.person}" for one in plan.team) or None,
                **{f"parameter:{name}": text for name, text in work.parameters.items()},
                "after": "; ".join(_links(work, works)) or None,
                "work_order": work.work_order if work.work_order != f"{plan.order}-{line}" else None,
                "system": plan.system if plan.system != SPREADSHEET else None,
                "external_id": plan.external_id if plan.external_id != plan.order else None,
            }


def _line_names(plan: OrderPlan) -> dict[str, str]:
    """By work order, the name of its line: what its id says, else a number that no other line has."""
    head = f"{plan.order}-"
    ids = [work.work_order for work in plan.work_orders]
    names = {name: name[len(head) :] for name in ids if name.startswith(head) and len(name) > len(head)}
    taken = set(names.values())
    for number, name in enumerate(ids, start=1):
        if name not in names:
            names[name] = next(word for word in (str(number), f"w{number}", name) if word not in taken)
            taken.add(names[name])
    return names


def _links(work: WorkOrderPlan, works: Mapping[str, str]) -> Iterator[str]:
    for node in work.nodes:
        for one in node.dependencies:
            if one.work_order is not None and one.work_order in works:
                yield _written_link(works[one.work_order], one, node.node)


def _written_link(line: str, one: Dependency, to: str) -> str:
    transfer = f"*{one.transfer_quantity}" if one.transfer_quantity is not None else ""
    return f"{line}.{one.node}>{to}{transfer}+{one.lag_s}"


def end_of_local_day(day: date, zone: ZoneInfo) -> datetime:
    """The last second of a date."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC) - timedelta(seconds=1)
