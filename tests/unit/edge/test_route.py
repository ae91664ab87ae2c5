"""The way through the zones: which passages one sighting implies."""

from __future__ import annotations

from collections.abc import Sequence

from genba_edge.core.route import Route, Start, Way
from genba_shared.device_map.model import ReadPointRef, Zone


def ref(name: str) -> ReadPointRef:
    return ReadPointRef("gate", name)


def zone(name: str, enter: str, leave: str) -> Zone:
    return Zone(id=name, enter=tuple(map(ref, enter.split())), leave=tuple(map(ref, leave.split())))


def route(*zones: Zone) -> Route:
    return Route({each.id: each for each in zones})


CHAIN = route(zone("z1", "a", "b"), zone("z2", "b", "c"), zone("z3", "c", "d"), zone("z4", "d", "e"))


def told(way: Way) -> list[str]:
    """Crossings in short: `-z1@b?` is out of z1 at b, implied; `@` alone: nobody knows where."""
    return [
        f"{'+' if each.direction == 'enter' else '-'}{each.zone.id}@{each.ref.read_point if each.ref else ''}"
        f"{'?' if each.implied else ''}"
        for each in way.crossings
    ]


def seen(way: Way) -> tuple[str, Sequence[str]]:
    return way.step, told(way)


def test_tag_goes_out_of_its_zone_into_the_next() -> None:
    assert seen(CHAIN.way("z1", ref("b"))) == ("next", ["-z1@b", "+z2@b"])


def test_tag_that_jumps_passed_what_lies_between() -> None:
    assert seen(CHAIN.way("z1", ref("d"))) == ("ahead", ["-z1@b?", "+z2@b?", "-z2@c?", "+z3@c?", "-z3@d", "+z4@d"])


def test_tag_at_the_way_into_its_own_zone_lingers_there() -> None:
    assert seen(CHAIN.way("z2", ref("b"))) == ("again", [])


def test_tag_that_comes_back_is_in_the_zone_that_it_enters_there() -> None:
    assert seen(CHAIN.way("z4", ref("b"))) == ("back", ["-z4@?", "+z2@b"])


def test_tag_at_the_last_way_out_without_a_zone_after_it() -> None:
    assert seen(CHAIN.way("z4", ref("e"))) == ("next", ["-z4@e"])


def test_tag_that_was_nowhere_must_have_come_into_the_zone_that_it_leaves() -> None:
    assert seen(CHAIN.way(None, ref("c"), Start.ANYWHERE)) == ("next", ["+z2@b?", "-z2@c", "+z3@c"])


def test_tag_that_is_known_to_have_begun_at_the_beginning_came_all_the_way() -> None:
    way = CHAIN.way(None, ref("c"), Start.AT_BEGINNING)
    assert seen(way) == ("next", ["+z1@a?", "-z1@b?", "+z2@b?", "-z2@c", "+z3@c"])


def test_between_two_ways_none_is_invented() -> None:
    fork = route(zone("start", "a", "b"), zone("left", "b", "c"), zone("right", "b", "c"), zone("end", "c", "d"))
    assert seen(fork.way("start", ref("d"))) == ("elsewhere", ["-start@b?", "+end@c?", "-end@d"])


def test_zone_with_another_door_does_not_say_from_where_a_tag_came() -> None:
    side_door = route(zone("z1", "a", "b"), zone("z2", "b x", "c"))
    assert told(side_door.way(None, ref("c"), Start.AT_BEGINNING)) == ["+z2@?", "-z2@c"]


def test_two_gates_between_two_zones_leave_open_by_which_the_tag_went() -> None:
    wide = route(zone("z1", "a", "b1 b2"), zone("z2", "b1 b2", "c"))
    assert told(wide.way("z1", ref("c"))) == ["-z1@?", "+z2@?", "-z2@c"]


def test_zones_without_common_read_points_are_left_by_entering_another() -> None:
    apart = route(zone("cutting", "a", "b"), zone("sewing", "c", "d"))
    assert seen(apart.way("cutting", ref("c"))) == ("elsewhere", ["-cutting@b?", "+sewing@c"])
    assert seen(apart.way("cutting", ref("d"))) == ("elsewhere", ["-cutting@b?", "+sewing@c?", "-sewing@d"])


def test_rework_loop_is_a_way_like_any_other() -> None:
    loop = route(zone("sewing", "a r", "b"), zone("check", "b", "c r"), zone("pack", "c", "d"))
    assert seen(loop.way("check", ref("r"))) == ("next", ["-check@r", "+sewing@r"])
    assert seen(loop.way("sewing", ref("c"))) == ("ahead", ["-sewing@b?", "+check@b?", "-check@c", "+pack@c"])


def test_read_point_that_bounds_nothing_moves_nothing() -> None:
    assert seen(CHAIN.way("z1", ref("office"))) == ("beside", [])


def test_finished_work_went_the_rest_of_the_way() -> None:
    assert told(Way(CHAIN.way("z1", ref("b")).step, CHAIN.way_on("z2"))) == [
        "-z2@c?",
        "+z3@c?",
        "-z3@d?",
        "+z4@d?",
        "-z4@e?",
    ]


def test_only_a_zone_that_nothing_follows_has_an_only_way_out() -> None:
    assert CHAIN.only_way_out("z4") == ref("e")
    assert CHAIN.only_way_out("z3") is None
