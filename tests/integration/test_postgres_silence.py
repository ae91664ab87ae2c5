"""A relay before PostgreSQL that stays connected and loses what is sent: nobody waits for ever."""

from __future__ import annotations

from contextlib import closing

import pytest
from sqlalchemy import make_url

from genba_cloud.store import PostgresStore, postgres_patience
from tests.e2e.demo_run import wait_for
from tests.peers.proxy import Mode, Proxy

EPOCH = "e" * 32


def test_an_answer_that_never_comes_is_given_up_and_the_store_works_again(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_url(postgres_url)
    assert url.port is not None
    with Proxy(url.port) as link:
        through = url.set(port=link.port).render_as_string(hide_password=False)
        with closing(PostgresStore(through)) as store:
            monkeypatch.setattr(postgres_patience, "SILENCE_S", 1.0)
            with pytest.raises(Exception, match="no answer for"):
                ask_twice(store, link)
            link.switch(Mode.PASS)
            wait_for("the store works again", lambda: is_answered(store))


def ask_twice(store: PostgresStore, link: Proxy) -> None:
    """In one transaction, and the relay loses the second question."""
    with store.transaction() as transaction:
        assert transaction.received("gw-1", "facts", EPOCH).upto == 0
        link.switch(Mode.SWALLOW)
        transaction.received("gw-1", "facts", EPOCH)


def is_answered(store: PostgresStore) -> bool | None:
    """Whether a transaction goes through."""
    try:
        with store.transaction() as transaction:
            return transaction.received("gw-1", "facts", EPOCH).upto == 0
    except Exception:  # noqa: BLE001 - whatever the store says of a database that it has not reached again yet
        return None
