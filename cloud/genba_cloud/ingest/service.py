"""Takes what gateways send: decode, ledger, acknowledge; and answers every hello."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from genba_cloud.ingest.cluster_link import ClusterLink
from genba_cloud.ingest.dispatcher import Dispatcher
from genba_cloud.ingest.messages import is_envelope_topic, read_envelope, read_state
from genba_cloud.ledger import Appended, EnvelopeBatch, GatewayKept, GatewaySeen, Ledger, Peers
from genba_cloud.store.port import LeaseLost, Quarantined
from genba_shared import topics
from genba_shared.acknowledgement import Acknowledgement
from genba_shared.broker import BrokerAddress
from genba_shared.codec import Lane
from genba_shared.errors import ContractError, UplinkError, UsageError

logger = logging.getLogger(__name__)

GROUP: Final = 64
"""Messages that are taken together at most: they share commits, and one acknowledgement per gateway."""

WAITING: Final = 2048
"""Messages that wait at most: an envelope that comes above that is not taken, and its gateway sends it again."""

_REFUSED_KEPT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    topic: str
    payload: bytes
    retained: bool


Task = EnvelopeBatch | Quarantined | GatewaySeen
Answers = dict[tuple[str, Lane, str], int]


def _wall_now() -> datetime:
    return datetime.now(UTC)


class Ingest:
    """The collector's side of the wire; `run` it beside the API. `now` gives plant time."""

    def __init__(self, ledger: Ledger, *, broker: str, now: Callable[[], datetime], peers: Peers | None = None) -> None:
        """Prepare. `peers`: take only what belongs to the partitions that we hold, see `rebalance`.

        Raises:
            UsageError: the broker is not on this machine, or its address is not understood.
        """
        refuse_remote(broker)
        self._ledger = ledger
        self._now = now
        self._peers = peers
        self._served: frozenset[int] = frozenset()
        self._messages: asyncio.Queue[_Message] = asyncio.Queue()
        self._left_out = 0
        self._unreadable: dict[str, bytes] = {}
        self._link = ClusterLink(
            broker,
            on_message=self._arrived,
            on_connect=self._connected,
            on_disconnect=self._disconnected,
        )
        self._dispatcher = Dispatcher(ledger, self._link.publish_retained)
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
        async with self._link, asyncio.TaskGroup() as group:
            group.create_task(self._dispatcher.run(), name="dispatcher")
            group.create_task(self._consume(), name="ingest")
            group.create_task(self._greet(), name="greetings")

    def rebalance(self) -> None:
        """Take what belongs to the partitions that we hold now, and ask the gateways of new ones for a resend."""
        if self._peers is None:
            return
        before, self._served = self._served, self._peers.partitions
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
            for record in await asyncio.to_thread(self._ledger.reads.gateways):
                if record.epoch is None or topics.partition_of(record.gateway) not in partitions:
                    continue
                self._acknowledge(record.gateway, Lane.FACTS, record.epoch, record.upto)
                if record.online:
                    self._dispatcher.hear(record)

    def _is_ours(self, topic: str) -> bool:
        if self._peers is None:
            return True
        gateway = topics.gateway_of(topic)
        return gateway is not None and self._peers.serves(gateway)

    def _arrived(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 (paho's shape)
        if not self._is_ours(topic):
            return
        if is_envelope_topic(topic) and self._messages.qsize() >= WAITING:
            if not self._left_out:
                logger.warning("ingest full waiting=%s", WAITING)
            self._left_out += 1
            return
        self._messages.put_nowait(_Message(topic=topic, payload=payload, retained=retained))

    def _connected(self) -> None:
        logger.info("broker connected address=%s", self._link.address)
        self._dispatcher.forget_greetings()
        self._to_greet |= self._served
        self._must_greet.set()

    def _disconnected(self, reason: str) -> None:
        logger.warning("broker lost address=%s reason=%s", self._link.address, reason)

    async def _consume(self) -> None:
        while True:
            messages = [await self._messages.get()]
            while len(messages) < GROUP and not self._messages.empty():
                messages.append(self._messages.get_nowait())
            if self._left_out and self._messages.empty():
                logger.info("ingest back left_out=%s", self._left_out)
                self._left_out = 0
            tasks = await asyncio.to_thread(self._read, messages)
            results = await asyncio.gather(*(self._keep(task) for task in tasks), return_exceptions=True)
            self._answer(tasks, results)

    def _read(self, messages: Sequence[_Message]) -> list[Task]:
        """What the ledger has to do, in the order of arrival; what says nothing is left out."""
        tasks = (self._read_one(message) for message in messages)
        return [task for task in tasks if task is not None]

    def _read_one(self, message: _Message) -> Task | None:
        if is_envelope_topic(message.topic):
            task = read_envelope(message.topic, message.payload, now=self._now())
            return self._once(task) if isinstance(task, Quarantined) else task
        gateway = topics.gateway_of(message.topic)
        if gateway is None or not message.payload:
            return None
        try:
            state = read_state(message.payload)
        except ContractError as exc:
            logger.warning("state refused gateway=%s reason=%s", gateway, exc)
            return None
        return GatewaySeen(gateway=gateway, state=state, seen_at=None if message.retained else _wall_now())

    def _once(self, row: Quarantined) -> Quarantined | None:
        """A gateway repeats what is not acknowledged: what cannot be read is kept once, not every few seconds."""
        digest = sha256(row.body).digest()
        if self._unreadable.get(row.gateway) == digest:
            return None
        if len(self._unreadable) >= _REFUSED_KEPT:
            self._unreadable.clear()
        self._unreadable[row.gateway] = digest
        logger.warning("envelope refused gateway=%s reason=%s", row.gateway, row.reason)
        return row

    async def _keep(self, task: Task) -> Appended | GatewayKept:
        match task:
            case EnvelopeBatch():
                return await self._ledger.append(task)
            case GatewaySeen():
                return await self._ledger.see_gateway(task)
            case Quarantined():
                return await self._ledger.quarantine([task])

    def _answer(self, tasks: Sequence[Task], results: Sequence[Appended | GatewayKept | BaseException]) -> None:
        """Acknowledge what is committed, once per gateway; what failed is not answered and comes again."""
        answers: Answers = {}
        for task, result in zip(tasks, results, strict=True):
            match task, result:
                case _, LeaseLost():
                    logger.debug("left to another process gateway=%s reason=%s", task.gateway, result)
                case _, BaseException():
                    logger.error("not kept gateway=%s", task.gateway, exc_info=result)
                case EnvelopeBatch(), Appended(upto=int(upto)):
                    answers[task.gateway, Lane(task.lane), task.epoch] = upto
                case GatewaySeen(), GatewayKept(record=record):
                    self._dispatcher.hear(record)
                    if record.online and record.epoch is not None:
                        answers[record.gateway, Lane.FACTS, record.epoch] = record.upto
                case _:
                    pass
        for (gateway, lane, epoch), upto in answers.items():
            self._acknowledge(gateway, lane, epoch, upto)

    def _acknowledge(self, gateway: str, lane: Lane, epoch: str, upto: int) -> None:
        acknowledgement = Acknowledgement(lane=lane, epoch=epoch, upto=upto)
        try:
            self._link.publish(topics.ack(gateway), acknowledgement.to_json())
        except UplinkError as exc:
            logger.debug("acknowledgement not published gateway=%s reason=%s", gateway, exc)


def refuse_remote(broker: str) -> None:
    """Only a broker on this machine is safe without enrolment.

    Raises:
        UsageError: the broker is elsewhere, or its address is not understood.
    """
    for node in BrokerAddress.parse(broker).nodes:
        try:
            is_local = ipaddress.ip_address(node.host).is_loopback
        except ValueError:
            is_local = node.host == "localhost"
        if not is_local:
            raise UsageError(
                f"broker on {node.host}: gateways of another machine must be enrolled, which comes in a later version; "
                "use a broker on 127.0.0.1, or leave --broker out for the embedded one"
            )
