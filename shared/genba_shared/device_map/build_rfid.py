"""RFID readers from their settings."""

from __future__ import annotations

import yaml

from genba_shared.device_map.build_points import read_device
from genba_shared.device_map.model import ImpinjDevice, InventorySession, LlrpDevice
from genba_shared.device_map.spec import Scope, Values
from genba_shared.device_map.tables_rfid import IMPINJ_DEVICE, LLRP_DEVICE


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
            "outside of session s0 a tag that stays falls silent, and looks as if it had left.",
            "Write s0, unless the tags only pass by.",
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
        values.error("password", "`password` stands without `user`.", "Add user: root.")
    if {"ca", "server_fingerprint"} <= written:
        values.error(
            "ca",
            "`ca` and `server_fingerprint` are two ways to know the reader: one is enough.",
            "Keep server_fingerprint for a certificate that the reader signed itself.",
        )
    if str(values.taken.get("url", "")).startswith("http://"):
        _check_plain_http(values)
    return values.build(ImpinjDevice)


def check_antennas(values: Values) -> None:
    """A reader has at least one antenna."""
    if "antennas" in values.taken and not values.taken["antennas"]:
        values.error(
            "antennas", "the reader has no antennas: at least one is needed.", "Write {1: {read_point: gate}}."
        )


def _check_plain_http(values: Values) -> None:
    for key in ("ca", "server_fingerprint"):
        if key in values.nodes:
            values.error(key, f"`{key}` is for an encrypted connection.", "Write url: https://HOST.")
    if "password" in values.nodes:
        values.warn(
            "password",
            "the password goes through the network as it is: http:// is not encrypted.",
            "Write url: https://HOST, where the reader can.",
        )
