"""A secret is given out by one call and shows itself nowhere else."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pytest

from genba_shared.secret import Secret


@dataclass(frozen=True, slots=True)
class Login:
    """Something that holds a secret, as settings do."""

    user: str
    password: Secret


def test_a_secret_is_not_in_what_a_log_or_a_traceback_would_print(caplog: pytest.LogCaptureFixture) -> None:
    login = Login("edge", Secret("open sesame"))
    logging.getLogger("genba").warning("login %s %r %s", login, login, login.password)
    shown = f"{login} {login!r} {login.password} {login.password!r} {[login.password]} {caplog.text}"
    assert "sesame" not in shown
    assert login.password.reveal() == "open sesame"
