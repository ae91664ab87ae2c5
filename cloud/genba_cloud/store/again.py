"""Work in a transaction, and the same work again where the database gave it up: nothing of it was committed then."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeVar

from genba_cloud.store.errors import StoreAway, StoreClash
from genba_cloud.store.port import Store, Transaction

logger = logging.getLogger(__name__)

TRIES: Final = 5
"""One beside the other writers, then alone: a second clash can only come from a constraint, or from another program."""

T = TypeVar("T")


def committed(store: Store, enterprise: str, work: Callable[[Transaction], T]) -> T:
    """Do the work in one transaction and return what it returned, once that is committed.

    The work may be done several times, each time in a transaction that sees nothing of the tries before.

    Raises:
        StoreAway: the database does not answer.
        StoreClash: it gave up every try.
    """
    for number in range(1, TRIES):
        opened = store.transaction if number == 1 else store.alone
        try:
            with opened(enterprise) as transaction:
                return work(transaction)
        except StoreClash as exc:
            logger.debug("transaction given up, done again try=%s reason=%s", number, exc)
        except StoreAway as exc:
            if not exc.fate_is_known or not store.is_ready():
                raise
            logger.debug("connection lost in a transaction, done again try=%s reason=%s", number, exc)
    with store.alone(enterprise) as transaction:
        return work(transaction)
