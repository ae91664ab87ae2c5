"""What the edge benchmark works out: the best way to read a map, and how punctually a device was read."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.edge.maps import Span, fewest_requests
from benchmarks.edge.servers import Request, polls_of

SPANS = st.lists(st.builds(Span, st.integers(0, 40), st.sampled_from((1, 2, 4))), min_size=1, max_size=7, unique=True)


def requests_at(*seconds: float, address: int = 0) -> list[Request]:
    return [Request(connection=1, unit=1, address=address, count=125, wall_s=1000 + second) for second in seconds]


def best_by_trying_all(spans: list[Span], *, max_gap: int, most: int) -> tuple[int, int]:
    """Cut the points at every combination of places."""
    ordered = sorted(spans, key=lambda span: (span.address, span.width))
    found = []
    for cuts in (c for count in range(len(ordered)) for c in combinations(range(1, len(ordered)), count)):
        bounds = [0, *cuts, len(ordered)]
        groups = [ordered[first:last] for first, last in pairwise(bounds)]
        lengths = [readable_length(group, max_gap=max_gap, most=most) for group in groups]
        if None not in lengths:
            found.append((len(groups), sum(length or 0 for length in lengths)))
    return min(found)


def readable_length(group: list[Span], *, max_gap: int, most: int) -> int | None:
    """Registers of one request for these points; None: it may not be made."""
    end = group[0].address
    for span in group:
        if span.address - end > max_gap:
            return None
        end = max(end, span.address + span.width)
    length = end - group[0].address
    return length if length <= most or len(group) == 1 else None


def test_points_side_by_side_need_one_request_for_each_125_registers() -> None:
    assert fewest_requests([Span(address, 1) for address in range(1000)]) == (8, 1000)


def test_a_hole_beyond_the_gap_needs_another_request() -> None:
    assert fewest_requests([Span(0, 1), Span(13, 1), Span(27, 1)], max_gap=12) == (2, 15)


@given(SPANS)
def test_fewest_requests_are_those_of_the_best_way_to_cut_the_points(spans: list[Span]) -> None:
    assert fewest_requests(spans, max_gap=3, most=12) == best_by_trying_all(spans, max_gap=3, most=12)


def test_a_poll_that_comes_late_is_seen_though_those_after_it_are_on_time() -> None:
    polls = polls_of(requests_at(0.5, 1.5, 2.75, 3.5), period_s=1.0)
    assert (polls.readings, polls.late, round(polls.latest_s, 2)) == (4, 1, 0.25)


def test_a_poll_that_is_missed_makes_the_next_one_late_by_a_period() -> None:
    polls = polls_of(requests_at(0.5, 1.5, 3.5, 4.5), period_s=1.0)
    assert (polls.late, polls.latest_s, polls.longest_gap_s) == (1, 1.0, 2.0)


def test_polls_on_both_sides_of_a_full_second_are_on_time() -> None:
    polls = polls_of(requests_at(0.99, 2.01, 2.99, 4.0), period_s=1.0)
    assert (polls.late, round(polls.latest_s, 2)) == (0, 0.02)


def test_a_poll_is_as_many_requests_as_lie_between_two_of_its_lowest_block() -> None:
    log = sorted((*requests_at(0, 1, 2), *requests_at(0.01, 1.01, address=125)), key=lambda request: request.wall_s)
    polls = polls_of(log, period_s=1.0)
    assert (polls.requests, polls.registers) == (2.0, 250.0)
