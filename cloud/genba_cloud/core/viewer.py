"""Who is looking, and what they may see and do: deny by default (DESIGN.md 1, decision 7).

`sight` is the one visibility function: every read passes it. `may` is its counterpart for writes.
"""

from __future__ import annotations

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


class Scope(StrEnum):
    """What a machine key may do."""

    READ = "read"
    ORDERS_WRITE = "orders:write"
    DISPATCH_WRITE = "dispatch:write"
    EVENTS_WRITE = "events:write"
    ANSWERS_WRITE = "answers:write"


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
    REPORTS = "reports"


class Act(StrEnum):
    """What can be done."""

    UPSERT_ORDER = "upsert_order"
    DISPATCH = "dispatch"
    APPEND_EVENTS = "append_events"
    ADMINISTER = "administer"
    TAKE_STOCK = "take_stock"
    ANSWER = "answer"


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
}
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
        case _:
            assert_never(viewer.role)


def without_names(plan: OrderPlan) -> OrderPlan:
    """The order as somebody sees it who may not know the customer."""
    return replace(plan, customer="", external_id="", system="")


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
