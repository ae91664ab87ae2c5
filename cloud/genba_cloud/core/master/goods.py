"""What is made and what it is made of: items and bills of material; work instructions and drawings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from genba_cloud.core.master.forms import LABEL, LONG_TEXT, NAME, amount, built, listed, parsed
from genba_shared.device_map.kinds import NAME as CODE
from genba_shared.device_map.kinds import choice
from genba_shared.device_map.spec import Key, ObjectSpec, Values, keys

COUNTED: Final = "pcs"
"""The unit of measure of what is counted."""


class Source(StrEnum):
    """Where an item comes from."""

    MADE = "made"
    BOUGHT = "bought"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A product, a part or a material. `routing` and `site`: how and where it is usually made."""

    item: str
    label: Mapping[str, str] = field(default_factory=dict)
    uom: str = "pcs"
    source: Source = Source.MADE
    routing: str | None = None
    site: str | None = None
    supplier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BomLine:
    """A component: `amount` for each good piece; `scrap_share` of what is issued is lost. `node`: where it is used."""

    item: str
    amount: float
    uom: str = "pcs"
    scrap_share: float = 0.0
    node: str | None = None

    def needed_for(self, pieces: int) -> float:
        """What must be there for so many good pieces, with what is lost; things that are counted are whole."""
        amount = round(self.amount * pieces / (1 - self.scrap_share), 6)
        return float(math.ceil(amount)) if self.uom == COUNTED else amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Bom:
    """What a piece of an item is made of."""

    bom: str
    lines: tuple[BomLine, ...]


class DocumentForm(StrEnum):
    """What an instruction is."""

    SOP = "sop"
    DRAWING = "drawing"
    MODEL = "model"
    """A 3D model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """How something is done, or what it looks like: a text, or where the document is.

    It belongs to every node whose routing names it, and to those of its `item` (None: any) and `node`.
    """

    instruction: str
    label: Mapping[str, str]
    form: DocumentForm = DocumentForm.SOP
    text: str | None = None
    url: str | None = None
    item: str | None = None
    node: str | None = None

    def belongs_to(self, item: str, node: str) -> bool:
        """Whether it is for this node of this item without being named by the routing."""
        return self.node == node and self.item in (None, item)


def _url_of(written: str) -> str:
    if not written.startswith(("https://", "http://")) or len(written) > 2000 or " " in written:
        raise ValueError(f"'{written:.60}' is not a web address")
    return written


def instruction_of(values: Values) -> Instruction:
    """The instruction; it says something, or says where that is."""
    if not values.broken and ("text" in values.taken) == ("url" in values.taken):
        values.error("text", "either `text` or `url` is needed.", 'Write text: "…", or url: https://….')
    return values.build(Instruction)


def bom_of(values: Values) -> Bom:
    """The bill of material; each component stands there once for each node."""
    made: Bom = values.build(Bom)
    seen: set[tuple[str, str | None]] = set()
    for line in made.lines:
        if (line.item, line.node) in seen:
            values.error("lines", f"{line.item} stands there twice for the same node.", "Join the two lines.")
        if line.item == made.bom:
            values.error("lines", f"{line.item} cannot be a part of itself.", "Take the line out.")
        seen.add((line.item, line.node))
    return values.build(Bom)


ITEM: Final = ObjectSpec(
    name="an item",
    model=Item,
    keys=keys(
        Key(name="item", kind=NAME, meaning="its id", example="item: SHIRT-01", required=True),
        Key(name="label", kind=LABEL, meaning="what people call it", example='label: {en: "Shirt"}'),
        Key(name="uom", kind=CODE, meaning="unit of measure", example="uom: m"),
        Key(name="source", kind=choice(Source), meaning="made or bought", example="source: bought"),
        Key(name="routing", kind=CODE, meaning="how it is made", example="routing: garment"),
        Key(name="site", kind=CODE, meaning="where it is usually made", example="site: suzhou"),
        Key(name="supplier", kind=NAME, meaning="the partner who sells it", example="supplier: HT-TEXTILE"),
    ),
)
_BOM_LINE: Final = ObjectSpec(
    name="a line of a bill of material",
    model=BomLine,
    keys=keys(
        Key(name="item", kind=NAME, meaning="the component", example="item: FABRIC", required=True),
        Key(
            name="amount",
            kind=amount(0.000001, 1_000_000_000, "1.6"),
            meaning="for each good piece",
            example="amount: 1.6",
            required=True,
        ),
        Key(name="uom", kind=CODE, meaning="unit of measure", example="uom: m"),
        Key(
            name="scrap_share",
            kind=amount(0, 0.99, "0.05"),
            meaning="share of what is issued that is lost",
            example="scrap_share: 0.05",
        ),
        Key(name="node", kind=CODE, meaning="where it is used first", example="node: start"),
    ),
)
BOM: Final = ObjectSpec(
    name="a bill of material",
    model=Bom,
    keys=keys(
        Key(name="bom", kind=NAME, meaning="the item that is made", example="bom: SHIRT-01", required=True),
        Key(
            name="lines",
            kind=listed(built(_BOM_LINE, lambda values: values.build(BomLine)), what="lines", least=1),
            meaning="its components",
            example="lines: [{item: FABRIC, amount: 1.6, uom: m}]",
            required=True,
        ),
    ),
)
INSTRUCTION: Final = ObjectSpec(
    name="an instruction",
    model=Instruction,
    keys=keys(
        Key(name="instruction", kind=CODE, meaning="its id", example="instruction: sew-collar", required=True),
        Key(name="label", kind=LABEL, meaning="its title", example='label: {en: "Sew the collar"}', required=True),
        Key(name="form", kind=choice(DocumentForm), meaning="what it is", example="form: drawing"),
        Key(name="text", kind=LONG_TEXT, meaning="what it says", example='text: "Press the seam open."'),
        Key(
            name="url",
            kind=parsed(_url_of, allowed="a web address", example="https://files.example/collar.pdf"),
            meaning="where the document is",
            example="url: https://files.example/collar.pdf",
        ),
        Key(name="item", kind=NAME, meaning="the item that it is for", example="item: SHIRT-01"),
        Key(name="node", kind=CODE, meaning="the node that it is for", example="node: core"),
    ),
)
