"""The part of the ledger that people on the floor use: labels, nodes, orders, problems, material, taking back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from genba_cloud.core.facts import Refused
from genba_cloud.ledger import actions, actions_more, codes
from genba_cloud.ledger.actions import ActionDone, NodeRequest, OrderRequest, ScanRequest, UndoRequest
from genba_cloud.ledger.actions_more import MaterialRequest, ProblemAnswer, ProblemRequest
from genba_cloud.ledger.append import Stamp
from genba_cloud.ledger.codes import CodesMade
from genba_cloud.store.floor import ScanCode
from genba_cloud.store.port import Transaction

T = TypeVar("T")


class Run(Protocol):
    """Does work in one write transaction of the ledger."""

    async def __call__(self, work: Callable[[Transaction], T]) -> T:
        """Do it, and tell the listeners what it changed."""


class FloorLedger:
    """See the functions of the same names; each is one transaction."""

    def __init__(self, run: Run, stamp: Callable[[], Stamp]) -> None:
        self._run = run
        self._stamp = stamp

    async def node(self, wanted: NodeRequest) -> ActionDone | Refused:
        """Do something with a node."""
        return await self._run(lambda transaction: actions.act_on_node(transaction, wanted, self._stamp()))

    async def scan(self, wanted: ScanRequest) -> ActionDone | Refused:
        """Do what a scan means."""
        return await self._run(lambda transaction: actions.act_on_scan(transaction, wanted, self._stamp()))

    async def order(self, wanted: OrderRequest) -> ActionDone | Refused | None:
        """Do something with an order; None: there is no such order."""
        return await self._run(lambda transaction: actions.act_on_order(transaction, wanted, self._stamp()))

    async def undo(self, wanted: UndoRequest) -> ActionDone | Refused | None:
        """Take something back; None: nothing of it is known."""
        return await self._run(lambda transaction: actions.undo(transaction, wanted, self._stamp()))

    async def problem(self, wanted: ProblemRequest) -> ActionDone | Refused:
        """Take a problem."""
        return await self._run(lambda transaction: actions_more.report_problem(transaction, wanted, self._stamp()))

    async def answer_problem(self, wanted: ProblemAnswer) -> ActionDone | Refused | None:
        """Explain a problem, or say that it is over; None: there is no such problem."""
        return await self._run(lambda transaction: actions_more.answer_problem(transaction, wanted, self._stamp()))

    async def material(self, wanted: MaterialRequest) -> ActionDone | Refused:
        """Write a movement of material."""
        return await self._run(lambda transaction: actions_more.move_material(transaction, wanted, self._stamp()))

    async def make_codes(self, order: str, *, by: str) -> CodesMade | None:
        """The codes of an order and its nodes; None: there is no such order."""
        return await self._run(lambda transaction: codes.make_codes(transaction, order, by=by, stamp=self._stamp()))

    async def revoke_code(self, code_id: str, *, by: str) -> ScanCode | None:
        """Make a label worthless; None: there is no such code."""
        return await self._run(lambda transaction: codes.revoke_code(transaction, code_id, by=by, stamp=self._stamp()))
