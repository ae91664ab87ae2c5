"""Node rules against a model that was written apart from them: random rules, histories, documents and kills."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Identity
from genba_edge.core.observations import DeviceAlive, TagRead
from genba_edge.core.watch import Pace
from genba_shared.device_map import load_device_map
from genba_shared.dispatch_document import DispatchDocument, DispatchRow, OpenRow, StationDispatch, TagBinding
from genba_shared.events import NodeCompleted, NodeStarted, PiecesCounted, Result
from tests.property.node_model import Model, Rule, Told, is_certain_of_its_work, words_of
from tests.unit.edge.gateway_world import T0, World, at, back, sample

MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: press
    protocol: modbus
    host: 127.0.0.1:5020
    poll: {fast: 12s}
    points:
      good: {at: 40001, type: uint32, counter: {max_rate: 120/min}}
      scrap: {at: 40003, type: uint32, counter: {max_rate: 120/min}}
      good2: {at: 40005, type: uint32, counter: {max_rate: 120/min}}
      bit: {at: 40010, bit: 0}
      state: {at: 40011, type: uint16, labels: {0: idle, 1: running}}
      state2: {at: 40012, type: uint16, labels: {0: idle, 1: running}}
  - id: gate
    protocol: llrp
    host: 127.0.0.1:5084
    antennas: {1: {read_point: in}, 2: {read_point: out}}
    presence: {min_reads: 1, depart_after: 1s, move_margin: 6dB}
stations:
  P-1: {device: press, counts: {good: good, scrap: scrap}, state: state}
  P-2: {device: press, counts: {good: good2}, state: state2}
zones:
  hall: {enter: [gate/in], leave: [gate/out]}
nodes:
  PRESS: {stations: [STATIONS], start_when: START, done_when: RULE}
"""
STEP_S = 12  # between two polls: longer than counts are joined
ORDERS = ("WO-1", "WO-2", "WO-3")
BOUND = {"a1": ("WO-1", 2), "a2": ("WO-1", 1), "b1": ("WO-2", 3)}

SHARED_LEAVES: list[Rule] = [("good",), ("processed",), ("left",), ("state", "idle"), ("time", 17), ("time", 40)]
BIT_LEAVES: list[Rule] = [("rises",), ("falls",), ("true",)]


def rules(leaves: list[Rule]) -> st.SearchStrategy[Rule]:
    joined = st.recursive(
        st.sampled_from(leaves),
        lambda inner: st.tuples(
            st.sampled_from(["all", "any"]), st.lists(inner, min_size=2, max_size=3, unique=True)
        ).map(lambda told: (told[0], *told[1])),
        max_leaves=4,
    )
    return joined.filter(is_certain_of_its_work)


def written(rule: Rule) -> str:
    word, *rest = rule
    match word:
        case "all" | "any":
            return f"{{{word}: [{', '.join(written(part) for part in rest)}]}}"
        case "good" | "processed":
            return f"{{{word}: node.quantity}}"
        case "left":
            return "{all_left: hall}"
        case "state":
            return "{state: idle}"
        case "time":
            return f"{{min_time: {rest[0]}s}}"
        case _:
            return f"{{{'point' if word == 'true' else word}: press/bit}}"


@st.composite
def plants(draw: st.DrawFn) -> tuple[Rule, int, str]:
    """A rule, how many stations the node has, and what starts it."""
    rule = draw(rules(SHARED_LEAVES + BIT_LEAVES))
    stations = 1 if words_of(rule) & {"rises", "falls", "true"} else draw(st.sampled_from([1, 2]))
    return rule, stations, draw(st.sampled_from(["first_piece", "dispatch"]))


QUANTITIES = st.fixed_dictionaries({order: st.integers(1, 6) for order in ORDERS})
ANSWERED = st.dictionaries(st.sampled_from(ORDERS), st.sampled_from([-2, -1, 1, 2, 4]), max_size=2)
# What is listed, wanted, opened on purpose and answered; how it arrives.
DOCUMENTS = st.tuples(
    st.lists(st.sampled_from(ORDERS), unique=True, max_size=3),
    QUANTITIES,
    st.sampled_from([None, None, *ORDERS]),
    st.one_of(st.just({}), ANSWERED),
    st.sampled_from(["once", "once", "twice", "kill"]),
)
Document = tuple[list[str], dict[str, int], str | None, dict[str, int], str]
# One step: good, scrap, good at the second station; bit; states; a tag that moves; a document; a kill: of the poll
# before it was committed, or after everything was.
STEPS = st.tuples(
    st.integers(0, 3),
    st.sampled_from([0, 0, 0, 1]),
    st.integers(0, 2),
    st.booleans(),
    st.tuples(st.sampled_from(["idle", "running"]), st.sampled_from(["idle", "running"])),
    st.sampled_from([None, None, *BOUND]),
    st.one_of(st.none(), st.none(), DOCUMENTS),
    st.sampled_from(["", "", "", "poll", "end"]),
)
Step = tuple[int, int, int, bool, tuple[str, str], str | None, Document | None, str]


class Plant(World):
    """The gateway of the map above, with the model of its node beside it."""

    def __init__(self, rule: Rule, stations: int, start: str) -> None:
        self.names = ["P-1", "P-2"][:stations]
        self.text = (
            MAP.replace("STATIONS", ", ".join(self.names)).replace("START", start).replace("RULE", written(rule))
        )
        super().__init__()
        self.model = Model(rule, stations=self.names, start=start, bound=BOUND)
        self.version = 0
        self.made = [0, 0, 0]
        self.tags: dict[str, str] = {}
        self.see(back("press", 0), back("gate", 0))

    def _start(self) -> Deriver:
        self.map = load_device_map(Path("plant.yaml"), text=self.text)
        return Deriver(
            self.map,
            identity=Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32),
            next_seq=len(self.events) + 1,
            saved=self.saved,
            pace=Pace(poll_s={"press": float(STEP_S)}, report_delay_s={}),
            moment=self._moment(),
        )

    def poll(self, second: int, step: Step) -> None:
        good, scrap, good2, bit, states, *_, kill = step
        self.made = [self.made[0] + good, self.made[1] + scrap, self.made[2] + (good2 if len(self.names) > 1 else 0)]
        readings = (
            sample("press", "good", self.made[0], second),
            sample("press", "scrap", self.made[1], second),
            sample("press", "good2", self.made[2], second),
            sample("press", "bit", bit, second),
            sample("press", "state", int(states[0] == "running"), second),
            sample("press", "state2", int(states[1] == "running"), second),
            DeviceAlive(device="press", at=at(second)),
        )
        if kill == "poll":
            self.now = at(second)
            self.deriver.observe(readings, self._moment())
            self.restart(second + 1)
            return
        self.see(*readings)
        self.follow_poll(second, bit=bit, states=states)

    def follow_poll(self, second: int, *, bit: bool, states: tuple[str, str]) -> None:
        """The same for the model: what was made since the last poll that counted."""
        model = self.model
        model.now = second
        if second == 0:
            self.counted = list(self.made)
        good, scrap, good2 = (made - counted for made, counted in zip(self.made, self.counted, strict=True))
        self.counted = list(self.made)
        model.make("P-1", good, scrap, second)
        if len(self.names) > 1:
            model.make("P-2", good2, 0, second)
        model.read(bit, dict(zip(self.names, states, strict=False)), second)

    def restart(self, second: int) -> None:
        self.kill_and_restart()
        self.model.restart()
        self.see(back("press", second), back("gate", second))

    def move(self, tag: str, second: int) -> None:
        """The tag goes in, then out, then nowhere any more."""
        where = self.tags.get(tag, "outside")
        if where == "gone":
            return
        antenna = 1 if where == "outside" else 2
        self.tags[tag] = "inside" if where == "outside" else "gone"
        moment = at(second)
        read = TagRead(
            device="gate", antenna=antenna, tag=tag, first_seen=moment, last_seen=moment, seen_at=moment, reads=3
        )
        self.see(read)
        self.see(DeviceAlive(device="gate", at=at(second + 2)))
        self.model.now = second + 2
        if "left" not in words_of(self.model.rule):
            return  # the zone says nothing about the node
        if antenna == 1:
            self.model.tag_enters(tag, second)
        else:
            self.model.tag_leaves(tag, second, second + 2)

    def publish(self, told: Document, second: int) -> None:
        rows, wanted, purpose, answered, arrival = told
        self.version += 1
        self.now = at(second)
        listed = tuple(DispatchRow(work_order=row, node="PRESS", quantity=wanted[row]) for row in rows)
        opened = (
            None
            if purpose is None
            else OpenRow(work_order=purpose, node="PRESS", quantity=wanted[purpose], since=at(second))
        )
        stations = {
            name: StationDispatch(open=opened if name == "P-1" else None, next=listed) for name in ("P-1", "P-2")
        }
        document = DispatchDocument(
            version=self.version,
            stations=stations,
            work_orders={order: {"PRESS": pieces} for order, pieces in wanted.items()},
            tags=tuple(
                TagBinding(tag=tag, work_order=order, pieces=pieces, since=T0) for tag, (order, pieces) in BOUND.items()
            ),
            answered={order: {"PRESS": pieces} for order, pieces in answered.items()},
        )
        self.model.now = second
        if arrival == "kill":  # of the document before it was committed
            self.deriver.take_dispatch(document, self._moment())
            self.restart(second)
        for _ in range(2 if arrival == "twice" else 1):
            self.dispatch(document)
        opened_at = None if purpose is None else (purpose, second)
        self.model.take_document(rows, dict(wanted), opened_at, dict(answered), second)

    def pass_time_to(self, second: int) -> None:
        while (self.now - T0).total_seconds() < second:
            following = int((self.now - T0).total_seconds()) + 1
            self.wait_until(following)
            self.model.pass_to(following)

    def run(self, first: Document, steps: list[Step]) -> None:
        self.poll(0, (0, 0, 0, False, ("idle", "idle"), None, None, ""))
        self.publish(first, 1)
        for number, step in enumerate(steps, start=1):
            begin = number * STEP_S
            self.pass_time_to(begin)
            self.poll(begin, step)
            self.pass_time_to(begin + 2)
            if step[5] is not None:
                self.move(step[5], begin + 2)
            self.pass_time_to(begin + 5)
            if step[6] is not None:
                self.publish(step[6], begin + 6)
            self.pass_time_to(begin + 11)
            if step[7] == "end":
                self.restart(begin + 11)
        self.pass_time_to((len(steps) + 1) * STEP_S)
        last = steps[-1] if steps else (0, 0, 0, False, ("idle", "idle"), None, None, "")
        self.poll((len(steps) + 1) * STEP_S, (0, 0, 0, last[3], last[4], None, None, ""))
        self.stop()

    def claims(self) -> list[Told]:
        return [
            Told(event.work_order or "", int((event.at - T0).total_seconds()), event.pieces)
            for event in self.events
            if isinstance(event, NodeCompleted)
        ]


@settings(max_examples=60, deadline=None)
@given(plants(), DOCUMENTS, st.lists(STEPS, min_size=1, max_size=12))
def test_claims_starts_and_pieces_are_those_of_the_model(
    plant: tuple[Rule, int, str], first: Document, steps: list[Step]
) -> None:
    world = Plant(*plant)
    world.run(first, steps)
    assert sorted(map(str, world.claims())) == sorted(map(str, world.model.claims))
    started = {
        event.work_order: int((event.at - T0).total_seconds())
        for event in world.events
        if isinstance(event, NodeStarted)
    }
    assert started == {order.name: order.started for order in world.model.orders.values() if order.started is not None}
    owned: Counter[str | None] = Counter()
    good: Counter[str | None] = Counter()
    for event in world.events:
        if isinstance(event, PiecesCounted):
            owned[event.work_order] += event.delta
            if event.result is Result.GOOD:
                good[event.work_order] += event.delta
    assert sum(owned.values()) == sum(world.made)
    assert owned[None] == world.model.unassigned
    for order in world.model.orders.values():
        assert good[order.name] == len(order.good)
