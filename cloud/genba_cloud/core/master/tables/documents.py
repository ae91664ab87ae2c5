"""Tables of items, bills of material, stations, calendars and partners: rows to documents, and documents to rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from genba_cloud.core.master.kinds import MasterDocument, MasterKind, is_name, read_body
from genba_cloud.core.master.tables.columns import (
    CellRefused,
    Column,
    ReadTable,
    TableForm,
    TableRow,
    Value,
    listed_of,
    number_of,
    opened,
    whole_of,
)
from genba_shared.errors import ConfigError
from genba_shared.point_list.table import RowProblem

MOST: Final = 1_000_000_000
_LABEL: Final = Column(role="label", titles=("Label", "名称", "名称"), words="name 名前", is_open=True)
_UOM: Final = Column(role="uom", titles=("Unit", "单位", "単位"), words="uom unitofmeasure 计量单位 單位")
_SITE: Final = Column(role="site", titles=("Site", "工厂", "工場"), words="plant factory 厂区 拠点")
_WORK_CENTRE: Final = Column(
    role="work_centre", titles=("Work centre", "工作中心", "ワークセンタ"), words="workcentre workcenter 班组 職場"
)

ITEMS: Final = TableForm(
    name="items",
    needed=("item",),
    columns=(
        Column(
            role="item", titles=("Item", "物料编号", "品目"), words="itemno sku 物料 料号 品号 品番 品目コード 款号"
        ),
        _LABEL,
        _UOM,
        Column(role="source", titles=("Source", "来源", "調達区分"), words="made bought 自制外购 内外作"),
        Column(role="routing", titles=("Routing", "工艺路线", "工程表"), words="route template 工艺 工艺模板 工程"),
        _SITE,
        Column(role="supplier", titles=("Supplier", "供应商", "仕入先"), words="vendor 供應商 サプライヤ"),
    ),
)
BOMS: Final = TableForm(
    name="boms",
    needed=("bom", "item", "amount"),
    columns=(
        Column(role="bom", titles=("Parent item", "父项物料", "親品目"), words="parent assembly bom 成品 母件 親品番"),
        Column(
            role="item", titles=("Component", "子项物料", "子品目"), words="child part material 子件 物料 子品番 材料"
        ),
        Column(role="amount", titles=("Amount", "用量", "員数"), words="qty quantity 数量 单件用量 使用量"),
        _UOM,
        Column(role="scrap_share", titles=("Scrap share", "损耗率", "ロス率"), words="scrap loss 损耗 ロス"),
        Column(role="node", titles=("Node", "工序", "工程"), words="operation 投料工序 投入工程"),
    ),
)
STATIONS: Final = TableForm(
    name="stations",
    needed=("station", "work_centre"),
    columns=(
        Column(role="station", titles=("Station", "工位", "ステーション"), words="machine workstation 设备 設備"),
        _LABEL,
        _WORK_CENTRE,
        Column(role="machines", titles=("Machines", "设备数", "台数"), words="capacity 机台数 能力 機械台数"),
        Column(role="skills", titles=("Skills", "技能", "スキル"), words="skill 技能要求"),
    ),
)
CALENDARS: Final = TableForm(
    name="calendars",
    needed=("calendar", "rule", "days"),
    columns=(
        Column(role="calendar", titles=("Calendar", "日历", "カレンダー"), words="工作日历 カレンダ"),
        _LABEL,
        Column(role="zone", titles=("Time zone", "时区", "タイムゾーン"), words="zone timezone 標準時"),
        Column(role="rule", titles=("Rule", "类型", "区分"), words="kind type 種別"),
        Column(role="days", titles=("Days", "日期", "日付"), words="date day 星期 曜日"),
        Column(role="work", titles=("Working time", "上班时间", "勤務時間"), words="work hours 工作时间"),
        Column(role="breaks", titles=("Breaks", "休息", "休憩"), words="break 休息时间 休憩時間"),
        Column(role="like", titles=("Like", "按星期", "振替曜日"), words="likeday 同星期"),
    ),
)
PARTNERS: Final = TableForm(
    name="partners",
    needed=("partner", "roles"),
    columns=(
        Column(role="partner", titles=("Partner", "合作方", "取引先"), words="company 往来单位 取引先コード"),
        _LABEL,
        Column(role="roles", titles=("Roles", "角色", "役割"), words="role 类型 区分"),
    ),
)
_RULES: Final[Mapping[str, str]] = {
    "shift": "shift 班次 シフト 勤務",
    "holiday": "holiday 节假日 假日 休日 祝日",
    "make_up": "make_up makeup make-up 调休 補休 振替出勤",
    "overtime": "overtime 加班 残業",
}
_RULE_OF: Final = {word: rule for rule, words in _RULES.items() for word in words.split()}
_SOURCES: Final = {"自制": "made", "内作": "made", "外购": "bought", "外作": "bought", "購入": "bought"}
_ROLES: Final = {
    "客户": "customer",
    "得意先": "customer",
    "供应商": "supplier",
    "仕入先": "supplier",
    "外协": "subcontractor",
    "外注先": "subcontractor",
    "物流": "carrier",
    "運送会社": "carrier",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsOfDocument:
    """A document that rows of a table make, with the first of them; where it is wrong, `problems` say why."""

    rows: tuple[int, ...]
    document: MasterDocument | None
    problems: tuple[RowProblem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What one row says: settings of the document, and at most one entry of one of its lists."""

    settings: Mapping[str, Any]
    entry: tuple[str, Any] | None = None


def _label(cells: Mapping[str, str]) -> dict[str, Any]:
    label = opened(cells, "label")
    return {"label": label} if label else {}


def _texts(cells: Mapping[str, str], *roles: str) -> dict[str, Any]:
    return {role: cells[role] for role in roles if role in cells}


def _item(cells: Mapping[str, str]) -> _Part:
    source = cells.get("source")
    told = {"source": _SOURCES.get(source, source.casefold())} if source else {}
    return _Part(settings={**_texts(cells, "uom", "routing", "site", "supplier"), **told, **_label(cells)})


def _bom(cells: Mapping[str, str]) -> _Part:
    line = {
        **_texts(cells, "item", "uom", "node"),
        "amount": number_of(cells, "amount"),
        "scrap_share": number_of(cells, "scrap_share"),
    }
    return _Part(settings={}, entry=("lines", {key: value for key, value in line.items() if value is not None}))


def _station(cells: Mapping[str, str]) -> _Part:
    machines = whole_of(cells, "machines", low=1, high=1000)
    skills = listed_of(cells, "skills")
    return _Part(
        settings={
            **_texts(cells, "work_centre"),
            **({"machines": machines} if machines is not None else {}),
            **({"skills": skills} if skills else {}),
            **_label(cells),
        }
    )


def _partner(cells: Mapping[str, str]) -> _Part:
    return _Part(settings={"roles": [_ROLES.get(role, role) for role in listed_of(cells, "roles")], **_label(cells)})


def _calendar(cells: Mapping[str, str]) -> _Part:
    written = cells.get("rule", "")
    rule = _RULE_OF.get(written.casefold())
    if rule is None:
        raise CellRefused(
            "rule", f"'{written}' is not a rule: shift, holiday, make_up or overtime is.", "Write one of these."
        )
    breaks = listed_of(cells, "breaks")
    hours = {**_texts(cells, "work"), **({"breaks": breaks} if breaks else {})}
    days = cells.get("days", "")
    settings = {**_texts(cells, "zone"), **_label(cells)}
    match rule:
        case "shift":
            return _Part(settings=settings, entry=("shifts", {"days": days, **hours}))
        case "holiday":
            return _Part(settings=settings, entry=("holidays", days))
        case "make_up":
            return _Part(settings=settings, entry=("make_up", {"date": days, **_texts(cells, "like")}))
        case _:
            return _Part(settings=settings, entry=("overtime", {"date": days, **hours}))


_READ: Final[Mapping[MasterKind, tuple[TableForm, Callable[[Mapping[str, str]], _Part]]]] = {
    MasterKind.ITEMS: (ITEMS, _item),
    MasterKind.BOMS: (BOMS, _bom),
    MasterKind.STATIONS: (STATIONS, _station),
    MasterKind.CALENDARS: (CALENDARS, _calendar),
    MasterKind.PARTNERS: (PARTNERS, _partner),
}
TABLE_KINDS: Final = tuple(_READ)
"""Kinds of master data that come as tables; all kinds come as YAML."""
_PLACES: Final = {"shifts": "days", "holidays": "days", "make_up": "days", "overtime": "days", "date": "days"}


def form_of(kind: MasterKind) -> TableForm:
    """The table of a kind."""
    return _READ[kind][0]


def documents_of(kind: MasterKind, table: ReadTable) -> Iterator[RowsOfDocument]:
    """The documents that a table makes; rows that say something of the same one are joined.

    A document with a bad row is left out as a whole: half a bill of material would be a wrong one.
    """
    _, read = _READ[kind]
    key = kind.key
    parts: dict[str, list[tuple[TableRow, _Part]]] = {}
    spoilt: set[str] = set()
    for row in table.rows:
        name = row.cells.get(key, "")
        try:
            if not is_name(kind, name):
                raise CellRefused(key, f"'{name}' is not a name here.", "Write the id, like SHIRT-01.")
            part = read(row.cells)
            parts.setdefault(name, []).append((row, part))
        except CellRefused as exc:
            spoilt.add(name)
            problem = table.problem(row.number, exc.role, exc.message, exc.fix)
            yield RowsOfDocument(rows=(row.number,), document=None, problems=(problem,))
    for name, said in parts.items():
        if name not in spoilt:
            yield _joined(kind, table, name, said)


def _joined(kind: MasterKind, table: ReadTable, name: str, said: Sequence[tuple[TableRow, _Part]]) -> RowsOfDocument:
    body: dict[str, Any] = {}
    rows = tuple(row.number for row, _ in said)
    origin: dict[tuple[str, int], int] = {}
    for row, part in said:
        for setting, value in part.settings.items():
            if body.setdefault(setting, value) != value:
                message = f"'{name}' has another {setting} in row {rows[0]}."
                problem = table.problem(row.number, setting, message, "Write the same in each of its rows.")
                return RowsOfDocument(rows=rows, document=None, problems=(problem,))
        if part.entry is not None:
            entries = body.setdefault(part.entry[0], [])
            origin[part.entry[0], len(entries)] = row.number
            entries.append(part.entry[1])
        elif row.number != rows[0]:
            problem = table.problem(row.number, kind.key, f"'{name}' stands in row {rows[0]} already.", "Delete one.")
            return RowsOfDocument(rows=rows, document=None, problems=(problem,))
    try:
        return RowsOfDocument(rows=rows, document=read_body(kind, name, body))
    except ConfigError as exc:
        problems = tuple(_cell_problem(table, rows[0], one.path, one.message, one.fix, origin) for one in exc.problems)
        return RowsOfDocument(rows=rows, document=None, problems=problems)


def _cell_problem(
    table: ReadTable, first: int, path: str, message: str, fix: str, origin: Mapping[tuple[str, int], int]
) -> RowProblem:
    """What is wrong with a document, at the cell that says it."""
    words = path.split(".")
    row = first
    if len(words) > 1 and words[1].isdecimal():
        row = origin.get((words[0], int(words[1])), first)
    role = next((_PLACES.get(word, word) for word in reversed(words) if not word.isdecimal()), "")
    return table.problem(row, role, str(message), str(fix))


def rows_of(kind: MasterKind, bodies: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Value]]:
    """The rows of a table that say what these documents say."""
    for body in bodies:
        match kind:
            case MasterKind.BOMS:
                for line in body["lines"]:
                    yield {"bom": body["bom"], **line}
            case MasterKind.CALENDARS:
                yield from _calendar_rows(body)
            case _:
                yield {**_plain(body), **_label_cells(body)}


def _plain(body: Mapping[str, Any]) -> dict[str, Value]:
    return {key: _joined_words(value) for key, value in body.items() if key != "label"}


def _joined_words(value: Any) -> Value:
    return "; ".join(value) if isinstance(value, list) else value


def _label_cells(body: Mapping[str, Any]) -> dict[str, Value]:
    label = body.get("label") or {}
    label = {"en": label} if isinstance(label, str) else label
    return {f"label:{language}": text for language, text in label.items()}


def _calendar_rows(body: Mapping[str, Any]) -> Iterator[dict[str, Value]]:
    common: dict[str, Value] = {"calendar": body["calendar"], "zone": body["zone"], **_label_cells(body)}
    for shift in body["shifts"]:
        yield {**common, "rule": "shift", "days": shift["days"], **_hours(shift)}
    for days in body.get("holidays", ()):
        yield {**common, "rule": "holiday", "days": days}
    for day in body.get("make_up", ()):
        yield {**common, "rule": "make_up", "days": day["date"], "like": day["like"]}
    for more in body.get("overtime", ()):
        yield {**common, "rule": "overtime", "days": more["date"], **_hours(more)}


def _hours(entry: Mapping[str, Any]) -> dict[str, Value]:
    breaks = entry.get("breaks")
    return {"work": entry["work"], **({"breaks": _joined_words(breaks)} if breaks else {})}
