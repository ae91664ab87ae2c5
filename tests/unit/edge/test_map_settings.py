"""What two maps set differently, and which of it touches a station, a node, a zone."""

from __future__ import annotations

from pathlib import Path

from genba_edge.core.map_settings import (
    causes,
    changed_settings,
    places_of_node,
    places_of_state,
    places_of_station,
    places_of_zone,
)
from genba_shared.device_map import DeviceMap, load_device_map
from tests.unit.edge.gateway_world import MAP


def changed(*changes: tuple[str, str]) -> DeviceMap:
    text = MAP
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return load_device_map(Path("plant.yaml"), text=text)


def told(*changes: tuple[str, str]) -> list[str]:
    return [str(change) for change in changed_settings(changed(), changed(*changes))]


def test_the_same_map_changes_nothing() -> None:
    assert changed_settings(changed(), changed()) == ()


def test_each_setting_is_told_with_its_path_and_both_values() -> None:
    assert told(("idle_after: 3min", "idle_after: 90s"), ("host: 127.0.0.1:5020", "host: 10.0.0.7:5020")) == [
        "devices.sewing.host: 10.0.0.7 instead of 127.0.0.1",
        "stations.CUT-1.state.idle_after_s: 90 instead of 180",
    ]


def test_a_setting_that_one_map_does_not_have_is_said_to_be_not_there() -> None:
    assert told(('accept: "^3034"', 'accept: "^30"')) == ["devices.gate.accept: ^30 instead of ^3034"]
    assert told(("max_rate: 60/min, reset_by: {point: reset}", "max_rate: 60/min")) == [
        "devices.cutter1.points.parts.counter.reset_by.point: not there instead of cutter1/reset",
        "devices.cutter1.points.parts.counter.reset_by.sign: not there instead of point",
    ]


def test_a_part_that_is_new_or_gone_is_one_change() -> None:
    assert told(("  SEW-2: {device: sewing, counts: {good: good2}}\n", ""),
                ("stations: [SEW-1, SEW-2]", "stations: [SEW-1]"),
                ("out: [SEW-1/good, SEW-2/good]", "out: SEW-1/good")) == [
        "stations.SEW-2: not there instead of there",
        "zones.buffer.pieces_out: SEW-1/good instead of SEW-1/good, SEW-2/good",
        "nodes.SEW.stations: SEW-1 instead of SEW-1, SEW-2",
    ]  # fmt: skip


def test_causes_are_the_settings_that_a_figure_follows_from() -> None:
    old = changed()
    new = changed(
        ("good1: {at: 40001, type: uint32, group: fast, counter: {max_rate: 60/min}}",
         "good1: {at: 40001, type: uint32, group: fast, counter: {max_rate: 90/min}}"),
        ("idle_after: 3min", "idle_after: 90s"),
        ("depart_after: 30s", "depart_after: 40s"),
    )  # fmt: skip
    maps, changes = (old, new), changed_settings(old, new)

    def paths(places: set[str]) -> list[str]:
        return [change.path for change in causes(changes, places)]

    rate = "devices.sewing.points.good1.counter.max_rate"
    assert paths(places_of_station("SEW-1", maps)) == [rate]
    assert paths(places_of_station("SEW-2", maps)) == []
    assert paths(places_of_node("SEW", maps)) == [rate]
    assert paths(places_of_node("PACK", maps)) == ["devices.gate.presence.depart_after_s"]
    assert paths(places_of_zone("buffer", maps)) == [rate]
    assert paths(places_of_zone("packing", maps)) == ["devices.gate.presence.depart_after_s"]
    assert paths(places_of_state("CUT-1", maps)) == ["stations.CUT-1.state.idle_after_s"]
