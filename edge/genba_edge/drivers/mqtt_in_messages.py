"""What one MQTT message of a device says, by the map: values of points, and reads of tags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from genba_edge.drivers.antennas import AntennaStates
from genba_edge.drivers.impinj_events import AntennaChanged, Overflowed, TagSeen, read_event
from genba_edge.drivers.json_values import (
    MISSING,
    BadValue,
    Parsed,
    dig,
    epc_of,
    number_of,
    parse,
    time_of,
    value_of,
    whole_of,
)
from genba_edge.drivers.link import BadPoints
from genba_edge.drivers.trouble import Complaints
from genba_edge.ports import Failure, Meter, Quality, Sample, TagRead, Value
from genba_shared.broker import topic_matches
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import MqttInDevice, MqttPoint, TagFormat

MAX_PAYLOAD_BYTES: Final = 256 * 1024
MAX_READS: Final = 65_535
CLOCK_AHEAD_S: Final = 60.0
CLOCK_BEHIND_S: Final = 86_400.0
"""A message may be late, because somebody kept it; it is not a day late, and never early (wall time)."""
CLOCK_WARNING_S: Final = 60.0
"""A time that is further behind than this (wall time) is believed, and said once."""
MAX_TOPICS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. `retained`: the broker kept it from before; it says how things stood, not what happens.

    `too_long`: how many bytes it had, where that were too many to keep its payload.
    """

    topic: str
    payload: bytes
    retained: bool
    too_long: int = 0


@dataclass(slots=True, kw_only=True)
class Heard:
    """What messages said. `lost`: what the device says of its own losses."""

    samples: list[Sample] = field(default_factory=list)
    reads: list[TagRead] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


class MessageReader:
    """Reads the messages of one device. What is wrong is counted and said once per kind; the rest goes on."""

    def __init__(self, device: MqttInDevice, clock: ProductionClock, meter: Meter) -> None:
        self._device = device
        self._clock = clock
        self._meter = meter
        self._bad = BadPoints(meter, clock=clock)
        self._antennas = AntennaStates(meter, device.antennas)
        self._complaints = Complaints(device.id)
        self._points_by_topic: dict[str, tuple[MqttPoint, ...]] = {}
        self._unheard = set(device.points)
        self._live: dict[str, Value] = {}  # what each point last said itself on this connection
        self._spoken: set[str] = set()  # points that spoke themselves since the connection or the last silence

    def begin(self) -> None:
        """A new connection: bad points are told again, and nobody knows what was missed."""
        self._live.clear()
        self.begin_again()

    def begin_again(self) -> None:
        """The device is to be heard anew after a silence; the connection stood, so nothing was missed."""
        self._bad.forget_told()
        self._spoken.clear()
        self._unheard = set(self._device.points)

    def note_missed(self) -> None:
        """Messages were let go: what the broker keeps may be younger than what we heard."""
        self._live.clear()
        self._spoken.clear()

    def read(self, message: Message, heard: Heard) -> None:
        """Add what a message says to `heard`."""
        points = self._points_of(message.topic)
        plain = [point for point in points if not point.field_path]
        fields = [point for point in points if point.field_path]
        tags = self._carries_tags(message)
        if not points and not tags:
            return
        if message.too_long:
            self._count("too long", f"a message of {message.too_long} bytes is passed over topic={message.topic}")
            return
        for point in plain:
            heard.samples.extend(self._sample(point, _text_of(message.payload), None, message))
        if not fields and not tags:
            return
        try:
            parsed = parse(message.payload)
        except BadValue as exc:
            self._count("not JSON", f"a message is passed over topic={message.topic} reason={exc}")
            return
        if parsed.bad:
            self._count("partly JSON", f"parts of a message are passed over topic={message.topic}")
        for document in parsed.documents:
            for point in fields:
                found = dig(document, point.field_path)
                if found is not MISSING:
                    heard.samples.extend(self._sample(point, found, document, message))
        if tags:
            self._read_tags(parsed, heard)

    def report_unheard(self) -> list[Sample]:
        """Points that no message has held since the connection was made: bad samples, each once."""
        found: list[Sample] = []
        for name in sorted(self._unheard):
            point = self._device.points[name]
            where = point.topic or ", ".join(self._device.topics)
            what = f"a field {point.field_path}" if point.field_path else "it"
            found.extend(self._bad.bad(name, f"no message on {where} has held {what} yet"))
        return found

    def _points_of(self, topic: str) -> tuple[MqttPoint, ...]:
        known = self._points_by_topic.get(topic)
        if known is None:
            if len(self._points_by_topic) >= MAX_TOPICS:  # a filter may catch more topics than any memory holds
                self._points_by_topic.clear()
            known = tuple(
                point
                for point in self._device.points.values()
                if any(
                    topic_matches(wanted, topic) for wanted in ((point.topic,) if point.topic else self._device.topics)
                )
            )
            self._points_by_topic[topic] = known
        return known

    def _carries_tags(self, message: Message) -> bool:
        """A retained read is no passage: nobody knows when the tag was there."""
        return (
            self._device.tags_format is not None
            and not message.retained
            and any(topic_matches(wanted, message.topic) for wanted in self._device.topics)
        )

    # Points.

    def _sample(self, point: MqttPoint, found: object, document: object, message: Message) -> tuple[Sample, ...]:
        self._unheard.discard(point.name)
        now = self._clock.now()
        try:
            value = value_of(found, point.type)
        except BadValue as exc:
            self._meter.failures[Failure.BAD_READING] += 1
            return self._bad.bad(point.name, str(exc))
        self._bad.good(point.name)
        if not message.retained:
            self._live[point.name] = value
            self._spoken.add(point.name)
        elif self._is_outdated(point.name, value):
            return ()
        return (
            Sample(
                device=self._device.id,
                point=point.name,
                value=value,
                at=self._time(dig(document, point.time_field), now) if point.time_field else now,
                seen_at=now,
                quality=Quality.UNCERTAIN if message.retained else Quality.GOOD,
            ),
        )

    def _is_outdated(self, point: str, retained: Value) -> bool:
        """Whether the point itself said something later than what the broker kept."""
        return point in self._spoken or (point in self._live and self._live[point] != retained)

    # Tags.

    def _read_tags(self, parsed: Parsed, heard: Heard) -> None:
        for document in parsed.documents:
            try:
                if self._device.tags_format is TagFormat.IMPINJ:
                    heard.reads.extend(self._read_impinj(document, heard))
                else:
                    heard.reads.extend(self._read_mapped(document))
            except BadValue as exc:
                self._count("bad tag read", f"a tag read is passed over reason={exc}")

    def _read_impinj(self, document: object, heard: Heard) -> Iterable[TagRead]:
        if dig(document, "eventType") is MISSING:
            return ()
        match event := read_event(document):
            case TagSeen():
                now = self._clock.now()
                return self._tag_read(event.tag, event.antenna, self._place(event.at, now), event.rssi_dbm)
            case AntennaChanged():
                note = self._antennas.connected if event.connected else self._antennas.disconnected
                note(event.antenna)
            case Overflowed():
                heard.lost.append("the reader's queue of events ran over")
            case _:
                pass
        return ()

    def _read_mapped(self, document: object) -> Iterator[TagRead]:
        """By the dotted paths of the map; one read that is wrong does not take the others of its list away."""
        mapping = self._device.tags
        items = dig(document, mapping.items)
        for item in items if isinstance(items, list) else [items]:
            epc = _find(item, document, mapping.epc)
            if item is MISSING or epc is MISSING:
                continue
            try:
                yield from self._read_item(item, document, epc)
            except BadValue as exc:
                self._count("bad tag read", f"a tag read is passed over reason={exc}")

    def _read_item(self, item: object, document: object, epc: object) -> Iterable[TagRead]:
        mapping, now = self._device.tags, self._clock.now()
        tag = epc_of(epc, mapping.encoding)
        antenna = next(iter(self._device.antennas))
        if mapping.antenna:
            antenna = whole_of(_find(item, document, mapping.antenna), least=0, most=255)
        rssi = _find(item, document, mapping.rssi) if mapping.rssi else MISSING
        reads = _find(item, document, mapping.reads) if mapping.reads else MISSING
        return self._tag_read(
            tag,
            antenna,
            self._time(_find(item, document, mapping.time), now) if mapping.time else now,
            None if rssi is MISSING else number_of(rssi) * mapping.rssi_scale,
            reads=1 if reads is MISSING else whole_of(reads, least=1, most=MAX_READS),
        )

    def _tag_read(
        self, tag: str, antenna: int, at: datetime, rssi_dbm: float | None, *, reads: int = 1
    ) -> tuple[TagRead, ...]:
        if antenna not in self._device.antennas:
            self._complaints.once(f"antenna {antenna} is not in the map: its reads are dropped")
            return ()
        return (
            TagRead(
                device=self._device.id,
                antenna=antenna,
                tag=tag,
                first_seen=at,
                last_seen=at,
                seen_at=self._clock.now(),
                reads=reads,
                rssi_dbm=rssi_dbm,
            ),
        )

    # Time.

    def _time(self, found: object, now: datetime) -> datetime:
        if found is MISSING:
            return now
        try:
            return self._place(time_of(found), now)
        except BadValue as exc:
            self._count("bad time", f"the time of a message is passed over reason={exc}")
            return now

    def _place(self, at: datetime, now: datetime) -> datetime:
        ahead_s = self._clock.wall_seconds((at - now).total_seconds())
        if -CLOCK_BEHIND_S <= ahead_s <= CLOCK_AHEAD_S:
            if ahead_s < -CLOCK_WARNING_S:
                what = f"device clock is behind, or messages are late ahead_s={ahead_s:.0f}: its times are taken"
                self._complaints.once("clock behind", what)
            return at
        self._complaints.once("clock", f"device clock is off ahead_s={ahead_s:.0f}: the time of arrival is taken")
        return now

    def _count(self, kind: str, what: str) -> None:
        self._meter.failures[Failure.BAD_READING] += 1
        self._complaints.once(kind, what)


def _find(item: object, document: object, path: str) -> object:
    """In the read itself, else in the message around it."""
    found = dig(item, path)
    return dig(document, path) if found is MISSING else found


def _text_of(payload: bytes) -> str:
    """A payload that is the value itself: plain text, or a JSON string."""
    text = payload.decode("utf-8", errors="replace").strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        try:
            (only,) = parse(payload).documents
        except ValueError:
            return text
        return only if isinstance(only, str) else text
    return text
