"""How to enter an MQTT broker: the settings that the collector and the devices that publish over MQTT share."""

from __future__ import annotations

from genba_shared.broker import MqttVersion
from genba_shared.device_map.kinds import choice, file_path, secret_text, text
from genba_shared.device_map.spec import Key
from genba_shared.texts import say


def broker_keys() -> tuple[Key, ...]:
    """Certificates, user and version; the URL has a key of its own with each of them."""
    return (
        Key(
            name="ca",
            kind=file_path(say("certificate-of-authority", "the certificate of an authority (PEM)"), "certs/ca.pem"),
            meaning="the authority that signed the broker's certificate",
            example="ca: !file certs/ca.pem",
            default_text="those that the system trusts",
        ),
        Key(
            name="client_cert",
            kind=file_path(say("our-certificate", "our certificate (PEM)"), "certs/gateway.pem"),
            meaning="our own certificate, for a broker that wants one",
            example="client_cert: !file certs/gateway.pem",
        ),
        Key(
            name="client_key",
            kind=file_path(say("our-key", "our private key (PEM, without a passphrase)"), "certs/gateway.key"),
            meaning="the key of `client_cert`",
            example="client_key: !file certs/gateway.key",
        ),
        Key(
            name="user",
            kind=text(say("a-user-name", "a user name"), "edge"),
            meaning="the user of the broker",
            example="user: edge",
        ),
        Key(
            name="password",
            kind=secret_text(),
            meaning="the user's password",
            example="password: !secret broker_pw",
        ),
        Key(
            name="version",
            kind=choice(MqttVersion),
            default=MqttVersion.V3,
            meaning="which MQTT is spoken; every broker knows 3.1.1",
            example="version: 3.1.1",
        ),
    )
