"""Where a value is: Modbus addresses in two notations, OPC UA node ids, hosts and ports, server URLs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from genba_shared.broker import BETWEEN_NODES
from genba_shared.device_map.model import ModbusTable
from genba_shared.device_map.phrases import any_of, meant, out_of_range, write_like
from genba_shared.device_map.problems import Wrong, shorten
from genba_shared.texts import Text, say

LAST_ADDRESS: Final = 65535
OPCUA_URL: Final = say("url-of-opcua-server", "the URL of an OPC UA server")
READER_URL: Final = say("url-of-reader", "the URL of a reader")
_MQTT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_MQTT_OF_OTHERS: Final = {"tcp": "mqtt", "ssl": "mqtts"}
"""How other programs write the schemes, such as Eclipse Paho's and its many users."""
MQTT_URL: Final = say("url-of-mqtt-broker", "the URL of an MQTT broker")
TABLES: Final[Mapping[str, ModbusTable]] = {
    "0": ModbusTable.COIL,
    "1": ModbusTable.DISCRETE,
    "3": ModbusTable.INPUT,
    "4": ModbusTable.HOLDING,
}
_DIGIT: Final = {table: digit for digit, table in TABLES.items()}
_PLURAL: Final[Mapping[ModbusTable, str]] = {
    ModbusTable.COIL: say("coils", "coils"),
    ModbusTable.DISCRETE: say("discrete-inputs", "discrete inputs"),
    ModbusTable.INPUT: say("input-registers", "input registers"),
    ModbusTable.HOLDING: say("holding-registers", "holding registers"),
}
_NODE: Final = re.compile(r"(?:ns=(?P<index>[0-9]{1,5});|nsu=(?P<uri>[^;]+);)?(?P<kind>[isgb])=(?P<name>.+)", re.DOTALL)
_IDENTIFIER_FORMS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "i": (re.compile(r"[0-9]{1,10}"), say("any-whole-number", "a whole number")),
    "s": (re.compile(r".{1,4096}"), say("a-text-of-4096", "a text of at most 4096 characters")),
    "g": (re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), say("a-guid", "a GUID")),
    "b": (re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"), say("base64", "base64 text")),
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
    if not re.fullmatch(r"[0-9]{5,6}", text):
        raise _not_an_address(text)
    table = TABLES.get(text[0])
    if table is None:
        raise Wrong(
            say(
                "no-such-table",
                "{word} names no table: the first digit is 0 (coils), 1 (discrete inputs), 3 (input registers) "
                "or 4 (holding registers).",
                word=text,
            ),
            meant(f"4{text[1:]}"),
        )
    number, last = int(text[1:]), 9999 if len(text) == 5 else LAST_ADDRESS + base
    if not base <= number <= last:
        digit = text[0]
        raise Wrong(
            say(
                "address-out-of-range",
                "{word} is out of range: {table} are written {digit}0000{base}..{digit}{last} "
                "(or {digit}000{base}..{digit}9999), counted from {base}.",
                word=text,
                table=_PLURAL[table],
                digit=digit,
                base=base,
                last=LAST_ADDRESS + base,
            ),
            _meant_protocol_address(table, min(number, LAST_ADDRESS)),
        )
    return table, number - base


def _not_an_address(text: str) -> Wrong:
    bit = re.fullmatch(r"([0-9]{5,6})[.:/]([0-9]{1,2})", text)
    if bit:
        return Wrong(
            say(
                "bit-in-address", "'{word}' is not an address: a bit of a register is a setting of its own.", word=text
            ),
            meant(f"at: {bit[1]}, bit: {int(bit[2])}"),
        )
    number = int(text) if re.fullmatch(r"[0-9]{1,10}", text) else LAST_ADDRESS + 1
    return Wrong(
        say(
            "not-an-address",
            "'{word}' is not an address in traditional notation, which has 5 or 6 digits: "
            "40001..49999 or 400001..465536 for holding registers.",
            word=shorten(text),
        ),
        _meant_protocol_address(ModbusTable.HOLDING, number)
        if number <= LAST_ADDRESS
        else say("write-like-or", "Write it like {example}, or {other}.", example="at: 40101", other="{holding: 100}"),
    )


def _meant_protocol_address(table: ModbusTable, number: int) -> Text:
    return say(
        "meant-protocol-address",
        "Did you mean {snippet}, the protocol address counted from 0?",
        snippet=f"{{{table}: {number}}}",
    )


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
        raise Wrong(
            say("browse-path", "a browse path is a setting of its own."),
            say(
                "write-in-place-of",
                "Write {snippet} in the place of `{key}`.",
                snippet=f'path: "{shorten(text[5:].strip())}"',
                key="node",
            ),
        )
    form = _NODE.fullmatch(text)
    if form is None:
        raise Wrong(
            say(
                "not-a-node-id",
                "'{word}' is not an OPC UA node id: nsu=URI;s=NAME, with i=, g= or b= for other identifiers.",
                word=shorten(text),
            ),
            write_like(example),
        )
    pattern, allowed = _IDENTIFIER_FORMS[form["kind"]]
    if not pattern.fullmatch(form["name"]) or (form["kind"] == "i" and int(form["name"]) > 0xFFFF_FFFF):
        raise Wrong(
            say(
                "not-an-identifier",
                "'{word}' is not an identifier of the kind '{kind}=': {allowed} is needed.",
                word=shorten(form["name"]),
                kind=form["kind"],
                allowed=allowed,
            ),
            meant(f"s={shorten(form['name'])}") if form["kind"] != "s" else write_like(example),
        )
    if form["index"] is not None and int(form["index"]) > LAST_ADDRESS:
        raise Wrong(out_of_range(f"ns={form['index']}", 0, LAST_ADDRESS), write_like(example))
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
        bare = _behind_user(text.partition("//")[2]).partition("/")[0]
        raise Wrong(
            say("url-for-host", "'{word}' is a URL: a host, or host:port, is needed.", word=_shown(text)),
            meant(shorten(bare)),
        )
    if _IPV6.fullmatch(text):
        return text, default_port
    bracketed = re.fullmatch(r"\[([^]]*)\](?::(.*))?", text)
    host, port = (
        (bracketed[1], bracketed[2]) if bracketed else (text.partition(":")[::2] if ":" in text else (text, None))
    )
    if not (_IPV6 if bracketed else _HOST).fullmatch(host):
        raise Wrong(
            say("not-a-host", "'{word}' is not a host, or host:port.", word=_shown(text)),
            write_like(f"10.1.2.21:{default_port}"),
        )
    return host, default_port if port is None else _port_of(port, default_port)


def opcua_url_of(text: str) -> str:
    """Check the URL of an OPC UA server, ``opc.tcp://host:port/path``; it comes back with its scheme in small letters.

    Raises:
        Wrong: another scheme, no host, a bad port, or a user in the URL.
    """
    return _url_of(text, ports={"opc.tcp": 4840}, what=OPCUA_URL)


def mqtt_url_of(text: str) -> str:
    """Check the URL of an MQTT broker, ``mqtt://host:port``, or ``mqtts://host:port`` with TLS.

    Raises:
        Wrong: another scheme, no host, a bad port, a user in the URL, or something behind the port.
    """
    scheme, _, rest = text.partition("://")
    if rest and scheme.lower() in _MQTT_OF_OTHERS:
        spelt = f"{_MQTT_OF_OTHERS[scheme.lower()]}://{_behind_user(rest)}"
        raise Wrong(_not_a_url(text, _MQTT_PORTS, MQTT_URL), meant(shorten(spelt)))
    return _bare(_url_of(text, ports=_MQTT_PORTS, what=MQTT_URL))


def mqtt_urls_of(text: str) -> str:
    """Check the URLs of the nodes of a cluster, with commas between them, or of one broker.

    Raises:
        Wrong: as `mqtt_url_of`.
    """
    return ",".join(mqtt_url_of(url) for url in BETWEEN_NODES.split(text))


def http_url_of(text: str) -> str:
    """Check the URL of a reader, ``https://host`` or ``http://host``, with a port where it is not the usual one.

    Raises:
        Wrong: as `mqtt_url_of`.
    """
    return _bare(_url_of(text, ports={"https": 443, "http": 80}, what=READER_URL))


def _bare(url: str) -> str:
    parts = urlsplit(url)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise Wrong(
            say("behind-the-host", "something stands behind the host in '{word}'.", word=_shown(url)),
            say(
                "write-bare-url",
                "Write {snippet}; other settings have keys of their own.",
                snippet=f"{parts.scheme}://{shorten(parts.netloc)}",
            ),
        )
    return url.rstrip("/")


def _not_a_url(text: str, ports: Mapping[str, int], what: str) -> Text:
    forms = any_of([f"{scheme}://host:port" for scheme in ports])
    return say("not-a-url", "'{word}' is not {what}, {forms}.", word=_shown(text), what=what, forms=forms)


def _url_of(text: str, *, ports: Mapping[str, int], what: str) -> str:
    scheme, default_port = next(iter(ports.items()))
    parts = _split(text)
    if parts is None or parts.scheme not in ports or not parts.hostname:
        raise Wrong(_not_a_url(text, ports, what), write_like(f"{scheme}://10.1.2.10:{default_port}"))
    if "@" in parts.netloc or ("@" in text and not _is_endpoint(parts.netloc)):  # `/` in a password ends the host
        raise Wrong(
            say("secret-in-url", "a user or password stands in {what}: secrets are never written in a map.", what=what),
            meant(f"{parts.scheme}://{shorten(_behind_user(text).partition('/')[0])}"),
        )
    endpoint_of(parts.netloc, default_port=ports[parts.scheme])
    if parts.netloc.count(":") > 1 and not parts.netloc.startswith("["):
        raise Wrong(
            say(
                "several-colons",
                "'{word}' has more than one colon: where does the port begin?",
                word=shorten(parts.netloc),
            ),
            say(
                "ipv6-in-brackets",
                "Write {snippet}, with an IPv6 address in brackets.",
                snippet=f"{parts.scheme}://HOST:{ports[parts.scheme]}",
            ),
        )
    return f"{parts.scheme}{text[len(parts.scheme) :]}"


def _is_endpoint(text: str) -> bool:
    try:
        endpoint_of(text, default_port=1)
    except Wrong:
        return False
    return True


def _behind_user(text: str) -> str:
    return text.rpartition("@")[2]


def _shown(text: str) -> str:
    """An address as a message repeats it: what stands before an @ may hold a password, and is left out."""
    return shorten(f"…@{_behind_user(text)}" if "@" in text else text)


def _split(text: str) -> SplitResult | None:
    if any(character.isspace() for character in text):
        return None
    try:
        return urlsplit(text)
    except ValueError:  # an open bracket, or characters that change under normalisation
        return None


def _port_of(text: str, default_port: int) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise Wrong(
            say("not-a-port", "'{word}' is not a port: 1 to 65535 is allowed.", word=_shown(text)),
            say("the-usual-one", "The usual one is {port}.", port=default_port),
        )
    return int(text)
