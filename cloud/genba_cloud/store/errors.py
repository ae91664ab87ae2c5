"""What a store says when it cannot do what it was asked: both pass, and nothing of the transaction was committed."""

from __future__ import annotations

from genba_shared.errors import GenbaError


class StoreAway(GenbaError):
    """The database does not answer. Whoever has an answer to give says "later"; what was sent must be sent again.

    `fate_is_known`: nothing of the transaction was committed. Where it is False the connection broke while the
    database was committing, and it is not back to be asked: what comes again is recognised by its range or its id.
    """

    def __init__(self, reason: str, *, fate_is_known: bool = True) -> None:
        super().__init__(f"the database does not answer: {reason}")
        self.reason = reason
        self.fate_is_known = fate_is_known


class StoreClash(GenbaError):
    """Another writer was in the way, and the database gave this transaction up: do the work again."""
