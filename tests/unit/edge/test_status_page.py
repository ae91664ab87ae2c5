"""The status page: every language says everything, and nothing that a device says becomes part of the page's code."""

from __future__ import annotations

import re
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from genba_edge.app.snapshot import DeviceView, PointView, Snapshot
from genba_edge.app.status.chart import sparkline
from genba_edge.app.status.markup import Html, element
from genba_edge.app.status.metrics import exposition
from genba_edge.app.status.page import POINTS_SHOWN, render
from genba_edge.app.status.words import WORDS, language_of
from genba_edge.core.diagnosis import Finding, FindingCode, Sign, Sureness
from genba_edge.core.present import DeviceStatus, PointNow
from genba_edge.ports import Failure, Meter, OutboxMark, Sample
from genba_shared.clock_health import ClockHealth
from genba_shared.device_map.model import PointRef
from genba_shared.events import KINDS, Result, StationState

NOW = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
EVIL = '<script>alert("1")</script>'


def point(name: str, value: str | float, *, reason: str = "") -> PointView:
    sample = Sample(device="cutter1", point=name, value=value, at=NOW, seen_at=NOW)
    return PointView(
        name=name, now=PointNow(sample=sample, changed_at=NOW), read_at=NOW, bad_reason=reason, reported=None
    )


def device(*points: PointView, status: DeviceStatus = DeviceStatus.ONLINE, reason: str = "") -> DeviceView:
    meter = Meter(device="cutter1", polls=1234, details={"Model": EVIL})
    meter.failures[Failure.TIMEOUT] = 7
    return DeviceView(
        id="cutter1",
        label=EVIL,
        protocol="Modbus",
        address="10.1.2.3:502 unit 1",
        status=status,
        since=NOW - timedelta(days=1),
        reason=reason,
        age_s=0.25,
        meter=meter,
        points=points,
        reads={},
        poll_s=(0.01, 0.02, None, 0.03),
    )


def snapshot(*devices: DeviceView) -> Snapshot:
    return Snapshot(
        gateway="gw-1",
        site="plant-a",
        timezone="Asia/Tokyo",
        map_sha256="ab" * 32,
        at=NOW,
        started_at=NOW - timedelta(hours=5),
        clock=ClockHealth(is_synchronised=True, error_s=0.012),
        mark=OutboxMark(epoch="0" * 32, next_seq=9, acknowledged=1, depth=7, oldest_at=NOW - timedelta(minutes=5)),
        broker="mqtt://10.1.2.3:1883",
        is_connected=False,
        dispatch_version=3,
        commits=4,
        derive_failures=0,
        devices=devices,
        stations={"CUT-1": (StationState.RUNNING, NOW), "CUT-2": None},
        events=(),
        record=None,
    )


def test_a_point_shows_the_servers_word_for_its_quality_unless_it_is_just_good() -> None:
    def told(status: str) -> PointView:
        sample = Sample(device="cutter1", point="p", value=1, at=NOW, seen_at=NOW, status=status)
        return PointView(
            name="p", now=PointNow(sample=sample, changed_at=NOW), read_at=NOW, bad_reason="", reported=None
        )

    shown = snapshot(device(told("UncertainSensorNotAccurate"), told("Good")))
    page = str(render(shown, "en"))
    assert '<small class="reason">UncertainSensorNotAccurate</small>' in page
    assert page.count('<small class="reason">') == 1
    assert shown.to_json()["devices"]["cutter1"]["points"]["p"]["status"] == "Good"


def test_every_language_has_every_word_with_the_same_places_to_fill_in() -> None:
    def places(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    for key, english in WORDS["en"].items():
        for language in ("zh", "ja"):
            assert WORDS[language][key], key
            assert places(WORDS[language][key]) == places(english), key


def test_every_state_failure_and_result_has_its_word() -> None:
    wanted = [f"state.{state}" for state in StationState] + [f"failure.{reason}" for reason in Failure]
    wanted += [f"result.{result}" for result in Result] + list(DeviceStatus)
    wanted += ["event.pieces_counted", "event.node_completed", "event.data_gap_seen"]
    assert [key for key in wanted if key not in WORDS["en"]] == []
    assert {key.partition(".")[2] for key in WORDS["en"] if key.startswith("event.")} <= set(KINDS)


@pytest.mark.parametrize("language", ["en", "zh", "ja"])
def test_what_a_device_says_is_shown_and_never_run(language: str) -> None:
    page = render(snapshot(device(point("order", EVIL, reason=EVIL), status=DeviceStatus.LOST, reason=EVIL)), language)
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert") >= 4


def test_what_is_wrong_in_the_map_is_shown_with_the_line_to_write_and_never_run() -> None:
    sign = Sign(
        code=FindingCode.BYTE_ORDER,
        ref=PointRef("cutter1", "parts"),
        what=f"it reads {EVIL}.",
        fix="Write the order:",
        path="devices.cutter1.points.parts",
        write="byte_order: CDAB",
        sureness=Sureness.LIKELY,
        seen_at=NOW,
    )
    finding = Finding(sign=sign, station="CUT-1", first_seen=NOW, last_seen=NOW)
    page = str(render(replace(snapshot(device()), findings=(finding,)), "en"))
    assert '<h2 id="findings">The map is doubtful</h2>' in page
    assert "devices.cutter1.points.parts:\n  byte_order: CDAB" in page
    assert "byte-order · likely · since 16:00:00" in page
    assert EVIL not in page
    assert "The map is doubtful" not in str(render(snapshot(device()), "en"))


def test_a_page_says_what_its_figures_are() -> None:
    page = re.sub(r"<[^>]*>", " ", render(snapshot(device(point("parts", 42.5))), "en"))
    for text in (
        "1 of 1 answer",
        "7 events wait",
        "oldest 5 min",
        "not connected",
        "± 12 ms",
        "running for 5 h",
        "1,234",
        "no answer in time",
        "42.5",
        "since 2026-01-04 16:00:00",
        "1 points, 0 bad",
    ):
        assert text in page, text


def test_a_device_with_thousands_of_points_does_not_make_a_page_that_no_browser_shows() -> None:
    page = render(snapshot(device(*(point(f"p{number}", number) for number in range(5000)))), "en")
    assert page.count('<th scope="row">') == POINTS_SHOWN
    assert "4800 more points" in page
    assert len(page) < 100_000


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("ja", "zh-CN,zh;q=0.9", "ja"),
        ("xx", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("", "de-DE,de;q=0.9,ja;q=0.5,en;q=0.4", "ja"),
        ("", "en;q=0.2,ja;q=0.9", "ja"),
        ("", "", "en"),
        ("", ";;q=x,,", "en"),
    ],
)
def test_the_language_is_what_is_asked_for_or_what_the_browser_prefers(
    asked: str, accepted: str, language: str
) -> None:
    assert language_of(asked, accepted) == language


def test_text_is_escaped_and_html_is_not_escaped_twice() -> None:
    inner = element("b", 'a & "b"', title='"x" <y>')
    assert element("p", inner, None, "c < d") == (
        '<p><b title="&quot;x&quot; &lt;y&gt;">a &amp; &quot;b&quot;</b>c &lt; d</p>'
    )
    assert isinstance(inner, Html)


def test_a_line_has_a_gap_where_nothing_was_polled() -> None:
    line = sparkline((0.01, 0.02, None, 0.03, 0.01), label="polls")
    assert line is not None
    assert line.count("<polyline") == 2
    assert sparkline((None, 0.01, None), label="polls") is None


def test_the_metrics_are_those_of_the_guide() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "howto" / "diagnosis.md").read_text(encoding="utf-8")
    table = guide.partition("## Metrics")[2].partition("Four alarms")[0]
    exported = set(re.findall(r"^(genba_\w+)", exposition(snapshot(device(point("parts", 1)))).decode(), re.MULTILINE))
    assert set(re.findall(r"`(genba_\w+)`", table)) == exported


def test_the_reasons_of_failures_are_those_of_the_guide() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "howto" / "diagnosis.md").read_text(encoding="utf-8")
    table = guide.partition("The reasons of failures")[2].partition("For programs")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == [str(reason) for reason in Failure]
