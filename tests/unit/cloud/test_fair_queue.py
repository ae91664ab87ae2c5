"""Gateways take turns, and who sends too much loses its own first."""

from __future__ import annotations

from genba_cloud.ingest.fair_queue import GROUP, FairQueue, Message


def message(text: str, *, size: int = 10, retained: bool = False) -> Message:
    return Message(topic=text, payload=b"x" * size, retained=retained, arrived_s=0.0)


def taken(queue: FairQueue) -> list[str]:
    return [one.topic for one in queue.take()]


def test_a_quiet_gateway_does_not_wait_behind_the_backlog_of_another() -> None:
    queue = FairQueue()
    for number in range(5):
        queue.put_envelope("noisy", message(f"n{number}"))
    queue.put_envelope("quiet", message("q0"))
    assert taken(queue) == ["n0", "q0", "n1", "n2", "n3", "n4"]
    assert (len(queue), queue.waiting_bytes) == (0, 0)


def test_of_one_gateway_only_so_many_envelopes_wait() -> None:
    queue = FairQueue(most_of_one=2)
    assert [queue.put_envelope("noisy", message(f"n{number}")) for number in range(4)] == [0, 0, 1, 1]
    assert queue.put_envelope("quiet", message("q0")) == 0
    assert taken(queue) == ["n0", "q0", "n1"]


def test_where_all_together_are_too_many_bytes_the_newest_of_the_greatest_is_left_out() -> None:
    queue = FairQueue(most_bytes=100)
    for number in range(3):
        assert queue.put_envelope("noisy", message(f"n{number}", size=30)) == 0
    assert queue.put_envelope("quiet", message("q0", size=20)) == 1
    assert queue.waiting_bytes == 80
    assert taken(queue) == ["n0", "q0", "n1"]


def test_a_group_is_bounded_in_events_and_in_messages() -> None:
    queue = FairQueue(most_of_one=2000)
    for number in range(4):
        queue.put_envelope("large", message(f"l{number}", size=40_000))  # of some 3,300 events each
    assert [len(taken(queue)) for _ in range(3)] == [2, 2, 0]
    for number in range(GROUP + 1):
        queue.put_envelope("small", message(f"s{number}"))
    assert [len(taken(queue)) for _ in range(3)] == [GROUP, 1, 0]


def test_of_the_states_of_a_gateway_only_the_newest_waits_and_goes_first() -> None:
    queue = FairQueue()
    queue.put_envelope("gw", message("e0"))
    queue.put_state("gw", message("old"))
    queue.put_state("gw", message("new"))
    queue.put_state("gw", message("kept by the broker", retained=True))
    assert len(queue) == 2
    assert taken(queue) == ["new", "e0"]


def test_senders_are_bounded_too() -> None:
    queue = FairQueue()
    for number in range(20_000):
        queue.put_state(f"gw-{number}", message("s"))
    assert queue.put_envelope("one-more", message("e")) == 1
    queue.put_state("one-more", message("s"))
    assert len(queue) == 20_000
