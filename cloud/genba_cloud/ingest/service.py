"""Takes what gateways send: decode, ledger, acknowledge; and answers every hello."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC, datetime

from genba_cloud.ingest.acknowledging import (
    Addressee,
    LateAnswers,
    addressee,
    answer_to,
    answer_to_hello,
    joined,
    may_wait,
)
from genba_cloud.ingest.cluster_link import ClusterLink
from genba_cloud.ingest.copies import Copies
from genba_cloud.ingest.dispatcher import AWAY_S, Dispatcher
from genba_cloud.ingest.failures import Failures
from genba_cloud.ingest.fair_queue import FairQueue, Message
from genba_cloud.ingest.figures import Figures
from genba_cloud.ingest.messages import MAX_NAME, MAX_STATE, is_envelope_topic, read_envelope, read_state
from genba_cloud.ingest.trust import Refusal, Refusals, Refused, Trust, check_broker, trust_of
from genba_cloud.ledger import Appended, EnvelopeBatch, GatewayKept, GatewaySeen, Ledger, Peers
from genba_cloud.store.port import LeaseLost, Quarantined
from genba_shared import topics
from genba_shared.acknowledgement import ANSWER_WAIT_S, Acknowledgement
from genba_shared.errors import ContractError, PassingError, UplinkError
from genba_shared.signing import split_state, state_text

logger = logging.getLogger(__name__)


Task = EnvelopeBatch | Quarantined | GatewaySeen


def _wall_now() -> datetime:
    return datetime.now(UTC)


class Ingest:
    """The collector's side of the wire; `run` it beside the API. `now` gives plant time."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        broker: str,
        now: Callable[[], datetime],
        peers: Peers | None = None,
        trust: Trust | None = None,
        answer_wait_s: float = ANSWER_WAIT_S,
        count_refused: Callable[[str], None] = lambda reason: None,
    ) -> None:
        """Prepare. Without `trust`, whoever is not registered is believed where the broker is on this machine.

        `peers`: take only what belongs to the partitions that we hold, see `rebalance`. `answer_wait_s`: how long
        answers wait that may; gateways send again soon after `ANSWER_WAIT_S`.

        Raises:
            UsageError: the broker is on another machine without TLS, or its address is not understood.
        """
        check_broker(broker)
        self._ledger = ledger
        self._now = now
        self._peers = peers
        self._served: frozenset[int] = frozenset()
        self._queue = FairQueue()
        self._something = asyncio.Event()
        self._figures = Figures()
        self._is_full = False
        self._stopped: set[str] = set()
        self._unsigned: set[str] = set()
        self._trust = trust or trust_of(ledger, broker=broker)
        self._refusals = Refusals(count_refused)
        self._failures = Failures()
        self._copies = Copies()
        self._late = LateAnswers(self._acknowledge, wait_s=answer_wait_s)
        self._link = ClusterLink(
            broker,
            on_message=self._arrived,
            on_too_long=self._too_long,
            max_payload_bytes=MAX_STATE,
            on_connect=self._connected,
            on_disconnect=self._disconnected,
        )
        self._dispatcher = Dispatcher(ledger, self._link.publish_retained, sign=self._trust.sign)
        self._to_greet: set[int] = set()
        self._must_greet = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._link.connected

    async def run(self) -> None:
        """Take what arrives until cancelled; heals by itself when the broker is away."""
        if self._peers is None:
            self._link.subscribe(topics.UP_FILTER)
        self._link.subscribe_everywhere(topics.STATE_FILTER)
        async with self._link:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._dispatcher.run(), name="dispatcher")
                    group.create_task(self._consume(), name="ingest")
                    group.create_task(self._greet(), name="greetings")
            finally:
                self._late.give_all()

    def rebalance(self) -> None:
        """Take what belongs to the partitions that we hold now, and ask the gateways of new ones for a resend."""
        if self._peers is None:
            return
        before, self._served = self._served, self._peers.partitions
        if before - self._served:
            self._late.give_all()  # before another worker answers
        for partition in sorted(before - self._served):
            self._link.unsubscribe(topics.up_filter(partition))
        for partition in sorted(self._served - before):
            self._link.subscribe(topics.up_filter(partition))
        self._dispatcher.serve_only(self._peers.serves)
        self._to_greet |= self._served - before
        self._must_greet.set()

    def missed(self) -> None:
        """What other processes committed may have gone unheard."""
        self._dispatcher.missed()

    async def _greet(self) -> None:
        """Answer gateways that are new to us or were out of reach: each sends again what the answer does not cover."""
        while True:
            await self._must_greet.wait()
            self._must_greet.clear()
            partitions, self._to_greet = self._to_greet & self._served, set()
            if not partitions or not self._link.connected:  # all are greeted when the connection is there
                continue
            try:
                await self._greet_those_of(partitions)
            except PassingError as exc:
                logger.debug("greetings wait reason=%s", exc)
                self._to_greet |= partitions
                await asyncio.sleep(AWAY_S)
                self._must_greet.set()

    async def _greet_those_of(self, partitions: Set[int]) -> None:
        await asyncio.to_thread(self._trust.registry.refresh)
        for record in await asyncio.to_thread(self._ledger.reads.gateways):
            if topics.partition_of(record.gateway) not in partitions:
                continue
            answer = answer_to_hello(GatewaySeen(gateway=record.gateway, state=record.state, seen_at=None), record)
            if answer is not None:
                self._acknowledge(record.gateway, answer)
            if record.online:
                self._dispatcher.hear(record)

    def _is_ours(self, topic: str) -> bool:
        if self._peers is None:
            return True
        gateway = topics.gateway_of(topic)
        return gateway is not None and self._peers.serves(gateway)

    def figures(self) -> Mapping[str, float]:
        """What waits, what was left out and how long answers took, by Prometheus name."""
        numbers = self._figures.read(waiting=self._queue.waiting, waiting_bytes=self._queue.waiting_bytes)
        return {**numbers, "genba_gateways_quarantine_full": len(self._stopped)}

    def _arrived(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 (paho's shape)
        if not self._is_ours(topic):
            return
        message = Message(topic=topic, payload=payload, retained=retained, arrived_s=time.monotonic())
        sender = topics.gateway_of(topic)
        if is_envelope_topic(topic):
            left_out = self._queue.put_envelope(sender or "", message)  # those of nobody share one place
            if left_out:
                self._left_out(left_out, sender or topic)
        elif sender is not None:
            self._queue.put_state(sender, message)
        self._something.set()

    def _left_out(self, envelopes: int, sender: str) -> None:
        self._figures.count("left_out_envelopes", envelopes)
        if not self._is_full:
            self._is_full = True
            logger.warning(
                "ingest full sender=%s waiting=%d bytes=%d: what is left out comes again",
                sender,
                self._queue.waiting,
                self._queue.waiting_bytes,
            )

    def _too_long(self, topic: str, length: int, retained: bool) -> None:  # noqa: FBT001 (paho's shape)
        del retained
        gateway = topics.gateway_of(topic) or topic[:MAX_NAME]
        self._refusals.note(gateway, Refusal.TOO_LONG, f"{length} bytes on {topic:.120}", now_s=time.monotonic())

    def _connected(self) -> None:
        logger.info("broker connected address=%s", self._link.address)
        self._dispatcher.forget_greetings()
        self._to_greet |= self._served
        self._must_greet.set()

    def _disconnected(self, reason: str) -> None:
        logger.warning("broker lost address=%s reason=%s", self._link.address, reason)

    async def _consume(self) -> None:
        while True:
            await self._something.wait()
            messages = self._queue.take()
            if not messages:
                self._something.clear()
                self._is_full = False
                continue
            tasks = await asyncio.to_thread(self._read, messages)
            results = await self._keep_all(tasks)
            self._answer(tasks, results)
            answered_s = time.monotonic()
            for message in messages:
                if is_envelope_topic(message.topic):
                    self._figures.took(answered_s - message.arrived_s)

    def _read(self, messages: Sequence[Message]) -> list[Task]:
        """What the ledger has to do, in the order of arrival; what says nothing is left out.

        So is, while the registrations cannot be read, whoever was not registered when they were read last: it may have
        been since, and comes again.
        """
        registry = self._trust.registry
        try:
            registry.refresh()
        except PassingError as exc:
            logger.debug("registrations not read reason=%s", exc)
        judged = (message for message in messages if registry.knows(topics.gateway_of(message.topic) or ""))
        tasks = (self._read_one(message) for message in judged)
        return [task for task in tasks if task is not None]

    def _read_one(self, message: Message) -> Task | None:
        if is_envelope_topic(message.topic):
            task = read_envelope(message.topic, message.payload, now=self._now(), trust=self._trust)
            return self._once(task) if isinstance(task, Refused) else task
        gateway = topics.gateway_of(message.topic)
        if gateway is None or not message.payload:
            return None
        text, signature = split_state(message.payload)
        objection = self._trust.objection(gateway, signature=signature, covered=state_text(gateway, text))
        if objection is not None:
            self._refusals.note(gateway, objection, "its state", now_s=time.monotonic())
            return None
        try:
            state = read_state(text)
        except ContractError as exc:
            self._refusals.note(gateway, Refusal.UNREADABLE, str(exc), now_s=time.monotonic())
            return None
        return GatewaySeen(
            gateway=gateway,
            state=state,
            seen_at=None if message.retained else _wall_now(),
            enrolment=self._trust.registry.of(gateway).enrolment,
            alarm=None if message.retained else self._copies.hear(gateway, state, now_s=time.monotonic()),
        )

    def _watch_quarantine(self, gateway: str, *, is_full: bool) -> None:
        """Say once that a gateway stands still because its quarantine is full, and once that it goes on."""
        if is_full == (gateway in self._stopped):
            return
        if is_full:
            self._stopped.add(gateway)
            logger.error(
                "quarantine full gateway=%s: nothing of it is taken until there is room; it keeps its events. "
                "See `genba cloud quarantine list --gateway %s`",
                gateway,
                gateway,
            )
        else:
            self._stopped.discard(gateway)
            logger.info("quarantine has room gateway=%s: its events are taken again", gateway)

    def _once(self, refused: Refused) -> Quarantined | None:
        """A gateway repeats what is not acknowledged, and a stranger may send anything: each reason is kept once."""
        is_first = self._refusals.note(refused.gateway, refused.reason, refused.row.reason, now_s=time.monotonic())
        return refused.row if is_first else None

    async def _keep_all(self, tasks: Sequence[Task]) -> list[Appended | GatewayKept | BaseException]:
        """What became of each: envelopes share commits, and one that fails does not hurt the others."""
        envelopes = asyncio.ensure_future(
            self._ledger.append_all([task for task in tasks if isinstance(task, EnvelopeBatch)])
        )
        others = (self._keep(task) for task in tasks if not isinstance(task, EnvelopeBatch))
        kept = iter(await asyncio.gather(*others, return_exceptions=True))
        taken = iter(await envelopes)
        return [next(taken) if isinstance(task, EnvelopeBatch) else next(kept) for task in tasks]

    async def _keep(self, task: GatewaySeen | Quarantined) -> Appended | GatewayKept:
        match task:
            case GatewaySeen():
                return await self._ledger.see_gateway(task)
            case Quarantined():
                return await self._ledger.quarantine([task])

    def _answer(self, tasks: Sequence[Task], results: Sequence[Appended | GatewayKept | BaseException]) -> None:
        """Acknowledge what is committed, once per gateway; what failed is not answered and comes again."""
        answers: dict[Addressee, Acknowledgement] = {}
        urgent: set[Addressee] = set()
        for task, result in zip(tasks, results, strict=True):
            answer: Acknowledgement | None = None
            match task, result:
                case _, PassingError() | LeaseLost():
                    logger.debug("not kept gateway=%s reason=%s", task.gateway, result)
                case _, BaseException():
                    self._failures.note(task.gateway, result, now_s=time.monotonic())
                case EnvelopeBatch(), Appended(upto=int()):
                    self._watch_quarantine(task.gateway, is_full=result.is_quarantine_full)
                    answer = answer_to(task, result)
                case GatewaySeen(), GatewayKept(record=record):
                    self._dispatcher.hear(record)
                    answer = answer_to_hello(task, record)
                case _:
                    pass
            if answer is not None:
                key = addressee(task.gateway, answer)
                answers[key] = joined(answers.get(key), answer)
                if not may_wait(task, answer):
                    urgent.add(key)
        for key, answer in answers.items():
            give = self._late.give_at_once if key in urgent else self._late.give_later
            give(key[0], answer)

    def _acknowledge(self, gateway: str, acknowledgement: Acknowledgement) -> None:
        try:
            self._link.publish(topics.ack(gateway), self._signed(gateway, acknowledgement).to_json())
        except UplinkError as exc:
            logger.debug("acknowledgement not published gateway=%s reason=%s", gateway, exc)

    def _signed(self, gateway: str, acknowledgement: Acknowledgement) -> Acknowledgement:
        """Signed for a gateway that is enrolled: it deletes what is acknowledged, and must not believe anybody."""
        sign = self._trust.sign
        if self._trust.registry.of(gateway).verify is None:
            return acknowledgement
        if sign is None:
            if gateway not in self._unsigned:
                self._unsigned.add(gateway)
                logger.error(
                    "cannot sign gateway=%s: it is enrolled and believes no answer of this process, which has no keys: "
                    "copy the collector's identity/ into --data DIR and start it again",
                    gateway,
                )
            return acknowledgement
        return acknowledgement.signed(gateway, sign)
