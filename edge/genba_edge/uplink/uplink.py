"""The uplink: does what `core.delivery` decides, over MQTT."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, assert_never

from genba_edge.core.delivery import (
    USUAL,
    Answered,
    Connected,
    Delivery,
    DeliverySettings,
    Disconnected,
    Halved,
    Held,
    IdentityInDoubt,
    Input,
    Output,
    Release,
    Send,
    TimePassed,
    Withdrawn,
    advance,
    wakes_at,
    wants_rows,
)
from genba_edge.ports import Outbox
from genba_edge.uplink.backlog import Backlog
from genba_edge.uplink.client_id import load_client_id
from genba_edge.uplink.credentials import Credentials
from genba_edge.uplink.dispatch_inbox import DispatchInbox
from genba_edge.uplink.envelopes import Sender, make_envelope, unsendable
from genba_edge.uplink.forgeries import Forgeries
from genba_edge.uplink.reserved_link import ReservedLink
from genba_edge.uplink.silence import Silence
from genba_shared import topics
from genba_shared.acknowledgement import Acknowledgement
from genba_shared.clock import ProductionClock
from genba_shared.codec import Lane
from genba_shared.dispatch_document import DispatchDocument
from genba_shared.errors import ContractError, UplinkError
from genba_shared.events import Event
from genba_shared.mqtt import BrokerAddress, Will
from genba_shared.signing import sign_state
from genba_shared.supervisor import supervise

logger = logging.getLogger(__name__)

FEW_EVENTS: Final = 20  # an envelope of so many is made quicker than a thread is woken up for it
STATE_EVERY_S: Final = 10.0
COSTLY_STATE_EVERY_S: Final = 60.0  # on a link that costs
STATE_LOOK_S: Final = 1.0  # how often the state is compared with what was published
FLUSH_S: Final = 3.0  # how long acknowledgements may wait to be written to the outbox; each write costs the card a sync
# no change of state that is worth a message
_MOVES_ALL_THE_TIME: Final = frozenset({"at", "outbox", "next_seq", "acked", "data_age_s"})

State = Mapping[str, Any]


class Uplink:
    """Delivers the outbox for ever. `run` may be called again after it failed; `wake` and `drain` need a running one.

    `state` gives what is published about this gateway; `on_dispatch` gets every new dispatch document, and
    `on_progress` is called when something was acknowledged, both on the loop. `credentials`: those of an enrolled
    gateway, which signs what it sends and takes nothing that the collector did not sign. Where there is a copy of this
    gateway (`in_doubt`), somebody must begin a new epoch and then `run` it again.

    Raises:
        UsageError: paho-mqtt is missing, or the broker address is not understood (by `run`).
        UplinkError: the client id cannot be kept in `state_dir` (by `run`).
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        gateway: str,
        broker: str | BrokerAddress,
        state: Callable[[], State],
        on_dispatch: Callable[[DispatchDocument], None],
        clock: ProductionClock,
        state_dir: Path,
        settings: DeliverySettings = USUAL,
        credentials: Credentials | None = None,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._outbox = outbox
        self._gateway = gateway
        self._address = broker
        self._state = state
        self._on_dispatch = on_dispatch
        self._on_progress = on_progress
        self._clock = clock
        self._state_dir = state_dir
        self._usual = self._settings = settings
        self._credentials = credentials
        self._run = secrets.token_hex(4)  # tells this start of the gateway from copies of its state folder
        self._forgeries = Forgeries(gateway)
        self._inbox: deque[Input] = deque()
        self._dispatch_messages: deque[tuple[str, bytes, bool]] = deque()
        self._dispatch = DispatchInbox(gateway, verify=credentials.verify if credentials else None)
        self._wakeup = asyncio.Event()
        self._moved = asyncio.Event()
        self._connection = 0  # counts connections: what was decided for an earlier one is not sent on a later one
        self._lost_at: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._doubted_epoch = ""  # the epoch that a copy of this gateway has, too
        self._begin()

    def _begin(self) -> None:
        self._backlog = Backlog(self._outbox)
        mark = self._outbox.mark()
        self._delivery = Delivery(acked=mark.acknowledged, in_doubt=mark.epoch == self._doubted_epoch)
        self._link: ReservedLink | None = None
        self._inbox.clear()
        self._published: State = {}
        self._state_due = self._look_due = self._flush_due = 0.0
        self._silence = Silence(self._gateway)

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to the broker."""
        return self._link is not None and self._link.connected

    @property
    def is_under_way(self) -> bool:
        """Whether an envelope is that the collector has not answered yet."""
        return self.is_connected and bool(self._delivery.flights)

    @property
    def in_doubt(self) -> bool:
        """Whether there is a copy of this gateway: when nothing is held any more, a new epoch must begin."""
        return self._delivery.in_doubt

    def wake(self, events: Sequence[Event] = ()) -> None:
        """New events are in the outbox; `events`: exactly these, so that they need not be read from it again."""
        self._backlog.offer(events)
        self._wakeup.set()

    def withdraw(self, seqs: frozenset[int]) -> None:
        """These events were dropped from the outbox: they are not sent any more, and the next envelope says so."""
        self._backlog.withdraw(seqs)
        self._inbox.append(Withdrawn(seqs=seqs))
        self._wakeup.set()

    async def drain(self, timeout_s: float) -> bool:
        """Wait until the outbox knows that all is acknowledged, which may not wait; False: link down, or time is up."""
        self._hurry()
        try:
            async with asyncio.timeout(timeout_s):
                while self._delivery.acked < self._outbox.mark().next_seq - 1:
                    if not self.is_connected:
                        return False
                    self._moved.clear()
                    await self._moved.wait()
                await self.flush()
                return not self._backlog.has_release
        except TimeoutError:
            return False
        finally:
            self._settings = self._usual

    def _hurry(self) -> None:
        """What is held goes now; the state asks for the answer to what is under way, which may still wait."""
        if self._usual.delay_s > 0.0:
            self._settings = replace(self._usual, delay_s=0.0)
            self._state_due = self._look_due = 0.0
            self._wakeup.set()

    async def flush(self) -> None:
        """Let the outbox know at once what is acknowledged."""
        await self._backlog.flush()

    def start(self) -> None:
        """Deliver in a task of its own, which is started again when it fails."""
        self._begin()  # nothing of what was decided before holds any more, but that an epoch is in doubt
        self._task = asyncio.create_task(supervise("uplink", self.run))

    async def stop(self) -> None:
        """End what `start` began; what is acknowledged is written down."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def run(self) -> None:
        """Deliver until cancelled."""
        self._begin()
        link = ReservedLink(
            self._address,
            load_client_id(self._state_dir, gateway=self._gateway),
            with_reserve=self._usual.delay_s == 0.0,  # on a link that costs, a reserve would cost, too
            filters=(topics.ack(self._gateway), topics.dispatch_filter(self._gateway)),
            will=Will(topic=topics.state(self._gateway), payload=self._offline()),
            on_message=self._when_message,
            on_connect=self._when_connected,
            on_disconnect=self._when_disconnected,
        )
        async with link:
            self._link = link
            try:
                while True:
                    await self._work(link)
                    await self._rest()
            finally:
                self._link = None
                self._moved.set()
                self._backlog.flush_now()
                with contextlib.suppress(UplinkError):
                    link.publish_retained(topics.state(self._gateway), self._offline())

    async def _rest(self) -> None:
        """Sleep until something happens or is due."""
        due = [self._look_due]
        wake = wakes_at(self._delivery, self._settings)
        due += [] if wake is None else [wake]
        due += [self._flush_due] if self._backlog.has_release else []
        if self._inbox or (self._backlog.may_have_more and wants_rows(self._delivery, self._settings)):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(due) - time.monotonic())):
                await self._wakeup.wait()

    async def _work(self, link: ReservedLink) -> None:
        self._wakeup.clear()
        while self._inbox:
            await self._happen(link, self._inbox.popleft())
        await self._happen(link, TimePassed())
        wanted = wants_rows(self._delivery, self._settings)
        if wanted and self._backlog.may_have_more:
            await self._happen(link, Held(rows=await self._backlog.load(wanted)))
        while self._dispatch_messages:
            await self._take_dispatch(*self._dispatch_messages.popleft())
        now = time.monotonic()
        if now >= self._flush_due and self._backlog.has_release:
            self._flush_due = now + FLUSH_S
            await self._backlog.flush()
        if now >= self._look_due:
            self._look_due = now + STATE_LOOK_S
            self._show_state(link, now)
            self._watch_silence(now)

    async def _happen(self, link: ReservedLink, happened: Input) -> None:
        connection = self._connection
        self._delivery, outputs = advance(self._delivery, happened, now_s=time.monotonic(), settings=self._settings)
        for output in outputs:
            await self._do(link, output, connection)

    async def _do(self, link: ReservedLink, output: Output, connection: int) -> None:
        match output:
            case Send():
                await self._send(link, output, connection)
            case Release(upto=upto):
                self._backlog.release(upto)
                self._note_progress()
            case IdentityInDoubt(upto=upto, next_seq=next_seq):
                self._doubted_epoch = self._outbox.mark().epoch
                logger.error(
                    "identity in doubt gateway=%s upto=%d next_seq=%d: the collector knows events that this gateway "
                    "never made (cloned card, restored folder, second gateway); what is held is sent as disputed, then "
                    "a new epoch begins",
                    self._gateway,
                    upto,
                    next_seq,
                )
            case Halved(upto=upto, events=events):
                logger.warning(
                    "collector refuses an envelope gateway=%s upto=%d events=%d", self._gateway, upto, events
                )
            case _:
                assert_never(output)

    async def _send(self, link: ReservedLink, send: Send, connection: int) -> None:
        if any(isinstance(waiting, Withdrawn) for waiting in self._inbox):
            return  # decided before an event was withdrawn: it is decided again
        events = self._backlog.events(send)
        sender = Sender(
            gateway=self._gateway,
            epoch=self._outbox.mark().epoch,
            run=self._run,
            clock=self._clock,
            sign=self._credentials.sign if self._credentials else None,
        )
        make = partial(make_envelope, send, events, sender)
        try:
            data = make() if len(events) <= FEW_EVENTS else await asyncio.to_thread(make)
        except ContractError as exc:
            bad = unsendable(send, events, sender)
            if not bad:
                raise
            logger.error("events cannot be sent seqs=%s reason=%s: declared dropped", sorted(bad), exc)  # noqa: TRY400 - no bug of ours
            self._backlog.withdraw(bad)
            self._inbox.append(Withdrawn(seqs=bad))
            return
        if connection != self._connection:
            return
        try:
            link.publish(topics.up(self._gateway), data)
        except UplinkError as exc:  # it is still held, and sent again when the link is back or time is up
            logger.debug("envelope not sent first=%d last=%d reason=%s", send.first, send.last, exc)

    def _note_progress(self) -> None:
        self._on_progress()
        self._moved.set()
        self._silence.ended()

    def _watch_silence(self, now: float) -> None:
        mark = self._outbox.mark()
        is_waiting = self.is_connected and self._delivery.acked < mark.next_seq - 1
        self._silence.watch(now, depth=mark.depth, is_waiting=is_waiting)

    def _show_state(self, link: ReservedLink, now: float) -> None:
        """Publish the state when it changed, and regularly: the collector answers it with its acknowledgement."""
        if not link.connected:
            return
        state = {**self._state(), "run": self._run, "acked": {"facts": self._delivery.acked}}
        steady = {key: value for key, value in state.items() if key not in _MOVES_ALL_THE_TIME}
        if now < self._state_due and steady == self._published:
            return
        with contextlib.suppress(UplinkError):
            link.publish_retained(topics.state(self._gateway), self._signed(state))
            self._published = steady
            self._state_due = now + (COSTLY_STATE_EVERY_S if self._settings.delay_s > 0.0 else STATE_EVERY_S)

    def _offline(self) -> str | bytes:
        return self._signed({"online": False, "epoch": self._outbox.mark().epoch})

    def _signed(self, state: State) -> str | bytes:
        text = json.dumps(state, separators=(",", ":"))
        return text if self._credentials is None else sign_state(self._gateway, text, self._credentials.sign)

    def _when_connected(self) -> None:
        self._connection += 1
        away = "" if self._lost_at is None else f" away_s={time.monotonic() - self._lost_at:.0f}"
        self._lost_at = None
        logger.info("uplink connected gateway=%s broker=%s%s", self._gateway, self._broker, away)
        self._inbox.append(Connected())
        self._state_due = self._look_due = 0.0  # the state is our hello
        self._wakeup.set()

    def _when_disconnected(self, reason: str) -> None:
        self._connection += 1
        self._lost_at = time.monotonic()
        logger.warning("uplink lost gateway=%s broker=%s reason=%s", self._gateway, self._broker, reason)
        self._inbox.append(Disconnected())
        self._moved.set()
        self._wakeup.set()

    @property
    def _broker(self) -> str:
        return "" if self._link is None else str(self._link.address)

    def _when_message(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 (paho's own word)
        if self._dispatch.is_for(topic):
            self._dispatch_messages.append((topic, payload, retained))
        elif topic == topics.ack(self._gateway) and not retained:
            self._take_acknowledgement(payload)
        self._wakeup.set()

    def _take_acknowledgement(self, payload: bytes) -> None:
        try:
            ack = Acknowledgement.from_json(payload)
        except ContractError as exc:
            logger.warning("acknowledgement not understood gateway=%s reason=%s", self._gateway, exc)
            return
        keys = self._credentials
        if keys is not None and not keys.verify(ack.signature, ack.covered(self._gateway)):
            self._forgeries.note("acknowledgement", time.monotonic())
            return
        mark, runs = self._outbox.mark(), {self._run, None if self._credentials is None else self._run}
        if ack.lane is Lane.FACTS and ack.epoch == mark.epoch and ack.run in runs:
            answer = Answered(upto=ack.upto, next_seq=mark.next_seq, ahead=ack.ahead or 0, forked=ack.forked)
            self._inbox.append(answer)

    async def _take_dispatch(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 (as above)
        newer_than = int(self._state().get("dispatch_version", 0)) if retained else None
        take = partial(self._dispatch.take, topic, payload, newer_than=newer_than)
        try:
            document = await asyncio.to_thread(take)
        except ContractError as exc:
            logger.warning("dispatch not understood gateway=%s topic=%s reason=%s", self._gateway, topic, exc)
            return
        if document is not None:
            logger.info("dispatch taken gateway=%s version=%d", self._gateway, document.version)
            self._on_dispatch(document)
