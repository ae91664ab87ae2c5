"""Envelopes are taken strictly in order, nothing twice, and what a restored backup lost is declared."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import genba_edge
from genba_cloud.core.delivery import FROM_GATEWAYS, Answer, Reach, Standing, Take, admit, decide, greet
from genba_shared.events import (
    EnvironmentSummarised,
    Event,
    NodeStarted,
    OrderConfirmed,
    ProgressReported,
    Source,
    SourceType,
)

EPOCH = "0123456789abcdef0123456789abcdef"
AT = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="cutter1/good")


def reach(first: int, last: int, *, prev: int, acked: int = 0) -> Reach:
    return Reach(first=first, last=last, prev=prev, acked=acked)


def test_the_first_envelope_is_taken_whole() -> None:
    assert decide(Standing(), reach(1, 5, prev=0)) == Take(first=1, known_upto=0, upto=5, standing=Standing(upto=5))


def test_a_repeated_envelope_is_answered_with_what_is_accounted_for() -> None:
    assert decide(Standing(upto=5), reach(1, 5, prev=0)) == Answer(upto=5)


def test_of_an_overlapping_envelope_only_the_new_part_is_taken() -> None:
    assert decide(Standing(upto=5), reach(4, 9, prev=3, acked=3)) == Take(
        first=6, known_upto=5, upto=9, standing=Standing(upto=9)
    )


def test_an_envelope_ahead_of_a_missing_one_is_answered_with_where_to_go_back() -> None:
    assert decide(Standing(upto=5), reach(10, 12, prev=9, acked=5)) == Answer(upto=5)


def test_rows_that_the_gateway_dropped_do_not_stop_delivery() -> None:
    assert decide(Standing(upto=5), reach(10, 12, prev=5, acked=5)) == Take(
        first=10, known_upto=5, upto=12, standing=Standing(upto=12)
    )


def test_a_restored_collector_takes_the_next_envelope_and_names_what_it_lost() -> None:
    assert decide(Standing(upto=5), reach(21, 25, prev=20, acked=20)) == Take(
        first=21, known_upto=5, upto=25, standing=Standing(upto=25), lost=(6, 20)
    )


def test_a_restored_collector_takes_the_envelope_after_its_answer_too() -> None:
    assert decide(Standing(upto=5), reach(21, 25, prev=5, acked=20)) == Take(
        first=21, known_upto=5, upto=25, standing=Standing(upto=25), lost=(6, 20)
    )


def test_a_restored_collector_does_not_skip_what_the_gateway_still_holds() -> None:
    assert decide(Standing(upto=5), reach(31, 35, prev=30, acked=20)) == Answer(upto=5)


def test_a_late_repeat_after_an_acknowledgement_that_got_lost_is_no_restore() -> None:
    assert decide(Standing(upto=20), reach(16, 25, prev=15, acked=15)) == Take(
        first=21, known_upto=20, upto=25, standing=Standing(upto=25)
    )


RUN, OTHER = "0000000a", "0000000b"


def of_run(run: str, first: int, last: int, *, prev: int, acked: int, disputed: bool = False) -> Reach:
    return Reach(first=first, last=last, prev=prev, acked=acked, run=run, disputed=disputed)


def test_the_first_run_of_an_epoch_owns_it_at_once() -> None:
    taken = decide(Standing(), of_run(RUN, 1, 3, prev=0, acked=0))
    assert taken == Take(first=1, known_upto=0, upto=3, standing=Standing(upto=3, run=RUN))


def test_of_a_later_run_everything_that_is_here_is_compared_before_it_is_accounted_for() -> None:
    taken = decide(Standing(upto=9, run=OTHER), of_run(RUN, 5, 11, prev=4, acked=4))
    assert taken == Take(first=5, known_upto=9, upto=11, standing=Standing(upto=11, run=RUN))


def test_a_run_that_has_not_caught_up_is_answered_with_its_own_progress_and_the_other_stays() -> None:
    taken = decide(Standing(upto=9, run=OTHER), of_run(RUN, 5, 7, prev=4, acked=4))
    assert taken == Take(first=5, known_upto=9, upto=7, standing=Standing(upto=9, run=OTHER))


def test_of_another_run_only_the_oldest_envelope_is_taken() -> None:
    assert decide(Standing(upto=9, run=OTHER), of_run(RUN, 8, 11, prev=7, acked=4)) == Answer(upto=4)


def test_a_disputed_envelope_is_compared_even_of_the_same_run() -> None:
    taken = decide(Standing(upto=9, run=RUN), of_run(RUN, 5, 7, prev=4, acked=4, disputed=True))
    assert taken == Take(first=5, known_upto=9, upto=7, standing=Standing(upto=9, run=RUN))


def test_a_hello_of_another_run_is_answered_with_its_own_word_and_told_how_far_the_other_came() -> None:
    assert greet(Standing(upto=9, run=RUN), run=RUN, acked=4) == (9, None)
    assert greet(Standing(upto=9, run=OTHER), run=RUN, acked=4) == (4, 9)
    assert greet(Standing(upto=3, run=OTHER), run=RUN, acked=4) == (3, 3)
    assert greet(Standing(upto=9, run=OTHER), run=None, acked=0) == (9, None)


def started(seq: int, *, gateway: str = "gw") -> NodeStarted:
    return NodeStarted(id=f"{gateway}:{EPOCH}:{seq}", at=AT, source=PLC, work_order="WO-1", node="CUT")


def test_events_of_another_gateway_a_repeated_seq_and_kinds_of_people_are_rejected_alone() -> None:
    order = OrderConfirmed(id=f"gw:{EPOCH}:4", at=AT, source=PLC, order="A-1")
    events = [started(2), started(3), started(3), started(3, gateway="other"), order, started(9)]
    taken, rejected = admit(events, gateway="gw", epoch=EPOCH, first=3, last=5)
    assert taken == (started(3),)
    assert [row.reason.split(" ")[0] for row in rejected] == ["seq", "id", "order_confirmed", "id"]


@pytest.mark.parametrize("at", [datetime(1969, 12, 31, 23, 59, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)])
def test_an_event_at_a_time_that_no_factory_can_mean_is_rejected_alone(at: datetime) -> None:
    taken, rejected = admit([replace(started(1), at=at), started(2)], gateway="gw", epoch=EPOCH, first=1, last=2)
    assert taken == (started(2),)
    assert [row.reason for row in rejected] == [f"at {at.year} is no time: 1970 to 2199"]


def test_an_event_with_a_name_too_long_to_look_it_up_by_is_rejected_alone() -> None:
    longest, longer = replace(started(1), work_order="裁" * 333), replace(started(2), work_order="裁" * 334)
    taken, rejected = admit([longest, longer], gateway="gw", epoch=EPOCH, first=1, last=2)
    assert taken == (longest,)
    assert [row.reason for row in rejected] == ["work_order is longer than 1000 bytes"]


def test_an_event_of_a_gateway_whose_clock_was_never_set_is_taken() -> None:
    unset = replace(started(1), at=datetime(1970, 1, 1, tzinfo=UTC))
    assert admit([unset], gateway="gw", epoch=EPOCH, first=1, last=1) == ((unset,), ())


def test_progress_and_what_surrounded_the_work_come_from_gateways() -> None:
    work = {"at": AT, "source": PLC, "work_order": "WO-1", "node": "CUT"}
    told: tuple[Event, ...] = (
        ProgressReported(id=f"gw:{EPOCH}:1", pieces=30, quantity=100, **work),
        EnvironmentSummarised(
            id=f"gw:{EPOCH}:2", point="oven/heat", begin=AT, end=AT, least=1, mean=2, most=3, samples=3, **work
        ),
    )
    assert admit(told, gateway="gw", epoch=EPOCH, first=1, last=2) == (told, ())


def test_every_kind_that_the_gateway_emits_is_taken() -> None:
    files = [path for root in genba_edge.__path__ for path in Path(root).rglob("*.py")]
    emitted = {name for path in files for name in re.findall(r"\bemit\(\s*([A-Z]\w+)", path.read_text())}
    assert {"DataQuestioned", "PiecesCounted"} <= emitted
    assert emitted <= {kind.__name__ for kind in FROM_GATEWAYS}
