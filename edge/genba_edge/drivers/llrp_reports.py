"""From the tag reports of an LLRP reader to tag reads: who, where, when, how strong, how often.

Source: EPCglobal LLRP 1.0.1, 13.2.3 (TagReportData) and 7.1.3 (timestamps).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from llrpkit.protocol import messages, params

from genba_edge.drivers.trouble import Complaints
from genba_edge.ports import Failure, Meter, TagRead
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import LlrpDevice
from genba_shared.errors import BadReading

logger = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_US = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
CLOCK_WARNING_S = 2.0
CLOCK_WRONG_S = 60.0


class ReaderTime:
    """Turns the reader's stamps into plant time.

    The stamp of the connection event tells how the reader's clock stands to ours. Uptime stamps are placed by it. UTC
    stamps are taken as they are; only if that clock is more than a minute (wall) wrong, as after a start without a time
    server, they are shifted by the difference, and the log says so. Reports that come live are as good a witness: where
    either clock is set while the connection stands, the next report shows it.
    """

    def __init__(self, device: LlrpDevice, clock: ProductionClock) -> None:
        self._device = device.id
        self._report_s = device.report_s
        self._clock = clock
        self._utc_shift = timedelta(0)
        self._zero: datetime | None = None

    def connected(self, stamp: params.UTCTimestamp | params.Uptime) -> None:
        """The reader sent this stamp just now. Only live stamps may come here: held events carry old ones."""
        if isinstance(stamp, params.Uptime):
            self._zero = self._later(self._clock.now(), -timedelta(microseconds=stamp.microseconds))
            return
        ahead = self._ahead_of_utc(stamp.microseconds)
        self._utc_shift = -ahead if self._is_wrong(ahead) else timedelta(0)
        ahead_s = self._clock.wall_seconds(ahead.total_seconds())
        if abs(ahead_s) > CLOCK_WARNING_S:
            shifted = "yes" if self._utc_shift else "no"
            logger.warning("reader clock is off device=%s ahead_s=%.1f corrected=%s", self._device, ahead_s, shifted)

    def last_read(self, stamp: params.LastSeenTimestampUTC | params.LastSeenTimestampUptime) -> None:
        """The latest read of a report that came just now has this stamp: if that cannot be, a clock was set."""
        now = self._clock.now()
        if isinstance(stamp, params.LastSeenTimestampUTC):
            ahead = self._ahead_of_utc(stamp.microseconds)
            if not self._is_wrong(ahead + self._utc_shift):
                return
            self._utc_shift = -ahead if self._is_wrong(ahead) else timedelta(0)
        else:
            placed = self.of_uptime(stamp.microseconds)
            if placed is None or not self._is_wrong(ahead := placed - now):
                return
            self._zero = self._later(now, -timedelta(microseconds=stamp.microseconds))
        ahead_s = self._clock.wall_seconds(ahead.total_seconds())
        shifted = "no" if isinstance(stamp, params.LastSeenTimestampUTC) and not self._utc_shift else "yes"
        logger.warning("a clock was set device=%s reader_ahead_s=%.1f corrected=%s", self._device, ahead_s, shifted)

    def is_live(self, at: datetime) -> bool:
        """Whether something that comes just now can have happened at `at`."""
        return not self._is_wrong(at - self._clock.now())

    def _ahead_of_utc(self, microseconds: int) -> timedelta:
        return self._later(EPOCH, timedelta(microseconds=microseconds)) - self._clock.now()

    def _is_wrong(self, ahead: timedelta) -> bool:
        ahead_s = self._clock.wall_seconds(ahead.total_seconds())
        return ahead_s > CLOCK_WRONG_S or -ahead_s > CLOCK_WRONG_S + self._report_s

    def of_utc(self, microseconds: int) -> datetime:
        """Plant time of a UTC stamp (microseconds since 1970)."""
        return self._later(self._later(EPOCH, timedelta(microseconds=microseconds)), self._utc_shift)

    def of_uptime(self, microseconds: int) -> datetime | None:
        """Plant time of an uptime stamp; None when the reader never told where its uptime stands."""
        return None if self._zero is None else self._later(self._zero, timedelta(microseconds=microseconds))

    def _later(self, start: datetime, by: timedelta) -> datetime:
        """A reader that counts its microseconds wrongly soon leaves the years 1 to 9999."""
        try:
            return start + by
        except OverflowError as exc:
            reason = f"a timestamp of {by.total_seconds():.0f} s is beyond all calendars"
            raise BadReading(device=self._device, reason=reason) from exc


@dataclass(frozen=True, slots=True)
class _Carried:
    """Optional fields of the last report: one that is left out means "as before" (13.2.3)."""

    antenna: int | None = None
    rssi_dbm: int | None = None
    reads: int = 1
    first_seen: datetime | None = None
    last_seen: datetime | None = None


class ReportReader:
    """Reads the reports of one connection; antennas that are not in the map are logged once and dropped.

    A time that cannot be one is counted and said once; the read was then seen when it came.
    """

    def __init__(self, device: LlrpDevice, clock: ProductionClock, meter: Meter) -> None:
        self._device = device
        self._meter = meter
        self._clock = clock
        self._carried = _Carried()
        self._time = ReaderTime(device, clock)
        self._complaints = Complaints(device.id)

    def connected(self, stamp: params.UTCTimestamp | params.Uptime) -> None:
        """A new connection: nothing carries over from the one before."""
        self._carried = _Carried()
        try:
            self._time.connected(stamp)
        except BadReading as exc:
            self._note_bad_time(exc)

    def reads(self, report: messages.RO_ACCESS_REPORT) -> list[TagRead]:
        """The tag reads of one report, in its order; empty for the empty reports that some readers send.

        The reader may have held this report for long. Of one that it made just now `live_reads` knows more.
        """
        seen_at = self._clock.now()
        found = (self._read(tag, seen_at) for tag in report.tag_report_datas)
        return [read for read in found if read is not None]

    def live_reads(self, report: messages.RO_ACCESS_REPORT) -> list[TagRead]:
        """The tag reads of a report that the reader made just now."""
        tags = report.tag_report_datas
        utc = [tag.last_seen_timestamp_utc for tag in tags if tag.last_seen_timestamp_utc is not None]
        uptime = [tag.last_seen_timestamp_uptime for tag in tags if tag.last_seen_timestamp_uptime is not None]
        possible = [stamp for stamp in utc or uptime if stamp.microseconds <= LATEST_US]
        if possible:
            try:
                self._time.last_read(max(possible, key=lambda stamp: stamp.microseconds))
            except BadReading as exc:
                self._note_bad_time(exc)
        # stamps from before the clock was set, and from after it, may stand in one report
        return [self._in_our_time(read) for read in self.reads(report)]

    def _in_our_time(self, read: TagRead) -> TagRead:
        last_seen = read.last_seen if self._time.is_live(read.last_seen) else read.seen_at
        first_seen = read.first_seen if self._time.is_live(read.first_seen) else last_seen
        return replace(read, first_seen=min(first_seen, last_seen), last_seen=last_seen)

    def _read(self, tag: params.TagReportData, seen_at: datetime) -> TagRead | None:
        self._carried = carried = self._carry(tag, seen_at)
        epc = _epc(tag.epc_parameter)
        if not epc:
            self._complaints.once("reader reports tags without EPC")
            return None
        if carried.antenna is None:
            self._complaints.once("reader reports tags without antenna")
            return None
        if carried.antenna not in self._device.antennas:
            self._complaints.once(f"antenna {carried.antenna} is not in the map: its reads are dropped")
            return None
        first_seen = carried.first_seen or carried.last_seen or seen_at
        return TagRead(
            device=self._device.id,
            antenna=carried.antenna,
            tag=epc,
            first_seen=first_seen,
            last_seen=max(first_seen, carried.last_seen or seen_at),
            seen_at=seen_at,
            reads=max(1, carried.reads),
            rssi_dbm=None if carried.rssi_dbm is None else float(carried.rssi_dbm),
        )

    def _carry(self, tag: params.TagReportData, seen_at: datetime) -> _Carried:
        """The fields of this report, completed by those of the one before."""
        carried = self._carried
        if tag.antenna_id is not None:
            carried = replace(carried, antenna=tag.antenna_id.antenna_id)
        if tag.peak_rssi is not None:
            carried = replace(carried, rssi_dbm=tag.peak_rssi.peak_rssi)
        if tag.tag_seen_count is not None:
            carried = replace(carried, reads=tag.tag_seen_count.tag_count)
        first = self._first_of((tag.first_seen_timestamp_utc, tag.first_seen_timestamp_uptime), seen_at)
        last = self._first_of((tag.last_seen_timestamp_utc, tag.last_seen_timestamp_uptime), seen_at)
        if first is not None:
            carried = replace(carried, first_seen=first)
        if last is not None:
            carried = replace(carried, last_seen=last)
        return carried

    def _first_of(self, stamps: Iterable[_Stamp | None], seen_at: datetime) -> datetime | None:
        """The time of the first stamp that is there."""
        for stamp in stamps:
            if stamp is not None:
                try:
                    return self._time_of(stamp)
                except BadReading as exc:
                    self._note_bad_time(exc)
                    return seen_at
        return None

    def _time_of(self, stamp: _Stamp) -> datetime | None:
        match stamp:
            case params.FirstSeenTimestampUTC() | params.LastSeenTimestampUTC():
                return self._time.of_utc(stamp.microseconds)
            case params.FirstSeenTimestampUptime() | params.LastSeenTimestampUptime():
                return self._time.of_uptime(stamp.microseconds)

    def _note_bad_time(self, error: BadReading) -> None:
        self._meter.failures[Failure.BAD_READING] += 1
        self._complaints.once("bad time", f"{error.reason}: the time of arrival is taken")


_Stamp = (
    params.FirstSeenTimestampUTC
    | params.FirstSeenTimestampUptime
    | params.LastSeenTimestampUTC
    | params.LastSeenTimestampUptime
)


def _epc(epc: params.EPC_96 | params.EPCData) -> str:
    """Lower-case hex; a length that is not a multiple of 4 bits is filled up with zeros at the end."""
    if isinstance(epc, params.EPC_96):
        return epc.epc.hex()
    return epc.epc.data.hex()[: (epc.epc.bit_len + 3) // 4]
