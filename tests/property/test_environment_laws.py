"""A summary of the environment is what the raw series says, second by second, however it was read and interrupted."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, DeviceLost, Observation, Quality, Sample, Unchanged
from genba_edge.core.watch import Pace
from genba_shared.device_map import load_device_map
from genba_shared.events import EnvironmentSummarised, Event, NodeCompleted
from tests.unit.edge.gateway_world import at, document

MAP = load_device_map(
    Path("plant.yaml"),
    text="""
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: press
    protocol: modbus
    host: 127.0.0.1:5020
    poll: {fast: 1s}
    points: {good: {at: 40001, type: uint16, group: fast, counter: {max_rate: 60/min}}}
  - id: polled
    protocol: modbus
    host: 127.0.0.1:5021
    poll: {fast: 1s}
    points: {temp: {at: 30001, type: int16, group: fast, unit: °C}}
  - id: notifying
    protocol: opcua
    url: opc.tcp://127.0.0.1:4840
    points: {temp: {node: "ns=2;s=Temp", type: float64, unit: °C}}
stations:
  PRS-1: {device: press, counts: {good: good}, environment: [polled/temp, notifying/temp]}
nodes:
  PRESS: {stations: [PRS-1], work_order: {from: dispatch}, done_when: {good: node.quantity}}
""",
)


class Step(StrEnum):
    SAME = "same"
    NEW = "new"
    BAD = "bad"
    LOST = "lost"


class Second(NamedTuple):
    """What both environment devices do in one second, and whether a piece is made in it."""

    step: Step
    value: int
    piece: bool


SECONDS = st.lists(
    st.builds(Second, st.sampled_from([Step.SAME, Step.SAME, Step.NEW, Step.BAD, Step.LOST]), st.integers(-40, 90),
              st.booleans()),
    min_size=4,
    max_size=60,
)  # fmt: skip
QUANTITY = 3


class Truth:
    """The raw series: by second, the value that holds in the second that follows it; and the pieces."""

    def __init__(self) -> None:
        self.values: list[int | None] = []
        self.readings: list[bool] = []
        self.pieces: list[int] = []

    def between(self, begin: int, end: int) -> list[int]:
        return [value for value in self.values[begin:end] if value is not None]


def run(seconds: list[Second], *, restart_at: int | None = None) -> tuple[list[Event], Truth, Truth]:
    events: list[Event] = []
    saved: dict[str, str] = {}

    def start(second: int) -> Deriver:
        return Deriver(
            MAP,
            identity=Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32),
            next_seq=len(events) + 1,
            saved=saved,
            pace=Pace(poll_s={"press": 1.0, "polled": 1.0}),
            moment=Moment(now=at(second), mono_ms=0),
        )

    deriver = start(0)
    polled, notifying, made, lost, value = Truth(), Truth(), 0, False, 20
    for number, second in enumerate(seconds):
        now, told = at(number), list[Observation]()
        if number == 0:
            told += [DeviceBack(device=name, at=now) for name in ("press", "polled", "notifying")]
        made += second.piece and number > 0
        step = Step.NEW if number == 0 else second.step
        if step is Step.LOST:
            if not lost:
                told += [DeviceLost(device=name, at=now, reason="x") for name in ("polled", "notifying")]
            # the last that was heard of them was a second ago: since then nobody knows
            for truth in (polled, notifying):
                if not lost:
                    truth.values[-1] = None
                truth.values.append(None)
                truth.readings.append(False)
            lost = True
        else:
            if lost:
                told += [DeviceBack(device=name, at=now) for name in ("polled", "notifying")]
                step = Step.NEW if step is Step.SAME else step
            lost = False
            known = polled.values[-1] if polled.values else None
            if step is Step.SAME and known is None:
                step = Step.BAD
            if step is Step.NEW:
                value = second.value
            holds = None if step is Step.BAD else value
            for name, truth in (("polled", polled), ("notifying", notifying)):
                quality = Quality.BAD if step is Step.BAD else Quality.GOOD
                if step is not Step.SAME:
                    told.append(Sample(name, "temp", holds, now, now, quality))
                elif name == "polled":
                    told.append(Unchanged(device=name, points=("temp",), at=now))
                told.append(DeviceAlive(device=name, at=now))
                truth.values.append(holds)
                truth.readings.append(holds is not None and (step is Step.NEW or name == "polled"))
        for truth in (polled, notifying):
            truth.pieces.append(made)
        deriver.observe(told, Moment(now=now, mono_ms=0))
        press = [Sample("press", "good", made, now, now), DeviceAlive(device="press", at=now)]
        deriver.observe(press, Moment(now=now, mono_ms=0))
        if number == 0:
            deriver.take_dispatch(
                document(lists={"PRS-1": [("WO-1", "PRESS", QUANTITY)]}, wanted={"WO-1": {"PRESS": QUANTITY}}),
                Moment(now=now, mono_ms=0),
            )
        assert deriver.take_failures() == ()
        commit = deriver.take_checkpoint()
        events += commit.events
        saved.update({key: text for key, text in commit.state.items() if text is not None})
    return events, polled, notifying


@pytest.mark.requirement("R24", part="what surrounded a node is measured and shown with it")
@settings(max_examples=120, deadline=None)
@given(SECONDS)
def test_summary_equals_what_the_raw_series_says(seconds: list[Second]) -> None:
    events, polled, notifying = run(seconds)
    summaries = {event.point: event for event in events if isinstance(event, EnvironmentSummarised)}
    claims = [event for event in events if isinstance(event, NodeCompleted)]
    if polled.pieces[-1] < QUANTITY:
        assert not claims
        assert not summaries
        return
    begin, end = polled.pieces.index(1), polled.pieces.index(QUANTITY)
    assert [claim.at for claim in claims] == [at(end)]
    for name, truth in (("polled/temp", polled), ("notifying/temp", notifying)):
        held = truth.between(begin, end)
        if not held:
            assert name not in summaries
            continue
        summary = summaries[name]
        assert (summary.begin, summary.end) == (at(begin), at(end))
        assert (summary.least, summary.most) == (min(held), max(held))
        assert summary.mean == pytest.approx(sum(held) / len(held))
        assert summary.samples == sum(truth.readings[begin:end])
        assert (summary.station, summary.work_order, summary.node) == ("PRS-1", "WO-1", "PRESS")
        assert (summary.uom, summary.because) == ("°C", (claims[0].id,))
