"""What a gateway works on, as the collector publishes it: one document, cut into parts that any broker takes."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from genba_shared import signing
from genba_shared.clock import format_time, parse_time, to_milliseconds
from genba_shared.errors import ContractError
from genba_shared.events.json_form import is_text

MAX_PART: Final = 100_000  # bytes, compressed
MAX_PARTS: Final = 256
_MAX_PART_TEXT: Final = 4_000_000  # bytes of one part after decompression
_FIRST_CUT: Final = 1_000_000  # bytes of text tried as one part: JSON of this kind shrinks to about a tenth
_MAX_QUANTITY: Final = 10**9  # pieces
_MAX_CHANGE: Final = 2**53  # pieces; an answer may take back what a counter of 32 bits seemed to show, and several do


class PartsDoNotMatch(ContractError):
    """The parts at hand are not (yet) those of the manifest: wait for the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchRow:
    """One row of a station's list: `quantity` pieces of a node of a work order."""

    work_order: str
    node: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRow:
    """A row that a person or the API opened at the station, and since when."""

    work_order: str
    node: str
    quantity: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationDispatch:
    """What a station was ordered to work on (`open`), and what comes next, in order."""

    open: OpenRow | None = None
    next: tuple[DispatchRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TagBinding:
    """Since `since`, the tag stands for `pieces` pieces of the work order."""

    tag: str
    work_order: str
    pieces: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockTake:
    """Somebody counted `count` pieces in a zone at `at`; `id` is that of the event that says so."""

    id: str
    at: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchDocument:
    """Everything that one gateway needs to know about orders.

    `stations` by station id; `work_orders`: pieces wanted by work order and node, only of nodes that this gateway
    derives. `answered`, in the same way: good pieces that people's answers to open questions add to what gateways
    counted (below 0: take away), as a whole and not since the document before. `stock`: by zone, the latest stock-take.
    `version` counts up; 0 is the empty document before the first.
    """

    version: int
    stations: Mapping[str, StationDispatch]
    work_orders: Mapping[str, Mapping[str, int]]
    tags: tuple[TagBinding, ...]
    stock: Mapping[str, StockTake] = field(default_factory=dict)
    answered: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> DispatchDocument:
        """The document of a gateway that never heard from a collector."""
        return cls(version=0, stations={}, work_orders={}, tags=())

    def to_json(self) -> dict[str, Any]:
        """The document as a JSON object."""
        return {
            "version": self.version,
            "stations": {
                station: {"open": _open_to_json(listed.open), "next": [_row_to_json(row) for row in listed.next]}
                for station, listed in self.stations.items()
            },
            "work_orders": {work_order: dict(nodes) for work_order, nodes in self.work_orders.items()},
            "tags": [
                {"tag": tag.tag, "work_order": tag.work_order, "pieces": tag.pieces, "since": format_time(tag.since)}
                for tag in self.tags
            ],
            **({"stock": {zone: _stock_to_json(stock) for zone, stock in self.stock.items()}} if self.stock else {}),
            **({"answered": {name: dict(nodes) for name, nodes in self.answered.items()}} if self.answered else {}),
        }

    def to_text(self) -> str:
        """The JSON text that is hashed and sent; equal documents give equal texts."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, obj: object) -> DispatchDocument:
        """Check a JSON object and build the document; keys that are not known are left for newer gateways.

        Raises:
            ContractError: something is missing or of the wrong form; the message names the path.
        """
        document = _mapping(obj, "document")
        return cls(
            version=_whole(document.get("version"), "version", most=2**63 - 1),
            stations={
                _named(station, "stations"): _station_from_json(listed, f"stations.{station}")
                for station, listed in _mapping(document.get("stations"), "stations").items()
            },
            work_orders={
                _named(work_order, "work_orders"): {
                    _named(node, f"work_orders.{work_order}"): _whole(quantity, f"work_orders.{work_order}.{node}")
                    for node, quantity in _mapping(nodes, f"work_orders.{work_order}").items()
                }
                for work_order, nodes in _mapping(document.get("work_orders"), "work_orders").items()
            },
            tags=tuple(
                _tag_from_json(tag, f"tags[{position}]")
                for position, tag in enumerate(_sequence(document.get("tags"), "tags"))
            ),
            stock={
                _named(zone, "stock"): _stock_from_json(stock, f"stock.{zone}")
                for zone, stock in _mapping(document.get("stock", {}), "stock").items()  # older documents have none
            },
            answered={  # not in the documents of older collectors
                _named(work_order, "answered"): {
                    _named(node, f"answered.{work_order}"): _change(pieces, f"answered.{work_order}.{node}")
                    for node, pieces in _mapping(nodes, f"answered.{work_order}").items()
                }
                for work_order, nodes in _mapping(document.get("answered", {}), "answered").items()
            },
        )

    @classmethod
    def from_text(cls, text: str | bytes) -> DispatchDocument:
        """Read the JSON text of a document.

        Raises:
            ContractError: as `from_json`, or not JSON.
        """
        try:
            obj = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise ContractError(f"dispatch document is not JSON: {exc}") from exc
        return cls.from_json(obj)


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchManifest:
    """Which parts make a document: their number, and the SHA-256 (hex) of the whole uncompressed text.

    `signature`: of the collector, for an enrolled gateway (`genba_shared.signing`).
    """

    version: int
    parts: int
    sha256: str
    signature: bytes = b""

    def covered(self, gateway: str) -> bytes:
        """What the collector signs, for a gateway."""
        return signing.manifest_text(gateway, version=self.version, parts=self.parts, sha256=self.sha256)

    def to_json(self) -> str:
        """The MQTT payload."""
        signed = {"sig": signing.to_base64(self.signature)} if self.signature else {}
        obj = {"version": self.version, "parts": self.parts, "sha256": self.sha256, **signed}
        return json.dumps(obj, separators=(",", ":"))

    @classmethod
    def from_json(cls, payload: str | bytes) -> DispatchManifest:
        """Read an MQTT payload.

        Raises:
            ContractError: not a manifest, or of more than 256 parts.
        """
        try:
            obj = _mapping(json.loads(payload), "manifest")
        except (ValueError, RecursionError) as exc:
            raise ContractError(f"dispatch manifest is not JSON: {exc}") from exc
        parts = _whole(obj.get("parts"), "manifest.parts", most=MAX_PARTS)
        sha256 = obj.get("sha256")
        if parts == 0 or not isinstance(sha256, str) or len(sha256) != 64:
            raise ContractError(f"not a dispatch manifest: {obj!r:.200}")
        version = _whole(obj.get("version"), "manifest.version", most=2**63 - 1)
        text = obj.get("sig", "")
        signature = signing.from_base64(text) if isinstance(text, str) else b""
        return cls(version=version, parts=parts, sha256=sha256, signature=signature)


def split_parts(document: DispatchDocument) -> tuple[DispatchManifest, tuple[bytes, ...]]:
    """Cut a document into zlib-compressed parts of at most 100 kB each, to be published in this order from number 0.

    Raises:
        ContractError: it needs more than 256 parts.
    """
    text = document.to_text().encode()
    parts: list[bytes] = []
    for start in range(0, len(text), _FIRST_CUT):
        parts.extend(_compress(text[start : start + _FIRST_CUT]))
    if len(parts) > MAX_PARTS:
        raise ContractError(f"dispatch document of {len(text)} bytes needs {len(parts)} parts: at most {MAX_PARTS}")
    manifest = DispatchManifest(version=document.version, parts=len(parts), sha256=hashlib.sha256(text).hexdigest())
    return manifest, tuple(parts)


def join_parts(manifest: DispatchManifest, parts: Sequence[bytes]) -> DispatchDocument:
    """Put the parts of a document together again and check it against its manifest.

    Raises:
        PartsDoNotMatch: a part is missing or of another document.
        ContractError: a part cannot be decompressed, or the document is not valid.
    """
    if len(parts) != manifest.parts:
        raise PartsDoNotMatch(f"{len(parts)} parts of {manifest.parts}")
    text = b"".join(_decompress(part, number) for number, part in enumerate(parts))
    if hashlib.sha256(text).hexdigest() != manifest.sha256:
        raise PartsDoNotMatch("dispatch parts do not match the manifest's SHA-256")
    document = DispatchDocument.from_text(text)
    if document.version != manifest.version:
        raise ContractError(f"dispatch document is version {document.version}, its manifest says {manifest.version}")
    return document


def _compress(text: bytes) -> list[bytes]:
    packed = zlib.compress(text, 9)
    if len(packed) <= MAX_PART:
        return [packed]
    middle = len(text) // 2
    return [*_compress(text[:middle]), *_compress(text[middle:])]


def _decompress(part: bytes, number: int) -> bytes:
    if len(part) > MAX_PART:
        raise ContractError(f"dispatch part {number} has {len(part)} bytes: at most {MAX_PART}")
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(part, _MAX_PART_TEXT)
    except zlib.error as exc:
        raise ContractError(f"dispatch part {number} is not zlib data: {exc}") from exc
    if not unpacker.eof or unpacker.unused_data:
        raise ContractError(f"dispatch part {number} is cut, has more behind it, or is above {_MAX_PART_TEXT} bytes")
    return text


def _open_to_json(row: OpenRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "work_order": row.work_order,
        "node": row.node,
        "quantity": row.quantity,
        "since": format_time(row.since),
    }


def _row_to_json(row: DispatchRow) -> dict[str, Any]:
    return {"work_order": row.work_order, "node": row.node, "quantity": row.quantity}


def _station_from_json(obj: object, where: str) -> StationDispatch:
    listed = _mapping(obj, where)
    opened = listed.get("open")
    return StationDispatch(
        open=None
        if opened is None
        else OpenRow(**_row(opened, f"{where}.open"), since=_since(opened, f"{where}.open")),
        next=tuple(
            DispatchRow(**_row(row, f"{where}.next[{position}]"))
            for position, row in enumerate(_sequence(listed.get("next"), f"{where}.next"))
        ),
    )


def _row(obj: object, where: str) -> dict[str, Any]:
    row = _mapping(obj, where)
    return {
        "work_order": _named(row.get("work_order"), f"{where}.work_order"),
        "node": _named(row.get("node"), f"{where}.node"),
        "quantity": _whole(row.get("quantity"), f"{where}.quantity"),
    }


def _tag_from_json(obj: object, where: str) -> TagBinding:
    tag = _mapping(obj, where)
    return TagBinding(
        tag=_named(tag.get("tag"), f"{where}.tag"),
        work_order=_named(tag.get("work_order"), f"{where}.work_order"),
        pieces=_whole(tag.get("pieces"), f"{where}.pieces"),
        since=_since(tag, where),
    )


def _stock_to_json(stock: StockTake) -> dict[str, Any]:
    return {"id": stock.id, "at": format_time(stock.at), "count": stock.count}


def _stock_from_json(obj: object, where: str) -> StockTake:
    stock = _mapping(obj, where)
    return StockTake(
        id=_named(stock.get("id"), f"{where}.id"),
        at=_time(stock.get("at"), f"{where}.at"),
        count=_whole(stock.get("count"), f"{where}.count"),
    )


def _since(obj: object, where: str) -> datetime:
    return _time(_mapping(obj, where).get("since"), f"{where}.since")


def _time(text: object, where: str) -> datetime:
    try:
        return to_milliseconds(parse_time(text))  # type: ignore[arg-type]  # any JSON value; TypeError is caught
    except (TypeError, ValueError, OverflowError) as exc:
        raise ContractError(f"{where}: {text!r:.80} is not an RFC 3339 time") from exc


def _mapping(obj: object, where: str) -> Mapping[str, Any]:
    if not isinstance(obj, dict):
        raise ContractError(f"{where}: {obj!r:.80} is not a JSON object")
    return obj


def _sequence(obj: object, where: str) -> Sequence[Any]:
    if not isinstance(obj, list):
        raise ContractError(f"{where}: {obj!r:.80} is not a list")
    return obj


def _named(value: object, where: str) -> str:
    if not isinstance(value, str) or not is_text(value):
        raise ContractError(f"{where}: {value!r:.80} is not a name")
    return value


def _whole(value: object, where: str, *, most: int = _MAX_QUANTITY) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ContractError(f"{where}: {value!r:.80} is not a whole number from 0 to {most}")
    return value


def _change(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MAX_CHANGE:
        raise ContractError(f"{where}: {value!r:.80} is not a whole number from -{_MAX_CHANGE} to {_MAX_CHANGE}")
    return value
