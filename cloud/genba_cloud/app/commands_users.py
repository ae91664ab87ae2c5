"""`genba cloud user …`: accounts of people."""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import quote

from genba_cloud.app.control import ask
from genba_cloud.app.database import add_command, in_accounts
from genba_cloud.core.viewer import ACCOUNT_NAME, PEOPLE, read_role
from genba_cloud.store import DEFAULT_ENTERPRISE
from genba_cloud.store.accounts import Accounts
from genba_cloud.store.accounts_authority import ADMIN, Authority
from genba_shared.errors import UsageError


def add_to(user: Any) -> None:
    """Add the commands to `genba cloud user`."""
    add = add_command(
        user,
        "add",
        "make an account; its one-time password is printed once",
        _add,
        example="user add u17 --role operator --data ./data",
    )
    add.add_argument("name", help="small letters and digits; an id that is no name keeps people unnamed in the log")
    add.add_argument("--role", required=True, help=f"one of {', '.join(sorted(PEOPLE))}")
    reset = add_command(
        user, "reset", "give an account a new one-time password", _reset, example="user reset admin --data ./data"
    )
    reset.add_argument("name")
    remove = add_command(user, "remove", "let somebody in no more", _remove, example="user remove u17 --data ./data")
    remove.add_argument("name")
    add_command(user, "list", "show all accounts and their roles", _list, example="user list --data ./data")


def _add(arguments: argparse.Namespace) -> int:
    try:
        role = read_role(arguments.role)
    except ValueError as exc:
        raise UsageError(f"--role: {exc}") from exc

    if ACCOUNT_NAME.fullmatch(arguments.name) is None:
        raise UsageError(f"{arguments.name!r:.80} is no name of an account: small letters, digits, and . _ - (u17)")

    def here(accounts: Accounts) -> str:
        password = Authority(accounts, enterprise=DEFAULT_ENTERPRISE).add_person(arguments.name, role)
        if password is None:
            raise UsageError(f"there is an account {arguments.name} already: see `genba cloud user list`")
        return password

    body = {"name": arguments.name, "role": str(role)}
    password = in_accounts(
        arguments,
        here=here,
        there=lambda: ask(arguments.data, "POST", "/api/v1/users", body)["one_time_password"],
    )
    print(f"login user={arguments.name} one-time-password={password}")
    return 0


def _reset(arguments: argparse.Namespace) -> int:
    def here(accounts: Accounts) -> str:
        password = Authority(accounts, enterprise=DEFAULT_ENTERPRISE).reset_password(arguments.name)
        if password is None:
            raise UsageError(f"there is no account {arguments.name}: see `genba cloud user list`")
        return password

    path = f"/api/v1/users/{quote(arguments.name, safe='')}/reset"
    password = in_accounts(arguments, here=here, there=lambda: ask(arguments.data, "POST", path)["one_time_password"])
    print(f"login user={arguments.name} one-time-password={password}")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    if arguments.name == ADMIN:
        raise UsageError("the administrator's account cannot be removed")

    def here(accounts: Accounts) -> None:
        if not accounts.remove_account(arguments.name):
            raise UsageError(f"there is no account {arguments.name}: see `genba cloud user list`")

    path = f"/api/v1/users/{quote(arguments.name, safe='')}"
    in_accounts(arguments, here=here, there=lambda: ask(arguments.data, "DELETE", path))
    return 0


def _list(arguments: argparse.Namespace) -> int:
    rows = in_accounts(
        arguments,
        here=lambda accounts: [(str(one.role), one.name) for one in accounts.list_accounts()],
        there=lambda: [(one["role"], one["name"]) for one in ask(arguments.data, "GET", "/api/v1/users")["items"]],
    )
    for row in rows:
        print("  ".join(row))
    return 0
