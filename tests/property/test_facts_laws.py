"""The laws of facts over every kind of event: neither order of arrival, nor repeats, nor batches, nor a rebuild matter.

`make laws` delivers 30,000 shuffled histories; the suite a part of them, other ones each time the code is given
another seed. A difference names the seed, so that it can be looked at again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from random import Random
from typing import Final

import pytest

from genba_cloud.core.facts import Aggregate, ViewKey
from genba_cloud.store.work import facts_of, weighed_of
from genba_shared.events import KINDS, Event
from tests.property.histories_of_all_kinds import PLANS, history
from tests.property.memory_ledger import Content, MemoryLedger

DELIVERIES: Final = int(os.environ.get("GENBA_DELIVERIES", "1200"))
SEED: Final = int(os.environ.get("GENBA_SEED", "1"))
_SHUFFLES: Final = 6
"""Deliveries of one history; with the first, which comes in order, they are compared."""


def delivered(events: Sequence[Event], random: Random) -> MemoryLedger:
    """The events in any order, some of them several times, cut into commits anywhere."""
    arrival = [*events, *random.choices(events, k=random.randrange(4))]
    random.shuffle(arrival)
    ledger = MemoryLedger(PLANS)
    while arrival:
        size = random.randint(1, 5)
        ledger.append(arrival[:size])
        arrival = arrival[size:]
    return ledger


def difference(one: Content, other: Content) -> str:
    """The first view in which the two are apart."""
    for key in sorted({*one, *other}):
        if one.get(key) != other.get(key):
            return f"{key}: {one.get(key)} and {other.get(key)}"
    return ""


@pytest.mark.law("views")
@pytest.mark.law("rebuild")
@pytest.mark.timeout(120 + DELIVERIES // 10)
def test_every_delivery_of_a_history_gives_the_same_views_and_a_rebuild_the_same_again() -> None:
    differences, deliveries, number = [], 0, 0
    seen: set[str] = set()
    while deliveries < DELIVERIES:
        number += 1
        random = Random(f"{SEED}/{number}")
        events = history(random, random.randint(2, 18))
        seen.update(event.kind for event in events)
        in_order = MemoryLedger(PLANS)
        in_order.append(events)
        expected = in_order.content()
        for shuffle in range(_SHUFFLES):
            ledger = delivered(events, random)
            found = difference(expected, ledger.content()) or difference(expected, ledger.rebuilt())
            if found:
                differences.append(f"seed {SEED}, history {number}, delivery {shuffle}: {found}")
            deliveries += 1
    assert differences[:3] == []
    assert seen == set(KINDS)


def test_weighing_what_changed_since_gives_what_weighing_everything_gives() -> None:
    compared = 0
    for number in range(60):
        random = Random(f"{SEED}/weighed/{number}")
        ledger = delivered(history(random, 18), random)
        for plan in PLANS:
            view = ledger.kept().get(ViewKey(Aggregate.WORK_ORDER, plan.work_order))
            if view is not None and view.summary is not None:
                weighed = weighed_of(plan, view, view.summary.nodes)  # what was known when an older view was weighed
                assert [one.facts for one in weighed.values()] == list(facts_of(plan.work_order, plan, view).nodes)
                compared += 1
    assert compared > 60
