"""From a viewer's request to the ledger and back: used by the API and by the pages, so that both do the same."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from genba_cloud.api.floor_reads import VisibleFloor
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.visible import Desk
from genba_cloud.core.actions import (
    ActionRefused,
    MaterialWish,
    NodeAction,
    NodeWish,
    OrderWish,
    ProblemWish,
    act_of_node,
    act_of_order,
)
from genba_cloud.core.facts import Refused
from genba_cloud.core.viewer import Act, Viewer, may
from genba_cloud.ledger import Ledger
from genba_cloud.ledger.actions import ActionDone, NodeRequest, Once, OrderRequest, ScanRequest, UndoRequest
from genba_cloud.ledger.actions_more import MaterialRequest, ProblemAnswer, ProblemRequest

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorDesk:
    """What doing something needs, for one viewer."""

    desk: Desk
    ledger: Ledger
    viewer: Viewer

    @property
    def floor(self) -> VisibleFloor:
        """What the viewer may read."""
        return VisibleFloor(self.desk, self.viewer)

    async def node(self, work_order: str, node: str, wish: NodeWish, *, once: Once | None = None) -> ActionDone:
        """Do something with a node.

        Raises:
            ApiProblem: 403, 404, 409 or 422.
        """
        self._require(act_of_node(wish.action))
        await asyncio.to_thread(self.floor.node, work_order, node)  # 404 where there is none, 403 where it is hidden
        wanted = NodeRequest(work_order=work_order, node=node, wish=wish, actor=self.floor.actor, once=once)
        return accepted(await self.ledger.floor.node(wanted))

    async def scan(
        self,
        code: str,
        action: NodeAction | None,
        wish: NodeWish,
        *,
        work_order: str | None = None,
        node: str | None = None,
        once: Once | None = None,
    ) -> ActionDone:
        """Do what a scan means. Raises as `node`, and 410 for a label that was revoked."""
        self._require(act_of_node(action) if action is not None else Act.WORK)
        found = await asyncio.to_thread(self.floor.code, code)
        wanted = ScanRequest(
            code=found,
            actor=self.floor.actor,
            action=action,
            wish=wish,
            work_order=work_order,
            node=node,
            once=once,
        )
        return accepted(await self.ledger.floor.scan(wanted))

    async def order(self, order: str, wish: OrderWish, *, once: Once | None = None) -> ActionDone:
        """Do something with an order. Raises as `node`."""
        self._require(act_of_order(wish.action))
        wanted = OrderRequest(order=order, wish=wish, actor=self.floor.actor, once=once)
        done = await self.ledger.floor.order(wanted)
        if done is None:
            raise ApiProblem.not_found(f"order {order!r:.100}")
        return accepted(done)

    async def undo(
        self, undo: str, reason: str | None, *, order: str | None = None, once: Once | None = None
    ) -> ActionDone:
        """Take something back; where an order is named, only what is about it. Raises as `node`."""
        wanted = UndoRequest(undo=undo, reason=reason, actor=self.floor.actor, order=order, once=once)
        done = await self.ledger.floor.undo(wanted)
        if done is None:
            raise ApiProblem(404, "what is to be taken back is not known here")
        return accepted(done)

    async def problem(self, wish: ProblemWish, *, once: Once | None = None) -> ActionDone:
        """Report a problem. Raises as `node`."""
        return accepted(await self.ledger.floor.problem(ProblemRequest(wish=wish, actor=self.floor.actor, once=once)))

    async def answer_problem(
        self, problem: str, cause: str | None, note: str | None, *, once: Once | None = None
    ) -> ActionDone:
        """Explain a problem, or (`cause` None) say that it is over. Raises as `node`."""
        wanted = ProblemAnswer(problem=problem, cause=cause, note=note, actor=self.floor.actor, once=once)
        done = await self.ledger.floor.answer_problem(wanted)
        if done is None:
            raise ApiProblem.not_found(f"problem {problem!r:.100}")
        return accepted(done)

    async def material(self, wish: MaterialWish, *, once: Once | None = None) -> ActionDone:
        """Write a movement of material. Raises as `node`."""
        return accepted(await self.ledger.floor.material(MaterialRequest(wish=wish, actor=self.floor.actor, once=once)))

    def _require(self, act: Act) -> None:
        if not may(self.viewer, act, enterprise=self.desk.enterprise):
            raise ApiProblem(403, f"this needs the right to {act.replace('_', ' ')}")


def once_of(viewer: Viewer, key: str | None, body: BaseModel, *, about: str) -> Once | None:
    """What a request is recognised by when it is sent again; None: it has no key."""
    if not key:
        return None
    request = hashlib.sha256(f"{about}\n{body.model_dump_json()}".encode()).hexdigest()
    return Once(key=hashlib.sha256(f"{viewer.who}\n{key}".encode()).hexdigest(), request=request)


def accepted(result: T | Refused) -> T:
    """The result, where it is none of a refusal.

    Raises:
        ApiProblem: 403 where somebody else could do it, 409 where it clashes with how things stand, else 422.
    """
    if isinstance(result, ActionRefused):
        status = 403 if result.is_of_rank else 409 if result.conflict else 422
        problem = ApiProblem(status, result.reason, why=str(result.why))
        problem.more |= {"accepted": result.accepted} if result.accepted else {}
        problem.more |= {"values": dict(result.values)} if result.values else {}
        raise problem
    if isinstance(result, Refused):
        raise ApiProblem.of(result)
    return result
