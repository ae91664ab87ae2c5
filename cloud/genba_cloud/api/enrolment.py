"""Routes of gateways' identities: an administrator registers and removes, a gateway enrols with its one-time code."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Final, NoReturn
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from genba_cloud.api.body_forms import Name
from genba_cloud.api.guard import Guard
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.shapes_identity import EnrolledShape, IdentitiesShape, IdentityShape, InvitationShape
from genba_cloud.core.facts import Refused
from genba_cloud.core.viewer import Act, Subject
from genba_cloud.ledger import Ledger
from genba_cloud.ledger.registrations import WRONG_CODE, Enrolled, Invitation, Issue
from genba_cloud.store.read import GatewayIdentity
from genba_shared.clock import format_time
from genba_shared.errors import ContractError
from genba_shared.signing import fingerprint, from_base64, renewal_text, verifier_of

ADMINISTER: Final = [Depends(Guard(does=Act.ADMINISTER))]
MOST_TRIES: Final = 20
"""Enrolments of one caller that may fail in a minute: a code has 128 random bits, this only keeps order."""
WITHIN_S: Final = 60.0
_CLIENTS: Final = 1000
_NO_STORE: Final = {"Cache-Control": "no-store"}
router = APIRouter()

GatewayId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Key = Annotated[str, StringConstraints(min_length=44, max_length=44)]
Signature = Annotated[str, StringConstraints(min_length=88, max_length=88)]


class Failures:
    """Slows down whoever tries codes, by the address they come from. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, request: Request) -> None:
        """Refuse for now where too many failed (ApiProblem 429)."""
        with self._lock:
            failed = self._of.get(_client(request))
            if failed is not None and len(failed) == MOST_TRIES and self._clock() - failed[0] < WITHIN_S:
                raise ApiProblem(
                    429, "too many wrong codes: try again in a minute", headers={"Retry-After": str(int(WITHIN_S))}
                )

    def note(self, request: Request) -> None:
        """One more failed."""
        with self._lock:
            self._of.setdefault(_client(request), deque(maxlen=MOST_TRIES)).append(self._clock())
            self._of.move_to_end(_client(request))
            if len(self._of) > _CLIENTS:
                self._of.popitem(last=False)


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolling:
    """What a gateway gets when it enrols.

    `pin`: of this server's own certificate, part of every code; empty where the API has none. `broker`: as gateways
    reach it; a host of `*` stands for the name by which the gateway reached us.
    """

    issue: Issue = field(repr=False)
    ca: str
    signing_public: bytes
    broker: str
    pin: str = ""
    failures: Failures = field(default_factory=Failures)


class GatewayBody(BaseModel):
    """A gateway to register."""

    model_config = ConfigDict(extra="forbid")

    gateway: GatewayId
    site: Name | None = None


class EnrolBody(BaseModel):
    """A gateway's key and its code. `public_key`: Ed25519, 32 bytes in base64."""

    model_config = ConfigDict(extra="forbid")

    gateway: GatewayId
    code: Annotated[str, Field(min_length=8, max_length=100)]
    public_key: Key


class ReissueBody(BaseModel):
    """A gateway asks for a new certificate, signed with the key that it has."""

    model_config = ConfigDict(extra="forbid")

    gateway: GatewayId
    public_key: Key
    signature: Signature


@router.get(
    "/gateways/registered",
    summary="Registered gateways",
    response_model=IdentitiesShape,
    dependencies=[Depends(Guard(sees=Subject.KEYS))],
)
def registered(request: Request) -> Response:
    """Every gateway that was ever registered, with the fingerprint of its key; nothing secret."""
    ledger = _ledger(request)
    identities = [one for one in ledger.reads.identities() if one.enterprise == ledger.enterprise]
    return JSONResponse({"items": [_identity_view(one) for one in identities]})


@router.post(
    "/gateways", summary="Register a gateway", response_model=InvitationShape, status_code=201, dependencies=ADMINISTER
)
async def add_gateway(request: Request, body: GatewayBody) -> Response:
    """The code is shown in this answer and never again; it works once, for a day."""
    return _invitation(request, await _ledger(request).add_gateway(body.gateway, site=body.site))


@router.post(
    "/gateways/{gateway}/renew",
    summary="A new code for a gateway",
    response_model=InvitationShape,
    status_code=201,
    dependencies=ADMINISTER,
)
async def renew_gateway(request: Request, gateway: str) -> Response:
    """For a new card or machine. The present key works until the code is used."""
    return _invitation(request, await _ledger(request).renew_gateway(gateway))


@router.delete("/gateways/{gateway}", summary="Remove a gateway", status_code=204, dependencies=ADMINISTER)
async def remove_gateway(request: Request, gateway: str) -> Response:
    """Nothing is taken under its name from now on; its events stay."""
    removed = await _ledger(request).remove_gateway(gateway)
    if isinstance(removed, Refused):
        raise ApiProblem.not_found(f"gateway {gateway!r:.80}")
    return Response(status_code=204)


@router.post("/enrol", summary="Enrol a gateway", response_model=EnrolledShape)
async def enrol(request: Request, body: EnrolBody) -> Response:
    """For gateways: takes a key for a one-time code, gives a certificate and what to check the collector with."""
    enrolling = _enrolling(request)
    enrolling.failures.check(request)
    enrolled = await _ledger(request).enrol(
        body.gateway, secret=body.code, public_key=_key(body.public_key), issue=enrolling.issue
    )
    return _enrolled(request, enrolled)


@router.post("/enrol/renew", summary="A new certificate for a gateway", response_model=EnrolledShape)
async def reissue(request: Request, body: ReissueBody) -> Response:
    """For gateways: the same key, a certificate that is valid for longer."""
    enrolling, key = _enrolling(request), _key(body.public_key)
    enrolling.failures.check(request)
    if not verifier_of(key)(from_base64(body.signature), renewal_text(body.gateway, key)):
        _refuse(request)
    return _enrolled(request, await _ledger(request).reissue(body.gateway, public_key=key, issue=enrolling.issue))


def _enrolled(request: Request, enrolled: Enrolled | None) -> Response:
    enrolling = _enrolling(request)
    if enrolled is None:
        _refuse(request)
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or "127.0.0.1"
    answer: EnrolledShape = {
        "gateway": enrolled.identity.gateway,
        "enterprise": enrolled.identity.enterprise,
        "site": enrolled.identity.site,
        "certificate": enrolled.certificate,
        "ca": enrolling.ca,
        "collector_key": enrolling.signing_public.hex(),
        "broker": enrolling.broker.replace("*", f"[{host}]" if ":" in host else host),
    }
    return JSONResponse(answer, headers=_NO_STORE)


def _refuse(request: Request) -> NoReturn:
    _enrolling(request).failures.note(request)
    raise ApiProblem(403, WRONG_CODE)


def _invitation(request: Request, invited: Invitation | Refused) -> Response:
    if isinstance(invited, Refused):
        raise ApiProblem.of(invited)
    pin = _enrolling(request).pin
    answer: InvitationShape = {
        "gateway": invited.gateway,
        "code": f"{invited.secret}.{pin}" if pin else invited.secret,
        "until": format_time(invited.until),
    }
    return JSONResponse(answer, status_code=201, headers=_NO_STORE)


def _identity_view(one: GatewayIdentity) -> IdentityShape:
    return {
        "gateway": one.gateway,
        "site": one.site,
        "enrolled_at": format_time(one.enrolled_at) if one.enrolled_at else None,
        "removed_at": format_time(one.removed_at) if one.removed_at else None,
        "certificate_until": format_time(one.certificate_until) if one.certificate_until else None,
        "fingerprint": fingerprint(one.public_key) if one.public_key else None,
        "code_until": format_time(one.code_until) if one.code_until and one.code_until > datetime.now(UTC) else None,
    }


def _key(text: str) -> bytes:
    key = from_base64(text)
    try:
        verifier_of(key)
    except ContractError as exc:
        raise ApiProblem(422, f"public_key: {exc}") from exc
    return key


def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger


def _enrolling(request: Request) -> Enrolling:
    enrolling: Enrolling | None = request.app.state.enrolling
    if enrolling is None:
        raise ApiProblem(503, "this collector does not enrol gateways")
    return enrolling
