"""From when until when a certificate file is valid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """When a certificate is valid, aware UTC; `days_left` from `now` on."""

    since: datetime
    until: datetime
    now: datetime

    @property
    def days_left(self) -> int:
        """Whole days until it expires; below 0 when it has."""
        return (self.until - self.now).days

    @property
    def is_future(self) -> bool:
        """Whether it is not valid yet."""
        return self.since > self.now


def validity(path: Path, *, now: datetime | None = None) -> Validity | None:
    """The validity of the certificate in a PEM or DER file; None when there is none in it, or it cannot be read."""
    from cryptography import x509  # only where somebody asks: it takes a while to import

    try:
        content = path.read_bytes()
        is_pem = content.lstrip().startswith(b"-----")
        certificate = x509.load_pem_x509_certificate(content) if is_pem else x509.load_der_x509_certificate(content)
    except (OSError, ValueError):
        return None
    return Validity(
        since=certificate.not_valid_before_utc, until=certificate.not_valid_after_utc, now=now or datetime.now(UTC)
    )
