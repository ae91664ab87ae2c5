"""Webhooks, decided: signatures, tries, addresses."""

from __future__ import annotations

import base64
import json

import pytest

from genba_cloud.core.webhooks import (
    TRIES,
    DeliveryState,
    Outcome,
    Reply,
    Targets,
    cloud_event,
    is_allowed,
    outcome_of,
    signature,
)


def test_the_signature_is_that_of_the_example_of_standard_webhooks() -> None:
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(
        b'{"test": 2432232314}', message="msg_p5jXN8AQM9LWM0D4loKWxJek", stamp="1614265330", secret=secret
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("reply", "tries", "expected"),
    [
        (Reply(status=200), 1, Outcome(state=DeliveryState.DELIVERED)),
        (Reply(status=204), 9, Outcome(state=DeliveryState.DELIVERED)),
        (Reply(status=302), 1, Outcome(state=DeliveryState.WAITING, due_in_s=5)),
        (Reply(status=500), 2, Outcome(state=DeliveryState.WAITING, due_in_s=30)),
        (Reply(error="refused"), 8, Outcome(state=DeliveryState.WAITING, due_in_s=43200)),
        (Reply(error="refused"), 9, Outcome(state=DeliveryState.GIVEN_UP)),
        (Reply(status=429, retry_after_s=60), 1, Outcome(state=DeliveryState.WAITING, due_in_s=60, wait_s=60)),
        (Reply(status=503, retry_after_s=1), 2, Outcome(state=DeliveryState.WAITING, due_in_s=30, wait_s=1)),
        (
            Reply(status=503, retry_after_s=10**9),
            1,
            Outcome(state=DeliveryState.WAITING, due_in_s=86_400, wait_s=86_400),
        ),
    ],
)
def test_what_follows_from_a_reply(reply: Reply, tries: int, expected: Outcome) -> None:
    assert outcome_of(reply, tries=tries, chance=0.5) == expected


def test_gone_stops_it() -> None:
    assert outcome_of(Reply(status=410), tries=1, chance=0.5).stops == "the receiver answered 410 Gone"


def test_tries_are_spread_by_a_fifth_to_both_sides() -> None:
    spread = [outcome_of(Reply(status=500), tries=1, chance=chance).due_in_s for chance in (0.0, 1.0)]
    assert spread == pytest.approx([4.0, 6.0])
    assert sorted(TRIES) == list(TRIES)


@pytest.mark.parametrize(
    ("address", "public", "loopback_too"),
    [
        ("93.184.215.14", True, True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("10.1.2.3", False, False),
        ("172.16.0.1", False, False),
        ("192.168.1.1", False, False),
        ("169.254.169.254", False, False),
        ("100.64.0.1", False, False),
        ("0.0.0.0", False, False),
        ("224.0.0.1", False, False),
        ("fe80::1%eth0", False, False),
        ("fd00::1", False, False),
        ("::ffff:10.0.0.1", False, False),
    ],
)
def test_which_addresses_may_be_sent_to(address: str, public: bool, loopback_too: bool) -> None:
    assert (is_allowed(address, Targets.PUBLIC), is_allowed(address, Targets.LOOPBACK_TOO)) == (public, loopback_too)


def test_an_event_about_nothing_in_particular_has_no_subject() -> None:
    told = json.loads(cloud_event({"id": "x", "kind": "stock_counted", "at": "2026-01-05T09:00:00.000Z"}, source="/g"))
    assert "subject" not in told
    assert (told["type"], told["time"]) == ("genba.stock_counted", "2026-01-05T09:00:00.000Z")
