"""Requests shrink to what a server takes, and stay small."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from asyncua.ua.status_codes import StatusCodes

from genba_edge.drivers.opcua_faults import OpcUaLost, OpcUaRefused
from genba_edge.drivers.opcua_limits import Call, CallSizes
from genba_edge.ports import Failure

NODES = list(range(1000))


class Server:
    """Takes `most` nodes at once; `fault` is what it does with more."""

    def __init__(self, most: int, fault: OpcUaRefused | OpcUaLost) -> None:
        self.most = most
        self.fault = fault
        self.asked: list[int] = []

    async def ask(self, part: Sequence[int]) -> list[int]:
        self.asked.append(len(part))
        if len(part) > self.most:
            raise self.fault
        return list(part)


def refused(code: int) -> OpcUaRefused:
    return OpcUaRefused(device="a", reason="no", code=code)


@pytest.mark.parametrize("code", [StatusCodes.BadTooManyOperations, StatusCodes.BadEncodingLimitsExceeded])
async def test_a_request_that_is_too_large_is_asked_in_halves_and_the_lesson_stays(code: int) -> None:
    sizes, server = CallSizes(), Server(60, refused(code))
    assert await sizes.in_parts(Call.READ, NODES, server.ask) == NODES
    assert server.asked == [200, 100, *[50] * 20]
    server.asked.clear()
    assert await sizes.in_parts(Call.READ, NODES, server.ask) == NODES
    assert set(server.asked) == {50}
    sizes.server_names(Call.READ, 400)  # after a reconnection the server still says that it takes more
    await sizes.in_parts(Call.READ, NODES, server.ask)
    assert set(server.asked) == {50}


async def test_a_named_limit_is_kept_and_a_large_one_bounded() -> None:
    sizes, server = CallSizes(), Server(10_000, refused(0))
    sizes.server_names(Call.READ, 30)
    sizes.server_names(Call.MONITOR, 100_000)
    sizes.server_names(Call.TRANSLATE, 0)
    for call in Call:
        await sizes.in_parts(call, NODES, server.ask)
    assert (max(server.asked[:34]), max(server.asked[34:36]), max(server.asked[36:])) == (30, 500, 200)


async def test_a_limit_that_is_named_below_what_was_refused_is_believed() -> None:
    sizes, server = CallSizes(), Server(2, refused(StatusCodes.BadTooManyOperations))
    await sizes.in_parts(Call.READ, NODES[:7], server.ask)
    sizes.server_names(Call.READ, 2)
    server.asked.clear()
    await sizes.in_parts(Call.READ, NODES[:6], server.ask)
    assert server.asked == [2, 2, 2]


async def test_another_refusal_is_no_matter_of_size() -> None:
    server = Server(0, refused(StatusCodes.BadUserAccessDenied))
    with pytest.raises(OpcUaRefused):
        await CallSizes().in_parts(Call.READ, NODES, server.ask)
    assert server.asked == [200]


async def test_a_server_that_takes_not_even_one_node_is_not_asked_for_ever() -> None:
    server = Server(0, refused(StatusCodes.BadTooManyOperations))
    with pytest.raises(OpcUaRefused):
        await CallSizes().in_parts(Call.READ, NODES, server.ask)
    assert server.asked == [200, 100, 50, 25, 12, 6, 3, 1]


async def lose(sizes: CallSizes, failure: Failure, nodes: Sequence[int] = NODES) -> int:
    """Ask a server that goes away under the first request; the size of that request."""
    server = Server(0, OpcUaLost(device="a", reason="gone", failure=failure))
    with pytest.raises(OpcUaLost):
        await sizes.in_parts(Call.READ, nodes, server.ask)
    return server.asked[0]


async def largest(sizes: CallSizes, nodes: Sequence[int] = NODES) -> int:
    """Ask a server that takes everything; the size of the largest request."""
    server = Server(1000, refused(0))
    await sizes.in_parts(Call.READ, nodes, server.ask)
    return max(server.asked)


@pytest.mark.parametrize(("failure", "next_size"), [(Failure.CLOSED, 100), (Failure.TIMEOUT, 200)])
async def test_a_server_that_hung_up_twice_running_is_asked_for_half(failure: Failure, next_size: int) -> None:
    sizes = CallSizes()
    assert [await lose(sizes, failure) for _ in range(2)] == [200, 200]
    assert await largest(sizes) == next_size


async def test_an_ordinary_disconnect_now_and_then_teaches_nothing() -> None:
    sizes = CallSizes()
    for _ in range(5):
        await lose(sizes, Failure.CLOSED)
        assert await largest(sizes) == 200


async def test_smaller_requests_that_are_answered_in_between_do_not_clear_the_large_one() -> None:
    sizes = CallSizes()
    await lose(sizes, Failure.CLOSED)
    await largest(sizes, NODES[:20])
    await lose(sizes, Failure.CLOSED)
    assert await largest(sizes) == 100


async def test_what_a_disconnect_taught_is_forgotten_after_a_day_and_what_the_server_said_is_not() -> None:
    now = 0.0
    sizes = CallSizes(now=lambda: now)
    for _ in range(2):
        await lose(sizes, Failure.CLOSED)
    now = 86_000.0
    sizes.server_names(Call.READ, 0)
    assert await largest(sizes) == 100
    now = 87_000.0
    sizes.server_names(Call.READ, 0)
    assert await largest(sizes) == 200
    await sizes.in_parts(Call.READ, NODES, Server(60, refused(StatusCodes.BadTooManyOperations)).ask)
    now = 900_000.0
    sizes.server_names(Call.READ, 0)
    assert await largest(sizes) == 50


async def test_a_connection_that_broke_under_a_small_request_teaches_nothing() -> None:
    sizes = CallSizes()
    for _ in range(2):
        await lose(sizes, Failure.CLOSED, NODES[:10])
    assert await largest(sizes) == 200
