"""Partitions: workers that come, go and die in any order leave one holder of each, fair shares, and then peace."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from genba_cloud.core.partitions import moves_of, shares_of

PARTITIONS = 64
WORKERS = ("ada", "bob", "cyd", "dan", "eve")
STEPS = st.lists(
    st.tuples(st.sampled_from(["turn", "turn", "turn", "come", "die", "leave"]), st.sampled_from(WORKERS)), max_size=60
)


@dataclass
class Leases:
    """What the database does with moves: one turn at a time, and a new token for every change of the holder."""

    holders: dict[int, str | None] = field(default_factory=lambda: dict.fromkeys(range(PARTITIONS)))
    tokens: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(PARTITIONS), 0))
    alive: set[str] = field(default_factory=set)
    ever: set[tuple[int, int, str]] = field(default_factory=set)
    moves: int = 0

    def turn(self, me: str) -> None:
        moves = moves_of(me, alive=self.alive, holders=self.holders)
        assert all(self.holders[partition] not in self.alive for partition in moves.take)
        assert all(self.holders[partition] == me for partition in moves.hand_over)
        assert set(moves.hand_over.values()) <= self.alive - {me}
        for partition, owner in {**dict.fromkeys(moves.take, me), **moves.hand_over}.items():
            self.holders[partition] = owner
            self.tokens[partition] += 1
            self.ever.add((partition, self.tokens[partition], owner))
            self.moves += 1

    def do(self, what: str, worker: str) -> None:
        match what:
            case "come":
                self.alive.add(worker)
            case "die":
                self.alive.discard(worker)
            case "leave":
                self.alive.discard(worker)
                for partition, holder in self.holders.items():
                    if holder == worker:
                        self.holders[partition] = None
            case "turn" if worker in self.alive:
                self.turn(worker)

    def settle(self) -> None:
        """Everybody has two turns: one to hand over and take, one for what was handed over in between."""
        for worker in sorted(self.alive) * 2:
            self.turn(worker)

    @property
    def counts(self) -> list[int]:
        held = Counter(self.holders.values())
        return sorted(held[worker] for worker in self.alive)


def after(steps: list[tuple[str, str]]) -> Leases:
    leases = Leases()
    for what, worker in steps:
        leases.do(what, worker)
    return leases


@given(STEPS)
def test_no_two_workers_ever_hold_a_partition_under_one_token(steps: list[tuple[str, str]]) -> None:
    leases = after(steps)
    assert len(leases.ever) == len({(partition, token) for partition, token, _ in leases.ever})


@given(STEPS)
def test_every_partition_is_held_after_two_turns_of_everybody_and_shares_differ_by_one(
    steps: list[tuple[str, str]],
) -> None:
    leases = after([*steps, ("come", "zoe")])
    leases.settle()
    assert set(leases.holders.values()) <= leases.alive
    assert sum(leases.counts) == PARTITIONS
    assert leases.counts[-1] - leases.counts[0] <= 1


@given(STEPS)
def test_settled_workers_leave_everything_where_it_is(steps: list[tuple[str, str]]) -> None:
    leases = after([*steps, ("come", "zoe")])
    leases.settle()
    before = leases.moves
    leases.settle()
    assert leases.moves == before


@given(STEPS, st.sampled_from(["amy", "zoe"]))
def test_a_newcomer_moves_its_own_share_and_nothing_else(steps: list[tuple[str, str]], newcomer: str) -> None:
    leases = after([*steps, ("come", "max")])
    leases.settle()
    before, held = leases.moves, dict(leases.holders)
    leases.do("come", newcomer)
    leases.settle()
    moved = [partition for partition, holder in leases.holders.items() if holder != held[partition]]
    assert leases.moves - before == len(moved) == PARTITIONS // len(leases.alive)
    assert {leases.holders[partition] for partition in moved} == {newcomer}


@given(STEPS, st.sampled_from(["die", "leave"]))
def test_only_the_partitions_of_one_that_is_gone_move(steps: list[tuple[str, str]], how: str) -> None:
    leases = after([*steps, ("come", "max"), ("come", "zoe")])
    leases.settle()
    before, held = leases.moves, dict(leases.holders)
    leases.do(how, "max")
    leases.settle()
    assert leases.moves - before == sum(holder == "max" for holder in held.values())
    assert all(holder == leases.holders[partition] for partition, holder in held.items() if holder != "max")


def test_shares_of_seven_partitions_for_three() -> None:
    assert shares_of({"ada", "bob", "cyd"}, held={"cyd": 5}, partitions=7) == {"cyd": 3, "ada": 2, "bob": 2}
