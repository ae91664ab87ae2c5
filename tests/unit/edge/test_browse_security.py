"""Which of a server's offers a browse takes, and how the map says so."""

from __future__ import annotations

import argparse

import pytest

from genba_edge.app.browse_security import OPEN, add_security_arguments, choose, security_line
from genba_shared.device_map.model import SecurityMode, SecurityPolicy, SecuritySettings
from genba_shared.errors import GenbaError, UsageError

AES_SIGNED = SecuritySettings(policy=SecurityPolicy.AES256_SHA256, mode=SecurityMode.SIGN)
AES = SecuritySettings(policy=SecurityPolicy.AES256_SHA256)
BASIC = SecuritySettings(policy=SecurityPolicy.BASIC256SHA256)


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_security_arguments(parser)
    return parser.parse_args(words)


def test_the_strongest_offer_is_taken_and_encryption_counts_for_more_than_the_policy() -> None:
    assert choose([OPEN, BASIC, AES_SIGNED, AES], arguments()) == AES
    assert choose([OPEN, BASIC, AES_SIGNED], arguments()) == BASIC


def test_a_server_is_read_openly_only_where_it_offers_nothing_else_or_that_is_asked_for() -> None:
    assert choose([OPEN], arguments()) == OPEN
    assert choose([OPEN, BASIC], arguments("--policy", "none")) == OPEN
    with pytest.raises(GenbaError, match="does not offer none; it offers Basic256Sha256 with SignAndEncrypt"):
        choose([BASIC], arguments("--policy", "none"))


def test_what_is_asked_for_is_taken_and_nothing_weaker() -> None:
    assert choose([BASIC, AES_SIGNED, AES], arguments("--mode", "Sign")) == AES_SIGNED
    assert choose([BASIC, AES], arguments("--policy", "Basic256Sha256")) == BASIC
    with pytest.raises(GenbaError, match="does not offer Aes128_Sha256_RsaOaep"):
        choose([OPEN, BASIC], arguments("--policy", "Aes128_Sha256_RsaOaep"))


def test_a_user_signs_in_only_over_an_encrypted_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENBA_PASSWORD", "sesame")
    assert choose([AES_SIGNED, BASIC], arguments("--user", "edge")).mode is SecurityMode.SIGN_AND_ENCRYPT
    for offers in ([OPEN], [AES_SIGNED]):
        with pytest.raises(GenbaError, match="does not offer any policy that genba takes with SignAndEncrypt"):
            choose(offers, arguments("--user", "edge"))


def test_a_user_needs_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENBA_PASSWORD", raising=False)
    with pytest.raises(UsageError, match="GENBA_PASSWORD"):
        choose([BASIC], arguments("--user", "edge"))


def test_the_map_names_the_password_and_never_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENBA_PASSWORD", "sesame")
    line = security_line(choose([BASIC], arguments("--user", 'the "edge"')), device="plc1")
    assert line == (
        "security: {policy: Basic256Sha256, mode: SignAndEncrypt, "
        r'user: "the \"edge\"", password: !secret plc1_pw}'
    )
    assert security_line(OPEN, device="plc1") == "security: {policy: none}"
