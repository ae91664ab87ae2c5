"""What node rules mean, written a second time and in another way: one piece after the other, one tag after the other.

Shares nothing with the derivation. Rules are nested tuples:

    ("good",) ("processed",) ("left",) ("rises",) ("falls",) ("true",) ("state", "idle") ("time", 17)
    ("all", rule, rule, …) ("any", rule, rule, …)

Times are whole seconds since the beginning. The bit speaks for the first station.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

Rule = tuple[Any, ...]
Holds = tuple[int, frozenset[str]]  # since when, and by which words


@dataclass
class Order:
    """What the model knows of one work order's node."""

    name: str
    wanted: int | None = None
    good: list[int] = field(default_factory=list)  # when each piece was seen
    scrap: list[int] = field(default_factory=list)
    answered: int = 0  # good pieces that people added, or took away
    reached: dict[str, tuple[int, int]] = field(default_factory=dict)  # good or processed → wanted then, when
    left: dict[str, tuple[int, int]] = field(default_factory=dict)  # tag → when, pieces
    edges: dict[str, int] = field(default_factory=dict)
    started: int | None = None
    works: dict[str, int] = field(default_factory=dict)  # station → since when it has ever had this work
    gone: dict[str, int] = field(default_factory=dict)  # station → since when it has other work
    is_claimed: bool = False
    claimed_for: int = 0
    stations_done: bool = False

    def made(self, word: str) -> list[int]:
        return self.good if word == "good" else self.good + self.scrap

    def note_reached(self, at: int) -> None:
        """The latest piece reached the quantity, unless an earlier one did; an answer did where no piece was seen."""
        for word in ("good", "processed"):
            made = self.made(word)
            if self.wanted is None or len(made) + self.answered < self.wanted:
                self.reached.pop(word, None)
            elif word not in self.reached or self.reached[word][0] < self.wanted:
                self.reached[word] = (self.wanted, max(made, default=at))


@dataclass(frozen=True)
class Told:
    """A claim."""

    order: str
    at: int
    pieces: int


class Model:
    """The stations, orders and rows of one gateway with one node."""

    def __init__(self, rule: Rule, *, stations: list[str], start: str, bound: dict[str, tuple[str, int]]) -> None:
        self.rule, self.stations, self.start, self.bound = rule, stations, start, bound
        self.orders: dict[str, Order] = {}
        self.rows: list[str] = []
        self.purpose: tuple[str, int] | None = None  # the order that somebody opened at the first station, and when
        self.version = 0
        self.open: dict[str, tuple[str, int, int]] = {}  # station → order, since, version of the document then
        self.bit: tuple[bool, int] | None = None
        self.bit_is_known = False
        self.had: str | None = None  # the order of the first station when the bit was read before
        self.changed = False  # whether its work changed since then
        self.read_before = False
        self.at_begin: str | None = None  # the order of the first station before the pieces of this poll
        self.state: dict[str, tuple[str, int]] = {}  # what was seen since when; nothing after a time without readings
        self.now = 0
        self.unassigned = 0
        self.claims: list[Told] = []

    # What holds.

    def holds(self, rule: Rule, order: Order, *, at_stations: bool = False) -> Holds | None:
        """Since when the rule holds; `at_stations`: without what only tags can tell."""
        word, *rest = rule
        if word in {"all", "any"}:
            parts = [part for part in rest if not at_stations or is_seen_at_stations(part)]
            if not parts:
                return None
            found = [self.holds(part, order, at_stations=at_stations) for part in parts]
            met = [each for each in found if each is not None]
            if word == "any":
                return min(met, key=lambda each: each[0], default=None)
            if len(met) < len(found):
                return None
            return max(each[0] for each in met), frozenset().union(*(each[1] for each in met))
        since = self._since(word, rest, order)
        return None if since is None else (since, frozenset({word}))

    def _since(self, word: str, rest: list[Any], order: Order) -> int | None:
        match word:
            case "good" | "processed":
                return order.reached[word][1] if word in order.reached else None
            case "left":
                return self._all_left(order)
            case "rises" | "falls":
                return order.edges.get(word)
            case "true":
                is_true = self.bit is not None and self.bit[0] and self.bit_is_known and self._has_station(order)
                return order.edges.get("true", self.bit[1] if is_true and self.bit else None)
            case "state":
                return self._stopped(order, rest[0])
            case _:
                ripe = None if order.started is None else order.started + rest[0]
                return ripe if ripe is not None and ripe <= self.now else None

    def _all_left(self, order: Order) -> int | None:
        tags = {tag for tag, (owner, _) in self.bound.items() if owner == order.name}
        pieces = sum(count for _, count in order.left.values())
        if not order.left or tags - order.left.keys() or pieces < (order.wanted or 0):
            return None
        return max(at for at, _ in order.left.values())

    def _stopped(self, order: Order, state: str) -> int | None:
        times = list(order.gone.values())
        for station in order.works.keys() - order.gone.keys():
            name, since = self.state.get(station, ("", 0))
            if name != state:
                return None
            times.append(max(since, order.works[station]))
        return max(times, default=None)

    def _has_station(self, order: Order) -> bool:
        return bool(order.works.keys() - order.gone.keys())

    # What follows.

    def look(self, order: Order, at: int) -> None:
        """Claim the order, or let its stations go on at `at`."""
        if order.is_claimed or order.wanted is None:
            return
        whole = self.holds(self.rule, order)
        if whole is not None:
            since, words = whole
            tags = "left" in words and not words & {"good", "processed"}
            counted = max(0, len(order.good) + order.answered)
            pieces = sum(count for _, count in order.left.values()) if tags else counted
            self.claims.append(Told(order.name, since, pieces))
            order.is_claimed, order.claimed_for = True, order.wanted
        elif order.stations_done or not self._let_go(order):
            return
        order.stations_done = True
        for station in self.stations:
            if station in self.open and self.open[station][0] == order.name:
                self.close(station, at)
                self.follow(station, at)

    def _let_go(self, order: Order) -> bool:
        """Whether only tags are awaited."""
        return is_seen_at_stations(self.rule) and self.holds(self.rule, order, at_stations=True) is not None

    def close(self, station: str, at: int) -> None:
        order = self.orders[self.open[station][0]]
        if self.bit is not None and self.bit[0] and self.bit_is_known and "true" in words_of(self.rule):
            order.edges.setdefault("true", self.bit[1])
        del self.open[station]
        self._note_change(station)
        order.gone[station] = at
        self.look(order, at)

    def open_at(self, station: str, name: str, at: int) -> None:
        order = self.order(name)
        self.open[station] = (name, at, self.version)
        self._note_change(station)
        order.works.setdefault(station, at)
        order.gone.pop(station, None)
        if self.start == "dispatch":
            self.begin(order, at)
        self.look(order, at)

    def _note_change(self, station: str) -> None:
        if station == self.stations[0]:
            self.changed = True

    def follow(self, station: str, at: int) -> None:
        current = self.open.get(station)
        if self.purpose is not None and station == self.stations[0]:
            name, since = self.purpose
            is_newer = current is None or (current[0] != name and since > current[1])
            if is_newer and not self.is_over(name):
                if current is not None:
                    self.close(station, at)
                self.open_at(station, name, at)
                return
        named = {*self.rows, *([self.purpose[0]] if self.purpose and station == self.stations[0] else [])}
        if current is not None and self.version > current[2] and current[0] not in named:
            self.close(station, at)
        if station not in self.open:
            following = next((name for name in self.rows if not self.is_over(name)), None)
            if following is not None:
                self.open_at(station, following, at)

    def is_over(self, name: str) -> bool:
        return self.order(name).is_claimed or self.order(name).stations_done

    def order(self, name: str) -> Order:
        return self.orders.setdefault(name, Order(name))

    def begin(self, order: Order, at: int) -> None:
        if order.started is None:
            order.started = at

    # What happens.

    def take_document(
        self,
        rows: list[str],
        wanted: dict[str, int],
        purpose: tuple[str, int] | None,
        answered: dict[str, int],
        at: int,
    ) -> None:
        self.version += 1
        self.rows, self.purpose = rows, purpose
        for name, pieces in wanted.items():
            order = self.order(name)
            order.wanted, order.answered = pieces, answered.get(name, 0)
            order.note_reached(at)
            good = len(order.good) + order.answered
            most = max(order.claimed_for, good, sum(count for _, count in order.left.values()))
            if order.is_claimed and pieces > most:
                order.is_claimed = order.stations_done = False
                order.edges.clear()
            if order.answered > 0 and not order.is_claimed:
                self.begin(order, at)
        for station in self.stations:
            self.follow(station, at)
        for order in sorted(self.orders.values(), key=lambda each: (self._has_station(each), each.name)):
            self.look(order, at)

    def make(self, station: str, good: int, scrap: int, at: int) -> None:
        """Pieces of one station, one after the other."""
        if station == self.stations[0]:
            self.at_begin = self.open[station][0] if station in self.open else None
            self.changed = self.changed and self.read_before
        counted = words_of(self.rule)
        first = self.open[station][0] if station in self.open else None
        for is_good in [True] * good + [False] * scrap:
            name = self.open[station][0] if station in self.open else None
            if not is_good and "processed" not in counted:
                name = first  # scrap that no quantity bounds: it was made with the pieces of the same reading
            if name is None:
                self.unassigned += 1
                continue
            order = self.orders[name]
            self.begin(order, at)
            (order.good if is_good else order.scrap).append(at)
            order.note_reached(at)
            self.look(order, at)

    def read(self, bit: int, states: dict[str, str], at: int) -> None:
        """The bit and the states of one poll: all of them hold before anything follows from them."""
        concerned = self._read_bit(bool(bit), at)
        for station, state in states.items():
            if self.state.get(station, ("", 0))[0] != state:
                self.state[station] = (state, at)
                concerned.append(self.open[station][0] if station in self.open else None)
        for name in concerned:
            if name is not None:
                self.look(self.orders[name], at)
        station = self.stations[0]
        self.had = self.open[station][0] if station in self.open else None
        self.read_before, self.changed = True, False

    def _read_bit(self, value: object, at: int) -> list[str | None]:
        """The orders that the bit speaks of, where it says something new; the one of now among them."""
        before, was_known = self.bit, self.bit_is_known
        self.bit_is_known = True
        if before is None or before[0] != value:
            self.bit = (bool(value), at)
        station = self.stations[0]
        now = self.open[station][0] if station in self.open else None
        name = now
        if self.changed:  # the work of the reading before; after a restart, the work of the moment before this poll
            name = self.had if self.read_before else self.at_begin
        moved = before is not None and before[0] != value
        if not moved and was_known:
            return []
        if moved and name is not None and not self.orders[name].is_claimed:
            self.orders[name].edges.setdefault("rises" if value else "falls", at)
        return [name, now]

    def tag_enters(self, tag: str, at: int) -> None:
        self.begin(self.order(self.bound[tag][0]), at)

    def tag_leaves(self, tag: str, at: int, known_at: int) -> None:
        name, pieces = self.bound[tag]
        order = self.order(name)
        if not order.is_claimed:
            order.left.setdefault(tag, (at, pieces))
        self.look(order, known_at)

    def restart(self) -> None:
        """Nobody saw what the stations did meanwhile: their states hold from the next reading on."""
        self.bit_is_known = self.read_before = self.changed = False
        self.state.clear()

    def pass_to(self, second: int) -> None:
        self.now = second
        for order in list(self.orders.values()):
            self.look(order, second)


def is_seen_at_stations(rule: Rule) -> bool:
    """Whether the stations show anything of the rule that lets them go on: pieces or an edge, not a pause alone."""
    word, *rest = rule
    if word == "all":
        seen = [part for part in rest if is_seen_at_stations(part)]
        return any(is_certain_of_its_work(part, without={"left"}) for part in seen)
    if word == "any":
        return any(is_seen_at_stations(part) for part in rest)
    return bool(word != "left")


def words_of(rule: Rule) -> set[str]:
    word, *rest = rule
    return set().union(*(words_of(part) for part in rest)) if word in {"all", "any"} else {word}


def is_certain_of_its_work(rule: Rule, *, without: Set[str] = frozenset()) -> bool:
    """Whether every way to complete needs pieces, tags or an edge: other rules are refused by the map."""
    word, *rest = rule
    if word in {"all", "any"}:
        parts = [part for part in rest if not without or is_seen_at_stations(part)]
        return (any if word == "all" else all)(is_certain_of_its_work(part, without=without) for part in parts)
    return word in {"good", "processed", "left", "rises", "falls"}
