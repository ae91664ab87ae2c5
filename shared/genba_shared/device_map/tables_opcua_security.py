"""The settings of an OPC UA connection's security."""

from __future__ import annotations

from typing import Final

import yaml

from genba_shared.device_map.fingerprints import EXAMPLE_FINGERPRINT, FINGERPRINT, sha256_of
from genba_shared.device_map.kinds import choice, secret_text, text
from genba_shared.device_map.model import SecurityMode, SecurityPolicy, SecuritySettings
from genba_shared.device_map.phrases import add, one_of, write
from genba_shared.device_map.problems import Wrong, did_you_mean, shorten
from genba_shared.device_map.scalars import scalar_text
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Scope, Values, keys
from genba_shared.texts import say

_WITHDRAWN: Final = frozenset({"Basic128Rsa15", "Basic256"})
_WORDS: Final = tuple(str(policy) for policy in SecurityPolicy)
_BEST: Final = "policy: Basic256Sha256"


def _policy_of(node: yaml.Node, _scope: Scope) -> SecurityPolicy:
    allowed = one_of(_WORDS)
    word = scalar_text(node, allowed=allowed, example=_BEST)
    if word in _WITHDRAWN:
        raise Wrong(
            say(
                "withdrawn-policy",
                "{word} rests on SHA-1, which can be forged; the OPC Foundation has withdrawn it: {allowed} is needed.",
                word=word,
                allowed=allowed,
            ),
            say("write-and-switch-on", "Write {snippet} and switch it on at the server.", snippet="Basic256Sha256"),
        )
    if word not in _WORDS:
        raise Wrong(
            say("not-a-choice", "'{word}' is not {allowed}.", word=shorten(word), allowed=allowed),
            did_you_mean(word, _WORDS, write("Basic256Sha256")),
        )
    return SecurityPolicy(word)


def _fingerprint_of(written: str) -> str:
    fix = say(
        "fingerprint-from-server",
        "Copy it from the log line of the first connection, or from the server's certificate page.",
    )
    return f"sha256:{sha256_of(written, fix=fix)}"


SECURITY: Final = ObjectSpec(
    name=say("group-security", "the security of a connection"),
    model=SecuritySettings,
    keys=keys(
        Key(
            name="policy",
            kind=Kind(allowed=one_of(_WORDS), read=_policy_of, schema={"enum": list(_WORDS)}),
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
            kind=text(say("a-user-name", "a user name"), "edge"),
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
            kind=text(FINGERPRINT, EXAMPLE_FINGERPRINT, check=_fingerprint_of),
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
                _error_of_open(values, key)
    elif "user" in taken and taken.get("mode") is SecurityMode.SIGN:
        values.error(
            "mode",
            say(
                "user-needs-encryption",
                "a user signs in only over an encrypted connection: Sign leaves messages readable.",
            ),
            write("mode: SignAndEncrypt"),
        )
    if "user" in values.nodes and "password" not in values.nodes:
        values.error(
            "user", say("user-without-password", "`user` stands without `password`."), add("password: !secret NAME")
        )
    if "password" in values.nodes and "user" not in values.nodes:
        values.error(
            "password",
            say("password-without-user", "`password` stands without `user`."),
            add("user: edge"),
        )
    return values.build(SecuritySettings)


def _error_of_open(values: Values, key: str) -> None:
    values.error(
        key,
        say(
            "needs-encryption",
            "`{key}` needs an encrypted connection: with policy none everybody on the network reads along.",
            key=key,
        ),
        say("write-or-leave-out", "Write {snippet}, or leave `{key}` out.", snippet=_BEST, key=key),
    )
