"""What can go wrong with an OPC UA server, each with its reason for people and its label for metrics."""

from __future__ import annotations

import struct
from typing import Final

from asyncua.crypto import uacrypto
from asyncua.ua.status_codes import StatusCodes, get_name_and_doc
from asyncua.ua.uaerrors import UaError
from cryptography.exceptions import InvalidSignature

from genba_edge.ports import Failure
from genba_shared.errors import DeviceRefused, DeviceUnreachable

UNDECODABLE: Final = (
    UaError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What asyncua 2.1.0 and our own decoder let out when an answer is not what the standard says; found by fuzzing."""
BAD_SIGNATURE: Final = (InvalidSignature, uacrypto.InvalidSignature)  # type: ignore[attr-defined]  # asyncua names no exports
"""What comes of a signature that does not fit the certificate: asyncua 2.1.0 has a class of its own, too."""
TOO_LARGE: Final = frozenset(
    {
        StatusCodes.BadTooManyOperations,
        StatusCodes.BadEncodingLimitsExceeded,
        StatusCodes.BadRequestTooLarge,
        StatusCodes.BadResponseTooLarge,
        StatusCodes.BadTcpMessageTooLarge,
    }
)
"""The request, not the server, is at fault: a smaller one works."""
NODE_FAULTS: Final = frozenset(
    {
        StatusCodes.BadNodeIdUnknown,
        StatusCodes.BadNodeIdInvalid,
        StatusCodes.BadAttributeIdInvalid,
        StatusCodes.BadNotReadable,
        StatusCodes.BadUserAccessDenied,
        StatusCodes.BadNoMatch,
    }
)
"""The node is not there or not for us (yet): reading it instead of watching it would not help, trying later may."""
BAD_IDENTITY: Final = frozenset(
    {
        StatusCodes.BadUserAccessDenied,
        StatusCodes.BadIdentityTokenInvalid,
        StatusCodes.BadIdentityTokenRejected,
        StatusCodes.BadUserSignatureInvalid,
    }
)
_BAD_SECURITY: Final = frozenset(
    {
        StatusCodes.BadSecurityChecksFailed,
        StatusCodes.BadSecurityModeRejected,
        StatusCodes.BadSecurityPolicyRejected,
        StatusCodes.BadSecurityModeInsufficient,
        StatusCodes.BadApplicationSignatureInvalid,
        StatusCodes.BadNoValidCertificates,
    }
)
_BUSY: Final = frozenset(
    {
        StatusCodes.BadTooManySessions,
        StatusCodes.BadTcpNotEnoughResources,
        StatusCodes.BadTcpServerTooBusy,
        StatusCodes.BadServerTooBusy,
        StatusCodes.BadTooManySubscriptions,
        StatusCodes.BadOutOfMemory,
        StatusCodes.BadResourceUnavailable,
    }
)
_UNNAMED: Final = frozenset({"Good", "Uncertain", "Bad"})


class OpcUaLost(DeviceUnreachable):
    """The session cannot be used any more; `failure` says of what kind the reason is."""

    def __init__(self, *, device: str, reason: str, failure: Failure) -> None:
        super().__init__(device=device, reason=reason)
        self.failure = failure


class OpcUaRefused(DeviceRefused):
    """The server answered a request as a whole with a bad status `code`."""

    def __init__(self, *, device: str, reason: str, code: int) -> None:
        super().__init__(device=device, reason=reason)
        self.code = code

    @property
    def failure(self) -> Failure:
        """Of what kind the refusal is."""
        if self.code in BAD_IDENTITY or is_about_security(self.code):
            return Failure.SECURITY
        return Failure.BUSY if self.code in _BUSY else Failure.REFUSED


def is_about_security(code: int) -> bool:
    """Whether a status says that certificate, policy or mode do not suit the server."""
    return code in _BAD_SECURITY or get_name_and_doc(code)[0].startswith("BadCertificate")


def name_of_status(code: int) -> str:
    """The name of a status code, such as ``BadSensorFailure``; with its hex digits where OPC UA knows no name for it.

    The lower half (overflow, limits, info bits) is left out. Source: OPC 10000-4, 7.39.1.
    """
    code &= 0xFFFF_0000
    name = get_name_and_doc(code)[0]
    return f"{name} 0x{code:08X}" if code and name in _UNNAMED else name
