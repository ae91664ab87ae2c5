"""The intake benchmark on a small stream: it measures all that it names, and finds again what was taken."""

from __future__ import annotations

import pytest

from benchmarks.ingest import main
from benchmarks.intake.factories import Stream
from genba_cloud.ingest.messages import read_envelope
from genba_cloud.ingest.trust import Strangers, Trust
from genba_cloud.ledger import EnvelopeBatch
from genba_cloud.ledger.registry import Registry
from genba_shared.events import Event

TRUST = Trust(registry=Registry(lambda: ()), enterprise="default", strangers=Strangers.WELCOME)


def test_the_last_line_names_every_figure_that_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--batches", "1", "--rounds", "1", "--only", "sqlite,small,rebuild"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    name, *figures = last.split()
    assert name == "ingest:"
    assert [figure.partition("=")[0] for figure in figures] == ["sqlite_ratio", "small_rate", "rebuild_rate"]
    assert all(float(figure.partition("=")[2]) > 0 for figure in figures)


def test_the_stream_is_read_as_it_was_made_and_holds_every_kind_that_factories_say() -> None:
    stream = Stream(factories=2, size=1000)
    told: list[Event] = []
    for batch in stream.take(8):
        for topic, payload in batch.messages:
            read = read_envelope(topic, payload, now=batch.events[0].at, trust=TRUST)
            assert isinstance(read, EnvelopeBatch)
            assert read.broken == ()
            told += read.events
    assert len(told) == 8000
    assert {event.kind for event in told} == {
        "dispatch_closed",
        "dispatch_opened",
        "environment_summarised",
        "node_completed",
        "node_started",
        "pieces_counted",
        "station_state_changed",
        "tag_passed",
        "wip_changed",
    }
