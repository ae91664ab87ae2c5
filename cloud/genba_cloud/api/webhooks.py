"""Routes of webhooks: who is told of which events, what was told, and told again."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict

from genba_cloud.api.body_forms import LARGEST_NUMBER, FreeText
from genba_cloud.api.etags import IfMatch, IfNoneMatch, require_match, tagged
from genba_cloud.api.guard import Guard
from genba_cloud.api.idempotency import Idempotent
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.visible import Desk
from genba_cloud.api.writing import IdempotencyKey
from genba_cloud.core.viewer import Act, Subject, Viewer
from genba_cloud.core.webhooks import OVERLAP, SECRET_BYTES, DeliveryState, Targets, WebhookState, secret_text
from genba_cloud.ledger import Ledger
from genba_cloud.store.webhooks import Delivery, Webhook, Webhooks
from genba_shared.clock import format_time, to_milliseconds
from genba_shared.events import KINDS

MOST: Final = 100
"""Webhooks of an enterprise."""
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GUARD: Final = Guard(sees=Subject.EVENTS, does=Act.SUBSCRIBE)
_GUARDED: Final = [Depends(_GUARD)]

router = APIRouter()


class WebhookBody(BaseModel):
    """Who is told: `url` of a receiver (https), `kinds` of events (none named: all), and what it is for."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, StringConstraints(min_length=8, max_length=500, pattern=r"^https?://[!-~]+$")]
    kinds: list[Annotated[str, StringConstraints(max_length=60)]] = Field(default_factory=list, max_length=200)
    note: FreeText = ""


class WebhookChangeBody(WebhookBody):
    """The same, and whether events are sent: `active` also starts one again that was stopped."""

    state: Annotated[WebhookState, Field(description="active or paused")] = WebhookState.ACTIVE


class WebhookShape(TypedDict):
    """A webhook. `waiting` is how many events wait to be sent; `reason` why it was stopped."""

    id: str
    url: str
    kinds: list[str]
    note: str
    state: str
    reason: str | None
    made_by: str
    made_at: str


class NewWebhookShape(WebhookShape):
    """A new webhook, or one with a new secret; the secret is shown this once."""

    secret: str


class WebhooksShape(TypedDict):
    """All webhooks."""

    items: list[WebhookShape]


class DeliveryShape(TypedDict):
    """One event for a webhook. `status`, `error`: what came of the last try; `due_at`: when it is tried again."""

    position: int
    message: str
    kind: str
    state: str
    tries: int
    made_at: str
    tried_at: str | None
    due_at: str | None
    status: int | None
    error: str | None


class DeliveriesShape(TypedDict):
    """Deliveries, the newest events first; `next`: give it back as `cursor` for older ones, null at the end."""

    items: list[DeliveryShape]
    next: str | None


@router.post("/webhooks", summary="Be told of events", response_model=NewWebhookShape, status_code=201)
async def create_webhook(
    request: Request,
    body: WebhookBody,
    viewer: Annotated[Viewer, Depends(_GUARD)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Every event from now on is sent to the URL, signed (Standard Webhooks) and as CloudEvents 1.0 in JSON.

    The secret in this answer checks the signatures; it is shown this once. What is not answered with 2xx is sent again.
    """
    _check(request, body)
    once = Idempotent.of(request, viewer, idempotency_key, body, about="webhooks")
    desk: Desk = request.app.state.desk
    kept = await once.kept()
    if kept is not None:
        return await asyncio.to_thread(_shown_again, desk, kept)
    name = "wh" + "".join(secrets.choice(_ALPHABET) for _ in range(12))
    secret = secrets.token_bytes(SECRET_BYTES)
    webhook = Webhook(
        id=name,
        url=body.url,
        kinds=tuple(sorted(set(body.kinds))),
        note=body.note,
        state=WebhookState.ACTIVE,
        made_by=viewer.who,
        made_at=_wall(),
        secret=_wrapped(desk, name, secret),
        position=await asyncio.to_thread(desk.reads.last_position),
    )

    def add(webhooks: Webhooks) -> None:
        if len(webhooks.all()) >= MOST:
            raise ApiProblem(409, f"there are {MOST} webhooks already: delete one first")
        webhooks.add(webhook)

    await _ledger(request).change_webhooks(add)
    answer: NewWebhookShape = {**webhook_view(webhook), "secret": secret_text(secret)}
    await once.answered({"id": name}, status=201)  # no secret is kept that is not sealed
    return JSONResponse(answer, status_code=201, headers={"Cache-Control": "no-store"})


@router.get("/webhooks", summary="Who is told of events", response_model=WebhooksShape, dependencies=_GUARDED)
def list_webhooks(request: Request) -> Response:
    """All of them, without their secrets."""
    desk: Desk = request.app.state.desk
    with desk.reads.webhooks() as webhooks:
        return JSONResponse({"items": [webhook_view(one) for one in webhooks.all()]})


@router.get("/webhooks/{webhook}", summary="One webhook", response_model=WebhookShape, dependencies=_GUARDED)
def get_webhook(request: Request, webhook: str, if_none_match: IfNoneMatch = None) -> Response:
    """With an ETag, which a change may name as If-Match."""
    desk: Desk = request.app.state.desk
    with desk.reads.webhooks() as webhooks:
        return tagged(webhook_view(_known(webhooks, webhook)), if_none_match)


@router.put("/webhooks/{webhook}", summary="Change a webhook", response_model=WebhookShape, dependencies=_GUARDED)
async def put_webhook(request: Request, webhook: str, body: WebhookChangeBody, if_match: IfMatch = None) -> Response:
    """What waits is sent to the new URL. While it is paused, events are kept for it."""
    _check(request, body)
    if body.state is WebhookState.STOPPED:
        raise ApiProblem(422, "state: write active or paused")

    def change(webhooks: Webhooks) -> Webhook:
        known = _known(webhooks, webhook)
        require_match(webhook_view(known), if_match)
        changed = replace(
            known,
            url=body.url,
            kinds=tuple(sorted(set(body.kinds))),
            note=body.note,
            state=body.state,
            reason=None,
            wait_until=None,
        )
        webhooks.put(changed)
        return changed

    return tagged(webhook_view(await _ledger(request).change_webhooks(change)))


@router.delete("/webhooks/{webhook}", summary="Be told no more", status_code=204, dependencies=_GUARDED)
async def delete_webhook(request: Request, webhook: str, if_match: IfMatch = None) -> Response:
    """What waits to be sent is dropped."""

    def remove(webhooks: Webhooks) -> None:
        require_match(webhook_view(_known(webhooks, webhook)), if_match)
        webhooks.remove(webhook)

    await _ledger(request).change_webhooks(remove)
    return Response(status_code=204)


@router.post(
    "/webhooks/{webhook}/secret", summary="A new secret", response_model=NewWebhookShape, dependencies=_GUARDED
)
async def renew_secret(request: Request, webhook: str) -> Response:
    """For 24 h everything is signed with the old one as well, so that a receiver can change over."""
    desk: Desk = request.app.state.desk
    secret = secrets.token_bytes(SECRET_BYTES)
    wrapped = _wrapped(desk, webhook, secret)

    def renew(webhooks: Webhooks) -> Webhook:
        known = _known(webhooks, webhook)
        until = _wall() + OVERLAP
        changed = replace(known, secret=wrapped, old_secret=known.secret, old_until=until)
        webhooks.put(changed)
        return changed

    changed = await _ledger(request).change_webhooks(renew)
    answer: NewWebhookShape = {**webhook_view(changed), "secret": secret_text(secret)}
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


@router.get(
    "/webhooks/{webhook}/deliveries",
    summary="What a webhook was told",
    response_model=DeliveriesShape,
    dependencies=_GUARDED,
)
def list_deliveries(
    request: Request,
    webhook: str,
    cursor: Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="how many at most")] = 100,
) -> Response:
    """Every event that was queued for it, with what came of it; those that are done with are kept for 7 days."""
    desk: Desk = request.app.state.desk
    with desk.reads.webhooks() as webhooks:
        _known(webhooks, webhook)
        found = webhooks.deliveries(webhook, before=cursor, limit=limit + 1)
    items = [delivery_view(one) for one in found[:limit]]
    return JSONResponse({"items": items, "next": str(items[-1]["position"]) if len(found) > limit else None})


@router.post(
    "/webhooks/{webhook}/deliveries/{position}/redeliver",
    summary="Send an event again",
    response_model=DeliveryShape,
    dependencies=_GUARDED,
)
async def redeliver(
    request: Request, webhook: str, position: Annotated[int, Field(ge=1, le=LARGEST_NUMBER)]
) -> Response:
    """At once, whatever became of it before, with the same webhook-id: a receiver knows it as a repeat."""

    def again(webhooks: Webhooks) -> Delivery:
        _known(webhooks, webhook)
        known = webhooks.delivery(webhook, position)
        if known is None:
            raise ApiProblem.not_found(f"a delivery of the event at position {position}")
        due = replace(known, state=DeliveryState.WAITING, tries=0, due_at=_wall(), error=None)
        webhooks.put_delivery(due)
        return due

    return JSONResponse(delivery_view(await _ledger(request).change_webhooks(again)))


def webhook_view(webhook: Webhook) -> WebhookShape:
    """A webhook without its secret."""
    return {
        "id": webhook.id,
        "url": webhook.url,
        "kinds": list(webhook.kinds),
        "note": webhook.note,
        "state": str(webhook.state),
        "reason": webhook.reason,
        "made_by": webhook.made_by,
        "made_at": format_time(webhook.made_at),
    }


def delivery_view(one: Delivery) -> DeliveryShape:
    """A delivery as it stands."""
    return {
        "position": one.position,
        "message": f"msg_{one.webhook}_{one.position}",
        "kind": one.kind,
        "state": str(one.state),
        "tries": one.tries,
        "made_at": format_time(one.made_at),
        "tried_at": format_time(one.tried_at) if one.tried_at else None,
        "due_at": format_time(one.due_at) if one.due_at else None,
        "status": one.status,
        "error": one.error,
    }


def _check(request: Request, body: WebhookBody) -> None:
    """Refuse a URL or kinds that nothing could be sent to or that there are not (ApiProblem 422)."""
    targets: Targets = request.app.state.webhook_targets
    try:
        address = urlsplit(body.url)
        port = address.port
    except ValueError as exc:
        raise ApiProblem(422, f"url: {exc}") from exc
    if not address.hostname or port == 0 or address.username is not None or address.fragment:
        raise ApiProblem(422, "url: write https://HOST/PATH, without a user and without a part after #")
    if address.scheme != "https" and targets is not Targets.LOOPBACK_TOO:
        raise ApiProblem(422, "url: events are sent by https only")
    unknown = sorted(set(body.kinds) - set(KINDS))
    if unknown:
        raise ApiProblem(422, f"kinds: {unknown[0]!r} is no kind of event", accepted=", ".join(sorted(KINDS)))


def _shown_again(desk: Desk, kept: Response) -> Response:
    """The answer to a request that was answered before: the webhook as it is now, with the secret that it has now."""
    name = json.loads(bytes(kept.body))["id"]
    with desk.reads.webhooks() as webhooks:
        webhook = _known(webhooks, name)
    installation = desk.seals.installation
    secret = None if installation is None else installation.unwrap(f"webhook {name}", webhook.secret)
    if secret is None:
        raise ApiProblem(503, "the key of the installation is missing: secrets cannot be read")
    answer: NewWebhookShape = {**webhook_view(webhook), "secret": secret_text(secret)}
    headers = {"Cache-Control": "no-store", "Idempotency-Replayed": "true"}
    return JSONResponse(answer, status_code=201, headers=headers)


def _wall() -> datetime:
    """Sending keeps wall time: receivers do not live in plant time."""
    return to_milliseconds(datetime.now(UTC))


def _wrapped(desk: Desk, name: str, secret: bytes) -> bytes:
    installation = desk.seals.installation
    if installation is None:
        raise ApiProblem(503, "the key of the installation is missing: secrets cannot be kept")
    return installation.wrap(f"webhook {name}", secret)


def _known(webhooks: Webhooks, webhook: str) -> Webhook:
    found = webhooks.get(webhook)
    if found is None:
        raise ApiProblem.not_found(f"webhook {webhook!r:.80}")
    return found


def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger
