"""What the collector answers to envelopes and to a gateway's hello, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from genba_cloud.core.delivery import Standing, greet
from genba_cloud.ledger import Appended, EnvelopeBatch, GatewaySeen
from genba_cloud.store.read import ALARM, GatewayRecord
from genba_shared.acknowledgement import Acknowledgement
from genba_shared.codec import Lane

Addressee = tuple[str, Lane, str, str | None]
"""Whom an answer is for: the gateway, its lane, epoch and run."""
_MOST_WAITING: Final = 10_000


def addressee(gateway: str, answer: Acknowledgement) -> Addressee:
    """Whom this answer is for."""
    return gateway, answer.lane, answer.epoch, answer.run


def answer_to(batch: EnvelopeBatch, appended: Appended) -> Acknowledgement:
    """The answer to an envelope, to the run of the gateway that sent it."""
    return Acknowledgement(
        lane=Lane(batch.lane),
        epoch=batch.epoch,
        upto=appended.upto or 0,
        run=batch.reach.run,
        ahead=appended.ahead,
        forked=appended.forked,
    )


def joined(earlier: Acknowledgement | None, later: Acknowledgement) -> Acknowledgement:
    """One answer for two to the same run: all that both say is accounted for, and whether events differed."""
    if earlier is None:
        return later
    return replace(later, upto=max(earlier.upto, later.upto), forked=earlier.forked or later.forked)


def may_wait(task: object, answer: Acknowledgement) -> bool:
    """Whether the gateway can do without this answer for a while: it says so, and all of the envelope was taken."""
    return (
        isinstance(task, EnvelopeBatch)
        and task.patient
        and not task.reach.disputed
        and answer.upto == task.reach.last
        and answer.ahead is None
        and not answer.forked
    )


class LateAnswers:
    """Answers that may wait: each until one to the same run goes at once, or until its time is up.

    `publish` sends an answer to a gateway. What waits here speaks of what is committed; where it is lost, the gateway
    sends again.
    """

    def __init__(self, publish: Callable[[str, Acknowledgement], None], *, wait_s: float) -> None:
        self._publish = publish
        self._wait_s = wait_s
        self._waiting: dict[Addressee, tuple[Acknowledgement, asyncio.TimerHandle]] = {}

    def give_at_once(self, gateway: str, answer: Acknowledgement) -> None:
        """Publish it, with what waits for the same run."""
        earlier, timer = self._waiting.pop(addressee(gateway, answer), (None, None))
        if timer is not None:
            timer.cancel()
        self._publish(gateway, joined(earlier, answer))

    def give_later(self, gateway: str, answer: Acknowledgement) -> None:
        """Let it wait; its time runs from the first answer that waits for the same run."""
        key = addressee(gateway, answer)
        earlier, timer = self._waiting.get(key, (None, None))
        if timer is None:
            if len(self._waiting) >= _MOST_WAITING:
                self._publish(gateway, answer)
                return
            timer = asyncio.get_running_loop().call_later(self._wait_s, self._give, key)
        self._waiting[key] = joined(earlier, answer), timer

    def give_all(self) -> None:
        """Nothing waits any more."""
        for key in tuple(self._waiting):
            self._give(key)

    def _give(self, key: Addressee) -> None:
        answer, timer = self._waiting.pop(key)
        timer.cancel()
        self._publish(key[0], answer)


def answer_to_hello(seen: GatewaySeen, record: GatewayRecord) -> Acknowledgement | None:
    """The answer to a state message; None: it is the word of one that is not there."""
    epoch = seen.state.get("epoch")
    if seen.state.get("online") is not True or epoch != record.epoch or epoch is None:
        return None
    run, acked = seen.state.get("run"), seen.state.get("acked", {}).get("facts", 0)
    upto, ahead = greet(Standing(upto=record.upto, run=record.run), run=run, acked=acked)
    alarm = record.state.get(ALARM) or {}
    is_forked = run is not None and (alarm.get("epoch"), alarm.get("run")) == (epoch, run)
    return Acknowledgement(lane=Lane.FACTS, epoch=epoch, upto=upto, run=run, ahead=ahead, forked=is_forked)
