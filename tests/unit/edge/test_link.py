"""What a driver says about its device during one outage with several reasons."""

from __future__ import annotations

import logging

import pytest

from genba_edge.drivers.link import Link
from genba_edge.ports import DeviceBack, DeviceLost, Failure, Meter, Observation
from genba_shared.clock import ProductionClock


def lost_for(
    *reasons: tuple[str, Failure], caplog: pytest.LogCaptureFixture
) -> tuple[Link, Meter, list[Observation], list[str]]:
    """The link after these reasons, with what it emitted, and its lines at INFO and above."""
    caplog.set_level(logging.INFO)
    meter, emitted = Meter(device="gate"), list[Observation]()
    link = Link(meter, clock=ProductionClock(), emit=emitted.extend)
    for reason, failure in reasons:
        link.lost(reason, retry_s=3.0, failure=failure)
    return link, meter, emitted, [record.message for record in caplog.records]


def test_a_network_that_breaks_and_then_refuses_is_one_line_and_the_newest_reason_stands_in_the_details(
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, meter, emitted, lines = lost_for(
        ("it broke", Failure.CLOSED), ("nobody listens", Failure.CONNECT), caplog=caplog
    )

    assert lines == ["device lost device=gate reason=it broke retry_s=3.0"]
    assert [type(one) for one in emitted] == [DeviceLost]
    assert meter.details == {"reason_now": "nobody listens"}


def test_a_later_reason_that_asks_for_a_person_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    later = ("wrong password", Failure.SECURITY)
    _, meter, emitted, lines = lost_for(("nobody listens", Failure.CONNECT), later, later, caplog=caplog)

    assert lines[1:] == ["device still lost device=gate reason=wrong password"]
    assert [type(one) for one in emitted] == [DeviceLost]
    assert meter.details == {"reason_now": "wrong password"}


def test_a_device_that_is_back_has_no_reason(caplog: pytest.LogCaptureFixture) -> None:
    link, meter, emitted, _ = lost_for(("it broke", Failure.CLOSED), ("refused", Failure.REFUSED), caplog=caplog)
    link.deliver()

    assert [type(one) for one in emitted] == [DeviceLost, DeviceBack]
    assert meter.details == {}
