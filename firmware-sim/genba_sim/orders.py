"""Orders of the simulated plant: what is made for whom, in which bundles, and by which plan."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from genba_sim.settings import Family, Node, OrderSettings, PlantSettings

NODES: Final = tuple(Node)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Pieces that travel together under one RFID tag."""

    tag: str
    pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """What the plant makes of an order: `quantity` pieces of one family, in bundles."""

    number: str
    family: Family
    quantity: int
    bundles: tuple[Bundle, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """When a node is planned to start and to finish."""

    start: datetime
    finish: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A customer order with the plan that it was promised on."""

    number: str
    customer: str
    promised: datetime
    work_order: WorkOrder
    plan: Mapping[Node, Planned]


def random_stream(seed: int, name: str) -> random.Random:
    """Random numbers for one purpose; adding a purpose does not change the numbers of the others."""
    return random.Random(f"{seed}/{name}")  # noqa: S311 (a simulation repeats itself on purpose)


class OrderBook:
    """Makes up the work orders, the same ones for the same seed."""

    def __init__(self, settings: PlantSettings, *, seed: int) -> None:
        self._settings = settings
        self._random = random_stream(seed, "orders")
        self._salt = random_stream(seed, "tags").getrandbits(24)
        self._families = tuple(settings.families.values())
        self._tags = 0

    def next_work_order(self, count: int) -> WorkOrder:
        """Work order number `count`, counted from 1; families take turns with some chance, lots are mostly small."""
        settings = self._settings.orders
        family = self._families[(count - 1) % len(self._families)]
        if self._random.random() < 0.25:
            family = self._random.choice(self._families)
        quantity = self._lot(settings)
        return WorkOrder(
            number=f"WO-{1000 + count}",
            family=family,
            quantity=quantity,
            bundles=tuple(self._bundle(size) for size in bundle_sizes(quantity, settings.bundle)),
        )

    def _lot(self, settings: OrderSettings) -> int:
        most = settings.lot.most
        drawn = self._random.triangular(settings.lot.least, most + 1, settings.usual_lot)
        return min(int(drawn), int(most))

    def _bundle(self, pieces: int) -> Bundle:
        self._tags += 1
        return Bundle(tag=f"3034257bf7{self._salt:06x}{self._tags:08x}", pieces=pieces)


def bundle_sizes(quantity: int, most: int) -> tuple[int, ...]:
    """Cut a lot into bundles of at most `most` pieces; the last one takes the rest.

    >>> bundle_sizes(12, 5)
    (5, 5, 2)
    """
    full, rest = divmod(quantity, most)
    return (most,) * full + ((rest,) if rest else ())
