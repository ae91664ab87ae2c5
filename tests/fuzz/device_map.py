"""The device map: whatever text stands in the file, it loads, or every problem is told as `ConfigError` with a fix.

An input whose first byte is below 64 is the text itself. Any other is a list of changes to one of the examples, so that
most inputs are close to what a person would write.
"""

from __future__ import annotations

import re
import tempfile
from functools import cache
from pathlib import Path

from genba_shared.device_map import load_device_map
from genba_shared.errors import ConfigError
from tests.fuzz.loop import Feed, Harm

ROOT = Path(__file__).resolve().parents[2]
WORD = re.compile(r"[^\s{}\[\],:#]+|[{}\[\],:#]|\n +")
RAW_BELOW = 64
LARGEST = 6_000
WORDS_OF_TROUBLE = """
~ null {} [] [[]] {a: b} *a &a << ? | > !x !secret !file '-' "" '' 010 1_0 0x1 12:30 1e9 1e400 .inf -1 0 65536 4.5 yes
on true 9999999999999999999999 40101.3 400000 x/y / // :: ns=1;s=a nsu=a;i=b a/good gate dispatch tags 5m 5min 1/h 3dB
-1dBm ^( [::1]:1 opc.tcp://x mqtt:// \\ % @ ` 字 🏭 "\\ud800" "\\UFFFFFFFF" - : # , { } [ ] --- ... %YAML
"""
TROUBLE = WORDS_OF_TROUBLE.split()


@cache
def examples() -> tuple[str, ...]:
    """Every example, and every map of the golden cases, which are small and so make many tries."""
    paths = [*sorted(ROOT.glob("examples/**/*.yaml")), *sorted(ROOT.glob("tests/golden/maps/*/map.yaml"))]
    texts = [path.read_bytes().decode("utf-8", errors="replace") for path in paths]
    return tuple(text for text in texts if len(text) < LARGEST)


@cache
def words(example: int) -> tuple[tuple[int, int], ...]:
    return tuple(match.span() for match in WORD.finditer(examples()[example]))


def run(data: bytes) -> None:
    feed = Feed(data)
    if feed.byte() < RAW_BELOW:
        raw = data[1:]
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
                file.write(raw)
                file.flush()
                _load(Path(file.name), None)
            return
    else:
        text = _changed(data[0], feed)
    _load(Path("plant.yaml"), text)


def _load(path: Path, text: str | None) -> None:
    try:
        load_device_map(path, text=text)
    except ConfigError as exc:
        errors = [problem for problem in exc.problems if not problem.warning]
        if not errors:
            raise Harm("refused without a reason") from exc
        if not all(problem.message and problem.fix for problem in errors):
            raise Harm(f"a problem without a fix: {exc}") from exc
        str(exc).encode()


def _changed(which: int, feed: Feed) -> str:
    example = which % len(examples())
    text, spans = examples()[example], words(example)
    if not spans:
        return text
    for _ in range(8):
        if feed.is_empty:
            break
        what, at = feed.byte(), int.from_bytes(feed.take(2), "big") % len(spans)
        start, end = spans[at]
        other_start, other_end = spans[int.from_bytes(feed.take(2), "big") % len(spans)]
        match what % 6:
            case 0:
                new = TROUBLE[other_start % len(TROUBLE)]
            case 1:
                new = text[other_start:other_end]
            case 2:
                new = ""
            case 3:
                new = text[start:end] * 2
            case 4:
                new = feed.take(feed.byte() % 16).decode("utf-8", errors="replace")
            case _:
                new = text[start:end][: other_start % 7] + TROUBLE[other_end % len(TROUBLE)]
        # Spaces keep the places of the words that come later in the list.
        text = text[:start] + new.ljust(end - start)[: max(end - start, len(new))] + text[end:]
    return text


def seeds() -> list[bytes]:
    found = [bytes([0]) + text.encode("utf-8", errors="replace") for text in examples()]
    found += [bytes([RAW_BELOW + n, n % 6, 0, n, 0, n + 3]) for n in range(len(found) + 1)]
    return [*found, b"\0" + b"[" * 3000, b"\0%YAML 99999999999999999999.1\n---\na: 1", b"\0\xff\xfe"]
