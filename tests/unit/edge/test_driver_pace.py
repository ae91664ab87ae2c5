"""When drivers poll, when they try again, and that they end when told to."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable

import pytest

from genba_edge.core.registers import Block
from genba_edge.drivers.backoff import Backoff
from genba_edge.drivers.link import end_if_cancelled, reason_of
from genba_edge.drivers.modbus_plan import PollPlan
from genba_edge.drivers.pace import PollPace
from genba_edge.drivers.schedule import Schedule, phase_of
from genba_edge.ports import Failure, Meter
from genba_shared.device_map.model import ModbusPoint, ModbusTable, PointType, PollSettings


def test_waits_double_up_to_the_cap_and_jitter_only_shortens_them() -> None:
    for _ in range(50):
        backoff = Backoff(first_s=0.25, max_s=3.0)
        waits = [backoff.next_s() for _ in range(6)]
        for wait, most in zip(waits, [0.25, 0.5, 1.0, 2.0, 3.0, 3.0], strict=True):
            assert most / 2 <= wait <= most


def test_a_success_makes_the_next_wait_short_again() -> None:
    backoff = Backoff(first_s=0.25, max_s=3.0)
    for _ in range(5):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() <= 0.25


def test_the_first_wait_is_never_longer_than_the_cap() -> None:
    assert Backoff(first_s=0.25, max_s=0.1).next_s() <= 0.1


def test_every_group_is_due_at_the_start_the_fast_one_first() -> None:
    schedule = Schedule({"slow": 10.0, "fast": 0.5}, device="cell", start=100.0)
    assert schedule.next() == ("fast", 100.0)
    schedule.done("fast", now=100.0)
    assert schedule.next() == ("slow", 100.0)


def test_due_times_do_not_drift_with_what_a_poll_takes() -> None:
    schedule = Schedule({"fast": 0.5}, device="cell", start=100.0)
    schedule.done("fast", now=100.0)
    _, first = schedule.next()
    due_times = []
    for took in (0.1, 0.3, 0.05, 0.49):
        _, due = schedule.next()
        due_times.append(due)
        schedule.done("fast", now=due + took)
    assert due_times == [first, first + 0.5, first + 1.0, first + 1.5]


def test_a_poll_that_overran_skips_what_it_missed() -> None:
    schedule = Schedule({"fast": 0.5}, device="cell", start=100.0)
    schedule.done("fast", now=100.0)
    _, due = schedule.next()
    schedule.done("fast", now=due + 1.7)
    assert schedule.next() == ("fast", due + 2.0)


def test_the_groups_of_a_device_are_due_between_one_another() -> None:
    schedule = Schedule({"fast": 0.5, "medium": 1.0, "slow": 10.0}, device="cell", start=100.0)
    for group in ("fast", "medium", "slow"):
        schedule.done(group, now=100.0)
    times = []
    for _ in range(60):
        group, due = schedule.next()
        times.append(due)
        schedule.done(group, now=due)
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) > 0.1


def test_a_faster_group_that_is_due_goes_before_the_rest_of_a_slow_poll() -> None:
    schedule = Schedule({"fast": 0.5, "slow": 10.0}, device="cell", start=100.0)
    schedule.done("fast", now=100.0)
    _, due = schedule.next()
    assert schedule.due_before("slow", now=100.0) is None
    assert schedule.due_before("slow", now=102.0) == "fast"
    assert schedule.due_before("fast", now=120.0) is None
    assert due == 100.0


def test_a_retry_comes_before_the_next_poll_and_does_not_move_it() -> None:
    schedule = Schedule({"slow": 10.0}, device="cell", start=100.0)
    schedule.done("slow", now=100.0)
    _, due = schedule.next()
    schedule.retry("slow", at=100.1)
    assert schedule.next() == ("slow", 100.1)
    assert schedule.is_retry("slow", now=100.1)
    schedule.retried("slow")
    assert schedule.next() == ("slow", due)
    assert not schedule.is_retry("slow", now=100.2)


def test_a_poll_is_late_when_it_ends_more_than_a_period_after_its_time() -> None:
    schedule = Schedule({"fast": 0.5}, device="cell", start=100.0)
    assert schedule.late_s("fast", due=100.0, now=100.4) == 0
    assert schedule.late_s("fast", due=100.0, now=100.75) == 0.25


def test_three_late_polls_running_are_an_overload_and_ten_in_time_the_end_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    meter = Meter(device="cell")
    pace = PollPace(meter, group="fast", period_s=0.5)
    with caplog.at_level(logging.INFO, logger="genba_edge"):
        for late_s in (0.2, 0.0, *[0.2] * 5, *[0.0] * 9, 0.2, *[0.0] * 12):
            pace.note(took_s=0.3, late_s=late_s)
    assert [record.getMessage() for record in caplog.records] == [
        "device overloaded device=cell group=fast period_s=0.5 poll_s=0.30 late_s=0.20",
        "device in time again device=cell group=fast period_s=0.5",
    ]
    assert (meter.polls, meter.late_polls, meter.failures[Failure.OVERLOAD], meter.late_s) == (29, 7, 7, 0.0)


def test_devices_poll_at_different_times_of_the_period() -> None:
    phases = {phase_of(f"device-{number}") for number in range(20)}
    assert len(phases) > 15
    assert all(0 <= phase < 1 for phase in phases)


def plan_of(*addresses: int, max_gap: int = 12) -> PollPlan:
    points = [
        ModbusPoint(name=f"p{address}", type=PointType.UINT16, table=ModbusTable.HOLDING, address=address)
        for address in addresses
    ]
    return PollPlan(points, PollSettings(max_gap=max_gap))


def due_of(plan: PollPlan, now: float) -> list[str]:
    return [str(block) for block in plan.due(now=now)]


def learn(plan: PollPlan, refuses: Callable[[Block], bool], now: float = 0.0) -> int:
    """Read what is due from a device that refuses some blocks, as the driver does; how many requests it took."""
    requests = 0
    for block in plan.due(now=now):
        answered, waiting, found = [], [block], False
        while waiting:
            part = waiting.pop()
            requests += 1
            if not refuses(part):
                plan.accept(part)
                answered.append(part)
            elif halves := plan.split(part):
                waiting.extend(halves)
            else:
                plan.refuse(part, now=now)
                found = True
        if found:
            plan.join(answered)
    return requests


def test_a_refused_register_is_found_by_halving_and_its_good_neighbours_are_joined() -> None:
    plan = plan_of(*range(100))
    assert learn(plan, lambda block: block.address <= 41 < block.address + block.count) <= 16
    assert due_of(plan, 0.1) == ["holding 0-40", "holding 42-99"]
    assert due_of(plan, 1.0) == ["holding 0-40", "holding 42-99", "holding 41-41"]


def test_a_device_that_takes_short_requests_only_gets_the_longest_that_it_takes() -> None:
    plan = plan_of(*range(100))
    assert learn(plan, lambda block: block.count > 32) == 7
    assert due_of(plan, 0.0) == ["holding 0-24", "holding 25-49", "holding 50-74", "holding 75-99"]
    assert learn(plan, lambda block: block.count > 32) == 4


def test_neighbours_that_are_refused_together_again_stay_apart() -> None:
    plan = plan_of(*range(8))

    def refuses(block: Block) -> bool:
        return block.count > 2 or block.address <= 3 < block.address + block.count

    for _ in range(3):
        learn(plan, refuses)
    assert due_of(plan, 0.0) == ["holding 0-0", "holding 1-2", "holding 4-5", "holding 6-7"]


def test_a_refused_point_is_tried_less_and_less_often_but_at_least_every_30_s() -> None:
    plan = plan_of(0)
    tries = []
    for tenths in itertools.count():
        now = tenths / 10
        for block in plan.due(now=now):
            tries.append(now)
            plan.refuse(block, now=now)
        if len(tries) == 12:
            break
    gaps = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert gaps[0] <= 1.1
    assert max(gaps) <= 30.1
    assert min(gaps[6:]) >= 14.9


def test_after_a_new_connection_a_refused_point_is_tried_at_once() -> None:
    plan = plan_of(0)
    (block,) = plan.due(now=0.0)
    plan.refuse(block, now=0.0)
    assert due_of(plan, 0.1) == []
    plan.retry_all()
    assert due_of(plan, 0.1) == ["holding 0-0"]


def test_a_block_that_is_silent_once_is_read_last_and_then_halved() -> None:
    plan = plan_of(0, 50, 51, 52, 53, 100)
    block = plan.due(now=0.0)[1]
    assert not plan.is_guilty(block)
    plan.suspect(block)
    assert due_of(plan, 0.0) == ["holding 0-0", "holding 100-100", "holding 50-53"]
    assert plan.is_guilty(block)
    plan.halve(block)
    assert due_of(plan, 0.0) == ["holding 0-0", "holding 100-100", "holding 50-51"]
    plan.accept(plan.due(now=0.0)[-1])
    assert due_of(plan, 0.0) == ["holding 0-0", "holding 50-51", "holding 100-100", "holding 52-53"]


def test_a_single_point_that_is_silent_is_left_out_like_a_refused_one() -> None:
    plan = plan_of(0, 50)
    block = plan.due(now=0.0)[0]
    plan.suspect(block)
    assert plan.halve(block) == ()
    plan.refuse(block, now=0.0)
    assert due_of(plan, 0.1) == ["holding 50-50"]
    assert due_of(plan, 1.0) == ["holding 50-50", "holding 0-0"]


def test_a_block_that_is_answered_again_is_no_longer_suspect() -> None:
    plan = plan_of(0, 50)
    block = plan.due(now=0.0)[0]
    plan.suspect(block)
    plan.accept(block)
    assert not plan.is_guilty(block)
    assert due_of(plan, 0.0) == ["holding 0-0", "holding 50-50"]


def test_what_a_busy_device_put_off_is_told_once() -> None:
    plan = plan_of(0, 50)
    first, second = plan.due(now=0.0)
    assert plan.put_off(second, now=0.0) == 0.0
    assert plan.is_put_off
    assert plan.take_busy() == (second,)
    assert plan.take_busy() == ()
    assert not plan.is_put_off
    assert str(first) == "holding 0-0"


async def test_a_cancellation_that_was_swallowed_is_raised_again() -> None:
    async def swallow() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.get_running_loop().create_future()
        end_if_cancelled()

    task = asyncio.create_task(swallow())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError(), "no answer from 10.1.2.21:502 within 2 s"),
        (ConnectionRefusedError(111, "Connect call failed"), "connection refused by 10.1.2.21:502"),
        (ConnectionResetError(104, "reset"), "connection to 10.1.2.21:502 broke"),
        (OSError(113, "Connect call failed"), "10.1.2.21:502: no route to host"),
        (ValueError("strange"), "10.1.2.21:502: strange"),
    ],
)
def test_a_failed_connection_is_told_in_words(error: Exception, said: str) -> None:
    assert reason_of(error, where="10.1.2.21:502", timeout_s=2.0) == said
