"""Answers that may wait: which, for how long, and what they say together."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from genba_cloud.core.delivery import Reach
from genba_cloud.ingest.acknowledging import LateAnswers, may_wait
from genba_cloud.ledger import EnvelopeBatch
from genba_shared.acknowledgement import ANSWER_WAIT_S, Acknowledgement

EPOCH, RUN = "0123456789abcdef0123456789abcdef", "0badc0de"
ANSWER = Acknowledgement(epoch=EPOCH, upto=7, run=RUN)
REACH = Reach(first=5, last=7, prev=4, acked=2, run=RUN)
ENVELOPE = EnvelopeBatch(gateway="gw-1", lane="facts", epoch=EPOCH, reach=REACH, events=(), patient=True)
NEVER_S = 3600.0

Given = list[tuple[str, Acknowledgement]]


def late() -> tuple[LateAnswers, Given]:
    given: Given = []
    return LateAnswers(lambda gateway, answer: given.append((gateway, answer)), wait_s=NEVER_S), given


def test_gateways_are_answered_within_the_time_that_the_wire_allows() -> None:
    assert ANSWER_WAIT_S == 5.0


@pytest.mark.parametrize(
    ("envelope", "answer"),
    [
        (replace(ENVELOPE, patient=False), ANSWER),
        (replace(ENVELOPE, reach=replace(REACH, disputed=True)), ANSWER),
        (ENVELOPE, replace(ANSWER, upto=4)),  # not taken: it must be sent again
        (ENVELOPE, replace(ANSWER, upto=9)),  # it was here already
        (ENVELOPE, replace(ANSWER, ahead=12)),
        (ENVELOPE, replace(ANSWER, forked=True)),
    ],
)
def test_what_a_gateway_must_hear_does_not_wait(envelope: EnvelopeBatch, answer: Acknowledgement) -> None:
    assert may_wait(ENVELOPE, ANSWER)
    assert not may_wait(envelope, answer)


async def test_answers_that_wait_become_one_when_the_time_of_the_first_is_up() -> None:
    given: asyncio.Queue[Acknowledgement] = asyncio.Queue()
    answers = LateAnswers(lambda gateway, answer: given.put_nowait(answer), wait_s=0.05)
    answers.give_later("gw-1", replace(ANSWER, upto=5))
    answers.give_later("gw-1", ANSWER)
    async with asyncio.timeout(20):
        assert await given.get() == ANSWER
    answers.give_all()
    assert given.empty()


async def test_an_answer_at_once_takes_along_what_waits_for_the_same_run_alone() -> None:
    answers, given = late()
    answers.give_later("gw-1", ANSWER)
    answers.give_later("gw-1", replace(ANSWER, upto=3, run="00000001"))
    answers.give_later("gw-2", replace(ANSWER, upto=2))
    answers.give_at_once("gw-1", replace(ANSWER, upto=6))
    assert given == [("gw-1", ANSWER)]
    answers.give_all()
    assert given[1:] == [("gw-1", replace(ANSWER, upto=3, run="00000001")), ("gw-2", replace(ANSWER, upto=2))]
    answers.give_all()
    assert len(given) == 3
