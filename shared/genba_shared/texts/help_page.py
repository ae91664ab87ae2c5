"""The help page of every message that has a code: docs/map-errors.md, and each of its entries offline.

``python -m genba_shared.texts.help_page`` prints the page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Final

from genba_shared.texts.areas.beside import BESIDE
from genba_shared.texts.areas.devices import DEVICES
from genba_shared.texts.areas.modbus import MODBUS
from genba_shared.texts.areas.opcua import OPCUA
from genba_shared.texts.areas.readers import READERS
from genba_shared.texts.areas.structure import STRUCTURE
from genba_shared.texts.areas.values import VALUES
from genba_shared.texts.areas.work import WORK
from genba_shared.texts.entry import Message
from genba_shared.texts.scan import said_in

__all__ = ["HELP_PAGE", "MESSAGES", "entry_of", "markdown"]

HELP_PAGE: Final = "docs/map-errors.md"
SECTIONS: Final[tuple[tuple[str, Mapping[str, Message]], ...]] = (
    ("The file and its groups", STRUCTURE),
    ("Values", VALUES),
    ("Devices and points", DEVICES),
    ("Modbus", MODBUS),
    ("OPC UA", OPCUA),
    ("RFID readers and MQTT", READERS),
    ("Stations, zones and nodes", WORK),
    ("Secrets and files beside the map", BESIDE),
)
MESSAGES: Final[Mapping[str, Message]] = {code: entry for _, area in SECTIONS for code, entry in area.items()}
_INTRODUCTION: Final = """\
# Messages of the device map

`genba edge check` shows a code in brackets behind each place: `plant.yaml:14:14  devices.press1.timeout  [no-unit]`.
Here is what each code means and what to do. `genba edge check --help-code no-unit` prints an entry without network,
`--lang zh` and `--lang ja` give the messages in Chinese and Japanese (otherwise `GENBA_LANG`, the locale, English).
Words in braces stand for what is in your map; keys and values are never translated.

方括号中的代码在本页都有说明：含义、三种语言的消息、处理方法。用 `--lang zh` 显示中文消息。

角括弧内のコードの意味、三か国語のメッセージ、対処をこのページにまとめています。`--lang ja` で日本語になります。

This page comes from the program (`python -m genba_shared.texts.help_page`).
"""


def markdown() -> str:
    """The whole page."""
    english = _english()
    return "\n".join([_INTRODUCTION, *(line for title, area in SECTIONS for line in _section(title, area, english))])


def entry_of(code: str) -> str:
    """One entry as text.

    Raises:
        KeyError: no message has this code.
    """
    return "\n".join(_entry(code, MESSAGES[code], _english()[code])) + "\n"


def _english() -> dict[str, str]:
    return {said.code: said.template for said in said_in("genba_shared")}


def _section(title: str, area: Mapping[str, Message], english: Mapping[str, str]) -> Iterator[str]:
    yield f"## {title}\n"
    for code, message in sorted(area.items()):
        yield f"### {code}\n"
        yield from _entry(code, message, english[code])
        yield ""


def _entry(code: str, message: Message, english: str) -> Iterator[str]:
    yield f"- en: {english.replace('{english_', '{')}"
    yield f"- zh: {message.zh}"
    yield f"- ja: {message.ja}"
    yield ""
    yield message.why
    yield ""
    yield f"**What to do:** {message.do}"
    if message.example:
        yield ""
        yield "```yaml"
        yield f"{message.example}  # [{code}]"
        yield "```"


if __name__ == "__main__":
    sys.stdout.write(markdown())
