"""RFID readers from their settings."""

from __future__ import annotations

import yaml

from genba_shared.device_map.build_points import read_device
from genba_shared.device_map.model import ImpinjDevice, InventorySession, LlrpDevice
from genba_shared.device_map.phrases import add, write
from genba_shared.device_map.spec import Scope, Values
from genba_shared.device_map.tables_rfid import IMPINJ_DEVICE, LLRP_DEVICE
from genba_shared.texts import say


def build_llrp(node: yaml.Node, scope: Scope) -> LlrpDevice:
    """One LLRP reader.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_device(node, scope, LLRP_DEVICE)
    host, port = values.taken.pop("endpoint", ("", 0))
    check_antennas(values)
    if values.taken.get("session", InventorySession.S0) is not InventorySession.S0:
        values.warn(
            "session",
            say(
                "session-silences", "outside of session s0 a tag that stays falls silent, and looks as if it had left."
            ),
            say("write-unless-passing", "Write {snippet}, unless the tags only pass by.", snippet="s0"),
        )
    return values.build(LlrpDevice, host=host, port=port)


def build_impinj(node: yaml.Node, scope: Scope) -> ImpinjDevice:
    """One Impinj reader.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_device(node, scope, IMPINJ_DEVICE)
    check_antennas(values)
    written = values.nodes.keys()
    if "password" in written and "user" not in written:
        values.error("password", say("password-without-user", "`password` stands without `user`."), add("user: root"))
    if {"ca", "server_fingerprint"} <= written:
        values.error(
            "ca",
            say(
                "two-ways-to-know-a-reader",
                "`ca` and `server_fingerprint` are two ways to know the reader: one is enough.",
            ),
            say("keep-fingerprint", "Keep server_fingerprint for a certificate that the reader signed itself."),
        )
    if str(values.taken.get("url", "")).startswith("http://"):
        _check_plain_http(values)
    return values.build(ImpinjDevice)


def check_antennas(values: Values) -> None:
    """A reader has at least one antenna."""
    if "antennas" in values.taken and not values.taken["antennas"]:
        values.error(
            "antennas",
            say("no-antennas", "the reader has no antennas: at least one is needed."),
            write("{1: {read_point: gate}}"),
        )


def _check_plain_http(values: Values) -> None:
    for key in ("ca", "server_fingerprint"):
        if key in values.nodes:
            message = say("key-of-encryption", "`{key}` is for an encrypted connection.", key=key)
            values.error(key, message, write("url: https://HOST"))
    if "password" in values.nodes:
        values.warn(
            "password",
            say(
                "password-in-clear",
                "the password goes through the network as it is: {scheme}:// is not encrypted.",
                scheme="http",
            ),
            say("write-if-reader-can", "Write {snippet}, where the reader can.", snippet="url: https://HOST"),
        )
