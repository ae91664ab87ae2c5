"""Whether a stock-take can be taken: the zone is known, its gateway lets people correct it, and the time is real."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from genba_cloud.core.facts.plan import Refused, is_in_time

LATEST: Final = timedelta(minutes=1)  # a clock on the wall may be ahead of ours by as much
OLDEST: Final = timedelta(days=3)  # gateways know as long what moved in a zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """A gateway's zones, and those of them that may be corrected by a stock-take, by its own word."""

    zones: Collection[str]
    stocktakes: Collection[str]


def check_stock_take(zone: str, at: datetime, *, now: datetime, keepers: Mapping[str, Keeper]) -> Refused | None:
    """Why nobody can say what was counted in the zone at `at`; None where they can."""
    known = sorted({name for keeper in keepers.values() for name in keeper.zones})
    if zone not in known:
        return Refused(
            reason=f"zone {zone} is not known: no gateway has it in its map",
            accepted=f"one of {', '.join(known[:20])}" if known else "a zone of a connected gateway",
        )
    if not any(zone in keeper.stocktakes for keeper in keepers.values()):
        return Refused(
            reason=f"zone {zone} does not allow stock-takes",
            accepted="write `stocktake: allowed` at the zone in the gateway's map",
            conflict=True,
        )
    if not is_in_time(at) or at > now + LATEST:
        return Refused(reason="a stock-take cannot lie in the future", accepted="when the pieces were counted")
    if at < now - OLDEST:
        return Refused(
            reason="the stock-take is more than 3 days old: what moved since then is not known any more",
            accepted="count again, and send it within 3 days",
            conflict=True,
        )
    return None
