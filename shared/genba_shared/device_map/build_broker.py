"""The address of an MQTT broker from the settings around it."""

from __future__ import annotations

import dataclasses

from genba_shared.broker import BrokerAddress, MqttVersion
from genba_shared.device_map.phrases import add, write
from genba_shared.device_map.problems import Unusable
from genba_shared.device_map.spec import Values
from genba_shared.texts import say


def take_broker(values: Values, url_key: str) -> BrokerAddress:
    """The broker, taken out of the group that names its URL under `url_key`.

    Raises:
        Unusable: something in the group is wrong; it has been reported.
    """
    _check_broker(values, url_key)
    if values.broken:
        raise Unusable
    taken = values.taken
    address = BrokerAddress.parse(taken.pop(url_key))
    ca, certificate, key = (taken.pop(name, None) for name in ("ca", "client_cert", "client_key"))
    username, password = taken.pop("user", None), taken.pop("password", None)
    version = taken.pop("version", MqttVersion.V3)
    first, *others = (
        dataclasses.replace(
            node,
            ca=ca,
            certificate=certificate,
            key=key,
            username=username,
            password=password,
            version=version,
        )
        for node in address.nodes
    )
    return dataclasses.replace(first, others=tuple(others))


def _check_broker(values: Values, url_key: str) -> None:
    written = values.nodes.keys()
    for one, other in (("client_cert", "client_key"), ("client_key", "client_cert")):
        if one in written and other not in written:
            message = say(
                "stands-without", "`{key}` stands without `{other}`: they belong together.", key=one, other=other
            )
            values.error(one, message, add(f"{other}: !file FILE"))
    if "password" in written and "user" not in written:
        message = say("password-without-user", "`password` stands without `user`.")
        values.error("password", message, add("user: edge"))
    if not str(values.taken.get(url_key, "mqtts://")).startswith("mqtt://"):
        return
    for key in ("ca", "client_cert", "client_key"):
        if key in written:
            message = say("key-of-encryption", "`{key}` is for an encrypted connection.", key=key)
            values.error(key, message, write(f"{url_key}: mqtts://HOST:8883"))
    if "password" in written:
        values.warn(
            "password",
            say(
                "password-in-clear",
                "the password goes through the network as it is: {scheme}:// is not encrypted.",
                scheme="mqtt",
            ),
            say(
                "write-if-broker-can",
                "Write {snippet}, where the broker can.",
                snippet=f"{url_key}: mqtts://HOST:8883",
            ),
        )
