"""Which column of a point list says what, by its heading in English, Chinese or Japanese.

Source of the headings: exports of Siemens TIA Portal (PLC tag table: Name, Data Type, Logical Address, Comment) and
KEPServerEX (Tag Name, Address, Data Type, Scaling, Raw Low … Eng Units, Description), and lists as machine builders
send them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from genba_shared.point_list.table import EMPTY, Cell, CellKind, PointListError, Row, Sheet, letter_of

HEADING_ROWS: Final = 20
"""A list may begin with a title, a date and empty rows."""


class Role(StrEnum):
    """What a column says of a point."""

    NAME = "name"
    ADDRESS = "address"
    TYPE = "type"
    COMMENT = "comment"
    UNIT = "unit"
    SCALE = "scale"
    FUNCTION = "function code"
    TABLE = "register type"
    LENGTH = "length"
    BIT = "bit"
    BYTE_ORDER = "byte order"
    SCALING = "scaling"
    RAW_LOW = "raw low"
    RAW_HIGH = "raw high"
    SCALED_LOW = "scaled low"
    SCALED_HIGH = "scaled high"


_WORDS: Final[Mapping[Role, str]] = {
    Role.NAME: """
        name tagname tag variable variablename varname symbol symbolname signal signalname pointname point
        item itemname 名称 名稱 变量名 变量名称 變量名稱 点名 点名称 点位 点位名称 标签 标签名 标签名称
        信号名 信号名称 参数名称 符号 符号名 名前 名 タグ タグ名 タグ名称 変数 変数名 項目 項目名 ポイント
        ポイント名 点位名 測定項目
    """,
    Role.ADDRESS: """
        address logicaladdress addr register registeraddress registerno registernumber modbusaddress
        startaddress startingaddress memoryaddress nodeid node opcuanodeid plcaddress 地址 寄存器 寄存器地址
        寄存器号 逻辑地址 modbus地址 起始地址 plc地址 节点 节点id 绝对地址 アドレス 番地 レジスタ
        レジスタアドレス レジスタ番号 レジスタ番地 modbusアドレス 論理アドレス ノードid 先頭アドレス
    """,
    Role.TYPE: """
        type datatype dtype dataformat format vartype 类型 類型 数据类型 数据格式 變量類型 变量类型 データ型
        型 データタイプ データ種別 変数型 形式
    """,
    Role.COMMENT: """
        comment comments description desc remark remarks note notes label 注释 註釋 描述 说明 說明 备注 備註
        含义 コメント 説明 備考 内容 注釈
    """,
    Role.UNIT: """
        unit units engunits engineeringunit engineeringunits eu uom 单位 單位 工程单位 単位 工学単位
    """,
    Role.SCALE: """
        scale factor multiplier gain scalefactor scalingfactor coefficient resolution 系数 系數 倍率 比例
        比例系数 换算系数 缩放 缩放系数 精度系数 分辨率 係数 スケール 分解能 換算係数
    """,
    Role.FUNCTION: """
        functioncode fc function funccode modbusfunction 功能码 功能碼 功能代码 读功能码
        ファンクションコード ファンクション 機能コード
    """,
    Role.TABLE: """
        registertype area memoryarea table objecttype modbustype 寄存器类型 寄存器種類 区域 存储区 数据区
        エリア 領域 レジスタ種別 レジスタ種類
    """,
    Role.LENGTH: """
        length len stringlength characters 长度 長度 字符长度 字符数 文字数 長さ 文字列長
    """,
    Role.BIT: """
        bit bitno bitnumber bitposition 位 位号 ビット ビット番号
    """,
    Role.BYTE_ORDER: """
        byteorder wordorder endian endianness byteswap 字节序 字节顺序 字序 バイトオーダー バイト順 ワード順
    """,
    Role.SCALING: "scaling",
    Role.RAW_LOW: "rawlow",
    Role.RAW_HIGH: "rawhigh",
    Role.SCALED_LOW: "scaledlow",
    Role.SCALED_HIGH: "scaledhigh",
}
ROLE_OF: Final[Mapping[str, Role]] = {word: role for role, words in _WORDS.items() for word in words.split()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Headings:
    """Where each role stands. `row` is the number of the heading row; `unused` are headings nobody reads here."""

    row: int
    columns: Mapping[Role, int]
    titles: Mapping[Role, str]
    unused: tuple[str, ...]

    def cell(self, row: Row, role: Role) -> Cell:
        """The row's cell of this role; empty where the list has no such column."""
        column = self.columns.get(role)
        return row.cells[column] if column is not None and column < len(row.cells) else EMPTY

    def letter(self, role: Role) -> str:
        """The spreadsheet's name of the role's column."""
        return letter_of(self.columns[role]) if role in self.columns else ""


def folded(heading: str) -> str:
    """A heading for comparison: half width, small letters, without blanks, signs and what stands in brackets.

    >>> folded("Logical Address"), folded("Ａｄｄｒｅｓｓ (hex)"), folded("Tag_Name")
    ('logicaladdress', 'address', 'tagname')
    """
    text = unicodedata.normalize("NFKC", heading).casefold()
    for opening, closing in (("(", ")"), ("[", "]")):
        before, _, after = text.partition(opening)
        text = before + after.partition(closing)[2] if after and before.strip() else text
    return "".join(sign for sign in text if sign.isalnum())


def score(rows: Sequence[Row]) -> int:
    """How many headings the best row among the first has; 0 without name or address."""
    return max((len(_roles(row)[0]) for row in rows[:HEADING_ROWS] if _is_heading(row)), default=0)


def find_headings(sheet: Sheet) -> Headings:
    """The row of headings.

    Raises:
        PointListError: none among the first rows has a name and an address.
    """
    candidates = [row for row in sheet.rows[:HEADING_ROWS] if _is_heading(row)]
    if not candidates:
        where = f"sheet '{sheet.name}' has" if sheet.name else "the file has"
        raise PointListError(
            f"{where} no row of headings among its first {HEADING_ROWS}: a column for the name and one for the address "
            "are needed, headed for example Name and Address, 名称 and 地址, or タグ名 and アドレス"
        )
    row = max(candidates, key=lambda candidate: len(_roles(candidate)[0]))
    columns, unused = _roles(row)
    titles = {role: row.cells[column].text for role, column in columns.items()}
    return Headings(row=row.number, columns=columns, titles=titles, unused=tuple(unused))


def _is_heading(row: Row) -> bool:
    columns, _ = _roles(row)
    return Role.NAME in columns and Role.ADDRESS in columns


def _roles(row: Row) -> tuple[dict[Role, int], list[str]]:
    columns: dict[Role, int] = {}
    unused: list[str] = []
    for column, cell in enumerate(row.cells):
        role = ROLE_OF.get(folded(cell.text)) if cell.kind is CellKind.TEXT else None
        if role is None or role in columns:
            if cell.text:
                unused.append(cell.text)
        else:
            columns[role] = column
    return columns, unused
