"""Labels' codes: made once for an order, its work orders' nodes, and never for two things; revoked when one is lost."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Final

from genba_cloud.core.facts import OrderPlan
from genba_cloud.core.scan_codes import BITS, write_code
from genba_cloud.ledger.append import Stamp
from genba_cloud.store.floor import ScanCode
from genba_cloud.store.port import Transaction
from genba_shared.clock import to_milliseconds

Target = tuple[str | None, str | None]
WHOLE: Final[Target] = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodesMade:
    """The codes of an order that work, in the order of its sheet; `new`: how many of them were not there before."""

    codes: tuple[ScanCode, ...]
    new: int


def make_codes(transaction: Transaction, order: str, *, by: str, stamp: Stamp) -> CodesMade | None:
    """The codes of an order and of each of its nodes; those that are missing are made. None: there is no such order."""
    stored = transaction.order(order)
    if stored is None:
        return None
    floor = transaction.floor
    known = {(one.work_order, one.node): one for one in floor.codes_of(order) if one.revoked_at is None}
    missing = [target for target in targets_of(stored.plan) if target not in known]
    new = [
        ScanCode(
            id=stamp.next_id(),
            code=write_code(secrets.randbits(BITS)),
            order=order,
            work_order=work_order,
            node=node,
            made_at=to_milliseconds(stamp.now),
            made_by=by,
        )
        for work_order, node in missing
    ]
    floor.add_codes(new)
    known.update({(one.work_order, one.node): one for one in new})
    return CodesMade(codes=tuple(known[target] for target in targets_of(stored.plan)), new=len(new))


def revoke_code(transaction: Transaction, code_id: str, *, by: str, stamp: Stamp) -> ScanCode | None:
    """Make a label worthless; `make_codes` then makes another one in its place. None: there is no such code."""
    found = transaction.floor.code_by_id(code_id)
    if found is None or found.revoked_at is not None:
        return found
    at = to_milliseconds(stamp.now)
    transaction.floor.revoke_code(code_id, at=at, by=by)
    return replace(found, revoked_at=at, revoked_by=by)


def targets_of(plan: OrderPlan) -> list[Target]:
    """What an order has labels for: itself, then each node."""
    nodes: list[Target] = [(work.work_order, node.node) for work in plan.work_orders for node in work.nodes]
    return [WHOLE, *nodes]
