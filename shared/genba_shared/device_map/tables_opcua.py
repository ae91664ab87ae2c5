"""The settings of an OPC UA device and of its points."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Final

import yaml

from genba_shared.device_map.addresses import (
    OPCUA_URL,
    opcua_node_of,
    opcua_url_of,
)
from genba_shared.device_map.browse_paths import EXAMPLE, root_of
from genba_shared.device_map.kinds import (
    choice,
    group,
    integer,
    one_or_more,
    quantity,
    text,
)
from genba_shared.device_map.model import (
    NodeAddress,
    OpcUaDevice,
    OpcUaPoint,
    OpcUaProfile,
    ReadMode,
    TimeSource,
)
from genba_shared.device_map.phrases import write
from genba_shared.device_map.problems import Wrong, shorten
from genba_shared.device_map.scalars import integer_of, is_plain, scalar_text, text_of
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Scope, keys, read_entries
from genba_shared.device_map.tables_devices import POINTS_KEY, common_device_keys
from genba_shared.device_map.tables_opcua_security import SECURITY, build_security
from genba_shared.device_map.tables_points import POINT_LATER, common_point_keys
from genba_shared.device_map.units import DURATION
from genba_shared.texts import say

__all__ = ["OPCUA_DEVICE", "OPCUA_POINT", "SECURITY"]

EXAMPLE_ROOT: Final = '"nsu=urn:plc:press;Press1"'
EXAMPLE_CODE: Final = '"0x80AB0000"'
LAST_ELEMENT: Final = 65535


def show_address(address: NodeAddress) -> str:
    """A place as a person reads it."""
    names = [step.name for step in address.steps]
    return "/".join([address.node or "Objects", *names])


def show_words(words: Mapping[str, int]) -> str:
    """Numbers by text, in one line."""
    return ", ".join(f"{word}: {number}" for word, number in words.items())


def _code_of(written: str) -> int:
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,8}", written):
        raise Wrong(
            say(
                "not-a-status-code",
                "'{word}' is not a status code: 0x and up to 8 hex digits in quotes.",
                word=shorten(written),
            ),
            say(
                "write-status-code",
                "Write it like {example}: the number of the status in OPC 10000-6, A.2.",
                example=EXAMPLE_CODE,
            ),
        )
    return int(written, 16)


CODES: Final = one_or_more(
    dataclasses.replace(
        text(
            say("a-status-code", "a status code in quotes"),
            EXAMPLE_CODE,
            check=_code_of,
            pattern="^0x[0-9a-fA-F]{1,8}$",
        ),
        show=lambda code: f"0x{code:08X}",
    ),
    say("status-codes", "status codes"),
)


_AN_ELEMENT: Final = say("an-element", "a place in the array, counted from 0, or a name")
_NUMBERS_BY_TEXT: Final = say("numbers-by-text", "a group of numbers by text")
_WORD_NUMBERS: Final = (-(2**31), 2**31 - 1)


def _element_of(node: yaml.Node, _scope: Scope) -> int | str:
    example = "element: 0"
    written = scalar_text(node, allowed=_AN_ELEMENT, example=example)
    if is_plain(node) and re.fullmatch(r"-?[0-9]+", written):
        return integer_of(node, low=0, high=LAST_ELEMENT, allowed=_AN_ELEMENT, example=example)
    return text_of(node, allowed=_AN_ELEMENT, example=example)


def _words_of(node: yaml.Node, scope: Scope) -> dict[str, int]:
    written = read_entries(node, scope, what=_NUMBERS_BY_TEXT, example="{Execute: 6, Idle: 4}")
    low, high = _WORD_NUMBERS
    allowed = say("a-whole-number", "a whole number from {low} to {high}", low=low, high=high)
    taken: dict[str, int] = {}
    for word, (_, value) in written.items():
        try:
            taken[word] = integer_of(value, low=low, high=high, allowed=allowed, example=f"{word}: 1")
        except Wrong as exc:
            raise Wrong(exc.message, exc.fix, node=exc.node or value) from exc
    return taken


OPCUA_DEVICE: Final = ObjectSpec(
    name=say("group-opcua-device", "an OPC UA device"),
    model=OpcUaDevice,
    keys=keys(
        *common_device_keys(),
        Key(
            name="url",
            kind=text(OPCUA_URL, "opc.tcp://10.1.2.10:4840", check=opcua_url_of),
            meaning="where the server is",
            example="url: opc.tcp://10.1.2.10:4840",
            required=True,
        ),
        Key(
            name="security",
            kind=group(SECURITY, build_security),
            meaning="how the connection is protected; left out, it is signed and encrypted with Basic256Sha256",
            example="security: {policy: Basic256Sha256, mode: SignAndEncrypt}",
        ),
        Key(
            name="profile",
            kind=choice(OpcUaProfile),
            meaning="the information model that the machine follows: `packml` (OPC 30050) and `machinery` "
            "(OPC 40001-1) bring their points, which `points` adds to and overrides; needs `root`",
            example="profile: packml",
        ),
        Key(
            name="root",
            kind=dataclasses.replace(
                text(say("a-root", "a node id or a browse path"), EXAMPLE_ROOT, check=root_of), show=show_address
            ),
            meaning="the machine's object, where the browse paths of its points start",
            example=f"root: {EXAMPLE_ROOT}",
            default_text="the Objects folder",
        ),
        Key(
            name="time",
            kind=choice(TimeSource),
            meaning="whose clock stamps a value: the PLC's (`source`), the server's or the gateway's",
            example="time: source",
        ),
        Key(
            name="good_codes",
            kind=CODES,
            meaning="status codes that this server sends with good values, though OPC UA calls them bad",
            example='good_codes: ["0x80AB0000"]',
        ),
        Key(
            name="uncertain_codes",
            kind=CODES,
            meaning="status codes that this server sends with usable but doubtful values",
            example='uncertain_codes: ["0x80B10000"]',
        ),
        POINTS_KEY,
    ),
    elsewhere={"host": write("url: opc.tcp://host:4840"), "port": write("url: opc.tcp://host:4840")},
    replaced_by={"url": ("host",)},
)


OPCUA_POINT: Final = ObjectSpec(
    name=say("group-opcua-point", "an OPC UA point"),
    model=OpcUaPoint,
    keys=keys(
        Key(
            name="node",
            kind=text(
                say("a-node-id", "an OPC UA node id"), '"nsu=urn:plc:cutter;s=DB10.PartCount"', check=opcua_node_of
            ),
            meaning="the node id, with the namespace as URI; `ns=3;…` works and is warned about",
            example='node: "nsu=urn:plc:cutter;s=DB10.PartCount"',
            default_text="required, unless `path` is written",
            derived=True,
        ),
        Key(
            name="path",
            kind=text(say("a-browse-path", "a browse path"), EXAMPLE),
            meaning="in the place of `node`: the browse path from `root` (from Objects, if it starts with `/`), "
            "looked up at each connection; a name without `nsu=URI;` is in the namespace of the name before it",
            example=f"path: {EXAMPLE}",
        ),
        Key(
            name="element",
            kind=Kind(
                allowed=_AN_ELEMENT,
                read=_element_of,
                schema={"anyOf": [{"type": "integer", "minimum": 0, "maximum": LAST_ELEMENT}, {"type": "string"}]},
            ),
            meaning="which one of an array: by place, or by the `Name` or `ID` of the structures in it",
            example="element: 0",
        ),
        Key(
            name="field",
            kind=text(say("name-of-member", "the name of a member"), "Count"),
            attribute="member",
            meaning="which member of a structure; `Outer.Inner` for a member of a member",
            example="field: AccCount",
        ),
        Key(
            name="words",
            kind=Kind(
                allowed=_NUMBERS_BY_TEXT,
                read=_words_of,
                show=show_words,
                schema={
                    "type": "object",
                    "additionalProperties": {
                        "type": "integer",
                        "minimum": _WORD_NUMBERS[0],
                        "maximum": _WORD_NUMBERS[1],
                    },
                },
            ),
            meaning="a number for each text of a state that is told in words, for `labels`; the name of a bad status, "
            "such as `BadStateNotActive`, may stand for a text, too",
            example="words: {Execute: 6, Idle: 4}",
        ),
        *common_point_keys(
            type_default="the smallest unsigned that holds the counter's `limit`; without a counter, required"
        ),
        Key(
            name="mode",
            kind=choice(ReadMode),
            meaning="`subscribe`: the server reports changes; `read`: it is asked once per `sampling`",
            example="mode: subscribe",
        ),
        Key(
            name="sampling",
            kind=quantity(DURATION, "10ms", "1d", "200ms"),
            attribute="sampling_s",
            meaning="how often the value is looked at",
            example="sampling: 200ms",
        ),
        Key(
            name="queue",
            kind=integer(1, 1000, "10"),
            meaning="changes that the server keeps between two reports",
            example="queue: 10",
        ),
        Key(
            name="time",
            kind=choice(TimeSource),
            meaning="whose clock stamps this point",
            example="time: gateway",
            default_text="as the device",
        ),
    ),
    later={**{key: fix for key, fix in POINT_LATER.items() if key != "time"}, "scale": ""},
    elsewhere={"group": write("mode: read, sampling: 10s"), "at": write('node: "nsu=…;s=…"')},
)
