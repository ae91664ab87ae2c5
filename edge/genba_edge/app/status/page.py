"""The status page: one moment of a gateway as HTML, for the engineer who stands beside it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from genba_edge.app.snapshot import DeviceView, PointView, RecordView, Snapshot
from genba_edge.app.status.chart import sparkline
from genba_edge.app.status.doubts import findings_list
from genba_edge.app.status.markup import Html, element
from genba_edge.app.status.words import NAMES, WORDS
from genba_edge.core.present import DeviceStatus
from genba_edge.ports import Failure
from genba_shared.events import (
    DataGapSeen,
    DataQuestioned,
    Event,
    NodeCompleted,
    PiecesCounted,
    StationChangedOver,
    StationStateChanged,
    TagPassed,
    WipChanged,
)

POINTS_SHOWN: Final = 200  # of one device; /status.json has all
_STATIC: Final = Path(__file__).parent / "static"
FILES: Final = {
    "/status.css": ("text/css; charset=utf-8", (_STATIC / "status.css").read_bytes()),
    "/mark.svg": ("image/svg+xml", (_STATIC / "mark.svg").read_bytes()),
    "/status.js": ("text/javascript; charset=utf-8", (_STATIC / "status.js").read_bytes()),
}
_MARKS: Final = {DeviceStatus.ONLINE: "●", DeviceStatus.LOST: "✕", DeviceStatus.CONNECTING: "…"}


def render(snapshot: Snapshot, language: str) -> str:
    """The whole page in one of the languages of `words`."""
    return _Page(snapshot, language).whole()


class _Page:
    def __init__(self, snapshot: Snapshot, language: str) -> None:
        self._snapshot = snapshot
        self._language = language
        self._words = WORDS[language]
        self._zone = _zone(snapshot.timezone)

    def whole(self) -> str:
        name = f"{self._snapshot.gateway} · genba"
        head = element(
            "head",
            element("meta", charset="utf-8"),
            element("title", name),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("link", rel="stylesheet", href="/status.css"),
            element("link", rel="icon", type="image/svg+xml", href="/mark.svg"),
            element("script", src="/status.js", defer=""),
            element("noscript", element("meta", http_equiv="refresh", content="10")),
        )
        main = element(
            "main",
            self._summary(),
            self._section("findings", self._findings()) if self._snapshot.findings else None,
            self._section("devices", self._devices()),
            self._section("stations", self._stations()) if self._snapshot.stations else None,
            self._section("events", self._events()),
            id="page",
        )
        foot = element("footer", self._word("zone", zone=self._snapshot.timezone))
        body = element("body", self._header(), main, foot, data_stale=self._words["stale"])
        return "<!doctype html>" + element("html", head, body, lang=self._language)

    def _header(self) -> Html:
        links = [
            element("a", name, href=f"/?lang={tag}", lang=tag, aria_current="page" if tag == self._language else None)
            for tag, name in NAMES.items()
        ]
        return element(
            "header",
            element("h1", element("span", self._words["title"]), " ", self._snapshot.gateway),
            element("p", self._snapshot.site, class_="site"),
            element("p", "", id="stale", role="status", hidden=""),
            element("nav", *links, aria_label=self._words["language"]),
        )

    def _section(self, key: str, content: Html) -> Html:
        return element("section", element("h2", self._words[key], id=key), content, aria_labelledby=key)

    # The gateway itself ----------------------------------------------------------------------------------------------

    def _summary(self) -> Html:
        now = self._snapshot
        up = sum(device.status is DeviceStatus.ONLINE for device in now.devices)
        every = up == len(now.devices)
        tiles = [
            self._tile("devices", self._word("devices.answer", up=up, all=len(now.devices)), good=every),
            self._outbox(),
            self._uplink(),
            self._clock(),
            self._tile("map", now.map_sha256[:12], f"genba {now.version}"),
        ]
        if now.derive_failures:
            tiles.append(self._tile("failures", str(now.derive_failures), good=False))
        if now.record is not None:
            tiles.append(self._recording(now.record))
        running = self._word("up", age=self._span((now.at - now.started_at).total_seconds()))
        at = element("time", self._clock_time(now.at), datetime=now.at.isoformat(timespec="seconds"), id="at")
        return element(
            "dl",
            *tiles,
            element("div", element("dt", self._words["time"]), element("dd", at, element("small", running))),
            class_="tiles",
        )

    def _tile(self, key: str, text: str, more: str | None = None, *, good: bool | None = None) -> Html:
        mark = None if good is None else element("span", "● " if good else "▲ ", aria_hidden="true")
        note = None if more is None else element("small", more)
        kind = None if good is None else "good" if good else "wrong"
        return element("div", element("dt", self._words[key]), element("dd", mark, text, note, class_=kind))

    def _recording(self, record: RecordView) -> Html:
        if record.ended:
            return self._tile("recording.ended", record.path.name, record.ended, good=False)
        return self._tile("recording", record.path.name)

    def _outbox(self) -> Html:
        mark, full_since = self._snapshot.mark, self._snapshot.full_since
        if full_since is not None:
            since = self._word("outbox.full_since", age=self._age_of(full_since))
            return self._tile("outbox", self._words["outbox.full"], since, good=False)
        if mark.dropped:
            size = self._word("outbox.dropped", count=f"{mark.dropped:,}")
            return self._tile("outbox", self._word("outbox.waiting", count=f"{mark.depth:,}"), size, good=False)
        if not mark.depth:
            return self._tile("outbox", self._words["outbox.empty"])
        oldest = None if mark.oldest_at is None else self._word("outbox.oldest", age=self._age_of(mark.oldest_at))
        return self._tile("outbox", self._word("outbox.waiting", count=f"{mark.depth:,}"), oldest)

    def _uplink(self) -> Html:
        now = self._snapshot
        if now.broker is None:
            return self._tile("uplink", self._words["uplink.none"])
        word = self._words["uplink.up" if now.is_connected else "uplink.down"]
        return self._tile("uplink", word, now.broker, good=now.is_connected)

    def _clock(self) -> Html:
        clock = self._snapshot.clock
        if clock.is_synchronised is None:
            return self._tile("clock", self._words["clock.unknown"])
        word = self._words["clock.yes" if clock.is_synchronised else "clock.no"]
        error = None if clock.error_s is None else f"± {clock.error_s * 1000:.0f} ms"
        return self._tile("clock", word, error, good=clock.is_synchronised)

    # Devices ---------------------------------------------------------------------------------------------------------

    def _devices(self) -> Html:
        columns = ("device", "status", "age", "samples", "late", "failed", "poll.time")
        heads = [element("span", self._words[column]) for column in columns]
        rows = [self._device(device) for device in self._snapshot.devices]
        return element("div", element("div", *heads, class_="row heads", aria_hidden="true"), *rows, class_="devices")

    def _device(self, device: DeviceView) -> Html:
        meter = device.meter
        failed = meter.failures.total()
        most = max((value for value in device.poll_s if value is not None), default=0.0)
        label = f"{self._words['poll.time']}: {self._word('poll.most', time=_milliseconds(most))}"
        status = element(
            "span",
            element("b", f"{_MARKS[device.status]} {self._words[device.status]}", class_=f"status {device.status}"),
            element("small", self._word("since", time=self._clock_time(device.since))),
            element("small", device.reason, class_="reason") if device.reason else None,
        )
        name = element(
            "span", element("b", device.id), element("small", device.label or device.protocol), class_="name"
        )
        age = self._words["never"] if device.age_s is None else self._span(device.age_s)
        cells = (
            ("age", age, None),
            ("samples", f"{meter.samples:,}", None),
            ("late", f"{meter.late_polls:,}", "wrong" if meter.late_polls else None),
            ("failed", f"{failed:,}", "wrong" if failed else None),
        )
        numbers = [
            element("span", element("i", self._words[key]), text, class_=f"number {kind or ''}")
            for key, text, kind in cells
        ]
        chart = sparkline(device.poll_s, label=label)
        line = element(
            "span", chart, element("small", _milliseconds(meter.last_poll_s)) if chart else None, class_="line"
        )
        return element(
            "details",
            element("summary", name, status, *numbers, line, class_="row"),
            element("div", self._facts(device), self._points(device), self._reads(device), class_="inside"),
            id=f"device-{device.id}",
        )

    def _facts(self, device: DeviceView) -> Html:
        meter = device.meter
        facts = [
            (self._words["address"], f"{device.protocol} {device.address}"),
            (self._words["connects"], f"{meter.connects:,}"),
            (self._words["requests"], f"{meter.requests:,}"),
            (self._words["polls"], f"{meter.polls:,}"),
            *(
                (self._words[f"failure.{reason}"], f"{meter.failures[reason]:,}")
                for reason in Failure
                if meter.failures[reason]
            ),
            *meter.details.items(),
        ]
        return element(
            "dl", *(element("div", element("dt", name), element("dd", text)) for name, text in facts), class_="facts"
        )

    def _points(self, device: DeviceView) -> Html | None:
        if not device.points:
            return None
        shown = device.points[:POINTS_SHOWN]
        thinned = any(point.reported is not None for point in shown)
        columns = ["point", "value", "quality", "changed", "read", *(["reported"] if thinned else [])]
        head = element("tr", *(element("th", self._words[column], scope="col") for column in columns))
        table = element(
            "table",
            element("caption", self._word("points.count", count=len(device.points), bad=len(device.meter.bad_points))),
            element("thead", head),
            element("tbody", *(self._point(point, columns) for point in shown)),
        )
        left = len(device.points) - len(shown)
        note = element("p", self._word("more.points", count=left), class_="note") if left else None
        return element("div", table, note, class_="scroll", tabindex="0")

    def _point(self, point: PointView, columns: Iterable[str]) -> Html:
        now = point.now
        quality = "" if now is None else str(now.sample.quality)
        why = point.bad_reason or ("" if now is None else _status(now.sample.status))
        reason = element("small", why, class_="reason") if why else None
        cells = {
            "point": element("th", point.name, scope="row"),
            "value": element("td", self._words["never"] if now is None else _value(now.sample.value), class_="value"),
            "quality": element("td", self._words.get(quality, quality), reason, class_=f"quality {quality}"),
            "changed": element("td", "" if now is None else self._clock_time(now.changed_at)),
            "read": element("td", "" if point.read_at is None else self._age_of(point.read_at)),
            "reported": element(
                "td",
                ""
                if point.reported is None
                else f"{_value(point.reported.value)} · {self._clock_time(point.reported.seen_at)}",
            ),
        }
        return element("tr", *(cells[column] for column in columns))

    def _reads(self, device: DeviceView) -> Html | None:
        if not device.reads:
            return None
        head = element(
            "tr", *(element("th", self._words[key], scope="col") for key in ("antenna", "tag", "rssi", "read"))
        )
        rows = [
            element(
                "tr",
                element("th", str(antenna), scope="row"),
                element("td", read.tag, class_="value"),
                element("td", "" if read.rssi_dbm is None else f"{read.rssi_dbm:g} dBm"),
                element("td", self._age_of(read.last_seen)),
            )
            for antenna, read in sorted(device.reads.items())
        ]
        return element(
            "div", element("table", element("thead", head), element("tbody", *rows)), class_="scroll", tabindex="0"
        )

    # Stations and events ---------------------------------------------------------------------------------------------

    def _stations(self) -> Html:
        items = []
        for station, state in self._snapshot.stations.items():
            word = self._words["state.unknown"] if state is None else self._words[f"state.{state[0]}"]
            since = None if state is None else element("small", self._word("since", time=self._clock_time(state[1])))
            kind = "unknown" if state is None else str(state[0])
            items.append(element("li", element("b", station), element("span", word, class_=f"state {kind}"), since))
        return element("ul", *items, class_="stations")

    def _findings(self) -> Html:
        return findings_list(
            self._snapshot.findings, language=self._language, words=self._words, clock_time=self._clock_time
        )

    def _events(self) -> Html:
        events = list(reversed(self._snapshot.events))
        if not events:
            return element("p", self._words["events.none"], class_="note")
        head = element(
            "tr", *(element("th", self._words[key], scope="col") for key in ("time", "what", "where", "more"))
        )
        rows = [
            element(
                "tr",
                element("td", self._clock_time(event.at)),
                element("td", self._words.get(f"event.{event.kind}", event.kind)),
                element("td", event.station or "–"),
                element("td", self._event_text(event)),
            )
            for event in events
        ]
        table = element("table", element("thead", head), element("tbody", *rows))
        return element("div", table, class_="scroll", tabindex="0")

    def _event_text(self, event: Event) -> str:
        work = " ".join(filter(None, (event.work_order, event.node)))
        match event:
            case PiecesCounted():
                return f"+{event.delta} {self._words[f'result.{event.result}']} ({event.total}) {work}"
            case NodeCompleted():
                return f"{work} ({event.pieces})"
            case StationStateChanged():
                return self._words[f"state.{event.state}"]
            case StationChangedOver():
                return f"{event.before_work_order} → {work}: {self._span((event.end - event.begin).total_seconds())}"
            case WipChanged():
                return f"{event.zone} {event.by:+d} ({event.count})"
            case TagPassed():
                return f"{event.tag} {work}"
            case DataGapSeen():
                return f"{event.subject}: {self._span((event.end - event.begin).total_seconds())}"
            case DataQuestioned():
                return f"{event.point or ''} {event.note}"
            case _:
                return work

    # Words and times -------------------------------------------------------------------------------------------------

    def _word(self, key: str, **values: object) -> str:
        return self._words[key].format(**values)

    def _clock_time(self, at: datetime) -> str:
        local = at.astimezone(self._zone)
        today = local.date() == self._snapshot.at.astimezone(self._zone).date()
        return f"{local:%H:%M:%S}" if today else f"{local:%Y-%m-%d %H:%M:%S}"

    def _age_of(self, at: datetime) -> str:
        return self._span((self._snapshot.at - at).total_seconds())

    def _span(self, seconds: float) -> str:
        seconds = max(0.0, seconds)
        for key, least, size in (("days", 172_800, 86_400), ("hours", 7_200, 3_600), ("minutes", 120, 60)):
            if seconds >= least:
                return self._word(key, count=int(seconds // size))
        return self._word("seconds", count=f"{seconds:.1f}" if seconds < 10 else int(seconds))


def _status(status: str) -> str:
    """The protocol's own word for the quality, where it says more than good."""
    return "" if status == "Good" else status


def _value(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value).lower() if isinstance(value, bool) else str(value)[:200]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return ZoneInfo("UTC")
