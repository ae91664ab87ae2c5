"""Where a value is: Modbus addresses in two notations, OPC UA node ids, hosts and ports, server URLs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from genba_shared.device_map.model import ModbusTable
from genba_shared.device_map.problems import Wrong, shorten

LAST_ADDRESS: Final = 65535
TABLES: Final[Mapping[str, ModbusTable]] = {
    "0": ModbusTable.COIL,
    "1": ModbusTable.DISCRETE,
    "3": ModbusTable.INPUT,
    "4": ModbusTable.HOLDING,
}
_DIGIT: Final = {table: digit for digit, table in TABLES.items()}
_PLURAL: Final[Mapping[ModbusTable, str]] = {
    ModbusTable.COIL: "coils",
    ModbusTable.DISCRETE: "discrete inputs",
    ModbusTable.INPUT: "input registers",
    ModbusTable.HOLDING: "holding registers",
}
_NODE: Final = re.compile(r"(?:ns=(?P<index>[0-9]{1,5});|nsu=(?P<uri>[^;]+);)?(?P<kind>[isgb])=(?P<name>.+)", re.DOTALL)
_IDENTIFIER_FORMS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "i": (re.compile(r"[0-9]{1,10}"), "a whole number"),
    "s": (re.compile(r".{1,4096}"), "a text of at most 4096 characters"),
    "g": (re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), "a GUID"),
    "b": (re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"), "base64 text"),
}
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})")
_IPV6: Final = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")


def modbus_address_of(text: str, *, base: int = 1) -> tuple[ModbusTable, int]:
    """Read traditional notation: ``40101`` is the holding register with protocol address 100.

    `base` is the number of a table's first register: 0 for manuals that print it as ``40000``.

    Raises:
        Wrong: not 5 or 6 digits, no such table, or out of the table's range.

    Source: Modicon notation, counted from 1; MODBUS Application Protocol V1.1b3, 4.4 counts addresses from 0.
    """
    bit = re.fullmatch(r"([0-9]{5,6})[.:/]([0-9]{1,2})", text)
    if bit:
        raise Wrong(
            f"'{text}' is not an address: a bit of a register is a setting of its own.",
            f"Did you mean at: {bit[1]}, bit: {int(bit[2])}?",
        )
    if not re.fullmatch(r"[0-9]{5,6}", text):
        number = int(text) if re.fullmatch(r"[0-9]{1,10}", text) else LAST_ADDRESS + 1
        raise Wrong(
            f"'{shorten(text)}' is not an address in traditional notation, which has 5 or 6 digits: "
            "40001..49999 or 400001..465536 for holding registers.",
            f"Did you mean {{holding: {number}}}, the protocol address counted from 0?"
            if number <= LAST_ADDRESS
            else "Write it like at: 40101, or {holding: 100}.",
        )
    table = TABLES.get(text[0])
    if table is None:
        raise Wrong(
            f"{text} names no table: the first digit is 0 (coils), 1 (discrete inputs), 3 (input registers) "
            "or 4 (holding registers).",
            f"Did you mean 4{text[1:]}?",
        )
    number, last = int(text[1:]), 9999 if len(text) == 5 else LAST_ADDRESS + base
    if not base <= number <= last:
        digit = text[0]
        raise Wrong(
            f"{text} is out of range: {_PLURAL[table]} are written {digit}0000{base}..{digit}{LAST_ADDRESS + base} "
            f"(or {digit}000{base}..{digit}9999), counted from {base}.",
            f"Did you mean {{{table}: {min(number, LAST_ADDRESS)}}}, the protocol address counted from 0?",
        )
    return table, number - base


def show_modbus_address(table: ModbusTable, address: int) -> str:
    """Both notations: ``40101 {holding: 100}``."""
    number = f"{address + 1:04d}" if address < 9999 else f"{address + 1:05d}"
    return f"{_DIGIT[table]}{number} {{{table}: {address}}}"


def opcua_node_of(text: str) -> str:
    """Check a node id: ``nsu=URI;s=NAME`` or ``ns=3;i=42``; the text itself comes back.

    Raises:
        Wrong: another form.

    Source: OPC 10000-6, 5.3.1.10 (NodeId) and 5.3.1.11 (ExpandedNodeId).
    """
    example = 'node: "nsu=urn:plc:cutter;s=DB10.PartCount"'
    if text.startswith("path:"):
        raise Wrong("browse paths (path:) are not supported by this version yet.", f"Write the node id: {example}.")
    form = _NODE.fullmatch(text)
    if form is None:
        raise Wrong(
            f"'{shorten(text)}' is not an OPC UA node id: nsu=URI;s=NAME, with i=, g= or b= for other identifiers.",
            f"Write it like {example}.",
        )
    pattern, allowed = _IDENTIFIER_FORMS[form["kind"]]
    if not pattern.fullmatch(form["name"]) or (form["kind"] == "i" and int(form["name"]) > 0xFFFF_FFFF):
        raise Wrong(
            f"'{shorten(form['name'])}' is not an identifier of the kind '{form['kind']}=': {allowed} is needed.",
            f"Did you mean s={shorten(form['name'])}?" if form["kind"] != "s" else f"Write it like {example}.",
        )
    if form["index"] is not None and int(form["index"]) > LAST_ADDRESS:
        raise Wrong(f"ns={form['index']} is out of range: 0 to 65535 is allowed.", f"Write it like {example}.")
    return text


def uses_namespace_index(node: str) -> bool:
    """Whether the node id names its namespace by a number, which may change when the server restarts (not ns=0)."""
    return node.startswith("ns=") and not node.startswith("ns=0;")


def endpoint_of(text: str, *, default_port: int) -> tuple[str, int]:
    """Split ``host`` or ``host:port``; an IPv6 address with a port stands in brackets.

    Raises:
        Wrong: a URL, no host name, or a port outside 1..65535.
    """
    if "//" in text:
        bare = text.partition("//")[2].partition("/")[0]
        raise Wrong(f"'{shorten(text)}' is a URL: a host, or host:port, is needed.", f"Did you mean {shorten(bare)}?")
    if _IPV6.fullmatch(text):
        return text, default_port
    bracketed = re.fullmatch(r"\[([^]]*)\](?::(.*))?", text)
    host, port = (
        (bracketed[1], bracketed[2]) if bracketed else (text.partition(":")[::2] if ":" in text else (text, None))
    )
    if not (_IPV6 if bracketed else _HOST).fullmatch(host):
        raise Wrong(f"'{shorten(text)}' is not a host, or host:port.", f"Write it like 10.1.2.21:{default_port}.")
    return host, default_port if port is None else _port_of(port, default_port)


def opcua_url_of(text: str) -> str:
    """Check the URL of an OPC UA server, ``opc.tcp://host:port/path``.

    Raises:
        Wrong: another scheme, no host, a bad port, or a user in the URL.
    """
    return _url_of(text, scheme="opc.tcp", default_port=4840, what="the URL of an OPC UA server")


def mqtt_url_of(text: str) -> str:
    """Check the URL of an MQTT broker, ``mqtt://host:port``.

    Raises:
        Wrong: another scheme (``mqtts`` comes later), no host, a bad port, or a user in the URL.
    """
    if text.startswith(("mqtts://", "ssl://")):
        raise Wrong(
            "an encrypted connection to the broker (mqtts) is not supported by this version yet.",
            "Write mqtt:// and let only trusted machines reach that network, or wait for the next version.",
        )
    return _url_of(text, scheme="mqtt", default_port=1883, what="the URL of an MQTT broker")


def _url_of(text: str, *, scheme: str, default_port: int, what: str) -> str:
    example = f"{scheme}://10.1.2.10:{default_port}"
    parts = _split(text)
    if parts is None or parts.scheme != scheme or not parts.hostname:
        raise Wrong(f"'{shorten(text)}' is not {what}, {scheme}://host:port.", f"Write it like {example}.")
    if "@" in parts.netloc:
        raise Wrong(
            f"a user or password stands in {what}: secrets are never written in a map.",
            f"Did you mean {scheme}://{shorten(parts.netloc.rpartition('@')[2])}?",
        )
    authority = parts.netloc
    endpoint_of(authority, default_port=default_port)
    return text


def _split(text: str) -> SplitResult | None:
    if any(character.isspace() for character in text):
        return None
    try:
        return urlsplit(text)
    except ValueError:  # an open bracket, or characters that change under normalisation
        return None


def _port_of(text: str, default_port: int) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise Wrong(f"'{shorten(text)}' is not a port: 1 to 65535 is allowed.", f"The usual one is {default_port}.")
    return int(text)
