"""Webhooks to a real HTTP server: what is sent, how it is signed, what is sent again, and what is never sent."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from genba_cloud.core.viewer import Scope
from genba_cloud.core.webhooks import Targets
from genba_shared.clock import parse_time
from tests.browser.support import Bench, bench, completed, started


@dataclass
class Receiver:
    """A server that keeps what it is sent and answers `answers` one after the other, then 204."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, headers = kept.answers.pop(0) if kept.answers else (204, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name in the base class)
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}/genba?from=test"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path, targets=Targets.LOOPBACK_TOO) as running:
        await running.post_order()
        yield running


async def create(desk: Bench, url: str, **more: Any) -> dict[str, Any]:
    made = await desk["admin"].post("/api/v1/webhooks", json={"url": url, **more})
    assert made.status_code == 201, made.text
    return dict(made.json())


async def until(holds: Callable[[], Any]) -> Any:
    async with asyncio.timeout(20):
        while True:
            if found := holds():
                return found
            await asyncio.sleep(0.02)


def seconds_between(begin: str, end: str) -> float:
    return (parse_time(end) - parse_time(begin)).total_seconds()


async def deliveries(desk: Bench, webhook: str) -> list[dict[str, Any]]:
    answer = await desk["admin"].get(f"/api/v1/webhooks/{webhook}/deliveries")
    return list(answer.json()["items"])


async def until_delivery(desk: Bench, webhook: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            found = [one for one in await deliveries(desk, webhook) if holds(one)]
            if found:
                return found[0]
            await asyncio.sleep(0.02)


def databases(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.iterdir() if ".db" in file.name]


def signed_by(secret: str, headers: dict[str, str], body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


@pytest.mark.requirement("R91")
async def test_an_event_is_sent_signed_and_as_a_cloud_event(desk: Bench, receiver: Receiver) -> None:
    made = await create(desk, receiver.url, kinds=["node_started"])
    event = started("WO-1001", "CUT")
    await desk.tell(event, completed("WO-1001", "CUT", 8))
    headers, body = (await until(lambda: receiver.got))[0]
    told = json.loads(body)
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["webhook-signature"] == signed_by(made["secret"], headers, body)
    assert {name: told[name] for name in ("specversion", "id", "type", "subject", "source")} == {
        "specversion": "1.0",
        "id": event.id,
        "type": "genba.node_started",
        "subject": "WO-1001",
        "source": "/genba/default",
    }
    assert (told["data"]["node"], told["data"]["kind"]) == ("CUT", "node_started")
    done = await until_delivery(desk, made["id"], lambda one: one["state"] == "delivered")
    assert (done["kind"], done["tries"], done["status"]) == ("node_started", 1, 204)
    assert done["message"] == headers["webhook-id"]
    assert len(receiver.got) == len(await deliveries(desk, made["id"])) == 1


async def test_a_receiver_that_wants_to_be_left_alone_is_until_its_time_and_told_on_request(
    desk: Bench, receiver: Receiver
) -> None:
    receiver.answers = [(503, {"Retry-After": "3600"})]
    made = await create(desk, receiver.url)
    await desk.tell(started("WO-1001", "CUT"))
    failed = await until_delivery(desk, made["id"], lambda one: one["tries"] == 1)
    assert (failed["state"], failed["status"]) == ("waiting", 503)
    assert seconds_between(failed["tried_at"], failed["due_at"]) == 3600
    await desk.tell(started("WO-1001", "SEW"))
    await until_delivery(desk, made["id"], lambda one: one["tries"] == 0)
    body = {"url": receiver.url, "state": "active"}  # changing it ends the wait
    assert (await desk["admin"].put(f"/api/v1/webhooks/{made['id']}", json=body)).status_code == 200
    path = f"/api/v1/webhooks/{made['id']}/deliveries/{failed['position']}/redeliver"
    assert (await desk["admin"].post(path)).json()["state"] == "waiting"
    await until(lambda: len(receiver.got) == 3)
    first, *others = (headers["webhook-id"] for headers, _ in receiver.got)
    assert sorted(others) == sorted({first, *others})
    assert first in others


async def test_gone_stops_a_webhook_for_good(desk: Bench, receiver: Receiver) -> None:
    receiver.answers = [(410, {})]
    made = await create(desk, receiver.url)
    await desk.tell(started("WO-1001", "CUT"))
    gone = await until_delivery(desk, made["id"], lambda one: one["state"] == "given_up")
    assert (gone["status"], gone["due_at"]) == (410, None)
    webhook = (await desk["admin"].get(f"/api/v1/webhooks/{made['id']}")).json()
    assert (webhook["state"], webhook["reason"]) == ("stopped", "the receiver answered 410 Gone")
    other = await create(desk, receiver.url)
    await desk.tell(started("WO-1001", "SEW"))
    await until_delivery(desk, other["id"], lambda one: one["state"] == "delivered")
    assert (len(receiver.got), len(await deliveries(desk, made["id"]))) == (2, 1)


async def test_nothing_is_sent_into_the_own_network(tmp_path: Path, receiver: Receiver) -> None:
    async with bench(tmp_path) as desk:
        plain = await desk["admin"].post("/api/v1/webhooks", json={"url": receiver.url})
        assert (plain.status_code, plain.json()["detail"]) == (422, "url: events are sent by https only")
        made = await create(desk, receiver.url.replace("http://", "https://"))
        await desk.post_order()
        failed = await until_delivery(desk, made["id"], lambda one: one["tries"] == 1)
    assert failed["error"] == "RefusedAddressError: 127.0.0.1 is an address of a private network"
    assert receiver.got == []


async def test_with_a_new_secret_the_old_one_still_signs_for_a_while(desk: Bench, receiver: Receiver) -> None:
    made = await create(desk, receiver.url)
    renewed = (await desk["admin"].post(f"/api/v1/webhooks/{made['id']}/secret")).json()
    await desk.tell(started("WO-1001", "CUT"))
    headers, body = (await until(lambda: receiver.got))[0]
    both = [signed_by(secret, headers, body) for secret in (renewed["secret"], made["secret"])]
    assert headers["webhook-signature"].split(" ") == both


async def test_secrets_are_sealed_in_the_database_and_shown_once(
    desk: Bench, tmp_path: Path, receiver: Receiver
) -> None:
    headers = {"Idempotency-Key": "hook"}
    body = {"url": receiver.url}
    made, again = [await desk["admin"].post("/api/v1/webhooks", json=body, headers=headers) for _ in range(2)]
    assert made.json() == again.json()
    secret = made.json()["secret"]
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    files = await asyncio.to_thread(databases, tmp_path)
    assert len(files) > 1
    assert not any(raw in content or secret.encode()[6:] in content for content in files)
    listed = (await desk["admin"].get("/api/v1/webhooks")).json()["items"]
    assert (len(listed), "secret" in listed[0]) == (1, False)


async def test_a_webhook_ends_with_the_key_that_made_it(desk: Bench, receiver: Receiver) -> None:
    accounts = desk.collector.authority.accounts
    key = accounts.create_key("erp", frozenset({Scope.READ, Scope.WEBHOOKS_WRITE}))
    headers = {"Authorization": f"Bearer {key}"}
    made = await desk["nobody"].post("/api/v1/webhooks", json={"url": receiver.url}, headers=headers)
    accounts.revoke_key(key.split("_")[1])
    await desk.tell(started("WO-1001", "CUT"))

    path = f"/api/v1/webhooks/{made.json()['id']}"
    async with asyncio.timeout(20):
        while True:
            if (await desk["admin"].get(path)).json()["state"] == "stopped":
                break
            await asyncio.sleep(0.02)
    assert receiver.got == []


async def test_what_happened_while_the_collector_was_stopped_or_the_webhook_paused_is_sent_then(
    tmp_path: Path, receiver: Receiver
) -> None:
    async with bench(tmp_path, targets=Targets.LOOPBACK_TOO) as desk:
        made = await create(desk, receiver.url, kinds=["order_confirmed"])
        path = f"/api/v1/webhooks/{made['id']}"
        paused = {"url": receiver.url, "kinds": ["order_confirmed"], "state": "paused"}
        assert (await desk["admin"].put(path, json=paused)).json()["state"] == "paused"
        await desk.post_order()
    async with bench(tmp_path, targets=Targets.LOOPBACK_TOO) as desk:
        assert receiver.got == []
        await desk["admin"].put(path, json={**paused, "state": "active"})
        _, body = (await until(lambda: receiver.got))[0]
    assert json.loads(body)["subject"] == "A-1001"


async def test_a_change_of_what_somebody_else_changed_is_refused(desk: Bench, receiver: Receiver) -> None:
    made = await create(desk, receiver.url)
    path = f"/api/v1/webhooks/{made['id']}"
    tag = (await desk["admin"].get(path)).headers["ETag"]
    assert (await desk["admin"].get(path, headers={"If-None-Match": tag})).status_code == 304
    body = {"url": receiver.url, "note": "new"}
    first = await desk["admin"].put(path, json=body, headers={"If-Match": tag})
    late = await desk["admin"].put(path, json={**body, "note": "late"}, headers={"If-Match": tag})
    assert (first.status_code, late.status_code) == (200, 412)
    assert late.headers["ETag"] == first.headers["ETag"] != tag
    assert (await desk["admin"].delete(path, headers={"If-Match": tag})).status_code == 412
    assert (await desk["admin"].delete(path, headers={"If-Match": late.headers["ETag"]})).status_code == 204
    assert (await desk["admin"].get(path)).status_code == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"url": "https://user@example.com/x"}, "without a user"),
        ({"url": "https://example.com:99999/x"}, "url"),
        ({"url": "ftp://example.com/x"}, "url"),
        ({"url": "https://example.com/x", "kinds": ["node_complete"]}, "no kind of event"),
        ({"url": "https://example.com/x", "colour": "blue"}, "colour"),
    ],
)
async def test_a_webhook_that_makes_no_sense_is_refused(desk: Bench, body: dict[str, Any], said: str) -> None:
    answer: httpx.Response = await desk["admin"].post("/api/v1/webhooks", json=body)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
