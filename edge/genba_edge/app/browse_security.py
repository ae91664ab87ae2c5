"""How `genba edge browse` reaches a server: the best that it offers, or what is asked for, and how a map says so."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from genba_shared.device_map.model import SecurityMode, SecurityPolicy, SecuritySettings
from genba_shared.errors import GenbaError, UsageError
from genba_shared.secret import Secret

__all__ = ["OPEN", "add_security_arguments", "choose", "secret_name", "security_line"]

PASSWORD_VARIABLE: Final = "GENBA_PASSWORD"  # noqa: S105  # the name of a variable, not a password
AUTO: Final = "auto"
OPEN: Final = SecuritySettings(policy=SecurityPolicy.NONE)
_STRENGTH: Final = tuple(
    (policy, mode)
    for mode in (SecurityMode.SIGN_AND_ENCRYPT, SecurityMode.SIGN)
    for policy in (SecurityPolicy.AES256_SHA256, SecurityPolicy.AES128_SHA256, SecurityPolicy.BASIC256SHA256)
)
"""Encrypted before signed, newer before older. Source: OPC 10000-7, 6.6, where later policies replace earlier ones."""


def choose(offers: Sequence[SecuritySettings], args: argparse.Namespace) -> SecuritySettings:
    """The strongest offer that fits what was asked for, with the user; open only where nothing else is offered.

    Raises:
        GenbaError: the server offers nothing that fits.
        UsageError: a user without a password.
    """
    by_strength = {(offer.policy, offer.mode): offer for offer in offers if offer.policy is not SecurityPolicy.NONE}
    fitting = [
        by_strength[kind]
        for kind in _STRENGTH
        if kind in by_strength and args.policy in {AUTO, kind[0]} and args.mode in {None, kind[1]}
    ]
    if args.user:
        fitting = [offer for offer in fitting if offer.mode is SecurityMode.SIGN_AND_ENCRYPT]
    if fitting:
        return _with_user(fitting[0], args.user)
    may_be_open = args.mode is None and not args.user
    if may_be_open and OPEN in offers and (args.policy == SecurityPolicy.NONE or not by_strength):
        return OPEN
    raise GenbaError(f"the server does not offer {_asked(args)}; it offers {_named(offers)}")


def _with_user(offer: SecuritySettings, user: str) -> SecuritySettings:
    if not user:
        return offer
    password = os.environ.get(PASSWORD_VARIABLE, "")
    if not password:
        raise UsageError(f"--user needs the password in the environment variable {PASSWORD_VARIABLE}")
    return SecuritySettings(policy=offer.policy, mode=offer.mode, user=user, password=Secret(password))


def _asked(args: argparse.Namespace) -> str:
    policy = "any policy that genba takes" if args.policy == AUTO else args.policy
    mode = SecurityMode.SIGN_AND_ENCRYPT if args.user and args.mode is None else args.mode
    return policy if mode is None else f"{policy} with {mode}"


def _named(offers: Sequence[SecuritySettings]) -> str:
    named = ["none" if offer == OPEN else f"{offer.policy} with {offer.mode}" for offer in offers]
    return ", ".join(sorted(set(named))) or "nothing that genba takes"


def secret_name(device: str) -> str:
    """What the map calls the device's password."""
    return f"{device}_pw"


def security_line(security: SecuritySettings, *, device: str) -> str:
    """The device's line in a map; the password stays outside of it."""
    if security == OPEN:
        return "security: {policy: none}"
    parts = [f"policy: {security.policy}", f"mode: {security.mode}"]
    if security.user:
        quoted = security.user.replace("\\", "\\\\").replace('"', '\\"')
        parts += [f'user: "{quoted}"', f"password: !secret {secret_name(device)}"]
    return f"security: {{{', '.join(parts)}}}"


def add_security_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that say how the server is reached."""
    group = parser.add_argument_group("security")
    group.add_argument(
        "--policy",
        default=AUTO,
        choices=[AUTO, *(str(policy) for policy in SecurityPolicy)],
        help="auto (default): the best that the server offers; none: neither signed nor encrypted",
    )
    group.add_argument("--mode", choices=[str(mode) for mode in SecurityMode], help="the best of the server (default)")
    group.add_argument(
        "--user", metavar="NAME", default="", help=f"who signs in; the password is taken from {PASSWORD_VARIABLE}"
    )
    group.add_argument(
        "--state",
        metavar="DIR",
        type=Path,
        default=Path("state"),
        help="where our certificate and those of servers are kept (default: state, as in a map)",
    )
