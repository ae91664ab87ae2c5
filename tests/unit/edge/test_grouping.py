"""When what was derived is committed."""

from __future__ import annotations

from genba_edge.core.grouping import Grouping


def test_the_first_event_after_a_quiet_time_is_committed_at_once() -> None:
    waiting = Grouping().looked(has_work=True, now_s=100.0)
    assert waiting.due_in_s(is_under_way=False, now_s=100.0) == 0.0


def test_what_follows_waits_for_company_as_long_as_an_envelope_is_under_way() -> None:
    waiting = Grouping().looked(has_work=True, now_s=100.0).looked(has_work=True, now_s=100.125)
    assert waiting.due_in_s(is_under_way=True, now_s=100.125) == 100.0 + 0.2 - 100.125
    assert waiting.due_in_s(is_under_way=False, now_s=100.125) == 0.0


def test_nothing_waits_for_more_than_200_ms_whatever_is_under_way() -> None:
    waiting = Grouping()
    for tenth in range(4):
        waiting = waiting.looked(has_work=True, now_s=100.0 + tenth / 10)
    assert waiting.due_in_s(is_under_way=True, now_s=100.3) == 0.0


def test_where_nothing_was_derived_nothing_is_committed() -> None:
    assert Grouping().due_in_s(is_under_way=True, now_s=1.0) is None
    assert Grouping(waiting_since=1.0).looked(has_work=False, now_s=2.0) == Grouping()
