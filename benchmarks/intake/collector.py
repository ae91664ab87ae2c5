"""The collector's path from bytes to an acknowledgement, in the order in which the ingest walks it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from genba_cloud.ingest.messages import read_envelope
from genba_cloud.ingest.trust import Trust, trust_of
from genba_cloud.ledger import EnvelopeBatch, Ledger
from genba_shared.acknowledgement import Acknowledgement
from genba_shared.codec import Lane

Message = tuple[str, bytes]


async def take(ledger: Ledger, messages: Sequence[Message], *, now: datetime) -> list[str]:
    """Decode, check, append, fold and commit these messages; the acknowledgements, one for each gateway."""
    trust = trust_of(ledger, broker="mqtt://127.0.0.1")
    batches = await asyncio.to_thread(_read, messages, now, trust)
    results = await ledger.append_all(batches)
    answers: dict[tuple[str, str, str], int] = {}
    for batch, result in zip(batches, results, strict=True):
        if isinstance(result, BaseException):
            raise result
        if result.upto is not None:
            answers[batch.gateway, batch.lane, batch.epoch] = result.upto
    return [
        Acknowledgement(lane=Lane(lane), epoch=epoch, upto=upto).to_json() for (_, lane, epoch), upto in answers.items()
    ]


def _read(messages: Sequence[Message], now: datetime, trust: Trust) -> list[EnvelopeBatch]:
    batches = [read_envelope(topic, payload, now=now, trust=trust) for topic, payload in messages]
    return [batch for batch in batches if isinstance(batch, EnvelopeBatch)]
