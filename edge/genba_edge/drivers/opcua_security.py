"""The protected way to an OPC UA server: the policy of the map or none at all, and a server that we know."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import security_policies as policies
from asyncua.crypto.uacrypto import CertProperties
from asyncua.ua.status_codes import StatusCodes
from cryptography.x509 import load_der_x509_certificate

from genba_edge.drivers.opcua_faults import BAD_IDENTITY, BAD_SIGNATURE, UNDECODABLE, OpcUaLost, is_about_security
from genba_edge.drivers.opcua_keys import (
    Keys,
    OwnCertificate,
    application_uri,
    fingerprint_of,
    first_of_chain,
    validity_of,
)
from genba_edge.ports import Failure
from genba_shared.device_map.model import OpcUaDevice, SecurityMode, SecurityPolicy, SecuritySettings

_POLICIES: Final[dict[SecurityPolicy, type[policies.SecurityPolicy]]] = {
    SecurityPolicy.BASIC256SHA256: policies.SecurityPolicyBasic256Sha256,
    SecurityPolicy.AES128_SHA256: policies.SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicy.AES256_SHA256: policies.SecurityPolicyAes256Sha256RsaPss,
}
_MODES: Final = {
    SecurityMode.SIGN: ua.MessageSecurityMode.Sign,
    SecurityMode.SIGN_AND_ENCRYPT: ua.MessageSecurityMode.SignAndEncrypt,
}
_OPEN: Final = (policies.SecurityPolicyNone.URI, ua.MessageSecurityMode.None_)
_BY_URI: Final = {kind.URI: policy for policy, kind in _POLICIES.items()}
_BY_MODE: Final = {theirs: ours for ours, theirs in _MODES.items()}


def offers_of(endpoints: Sequence[ua.EndpointDescription]) -> list[SecuritySettings]:
    """What a server offers that we take, in its order; a policy that is withdrawn is left out."""
    offers: list[SecuritySettings] = []
    for endpoint in endpoints:
        policy, mode = _BY_URI.get(endpoint.SecurityPolicyUri), _BY_MODE.get(endpoint.SecurityMode)
        if (endpoint.SecurityPolicyUri, endpoint.SecurityMode) == _OPEN:
            offers.append(SecuritySettings(policy=SecurityPolicy.NONE))
        elif policy is not None and mode is not None:
            offers.append(SecuritySettings(policy=policy, mode=mode))
    return offers


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """What the connection is protected with: our certificate, and the server's as DER."""

    own: OwnCertificate
    server: bytes


class Security:
    """Prepares the client of one device, and says what is wrong in the words of the person who can mend it.

    A server that does not offer what the map says is refused: nothing weaker is tried.
    """

    def __init__(self, device: OpcUaDevice, keys: Keys, *, where: str, details: MutableMapping[str, str]) -> None:
        self._device = device
        self._settings: SecuritySettings = device.security
        self._keys = keys
        self._where = where
        self._details = details
        self._secured: Secured | None = None

    @property
    def is_open(self) -> bool:
        """Whether the map says that the connection is not protected."""
        return self._settings.policy is SecurityPolicy.NONE

    async def prepare(self, client: Client, endpoints: Sequence[ua.EndpointDescription]) -> None:
        """Set policy, certificates and user of the client; nothing where the map says `policy: none`.

        Raises:
            OpcUaLost: the server does not offer that, is not the one that we know, or shows what cannot be used.
        """
        try:
            await self._prepare(client, endpoints)
        except OSError as exc:
            raise self._lost(f"the certificates of the gateway cannot be read: {exc}") from exc
        except (*UNDECODABLE, *BAD_SIGNATURE) as exc:
            reason = f"{self._where} shows a certificate or an endpoint that cannot be used: {exc}"
            raise self._lost(reason) from exc

    async def _prepare(self, client: Client, endpoints: Sequence[ua.EndpointDescription]) -> None:
        client.application_uri = application_uri()
        self._details["security"] = str(self._settings.policy)
        if self._settings.user and (self.is_open or self._settings.mode is not SecurityMode.SIGN_AND_ENCRYPT):
            raise self._lost("a user signs in only over an encrypted connection")
        if self.is_open:
            return
        wanted = (_POLICIES[self._settings.policy].URI, _MODES[self._settings.mode])
        endpoint = next((e for e in endpoints if (e.SecurityPolicyUri, e.SecurityMode) == wanted), None)
        if endpoint is None:
            raise self._lost(self._not_offered(endpoints))
        server = first_of_chain(endpoint.ServerCertificate or b"")
        self._check_known(server)
        own = await self._own_certificate()
        client.application_uri = own.uri
        await client.set_security(
            _POLICIES[self._settings.policy],
            certificate=CertProperties(own.certificate),
            private_key=CertProperties(own.key, "pem"),
            server_certificate=CertProperties(server),
            mode=wanted[1],
        )
        if self._settings.user:
            self._check_user(endpoint)
            client.set_user(self._settings.user)
            client.set_password(self._settings.password.reveal() if self._settings.password else "")
        self._secured = Secured(own=own, server=server)
        self._describe(server, own)

    async def trust(self) -> str | None:
        """The server has proved that the certificate is its own: keep it if it is the first one.

        Returns:
            The fingerprint if it was pinned now.

        Raises:
            OpcUaLost: the state folder cannot be written.
        """
        if self._secured is None or self._settings.server_fingerprint:
            return None
        try:
            if self._keys.pinned(self._device.id):
                return None
            await asyncio.to_thread(self._keys.pin, self._device.id, self._secured.server)
        except OSError as exc:
            raise self._lost(f"the server's certificate cannot be kept: {exc}") from exc
        return fingerprint_of(self._secured.server)

    def reason_of_refusal(self, code: int) -> str | None:
        """What a bad status at the time of connecting means, if it is about security."""
        name = ua.StatusCode(ua.UInt32(code)).name
        if code in BAD_IDENTITY:
            who = f"the user {self._settings.user}" if self._settings.user else "a connection without a user"
            return f"{self._where} refuses {who} ({name}): check user and password, and the user's rights at the server"
        if self._secured is None:
            return None
        if code == StatusCodes.BadCertificateHostNameInvalid or not is_about_security(code):
            return None
        return f"{self._where} refuses our certificate ({name}): {self._please_trust()}"

    def reason_of_close(self) -> str | None:
        """What a connection that ended while the secure channel was being opened means: many servers just hang up."""
        if self._secured is None:
            return None
        return (
            f"{self._where} hung up when the secure channel was opened, most likely because it does not trust us yet: "
            f"{self._please_trust()}"
        )

    def explain_only_secure(self, endpoints: Sequence[ua.EndpointDescription]) -> str | None:
        """Why an open connection was refused, if the server has only protected ones."""
        if not endpoints or any((e.SecurityPolicyUri, e.SecurityMode) == _OPEN for e in endpoints):
            return None
        return self._not_offered(endpoints)

    def _please_trust(self) -> str:
        own = self._secured.own.certificate if self._secured else ""
        return f"trust {own} at the server (it may lie there among the rejected certificates already)"

    def _not_offered(self, endpoints: Sequence[ua.EndpointDescription]) -> str:
        wanted = "an endpoint without security" if self.is_open else f"{self._settings.policy}/{self._settings.mode}"
        offers = sorted(
            {((e.SecurityPolicyUri or "").rpartition("#")[2], e.SecurityMode.name.rstrip("_")) for e in endpoints}
        )
        named = ", ".join("none" if mode == "None" else f"{policy}/{mode}" for policy, mode in offers) or "nothing"
        return f"{self._where} does not offer {wanted}; it offers {named}: {_what_to_write(offers)}"

    def _check_known(self, server: bytes) -> None:
        if not server:
            raise self._lost(f"{self._where} shows no certificate")
        seen, wanted = fingerprint_of(server), self._settings.server_fingerprint
        if wanted:
            if seen != wanted:
                raise self._lost(
                    f"{self._where} shows the certificate {seen}, and the map says {wanted}: if the server has a new "
                    f'certificate, write server_fingerprint: "{seen}"; otherwise another machine answers there'
                )
            return
        pinned = self._keys.pinned(self._device.id)
        if pinned is not None and pinned != server:
            raise self._lost(
                f"{self._where} shows another certificate ({seen}) than at the first connection "
                f"({fingerprint_of(pinned)}): if the server has a new certificate, delete "
                f"{self._keys.pin_file(self._device.id)}; otherwise another machine answers there"
            )

    async def _own_certificate(self) -> OwnCertificate:
        try:
            return await asyncio.to_thread(self._keys.own)
        except OSError as exc:
            raise self._lost(f"our certificate cannot be kept: {exc}") from exc

    def _check_user(self, endpoint: ua.EndpointDescription) -> None:
        offered = {token.TokenType for token in endpoint.UserIdentityTokens or ()}
        if ua.UserTokenType.UserName not in offered:
            raise self._lost(
                f"{self._where} takes no user and password: switch them on at the server, or leave `user` out"
            )

    def _describe(self, server: bytes, own: OwnCertificate) -> None:
        now = datetime.now(UTC)
        expires = load_der_x509_certificate(server).not_valid_after_utc
        self._details["security"] = f"{self._settings.policy}/{self._settings.mode}"
        self._details["server_certificate"] = f"{fingerprint_of(server)}, {validity_of(expires, now=now)}"
        self._details["own_certificate"] = f"{own.certificate}, {validity_of(own.expires, now=now)}"

    def _lost(self, reason: str) -> OpcUaLost:
        return OpcUaLost(device=self._device.id, reason=reason, failure=Failure.SECURITY)


def _what_to_write(offers: Sequence[tuple[str, str]]) -> str:
    """The strongest that the server offers and we take, as the map writes it."""
    for policy in (SecurityPolicy.BASIC256SHA256, SecurityPolicy.AES256_SHA256, SecurityPolicy.AES128_SHA256):
        for mode in (SecurityMode.SIGN_AND_ENCRYPT, SecurityMode.SIGN):
            if (str(policy), str(mode)) in offers:
                return f"write security: {{policy: {policy}, mode: {mode}}}"
    if any(mode == "None" for _, mode in offers):
        return "switch on Basic256Sha256 at the server, or write security: {policy: none} where the network is closed"
    return "switch on Basic256Sha256 at the server"
