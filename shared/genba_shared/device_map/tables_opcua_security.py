"""The settings of an OPC UA connection's security."""

from __future__ import annotations

import re
from typing import Final

import yaml

from genba_shared.device_map.kinds import choice, secret_text, text
from genba_shared.device_map.model import SecurityMode, SecurityPolicy, SecuritySettings
from genba_shared.device_map.problems import Wrong, did_you_mean, shorten
from genba_shared.device_map.scalars import scalar_text
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Scope, Values, keys

_WITHDRAWN: Final = frozenset({"Basic128Rsa15", "Basic256"})
_WORDS: Final = tuple(str(policy) for policy in SecurityPolicy)


def _policy_of(node: yaml.Node, _scope: Scope) -> SecurityPolicy:
    allowed = f"one of {', '.join(_WORDS)}"
    word = scalar_text(node, allowed=allowed, example="policy: Basic256Sha256")
    if word in _WITHDRAWN:
        raise Wrong(
            f"{word} rests on SHA-1, which can be forged; the OPC Foundation has withdrawn it: {allowed} is needed.",
            "Write Basic256Sha256 and switch it on at the server.",
        )
    if word not in _WORDS:
        raise Wrong(f"'{shorten(word)}' is not {allowed}.", did_you_mean(word, _WORDS, "Write Basic256Sha256."))
    return SecurityPolicy(word)


def _fingerprint_of(written: str) -> str:
    digits = written.lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise Wrong(
            f"'{shorten(written)}' is not a SHA-256 fingerprint: sha256: and 64 hex digits.",
            "Copy it from the log line of the first connection, or from the server's certificate page.",
        )
    return f"sha256:{digits}"


SECURITY: Final = ObjectSpec(
    name="the security of a connection",
    model=SecuritySettings,
    keys=keys(
        Key(
            name="policy",
            kind=Kind(allowed=f"one of {', '.join(_WORDS)}", read=_policy_of),
            meaning="how messages are signed and encrypted; `none` has to be written out, so that nobody believes "
            "otherwise",
            example="policy: Basic256Sha256",
        ),
        Key(
            name="mode",
            kind=choice(SecurityMode),
            meaning="`SignAndEncrypt`: nobody on the way can read or change a message; `Sign`: not change it",
            example="mode: SignAndEncrypt",
        ),
        Key(
            name="user",
            kind=text("the name of a user", "edge"),
            meaning="who signs in; without it the connection is anonymous",
            example="user: edge",
        ),
        Key(
            name="password",
            kind=secret_text(),
            meaning="the user's password, from the secrets file or the environment, never written here",
            example="password: !secret cutter1_pw",
        ),
        Key(
            name="server_fingerprint",
            kind=text("a SHA-256 fingerprint", '"sha256:ab12…"', check=_fingerprint_of),
            meaning="fingerprint of the server's certificate; without it the first one that is seen is kept in the "
            "state folder, and a change is refused",
            example='server_fingerprint: "sha256:ab12…"',
        ),
    ),
)


def build_security(values: Values) -> SecuritySettings:
    """The settings, checked against one another.

    Raises:
        Unusable: something in them is wrong; it has been reported.
    """
    taken = values.taken
    if taken.get("policy") is SecurityPolicy.NONE:
        for key in ("mode", "user", "password", "server_fingerprint"):
            if key in values.nodes:
                values.error(
                    key,
                    f"`{key}` needs an encrypted connection: with policy none everybody on the network reads along.",
                    f"Write policy: Basic256Sha256, or leave `{key}` out.",
                )
    elif "user" in taken and taken.get("mode") is SecurityMode.SIGN:
        values.error(
            "mode",
            "a user signs in only over an encrypted connection: Sign leaves messages readable.",
            "Write mode: SignAndEncrypt.",
        )
    if "user" in values.nodes and "password" not in values.nodes:
        values.error("user", "the user has no password.", "Add password: !secret NAME.")
    if "password" in values.nodes and "user" not in values.nodes:
        values.error("password", "the password has no user.", "Add user: NAME, or leave `password` out.")
    return values.build(SecuritySettings)
