"""Delivery step by step: each rule of the wire contract as one short story on a written-out clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from genba_edge.core.delivery import (
    Answered,
    Connected,
    Delivery,
    DeliverySettings,
    Disconnected,
    Halved,
    Held,
    IdentityInDoubt,
    Input,
    Output,
    Release,
    Row,
    Send,
    TimePassed,
    advance,
    wakes_at,
    wants_rows,
)

NEXT = 10_000


class Gateway:
    """Delivery with its clock; remembers nothing else."""

    def __init__(self, acked: int = 0, **limits: Any) -> None:
        self.state = Delivery(acked=acked)
        self.settings = DeliverySettings(**limits)
        self.now_s = 100.0

    def happen(self, happened: Input) -> list[Output]:
        self.state, outputs = advance(self.state, happened, now_s=self.now_s, settings=self.settings)
        return list(outputs)

    def hold(self, first: int, last: int, size: int = 100) -> list[Output]:
        return self.happen(Held(rows=tuple(Row(seq=seq, size=size) for seq in range(first, last + 1))))

    def answer(self, upto: int) -> list[Output]:
        return self.happen(Answered(upto=upto, next_seq=NEXT))

    def wait(self, seconds: float) -> list[Output]:
        self.now_s += seconds
        return self.happen(TimePassed())

    def greeted(self, upto: int = 0) -> Gateway:
        self.happen(Connected())
        self.answer(upto)
        return self


def send(first: int, last: int, *, prev: int | None = None, acked: int = 0) -> Send:
    return Send(first=first, last=last, dropped=(), prev=first - 1 if prev is None else prev, acked=acked)


def test_nothing_is_sent_before_the_collector_speaks() -> None:
    gateway = Gateway()
    assert gateway.hold(1, 3) == []
    assert gateway.happen(Connected()) == []
    assert gateway.wait(3600) == []
    assert wakes_at(gateway.state) is None
    assert gateway.answer(0) == [send(1, 3)]


def test_the_first_event_after_idle_goes_at_once_and_further_ones_wait_for_company() -> None:
    gateway = Gateway().greeted()
    assert gateway.hold(1, 1) == [send(1, 1)]
    assert gateway.hold(2, 2) == []
    assert wakes_at(gateway.state) == pytest.approx(100.2)
    gateway.now_s += 0.1
    assert gateway.hold(3, 3) == []
    assert gateway.wait(0.11) == [send(2, 3)]


def test_what_waits_for_company_goes_when_nothing_is_under_way_any_more() -> None:
    gateway = Gateway().greeted()
    gateway.hold(1, 1)
    gateway.hold(2, 2)
    assert gateway.answer(1) == [Release(upto=1), send(2, 2, acked=1)]


def test_a_backlog_goes_in_full_envelopes_up_to_the_window() -> None:
    gateway = Gateway(envelope_events=10, window_envelopes=3).greeted()
    assert gateway.hold(1, 45) == [send(1, 10), send(11, 20), send(21, 30)]
    assert gateway.answer(10) == [Release(upto=10), send(31, 40, acked=10)]


def test_the_window_is_also_bounded_in_bytes() -> None:
    gateway = Gateway(envelope_bytes=1000, window_bytes=2000).greeted()
    assert gateway.hold(1, 50) == [send(1, 10), send(11, 20)]


def test_an_event_larger_than_an_envelope_should_be_goes_alone() -> None:
    gateway = Gateway(envelope_bytes=150).greeted()
    gateway.happen(Held(rows=(Row(seq=1, size=900), Row(seq=2, size=10))))
    assert gateway.state.flights[0].last == 1


def test_without_an_answer_the_oldest_envelope_is_sent_again_alone_with_back_off() -> None:
    gateway = Gateway(envelope_events=10).greeted()
    gateway.hold(1, 20)
    assert gateway.wait(2.9) == []
    assert gateway.wait(0.1) == [send(1, 10)]
    assert gateway.wait(5.9) == []
    assert gateway.wait(0.1) == [send(1, 10)]
    assert gateway.wait(12.0) == [send(1, 10)]
    for _ in range(2000):  # two days of silence: never more than once a minute, and nothing is split
        assert gateway.wait(60.0) == [send(1, 10)]
    assert gateway.wait(59.0) == []


def test_an_answer_that_does_not_cover_goes_back_soon_and_only_once_for_many_of_them() -> None:
    gateway = Gateway(envelope_events=10).greeted()
    gateway.hold(1, 40)
    gateway.now_s += 0.1
    assert gateway.answer(10) == [Release(upto=10)]
    gateway.now_s += 0.1
    assert gateway.answer(10) == []
    assert gateway.answer(10) == []
    assert gateway.wait(0.5) == [send(11, 20, acked=10)]
    assert gateway.answer(20) == [Release(upto=20), send(21, 30, acked=20), send(31, 40, acked=20)]


def test_an_envelope_refused_five_times_is_halved_until_the_poison_is_alone() -> None:
    gateway = Gateway(envelope_events=8).greeted()
    sends = [output for output in gateway.hold(1, 8) if isinstance(output, Send)]
    halved: list[Halved] = []
    for _ in range(60):
        if sends[-1].first == sends[-1].last == 6:
            break
        outputs = gateway.answer(sends[-1].last if sends[-1].last < 6 else sends[-1].first - 1)
        outputs += gateway.wait(30.0) if not outputs else []
        sends += [output for output in outputs if isinstance(output, Send)]
        halved += [output for output in outputs if isinstance(output, Halved)]
    ranges = [(output.first, output.last) for output in sends]
    assert ranges == [(1, 8)] * 5 + [(1, 4)] + [(5, 8)] * 5 + [(5, 6)] * 5 + [(5, 5), (6, 6)]
    assert [(output.upto, output.events) for output in halved] == [(8, 4), (8, 2), (8, 1)]
    assert gateway.answer(6) == [Release(upto=6), send(7, 7, acked=6)]


def test_refusals_are_counted_over_reconnects_because_a_crashing_collector_may_take_the_broker_with_it() -> None:
    gateway = Gateway(envelope_events=8).greeted()
    assert gateway.hold(1, 8) == [send(1, 8)]
    for _ in range(4):
        gateway.happen(Disconnected())
        gateway.happen(Connected())
        assert gateway.answer(0) == [send(1, 8)]
    gateway.happen(Disconnected())
    gateway.happen(Connected())
    assert gateway.answer(0) == [Halved(upto=8, events=4), send(1, 4)]


def test_after_a_reconnect_delivery_goes_on_behind_the_answer() -> None:
    gateway = Gateway().greeted()
    gateway.hold(1, 5)
    gateway.happen(Disconnected())
    assert gateway.hold(6, 7) == []
    gateway.happen(Connected())
    assert gateway.answer(5) == [Release(upto=5), send(6, 7, acked=5)]


def test_a_restored_collector_is_told_what_it_had_acknowledged() -> None:
    gateway = Gateway(acked=20).greeted(upto=5)
    assert gateway.hold(21, 22) == [send(21, 22, prev=5, acked=20)]
    assert gateway.answer(22) == [Release(upto=22)]


def test_seqs_that_are_not_held_any_more_are_declared_dropped() -> None:
    gateway = Gateway(acked=3).greeted(upto=3)
    rows = tuple(Row(seq=seq, size=10) for seq in (6, 7, 9))
    assert gateway.happen(Held(rows=rows)) == [Send(first=4, last=9, dropped=((4, 5), (8, 8)), prev=3, acked=3)]


def disputed(first: int, last: int, *, acked: int = 0) -> Send:
    return Send(first=first, last=last, dropped=(), prev=first - 1, acked=acked, disputed=True)


def test_a_collector_that_knows_more_than_we_gave_out_gets_what_is_held_one_by_one_as_disputed() -> None:
    gateway = Gateway(envelope_events=2)
    gateway.hold(1, 3)
    gateway.happen(Connected())
    doubt = gateway.happen(Answered(upto=0, ahead=4, next_seq=4))
    assert doubt == [IdentityInDoubt(upto=4, next_seq=4), disputed(1, 2)]
    assert gateway.happen(Answered(upto=2, next_seq=4)) == [Release(upto=2), disputed(3, 3, acked=2)]
    assert gateway.happen(Answered(upto=3, next_seq=4)) == [Release(upto=3)]
    assert gateway.state.in_doubt


def test_an_answer_about_seqs_that_were_never_given_out_lets_nothing_go() -> None:
    gateway = Gateway()
    gateway.hold(1, 3)
    gateway.happen(Connected())
    assert gateway.happen(Answered(upto=4, next_seq=4)) == [IdentityInDoubt(upto=4, next_seq=4), disputed(1, 3)]
    assert len(gateway.state.rows) == 3


def test_events_that_differ_put_the_identity_in_doubt_and_a_new_connection_does_not_end_it() -> None:
    gateway = Gateway().greeted()
    gateway.hold(1, 1)
    assert gateway.happen(Answered(upto=1, next_seq=2, forked=True)) == [
        IdentityInDoubt(upto=1, next_seq=2),
        Release(upto=1),
    ]
    gateway.happen(Disconnected())
    gateway.happen(Connected())
    gateway.answer(1)
    assert gateway.hold(2, 2) == [disputed(2, 2, acked=1)]


def test_while_the_collector_compares_what_an_earlier_run_sent_only_one_envelope_is_under_way() -> None:
    gateway = Gateway(envelope_events=2)
    gateway.hold(1, 8)
    gateway.happen(Connected())
    assert gateway.happen(Answered(upto=0, ahead=4, next_seq=9)) == [send(1, 2)]
    assert gateway.happen(Answered(upto=2, next_seq=9)) == [Release(upto=2), send(3, 4, acked=2)]
    assert gateway.happen(Answered(upto=4, next_seq=9)) == [
        Release(upto=4),
        send(5, 6, acked=4),
        send(7, 8, acked=4),
    ]


def test_rows_that_are_loaded_again_are_not_sent_twice() -> None:
    gateway = Gateway().greeted()
    gateway.hold(1, 3)
    gateway.answer(2)
    assert gateway.hold(1, 3) == []
    assert [row.seq for row in gateway.state.rows] == [3]


def test_only_some_of_a_backlog_is_loaded_and_nothing_before_it_can_be_sent() -> None:
    gateway = Gateway(envelope_events=10, window_envelopes=1)
    assert wants_rows(gateway.state, gateway.settings) == 0
    gateway.greeted()
    assert wants_rows(gateway.state, gateway.settings) == 20
    gateway.hold(1, 20)
    assert wants_rows(gateway.state, gateway.settings) == 10


def costly(**limits: float) -> Gateway:
    return Gateway(delay_s=0.7, **limits).greeted()


def patient(first: int, last: int, *, acked: int = 0) -> Send:
    return replace(send(first, last, acked=acked), patient=True)


def test_on_a_link_that_costs_events_wait_for_company_though_nothing_is_under_way() -> None:
    gateway = costly()
    assert gateway.hold(1, 1) == []
    assert wakes_at(gateway.state, gateway.settings) == pytest.approx(100.7)
    gateway.now_s += 0.6
    assert gateway.hold(2, 3) == []
    assert gateway.wait(0.11) == [patient(1, 3)]


def test_an_envelope_whose_answer_may_wait_is_sent_again_that_much_later_and_then_in_a_hurry() -> None:
    gateway = costly()
    gateway.hold(1, 1)
    assert gateway.wait(0.7) == [patient(1, 1)]
    assert gateway.wait(7.9) == []
    assert gateway.wait(0.11) == [send(1, 1)]
    assert gateway.wait(5.9) == []
    assert gateway.wait(0.11) == [send(1, 1)]


def test_after_an_answer_to_some_of_them_the_others_may_wait_on() -> None:
    gateway = costly()
    gateway.hold(1, 1)
    gateway.wait(0.7)
    gateway.hold(2, 2)
    assert gateway.wait(0.71) == [patient(2, 2)]
    assert gateway.answer(1) == [Release(upto=1)]
    assert gateway.wait(7.9) == []
    assert gateway.wait(0.11) == [send(2, 2, acked=1)]


def test_a_full_envelope_goes_at_once_and_its_answer_may_not_wait() -> None:
    gateway = costly(envelope_events=10)
    assert gateway.hold(1, 25) == [send(1, 10), send(11, 20)]
    assert gateway.wait(0.71) == [patient(21, 25)]


def test_with_half_of_the_window_under_way_no_further_answer_may_wait() -> None:
    for limits in ({"window_envelopes": 4}, {"window_bytes": 400}):
        gateway = costly(**limits)
        sends: list[Output] = []
        for seq in (1, 2, 3):
            gateway.hold(seq, seq)
            sends += gateway.wait(0.71)
        assert sends == [patient(1, 1), patient(2, 2), send(3, 3)]


def test_what_was_under_way_when_the_link_went_is_sent_again_at_once_and_in_a_hurry() -> None:
    gateway = costly()
    gateway.hold(1, 1)
    gateway.wait(0.7)
    gateway.happen(Disconnected())
    gateway.happen(Connected())
    assert gateway.answer(0) == [send(1, 1)]
