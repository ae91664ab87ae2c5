"""How long from a PLC register to the board: a register is written on a libmodbus server, a browser shows the number.

    .venv/bin/python -m benchmarks.board_latency [ROUNDS]

Gateway (100 ms poll), embedded broker, collector and Chromium run as in an installation. Each round waits until the
counter has been quiet for more than 10 s of production time, so that it measures a first change, which is sent at
once. The physical limit in the same run is the poll: a change waits for the next poll, 50 ms on average.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.chromium import ARGUMENTS
from tests.e2e.installation import Installation, order_body
from tests.e2e.test_foreign_peers import HEAD, MODBUS, SEW_ONLY
from tests.peers.process import ModbusPeer

POLL_MS = 100
QUIET_S = 10.5
ROUNDS = 10
DEADLINE_S = 30
PEER = Path(__file__).resolve().parents[1] / "tests" / "peers" / "modbus_peer.c"

# The page notes, on the same clock as this program, when the amount of the node changed in the DOM.
WATCH = """() => {
  window.changes = {};
  const look = () => {
    const amount = document.querySelector('[data-order="A-1"] .node .amount');
    if (amount && !(amount.textContent in window.changes)) window.changes[amount.textContent] = Date.now();
  };
  look();
  new MutationObserver(look).observe(document.body, {childList: true, subtree: true, characterData: true});
}"""


def build_peer(folder: Path) -> str:
    """Compile the libmodbus server of the tests."""
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libmodbus"], capture_output=True, text=True, check=True
    ).stdout.split()
    program = str(folder / "modbus_peer")
    subprocess.run(["gcc", "-O2", "-o", program, str(PEER), *flags], check=True)
    return program


def measure(page: Page, peer: ModbusPeer, rounds: int) -> list[float]:
    """Milliseconds from register write to DOM, once per round."""
    found = []
    for count in range(1, rounds + 1):
        time.sleep(QUIET_S)
        written_ms = time.time() * 1000
        peer.set("holding", 0, count)
        found.append(shown_ms(page, f"{count}/500") - written_ms)
        print(f"round {count} of {rounds}: {found[-1]:.0f} ms", flush=True)
    return found


def shown_ms(page: Page, text: str) -> float:
    """Wait until the page noted the amount; the milliseconds since 1970 at which it did."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        at = page.evaluate("text => window.changes[text] ?? null", text)
        if at is not None:
            return float(at)
        time.sleep(0.02)
    sys.exit(f"the board did not show {text} within {DEADLINE_S} s")


def main() -> None:
    """Run the benchmark and print the figures as the last line."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        with ModbusPeer(build_peer(folder)) as peer, Installation(folder) as site:
            site.post("/orders", order_body("A-1", ["SEW"], quantity=500))
            site.post("/stations/SEW-1/queue", {"rows": [{"work_order": "WO-A-1", "node": "SEW", "quantity": 500}]})
            site.start_gateway(HEAD + MODBUS.format(port=peer.port) + SEW_ONLY)
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1920, "height": 1080})
            page.goto(site.board_link())
            page.evaluate(WATCH)
            found = measure(page, peer, rounds)
            browser.close()
    median, worst = statistics.median(found), max(found)
    print(
        f"board-latency: rounds={rounds} poll_ms={POLL_MS} p50_ms={median:.0f} max_ms={worst:.0f} "
        f"p50_over_mean_poll_wait={median / (POLL_MS / 2):.1f}"
    )


if __name__ == "__main__":
    main()
