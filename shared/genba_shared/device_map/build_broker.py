"""The address of an MQTT broker from the settings around it."""

from __future__ import annotations

import dataclasses

from genba_shared.broker import BrokerAddress, MqttVersion
from genba_shared.device_map.problems import Unusable
from genba_shared.device_map.spec import Values


def take_broker(values: Values, url_key: str) -> BrokerAddress:
    """The broker, taken out of the group that names its URL under `url_key`.

    Raises:
        Unusable: something in the group is wrong; it has been reported.
    """
    _check_broker(values, url_key)
    if values.broken:
        raise Unusable
    taken = values.taken
    return dataclasses.replace(
        BrokerAddress.parse(taken.pop(url_key)),
        ca=taken.pop("ca", None),
        certificate=taken.pop("client_cert", None),
        key=taken.pop("client_key", None),
        username=taken.pop("user", None),
        password=taken.pop("password", None),
        version=taken.pop("version", MqttVersion.V3),
    )


def _check_broker(values: Values, url_key: str) -> None:
    written = values.nodes.keys()
    for one, other in (("client_cert", "client_key"), ("client_key", "client_cert")):
        if one in written and other not in written:
            values.error(one, f"`{one}` stands without `{other}`: they belong together.", f"Add {other}: !file FILE.")
    if "password" in written and "user" not in written:
        values.error("password", "`password` stands without `user`.", "Add user: edge.")
    if not str(values.taken.get(url_key, "mqtts://")).startswith("mqtt://"):
        return
    for key in ("ca", "client_cert", "client_key"):
        if key in written:
            values.error(key, f"`{key}` is for an encrypted connection.", f"Write {url_key}: mqtts://HOST:8883.")
    if "password" in written:
        values.warn(
            "password",
            "the password goes through the network as it is: mqtt:// is not encrypted.",
            f"Write {url_key}: mqtts://HOST:8883, where the broker can.",
        )
