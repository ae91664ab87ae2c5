"""Manifest and parts of the dispatch document, until they fit together."""

from __future__ import annotations

from typing import Final

from genba_shared.dispatch_document import (
    MAX_PART,
    MAX_PARTS,
    DispatchDocument,
    DispatchManifest,
    PartsDoNotMatch,
    join_parts,
)
from genba_shared.errors import ContractError
from genba_shared.signing import Verify
from genba_shared.topics import dispatch

_MAX_DIGITS: Final = 4


class DispatchInbox:
    """Takes messages below a gateway's dispatch topic in any order and any mixture of versions.

    `verify`: whether a signature is the collector's; an enrolled gateway takes no manifest without one.
    """

    def __init__(self, gateway: str, *, verify: Verify | None = None) -> None:
        self._gateway, self._verify = gateway, verify
        self._topic = dispatch(gateway)
        self._manifest: DispatchManifest | None = None
        self._parts: dict[int, bytes] = {}
        self._taken_sha256 = ""

    def is_for(self, topic: str) -> bool:
        """Whether the message belongs here."""
        return topic == self._topic or topic.startswith(f"{self._topic}/")

    def take(self, topic: str, payload: bytes, *, newer_than: int | None = None) -> DispatchDocument | None:
        """Take a message; the document that it completes, unless that is the one given last.

        Args:
            topic: of the message.
            payload: of the message.
            newer_than: for a message that the broker had kept: the version in force. What a broker kept may be old
                (a broker that was restored); what the collector says now is in force whatever its version.

        Raises:
            ContractError: the message, or the document that it completes, breaks the contract.
        """
        if not payload:  # a retained topic was cleared
            return None
        if topic == self._topic:
            self._manifest = self._checked(DispatchManifest.from_json(payload))
        else:
            number = topic.removeprefix(f"{self._topic}/")
            if not (number.isascii() and number.isdigit() and len(number) <= _MAX_DIGITS and int(number) < MAX_PARTS):
                raise ContractError(f"{topic} is not a part of a dispatch document")
            if len(payload) > MAX_PART:
                raise ContractError(f"dispatch part {number} has {len(payload)} bytes: at most {MAX_PART}")
            self._parts[int(number)] = payload
        return self._complete(newer_than)

    def _checked(self, manifest: DispatchManifest) -> DispatchManifest:
        if self._verify is not None and not self._verify(manifest.signature, manifest.covered(self._gateway)):
            raise ContractError(f"dispatch version {manifest.version} is not signed by the collector")
        return manifest

    def _complete(self, newer_than: int | None) -> DispatchDocument | None:
        manifest = self._manifest
        if manifest is None or manifest.sha256 == self._taken_sha256:
            return None
        if newer_than is not None and manifest.version <= newer_than:
            return None
        try:
            document = join_parts(
                manifest, [self._parts[number] for number in range(manifest.parts) if number in self._parts]
            )
        except PartsDoNotMatch:
            return None
        self._taken_sha256 = manifest.sha256
        return document
