"""What nodes of an order need of one another, over its work orders: everything named is there, and nothing waits for
itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from genba_cloud.core.facts.plan import OrderPlan, Refused


class _Place(NamedTuple):
    work_order: str
    node: str


def check_links(plan: OrderPlan) -> Refused | None:
    """Why the dependencies of an order with all of its work orders cannot be kept, None where they can."""
    needs: dict[_Place, list[_Place]] = {
        _Place(work.work_order, node.node): [
            _Place(one.work_order or work.work_order, one.node) for one in node.needs()
        ]
        for work in plan.work_orders
        for node in work.nodes
    }
    for place, others in needs.items():
        missing = next((other for other in others if other not in needs), None)
        if missing is not None:
            return Refused(
                reason=f"work order {place.work_order}: node {place.node} follows {missing.node} of "
                f"{missing.work_order}, which is not a node of this order",
                accepted="a node of a work order of the same order",
            )
    for work in plan.work_orders:
        for node in work.nodes:
            for one in node.dependencies:
                if one.lag_s < 0 or (one.transfer_quantity is not None and one.transfer_quantity < 1):
                    return Refused(
                        reason=f"work order {work.work_order}: node {node.node} follows {one.node} with an amount "
                        "below 1, or a lag below 0",
                        accepted="whole pieces, 1 or more; seconds, 0 or more",
                    )
    left = _in_a_circle(needs)
    if left:
        said = ", ".join(f"{place.work_order}/{place.node}" for place in left[:5])
        return Refused(reason=f"nodes wait for one another in a circle: {said}", accepted="needs without a circle")
    return None


def _in_a_circle(needs: dict[_Place, list[_Place]]) -> list[_Place]:
    """Places of circles: what is left when everything is taken away that waits for nothing, or for which nothing
    waits."""
    left = {place: set(others) for place, others in needs.items()}
    while free := [place for place in left if not left[place] & left.keys()]:
        for place in free:
            del left[place]
    while last := [place for place in left if not any(place in others for others in _others(left, place))]:
        for place in last:
            del left[place]
    return list(left)


def _others(left: dict[_Place, set[_Place]], place: _Place) -> Iterator[set[_Place]]:
    return (others for other, others in left.items() if other != place or place in others)
