"""``python -m tests.golden.week`` prints what the week gives; ``--write`` makes it the report that tests expect."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.golden.week.play import play
from tests.golden.week.report import report

REPORT = Path(__file__).parent / "report.txt"

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        text = report(play(Path(folder)))
    if sys.argv[1:] == ["--write"]:
        REPORT.write_text(text, encoding="utf-8")
    else:
        print(text)
