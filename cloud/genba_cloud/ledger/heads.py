"""Signed heads of the log: what stood in it up to a position, so that cutting or rewriting it later shows.

A head is kept in the database, and as a line of ``heads.jsonl`` beside it: copy that file to where nobody who can
change the log can change it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from genba_cloud.core.merkle import Edge
from genba_cloud.ledger.signing import HeadSigner, HeadVerifier
from genba_cloud.store.port import Store
from genba_cloud.store.proofs import HeadRow, Proofs
from genba_shared.clock import format_time, parse_time, to_milliseconds
from genba_shared.errors import GenbaError, UsageError

HEADS_FILE: Final = "heads.jsonl"
_DOMAIN: Final = b"genba head v1\n"


class LogDamagedError(GenbaError):
    """The log is not what was written: nothing is signed, archived or copied over. `genba cloud verify` says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The root of the Merkle tree over the leaves at positions 1 to `size`, signed at `at` with the key `key`."""

    enterprise: str
    size: int
    at: datetime
    root: bytes
    key: str
    signature: bytes = b""

    def statement(self) -> bytes:
        """What is signed: a domain of its own, then the fields as canonical JSON."""
        fields = {"at": format_time(self.at), "enterprise": self.enterprise, "root": self.root.hex(), "size": self.size}
        return _DOMAIN + json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()

    def is_signed_by(self, verifier: HeadVerifier) -> bool:
        """Whether the signature is of this key and over exactly this."""
        return self.key == verifier.name and verifier.is_signed(self.statement(), self.signature)

    def to_json(self) -> dict[str, Any]:
        """A line of ``heads.jsonl``."""
        return {
            "enterprise": self.enterprise,
            "size": self.size,
            "at": format_time(self.at),
            "root": self.root.hex(),
            "key": self.key,
            "signature": self.signature.hex(),
        }

    @classmethod
    def from_json(cls, obj: Mapping[str, Any]) -> Head:
        """Read such a line.

        Raises:
            ValueError: it is none.
        """
        try:
            return cls(
                enterprise=str(obj["enterprise"]),
                size=int(obj["size"]),
                at=parse_time(obj["at"]),
                root=bytes.fromhex(obj["root"]),
                key=str(obj["key"]),
                signature=bytes.fromhex(obj["signature"]),
            )
        except (KeyError, TypeError) as exc:
            raise ValueError(f"not a head: {exc!r}") from exc

    @classmethod
    def of_row(cls, enterprise: str, row: HeadRow) -> Head:
        """The head that is kept in the database."""
        return cls(enterprise=enterprise, size=row.size, at=row.at, root=row.root, key=row.key, signature=row.signature)


def read_heads(file: Path, enterprise: str) -> tuple[Head, ...]:
    """The heads of an enterprise in a file of heads, smallest first.

    Raises:
        UsageError: a line is no head; the line is named.
    """
    heads: list[Head] = []
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                head = Head.from_json(json.loads(line))
            except ValueError as exc:
                raise UsageError(f"{file}:{number}: {exc}") from exc
            if head.enterprise == enterprise:
                heads.append(head)
    return tuple(sorted(heads, key=lambda head: head.size))


def make_head(store: Store, enterprise: str, signer: HeadSigner, *, now: datetime) -> Head | None:
    """Sign what stands in the log now, and keep it; the newest head where nothing came since, None for an empty log.

    Only what came since the last head is read, and not in a write transaction.

    Raises:
        LogDamagedError: positions are missing, or the last head is not what was signed.
    """
    with store.reads(enterprise).proofs() as proofs:
        last = proofs.last_head()
        edge = _edge_of(last, enterprise, signer.verifier)
        _grow(edge, proofs)
    if edge.size == 0 or (last is not None and last.size == edge.size):
        return None if last is None else Head.of_row(enterprise, last)
    unsigned = Head(
        enterprise=enterprise, size=edge.size, at=to_milliseconds(now), root=edge.root(), key=signer.verifier.name
    )
    row = HeadRow(
        size=unsigned.size,
        at=unsigned.at,
        root=unsigned.root,
        peaks=edge.peaks,
        key=unsigned.key,
        signature=signer.sign(unsigned.statement()),
    )
    with store.transaction(enterprise) as transaction:
        kept = transaction.proofs.last_head()
        if kept is None or kept.size < row.size:  # another process may have made one meanwhile
            transaction.proofs.add_head(row)
            kept = row
    return Head.of_row(enterprise, kept)


def _edge_of(last: HeadRow | None, enterprise: str, verifier: HeadVerifier) -> Edge:
    """The tree of the last head. One that is signed with another key is believed by its root alone."""
    if last is None:
        return Edge()
    head = Head.of_row(enterprise, last)
    try:
        edge = Edge(last.size, last.peaks)
    except ValueError as exc:
        raise LogDamagedError(f"the head at position {last.size} is damaged: {exc}") from exc
    is_forged = head.key == verifier.name and not head.is_signed_by(verifier)
    if is_forged or edge.root() != head.root:
        raise LogDamagedError(f"the head at position {last.size} is not what was signed")
    return edge


def _grow(edge: Edge, proofs: Proofs) -> None:
    for position, leaf in proofs.leaves(after=edge.size):
        if position != edge.size + 1:
            raise LogDamagedError(f"position {edge.size + 1} is missing in the log")
        edge.add(leaf)


def publish_heads(store: Store, enterprise: str, data_dir: Path) -> Path:
    """Append to ``heads.jsonl`` what the database has and the file has not; the file."""
    file = data_dir / HEADS_FILE
    known = {head.size for head in _lenient(file, enterprise)}
    with store.reads(enterprise).proofs() as proofs:
        new = [Head.of_row(enterprise, row) for row in proofs.heads() if row.size not in known]
    if new:
        with file.open("a", encoding="utf-8") as out:
            out.writelines(json.dumps(head.to_json(), ensure_ascii=False) + "\n" for head in new)
            out.flush()
            os.fsync(out.fileno())
    return file


def _lenient(file: Path, enterprise: str) -> Iterator[Head]:
    """The heads that can be read: a line that was cut off by a power cut is written again."""
    if not file.exists():
        return
    content = file.read_text(encoding="utf-8")
    if content and not content.endswith("\n"):
        content = content[: content.rfind("\n") + 1]
        file.write_text(content, encoding="utf-8")
    for line in content.splitlines():
        try:
            head = Head.from_json(json.loads(line))
        except ValueError:
            continue
        if head.enterprise == enterprise:
            yield head
