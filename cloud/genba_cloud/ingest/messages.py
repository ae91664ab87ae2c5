"""What arrives over MQTT, as bytes, into what the ledger takes; nothing here touches a socket or a database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NoReturn

from genba_cloud.core.delivery import Reach
from genba_cloud.ingest.trust import Refusal, Refused, Trust
from genba_cloud.ledger import Broken, EnvelopeBatch
from genba_cloud.store.port import Quarantined
from genba_shared import topics
from genba_shared.codec import (
    MAX_ENVELOPE,
    Envelope,
    Header,
    Lane,
    Rejected,
    decode,
    decode_header,
    decode_signed_header,
)
from genba_shared.errors import ContractError, UsageError
from genba_shared.events import EventId, event_from_json

MAX_STATE: Final = 256 * 1024
KEPT_OF_REFUSED: Final = 4096  # bytes: the whole header; whoever sends rubbish must not fill the disk
MAX_NAME: Final = 120  # characters of a topic that names no gateway
_UP: Final = "genba/1/up/"


def is_envelope_topic(topic: str) -> bool:
    """Whether envelopes come on this topic."""
    return topic.startswith(_UP)


def read_envelope(topic: str, payload: bytes, *, now: datetime, trust: Trust) -> EnvelopeBatch | Refused:
    """The envelope, ready for the ledger; `Refused` where it cannot be told whose it is, or it is not that gateway's.

    An envelope whose header is sound and whose body is not is taken as broken as a whole: it is quarantined with its
    bytes and accounted for, so that it does not stop what comes after it. Its body is opened only when all else fits.
    """
    gateway = topics.gateway_of(topic)
    name = gateway or topic[:MAX_NAME]

    def refused(reason: Refusal, why: str) -> Refused:
        row = Quarantined(gateway=name, reason=f"{reason}: {why}", received_at=now, body=payload[:KEPT_OF_REFUSED])
        return Refused(gateway=name, reason=reason, row=row)

    if len(payload) > MAX_ENVELOPE:
        row = Quarantined(gateway=name, reason=f"{Refusal.TOO_LONG}: {len(payload)} bytes", received_at=now, body=b"")
        return Refused(gateway=name, reason=Refusal.TOO_LONG, row=row)
    try:
        signed = decode_signed_header(payload)
    except ContractError as exc:
        return refused(Refusal.UNREADABLE, f"header: {exc}")
    header = signed.header
    if header.gateway != gateway:
        return refused(Refusal.TOPIC, f"topic {topic:.120} does not belong to gateway {header.gateway}")
    objection = trust.objection(gateway, signature=header.signature, covered=signed.covered)
    if objection is not None:
        return refused(objection, f"seq {header.first}..{header.last} of epoch {header.epoch}")
    if header.lane is not Lane.FACTS:
        return _broken(header, f"lane {header.lane} is not kept by this version", payload)
    try:
        envelope = decode(payload, signed)
    except ContractError as exc:
        return _broken(header, str(exc), payload)
    except UsageError as exc:  # this machine lacks what it takes; the gateway keeps its events until it has it
        return refused(Refusal.UNSUPPORTED, str(exc))
    return _batch(header, envelope)


def reread(row: Quarantined) -> EnvelopeBatch | str:
    """A quarantined row as this version reads it: one event, or a whole envelope; a text says why it cannot be read."""
    try:
        return _reread_envelope(row.body) if row.event_id is None else _reread_event(row.event_id, row.body)
    except (ContractError, UsageError, ValueError) as exc:
        return str(exc)


def _reread_envelope(payload: bytes) -> EnvelopeBatch:
    return _batch(decode_header(payload), decode(payload))


def _batch(header: Header, envelope: Envelope) -> EnvelopeBatch:
    return EnvelopeBatch(
        gateway=header.gateway,
        lane=str(header.lane),
        epoch=header.epoch,
        reach=_reach(header),
        events=envelope.events,
        broken=tuple(_broken_event(rejected) for rejected in envelope.rejected),
        patient=header.patient,
    )


def _reread_event(event_id: str, body: bytes) -> EnvelopeBatch:
    event, made = event_from_json(json.loads(body)), EventId.parse(event_id)
    if made is None or event.id != event_id:
        raise ContractError(f"{event_id} is kept with an event of another id, {event.id}")
    reach = Reach(first=made.seq, last=made.seq, prev=made.seq - 1, acked=0)
    return EnvelopeBatch(gateway=made.gateway, lane=str(Lane.FACTS), epoch=made.epoch, reach=reach, events=(event,))


def _broken(header: Header, reason: str, payload: bytes) -> EnvelopeBatch:
    return EnvelopeBatch(
        gateway=header.gateway,
        lane=str(header.lane),
        epoch=header.epoch,
        reach=_reach(header),
        events=(),
        broken=(Broken(seq=None, reason=reason, body=payload),),
    )


def _broken_event(rejected: Rejected) -> Broken:
    body = json.dumps(rejected.raw, ensure_ascii=False, default=str).encode()
    return Broken(seq=rejected.seq, reason=rejected.reason, body=body)


def _reach(header: Header) -> Reach:
    return Reach(
        first=header.first,
        last=header.last,
        prev=header.prev,
        acked=header.acked,
        run=header.run,
        disputed=header.disputed,
    )


def read_state(payload: bytes) -> Mapping[str, Any]:
    """The gateway's state, checked; keys that are not known are kept.

    Raises:
        ContractError: not a JSON object of the form that the wire contract fixes; the message names the key.
    """
    if len(payload) > MAX_STATE:
        raise ContractError(f"state of {len(payload)} bytes: at most {MAX_STATE}")
    try:
        state = json.loads(payload, parse_constant=_refuse_constant)
        json.dumps(state, ensure_ascii=False).encode()  # half a letter is JSON, but no text that can be sent on
    except (ValueError, RecursionError) as exc:
        raise ContractError(f"state is not JSON: {exc}") from exc
    if not isinstance(state, dict) or not isinstance(state.get("online"), bool):
        raise ContractError("state: online must be true or false")
    epoch = state.get("epoch")
    if not isinstance(epoch, str) or len(epoch) != 32 or not set(epoch) <= set("0123456789abcdef"):
        raise ContractError(f"state: epoch {epoch!r:.80} is not 32 hexadecimal digits")
    for key in ("stations", "zones", "nodes", "stocktakes"):
        names = state.get(key, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ContractError(f"state: {key} is not a list of names")
    run = state.get("run")
    if run is not None and not (isinstance(run, str) and len(run) == 8 and set(run) <= set("0123456789abcdef")):
        raise ContractError(f"state: run {run!r:.80} is not 8 hexadecimal digits")
    for key in ("next_seq", "acked", "outbox", "devices"):
        if not isinstance(state.get(key, {}), dict):
            raise ContractError(f"state: {key} is not an object")
    if not all(isinstance(device, dict) for device in state.get("devices", {}).values()):
        raise ContractError("state: devices is not an object of objects")
    _check_numbers(state)
    return state


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number of JSON")


def _check_numbers(state: Mapping[str, Any]) -> None:
    numbers = {
        "next_seq.facts": state.get("next_seq", {}).get("facts"),
        "acked.facts": state.get("acked", {}).get("facts"),
        "outbox.depth": state.get("outbox", {}).get("depth"),
        "dispatch_version": state.get("dispatch_version"),
    }
    for key, value in numbers.items():
        if value is not None and (type(value) is not int or value < 0):
            raise ContractError(f"state: {key} {value!r:.80} is not a whole number")
