"""Laws of passages, for whatever readers see, however late, and whenever the gateway is killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Commit, Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, Observation, TagRead
from genba_edge.core.watch import Pace
from genba_shared.device_map import load_device_map
from genba_shared.events import Direction, Event, TagPassed, WipChanged
from tests.unit.edge.gateway_world import at, document

MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
profiles:
  gate:
    protocol: llrp
    tags: {accept: "^3034"}
    presence: {min_reads: 2, depart_after: 10s, move_margin: 6dB}
devices:
  - {id: gate-a, use: gate, host: "127.0.0.1:5084", antennas: {1: {read_point: g1}, 2: {read_point: g2}}}
  - {id: gate-b, use: gate, host: "127.0.0.1:5085", antennas: {3: {read_point: g3}, 4: {read_point: g4}}}
zones:
  z1: {enter: [gate-a/g1], leave: [gate-a/g2], close_after: 10min}
  z2: {enter: [gate-a/g2], leave: [gate-b/g3], close_after: 10min}
  z3: {enter: [gate-b/g3], leave: [gate-b/g4], close_after: 10min}
nodes:
  N1: {work_order: {from: tags}, done_when: {all_left: z1}}
"""
DEVICE_MAP = load_device_map(Path("plant.yaml"), text=MAP)
READERS = ("gate-a", "gate-b")
PIECES = {"3034a1": 5, "3034a2": 3, "3034a3": 2}
DELAY_S = 1.0
STEP_S = 20


@dataclass(frozen=True, slots=True)
class Visit:
    """A tag stands before a gate for two seconds; weak: somewhere else it is heard, too."""

    tag: str
    gate: int
    rssi: float
    reads: int
    echo: int | None


VISITS = st.lists(
    st.builds(
        Visit,
        st.sampled_from([*PIECES, "3034ff"]),
        st.integers(1, 4),
        st.sampled_from([-50.0, -52.0, -64.0]),
        st.integers(1, 4),
        st.none() | st.integers(1, 4),
    ),
    min_size=1,
    max_size=12,
)


class Gateway:
    """A gateway that is killed at will; what was committed is kept."""

    def __init__(self) -> None:
        self.saved: dict[str, str] = {}
        self.events: list[Event] = []
        self.now_s = 0.0
        self._start()
        self.bind(version=1, tags=PIECES)

    def _start(self) -> None:
        self._deriver = Deriver(
            DEVICE_MAP,
            identity=Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32),
            next_seq=len(self.events) + 1,
            saved=self.saved,
            pace=Pace(report_delay_s=dict.fromkeys(READERS, DELAY_S)),
            moment=self._moment(),
        )
        for reader in READERS:
            self.see(DeviceBack(device=reader, at=at(self.now_s)))

    def _moment(self) -> Moment:
        return Moment(now=at(self.now_s), mono_ms=0)

    def bind(self, *, version: int, tags: dict[str, int]) -> None:
        orders = {"WO-1": {"N1": sum(tags.values())}} if tags else {}
        bound = [(tag, "WO-1", pieces) for tag, pieces in tags.items()]
        self._deriver.take_dispatch(document(version=version, wanted=orders, tags=bound), self._moment())
        self._commit(self._deriver.take_commit())

    def see(self, *observations: Observation) -> None:
        self._deriver.observe(observations, self._moment())
        self._deriver.pass_time(self._moment())
        for failure in self._deriver.take_failures():
            raise failure.error
        self._commit(self._deriver.take_commit())

    def save(self) -> None:
        self._commit(self._deriver.take_checkpoint())

    def kill(self) -> None:
        self._start()

    def heard(self, until_s: float) -> None:
        """All readers answer."""
        self.now_s = until_s
        for reader in READERS:
            self.see(DeviceAlive(device=reader, at=at(until_s)))

    def _commit(self, commit: Commit | None) -> None:
        if commit is None:
            return
        self.events += commit.events
        for key, value in commit.state.items():
            if value is None:
                self.saved.pop(key, None)
            else:
                self.saved[key] = value


def reads_of(visit: Visit, begin_s: float) -> list[TagRead]:
    """Four reports, half a second each, and the echo's two."""
    told = [(visit.gate, visit.rssi, begin_s + part / 2) for part in range(4)]
    if visit.echo is not None and visit.echo != visit.gate:
        told += [(visit.echo, visit.rssi - 12, begin_s + 0.7), (visit.echo, visit.rssi - 12, begin_s + 1.2)]
    return [
        TagRead(
            device=READERS[(gate - 1) // 2],
            antenna=gate,
            tag=visit.tag,
            first_seen=at(first_s),
            last_seen=at(first_s + 0.4),
            seen_at=at(first_s + 0.4),
            reads=visit.reads,
            rssi_dbm=rssi,
        )
        for gate, rssi, first_s in told
    ]


def told_by(gateway: Gateway) -> dict[str, list[tuple[object, ...]]]:
    """What was told of each tag, in its order."""
    told: dict[str, list[tuple[object, ...]]] = {}
    for event in gateway.events:
        if isinstance(event, TagPassed):
            told.setdefault(event.tag, []).append(
                (event.at, event.direction, event.zone, event.read_point, event.first_seen, event.reads, event.implied)
            )
    return told


def check_laws(gateway: Gateway) -> None:
    """Enters and leaves alternate, a tag is in one zone at a time, and WIP is what is inside, never negative."""
    inside: Counter[tuple[str, str]] = Counter()
    for event in gateway.events:
        if isinstance(event, TagPassed) and event.zone is not None:
            inside[event.tag, event.zone] += {Direction.ENTER: 1, Direction.LEAVE: -1}.get(event.direction, 0)
            assert inside[event.tag, event.zone] in (0, 1), (event.tag, event.zone)
            assert sum(inside[event.tag, zone] for zone in DEVICE_MAP.zones) <= 1, event.tag
        if isinstance(event, WipChanged):
            assert event.count >= 0
    stays = {(key.split("/")[2], key.split("/")[1]) for key in gateway.saved if key.startswith("zone-inside/")}
    assert stays == {key for key, count in inside.items() if count}
    wip = {event.zone: event.count for event in gateway.events if isinstance(event, WipChanged)}
    for zone in DEVICE_MAP.zones:
        assert wip.get(zone, 0) == sum(PIECES.get(tag, 1) for tag, where in stays if where == zone)


@settings(max_examples=60, deadline=None)
@given(VISITS, st.lists(st.floats(0, DELAY_S), min_size=1, max_size=30))
def test_reports_in_any_order_within_their_delay_give_the_same_passages(
    visits: list[Visit], delays: list[float]
) -> None:
    def passages(late_s: Sequence[float]) -> dict[str, list[tuple[object, ...]]]:
        reads = [read for number, visit in enumerate(visits) for read in reads_of(visit, 10 + STEP_S * number)]
        arrivals = [
            ((read.last_seen - at(0)).total_seconds() + late_s[number % len(late_s)], number, read)
            for number, read in enumerate(reads)
        ]
        gateway = Gateway()
        for arrival_s, _, read in sorted(arrivals, key=lambda arrival: arrival[:2]):
            gateway.now_s = arrival_s
            gateway.see(read, *(DeviceAlive(device=reader, at=at(arrival_s)) for reader in READERS))
        gateway.heard(10 + STEP_S * len(visits) + 30)
        return told_by(gateway)

    assert passages(delays) == passages([0.0])


ACTS = st.lists(
    st.sampled_from(["", "", "", "", "save", "kill", "save and kill", "wait", "finish", "bind"]), max_size=30
)


@settings(max_examples=120, deadline=None)
@given(VISITS, ACTS)
def test_laws_hold_at_the_end_of_whatever_happened(visits: list[Visit], acts: list[str]) -> None:
    gateway = Gateway()
    begin_s, version = 10.0, 1
    todo = iter(acts)
    for visit in visits:
        for read in reads_of(visit, begin_s):
            gateway.now_s = (read.seen_at - at(0)).total_seconds()
            gateway.see(read, DeviceAlive(device=read.device, at=read.seen_at))
            match next(todo, ""):
                case "save":
                    gateway.save()
                case "kill":
                    gateway.kill()
                case "save and kill":
                    gateway.save()
                    gateway.kill()
                case "wait":
                    begin_s += 700
                case "finish":
                    version += 1
                    gateway.bind(version=version, tags={})
                case "bind":
                    version += 1
                    gateway.bind(version=version, tags=PIECES)
        gateway.heard(begin_s + STEP_S - 1)
        begin_s += STEP_S
    gateway.heard(begin_s + 30)
    version += 1
    check_laws(gateway) if "finish" not in acts else check_presence(gateway)


def check_presence(gateway: Gateway) -> None:
    """As `check_laws`, where what the tags stand for changed: only who is where."""
    inside: Counter[tuple[str, str]] = Counter()
    for event in gateway.events:
        if isinstance(event, TagPassed) and event.zone is not None:
            inside[event.tag, event.zone] += {Direction.ENTER: 1, Direction.LEAVE: -1}.get(event.direction, 0)
            assert inside[event.tag, event.zone] in (0, 1), (event.tag, event.zone)
    stays = {(key.split("/")[2], key.split("/")[1]) for key in gateway.saved if key.startswith("zone-inside/")}
    assert stays == {key for key, count in inside.items() if count}


@settings(max_examples=60, deadline=None)
@given(VISITS, st.sets(st.integers(0, 80)))
def test_kills_between_commits_change_no_passage_and_count_none_twice(visits: list[Visit], kills: set[int]) -> None:
    def run(killed_after: set[int]) -> Gateway:
        gateway, step = Gateway(), 0
        for number, visit in enumerate(visits):
            begin_s = 10 + STEP_S * number
            for read in reads_of(visit, begin_s):
                gateway.now_s = (read.seen_at - at(0)).total_seconds()
                gateway.see(read, DeviceAlive(device=read.device, at=read.seen_at))
                gateway.save()
                if step in killed_after:
                    gateway.kill()
                step += 1
            gateway.heard(begin_s + STEP_S - 1)
        gateway.heard(10 + STEP_S * len(visits) + 30)
        return gateway

    killed, unharmed = run(kills), run(set())
    assert told_by(killed) == told_by(unharmed)
    check_laws(killed)
