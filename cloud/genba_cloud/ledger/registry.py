"""Who is registered, and with which key, as this process knows it; read again when it may have changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from genba_cloud.store.read import Enrolment, GatewayIdentity
from genba_shared.errors import PassingError
from genba_shared.signing import Verify, verifier_of

REFRESH_S: Final = 5.0
"""Another process may have changed the registrations: that is noticed within this time (wall)."""
AGAIN_S: Final = 1.0
"""Wall time until a database that did not answer is asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What is known of a gateway's name. `verify` None: it has no key (not registered, or not enrolled yet)."""

    enrolment: Enrolment
    enterprise: str | None = None
    verify: Verify | None = field(default=None, repr=False)


_UNKNOWN: Final = Registration(enrolment=Enrolment.UNENROLLED)


class Registry:
    """The registrations; keys are prepared once. While they cannot be read, those that were read last hold."""

    def __init__(self, load: Callable[[], Sequence[GatewayIdentity]]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._is_current = False
        self._known: dict[str, Registration] = {}
        self._keys: dict[bytes, Verify] = {}
        self._due = 0.0

    def forget(self) -> None:
        """Something was changed here: read again at the next look. May be called from any thread."""
        self._due = 0.0

    def refresh(self) -> None:
        """Read the registrations where they may have changed; reads the database. A second thread waits for the first.

        Raises:
            PassingError: the database does not answer; see `knows`.
        """
        with self._lock:
            now = time.monotonic()
            if now < self._due:
                return
            self._due = now + REFRESH_S  # first, so that what is forgotten meanwhile is read again
            try:
                identities = self._load()
            except PassingError:
                self._is_current, self._due = False, now + AGAIN_S
                raise
            keys = {one.public_key for one in identities if one.public_key is not None}
            self._keys = {key: self._keys.get(key) or verifier_of(key) for key in keys}
            self._known = {one.gateway: self._registration(one) for one in identities}
            self._is_current = True

    def knows(self, gateway: str) -> bool:
        """Whether `of` can be relied on: one that is not among the last that were read may have been registered since.

        Only where they could be read is a gateway that is not among them certain to be nobody's.
        """
        return self._is_current or gateway in self._known

    def of(self, gateway: str) -> Registration:
        """What is known of that name."""
        return self._known.get(gateway, _UNKNOWN)

    def _registration(self, one: GatewayIdentity) -> Registration:
        if one.removed_at is not None:
            return Registration(enrolment=Enrolment.REMOVED, enterprise=one.enterprise)
        verify = None if one.public_key is None else self._keys[one.public_key]
        return Registration(enrolment=Enrolment.REGISTERED, enterprise=one.enterprise, verify=verify)
