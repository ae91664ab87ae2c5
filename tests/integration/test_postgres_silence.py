"""A relay before PostgreSQL that stays connected and loses what is sent: nobody waits for ever."""

from __future__ import annotations

from contextlib import closing

import pytest
from sqlalchemy import make_url

from genba_cloud.store import PostgresStore, postgres_patience
from tests.peers.proxy import Mode, Proxy


def test_an_answer_that_never_comes_is_given_up_and_the_store_works_again(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_url(postgres_url)
    assert url.port is not None
    with Proxy(url.port) as link:
        through = url.set(port=link.port).render_as_string(hide_password=False)
        with closing(PostgresStore(through)) as store:
            with store.transaction() as transaction:
                assert transaction.last_link().last == 0
            monkeypatch.setattr(postgres_patience, "SILENCE_S", 0.5)
            link.switch(Mode.SWALLOW)
            with pytest.raises(Exception, match="no answer for"), store.transaction() as transaction:
                transaction.last_link()
            link.switch(Mode.PASS)
            monkeypatch.undo()
            with store.transaction() as transaction:
                assert transaction.last_link().last == 0
