"""Takes the README's picture: starts a demo, lets orders get on their way, and photographs the board.

make screenshot
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

GENBA = [sys.executable, "-m", "genba_shared.cli"]
PRODUCTION_S = 55  # wall seconds of production at 60 times the speed before the picture
SIZES = {"": (1920, 1080), "-phone": (390, 844)}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def take(output: Path) -> None:
    """Write `output` (1920×1080), and beside it the same board on a phone (``-phone``)."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("needs Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        command = [*GENBA, "demo", "--data", str(Path(folder) / "demo"), "--port", "0"]
        demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            photograph(chromium, board_of(demo), output)
        finally:
            demo.terminate()
            demo.communicate()


def board_of(demo: subprocess.Popen[str]) -> str:
    """The board's address, from what the demo prints."""
    if demo.stdout is None:
        sys.exit("the demo has no output")
    for line in demo.stdout:
        found = re.match(r"board +(\S+)", line)
        if found:
            return found.group(1)
    sys.exit("the demo did not start")


def photograph(chromium: str, board: str, output: Path) -> None:
    """Wait for production and take the pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.goto(board)
        time.sleep(PRODUCTION_S)
        for suffix, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.screenshot(path=output.with_stem(output.stem + suffix))
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1] if len(sys.argv) > 1 else "board.png"))
