"""Shapes of answers about identities: gateways, machine keys, people. Times are RFC 3339 in UTC."""

from __future__ import annotations

from typing_extensions import TypedDict


class IdentityShape(TypedDict):
    """A registered gateway. `fingerprint`: SHA-256 of its public key; `code_until`: until when a code is open."""

    gateway: str
    site: str | None
    enrolled_at: str | None
    removed_at: str | None
    certificate_until: str | None
    fingerprint: str | None
    code_until: str | None


class IdentitiesShape(TypedDict):
    """Every registered gateway."""

    items: list[IdentityShape]


class InvitationShape(TypedDict):
    """A code with which the gateway enrols once."""

    gateway: str
    code: str
    until: str


class EnrolledShape(TypedDict):
    """What an enrolled gateway keeps: its certificate and the authority's (PEM), and the collector's key (hex)."""

    gateway: str
    enterprise: str
    site: str | None
    certificate: str
    ca: str
    collector_key: str
    broker: str


class KeyShape(TypedDict):
    """A machine key without its secret."""

    id: str
    name: str
    scopes: list[str]
    created_at: str
    revoked: bool


class KeysShape(TypedDict):
    """All machine keys."""

    items: list[KeyShape]


class NewKeyShape(TypedDict):
    """A new machine key; it is shown this once. `id`: by which it is revoked."""

    id: str
    key: str


class LinkShape(TypedDict):
    """Path of the board's read-only link."""

    path: str


class PasswordShape(TypedDict):
    """A new one-time password; it is shown this once."""

    one_time_password: str
    user: str
