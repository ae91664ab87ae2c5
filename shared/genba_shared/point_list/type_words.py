"""What PLC programmes and lists call a type, in English, Chinese and Japanese, as types of the device map."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from genba_shared.device_map.model import PointType
from genba_shared.point_list.headings import Role
from genba_shared.point_list.table import RowRefused

_WORDS: Final[Mapping[PointType, str]] = {
    PointType.BOOL: """
        bool boolean bit digital discrete coil 布尔 布尔型 布尔量 位 开关量 開關量 数字量 ビット ビット型
        ブール 接点 デジタル
    """,
    PointType.INT16: """
        int int16 short sint16 i16 s16 integer 整数 整型 短整型 有符号整数 整数型 ワード符号付き
    """,
    PointType.UINT16: """
        uint uint16 word ushort u16 unsigned unsignedint unsignedshort 字 无符号整数 ワード ワード型
        符号なし整数
    """,
    PointType.INT32: """
        dint int32 long sint32 i32 s32 longint 双整数 双整型 长整型 長整数 倍長整数 ダブル整数
    """,
    PointType.UINT32: """
        udint uint32 dword ulong u32 unsignedlong doubleword 双字 無符號雙字 ダブルワード ダブルワード型
    """,
    PointType.INT64: "lint int64 llong longlong i64 s64",
    PointType.UINT64: "ulint uint64 lword qword u64",
    PointType.FLOAT32: """
        real float float32 single f32 singlefloat 浮点 浮点数 浮点型 单精度 单精度浮点 单精度浮点数 实数
        実数 実数型 浮動小数点 単精度 単精度実数 浮動小数点数
    """,
    PointType.FLOAT64: """
        lreal double float64 f64 doublefloat 双精度 双精度浮点 双精度浮点数 倍精度 倍精度実数
    """,
    PointType.STRING: "string wstring text 字符串 字串 字符型 文字列 文字列型 文字",
}
_TYPE_OF: Final[Mapping[str, PointType]] = {word: kind for kind, words in _WORDS.items() for word in words.split()}
_BY_BITS: Final[Mapping[tuple[str, str], PointType]] = {
    ("16", "signed"): PointType.INT16,
    ("16", "unsigned"): PointType.UINT16,
    ("32", "signed"): PointType.INT32,
    ("32", "unsigned"): PointType.UINT32,
    ("32", "float"): PointType.FLOAT32,
    ("64", "signed"): PointType.INT64,
    ("64", "unsigned"): PointType.UINT64,
    ("64", "float"): PointType.FLOAT64,
}
_UNSIGNED: Final = re.compile(r"unsigned|uint|\bu[0-9]|无符号|無符號|符号なし|符号無し")
_FLOAT: Final = re.compile(r"float|real|浮点|浮動|实数|実数|ieee")
_SIGNED: Final = re.compile(r"signed|int|有符号|符号付き|符号あり|整数|整型")
_STRING_LENGTH: Final = re.compile(r"(?:w?string|char|字符串|文字列)\s*[\[(（]?\s*([0-9]{1,4})\s*[\])）]?")


def type_of(written: str) -> tuple[PointType, int | None]:
    """The type, and the length in characters where a string says it: ``String[20]``.

    Raises:
        RowRefused: not a type of one value, or not one that the map has.

    >>> type_of("DInt"), type_of("String[20]")
    ((<PointType.INT32: 'int32'>, None), (<PointType.STRING: 'string'>, 20))
    """
    text = unicodedata.normalize("NFKC", written).casefold().strip().strip('"')
    string = _STRING_LENGTH.fullmatch(text)
    if string is not None:
        return PointType.STRING, int(string[1])
    known = _TYPE_OF.get("".join(sign for sign in text if sign.isalnum()))
    if known is not None:
        return known, None
    described = _described(text)
    if described is not None:
        return described, None
    if re.match(r"array|数组|配列", text) or re.search(r"\barray\b|\[[0-9]+\.\.", text):
        raise RowRefused(Role.TYPE, f"'{written}' is many values.", "Give each value that you need a row of its own.")
    raise RowRefused(
        Role.TYPE,
        f"'{written}' is not a type that the map has.",
        "Write Bool, Int, UInt, DInt, UDInt, LInt, ULInt, Real, LReal or String[n]; leave other rows out.",
    )


def _described(text: str) -> PointType | None:
    """A type in words: ``32-bit unsigned``, ``16位无符号整数``, ``符号付き32bit``."""
    bits = re.search(r"(?<![0-9])(16|32|64)(?![0-9])", text)
    if bits is None:
        return None
    form = next(
        (
            name
            for name, pattern in (("unsigned", _UNSIGNED), ("float", _FLOAT), ("signed", _SIGNED))
            if pattern.search(text)
        ),
        "",
    )
    return _BY_BITS.get((bits[1], form))
