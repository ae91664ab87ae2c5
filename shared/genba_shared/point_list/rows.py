"""One row of a point list to one point of the map: checked by itself, so that a wrong row costs only itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from genba_shared.device_map.model import ByteOrder, ModbusTable, PointType
from genba_shared.device_map.tables_opcua import OPCUA_POINT
from genba_shared.point_list.addresses import ModbusPlace, Numbering, modbus_place, node_of
from genba_shared.point_list.headings import Headings, Role, folded
from genba_shared.point_list.table import Cell, CellKind, Row, RowRefused
from genba_shared.point_list.type_words import type_of

_INTEGERS: Final = frozenset(
    {
        PointType.INT16,
        PointType.UINT16,
        PointType.INT32,
        PointType.UINT32,
        PointType.INT64,
        PointType.UINT64,
    }
)
_OF_ONE_REGISTER: Final = frozenset({PointType.INT16, PointType.UINT16, PointType.BOOL, PointType.STRING})
_COUNTS_PIECES: Final = re.compile(
    r"count|cnt|qty|quantity|parts|pieces|good|scrap|reject|产量|產量|计数|計數|件数|数量|良品|不良|生産|カウンタ|カウント",
    re.IGNORECASE,
)
_ORDERS: Final[Mapping[str, ByteOrder]] = {
    **{str(order).casefold(): order for order in ByteOrder},
    **{str(order).translate(str.maketrans("ABCD", "1234")): order for order in ByteOrder},
    **dict.fromkeys(("bigendian", "big", "highwordfirst", "高字在前", "大端", "ビッグエンディアン"), ByteOrder.ABCD),
    **dict.fromkeys(("littleendian", "little", "小端", "リトルエンディアン"), ByteOrder.DCBA),
    **dict.fromkeys(("wordswap", "lowwordfirst", "低字在前", "ワードスワップ"), ByteOrder.CDAB),
    **dict.fromkeys(("byteswap", "バイトスワップ"), ByteOrder.BADC),
}


class Protocol(StrEnum):
    """What the map is to be made for."""

    MODBUS = "modbus"
    OPCUA = "opcua"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A point before it has its name in the map. `settings` are keys and values as YAML; `remarks` become comments."""

    row: int
    name: str
    comment: str
    settings: Mapping[str, str]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scaling:
    """What is done to the device's number: first multiplied, then added to."""

    scale: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)


_AS_IT_IS: Final = _Scaling()


def draft_of(row: Row, headings: Headings, *, protocol: Protocol, numbering: Numbering) -> Draft:
    """The point of one row.

    Raises:
        RowRefused: with what is wrong and what to write instead.
    """
    name, address = _text(row, headings, Role.NAME), _text(row, headings, Role.ADDRESS)
    if not address:
        raise RowRefused(Role.ADDRESS, "the address is missing.", "Write one, or leave the row out.")
    kind, length = None, None
    written_type = _text(row, headings, Role.TYPE)
    if written_type:
        kind, length = type_of(written_type)
    remarks: list[str] = []
    if protocol is Protocol.MODBUS:
        settings = _modbus(row, headings, kind, length, numbering)
    else:
        if not name:
            raise RowRefused(Role.NAME, "the name is missing.", "An S7 server knows a variable by its name alone.")
        settings, remark = _opcua(name, address, kind)
        remarks += [remark] if remark else []
    scaling = _scaling(row, headings)
    if scaling != _AS_IT_IS:
        _add_scaling(settings, scaling, kind, protocol, remarks)
    unit = _loose(row, headings, Role.UNIT)
    if unit and unit not in {"-", "—"}:
        settings["unit"] = quoted(unit)
    comment = _loose(row, headings, Role.COMMENT)
    if kind in _INTEGERS and scaling == _AS_IT_IS and _COUNTS_PIECES.search(f"{name} {comment}"):
        remarks.append("if it counts pieces, add counter: {max_rate: 40/min}")
    return Draft(row=row.number, name=name or address, comment=comment, settings=settings, remarks=tuple(remarks))


def quoted(text: str) -> str:
    """A text as YAML in quotes; double ones are kept readable in single ones."""
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def _text(row: Row, headings: Headings, role: Role) -> str:
    cell = headings.cell(row, role)
    if cell.kind is CellKind.FORMULA:
        raise RowRefused(role, f"a formula stands here ({cell.text}).", "Paste its value: formulas are not worked out.")
    if cell.kind is CellKind.ERROR:
        raise RowRefused(role, f"an error of the spreadsheet stands here ({cell.text}).", "Correct it.")
    return cell.text


def _loose(row: Row, headings: Headings, role: Role) -> str:
    """A text for people only: a formula is left out instead of costing the row."""
    cell = headings.cell(row, role)
    return cell.text if cell.kind in {CellKind.TEXT, CellKind.NUMBER} else ""


def _opcua(name: str, address: str, kind: PointType | None) -> tuple[dict[str, str], str]:
    node, remark = node_of(name, address)
    if kind is None:
        raise RowRefused(
            Role.TYPE, "the type is missing.", "Write Bool, Int, DInt, UDInt, Real, String or another one."
        )
    return {"node": quoted(node), "type": str(kind)}, remark


def _modbus(
    row: Row, headings: Headings, kind: PointType | None, length: int | None, numbering: Numbering
) -> dict[str, str]:
    place = modbus_place(
        _checked(row, headings, Role.ADDRESS),
        function=_text(row, headings, Role.FUNCTION),
        table=_text(row, headings, Role.TABLE),
        numbering=numbering,
    )
    bit = place.bit if place.bit is not None else _whole(row, headings, Role.BIT, most=15)
    settings = {"at": place.written}
    if place.table in {ModbusTable.COIL, ModbusTable.DISCRETE}:
        if kind not in {None, PointType.BOOL}:
            raise RowRefused(Role.TYPE, f"a {place.table} is one bit, and the type is {kind}.", "Write Bool.")
        return settings
    if bit is not None:
        if kind not in {None, PointType.BOOL}:
            raise RowRefused(Role.TYPE, f"bit {bit} is one bit, and the type is {kind}.", "Write Bool, or no bit.")
        return {**settings, "bit": str(bit)}
    if kind is None:
        raise RowRefused(Role.TYPE, "a register needs its type.", "Write Int, UInt, DInt, UDInt, Real or another one.")
    if kind is PointType.BOOL:
        raise RowRefused(Role.ADDRESS, "a Bool in a register needs its bit.", "Write it like 40120.3.")
    settings["type"] = str(kind)
    if kind is PointType.STRING:
        settings["length"] = str(_length(row, headings, place, length))
    elif kind not in _OF_ONE_REGISTER:
        settings |= _byte_order(row, headings)
    return settings


def _length(row: Row, headings: Headings, place: ModbusPlace, length: int | None) -> int:
    found = length or place.length or _whole(row, headings, Role.LENGTH, most=250)
    if not found:
        raise RowRefused(Role.TYPE, "a string needs its length in characters.", "Write it like String[20].")
    return found


def _byte_order(row: Row, headings: Headings) -> dict[str, str]:
    written = _text(row, headings, Role.BYTE_ORDER)
    if not written:
        return {}
    order = _ORDERS.get(folded(written))
    if order is None:
        raise RowRefused(Role.BYTE_ORDER, f"'{written}' is not an order of bytes.", "Write ABCD, CDAB, BADC or DCBA.")
    return {"byte_order": str(order)}


def _checked(row: Row, headings: Headings, role: Role) -> Cell:
    _text(row, headings, role)
    return headings.cell(row, role)


def _whole(row: Row, headings: Headings, role: Role, *, most: int) -> int | None:
    written = _text(row, headings, role)
    if not written or written == "-":
        return None
    if not re.fullmatch(r"[0-9]{1,4}", written) or int(written) > most:
        raise RowRefused(role, f"'{written}' is not a {role} from 0 to {most}.", "Correct it, or leave it empty.")
    return int(written)


def _add_scaling(
    settings: dict[str, str], scaling: _Scaling, kind: PointType | None, protocol: Protocol, remarks: list[str]
) -> None:
    scale, offset = f"{float(scaling.scale):.12g}", f"{float(scaling.offset):.12g}"
    if kind in {None, PointType.BOOL, PointType.STRING}:
        cannot = (
            f"nothing can be added to a {kind or PointType.BOOL}."
            if scaling.scale == 1
            else f"a {kind or PointType.BOOL} cannot be multiplied by {scale}."
        )
        raise RowRefused(Role.SCALE, cannot, "Leave it empty.")
    if scaling.offset and protocol is Protocol.OPCUA and "offset" not in OPCUA_POINT.keys:
        raise RowRefused(
            Role.SCALED_LOW, "the scaling has an offset.", "An OPC UA point has none: leave the scaling out."
        )
    if protocol is Protocol.OPCUA and "scale" not in OPCUA_POINT.keys:
        remarks.append(f"scale {scale} of the list is left out")
        return
    if scaling.scale != 1:
        settings["scale"] = scale
    if scaling.offset:
        settings["offset"] = offset


def _scaling(row: Row, headings: Headings) -> _Scaling:
    if folded(_text(row, headings, Role.SCALING)) == "linear":
        return _linear(row, headings)
    written = _text(row, headings, Role.SCALE)
    if not written or written in {"-", "—", "/"}:
        return _AS_IT_IS
    return _Scaling(scale=_number(written, Role.SCALE))


def _linear(row: Row, headings: Headings) -> _Scaling:
    """KEPServerEX: raw low and high become scaled low and high."""
    roles = (Role.RAW_LOW, Role.RAW_HIGH, Role.SCALED_LOW, Role.SCALED_HIGH)
    raw_low, raw_high, low, high = (_number(_text(row, headings, role), role) for role in roles)
    if raw_low == raw_high:
        raise RowRefused(Role.RAW_HIGH, "raw low and raw high are the same.", "Correct them.")
    scale = _in_range((high - low) / (raw_high - raw_low), Role.SCALED_HIGH)
    return _Scaling(scale=scale, offset=low - raw_low * scale)


def _number(written: str, role: Role) -> Fraction:
    text = written.replace(" ", "").lstrip("x×*")
    divided = re.fullmatch(r"(?:1)?[/÷]([0-9]+(?:\.[0-9]+)?)", text)
    plain = re.fullmatch(r"-?[0-9]{1,12}(?:[.,][0-9]{1,9})?(?:[eE]-?[0-9])?", text)
    if divided is not None and Fraction(divided[1]):
        return _in_range(1 / Fraction(divided[1]), role)
    if plain is None:
        raise RowRefused(role, f"'{written}' is not a number.", "Write it like 0.1.")
    return _in_range(Fraction(text.replace(",", ".")), role) if role is Role.SCALE else Fraction(text.replace(",", "."))


def _in_range(scale: Fraction, role: Role) -> Fraction:
    if not scale or abs(scale) > 10**9:
        raise RowRefused(role, f"a value cannot be multiplied by {float(scale):g}.", "Correct it, or leave it empty.")
    return scale
