"""Every example of the served OpenAPI document, sent to a running collector; and what is kept of the answers.

``python -m tests.api_examples`` writes the answers into the document's examples, where a route is new or changed.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from genba_cloud.api.description import EXAMPLES, examples, operation_key
from genba_cloud.core.webhooks import DeliveryState, WebhookState
from genba_cloud.ledger import GatewaySeen
from genba_cloud.store.read import Quarantined
from genba_cloud.store.webhooks import Delivery, Webhook, Webhooks
from genba_shared.events import (
    AlertOpened,
    Confidence,
    Event,
    ProblemReported,
    Source,
    SourceType,
    TaskOpened,
    WipChanged,
)
from tests.browser.support import NOW, PLC, Bench, bench, doubted, questioned, served

TOKEN: Final = "the owner of the data folder"
GATEWAY: Final = "gw-cut"
EPOCH: Final = "0123456789abcdef0123456789abcdef"
METHODS: Final = ("get", "put", "post", "patch", "delete")


@dataclass
class Operation:
    """One operation of the served document."""

    method: str
    path: str
    described: Mapping[str, Any]

    @property
    def key(self) -> str:
        return operation_key(self.method, self.path)

    @property
    def example(self) -> Mapping[str, Any]:
        return examples().get(self.key, {})


@dataclass
class Sent:
    """What was answered to the example of an operation."""

    status: int
    media: str
    content: Any = None
    said: str = ""


@dataclass
class Examples:
    """Sends the examples of a served document, each once; what one needs of another is sent before."""

    client: httpx.AsyncClient
    document: Mapping[str, Any]
    sent: dict[str, Sent] = field(default_factory=dict)
    again: dict[str, Sent] = field(default_factory=dict)
    """By operation and medium, what was answered to the same body in another medium."""

    def operations(self) -> list[Operation]:
        """As the examples stand in their files, but what deletes comes last; those without an example at the end."""
        found = [
            Operation(method=method, path=path, described=item[method])
            for path, item in self.document["paths"].items()
            for method in METHODS
            if method in item
        ]
        places = {key: number for number, key in enumerate(examples())}
        return sorted(found, key=lambda one: (one.method == "delete", places.get(one.key, len(places))))

    async def send(self, operation: Operation) -> Sent:
        """The answer to the example of an operation."""
        if operation.key not in self.sent:
            self.sent[operation.key] = await self._send(operation)
        return self.sent[operation.key]

    async def _send(self, operation: Operation) -> Sent:
        described = operation.described
        known = {one.key: one for one in self.operations()}
        if needs := operation.example.get("needs"):
            await self.send(known[needs])
        given: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
        for parameter in described.get("parameters", ()):
            if "example" in parameter:
                given[parameter["in"]][parameter["name"]] = parameter["example"]
        (media, content), *others = (*described.get("requestBody", {}).get("content", {}).items(), ("", {}))
        body = content.get("example")
        for source in known.values():
            for status, answer in source.described["responses"].items():
                for link in answer.get("links", {}).values():
                    if link["operationId"] == described["operationId"] and source.key != operation.key:
                        if set(link.get("parameters", {})) <= set(given["path"]) and "requestBody" not in link:
                            continue  # the example says so itself
                        before = await self.send(source)
                        assert str(before.status) == status, before
                        given["path"].update(_evaluated(link.get("parameters", {}), before.content))
                        body = _evaluated(link["requestBody"], before.content) if "requestBody" in link else body
        sent = await self._answer(operation, given, body, media)
        for other, content in others:
            if "example" in content:
                self.again[f"{operation.key} {other}"] = await self._answer(operation, given, content["example"], other)
        return sent

    async def _answer(self, operation: Operation, given: Mapping[str, Any], body: Any, media: str) -> Sent:
        path = operation.path
        for name, value in given["path"].items():
            path = path.replace(f"{{{name}}}", str(value))
        headers = {name: str(value) for name, value in given["header"].items()}
        content: bytes | None = None
        if body is not None:
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            headers["content-type"] = media
        request = self.client.stream(
            operation.method.upper(), path, params=given["query"], headers=headers, content=content
        )
        async with request as answer:
            if operation.example.get("stream"):
                first = await anext(answer.aiter_bytes())
                return Sent(status=answer.status_code, media=_media(answer), said=first.decode())
            await answer.aread()
        is_json = _media(answer) == "application/json"
        return Sent(
            status=answer.status_code,
            media=_media(answer),
            content=answer.json() if is_json else None,
            said=answer.text[:500],
        )


async def prepare(running: Bench) -> None:
    """What an API cannot make: a gateway that was heard, what it could not decide, and what could not be taken."""
    running.collector.authority.admit_local(TOKEN)
    ledger = running.collector.ledger
    state = {
        "online": True,
        "epoch": EPOCH,
        "next_seq": {"facts": 3},
        "stations": ["CUT-1"],
        "zones": ["sewing"],
        "stocktakes": ["sewing"],
        "devices": {"cutter1": {"status": "good", "since": "2026-01-05T08:00:00.000Z", "reason": None}},
    }
    await ledger.see_gateway(GatewaySeen(gateway=GATEWAY, state=state, seen_at=NOW))
    asks = (
        questioned(1, options=("wrap:5", "reset:7"), owner=None),
        doubted(2, 3, owner=None, confidence=Confidence.CERTAIN, at=NOW - timedelta(minutes=1)),
    )
    zone = WipChanged(id=f"gw:{EPOCH}:3", at=NOW, source=PLC, zone="sewing", count=41, by=1, error_estimate=0)
    await running.hear(*(_of_gateway(event) for event in (*asks, zone)))
    rows = [
        Quarantined(gateway=GATEWAY, reason="not an envelope", received_at=NOW, body=body)
        for body in (b"\x00\x01", b"\x00\x02")
    ]
    await ledger.quarantine(rows)
    await ledger.change_webhooks(_told)
    await running.tell(*troubles())


def troubles() -> list[Event]:
    """The alert, its task and the problem that the examples speak of."""
    alert, task, problem = (f"00000000-0000-4000-8000-0000000000a{number}" for number in (1, 2, 3))
    system = Source(type=SourceType.SYSTEM, ref="alerts")
    opened = AlertOpened(
        id=alert, at=NOW, source=system, alert="wip_limit", subject="zone:sewing", recipient="line_supervisor"
    )
    operator = Source(type=SourceType.PERSON, ref="op-7")
    return [
        opened,
        TaskOpened(id=task, at=NOW, source=system, target=alert, recipient="line_supervisor"),
        ProblemReported(id=problem, at=NOW, source=operator, category="machine", station="SEW-1"),
    ]


def _told(webhooks: Webhooks) -> None:
    """A webhook that was told of the first event, as far as the log of deliveries says."""
    webhook = Webhook(
        id="whexample",
        url="https://hooks.example.invalid/other",
        kinds=("order_held",),
        note="",
        state=WebhookState.PAUSED,
        made_by="admin",
        made_at=NOW,
        secret=b"",
        position=0,
    )
    webhooks.add(webhook)
    done = Delivery(
        webhook=webhook.id, position=1, kind="data_questioned", state=DeliveryState.DELIVERED, made_at=NOW, tries=1
    )
    webhooks.queue(webhook, [done], upto=1)


def _of_gateway(event: Event) -> Event:
    return replace(event, id=event.id.replace("gw:", f"{GATEWAY}:"))


def _evaluated(value: Any, content: Any) -> Any:
    """A value of a link: ``$response.body#/…`` anywhere in it is taken from what was answered."""
    match value:
        case str() if value.startswith("$response.body#/"):
            found = content
            for step in value.removeprefix("$response.body#/").split("/"):
                found = found[int(step)] if isinstance(found, list) else found[step]
            return found
        case dict():
            return {name: _evaluated(one, content) for name, one in value.items()}
        case list():
            return [_evaluated(one, content) for one in value]
        case _:
            return value


def _media(answer: httpx.Response) -> str:
    return answer.headers.get("content-type", "").partition(";")[0]


async def all_examples(folder: Path) -> Examples:
    """A collector is started, every example sent to it, and it is stopped."""
    async with bench(folder) as running:
        await prepare(running)
        async with (
            served(running) as url,
            httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as client,
        ):
            document = (await client.get("/api/v1/openapi.json")).json()
            sent = Examples(client=client, document=document)
            for operation in sent.operations():
                if operation.key in examples():
                    await sent.send(operation)
            return sent


def main() -> None:
    """Write down what is answered."""
    with tempfile.TemporaryDirectory() as folder:
        sent = asyncio.run(all_examples(Path(folder))).sent
    answers = {key: one.content for key, one in sorted(sent.items()) if one.content is not None}
    wrong = {key: one for key, one in sent.items() if one.status >= 300}
    for key, one in wrong.items():
        print(f"{key}: {one.status} {one.said}")
    file = EXAMPLES / "answers.json"
    file.write_text(json.dumps(answers, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
