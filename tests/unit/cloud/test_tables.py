"""Tables of orders and master data: headings in three languages, rows that are refused, files read again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from genba_cloud.core.assess import DEFAULT_POLICY, Policy
from genba_cloud.core.facts.plan import TeamMember
from genba_cloud.core.master.kinds import MasterKind
from genba_cloud.core.master.orders import LineLink, OrderWanted
from genba_cloud.core.master.tables.columns import ReadTable, TableForm, guarded
from genba_cloud.core.master.tables.documents import TABLE_KINDS, form_of
from genba_cloud.core.master.tables.files import Format, read_documents, read_orders, table_file
from genba_cloud.core.master.tables.orders import ORDERS
from genba_cloud.core.working_time import Calendar, Shift
from genba_shared.point_list.table import PointListError

SHANGHAI = ZoneInfo("Asia/Shanghai")


def orders(text: str, *, policy: Policy = DEFAULT_POLICY) -> tuple[list[OrderWanted], list[str]]:
    table, found = read_orders(text.encode(), "orders.csv", policy=policy, zone=SHANGHAI)
    problems = [*table.problems, *(problem for one in found for problem in one.problems)]
    return [one.order for one in found if one.order is not None], [str(problem) for problem in problems]


def only(text: str, **more: Policy) -> OrderWanted:
    found, problems = orders(text, **more)
    assert problems == []
    (order,) = found
    return order


@pytest.mark.parametrize(
    "headings",
    [
        "Order,Customer,Item,Quantity,Promised,Routing,Parameter:size",
        "订单号,客户,品号,数量,交期,工艺路线,参数：size",
        "受注番号,得意先,品目,数量,納期,工程表,パラメータ:size",
        "PO No.,buyer,Style,Qty (pcs),Delivery date,route,param:size",
    ],
    ids=["en", "zh", "ja", "other words"],
)
def test_an_order_is_read_from_headings_of_any_language(headings: str) -> None:
    order = only(f"{headings}\nA-1,Blue Shirt,SHIRT,120,2026-12-01,garment,M\n")
    (line,) = order.lines
    assert (order.order, order.system, order.external_id, order.customer) == ("A-1", "spreadsheet", "A-1", "Blue Shirt")
    assert (line.line, line.item, line.quantity, line.routing) == ("1", "SHIRT", 120, "garment")
    assert line.parameters == {"size": "M"}
    assert order.promised == datetime(2026, 12, 1, 15, 59, 59, tzinfo=UTC)  # the end of that day in Shanghai


def test_a_chinese_table_in_gbk_with_semicolons_is_understood() -> None:
    content = "订单导出;;\n订单号;数量;交期;品号\nA-1;5;2026-12-01;衬衫\n".encode("gbk")
    _, (found,) = read_orders(content, "orders.csv", policy=DEFAULT_POLICY, zone=SHANGHAI)
    assert found.order is not None
    assert found.order.lines[0].item == "衬衫"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-12-01", "2026-12-01 15:59:59"),
        ("2026/12/1", "2026-12-01 15:59:59"),
        ("2026年12月1日", "2026-12-01 15:59:59"),
        ("２０２６．１２．１", "2026-12-01 15:59:59"),
        ("2026-12-01 00:00:00", "2026-12-01 15:59:59"),  # a date cell of a spreadsheet
        ("2026-12-01 17:30", "2026-12-01 09:30:00"),
        ("2026-12-01T17:30:00+09:00", "2026-12-01 08:30:00"),
        ("2026-12-01T00:00:00.000Z", "2026-12-01 00:00:00"),
    ],
)
def test_a_date_means_what_people_mean(written: str, expected: str) -> None:
    found = only(f"order,item,quantity,promised\nA-1,X,1,{written}\n").promised
    assert f"{found:%Y-%m-%d %H:%M:%S}" == expected


def test_a_day_ends_when_work_ends_at_the_site() -> None:
    week = Calendar(zone="Asia/Tokyo", weekly=(*((Shift.between("08:00", "17:00"),),) * 5, (), ()))
    policy = Policy(calendars={"osaka": week})
    text = (
        "order,item,site,quantity,promised\nA-1,X,osaka,1,2026-12-01\nA-2,X,osaka,1,2026-12-05\nA-3,X,b,1,2026-12-01\n"
    )
    found, problems = orders(text, policy=policy)
    assert problems == []
    assert [f"{one.promised:%d %H:%M}" for one in found] == ["01 08:00", "05 14:59", "01 15:59"]  # the 5th: a Saturday


def test_rows_of_one_order_are_its_lines() -> None:
    order = only(
        "Order,Line,Item,Quantity,Promised,Customer,Priority,Team,After,System,External id\n"
        "A-1,1,PANEL,100,2026-12-01,Blue,5,owner=li; planner=sato,,erp,4711\n"
        "A-1,2,SHIRT,100,,,,,1.cut>sew*50+14400; 3,erp,4711\n"
    )
    assert (order.system, order.external_id, order.priority) == ("erp", "4711", 5)
    assert order.team == (TeamMember(person="li", role="owner"), TeamMember(person="sato", role="planner"))
    assert [line.line for line in order.lines] == ["1", "2"]
    assert order.lines[1].after == (
        LineLink(line="1", node="cut", to="sew", transfer=50, transport_s=14_400), LineLink(line="3"),
    )  # fmt: skip


@pytest.mark.requirement("R18", part="tables go out and in again without loss, and a bad row is named")
@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("A-1,X,none,2026-12-01", "row 3 column C (数量): 'none' is not a whole number from 1 to 10,000,000."),
        ("A-1,X,0,2026-12-01", "row 3 column C (数量): '0' is not a whole number"),
        ("A-1,X,1.5,2026-12-01", "row 3 column C (数量): '1.5' is not a whole number"),
        ("A-1,X,,2026-12-01", "row 3 column C (数量): the row has no quantity. Write whole pieces, like 120."),
        ("A-1,X,5,soon", "row 3 column D (交期): 'soon' is not a date. Write it like 2026-12-01"),
        ("A-1,X,5,2026-02-30", "row 3 column D (交期): '2026-02-30' is not a date"),
        ("A-1,X,5,", "row 3 column D (交期): the order has no date."),
        ("A-1,,5,2026-12-01", "row 3 column B (品号): the row names no item."),
        (",X,5,2026-12-01", "row 3 column A (订单号): the row names no order."),
        ("A-1,=B2,5,2026-12-01", "row 3 column B (品号): a formula stands here"),
    ],
)
def test_a_row_that_cannot_be_taken_is_told_and_the_others_go_in(row: str, said: str) -> None:
    text = f'订单号,品号,数量,交期\nGOOD,X,1,2026-12-01\n{row}\nALSO,X,"1,200",2026-12-01\n'
    found, (problem,) = orders(text)
    assert [one.order for one in found] == ["GOOD", "ALSO"]
    assert found[1].lines[0].quantity == 1200
    assert problem.startswith(said)


def test_a_row_that_contradicts_its_order_is_told() -> None:
    text = "order,item,quantity,promised,customer\nA,X,1,2026-12-01,Blue\nA,Y,2,2026-12-01,Green\nA,Z,3,,\n"
    (order,), (problem,) = orders(text)
    assert [line.item for line in order.lines] == ["X", "Z"]
    assert problem.startswith("row 3 column E (customer): order A has another customer in an earlier row.")


def test_a_file_without_the_headings_is_refused_with_what_is_needed() -> None:
    with pytest.raises(PointListError, match="Order / 订单号 / 受注番号, Quantity / 数量 / 数量, Promised"):
        orders("a,b,c\n1,2,3\n")
    with pytest.raises(PointListError, match="old kind"):
        read_orders(b"\xd0\xcf\x11\xe0", "orders.xls", policy=DEFAULT_POLICY, zone=SHANGHAI)


def workbook(*rows: Sequence[object]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Orders of December"])
    for row in rows:
        sheet.append(list(row))
    book.create_sheet("Notes").append(["nothing", "here"])
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def test_a_workbook_is_read_with_its_numbers_and_date_cells() -> None:
    content = workbook(["受注番号", "品目", "数量", "納期"], [1001, "SHIRT", 12.0, date(2026, 12, 1)])
    table, (found,) = read_orders(content, "orders.xlsx", policy=DEFAULT_POLICY, zone=SHANGHAI)
    assert (table.sheet, table.total, found.problems) == ("Sheet", 1, ())
    assert found.order is not None
    assert (found.order.order, found.order.lines[0].quantity) == ("1001", 12)
    assert found.order.promised == datetime(2026, 12, 1, 15, 59, 59, tzinfo=UTC)


def documents(kind: MasterKind, text: str) -> tuple[ReadTable, list[dict[str, object]], list[str]]:
    table, found = read_documents(kind, text.encode(), "table.csv")
    bodies = [dict(one.document.body) for one in found if one.document is not None]
    return table, bodies, [str(problem) for one in found for problem in one.problems]


def test_items_are_read_with_their_names_in_any_language() -> None:
    _, bodies, problems = documents(
        MasterKind.ITEMS,
        "物料编号,名称:zh,名称:en,来源,单位,工艺路线\nSHIRT,衬衫,Shirt,自制,,garment\nFABRIC,面料,,外购,m,\n",
    )
    assert problems == []
    assert bodies == [
        {"item": "SHIRT", "label": {"zh": "衬衫", "en": "Shirt"}, "source": "made", "routing": "garment"},
        {"item": "FABRIC", "label": {"zh": "面料"}, "source": "bought", "uom": "m"},
    ]


def test_rows_of_a_bom_are_joined_and_a_bad_one_names_its_cell() -> None:
    _, bodies, problems = documents(
        MasterKind.BOMS,
        "親品目,子品目,員数,単位,ロス率\nA,X,1.5,m,0.1\nB,X,-1,,\nB,Y,1,,\nA,Y,2,,\nC,X,1,,2\nC,Y,1,,\n",
    )
    assert bodies == [
        {"bom": "A", "lines": [
            {"item": "X", "uom": "m", "amount": 1.5, "scrap_share": 0.1}, {"item": "Y", "amount": 2.0},
        ]}
    ]  # fmt: skip
    assert [problem.split(".")[0] for problem in problems] == [
        "row 3 column C (員数): '-1' is not a number",
        "row 6 column E (ロス率): 2 is out of range: a number from 0 to 0",
    ]


def test_stations_have_their_machines_and_skills() -> None:
    _, bodies, problems = documents(
        MasterKind.STATIONS, "Station,Work centre,Machines,Skills\nSEW-1,sewing,8,overlock; buttons\nSEW-2,sewing,x,\n"
    )
    assert bodies == [{"station": "SEW-1", "work_centre": "sewing", "machines": 8, "skills": ["overlock", "buttons"]}]
    assert problems[0].startswith("row 3 column C (Machines): 'x' is not a whole number from 1 to 1,000.")


def test_rows_of_a_calendar_are_joined() -> None:
    _, bodies, problems = documents(
        MasterKind.CALENDARS,
        "日历,时区,类型,日期,上班时间,休息,按星期\n"
        "suzhou,Asia/Shanghai,班次,mon-fri,08:00-17:00,12:00-13:00; 15:00-15:15,\n"
        "suzhou,,节假日,2026-10-01..2026-10-07,,,\n"
        "suzhou,,调休,2026-09-27,,,thu\n"
        "suzhou,,加班,2026-11-07,08:00-12:00,,\n"
        "bad,Asia/Shanghai,班次,workdays,08:00-17:00,,\n"
        "worse,Asia/Shanghai,假,2026-10-01,,,\n",
    )
    assert bodies == [
        {
            "calendar": "suzhou",
            "zone": "Asia/Shanghai",
            "shifts": [{"days": "mon-fri", "work": "08:00-17:00", "breaks": ["12:00-13:00", "15:00-15:15"]}],
            "holidays": ["2026-10-01..2026-10-07"],
            "make_up": [{"date": "2026-09-27", "like": "thu"}],
            "overtime": [{"date": "2026-11-07", "work": "08:00-12:00"}],
        }
    ]
    assert [problem.split(":")[0] for problem in problems] == ["row 7 column C (类型)", "row 6 column D (日期)"]


def test_a_document_that_stands_there_twice_is_told() -> None:
    _, bodies, problems = documents(MasterKind.ITEMS, "item,uom\nA,m\nA,m\nB,m\n")
    assert [body["item"] for body in bodies] == ["B"]
    assert problems == ["row 3 column A (item): 'A' stands in row 2 already. Delete one."]


@pytest.mark.parametrize("form", [ORDERS, *(form_of(kind) for kind in TABLE_KINDS)], ids=lambda form: form.name)
def test_no_heading_means_two_columns(form: TableForm) -> None:
    words = [word for column in form.columns for word in column.spellings() if not column.is_open]
    assert sorted(word for word in words if words.count(word) > 1) == []


@pytest.mark.parametrize(
    ("value", "cell"),
    [("=1+1", "'=1+1"), ("-x", "'-x"), ("@a", "'@a"), ("'a", "''a"), ("a", "a"), (-1, "-1"), (None, "")],
)
def test_a_text_that_looks_like_a_formula_stays_a_text(value: str | int | None, cell: str) -> None:
    assert guarded(value) == cell


@pytest.mark.parametrize("file_format", list(Format))
def test_a_text_that_looks_like_a_formula_comes_back(file_format: Format) -> None:
    rows = [{"item": "=1+1", "label:en": "-5 %", "uom": "m"}, {"item": "'x", "label:en": "@home"}]
    content = table_file(form_of(MasterKind.ITEMS), rows, file_format, language="en")
    table, found = read_documents(MasterKind.ITEMS, content, f"items.{file_format}")
    assert table.problems == ()
    assert [one.document.body for one in found if one.document] == [
        {"item": "=1+1", "uom": "m", "label": {"en": "-5 %"}},
        {"item": "'x", "label": {"en": "@home"}},
    ]
