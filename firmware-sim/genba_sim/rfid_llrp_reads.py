"""What a simulated reader remembers: reads of the running report interval, and reports that nobody has taken yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from genba_sim.llrp_codec_reader import TagReport


class RunningReads:
    """Single reads, added up per antenna and tag until the report interval ends."""

    def __init__(self) -> None:
        self._reports: dict[tuple[int, bytes], TagReport] = {}

    def __len__(self) -> int:
        return len(self._reports)

    def add(self, *, antenna: int, epc: bytes, at_us: int, rssi_dbm: float) -> None:
        """One read of one tag; dBm are rounded to whole ones and kept within the signed byte that LLRP has for them."""
        peak = max(-128, min(127, round(rssi_dbm)))
        known = self._reports.get((antenna, epc))
        self._reports[antenna, epc] = TagReport(
            epc=epc,
            antenna=antenna,
            first_seen_us=at_us if known is None else min(at_us, known.first_seen_us),
            last_seen_us=at_us if known is None else max(at_us, known.last_seen_us),
            reads=1 if known is None else known.reads + 1,
            peak_rssi_dbm=peak if known is None else max(peak, known.peak_rssi_dbm),
        )

    def take(self) -> tuple[TagReport, ...]:
        """All sums so far, in the order in which the tags were first read; the next interval starts empty."""
        taken = tuple(self._reports.values())
        self._reports.clear()
        return taken


class ReportBuffer:
    """Encoded tag reports waiting to be sent, at most `limit`; what comes when full is lost, and that is noted."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[bytes] = deque()
        self._overflowed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, reports: Sequence[bytes]) -> None:
        """Keep reports as long as there is room."""
        room = self._limit - len(self._waiting)
        self._waiting.extend(reports[:room])
        self._overflowed = self._overflowed or len(reports) > room

    def take(self, most: int) -> tuple[bytes, ...]:
        """The oldest reports, at most `most`."""
        return tuple(self._waiting.popleft() for _ in range(min(most, len(self._waiting))))

    def take_overflow(self) -> bool:
        """Whether reports were lost since the last call."""
        overflowed, self._overflowed = self._overflowed, False
        return overflowed

    def clear(self) -> None:
        """Forget everything: factory default."""
        self._waiting.clear()
        self._overflowed = False
