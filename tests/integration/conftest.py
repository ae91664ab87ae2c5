"""What many integration tests stand on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.mqtt_peers import Mosquitto, nats_program


@pytest.fixture
def needs_nats_server() -> None:
    """Skips where there is no nats-server."""
    nats_program()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A mosquitto of the test's own."""
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.kill()
