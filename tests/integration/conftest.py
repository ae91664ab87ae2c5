"""What many integration tests stand on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.mqtt_peers import Mosquitto


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A mosquitto of the test's own."""
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.kill()
