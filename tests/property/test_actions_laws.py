"""What was said of a node follows from the set of events: their order and repeats change nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba_cloud.core.actions import Decided, NodeAction, said_of_node
from genba_cloud.core.actions.undo import decide_undo
from genba_cloud.core.facts.plan import Confirm
from genba_shared.events import QualityResult
from tests.unit.cloud.floor_support import ANN, BOB, ERP, MAX, STEPS, SUE, Shop

STEP = st.tuples(
    st.sampled_from(NodeAction),
    st.sampled_from([ANN, BOB, SUE, ERP]),
    st.sampled_from([8, 8, 5, None]),
    st.sampled_from(["lay", "cut"]),
    st.sampled_from(QualityResult),
    st.booleans(),
)


def played(steps: list[tuple[NodeAction, object, int | None, str, QualityResult, bool]], confirm: Confirm) -> Shop:
    """A shop in which all of this was tried; some of what was done was taken back."""
    shop = Shop(STEPS | {"confirm": confirm})
    for action, by, pieces, step, result, is_undone in steps:
        wanted = shop.ask(action, by=by, pieces=pieces, step=step, result=result, reason="x_y")  # type: ignore[arg-type]
        if isinstance(wanted, Decided):
            shop.tell(*wanted.events)
            if is_undone:
                voided = decide_undo(wanted.events, {}, MAX, shop.entry(), reason="x_y", shipped=None)
                assert isinstance(voided, Decided)
                shop.tell(*voided.events)
        shop.now += timedelta(seconds=1)
    return shop


@given(st.lists(STEP, max_size=12), st.sampled_from(Confirm), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_order_and_repeats_change_nothing(steps: list, confirm: Confirm, chance: object) -> None:  # type: ignore[type-arg]
    shop = played(steps, confirm)
    before, state = said_of_node(shop.events, "CUT"), shop.place().state
    shuffled = [*shop.events, *shop.events[::2]]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert said_of_node(shuffled, "CUT") == before
    shop.events = shuffled
    assert shop.place().state is state


@pytest.mark.trap("no honest undo")
@given(st.lists(STEP, max_size=12), st.sampled_from(Confirm))
@settings(max_examples=100, deadline=None)
def test_what_is_all_taken_back_was_never_said(steps: list, confirm: Confirm) -> None:  # type: ignore[type-arg]
    shop = played([(*step[:5], True) for step in steps], confirm)
    empty = Shop(STEPS | {"confirm": confirm})
    assert said_of_node(shop.events, "CUT") == said_of_node([], "CUT")
    assert shop.place().said == empty.place().said


@given(st.lists(STEP, max_size=12), st.sampled_from(Confirm), STEP)
@settings(max_examples=100, deadline=None)
def test_what_a_preview_promises_is_what_happens(steps: list, confirm: Confirm, more: tuple) -> None:  # type: ignore[type-arg]
    shop = played(steps, confirm)
    action, by, pieces, step, result, _ = more
    wanted = shop.ask(action, by=by, pieces=pieces, step=step, result=result, reason="x_y")
    if isinstance(wanted, Decided):
        promised = shop.place().after(wanted.events, shop.events).state
        shop.tell(*wanted.events)
        assert shop.place().state is promised
