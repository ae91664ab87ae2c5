"""Who is looking, and what they may see and do: deny by default.

`sight` is the one visibility function: every read passes it. `may` is its counterpart for writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, assert_never

from genba_cloud.core.facts.plan import OrderPlan


class Role(StrEnum):
    """What kind of viewer it is."""

    ADMIN = "admin"
    MACHINE = "machine"
    BOARD = "board"
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    MANAGER = "manager"


PEOPLE: Final = frozenset({Role.ADMIN, Role.OPERATOR, Role.SUPERVISOR, Role.MANAGER})
"""Roles of people who sign in."""


class Scope(StrEnum):
    """What a machine key may do."""

    READ = "read"
    ORDERS_WRITE = "orders:write"
    DISPATCH_WRITE = "dispatch:write"
    EVENTS_WRITE = "events:write"
    ANSWERS_WRITE = "answers:write"
    MASTER_WRITE = "master:write"
    ACTIONS_WRITE = "actions:write"
    WEBHOOKS_WRITE = "webhooks:write"


class Subject(StrEnum):
    """What can be looked at."""

    ORDERS = "orders"
    WIP = "wip"
    STATIONS = "stations"
    ALERTS = "alerts"
    GATEWAYS = "gateways"
    EVENTS = "events"
    UNASSIGNED = "unassigned"
    TAGS = "tags"
    METRICS = "metrics"
    KEYS = "keys"
    QUESTIONS = "questions"
    MASTER = "master data"
    RESPONSES = "tasks and problems"
    REPORTS = "reports"


class Act(StrEnum):
    """What can be done."""

    UPSERT_ORDER = "upsert_order"
    DISPATCH = "dispatch"
    APPEND_EVENTS = "append_events"
    ADMINISTER = "administer"
    TAKE_STOCK = "take_stock"
    ANSWER = "answer"
    PUT_MASTER = "put_master_data"
    WORK = "work"
    """Scan, report, complete, confirm, hold; problems and material; take back what one said oneself."""
    SUPERVISE = "supervise"
    """Reject, skip and reopen nodes; take back what others, or machines, said."""
    HOLD_ORDER = "hold_order"
    CHANGE_ORDER = "change_order"
    """Cancel an order, or change how urgent it is."""
    MAKE_CODES = "make_codes"
    SUBSCRIBE = "subscribe"
    RESPOND = "respond"
    """Acknowledge and plan alerts, plan and close tasks."""


class Sight(StrEnum):
    """How much of a subject a viewer sees."""

    NOTHING = "nothing"
    WITHOUT_NAMES = "without_names"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody who asks, as the collector knows them.

    `who` is an opaque id (an account, a key id, ``board``). `enterprise` is the only one whose data they can reach.
    `scopes` count for machines only. `must_choose_password`: signed in with the one-time password, so that nothing
    is open to them but the page on which they choose their own.
    """

    who: str
    enterprise: str
    role: Role
    scopes: frozenset[Scope] = frozenset()
    must_choose_password: bool = False

    @property
    def is_person(self) -> bool:
        """Whether somebody signed in, and no machine or screen."""
        return self.role in PEOPLE


_BOARD_SIGHT: Final = {
    Subject.ORDERS: Sight.WITHOUT_NAMES,
    Subject.WIP: Sight.ALL,
    Subject.STATIONS: Sight.ALL,
    Subject.ALERTS: Sight.WITHOUT_NAMES,
    Subject.GATEWAYS: Sight.WITHOUT_NAMES,
}
_ACT_SCOPE: Final = {
    Act.UPSERT_ORDER: Scope.ORDERS_WRITE,
    Act.DISPATCH: Scope.DISPATCH_WRITE,
    Act.APPEND_EVENTS: Scope.EVENTS_WRITE,
    Act.TAKE_STOCK: Scope.EVENTS_WRITE,
    Act.ANSWER: Scope.ANSWERS_WRITE,
    Act.PUT_MASTER: Scope.MASTER_WRITE,
    Act.WORK: Scope.ACTIONS_WRITE,
    Act.HOLD_ORDER: Scope.ORDERS_WRITE,
    Act.CHANGE_ORDER: Scope.ORDERS_WRITE,
    Act.MAKE_CODES: Scope.ORDERS_WRITE,
    Act.SUBSCRIBE: Scope.WEBHOOKS_WRITE,
    Act.RESPOND: Scope.ANSWERS_WRITE,
}
_OPERATOR_SIGHT: Final = _BOARD_SIGHT
"""People on the floor see what they work on, and no customer."""
_SUPERVISOR_SIGHT: Final = dict.fromkeys(
    (
        Subject.ORDERS,
        Subject.WIP,
        Subject.STATIONS,
        Subject.ALERTS,
        Subject.GATEWAYS,
        Subject.EVENTS,
        Subject.UNASSIGNED,
        Subject.TAGS,
        Subject.QUESTIONS,
        Subject.RESPONSES,
        Subject.REPORTS,
    ),
    Sight.ALL,
)
_MANAGER_SIGHT: Final = _SUPERVISOR_SIGHT
_OPERATOR_ACTS: Final = frozenset({Act.WORK, Act.TAKE_STOCK})
_SUPERVISOR_ACTS: Final = _OPERATOR_ACTS | {
    Act.SUPERVISE,
    Act.HOLD_ORDER,
    Act.MAKE_CODES,
    Act.ANSWER,
    Act.RESPOND,
    Act.DISPATCH,
}
_MANAGER_ACTS: Final = _SUPERVISOR_ACTS | {Act.CHANGE_ORDER, Act.UPSERT_ORDER}
_PEOPLE_ONLY: Final = frozenset({Subject.KEYS})


def sight(viewer: Viewer, subject: Subject, *, enterprise: str) -> Sight:
    """How much of `subject` of an enterprise the viewer sees; nothing unless a rule says otherwise."""
    if viewer.enterprise != enterprise or viewer.must_choose_password:
        return Sight.NOTHING
    match viewer.role:
        case Role.ADMIN:
            return Sight.ALL
        case Role.MACHINE:
            readable = Scope.READ in viewer.scopes and subject not in _PEOPLE_ONLY
            return Sight.ALL if readable else Sight.NOTHING
        case Role.BOARD:
            return _BOARD_SIGHT.get(subject, Sight.NOTHING)
        case Role.OPERATOR:
            return _OPERATOR_SIGHT.get(subject, Sight.NOTHING)
        case Role.SUPERVISOR:
            return _SUPERVISOR_SIGHT.get(subject, Sight.NOTHING)
        case Role.MANAGER:
            return _MANAGER_SIGHT.get(subject, Sight.NOTHING)
        case _:
            assert_never(viewer.role)


def may(viewer: Viewer, act: Act, *, enterprise: str) -> bool:
    """Whether the viewer may do `act` in an enterprise; no unless a rule says otherwise."""
    if viewer.enterprise != enterprise or viewer.must_choose_password:
        return False
    match viewer.role:
        case Role.ADMIN:
            return True
        case Role.MACHINE:
            needed = _ACT_SCOPE.get(act)
            return needed is not None and needed in viewer.scopes
        case Role.BOARD:
            return False
        case Role.OPERATOR:
            return act in _OPERATOR_ACTS
        case Role.SUPERVISOR:
            return act in _SUPERVISOR_ACTS
        case Role.MANAGER:
            return act in _MANAGER_ACTS
        case _:
            assert_never(viewer.role)


def without_names(plan: OrderPlan) -> OrderPlan:
    """The order as somebody sees it who may not know the customer."""
    return replace(plan, customer="", external_id="", system="")


ACCOUNT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")


def read_role(word: str) -> Role:
    """The role of a person from its word.

    Raises:
        ValueError: it is none; the message says which there are.
    """
    known = sorted(PEOPLE)
    if word not in known:
        raise ValueError(f"{word!r:.80} is no role of a person: write one of {', '.join(known)}")
    return Role(word)


def read_scopes(words: Iterable[str]) -> frozenset[Scope]:
    """Scopes from their words.

    Raises:
        ValueError: a word that is no scope, or none at all; the message says which there are.
    """
    known = ", ".join(Scope)
    found: set[Scope] = set()
    for word in words:
        if word not in set(Scope):
            raise ValueError(f"{word!r} is not a scope: write some of {known}")
        found.add(Scope(word))
    if not found:
        raise ValueError(f"a key needs at least one scope of {known}")
    return frozenset(found)
