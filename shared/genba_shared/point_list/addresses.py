"""Addresses as lists write them, as addresses of the device map."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from genba_shared.device_map.addresses import (
    LAST_ADDRESS,
    modbus_address_of,
    opcua_node_of,
    show_modbus_address,
)
from genba_shared.device_map.model import ModbusTable
from genba_shared.device_map.problems import Wrong
from genba_shared.point_list.headings import Role, folded
from genba_shared.point_list.table import Cell, CellKind, RowRefused

SIEMENS_NAMESPACE: Final = "http://www.siemens.com/simatic-s7-opcua"
"""Source: SIMATIC S7-1500/S7-1200 OPC UA server, namespace of the PLC's own variables; names stand in quotes."""

_TABLE_OF_FUNCTION: Final[Mapping[int, ModbusTable]] = {
    1: ModbusTable.COIL,
    2: ModbusTable.DISCRETE,
    3: ModbusTable.HOLDING,
    4: ModbusTable.INPUT,
    5: ModbusTable.COIL,
    6: ModbusTable.HOLDING,
    15: ModbusTable.COIL,
    16: ModbusTable.HOLDING,
}
"""Source: MODBUS Application Protocol V1.1b3, 6; a list may name the code that writes."""

_TABLE_WORDS: Final[Mapping[str, ModbusTable]] = {
    **dict.fromkeys(("coil", "coils", "0x", "线圈", "输出线圈", "コイル"), ModbusTable.COIL),
    **dict.fromkeys(
        (
            "discrete",
            "discreteinput",
            "discreteinputs",
            "inputstatus",
            "1x",
            "离散输入",
            "离散量输入",
            "输入线圈",
            "接点",
            "入力接点",
            "入力ステータス",
        ),
        ModbusTable.DISCRETE,
    ),
    **dict.fromkeys(
        ("input", "inputregister", "inputregisters", "3x", "输入寄存器", "入力レジスタ"), ModbusTable.INPUT
    ),
    **dict.fromkeys(
        ("holding", "holdingregister", "holdingregisters", "4x", "保持寄存器", "保持レジスタ"), ModbusTable.HOLDING
    ),
}
_SIEMENS: Final = re.compile(
    r"%?(?:DB(?P<block>[0-9]+)\.(?:DB)?[XBWDL]?[0-9]+(?:\.[0-7])?|[IQMEA][BWDL]?[0-9]+(?:\.[0-7])?)", re.IGNORECASE
)
_HMI: Final = re.compile(r"(?:([134])X[-:_ ]?|(0)X[-:_ ])([0-9]{1,5})")
"""``4x101`` of operator panels; ``0x0064`` is a number in hex, and a coil is written ``0x-64``."""

_OWN_NAME: Final = re.compile(r"[A-Z]{1,3}[0-9]+")
_BIT: Final = re.compile(r"(.+?)[.:/]([0-9]{1,2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusPlace:
    """A place in a Modbus device; `written` is how the map says it."""

    table: ModbusTable
    address: int
    bit: int | None = None
    length: int | None = None
    is_traditional: bool = False

    @property
    def written(self) -> str:
        """As the list has it: ``40101``, or ``{holding: 100}`` where it is a number counted from 0."""
        if self.is_traditional:
            return show_modbus_address(self.table, self.address).partition(" ")[0]
        return f"{{{self.table}: {self.address}}}"


def is_opcua(address: str) -> bool:
    """Whether the address is a node id, or one of a Siemens PLC."""
    return bool(re.match(r"(?:nsu?=|[isgb]=)", address)) or address.startswith("%")


def node_of(name: str, address: str) -> tuple[str, str]:
    """The node id, and a remark where it rests on a guess.

    Raises:
        RowRefused: neither a node id nor a Siemens address.
    """
    if re.match(r"(?:nsu?=|[isgb]=)", address):
        try:
            return opcua_node_of(address), ""
        except Wrong as exc:
            raise RowRefused(Role.ADDRESS, exc.message, exc.fix) from exc
    siemens = _SIEMENS.fullmatch(address)
    if siemens is None:
        raise RowRefused(
            Role.ADDRESS, f"'{address}' is not an OPC UA node id.", "Write it like nsu=urn:plc:cutter;s=DB10.PartCount."
        )
    path, remark = _symbol_of(name, siemens["block"])
    return f"nsu={SIEMENS_NAMESPACE};s={path}", remark


def _symbol_of(name: str, block: str | None) -> tuple[str, str]:
    """``"Data"."Count"``: an S7 server knows a variable by its name, and never by its address.

    A variable of the tag table (%I, %Q, %M) has one name, in which a dot is a sign like any other.
    """
    if name.startswith('"'):
        return name, ""
    if block is None:
        return f'"{name}"', ""
    parts = [re.fullmatch(r"(.*?)((?:\[[0-9, ]+\])?)", part) for part in name.split(".")]
    symbol = ".".join(f'"{part[1]}"{part[2]}' for part in parts if part is not None)
    if "." in name:
        return symbol, ""
    return f'"DB{block}".{symbol}', f"write the name of DB{block} here, if it has one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering:
    """How a list counts: `base` is the first plain number, `default` the table where a row names none."""

    base: int = 0
    default: ModbusTable | None = None
    is_hex: bool = False


def modbus_place(address: Cell, *, function: str, table: str, numbering: Numbering) -> ModbusPlace:
    """The place that an address names, with what the list says of its table.

    Raises:
        RowRefused: no such address, no table, or two that differ.
    """
    said = _said_table(function, table)
    text = address.text.strip().upper()
    text, bit, length = _without_suffix(text, is_number=address.kind is CellKind.NUMBER)
    number, traditional = _number_of(text, is_hex=numbering.is_hex)
    if traditional is not None and (said is None or traditional.table is said):
        return replace(traditional, bit=bit, length=length)
    if traditional is not None and text[0] in "34":
        raise RowRefused(
            Role.ADDRESS,
            f"{text} is an address of {traditional.table}, and the row says {said}.",
            "Correct one of the two; a number counted from 0 is written in hex, 0x0064.",
        )
    chosen = said or numbering.default
    if _OWN_NAME.fullmatch(text):
        raise RowRefused(
            Role.ADDRESS,
            f"'{address.text}' is the PLC's own name of a register.",
            "Look up its Modbus address in the PLC's manual, and write it like 40101.",
        )
    if chosen is None:
        raise RowRefused(
            Role.ADDRESS,
            f"'{address.text}' does not say its table.",
            "Write it like 40101, add a column Function code (1, 2, 3 or 4), or say --table holding.",
        )
    if number is None or not 0 <= number - numbering.base <= LAST_ADDRESS:
        raise RowRefused(
            Role.ADDRESS,
            f"'{address.text}' is not an address of {chosen}.",
            "Write a number from 0 to 65535, or in hex 0x0064, counted from 0.",
        )
    return ModbusPlace(table=chosen, address=number - numbering.base, bit=bit, length=length)


def _said_table(function: str, table: str) -> ModbusTable | None:
    code = re.search(r"(?:0x)?0*([0-9]{1,2})", function.casefold())
    by_code = None
    if function:
        by_code = _TABLE_OF_FUNCTION.get(int(code[1])) if code is not None else _TABLE_WORDS.get(folded(function))
        if by_code is None:
            raise RowRefused(Role.FUNCTION, f"'{function}' is not a function code that reads.", "Write 1, 2, 3 or 4.")
    by_word = _TABLE_WORDS.get(folded(table)) if table else None
    if table and by_word is None:
        raise RowRefused(
            Role.TABLE,
            f"'{table}' is not a Modbus table.",
            "Write coil, discrete input, input register or holding register.",
        )
    if by_code is not None and by_word is not None and by_code is not by_word:
        raise RowRefused(Role.FUNCTION, f"function code {function} does not read '{table}'.", "Correct one of the two.")
    return by_code or by_word


def _without_suffix(text: str, *, is_number: bool) -> tuple[str, int | None, int | None]:
    """Split off a bit (``40120.3``) or a length of a string (``40200.20H``, as KEPServerEX writes it)."""
    string = re.fullmatch(r"(.+?)\.([0-9]{1,3})[HL]", text)
    if string is not None:
        return string[1], None, int(string[2])
    if re.fullmatch(r".*\[[0-9]+\]", text):
        raise RowRefused(Role.ADDRESS, f"'{text}' is many values.", "Give each value that you need a row of its own.")
    bit = _BIT.fullmatch(text)
    if bit is None or _HMI.fullmatch(text):
        return text, None, None
    if is_number and bit[2] == "1":
        raise RowRefused(
            Role.ADDRESS,
            f"{text} is a number to the spreadsheet, so that bit 1 and bit 10 look alike.",
            "Format the column as text and write the address again.",
        )
    if int(bit[2]) > 15:
        raise RowRefused(Role.ADDRESS, f"bit {bit[2]} is out of range: a register has bits 0 to 15.", "Correct it.")
    return bit[1], int(bit[2]), None


def _number_of(text: str, *, is_hex: bool) -> tuple[int | None, ModbusPlace | None]:
    """The address as a plain number, and as traditional notation where it may be that."""
    hmi = _HMI.fullmatch(text)
    if hmi is not None:
        return None, _traditional(f"{hmi[1] or hmi[2]}{int(hmi[3]):05d}")
    plain = re.fullmatch(r"(?:0X([0-9A-F]{1,4})|([0-9A-F]{1,4})H)", text)
    if plain is not None:
        return int(plain[1] or plain[2], 16), None
    if is_hex and re.fullmatch(r"[0-9A-F]{1,4}", text):
        return int(text, 16), None
    if not re.fullmatch(r"[0-9]{1,6}", text):
        return None, None
    return int(text), _traditional(text) if len(text) >= 5 else None


def _traditional(text: str) -> ModbusPlace | None:
    try:
        table, address = modbus_address_of(text)
    except Wrong:
        return None
    return ModbusPlace(table=table, address=address, is_traditional=True)
