"""Settings of `genba cloud serve`, checked before anything is opened."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from genba_cloud.core.gs1 import check_prefix
from genba_shared.errors import UsageError

DEFAULT_LISTEN: Final = "127.0.0.1:8000"
_PUBLIC_URL: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-fA-F:]+\](:[0-9]{1,5})?")
DEFAULT_DATA: Final = Path("~/.local/share/genba/cloud")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``HOST:PORT`` (``[::1]:8000`` for IPv6).

        Raises:
            UsageError: not of that form.
        """
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdigit() or int(port) > 65535:
            raise UsageError(f"--listen {text}: write HOST:PORT, for example {DEFAULT_LISTEN}")
        return cls(host=host.removeprefix("[").removesuffix("]"), port=int(port))

    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """What `serve` was asked for. `broker` None: the embedded one, on `mqtt_port` (None: the port of last time).

    `migrate`: bring a PostgreSQL database to the form of this version first; an SQLite file always is.
    `mqtt_listen`: where the embedded one listens for gateways on other machines, over TLS, for enrolled ones only.
    `public_url`: where phones reach the pages, for the links on labels (empty: as the browser that prints them does);
    `gs1_prefix`: the company's GS1 prefix, so that the links are GS1 Digital Links.
    `ingests`: it takes what gateways send; where workers do that, it may only serve API and pages.
    """

    data_dir: Path
    listen: Address
    broker: str | None = None
    db: str | None = None
    migrate: bool = False
    mqtt_port: int | None = None
    mqtt_listen: Address | None = None
    ingests: bool = True
    tls_cert: Path | None = None
    tls_key: Path | None = None
    signing_key: Path | None = None
    public_url: str = ""
    gs1_prefix: str = ""

    @property
    def tls(self) -> bool:
        """Whether HTTPS is spoken."""
        return self.tls_cert is not None

    def check(self) -> None:
        """Refuse what is unsafe or cannot work.

        Raises:
            UsageError: with the one thing to change.
        """
        if not self.ingests and self.db is None:
            raise UsageError(
                "--no-ingest needs --db postgresql://…: without it nobody else could take what gateways send"
            )
        if not self.ingests and self.broker is not None:
            raise UsageError("--no-ingest and --broker exclude one another: only ingest speaks to a broker")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise UsageError("--tls-cert and --tls-key belong together: give both, or neither")
        for path in (self.tls_cert, self.tls_key):
            if path is not None and not path.is_file():
                raise UsageError(f"{path} is not a file: give a certificate and its key in PEM form")
        if self.mqtt_listen is not None and (self.broker is not None or self.mqtt_port is not None):
            raise UsageError("--mqtt-listen is for the embedded broker: leave --broker and --mqtt-port out")
        if self.mqtt_listen is not None and self.mqtt_listen.port == 0:
            raise UsageError("--mqtt-listen needs a port of its own, for example 0.0.0.0:8883: gateways remember it")
        if self.gs1_prefix and (wrong := check_prefix(self.gs1_prefix)):
            raise UsageError(f"--gs1-prefix {wrong}")
        if self.public_url and not _PUBLIC_URL.fullmatch(self.public_url):
            raise UsageError(f"--public-url {self.public_url}: write it like https://genba.example.com")
        if not self.listen.is_loopback() and not self.tls:
            raise UsageError(
                f"--listen {self.listen.host}:{self.listen.port} can be reached from other machines: passwords and "
                "orders would travel unprotected. Give --tls-cert and --tls-key, or listen on 127.0.0.1"
            )
