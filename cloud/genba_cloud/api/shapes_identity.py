"""Shapes of answers about gateways' identities. Times are RFC 3339 in UTC."""

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
