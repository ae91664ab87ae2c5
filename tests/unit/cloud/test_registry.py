"""Who is registered, while the database is away: the last word holds, and nobody new is believed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from genba_cloud.ledger import registry as module
from genba_cloud.ledger.registry import Registry
from genba_cloud.store.errors import StoreAway
from genba_cloud.store.read import Enrolment, GatewayIdentity

ADDED = GatewayIdentity(gateway="gw-1", enterprise="default", added_at=datetime(2026, 1, 5, tzinfo=UTC))


class Database:
    def __init__(self) -> None:
        self.is_away = False
        self.rows: tuple[GatewayIdentity, ...] = (ADDED,)

    def load(self) -> tuple[GatewayIdentity, ...]:
        if self.is_away:
            raise StoreAway("gone")
        return self.rows


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFRESH_S", 0.0)
    monkeypatch.setattr(module, "AGAIN_S", 0.0)


def test_the_last_registrations_hold_while_the_database_is_away_and_only_they_are_known() -> None:
    database = Database()
    registry = Registry(database.load)
    assert not registry.knows("gw-2")  # nothing was read so far
    registry.refresh()
    assert registry.knows("gw-2")
    database.is_away = True
    with pytest.raises(StoreAway):
        registry.refresh()
    assert registry.of("gw-1").enrolment is Enrolment.REGISTERED
    assert (registry.knows("gw-1"), registry.knows("gw-2")) == (True, False)
    database.is_away, database.rows = False, ()
    registry.refresh()
    assert registry.of("gw-1").enrolment is Enrolment.UNENROLLED
    assert registry.knows("gw-2")


def test_nobody_looks_before_the_first_reading_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads refresh: the second must not go on with nothing, and take a registered gateway for a stranger."""
    monkeypatch.setattr(module, "REFRESH_S", 100.0)
    begun, go_on = threading.Event(), threading.Event()

    def load() -> tuple[GatewayIdentity, ...]:
        begun.set()
        assert go_on.wait(10)
        return (ADDED,)

    registry = Registry(load)
    found: list[Enrolment] = []

    def second() -> None:
        registry.refresh()
        found.append(registry.of("gw-1").enrolment)

    threads = [threading.Thread(target=registry.refresh), threading.Thread(target=second)]
    threads[0].start()
    assert begun.wait(10)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert found == [Enrolment.REGISTERED]
