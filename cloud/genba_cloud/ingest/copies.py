"""Notices two live gateways under one name: each start of a gateway, once another one followed it, must stay silent."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from genba_cloud.ledger import IdentityAlarm

WITHIN_S: Final = 300.0
"""Wall time within which a start that was followed must speak again, twice: a message that was held up comes once."""
_GATEWAYS: Final = 10_000
_STARTS: Final = 8


@dataclass(slots=True)
class _Heard:
    starts: OrderedDict[tuple[str, str], list[float]] = field(default_factory=OrderedDict)
    current: tuple[str, str] | None = None


class Copies:
    """Remembers the last starts (epoch and run) of each gateway."""

    def __init__(self) -> None:
        self._heard: OrderedDict[str, _Heard] = OrderedDict()

    def hear(self, gateway: str, state: Mapping[str, Any], *, now_s: float) -> IdentityAlarm | None:
        """A state message came just now; the alarm where two starts speak in turns. `now_s` is monotonic."""
        run = state.get("run")
        if state.get("online") is not True or not isinstance(run, str):
            return None
        heard = self._heard.setdefault(gateway, _Heard())
        self._heard.move_to_end(gateway)
        if len(self._heard) > _GATEWAYS:
            self._heard.popitem(last=False)
        start = (str(state.get("epoch")), run)
        if start == heard.current:
            return None
        other, heard.current = heard.current, start
        returns = heard.starts.setdefault(start, [])
        while len(heard.starts) > _STARTS:
            heard.starts.popitem(last=False)
        returns[:] = [*(at for at in returns if now_s - at <= WITHIN_S), now_s]
        if len(returns) < 3 or other is None:  # its first message, and two returns
            return None
        runs = " and ".join(sorted((run, other[1])))
        return IdentityAlarm(
            gateway=gateway,
            subject=f"live {runs}",
            epoch=start[0],
            run=run,
            note=f"two gateways share the identity of {gateway}: runs {runs} are connected in turns. Stop one of them, "
            "and enrol it under a name of its own",
        )
