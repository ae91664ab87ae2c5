"""What the collector answers to envelopes and to a gateway's hello."""

from __future__ import annotations

from dataclasses import replace

from genba_cloud.core.delivery import Standing, greet
from genba_cloud.ledger import Appended, EnvelopeBatch, GatewaySeen
from genba_cloud.store.read import ALARM, GatewayRecord
from genba_shared.acknowledgement import Acknowledgement
from genba_shared.codec import Lane


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
    """One answer for two: the later one, which must not hide that events differed."""
    return later if earlier is None or not earlier.forked else replace(later, forked=True)


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
