"""Prove one event alone: that it stands in the log which a signed head speaks of, without showing any other event."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from genba_cloud.core.merkle import Prover, root_by_path
from genba_cloud.ledger.chain import leaf_of
from genba_cloud.ledger.heads import Head, LogDamagedError
from genba_cloud.ledger.signing import HeadVerifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """`body` is the event as it is logged (personal words in it sealed), `path` leads from its leaf to the head."""

    position: int
    body: str
    path: tuple[bytes, ...]
    head: Head

    def problem(self, verifier: HeadVerifier) -> str | None:
        """Why this proves nothing; None: it proves that the event stood at its position when the head was signed."""
        if not self.head.is_signed_by(verifier):
            return f"the head is not signed with the key {verifier.name}"
        leaf = leaf_of(self.body.encode())
        root = root_by_path(leaf, index=self.position - 1, size=self.head.size, path=self.path)
        if root != self.head.root:
            return f"the path does not lead from this event at position {self.position} to the head"
        return None

    def to_json(self) -> dict[str, Any]:
        """A file of its own."""
        return {
            "position": self.position,
            "event": self.body,
            "leaf": leaf_of(self.body.encode()).hex(),
            "path": [node.hex() for node in self.path],
            "head": self.head.to_json(),
        }

    @classmethod
    def from_json(cls, text: str | bytes) -> Inclusion:
        """Read such a file.

        Raises:
            ValueError: it is none, or its leaf is not that of its event.
        """
        try:
            obj: Mapping[str, Any] = json.loads(text)
            read = cls(
                position=int(obj["position"]),
                body=str(obj["event"]),
                path=tuple(bytes.fromhex(node) for node in obj["path"]),
                head=Head.from_json(obj["head"]),
            )
            leaf = bytes.fromhex(obj["leaf"])
        except (KeyError, TypeError, RecursionError) as exc:
            raise ValueError(f"not a proof: {exc!r}") from exc
        if leaf != leaf_of(read.body.encode()):
            raise ValueError("the leaf is not the SHA-256 of the event")
        return read


def path_to(head: Head, position: int, leaves: Iterable[tuple[int, bytes]]) -> tuple[bytes, ...]:
    """The path from the leaf at a position to the head. `leaves` are those of the log from its beginning.

    Raises:
        LogDamagedError: they do not lead to the head.
    """
    prover = Prover(position - 1)
    mine = b""
    for number, leaf in leaves:
        if prover.size == head.size:
            break
        if number != prover.size + 1:
            raise LogDamagedError(f"position {prover.size + 1} is missing in the log")
        mine = leaf if number == position else mine
        prover.add(leaf)
    path = prover.path()
    if root_by_path(mine, index=position - 1, size=head.size, path=path) != head.root:
        raise LogDamagedError(f"the log is not what the head at position {head.size} says")
    return path
