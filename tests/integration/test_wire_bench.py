"""`genba bench wire`: that it measures, on a real broker; what comes out of it is for the machine that prints it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.stream.events import realistic_events
from genba_shared.codec import Codec, best_codec

ROOT = Path(__file__).resolve().parents[2]


def test_the_stream_is_the_same_every_time_and_holds_what_a_factory_makes() -> None:
    epoch, events = realistic_events(250)
    assert (epoch, events) == realistic_events(250)
    assert [event.id for event in events[:2]] == [f"gw-suzhou-01:{epoch}:{seq}" for seq in (146, 147)]
    minutes = (events[-1].at - events[0].at).total_seconds() / 60
    assert 3 <= minutes <= 8  # about one event a second
    assert {"pieces_counted", "tag_passed", "wip_changed", "station_state_changed"} <= {event.kind for event in events}


@pytest.mark.skipif(
    not shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin"), reason="mosquitto is not installed"
)
@pytest.mark.skipif(best_codec() is not Codec.ZSTD, reason="zstandard is not installed here")
def test_it_prints_tables_and_its_figures() -> None:
    command = [sys.executable, "-m", "benchmarks.wire", "--quick", "--only", "batch,speed,live"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    figures = dict(re.findall(r"(\w+)=(\S+)", last))
    assert last.startswith("wire: batch100_ratio=")
    assert float(figures["batch100_ratio"]) < 0.55
    assert {"speed_ratio", "bare_ratio", "live_ratio"} <= figures.keys()
    assert 100 < int(re.findall(r"envelopes +(\d+) bytes an event", done.stdout)[0]) < 2000
