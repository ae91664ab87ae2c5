"""From what a server shows to a draft of a map: names, guesses, and a map that the check accepts."""

from __future__ import annotations

from pathlib import Path

from genba_edge.core.commissioning import FoundVariable, draft_of, map_text, matches, points_text
from genba_shared.device_map import load_device_map
from genba_shared.device_map.model import PointType
from genba_shared.events import Result


def variable(*path: str, kind: PointType | None = PointType.UINT32, node: str = "") -> FoundVariable:
    return FoundVariable(node=node or f"nsu=urn:plc;s={'.'.join(path)}", path=path, type=kind, type_name="Thing")


def test_a_pattern_fits_the_whole_path_or_the_last_name() -> None:
    part = variable("DB10", "PartCount")
    assert matches(part, "*")
    assert matches(part, "partcount")
    assert matches(part, "DB10/*")
    assert not matches(part, "DB11/*")


def test_counters_scrap_and_a_running_bit_are_guessed_by_their_names() -> None:
    draft = draft_of(
        [
            variable("PartCount"),
            variable("RejectCount"),
            variable("良品数"),
            variable("Temperature", kind=PointType.FLOAT32),
            variable("Running", kind=PointType.BOOL),
            variable("Standby", kind=PointType.BOOL),
        ]
    )
    assert [point.result for point in draft.points] == [Result.GOOD, Result.SCRAP, Result.GOOD, None, None, None]
    assert [point.is_state for point in draft.points] == [False, False, False, False, True, False]


def test_equal_names_are_told_apart_by_what_stands_above_them() -> None:
    draft = draft_of([variable("Line1", "Count"), variable("Line2", "Count"), variable("Line2", "Sub", "Count")])
    assert [point.name for point in draft.points] == ["Count", "Line2-Count", "Sub-Count"]


def test_names_without_any_allowed_letter_still_get_one() -> None:
    draft = draft_of([variable("产量"), variable("件数")])
    assert [point.name for point in draft.points] == ["point", "point-2"]


def test_what_a_point_cannot_hold_is_told_and_left_out() -> None:
    draft = draft_of([variable("Recipe", kind=None)])
    assert draft.points == ()
    assert points_text(draft) == "      # Recipe: Thing, which a point cannot hold\n"


def test_a_draft_is_a_map_that_the_check_accepts(tmp_path: Path) -> None:
    draft = draft_of(
        [
            variable("Cutter", "PartCount", node='nsu=urn:plc:cutter;s="DB10"."PartCount"'),
            variable("Cutter", "Running", kind=PointType.BOOL),
            variable("Cutter", "OrderNo", kind=PointType.STRING),
        ]
    )
    connection = ["protocol: opcua", "url: opc.tcp://10.1.2.10:4840", "security: {policy: none}"]
    text = map_text(draft, device="cutter1", connection=connection, command="genba edge browse")
    built = load_device_map(tmp_path / "plant.yaml", text=text)
    station = built.stations["CUTTER1"]
    assert {str(result): str(ref) for result, ref in station.counts.items()} == {"good": "cutter1/PartCount"}
    assert station.state is not None
    assert str(station.state.point) == "cutter1/Running"
    assert built.devices["cutter1"].points["PartCount"].node == 'nsu=urn:plc:cutter;s="DB10"."PartCount"'
