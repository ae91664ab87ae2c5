"""Answers that an OPC UA server should never give: each ends the session with a reason, and none ends the driver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.crypto import uacrypto
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import struct_to_binary
from cryptography.exceptions import InvalidSignature

from genba_edge.drivers.opcua_client import OpcUaClient
from genba_edge.drivers.opcua_faults import OpcUaLost, OpcUaRefused
from genba_edge.drivers.opcua_keys import Keys
from genba_edge.drivers.opcua_nodes import standard_node
from genba_edge.drivers.opcua_security import Security
from genba_edge.drivers.opcua_session import OpcUaSession
from genba_edge.ports import Failure
from genba_shared.device_map.model import OpcUaDevice, SecurityPolicy, SecuritySettings

URL = "opc.tcp://10.1.2.30:4840"
OPEN = SecuritySettings(policy=SecurityPolicy.NONE)
CURRENT_TIME = standard_node(ObjectIds.Server_ServerStatus_CurrentTime)


def device_with(security: SecuritySettings) -> OpcUaDevice:
    return OpcUaDevice(id="cutter1", url=URL, security=security, points={}, timeout_s=2.0)


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], OpcUaSession]:
    """A session with a server that gives one answer to every request."""

    def answering(body: bytes) -> OpcUaSession:
        async def send(session: OpcUaSession, request: object, *, timeout_s: float | None = None) -> bytes:
            return body

        monkeypatch.setattr(OpcUaSession, "_send", send)
        return OpcUaSession.alone(device_with(OPEN), state_dir=tmp_path)

    return answering


def read_answer(results: int) -> bytes:
    values = [ua.DataValue(ua.Variant(7, ua.VariantType.UInt32)) for _ in range(results)]
    return struct_to_binary(ua.ReadResponse(Results=values))


@pytest.mark.parametrize("results", [0, 1, 3])
async def test_a_read_answer_with_another_number_of_results_is_no_answer(
    answers: Callable[[bytes], OpcUaSession], results: int
) -> None:
    with pytest.raises(OpcUaLost) as lost:
        await answers(read_answer(results)).read([CURRENT_TIME, CURRENT_TIME])
    assert lost.value.reason == f"10.1.2.30:4840 answers {results} results to a request for 2"
    assert lost.value.failure is Failure.OUT_OF_STEP


@pytest.mark.parametrize("results", [None, [], [ua.BrowseResult()] * 2])
async def test_a_browse_answer_with_another_number_of_results_is_no_answer(
    answers: Callable[[bytes], OpcUaSession], monkeypatch: pytest.MonkeyPatch, results: list[ua.BrowseResult] | None
) -> None:
    async def browse(session: object, parameters: object) -> list[ua.BrowseResult] | None:
        return results

    monkeypatch.setattr("asyncua.client.ua_client.UaSession.browse", browse)
    session = answers(b"")
    with pytest.raises(OpcUaLost) as lost:
        await session.browse([CURRENT_TIME])
    assert lost.value.failure is Failure.OUT_OF_STEP
    with pytest.raises(OpcUaLost):
        await session.parents_of_type(CURRENT_TIME)


async def test_a_subscription_that_is_refused_inside_its_answer_is_refused(
    answers: Callable[[bytes], OpcUaSession],
) -> None:
    response = ua.CreateSubscriptionResponse()
    response.ResponseHeader.ServiceResult = ua.StatusCode(ua.UInt32(ua.StatusCodes.BadTooManySubscriptions))
    with pytest.raises(OpcUaRefused) as refused:
        await answers(struct_to_binary(response)).subscribe(0.1)
    assert refused.value.failure is Failure.BUSY


async def test_a_subscription_answer_that_is_cut_off_ends_the_session(answers: Callable[[bytes], OpcUaSession]) -> None:
    with pytest.raises(OpcUaLost) as lost:
        await answers(struct_to_binary(ua.CreateSubscriptionResponse())[:30]).subscribe(0.1)
    assert lost.value.failure is Failure.OUT_OF_STEP


@pytest.mark.parametrize("kind", [InvalidSignature, uacrypto.InvalidSignature])
async def test_a_server_that_cannot_sign_with_its_certificate_is_an_impostor(
    answers: Callable[[bytes], OpcUaSession], monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    async def connect(client: OpcUaClient) -> None:
        raise kind

    async def no_endpoints(client: OpcUaClient) -> None:
        return None

    monkeypatch.setattr(OpcUaClient, "connect", connect)
    monkeypatch.setattr(OpcUaClient, "connect_and_get_server_endpoints", no_endpoints)
    with pytest.raises(OpcUaLost) as lost:
        await answers(b"").open()
    assert lost.value.failure is Failure.SECURITY
    assert "another machine may answer there" in lost.value.reason


def security_of(settings: SecuritySettings, state: Path) -> Security:
    return Security(device_with(settings), Keys(state), where="10.1.2.30:4840", details={})


def endpoint(certificate: bytes, policy: str | None = "Basic256Sha256") -> ua.EndpointDescription:
    return ua.EndpointDescription(
        SecurityPolicyUri=policy and f"http://opcfoundation.org/UA/SecurityPolicy#{policy}",
        SecurityMode=ua.MessageSecurityMode.SignAndEncrypt,
        ServerCertificate=certificate,
    )


def client() -> OpcUaClient:
    return OpcUaClient(device_with(OPEN), lifetime_s=30.0)


async def test_a_server_certificate_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(OpcUaLost) as lost:
        await security_of(SecuritySettings(), tmp_path).prepare(client(), [endpoint(b"\x30\x82\x00\x04junk")])
    assert lost.value.failure is Failure.SECURITY
    assert lost.value.reason.startswith("10.1.2.30:4840 shows a certificate or an endpoint that cannot be used: ")


async def test_an_endpoint_without_policy_is_passed_over(tmp_path: Path) -> None:
    with pytest.raises(OpcUaLost) as lost:
        await security_of(SecuritySettings(), tmp_path).prepare(client(), [endpoint(b"", policy=None)])
    assert "does not offer Basic256Sha256/SignAndEncrypt" in lost.value.reason


async def test_a_kept_certificate_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    Keys(tmp_path).pin_file("cutter1").mkdir(parents=True)
    with pytest.raises(OpcUaLost) as lost:
        await security_of(SecuritySettings(), tmp_path).prepare(client(), [endpoint(b"\x30\x82\x00\x04junk")])
    assert lost.value.failure is Failure.SECURITY
    assert lost.value.reason.startswith("the certificates of the gateway cannot be read: ")
