"""What the benchmarks of delivery rest on: renamed streams, and figures that tell who lost what."""

from __future__ import annotations

from benchmarks.delivery.gateways import BASE, stream_of
from benchmarks.delivery_compared import Outcome, figures_of
from genba_shared.events import TagPassed, to_line
from tests.chaos.stream import NO_EPOCH, events_of


def test_a_stream_is_said_by_another_gateway_about_its_own_stations_orders_and_tags() -> None:
    events = events_of(BASE, seed=1, count=60)
    text = "".join(to_line(event) + "\n" for event in events)
    renamed = stream_of(text, gateway="gw-7", epoch="a" * 32)
    assert [event.id for event in renamed] == [f"gw-7:{'a' * 32}:{seq}" for seq in range(1, 61)]
    assert [event.at for event in renamed] == [event.at for event in events]
    told = "".join(map(to_line, renamed))
    assert (BASE in told, NO_EPOCH in told, BASE.encode().hex() in told) == (False, False, False)
    assert {event.tag[:8] for event in renamed if isinstance(event, TagPassed)} == {"67772d37"}


def test_the_figures_tell_what_each_gateway_lost_of_what_was_shown() -> None:
    found = [
        Outcome(who="genba", case="hole", shown=100, lost=0),
        Outcome(who="other", case="hole", shown=90, lost=30),
        Outcome(who="genba", case="kill 1", shown=50, lost=0),
        Outcome(who="genba", case="kill 2", shown=60, lost=1),
    ]
    assert list(figures_of(found, ["genba", "other"])) == [
        "genba_hole_lost=0/100",
        "genba_kill_lost=0,1/55",
        "other_hole_lost=30/90",
    ]
