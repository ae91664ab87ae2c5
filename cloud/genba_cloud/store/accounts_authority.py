"""From what a request carries to a `Viewer`: passwords, sessions, machine keys, board links; a limit on guessing."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from genba_cloud.core.viewer import Role, Viewer
from genba_cloud.store.accounts import Account, Accounts, MachineKey, one_time_password

ADMIN: Final = "admin"
SHORTEST_PASSWORD: Final = 10
LONGEST_PASSWORD: Final = 200
_FAILURES_OF_CLIENT: Final = 5
_FAILURES_OF_NAME: Final = 30  # higher, so that a stranger cannot lock a person out by guessing for a moment
_WINDOW_S: Final = 60.0
_BOARD: Final = "board"
_LONGEST_CREDENTIAL: Final = 512
_MOST_WATCHED: Final = 10_000


class PasswordProblem(Enum):
    """Why a new password is not taken."""

    TOO_SHORT = auto()
    TOO_LONG = auto()
    SAME = auto()
    NOT_REPEATED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class TooMany:
    """Too many wrong passwords: try again after `retry_s` wall seconds."""

    retry_s: int


class Authority:
    """Knows who somebody is. All data of this installation belong to one `enterprise`."""

    def __init__(self, accounts: Accounts, *, enterprise: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.accounts = accounts
        self.enterprise = enterprise
        self._hasher = PasswordHasher()
        self._local_token: str | None = None
        self._nobody = ""
        self._monotonic = monotonic
        self._failures: dict[str, deque[float]] = {}
        self._lock = threading.Lock()
        self._guessing = threading.Lock()

    def ensure_admin(self) -> str | None:
        """Make the administrator at the first start; returns the one-time password, None where there is one already."""
        if self.accounts.account(ADMIN) is not None:
            return None
        password = one_time_password()  # of several collectors that start at once on one database, one tells it
        return password if self.accounts.add_account(ADMIN, self._hasher.hash(password)) else None

    def reset_password(self, name: str) -> str | None:
        """Give an account a new one-time password and end all its sessions; None: there is no such account."""
        if name != ADMIN and self.accounts.account(name) is None:
            return None
        password = one_time_password()
        self.accounts.set_password(name, self._hasher.hash(password), must_choose=True)
        return password

    def add_person(self, name: str, role: Role) -> str | None:
        """Make an account; its one-time password, None where there is an account of that name already."""
        password = one_time_password()
        return password if self.accounts.add_account(name, self._hasher.hash(password), role) else None

    def sign_in(self, name: str, password: str, *, client: str) -> str | TooMany | None:
        """Begin a session and return its token.

        Args:
            name: the account's name.
            password: as typed.
            client: the address of the caller, to slow down guessing.

        Returns:
            The token; None where name or password are wrong; `TooMany` after 5 wrong ones in a minute.

        One attempt is looked at after the other: guesses made at the same time count too, and comparing a password
        takes 64 MiB (argon2id), which must not be multiplied by whoever asks.
        """
        with self._guessing:
            return self._sign_in(name, password, client)

    def _sign_in(self, name: str, password: str, client: str) -> str | TooMany | None:
        watched = {f"name {name[:64]}": _FAILURES_OF_NAME, f"client {client}": _FAILURES_OF_CLIENT}
        wait = max(self._wait_s(key, limit) for key, limit in watched.items())
        if wait > 0:
            return TooMany(retry_s=int(wait) + 1)
        account = self.accounts.account(name)
        if not self._matches(account.password_hash if account else self._nobodys(), password) or account is None:
            for key in watched:
                self._note_failure(key)
            return None
        for key in watched:
            self._forget(key)
        return self.accounts.open_session(account.name)

    def choose_password(self, name: str, old: str, new: str, again: str) -> str | PasswordProblem | None:
        """Replace a password; every session ends and a new one begins.

        Returns:
            The token of the new session; what is wrong with the new password; None where the old one is wrong.
        """
        account = self.accounts.account(name)
        if account is None or not self._matches(account.password_hash, old):
            return None
        if len(new) < SHORTEST_PASSWORD:
            return PasswordProblem.TOO_SHORT
        if len(new) > LONGEST_PASSWORD:
            return PasswordProblem.TOO_LONG
        if new != again:
            return PasswordProblem.NOT_REPEATED
        if new == old:
            return PasswordProblem.SAME
        self.accounts.set_password(name, self._hasher.hash(new), must_choose=False)
        return self.accounts.open_session(name)

    def of_session(self, token: str) -> Viewer | None:
        """The person behind a session."""
        account = self.accounts.session_account(token) if len(token) <= _LONGEST_CREDENTIAL else None
        return self._person(account) if account else None

    def admit_local(self, token: str) -> None:
        """From now on, whoever holds `token` is the local command, run by the owner of the data folder."""
        self._local_token = token

    def of_key(self, text: str) -> Viewer | None:
        """The machine behind a key, or the local command."""
        if self._local_token is not None and hmac.compare_digest(text.encode(), self._local_token.encode()):
            return Viewer(who="local", enterprise=self.enterprise, role=Role.ADMIN)
        key = self.accounts.find_key(text) if len(text) <= _LONGEST_CREDENTIAL else None
        return None if key is None else self._machine(key)

    def recall_key(self, text: str) -> Viewer | None:
        """The machine behind a key, where no database need be asked; None: ask `of_key`."""
        key = self.accounts.recall_key(text) if len(text) <= _LONGEST_CREDENTIAL else None
        return None if key is None else self._machine(key)

    def _machine(self, key: MachineKey) -> Viewer:
        return Viewer(who=f"key:{key.id}", enterprise=self.enterprise, role=Role.MACHINE, scopes=key.scopes)

    def of_board_token(self, token: str) -> Viewer | None:
        """The board behind a signed read-only link."""
        if not hmac.compare_digest(token.encode(), self.board_token().encode()):
            return None
        return Viewer(who=_BOARD, enterprise=self.enterprise, role=Role.BOARD)

    def board_token(self) -> str:
        """Signed token of the board link of this enterprise; it works until the links are renewed."""
        secret = self.accounts.secret(_BOARD)
        return hmac.new(secret, f"board:{self.enterprise}".encode(), hashlib.sha256).hexdigest()

    def renew_board_links(self) -> str:
        """Make every board link given out so far useless and return the new token."""
        self.accounts.renew_secret(_BOARD)
        return self.board_token()

    def _person(self, account: Account) -> Viewer:
        return Viewer(
            who=account.name,
            enterprise=self.enterprise,
            role=account.role,
            must_choose_password=account.must_choose,
        )

    def _nobodys(self) -> str:
        """A hash to compare with where there is no account: the answer takes as long as for a wrong password."""
        if not self._nobody:
            self._nobody = self._hasher.hash(one_time_password())
        return self._nobody

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return len(password) <= LONGEST_PASSWORD and self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    def _wait_s(self, key: str, limit: int) -> float:
        with self._lock:
            tries = self._recent(key)
            return tries[-limit] + _WINDOW_S - self._monotonic() if len(tries) >= limit else 0.0

    def _note_failure(self, key: str) -> None:
        with self._lock:
            if len(self._failures) >= _MOST_WATCHED and key not in self._failures:
                self._failures.pop(next(iter(self._failures)))
            self._failures.setdefault(key, deque(maxlen=_FAILURES_OF_NAME)).append(self._monotonic())

    def _forget(self, key: str) -> None:
        with self._lock:
            self._failures.pop(key, None)

    def _recent(self, key: str) -> deque[float]:
        tries = self._failures.get(key)
        if tries is None:
            return deque()
        while tries and tries[0] <= self._monotonic() - _WINDOW_S:
            tries.popleft()
        if not tries:
            del self._failures[key]
        return tries
