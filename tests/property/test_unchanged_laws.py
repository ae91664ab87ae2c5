"""A history told as samples, or with `Unchanged` for every reading that is the same as the one before: same events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from genba_edge.core.observations import DeviceAlive, Observation, Quality, Sample, Unchanged, Value
from genba_shared.dispatch_document import DispatchDocument
from genba_shared.events import Event
from tests.unit.edge.gateway_world import World, at, back, document, lost

# A polled device and one that sends changes, with a point of each role: counters (one with reset evidence), a state by
# label and one by rhythm, a job number; and a point without a role.
POINTS: dict[str, dict[str, st.SearchStrategy[Value]]] = {
    "sewing": {
        "good1": st.integers(0, 4) | st.sampled_from((500, 2**32 - 1)),
        "good2": st.integers(0, 3) | st.just("text"),
        "state": st.integers(0, 3),
        "other": st.integers(0, 1),
    },
    "cutter1": {
        "aside": st.integers(0, 1),
        "order": st.sampled_from(("WO-1", "WO-2", "")),
        "parts": st.integers(0, 3) | st.just(400),
        "reset": st.booleans(),
    },
}
WAYS = st.sampled_from(("read", "read", "read", "read", "bad", "lost", "back", "dispatch", "kill"))
WANTED = {"WO-1": {"SEW": 3, "CUT": 2}, "WO-2": {"SEW": 4, "CUT": 2}}
ROWS = {"SEW-1": [("WO-1", "SEW", 3), ("WO-2", "SEW", 4)]}


@dataclass(frozen=True, slots=True)
class Turn:
    """One moment of a history: what happens at a device, and the values that its points have then."""

    way: str
    device: str
    values: dict[str, Value]
    wait_s: float


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    device = draw(st.sampled_from(sorted(POINTS)))
    values = {name: draw(st.none() | values) for name, values in POINTS[device].items()}
    return Turn(draw(WAYS), device, values, draw(st.sampled_from((0.0, 0.5, 1.0, 1.0, 4.0, 11.0, 200.0))))


def samples_only(world: World, told: dict[tuple[str, str], Sample], batch: Sequence[Sample]) -> Sequence[Observation]:
    return batch


def with_unchanged(world: World, told: dict[tuple[str, str], Sample], batch: Sequence[Sample]) -> Sequence[Observation]:
    """Join neighbours that have the value of their last sample, which was not bad, to one observation."""
    found: list[Observation] = []
    for sample in batch:
        last = told.get((sample.device, sample.point))
        if last is None or last.quality is Quality.BAD or replace(last, at=sample.at, seen_at=sample.at) != sample:
            found.append(sample)
        elif found and isinstance(found[-1], Unchanged):
            found[-1] = replace(found[-1], points=(*found[-1].points, sample.point))
        else:
            found.append(Unchanged(device=sample.device, points=(sample.point,), at=sample.at))
    return found


def run(history: Sequence[Turn], tell: object) -> tuple[list[Event], dict[str, str]]:
    """Events and saved state of a history; a point that a turn gives no value has the one before."""
    assert callable(tell)
    world = World()
    told: dict[tuple[str, str], Sample] = {}
    second = 0.0
    for device in POINTS:
        world.see(back(device, 0))
    for turn in history:
        second += turn.wait_s
        match turn.way:
            case "lost":
                world.see(lost(turn.device, second))
            case "back":
                world.see(back(turn.device, second))
            case "dispatch":
                world.wait_until(second)
                world.dispatch(a_document())
            case "kill":
                world.kill_and_restart()
                told.clear()
                for device in POINTS:
                    world.see(back(device, second))
            case _:
                batch = readings(turn, told, second)
                observations = tell(world, dict(told), batch)
                told.update({(sample.device, sample.point): sample for sample in batch})
                world.see(*observations, DeviceAlive(device=turn.device, at=at(second)))
        world.wait_until(second)
    world.stop()
    world.commit_all()
    assert not world.failures
    return world.events, world.saved


def readings(turn: Turn, told: dict[tuple[str, str], Sample], second: float) -> list[Sample]:
    found = []
    for point, value in turn.values.items():
        last = told.get((turn.device, point))
        if value is None and last is None:
            continue
        quality = Quality.BAD if turn.way == "bad" and point in ("good1", "parts", "state") else Quality.GOOD
        now = last.value if value is None and last is not None else value
        found.append(
            Sample(
                device=turn.device,
                point=point,
                value=None if quality is Quality.BAD else now,
                at=at(second),
                seen_at=at(second),
                quality=quality,
            )
        )
    return found


def a_document() -> DispatchDocument:
    return document(lists=ROWS, wanted=WANTED)


def turn_of(device: str, wait_s: float, **values: Value) -> Turn:
    """A reading of all points of the device; those without a value have the one before."""
    return Turn("read", device, {name: values.get(name) for name in POINTS[device]}, wait_s)


@settings(max_examples=200, deadline=None)
@given(st.lists(turns(), min_size=1, max_size=30))
@example(
    [
        turn_of("sewing", 1, good1=1),
        turn_of("sewing", 1, good1=500),
        turn_of("sewing", 1),
        turn_of("sewing", 1),
        turn_of("sewing", 1, good1=501),
    ]
)
@example(
    [
        turn_of("sewing", 1, state=1),
        Turn("lost", "sewing", {}, 1.0),
        Turn("back", "sewing", {}, 1.0),
        turn_of("sewing", 1),
    ]
)
@example([turn_of("sewing", 1, good1=1), turn_of("sewing", 4), turn_of("sewing", 4, good1=2)])
@example([turn_of("cutter1", 1, aside=0, parts=0), turn_of("cutter1", 1, parts=100), turn_of("cutter1", 200)])
def test_unchanged_means_the_same_as_samples_of_the_same_values(history: list[Turn]) -> None:
    as_samples, state_of_samples = run(history, samples_only)
    as_unchanged, state_of_unchanged = run(history, with_unchanged)
    assert as_unchanged == as_samples
    assert state_of_unchanged == state_of_samples
