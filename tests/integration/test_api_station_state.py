"""What a station did, over HTTP: intervals, shares, change-overs; what nobody knows is unknown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from genba_cloud.core.delivery import Reach
from genba_cloud.ledger.batches import EnvelopeBatch
from genba_cloud.ledger.gateways import GatewaySeen
from genba_cloud.store import station_events
from genba_shared.clock import format_time
from genba_shared.events import (
    DataGapSeen,
    Event,
    GapCause,
    Source,
    SourceType,
    StationChangedOver,
    StationState,
    StationStateChanged,
)
from tests.browser.support import NOW, Bench, bench

EPOCH = "0123456789abcdef0123456789abcdef"
PLC = Source(type=SourceType.PLC, ref="cutter1/state")


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        yield running


def ago(minutes: float) -> Any:
    return NOW - timedelta(minutes=minutes)


def changed(seq: int, state: StationState, since: float, *, told: float | None = None, **more: Any) -> Event:
    return StationStateChanged(
        id=f"gw:{EPOCH}:{seq}",
        at=ago(since if told is None else told),
        source=PLC,
        station="CUT-1",
        state=state,
        since=ago(since),
        **more,
    )


async def tell(desk: Bench, *events: Event) -> None:
    """The gateway delivers these."""
    reach = Reach(first=1, last=len(events), prev=0, acked=0)
    await desk.collector.ledger.append(
        EnvelopeBatch(gateway="gw", lane="facts", epoch=EPOCH, reach=reach, events=events)
    )


async def ask(desk: Bench, **window: str) -> dict[str, Any]:
    answer = await desk["reader"].get("/api/v1/stations/CUT-1/state", params=window)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def spans(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(each["state"], each["since"][11:16], each["until"][11:16]) for each in answer["intervals"]]


@pytest.mark.requirement("R109")
async def test_the_time_of_a_station_is_covered_and_unknown_is_not_idle(desk: Bench) -> None:
    """07:00 nothing known; 08:00 running; 08:20 set-up; 08:30 running; told idle at 08:45, since 08:40; it is 09:00."""
    await tell(
        desk,
        changed(1, StationState.RUNNING, 60),
        changed(2, StationState.SETUP, 40),
        changed(3, StationState.RUNNING, 30),
        changed(4, StationState.IDLE, 20, told=15, reason="starved"),
    )
    answer = await ask(desk, **{"from": format_time(ago(120)), "to": format_time(ago(0))})
    assert spans(answer) == [
        ("unknown", "07:00", "08:00"),
        ("running", "08:00", "08:20"),
        ("setup", "08:20", "08:30"),
        ("running", "08:30", "08:40"),
        ("idle", "08:40", "09:00"),
    ]
    assert [each["reason"] for each in answer["intervals"]] == [None, None, None, None, "starved"]
    assert answer["states"]["unknown"] == {"seconds": 3600.0, "share": 0.5}
    assert answer["states"]["running"] == {"seconds": 1800.0, "share": 0.25}
    assert answer["states"]["idle"]["seconds"] == 1200.0
    assert sum(each["share"] for each in answer["states"].values()) == pytest.approx(1)
    assert answer["utilisation"] == 0.5
    assert answer["utilisation_efficiency"] == 0.75


async def test_a_gap_of_the_device_is_unknown(desk: Bench) -> None:
    gap = DataGapSeen(
        id=f"gw:{EPOCH}:2",
        at=ago(10),
        source=PLC,
        begin=ago(30),
        end=ago(10),
        cause=GapCause.CONNECTIVITY,
        subject="cutter1",
    )
    await tell(desk, changed(1, StationState.RUNNING, 60), gap)
    answer = await ask(desk, **{"from": format_time(ago(60))})
    assert spans(answer) == [
        ("running", "08:00", "08:30"),
        ("unknown", "08:30", "08:50"),
        ("running", "08:50", "09:00"),
    ]


async def test_what_was_lost_before_the_time_that_is_asked_for_leaves_it_unknown(desk: Bench) -> None:
    """The collector lost events of 06:00: what was said before holds no more, whichever part of the day is shown."""
    await tell(desk, changed(1, StationState.RUNNING, 240))
    await desk.tell(
        DataGapSeen(
            id="00000000-0000-4000-8000-000000000001",
            at=ago(170),
            source=Source(type=SourceType.SYSTEM, ref="collector"),
            begin=ago(180),
            end=ago(175),
            cause=GapCause.RESTORE,
            subject="gw",
        )
    )
    whole = await ask(desk, **{"from": format_time(ago(240))})
    assert spans(whole) == [("running", "05:00", "06:00"), ("unknown", "06:00", "09:00")]
    assert spans(await ask(desk, **{"from": format_time(ago(60))})) == [("unknown", "08:00", "09:00")]


async def test_what_an_offline_gateway_sees_is_unknown_since_its_last_word(desk: Bench) -> None:
    await tell(desk, changed(1, StationState.RUNNING, 60))
    state = {"online": True, "epoch": EPOCH, "at": format_time(ago(25)), "outbox": {"depth": 0, "oldest": None}}
    for online in (True, False):
        seen = GatewaySeen(gateway="gw", state={**state, "online": online}, seen_at=ago(0))
        await desk.collector.ledger.see_gateway(seen)
        answer = await ask(desk, **{"from": format_time(ago(60))})
        end = "09:00" if online else "08:35"
        assert spans(answer)[0] == ("running", "08:00", end)
    assert spans(answer)[1] == ("unknown", "08:35", "09:00")


async def test_a_change_over_is_told_with_both_works(desk: Bench) -> None:
    await tell(
        desk,
        changed(1, StationState.RUNNING, 60),
        StationChangedOver(
            id=f"gw:{EPOCH}:2",
            at=ago(20),
            source=PLC,
            station="CUT-1",
            work_order="WO-2",
            node="CUT",
            begin=ago(32),
            end=ago(20),
            before_work_order="WO-1",
            before_node="CUT",
        ),
    )
    assert (await ask(desk))["changeovers"] == [
        {
            "since": "2026-01-05T08:28:00.000Z",
            "until": "2026-01-05T08:40:00.000Z",
            "seconds": 720.0,
            "before": {"work_order": "WO-1", "node": "CUT"},
            "after": {"work_order": "WO-2", "node": "CUT"},
        }
    ]


async def test_without_times_the_last_day_is_told_and_the_future_is_unknown(desk: Bench) -> None:
    await tell(desk, changed(1, StationState.DOWN, 60))
    answer = await ask(desk)
    assert (answer["since"], answer["until"]) == ("2026-01-04T09:00:00.000Z", "2026-01-05T09:00:00.000Z")
    ahead = await ask(desk, **{"from": format_time(ago(60)), "to": format_time(ago(-60))})
    assert spans(ahead) == [("down", "08:00", "09:00"), ("unknown", "09:00", "10:00")]


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ({"from": "yesterday"}, "from: 'yesterday' is not an RFC 3339 time"),
        ({"to": "2026-01-05T07:00:00"}, "is not an RFC 3339 time"),
        ({"from": "2026-01-05T07:00:00Z", "to": "2026-01-05T07:00:00Z"}, "from must lie before to"),
        ({"from": "2025-01-05T07:00:00Z", "to": "2026-01-05T07:00:00Z"}, "at most 31 days"),
        ({"to": "0001-01-01T00:00:00Z"}, "from must lie before to"),
    ],
)
async def test_a_time_that_cannot_be_told_is_refused_with_what_is_accepted(
    desk: Bench, window: dict[str, str], said: str
) -> None:
    await tell(desk, changed(1, StationState.RUNNING, 60))
    answer = await desk["reader"].get("/api/v1/stations/CUT-1/state", params=window)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


async def test_the_page_draws_a_bar_for_each_station_and_says_it_in_words(desk: Bench) -> None:
    await tell(
        desk,
        changed(1, StationState.RUNNING, 240),
        changed(2, StationState.DOWN, 120),
        changed(3, StationState.IDLE, 60, reason="starved"),
    )
    text = (await desk["board"].get("/stations?lang=en")).text
    assert 'aria-label="CUT-1: running 25 %, idle 12 %, down 12 %, unknown 50 %"' in text
    assert '<rect class="state-unknown" x="0.0" y="23" width="500.0" height="0">' in text
    assert '<rect class="state-running" x="500.0" y="0" width="250.0" height="23"><title>running 05:00–07:00' in text
    assert '<rect class="state-down" x="750.0" y="0" width="125.0" height="23" fill="url(#hatch)">' in text
    assert "idle (starved)" in text
    assert ">50 %</b>" in text
    for language, word in (("zh", "空闲"), ("ja", "待機")):
        assert word in (await desk["board"].get(f"/stations?lang={language}")).text


async def test_a_station_that_changes_all_the_time_does_not_hide_the_others(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its newest hours are shown; what was before is unknown, as it is where nobody can tell."""
    monkeypatch.setattr(station_events, "MOST_EVENTS", 5)
    states = (StationState.RUNNING, StationState.IDLE)
    flutter = [changed(number + 1, states[number % 2], 240 - 10 * number) for number in range(24)]
    calm = replace(changed(25, StationState.DOWN, 240), station="SEW-1")
    await tell(desk, *flutter, calm)
    refused = await desk["reader"].get("/api/v1/stations/CUT-1/state")
    assert (refused.status_code, "ask for a shorter one" in refused.text) == (422, True)
    page = await desk["board"].get("/stations?lang=en")
    assert page.status_code == 200
    assert 'aria-label="SEW-1: down 50 %, unknown 50 %"' in page.text
    assert 'aria-label="CUT-1: running 6 %, idle 6 %, unknown 88 %"' in page.text


async def test_many_stations_are_shown_in_parts(desk: Bench) -> None:
    many = [
        StationStateChanged(
            id=f"gw:{EPOCH}:{number + 1}",
            at=ago(60),
            source=PLC,
            station=f"S-{number:03d}",
            state=StationState.OFF,
            since=ago(60),
        )
        for number in range(70)
    ]
    await tell(desk, *many)
    first, second = [await desk["admin"].get(path) for path in ("/stations", "/stations?after=S-059")]
    assert (first.text.count("data-station="), second.text.count("data-station=")) == (60, 10)
    assert "after=S-059" in first.text
    assert "after=" not in second.text


async def test_a_station_that_was_never_heard_of_is_not_found(desk: Bench) -> None:
    assert (await desk["reader"].get("/api/v1/stations/CUT-9/state")).status_code == 404
