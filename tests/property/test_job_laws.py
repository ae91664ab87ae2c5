"""Job numbers that flicker: every piece belongs to the job that it was made for, or is declared to be in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Identity
from genba_edge.core.watch import Pace
from genba_shared.device_map import load_device_map
from genba_shared.events import Confidence, PiecesCounted
from tests.unit.edge.gateway_world import World, alive, back, document, sample

MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: sewing
    protocol: modbus
    host: 127.0.0.1:5020
    poll: {fast: 1s}
    points:
      good: {at: 40001, type: uint32, counter: {max_rate: 120/min}}
      job: {at: 40010, type: string, length: 12}
stations:
  S-1: {device: sewing, counts: {good: good}}
nodes:
  SEW: {stations: [S-1], work_order: {from: sewing/job}}
"""
Poll = tuple[str | None, int, str | None, bool]
CALM = 2  # readings of a job number in a row, after which it may change or be misread again
JOBS = ["WO-1", "WO-2", "unknown", ""]
# One poll each second: the job that the machine truly has from now on (None: as before), pieces made since the poll
# before, what the job number is misread as (None: it is read rightly), and whether the gateway is killed, with what it
# had not committed.
POLLS = st.lists(
    st.tuples(
        st.sampled_from([None] * 6 + JOBS),
        st.integers(0, 2),
        st.sampled_from([None] * 5 + ["", "W@#", "WO-"]),
        st.sampled_from([False] * 7 + [True]),
    ),
    min_size=1,
    max_size=40,
)


class Cell(World):
    def _start(self) -> Deriver:
        self.map = load_device_map(Path("plant.yaml"), text=MAP)
        return Deriver(
            self.map,
            identity=Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32),
            next_seq=len(self.events) + 1,
            saved=self.saved,
            pace=Pace(poll_s={"sewing": 1.0}, report_delay_s={}),
            moment=self._moment(),
        )


def run(polls: Sequence[Poll]) -> tuple[World, list[str], int]:
    """The gateway, the job of every piece, and how often the job changed.

    A number that was read once only, among others, is not to be told from a flicker: that does not happen here.
    """
    world, job, made, changes, calm = Cell(), "WO-1", [], 0, CALM
    world.see(back("sewing", 0))
    world.dispatch(document(wanted={"WO-1": {"SEW": 900}, "WO-2": {"SEW": 900}}))
    world.see(sample("sewing", "job", job, 0), sample("sewing", "good", 0, 0), alive("sewing", 0))
    for second, (following, pieces, misread, is_killed) in enumerate(polls, start=1):
        shown, calm = job, calm + 1
        if following not in (None, job) and calm > CALM:
            job, shown, changes, calm = following, following, changes + 1, 0
        elif misread not in (None, job) and calm > CALM:
            shown, calm = misread, 0
        if is_killed:
            calm = 0
        made += [job] * pieces
        readings = (
            sample("sewing", "job", shown, second),
            sample("sewing", "good", len(made), second),
            alive("sewing", second),
        )
        if is_killed:
            world.deriver.observe(readings, world._moment())
            world.kill_and_restart()
            world.see(back("sewing", second + 0.5))
        else:
            world.see(*readings)
        world.wait_until(second + 0.7)
    for second in (len(polls) + 1, len(polls) + 2):
        world.see(
            sample("sewing", "job", job, second), sample("sewing", "good", len(made), second), alive("sewing", second)
        )
    world.stop()
    return world, made, changes


@settings(max_examples=50, deadline=None)
@given(POLLS)
def test_every_certain_piece_belongs_to_the_job_that_it_was_made_for(
    polls: list[Poll],
) -> None:
    world, made, _ = run(polls)
    counted = [event for event in world.events if isinstance(event, PiecesCounted)]
    assert sum(event.delta for event in counted) == len(made)
    for event in counted:
        if event.confidence is Confidence.CERTAIN:
            truth = {job or None for job in made[event.total - event.delta : event.total]}
            assert truth == {event.work_order}


@settings(max_examples=25, deadline=None)
@given(POLLS)
def test_doubt_comes_from_changes_and_kills_and_never_from_a_flicker(
    polls: list[Poll],
) -> None:
    world, made, _ = run([(None, pieces, misread, False) for _, pieces, misread, _ in polls])
    counted = [event for event in world.events if isinstance(event, PiecesCounted)]
    assert {event.confidence for event in counted} <= {Confidence.CERTAIN}
    assert {event.work_order for event in counted} <= {"WO-1"}
    assert sum(event.delta for event in counted) == len(made)
