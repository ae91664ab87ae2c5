"""Acknowledgements and dispatch documents: what was written is read back, and nothing else is believed."""

from __future__ import annotations

import json
import random
import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from genba_shared.acknowledgement import Acknowledgement
from genba_shared.codec import Lane
from genba_shared.dispatch_document import (
    MAX_PART,
    DispatchDocument,
    DispatchManifest,
    DispatchRow,
    OpenRow,
    PartsDoNotMatch,
    StationDispatch,
    StockTake,
    TagBinding,
    join_parts,
    split_parts,
)
from genba_shared.errors import ContractError

EPOCH = "0123456789abcdef0123456789abcdef"
SINCE = datetime(2026, 1, 5, 7, 0, 0, 250_000, tzinfo=UTC)
DOCUMENT = DispatchDocument(
    version=3,
    stations={
        "SEW-1": StationDispatch(
            open=OpenRow(work_order="WO-1", node="SEW", quantity=8, since=SINCE),
            next=(DispatchRow(work_order="WO-2", node="SEW", quantity=5),),
        ),
        "SEW-2": StationDispatch(),
    },
    work_orders={"WO-1": {"CUT": 8, "SEW": 8}},
    tags=(TagBinding(tag="3034f0", work_order="WO-1", pieces=5, since=SINCE),),
    stock={"sewing": StockTake(id="c9e8a2f4-0f5e-4a39-9a4f-2f6f0c7f2f10", at=SINCE, count=0)},
    answered={"WO-1": {"CUT": -2, "SEW": 1}},
)
DOCUMENT_JSON: dict[str, object] = {
    "version": 3,
    "stations": {
        "SEW-1": {
            "open": {"work_order": "WO-1", "node": "SEW", "quantity": 8, "since": "2026-01-05T07:00:00.250Z"},
            "next": [{"work_order": "WO-2", "node": "SEW", "quantity": 5}],
        },
        "SEW-2": {"open": None, "next": []},
    },
    "work_orders": {"WO-1": {"CUT": 8, "SEW": 8}},
    "tags": [{"tag": "3034f0", "work_order": "WO-1", "pieces": 5, "since": "2026-01-05T07:00:00.250Z"}],
    "stock": {"sewing": {"id": "c9e8a2f4-0f5e-4a39-9a4f-2f6f0c7f2f10", "at": "2026-01-05T07:00:00.250Z", "count": 0}},
    "answered": {"WO-1": {"CUT": -2, "SEW": 1}},
}


def test_an_acknowledgement_is_read_back() -> None:
    ack = Acknowledgement(lane=Lane.FACTS, epoch=EPOCH, upto=17)
    assert ack.to_json() == f'{{"lane":"facts","epoch":"{EPOCH}","upto":17}}'
    assert Acknowledgement.from_json(ack.to_json().encode()) == ack


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe\xff",
        b"null",
        b"[" * 900,
        b"[" * 5000,
        b'{"lane":"facts","epoch":"00","upto":1}',
        f'{{"lane":"other","epoch":"{EPOCH}","upto":1}}'.encode(),
        f'{{"lane":"facts","epoch":"{EPOCH}","upto":-1}}'.encode(),
        f'{{"lane":"facts","epoch":"{EPOCH}","upto":true}}'.encode(),
        f'{{"lane":"facts","epoch":"{EPOCH}","upto":1.0}}'.encode(),
        f'{{"lane":"facts","epoch":"{EPOCH}","upto":{2**63}}}'.encode(),
        f'{{"lane":"facts","epoch":"{EPOCH}"}}'.encode(),
    ],
)
def test_what_is_no_acknowledgement_is_refused(payload: bytes) -> None:
    with pytest.raises(ContractError):
        Acknowledgement.from_json(payload)


def test_a_dispatch_document_has_the_json_form_of_the_contract() -> None:
    assert DOCUMENT.to_json() == DOCUMENT_JSON
    assert DispatchDocument.from_json(DOCUMENT_JSON) == DOCUMENT
    assert DispatchDocument.from_text(json.dumps(DOCUMENT_JSON)) == DOCUMENT
    assert DispatchDocument.from_json(DispatchDocument.empty().to_json()) == DispatchDocument.empty()


def test_the_document_of_an_older_collector_knows_no_answers() -> None:
    older = {key: value for key, value in DOCUMENT_JSON.items() if key != "answered"}
    assert DispatchDocument.from_json(older).answered == {}


def test_keys_of_a_newer_collector_are_passed_over() -> None:
    assert DispatchDocument.from_json(DOCUMENT_JSON | {"calendar": "two-shift"}) == DOCUMENT


def test_a_document_of_an_older_collector_knows_of_no_stock_takes() -> None:
    older = {key: value for key, value in DOCUMENT_JSON.items() if key != "stock"}
    assert DispatchDocument.from_json(older) == replace(DOCUMENT, stock={})


@pytest.mark.parametrize(
    ("key", "value", "where"),
    [
        ("version", -1, "version"),
        ("version", None, "version"),
        ("stations", [], "stations"),
        ("stations", {"SEW-1": {"open": None}}, "stations.SEW-1.next"),
        ("stations", {"SEW-1": {"open": {"work_order": "W", "node": "S", "quantity": 1}, "next": []}}, "open.since"),
        ("stations", {"SEW-1": {"next": [{"work_order": "", "node": "S", "quantity": 1}]}}, r"next\[0\].work_order"),
        ("work_orders", {"WO-1": {"CUT": 1.5}}, "work_orders.WO-1.CUT"),
        ("work_orders", {"WO-1": {"CUT": True}}, "work_orders.WO-1.CUT"),
        ("tags", [{"tag": "3034", "work_order": "W", "pieces": 1, "since": "today"}], r"tags\[0\].since"),
        ("tags", [7], r"tags\[0\]"),
        ("stock", [], "stock"),
        ("stock", {"sewing": {"id": "1", "at": "today", "count": 1}}, "stock.sewing.at"),
        ("stock", {"sewing": {"id": "1", "at": "2026-01-05T07:00:00Z", "count": -1}}, "stock.sewing.count"),
        ("answered", {"WO-1": {"CUT": 1.5}}, "answered.WO-1.CUT"),
        ("answered", {"WO-1": {"CUT": -(2**53) - 1}}, "answered.WO-1.CUT"),
        ("answered", {"WO-1": 3}, "answered.WO-1"),
    ],
)
def test_a_wrong_dispatch_document_is_refused_with_the_place(key: str, value: object, where: str) -> None:
    with pytest.raises(ContractError, match=where):
        DispatchDocument.from_json(DOCUMENT_JSON | {key: value})


def large_document(tags: int) -> DispatchDocument:
    noise = random.Random(7)
    return DispatchDocument(
        version=9,
        stations={},
        work_orders={},
        tags=tuple(
            TagBinding(tag=f"{noise.getrandbits(96):024x}", work_order=f"WO-裁{number}", pieces=1, since=SINCE)
            for number in range(tags)
        ),
    )


def test_a_large_document_is_cut_into_parts_that_brokers_take_and_joined_again() -> None:
    document = large_document(20_000)
    manifest, parts = split_parts(document)
    assert len(parts) >= 3
    assert manifest.parts == len(parts)
    assert max(map(len, parts)) <= MAX_PART
    assert join_parts(DispatchManifest.from_json(manifest.to_json()), parts) == document


def test_parts_of_different_documents_are_not_mixed() -> None:
    manifest, _ = split_parts(DOCUMENT)
    _, others = split_parts(DispatchDocument.empty())
    with pytest.raises(PartsDoNotMatch, match="SHA-256"):
        join_parts(manifest, others)
    with pytest.raises(PartsDoNotMatch, match="0 parts of 1"):
        join_parts(manifest, ())


def test_a_part_that_is_a_bomb_is_refused() -> None:
    manifest, _ = split_parts(DOCUMENT)
    with pytest.raises(ContractError, match="above 4000000 bytes"):
        join_parts(manifest, (zlib.compress(bytes(50_000_000)),))
    with pytest.raises(ContractError, match="not zlib data"):
        join_parts(manifest, (b"part",))


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'{"version":1,"parts":0,"sha256":""}', b'{"version":1,"parts":999,"sha256":"0"}']
)
def test_what_is_no_manifest_is_refused(payload: bytes) -> None:
    with pytest.raises(ContractError):
        DispatchManifest.from_json(payload)
