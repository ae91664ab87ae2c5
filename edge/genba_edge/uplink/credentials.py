"""What an enrolled gateway signs with, and whose word it takes."""

from __future__ import annotations

from dataclasses import dataclass, field

from genba_shared.signing import Sign, Verify


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """`sign` with the gateway's own key; `verify` tells whether the collector signed."""

    sign: Sign = field(repr=False)
    verify: Verify = field(repr=False)
